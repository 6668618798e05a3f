"""The engine: many variants of many rows through a network, in chunks, leaving no trace."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core._chunk import Chunk, Some, Variants, normal
from pellucid._core._compute import Compute
from pellucid._core._crossed import crossed
from pellucid._core._explanation import Explanation, Param, Provenance, finite_scores, finite_values
from pellucid._core._feed import Feed, Fill, Inputs, at_once, feed
from pellucid._core._fingerprint import Fingerprint
from pellucid._core._fold import Fold, folded
from pellucid._core._instead import instead
from pellucid._core._look import look
from pellucid._core._outputs import stream
from pellucid._core._pass import Pass
from pellucid._core._passes import passes
from pellucid._core._place import Place, called_once, placed
from pellucid._core._refusals import refusal
from pellucid._core._sharing import Slope
from pellucid._core._spec import InputSpec
from pellucid._core._target import Target, TargetLike, as_target, the_output
from pellucid._version import __version__
from pellucid.errors import InputError, TargetError


class Question:
    """Why does this network give these rows these scores? One per call of a method, never kept.

    A method varies the :attr:`point` (the inputs, or the activation at a site) and asks for scores or
    gradients of many variants; the engine packs variants × rows into chunks of ``compute.batch_size``,
    halves a chunk when memory runs out, and holds one chunk. The network is in evaluation mode during a pass
    and as it came afterwards; the caller's gradients and random states are not touched.

    Whole-number inputs that go through one embedding are varied there: the point is what it gives
    ``[N, T, E]``, a part is a token, and :meth:`answer` sums over ``E``. The numbers go through the network
    as they came, so masks that it makes of them keep.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a :class:`Batch` with several named inputs (packed flat into one point).
        target: what is explained.
        at: site whose activation is varied; ``None`` varies the inputs.
        spec: what the inputs mean.
        compute: how to run; ``None`` takes as many rows at once as pay off.
        slope: find the gradient at ``at`` in the pass that reads it; :meth:`gradient` then gives it.

    Raises:
        InputError, TargetError, SiteError: where the parts do not fit each other.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Inputs,
        target: TargetLike,
        *,
        at: str | None = None,
        spec: InputSpec | None = None,
        compute: Compute | None = None,
        slope: bool = False,
    ) -> None:
        self._began = time.perf_counter()
        self.model, self.at, self.spec = model, at, spec
        self._count = [0, 0]  # rows forward, rows backward; shared with parts of this question
        self._feed: Feed = feed(model, inputs, spec=spec, compute=compute or Compute())
        self.compute: Compute = compute or Compute(batch_size=at_once(self._feed))
        self._fold: Fold | None = None
        asked = as_target(target)
        if asked.columns > 1:
            self._feed, self._fold = folded(self._feed, asked.columns)
            # from here on every column is a row of its own
            asked = dataclasses.replace(asked, columns=1)
        self.rows: int = self._feed.rows
        self._base: Tensor | None = None
        self._slope: Tensor | None = None
        self.target: Target = self._settled(asked)
        self._place: Place = self._placed(at, slope=slope)
        self.point: Tensor = self._place.point
        self._pass = Pass(self._feed, self.target, self._place.site, self._fold)

    @property
    def given(self) -> Tensor | dict[str, Tensor]:
        """The inputs as they came: one tensor, or one for each name of a :class:`Batch`."""
        return self._feed.given(self._feed.packed)

    def unpacked(self, points: Tensor) -> Tensor | dict[str, Tensor]:
        """The tensors, by name, that are packed into points like the inputs."""
        return self._feed.unpack(points)

    @property
    def packed(self) -> Tensor:
        """The inputs as one tensor, whatever ``at`` is: what values ``over="inputs"`` are like."""
        return self._feed.packed

    @property
    def parts(self) -> tuple[slice, ...]:
        """Which elements of the point belong to each input, along its second axis; one where all do."""
        return self._feed.slices if self._place.site is None else (slice(None),)

    @property
    def described(self) -> InputSpec | None:
        """The spec where it speaks of what is varied: one input, no hidden activation."""
        return self._place.described

    @property
    def groups(self) -> Tensor:
        """Number of the part of each element, int64, broadcasts to the point; -1 is never taken away."""
        return self._place.groups

    def grouped(self, groups: Tensor) -> Tensor:
        """Part numbers of the inputs as numbers of the point."""
        return self._place.grouped(groups)

    @property
    def group_names(self) -> tuple[str, ...]:
        """What the spec calls each part; empty without one."""
        return () if self.described is None else self.described.group_names(self._place.ids)

    @property
    def absent(self) -> Tensor:
        """The point with everything taken away: as the spec says, else zeros."""
        return self._place.absent

    def embedded(self, background: Tensor) -> Tensor:
        """Background rows like the point: rows of token numbers as vectors, others as they are."""
        return self._place.embedded(background)

    def folded(self, values: Tensor, *, lengths: bool = False) -> Tensor:
        """One number for each token where an embedding is varied, a sum or a length; else as they are."""
        return self._place.folded(values, lengths=lengths)

    @property
    def instead(self) -> str:
        """A sentence that names methods which would work; it is tried on the first row."""
        with self._feed.guard.pass_by(seed=self.compute.seed):
            return instead(self._pass, self.point[:1], slice(0, 1))

    def needs_slopes(self) -> None:
        """Raise :class:`InputError` where what is varied is whole numbers or flags, which have none."""
        whole = self._feed.whole if self._place.site is None else {}
        if whole or not self.point.is_floating_point():
            name, dtype = next(iter(whole.items()), ("", self.point.dtype))
            raise InputError(refusal(self.model, dtype, name if len(self._feed.names) > 1 else ""))

    def seen(self, at: str) -> Tensor:
        """The activation at a site for the unchanged inputs ``[N, *shape]``."""
        return placed(self._feed, at, self.spec, self.compute, self._count, self._fold).point

    @property
    def crossable(self) -> bool:
        """Whether a row of the point alone decides a score: nothing else goes along row by row."""
        return self._place.site is None and not self._feed.held

    @property
    def base(self) -> Tensor:
        """Scores ``[N]`` of the unchanged rows; a pass is made only where none has shown them."""
        return self.scores()[0] if self._base is None else self._base

    def filled(self, value: Fill) -> Tensor:
        """``value`` in the shape of the point: ``None`` is :attr:`absent`, a mapping goes by input name."""
        if value is not None and self._fold is not None:
            value = self._fold.each(value)
        return self._place.filled(value)

    def noise(self, ks: Tensor) -> Tensor:
        """Standard normal ``[c, 1, *shape]``: draw ``k`` is the same for every row and any batch size."""
        return normal(ks, self.point, self.compute.seed)

    def scores(
        self, variants: Variants | None = None, count: int = 1, *, within: Some = None, near: bool = False
    ) -> Tensor:
        """The target's value ``[count, N]`` for each variant of each row, without gradients.

        ``within``, a slice with both ends, asks for some rows only; ``near`` as in :func:`passes`.
        """
        found: Tensor | None = None
        some = slice(0, self.rows) if within is None else within
        for chunk, _, score in self._chunks(variants, count, None, gradients=False, within=some, near=near):
            score = score.view(chunk.k1 - chunk.k0, -1)
            if score.shape == (count, some.stop - some.start):
                found = score
                continue
            if found is None:
                found = score.new_empty((count, some.stop - some.start))
            found[chunk.k0 : chunk.k1, chunk.r0 - some.start : chunk.r1 - some.start] = score
        if found is None:
            raise InputError(f"Expected at least one variant, got {count}.")
        if variants is None and within is None:
            self._base = found[0]
        return found

    def everywhere(self, points: Tensor) -> Tensor:
        """Scores ``[B, N]`` for points ``[B, *shape]`` that all rows share; each passes once where it can."""
        if self.crossable:
            found, self._base = crossed(self._pass, points, self.compute, self._count)
            return found
        return self.scores(lambda ks, _: points[ks.to(points.device)][:, None], len(points))

    def gradient(
        self,
        variants: Variants | None = None,
        count: int = 1,
        weight: Tensor | None = None,
        *,
        by: Slope | None = None,
    ) -> Tensor:
        """``sum_k weight_k · d score / d point`` ``[N, *shape]``; without ``weight`` the mean over variants.

        Half precision is summed in single precision. ``by`` differentiates in a way of its own, for one
        variant.
        """
        if variants is None and count == 1 and weight is None and by is None and self._slope is not None:
            found, self._slope = self._slope, None
            return found
        weights = weight
        if weight is None and count > 1:
            weights = torch.full((count,), 1 / count, dtype=torch.float64)
        total: Tensor | None = None
        for chunk, grad, score in self._chunks(variants, count, weights, gradients=True, by=by):
            if grad is None:
                continue
            copies = chunk.k1 - chunk.k0
            part = grad if copies == 1 else grad.unflatten(0, (copies, -1)).sum(0)
            if part.shape[0] == self.rows:
                total = part if total is None else total.add_(part)
            else:
                total = part.new_zeros(self.point.shape) if total is None else total
                total[chunk.rows] += part
            if variants is None:
                self._base = self._put_base(chunk.rows, score)
            # the next chunk must not find this one still in memory
            del grad, part
        if total is None:
            raise InputError(f"Expected at least one variant, got {count}.")
        return total.to(self.point.dtype)

    def gradients(
        self, variants: Variants | None, count: int, *, by: Slope | None = None
    ) -> Iterator[tuple[Tensor, slice, Tensor]]:
        """One chunk after the other: ``(ks [c], rows slice, gradient [c, n, *shape])``."""
        for ks, rows, grad, _ in self.passes(variants, count, by=by):
            yield ks, rows, grad

    def passes(
        self, variants: Variants | None, count: int, *, by: Slope | None = None
    ) -> Iterator[tuple[Tensor, slice, Tensor, Tensor]]:
        """As :meth:`gradients`, with the scores ``[c, n]`` of each chunk."""
        for chunk, grad, score in self._chunks(variants, count, None, gradients=True, by=by):
            if grad is not None:
                parted = (chunk.k1 - chunk.k0, chunk.r1 - chunk.r0)
                yield chunk.ks, chunk.rows, grad.unflatten(0, parted), score.view(parted)

    def only(self, rows: Tensor) -> Question:
        """The same question about some of its rows, int64 ``[n]``; its passes are counted here too."""
        part = copy.copy(self)
        held = {name: tensor[rows] for name, tensor in self._feed.held.items()}
        part._feed = dataclasses.replace(self._feed, packed=self._feed.packed[rows], held=held)
        part._place = self._place.only(part._feed, rows)
        part.rows, part.point, part._base, part._slope = len(rows), part._place.point, None, None
        part.target = self.target.only(rows)
        part._fold = None if self._fold is None else self._fold.only(rows.cpu())
        part._pass = Pass(part._feed, part.target, self._place.site, part._fold)
        return part

    def at_site(self, at: str) -> Question:
        """The same question about the activation at a site; its passes are counted here too."""
        part = copy.copy(self)
        part._place = part._placed(at)
        part.at, part.point = at, part._place.point
        part._pass = Pass(self._feed, self.target, at, self._fold)
        return part

    def also(self, other: Explanation) -> None:
        """Count the passes of an explanation that this one is made of."""
        self._count[0] += other.provenance.forward
        self._count[1] += other.provenance.backward

    def answer(
        self,
        method: str,
        values: Tensor,
        params: Mapping[str, Param],
        *,
        reference: Tensor | None = None,
        stderr: Tensor | None = None,
        bound: Tensor | None = None,
        note: str = "",
        row_notes: tuple[str, ...] = (),
        over: Literal["point", "inputs"] = "point",
        scores: Tensor | None = None,
    ) -> Explanation:
        """The finished :class:`Explanation`.

        Args:
            method, params: name of the method, and every argument that shaped the numbers.
            values, stderr: like the point, or like the inputs where ``over`` says so. What belongs to a token
                is summed (of standard errors an upper bound; methods that know better fold themselves).
            reference: ``[N]``, the scores that the values add up from.
            bound: ``[N]``, what the numerical error of a row's values stays below (norm).
            note, row_notes: what the reader must know of all rows, and of each alone where that differs.
            over: ``"inputs"`` where a map made at a hidden site was laid over the inputs.
            scores: ``[N]`` of the unchanged point, where the method has them already.
        """
        scores = self.base if scores is None else scores
        finite_scores(method, scores, reference)
        gap = None
        if reference is not None:
            total = values.reshape(self.rows, -1).sum(1, dtype=torch.float64)
            gap = (scores.double() - reference - total).to(scores.dtype)
        values, stderr = self.folded(values), None if stderr is None else self.folded(stderr)
        if bound is not None and self._place.table is not None:
            bound = bound * self.point.shape[-1] ** 0.5  # a sum of E errors is at most so much longer
        hidden = self.at is not None and over == "point"
        unpack = (lambda tensor: tensor) if hidden else self._feed.unpack
        provenance = Provenance(
            method,
            dict(params),
            self.target.label,
            self.at if hidden else None,
            Fingerprint(self._feed.guard),
            (self._feed if self._fold is None else self._fold.feed).fingerprint(),
            self.compute.seed,
            self._count[0],
            self._count[1],
            time.perf_counter() - self._began,
            {"pellucid": __version__, "torch": torch.__version__},
        )
        return Explanation(
            unpack(finite_values(method, values, sloped=self._count[1] > 0)),
            self.point if hidden else self.given,
            scores,
            provenance,
            gap=gap,
            reference=reference,
            stderr=None if stderr is None else unpack(stderr),
            bound=bound,
            spec=None if hidden else self.spec,
            note=note,
            row_notes=row_notes,
            classes=self._classes(),
        )

    def _classes(self) -> Tensor | None:
        chosen = self.target.classes
        return torch.full((self.rows,), chosen, dtype=torch.int64) if isinstance(chosen, int) else chosen

    def _placed(self, at: str | None, *, slope: bool = False) -> Place:
        self._slope = None
        if at is None or self._fold is not None or self.target.site is not None:
            return placed(self._feed, at, self.spec, self.compute, self._count, self._fold)
        seen = look(Pass(self._feed, self.target, None), at, self.compute, self._count, slope=slope)
        self._base, self._slope = seen.base, seen.slope
        return Place(self._feed, at, self.spec, None, seen.point)

    def _settled(self, target: Target) -> Target:
        if isinstance(target.classes, Tensor) and len(target.classes) != self.rows:
            raise TargetError(f"Expected one class for each of {self.rows} rows, got {len(target.classes)}.")
        if target.site is not None:
            called_once(self._feed, target.site, self.compute, self._count)
        if target.settle is None:
            return target
        found = [the_output(raw, target.output) for _, raw, _ in stream(self._feed, self.compute)]
        self._count[0] += self.rows
        return target.settle(torch.cat(found))

    def _put_base(self, rows: slice, score: Tensor) -> Tensor:
        if score.shape[0] == self.rows:
            return score
        base = score.new_empty(self.rows) if self._base is None else self._base
        base[rows] = score
        return base

    def _chunks(
        self,
        variants: Variants | None,
        count: int,
        weights: Tensor | None,
        *,
        gradients: bool,
        by: Slope | None = None,
        within: Some = None,
        near: bool = False,
    ) -> Iterator[tuple[Chunk, Tensor | None, Tensor]]:
        """As :func:`passes`."""
        if gradients:
            self.needs_slopes()
        return passes(
            self._pass, self.point, variants, count, self.compute, self._count,
            gradients=gradients, weights=weights, by=by, within=within, near=near,
        )  # fmt: skip
