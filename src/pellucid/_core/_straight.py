"""The short road: one pass of rows as they come, for questions of which nothing else is asked."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from pellucid._core._chunk import LARGE, at_once
from pellucid._core._compute import Compute
from pellucid._core._explanation import Explanation, Param, Provenance, finite_values
from pellucid._core._feed import place_of
from pellucid._core._fingerprint import Fingerprint
from pellucid._core._guard import Guard, eagerly
from pellucid._core._layout import Layout
from pellucid._core._pass import Pass
from pellucid._core._question import Question
from pellucid._core._spec import Batch, InputSpec
from pellucid._core._still import by_hand, may_write, still
from pellucid._core._target import TargetLike
from pellucid._version import __version__

MOST = Compute().batch_size
PRECISE = (torch.float32, torch.float64)


class OtherRoadError(Exception):
    """Something that only the long road can do, or has the words for."""


class Way(Protocol):
    """A slope of a method's own: of a chunk of points, and of a whole network's output.

    ``along`` is how many rows of its own it passes; only networks that are still bear any.
    """

    along: int

    def __call__(self, work: Pass, points: Tensor, ks: Tensor, rows: slice, /) -> tuple[Tensor, Tensor]:
        """As :data:`Slope`."""
        ...

    def output(
        self, model: nn.Module, modules: Iterable[nn.Module], fed: Tensor, /, *, still: bool
    ) -> object:
        """What the network gives, with a way back of the method's own; raises where it has none."""
        ...


class Straight:
    """What :class:`Question` gives of slopes at inputs or a layer, with one look at the network and one pass.

    Made by :func:`sloped`. On a small network most of a gradient's time goes into code that has nothing to do
    there and is cold: chunks, variants, embeddings, sites, several targets. So nothing is shared with it but
    the guard of the network and the checks of numbers.
    """

    __slots__ = (
        "_along",
        "_at",
        "_began",
        "_chosen",
        "_guard",
        "_model",
        "_slope",
        "base",
        "packed",
        "point",
    )

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        classes: int | Tensor,
        by: Way | None,
        at: str | None,
    ) -> None:
        self._began = time.perf_counter()
        self.packed = inputs.detach()
        rows = inputs.shape[0] if inputs.ndim else 0
        few = rows <= MOST and inputs.numel() <= LARGE
        if inputs.dtype not in PRECISE or not rows or not (few or rows <= at_once(MOST, inputs)):
            raise OtherRoadError
        self._chosen = chosen = _column(classes, rows)
        self._guard = guard = Guard(model)
        if place_of(guard) not in ((inputs.device, inputs.dtype), (None, None)):
            raise OtherRoadError
        if guard.parameters and guard.parameters[0].is_inference():
            raise OtherRoadError
        self._at = at
        quiet = still(guard.modules, guard.tensors)
        # what cannot change meanwhile is known before the pass pushes it out of the cache
        self._model = Fingerprint(guard) if quiet else None
        self._along = 0 if by is None else by.along
        if self._along and not quiet:
            raise OtherRoadError
        layout = Layout(checked=quiet)
        # another order rounds otherwise, which decides between equal maxima of a reference
        turned = not self._along and layout.pays(guard.modules, guard.parameters, inputs)
        if turned and not layout.checked:
            raise OtherRoadError
        order = torch.channels_last if turned else torch.preserve_format
        # what is written into must be no leaf, and nobody else's
        written = not quiet or may_write(guard.modules)
        with guard.pass_by(still=quiet), torch.enable_grad():
            start = inputs.detach().requires_grad_(at is None)
            fed = start.clone(memory_format=order) if turned or written else start
            if at is not None:
                guard.hold()
                output, start = _cut(guard.modules, at, fed, quiet=quiet, written=written)
            elif by is not None:
                output = by.output(model, guard.modules, fed, still=quiet)
            else:
                output = (by_hand(model, guard.modules) if quiet else model)(fed)
            if not isinstance(output, Tensor) or output.ndim != 2 or output.shape[0] != rows:
                raise OtherRoadError
            if output.is_complex():
                raise OtherRoadError
            self.base = self.picked(output)
            outer = torch.zeros_like(output)
            # no number of a class lies outside: indices of a processor are checked
            if isinstance(chosen, int):
                outer.select(1, chosen).fill_(1)
            else:
                outer.scatter_(1, chosen, 1)
            (slope,) = torch.autograd.grad(output, start, outer)
        self.point = self.packed if at is None else start.detach().contiguous()
        self._slope = slope.contiguous()
        # the long road looks closer, and has the words
        if not math.isfinite(self._sum() + sum(self.base.tolist())):
            raise OtherRoadError

    def _sum(self) -> float:
        """Finite only if every number of inputs and slopes is."""
        inputs, slope = self.packed, self._slope
        if self._at is not None:
            return inputs.sum().item() + slope.sum().item()
        # zero times infinity is no number
        return torch.dot(inputs.flatten(), slope.flatten()).item()

    def gradient(self, *, by: Way | None = None) -> Tensor:
        """Slope of the score, like the inputs; ``by`` is known from the beginning."""
        return self._slope

    def picked(self, output: Tensor) -> Tensor:
        """What the class of each row gets ``[N]`` in ``[N, outputs]``, or in one output for all of them."""
        chosen, output, rows = self._chosen, output.detach(), self.packed.shape[0]
        output = output if output.shape[0] == rows else output.expand(rows, -1)
        # methods, because brackets take longer
        if isinstance(chosen, int):
            return output.select(1, chosen).clone()
        return output.gather(1, chosen).squeeze(1)

    def folded(self, values: Tensor, *, lengths: bool = False) -> Tensor:
        """Values as they are: there are no tokens here."""
        return values

    def answer(
        self,
        method: str,
        values: Tensor,
        params: Mapping[str, Param],
        *,
        reference: Tensor | None = None,
        note: str = "",
        over: Literal["point", "inputs"] = "point",
    ) -> Explanation:
        """As :meth:`Question.answer`."""
        hidden = self._at is not None and over == "point"
        rows, chosen = self.packed.shape[0], self._chosen
        one = isinstance(chosen, int)
        gap = None
        if reference is not None:
            gap = self.base.double() - reference - values.flatten(1).sum(1, dtype=torch.float64)
            gap = gap.to(self.base.dtype)
        provenance = Provenance(
            method,
            dict(params),
            f"logit({chosen})" if one else "logit of each row's class",
            self._at if hidden else None,
            self._model or Fingerprint(self._guard),
            Fingerprint({"inputs": self.packed}, keep=True),
            0,
            rows + self._along,
            rows,
            time.perf_counter() - self._began,
            {"pellucid": __version__, "torch": torch.__version__},
        )
        classes = torch.full((rows,), chosen, dtype=torch.int64) if one else chosen.squeeze(1)
        return Explanation(
            values if values is self._slope else finite_values(method, values),
            self.point if hidden else self.packed,
            self.base,
            provenance,
            gap=gap,
            reference=reference,
            note=note,
            classes=classes,
        )


def _cut(
    modules: Sequence[nn.Module], at: str, fed: Tensor, *, quiet: bool, written: bool
) -> tuple[object, Tensor]:
    """What the network gives, and what a layer gave on the way: there every way back ends."""
    model = modules[0]
    # an address that says more than a name is none of a module, and raises
    layer, seen = model.get_submodule(at), list[Tensor]()
    if layer is model:
        raise OtherRoadError

    def cut(given: object) -> Tensor:
        # what recurrent layers give is no tensor
        if type(given) is not Tensor or given.dtype not in PRECISE or len(given) != len(fed):
            raise OtherRoadError
        seen.append(given.detach().requires_grad_())
        return seen[0].clone() if written else seen[0]

    if quiet:
        output: object = by_hand(model, modules, layer, cut)(fed)
    else:
        hook = layer.register_forward_hook(lambda _, __, given: cut(given))
        try:
            with eagerly():
                output = model(fed)
        finally:
            hook.remove()
    (start,) = seen
    return output, start


def _column(classes: int | Tensor, rows: int) -> int | Tensor:
    """Numbers of each row's class, upright, or the one that all rows are asked about."""
    if isinstance(classes, int):
        if isinstance(classes, bool) or classes < 0:
            raise OtherRoadError
        return classes
    if classes.dtype != torch.int64 or classes.shape != (rows,) or not classes.is_cpu:
        raise OtherRoadError
    return classes.unsqueeze(1)


def sloped(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None,
    spec: InputSpec | None,
    compute: Compute | None,
    by: Way | None = None,
) -> Straight | Question:
    """The question of a method that asks for the slope alone: the short road where it leads there.

    Whatever goes wrong on it goes wrong again on the long one, which has the words for it.
    """
    plain = spec is None and compute is None and type(inputs) is Tensor and (at is None or by is None)
    if plain and isinstance(inputs, Tensor) and isinstance(target, int | Tensor):
        try:
            return Straight(model, inputs, target, by, at)
        except Exception:
            pass
    return Question(model, inputs, target, at=at, spec=spec, compute=compute, slope=by is None)
