"""Rows of which each part is there or absent: what a part adds to a matrix product is computed once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core._beside import step_by_step
from pellucid._core._boxed import Places, cut
from pellucid._core._layout import KNOWN
from pellucid._core._nearby import Nearby
from pellucid._core._stand_in import Args, Rule, Run, StandIn, aten, pointwise

# nanoseconds of a product, of a weight that is read once more or put elsewhere, and the least to be saved
PRODUCT, WEIGHT, LEAST = 1 / 30, 0.5, 1e5
TOGETHER = 8  # rows whose variants share the reading of the weights, even where that is not all of them
PLAIN = (Tensor, nn.Parameter)


@dataclass(frozen=True, eq=False)
class Mixture(Nearby):
    """Variants that take some parts of each row away.

    Args:
        there: bool ``[K, P]``, which parts each variant keeps.
        part: number of the part of each element, int64 ``[1, …]``, broadcasts to the point.
    """

    there: Tensor
    part: Tensor

    def __call__(self, ks: Tensor, rows: slice) -> Tensor:
        """The variants as any other: ``[c, n, *shape]``."""
        return mixed(self.there[ks.to(self.there.device)], self.part, self.point[rows], self.fill[rows])

    def ends(self, ks: Tensor) -> tuple[Places, Places]:
        """See :class:`Nearby`."""
        first, end = self._spans
        begin = np.full((len(ks), first.shape[1]), np.iinfo(np.int64).max)
        behind = np.zeros_like(begin)
        variant, away = (~self.there[ks]).numpy().nonzero()
        np.minimum.at(begin, variant, first[away])
        np.maximum.at(behind, variant, end[away])
        return np.where(behind, begin, 0), behind

    def kept(self, ks: Tensor, corner: Places, size: Sequence[int]) -> Tensor:
        """See :class:`Nearby`."""
        part = cut(self._placed, corner, size, len(ks))
        return self.there[ks].gather(1, part.flatten(1)).view(part.shape)[:, None]

    @cached_property
    def _placed(self) -> Tensor:
        return self.part.expand(*self.part.shape[:2], *self.point.shape[2:])

    @cached_property
    def _spans(self) -> tuple[Places, Places]:
        """Ends of each part, as :meth:`ends`."""
        part = self._placed.numpy()
        size = part.shape[2:]
        first = np.broadcast_to(size, (self.there.shape[1], len(size))).copy()
        end = np.zeros_like(first)
        for axis, length in enumerate(size):
            index = np.arange(length).reshape(-1, *[1] * (len(size) - axis - 1))
            # NumPy 2.4 reads beyond an index that it would have to repeat itself
            index = np.broadcast_to(index, part.shape).ravel()
            np.minimum.at(first[:, axis], part.ravel(), index)
            np.maximum.at(end[:, axis], part.ravel(), index + 1)
        return first, end

    @cached_property
    def order(self) -> tuple[Tensor | None, list[int]]:
        """Elements of a row sorted by part, ``None`` where they lie so, and how many each part has."""
        flat = self.part.expand(1, *self.point.shape[1:]).flatten()
        sizes = torch.bincount(flat, minlength=self.there.shape[1]).tolist()
        return None if bool((flat.diff() >= 0).all()) else flat.argsort(stable=True), sizes


def mixed(kept: Tensor, part: Tensor, present: Tensor, absent: Tensor) -> Tensor:
    """``[c, n, *shape]``: elements of ``present`` where their part is kept, else of ``absent``."""
    there = kept.index_select(1, part.flatten()).view(len(kept), *part.shape)
    return torch.where(there, present, absent)


class Mixing:
    """The decision for one run of passes, as :class:`Beside` for boxes; it is withdrawn where nothing was
    saved. Networks of torch's own layers need no check."""

    def __init__(self, modules: Iterable[nn.Module], variants: Mixture) -> None:
        modules, point = list(modules), variants.point
        self.open: bool = (
            variants.fill.dtype == point.dtype
            and 2 * variants.there.shape[1] < math.prod(point.shape[1:])
            and step_by_step(modules, point)
        )
        self.checked: bool = all(type(module) in KNOWN for module in modules)
        self.variants: Mixture = variants

    def measured(self, _: Run) -> AbstractContextManager[None]:
        """Chunks stay as large as they are."""
        return nullcontext()

    def known(self, ks: Tensor, rows: slice, last: bool) -> Mixed:
        """Variants ``[c * n, *shape]`` as what is there and what stands in its place."""
        v = self.variants
        return Mixed.of(Rows(v, v.there[ks], v.point[rows], v.fill[rows]), Run(), v.point.shape[1:])


@dataclass(eq=False)
class Rows:
    """What tensors of the same memory share: their numbers with everything and with nothing there."""

    variants: Mixture
    kept: Tensor
    present: Tensor
    absent: Tensor
    full: Tensor | None = None


class Mixed(StandIn):
    """``[c * n, *shape]`` as what is there and what stands in its place, each ``[n, *shape]``.

    Matrix products, what works on one number at a time and other shapes of a row are done on these.

    Args:
        rows: shared by all views of them.
    """

    rows: Rows

    @classmethod
    def of(cls, rows: Rows, run: Run, shape: Sequence[int]) -> Mixed:
        """Rows, each in a shape."""
        made = cls.standing((len(rows.kept) * len(rows.present), *shape), rows.present, run)
        made.rows = rows
        return made

    @classmethod
    def rule(cls, func: Any) -> Rule | None:
        """See :class:`StandIn`."""
        return RULES.get(func, _pointwise if pointwise(func) else None)

    def whole(self) -> Tensor:
        """The plain tensor; from now on it is the only thing here."""
        rows = self.rows
        if rows.full is None:
            part = rows.variants.part
            rows.full = mixed(rows.kept, part, rows.present, rows.absent).flatten(0, 1)
        return rows.full.view(self.shape)


def _open(value: object) -> TypeGuard[Mixed]:
    return isinstance(value, Mixed) and value.rows.full is None


def _view(_: Any, args: Args) -> Any:
    x, size = args
    left = math.prod(length for length in size if length != -1)
    shape = [x.numel() // left if length == -1 and left else length for length in size]
    if not _open(x) or not shape or shape[0] != len(x) or math.prod(shape) != x.numel():
        return None
    return Mixed.of(x.rows, x.run, shape[1:])


def _pointwise(func: Any, args: Args) -> Any:
    x = next(value for value in args if isinstance(value, Mixed))
    for value in args:
        if isinstance(value, StandIn):
            alike = _open(value) and value.rows.kept is x.rows.kept and value.shape == x.shape
        else:
            # the same for every row
            alike = not isinstance(value, Tensor) or value.ndim < x.ndim or len(value) == 1
        if not alike:
            return None
    if func._schema.is_mutable:
        return None

    def made(side: str) -> Tensor:
        each = [getattr(v.rows, side).reshape(-1, *v.shape[1:]) if isinstance(v, Mixed) else v for v in args]
        return func(*each)

    present, absent = made("present"), made("absent")
    if present.shape[1:] != x.shape[1:]:
        return None
    own = x.rows.present.shape
    return Mixed.of(
        Rows(x.rows.variants, x.rows.kept, present.reshape(own), absent.reshape(own)), x.run, x.shape[1:]
    )


def _added(_: Any, args: Args) -> Any:
    bias, x, matrix = args
    found = _product(_, (x, matrix)) if type(bias) in PLAIN else None
    return None if found is None else found.add_(bias)


def _product(_: Any, args: Args) -> Any:
    """``x @ matrix`` from the products of each part."""
    x, matrix = args
    if not _open(x) or type(matrix) not in PLAIN or x.dtype != matrix.dtype or len(x.shape) != 2:
        return None
    kept, present, absent = x.rows.kept, x.rows.present.flatten(1), x.rows.absent.flatten(1)
    if torch.equal(absent, absent[:1].expand_as(absent)):
        absent = absent[:1] if bool(absent[0].any()) else absent[:0]
    sides = torch.cat([present, absent])
    (width, out), (c, parts), n = matrix.shape, kept.shape, len(present)
    order, sizes = x.rows.variants.order
    before = c * n * width * PRODUCT
    after = c * n * parts * (1 + bool(len(absent))) * PRODUCT
    once = width * (len(sides) * PRODUCT + WEIGHT * (1 if order is None else 3))
    if width != x.shape[1] or (before - after - once) * out < LEAST:
        return None
    if order is not None:
        sides, matrix = sides.index_select(1, order), matrix.index_select(0, order)
    made = sides.new_empty(parts, len(sides), out)
    for mine, side, some in zip(made, sides.split(sizes, 1), matrix.split(sizes), strict=True):
        torch.mm(side, some, out=mine)
    # a part that is away must add nothing, and nothing times what is not finite is not nothing
    if not bool(made.sum().isfinite()):
        return None
    x.run.saved = True
    there = kept.to(made)
    found = there @ made[:, :n].reshape(parts, -1)
    if len(absent):
        found.addmm_(1 - there, made[:, n:].expand(-1, n, -1).reshape(parts, -1))
    return found.view(c * n, out)


RULES: dict[Any, Rule] = {
    aten.view.default: _view,
    aten.mm.default: _product,
    aten.addmm.default: _added,
}
