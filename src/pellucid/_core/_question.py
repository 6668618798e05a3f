"""The engine: many variants of many rows through a network, in chunks, leaving no trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from pellucid._core._compute import Compute
from pellucid._core._explanation import Explanation, Param, Provenance
from pellucid._core._feed import Feed, Inputs, feed, out_of_memory
from pellucid._core._fingerprint import Fingerprint
from pellucid._core._guard import untouched
from pellucid._core._outputs import stream
from pellucid._core._probe import probe
from pellucid._core._spec import InputSpec
from pellucid._core._target import Target, TargetLike, as_target, the_output
from pellucid._version import __version__
from pellucid.errors import InputError, MethodError, TargetError

Variants = Callable[[Tensor, slice], Tensor]


class Question:
    """Why does this network give these rows these scores? One per call of a method, never kept.

    A method varies the :attr:`point` (the inputs, or the activation at a site) and asks for scores or
    gradients of many variants; the engine packs variants × rows into chunks of ``compute.batch_size``,
    halves a chunk when memory runs out, and holds no more than one chunk. The network is in evaluation mode
    during a pass and as it came afterwards; the caller's gradients and random states are not touched.

    ``Variants`` is a function ``(ks int64 [c], rows slice of n) -> tensor`` that broadcasts to
    ``[c, n, *shape]``.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a :class:`Batch` with several named inputs (packed flat into one point).
        target: what is explained.
        at: site whose activation is varied; ``None`` varies the inputs.
        spec: what the inputs mean.
        compute: how to run.

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
    ) -> None:
        self._began = time.perf_counter()
        self.model, self.at, self.spec = model, at, spec
        self.compute = compute or Compute()
        self._forward = self._backward = 0
        self._feed: Feed = feed(model, inputs, spec=spec, compute=self.compute)
        self._fingerprints = (Fingerprint.of_model(model), Fingerprint({"inputs": self._feed.packed}))
        self.rows: int = self._feed.rows
        self.point: Tensor = self._feed.packed if at is None else self._activation(at)
        self._base: Tensor | None = None
        self.target: Target = self._settled(as_target(target))

    @property
    def absent(self) -> Tensor:
        """The point with everything taken away: as the spec says, else zeros."""
        if self.spec is not None and self.at is None and self._feed.single:
            return self.spec.absent(self.point)
        return torch.zeros_like(self.point)

    def noise(self, ks: Tensor) -> Tensor:
        """Standard normal ``[c, 1, *shape]``: draw ``k`` is the same for every row and any batch size."""
        shape, place = self.point.shape[1:], self.point
        draws: list[Tensor] = []
        for k in ks.tolist():
            generator = torch.Generator().manual_seed(self.compute.seed * 1_000_003 + int(k))
            draws.append(torch.randn(shape, generator=generator, dtype=torch.float64))
        return torch.stack(draws)[:, None].to(place.device, place.dtype)

    def scores(self, variants: Variants | None = None, count: int = 1) -> Tensor:
        """The target's value ``[count, N]`` for each variant of each row, without gradients."""
        found: Tensor | None = None
        for ks, rows, _, score in self._chunks(variants, count, None, gradients=False):
            if found is None:
                found = score.new_empty((count, self.rows))
            found[ks[0] : ks[-1] + 1, rows] = score
        if found is None:
            raise InputError(f"Expected at least one variant, got {count}.")
        if variants is None:
            self._base = found[0]
        return found

    def gradient(
        self, variants: Variants | None = None, count: int = 1, weight: Tensor | None = None
    ) -> Tensor:
        """``sum_k weight_k · d score / d point`` ``[N, *shape]``; unweighted: the mean."""
        weights = torch.full((count,), 1 / count, dtype=torch.float64) if weight is None else weight
        total: Tensor | None = None
        for ks, rows, grad, score in self._chunks(variants, count, weights, gradients=True):
            if grad is None:
                continue
            part = grad[0] if len(ks) == 1 else grad.sum(0)
            if len(part) == self.rows:
                total = part if total is None else total.add_(part)
            else:
                total = part.new_zeros(self.point.shape) if total is None else total
                total[rows] += part
            if variants is None:
                self._base = self._put_base(rows, score[0])
        if total is None:
            raise InputError(f"Expected at least one variant, got {count}.")
        return total.to(self.point.dtype)

    def gradients(self, variants: Variants, count: int) -> Iterator[tuple[Tensor, slice, Tensor]]:
        """One chunk after the other: ``(ks [c], rows slice, gradient [c, n, *shape])``."""
        for ks, rows, grad, _ in self._chunks(variants, count, None, gradients=True):
            if grad is not None:
                yield ks, rows, grad

    def answer(
        self,
        method: str,
        values: Tensor,
        params: Mapping[str, Param],
        *,
        reference: Tensor | None = None,
        stderr: Tensor | None = None,
        note: str = "",
    ) -> Explanation:
        """The finished :class:`Explanation`; ``reference`` [N] are the scores that the values add up from."""
        scores = self.scores()[0] if self._base is None else self._base
        gap = None
        if reference is not None:
            gap = scores - reference - values.to(scores.dtype).flatten(1).sum(1)
        unpack = self._feed.unpack if self.at is None else _same
        provenance = Provenance(
            method,
            dict(params),
            self.target.label,
            self.at,
            *self._fingerprints,
            self.compute.seed,
            self._forward,
            self._backward,
            time.perf_counter() - self._began,
            {"pellucid": __version__, "torch": torch.__version__},
        )
        return Explanation(
            unpack(values),
            unpack(self.point),
            scores,
            provenance,
            gap=gap,
            reference=reference,
            stderr=None if stderr is None else unpack(stderr),
            spec=self.spec if self.at is None else None,
            note=note,
            classes=self._classes(),
        )

    def _classes(self) -> Tensor | None:
        chosen = self.target.classes
        if isinstance(chosen, int):
            return torch.full((self.rows,), chosen, dtype=torch.int64)
        return chosen

    def _settled(self, target: Target) -> Target:
        if isinstance(target.classes, Tensor) and len(target.classes) != self.rows:
            raise TargetError(f"Expected one class for each of {self.rows} rows, got {len(target.classes)}.")
        if target.settle is None:
            return target
        found = [the_output(raw, target.output) for _, raw in self._passes()]
        return target.settle(torch.cat(found))

    def _passes(self) -> Iterator[tuple[slice, object]]:
        for rows, raw, _ in stream(self._feed, self.compute):
            self._forward += rows.stop - rows.start
            yield rows, raw

    def _activation(self, at: str) -> Tensor:
        parts: list[Tensor] = []
        for rows, _, seen in stream(self._feed, self.compute, read=[at], stop=at):
            self._forward += rows.stop - rows.start
            parts.append(seen[at].detach())
        point = torch.cat(parts)
        if len(point) != self.rows:
            raise InputError(
                f"The activation at {at!r} has {len(point)} rows for {self.rows} inputs; "
                "only layers that keep the row axis first can be explained."
            )
        return point

    def _put_base(self, rows: slice, score: Tensor) -> Tensor:
        base = score.new_empty(self.rows) if self._base is None else self._base
        base[rows] = score
        return base

    def _chunks(
        self, variants: Variants | None, count: int, weights: Tensor | None, *, gradients: bool
    ) -> Iterator[tuple[Tensor, slice, Tensor | None, Tensor]]:
        """Cut variants × rows into rectangles, run each, and go on with halves where memory runs out."""
        if gradients and not self.point.is_floating_point():
            raise InputError(self._whole_numbers())
        total, done = count * self.rows, 0
        waiting = list(reversed(_rectangles(count, self.rows, self.compute.batch_size)))
        while waiting:
            k0, k1, r0, r1 = waiting.pop()
            ks, rows = torch.arange(k0, k1), slice(r0, r1)
            try:
                with untouched(self.model, seed=self.compute.seed), torch.inference_mode(mode=False):
                    grad, score = self._chunk(variants, ks, rows, weights, gradients=gradients)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                waiting.extend(_halves(k0, k1, r0, r1, error))
                continue
            done += (k1 - k0) * (r1 - r0)
            yield ks, rows, grad, score
            self.compute.progress(done, total)

    def _chunk(
        self, variants: Variants | None, ks: Tensor, rows: slice, weights: Tensor | None, *, gradients: bool
    ) -> tuple[Tensor | None, Tensor]:
        c, n, shape = len(ks), rows.stop - rows.start, self.point.shape[1:]
        with torch.no_grad():
            made = self.point[rows] if variants is None else variants(ks, rows)
            points = made.expand(c, n, *shape).reshape(c * n, *shape)
        self._forward += c * n
        if not gradients:
            with torch.no_grad():
                return None, self._score(points, rows, c).reshape(c, n)
        self._backward += c * n
        with torch.enable_grad():
            points = points.detach().requires_grad_()
            score = self._score(points, rows, c)
            if not score.requires_grad:
                raise MethodError(
                    f"{self.target.label} does not depend on {self.at or 'the input'} in a differentiable "
                    "way. Use a method that only needs scores, such as occlusion."
                )
            outer = torch.ones_like(score) if weights is None else weights[ks].to(score).repeat_interleave(n)
            (grad,) = torch.autograd.grad(score, points, outer, materialize_grads=True)
        return grad.reshape(c, n, *shape), score.detach().reshape(c, n)

    def _score(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        target, place = self.target, points.device
        if self.at is None and target.site is None:
            output = the_output(self._feed.run(points, rows, copies), target.output)
        else:
            output = self._probed(points, rows, copies)
        index = torch.arange(rows.start, rows.stop, device=place).repeat(copies)
        score = target.score(output, index)
        if score.shape != (len(points),):
            raise TargetError(
                f"{target.label} must give one number per row: expected the shape ({len(points)},), "
                f"got {tuple(score.shape)}."
            )
        return score

    def _probed(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        target, raw = self.target, None
        write = {} if self.at is None else {self.at: lambda _: points}
        fed = (
            points
            if self.at is None
            else self._feed.packed[rows].repeat(copies, *[1] * (self._feed.packed.ndim - 1))
        )
        read = [] if target.site is None else [target.site]
        with probe(self.model, read=read, write=write, stop=target.site) as seen:
            raw = self._feed.run(fed, rows, copies)
        return the_output(raw, target.output) if target.site is None else seen[target.site]

    def _whole_numbers(self) -> str:
        embeddings = [
            name for name, m in self.model.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)
        ]
        hint = f"at={embeddings[0]!r}" if embeddings else "at= a layer after which numbers are continuous"
        return (
            f"Expected floating inputs, got {self.point.dtype}: whole numbers have no gradient. "
            f"Explain what the network makes of them: {hint}."
        )


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _rectangles(count: int, rows: int, size: int) -> list[tuple[int, int, int, int]]:
    n = min(rows, size)
    c = max(1, size // n)
    return [
        (k, min(k + c, count), r, min(r + n, rows)) for r in range(0, rows, n) for k in range(0, count, c)
    ]


def _halves(k0: int, k1: int, r0: int, r1: int, error: Exception) -> list[tuple[int, int, int, int]]:
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if k1 - k0 > 1:
        middle = (k0 + k1) // 2
        return [(middle, k1, r0, r1), (k0, middle, r0, r1)]
    if r1 - r0 > 1:
        middle = (r0 + r1) // 2
        return [(k0, k1, middle, r1), (k0, k1, r0, middle)]
    raise MethodError(f"Memory does not suffice for a single row: {error}") from error
