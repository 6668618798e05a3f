"""One chunk of points through a network: its scores and their slopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core._chunk import Chunk
from pellucid._core._feed import Feed, out_of_memory
from pellucid._core._instead import instead
from pellucid._core._probe import probe
from pellucid._core._target import Target, the_output
from pellucid.errors import MethodError, PellucidError, SiteError, TargetError

Variants = Callable[[Tensor, slice], Tensor]
# a slope of a method's own: (pass, points [c * n, *shape], ks [c], rows of n)
# -> (values [c * n, *anything], scores [c * n])
Slope = Callable[["Pass", Tensor, Tensor, slice], tuple[Tensor, Tensor]]
HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Pass:
    """How points become scores: what goes along, what is explained, and where the points are put."""

    feed: Feed
    target: Target
    at: str | None

    def run(
        self,
        point: Tensor,
        variants: Variants | None,
        chunk: Chunk,
        weights: Tensor | None,
        *,
        gradients: bool,
        by: Slope | None = None,
    ) -> tuple[Tensor | None, Tensor]:
        """Gradient ``[c, n, *shape]`` (times ``weights[k]`` where given) and scores ``[c, n]`` of a chunk."""
        rows, shape = chunk.rows, point.shape[1:]
        c, n = chunk.k1 - chunk.k0, chunk.r1 - chunk.r0
        with torch.no_grad():
            made = point[rows] if variants is None else variants(chunk.ks, rows)
            points = made if variants is None else made.expand(c, n, *shape).reshape(c * n, *shape)
            if not gradients:
                # a network may differentiate inside itself
                return None, self.score(_own(points, made), rows, c).detach().reshape(c, n)
        try:
            return self._differentiated(points, made, chunk, weights, by)
        except MethodError as error:
            raise type(error)(f"{error}{instead(self, points[:1], _first(rows))}") from error
        except PellucidError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            what = (
                f"{type(self.feed.model).__name__} raised {type(error).__name__} while it was differentiated"
            )
            words = (str(error).splitlines() or [""])[0]
            raise MethodError(f"{what}: {words}{instead(self, points[:1], _first(rows))}") from error

    def _differentiated(
        self, points: Tensor, made: Tensor, chunk: Chunk, weights: Tensor | None, by: Slope | None
    ) -> tuple[Tensor, Tensor]:
        rows, shape = chunk.rows, points.shape[1:]
        c, n = chunk.k1 - chunk.k0, chunk.r1 - chunk.r0
        if self.feed.guard.inferred:
            raise MethodError(
                f"{type(self.feed.model).__name__} was made under torch.inference_mode(), and what is made "
                "there cannot be differentiated. Make it outside."
            )
        if by is not None:
            every = points if len(points) == c * n else points.repeat(c, *[1] * len(shape))
            with torch.enable_grad():
                grad, score = by(self, _own(every, made), chunk.ks, rows)
            return grad.reshape(c, n, *grad.shape[1:]), score.reshape(c, n)
        weight = None if weights is None else weights[chunk.k0 : chunk.k1]
        del made
        with torch.enable_grad():
            grad, score = self.slope(points, rows, c, weight)
        return grad.reshape(c, n, *shape), score.reshape(c, n)

    def slope(self, points: Tensor, rows: slice, copies: int, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Gradient of the scores of points ``[copies * n, *shape]``, in single precision at least."""
        start = (points.clone() if points.is_inference() else points.detach()).requires_grad_()
        # a copy: networks may write into what they are given, which is forbidden on a leaf
        score = self.score(start.clone(), rows, copies)
        outer = torch.ones_like(score)
        each = None if weight is None else weight.to(score.device).repeat_interleave(len(score) // copies)
        if each is not None and score.dtype not in HALF:
            outer, each = each.to(score), None
        grad = None
        if score.requires_grad:
            (grad,) = torch.autograd.grad(score, start, outer, allow_unused=True)
        if grad is None:
            raise MethodError(
                f"{self.target.label} does not depend on {self.at or 'the input'} in a differentiable way."
            )
        grad = grad.float() if grad.dtype in HALF else grad
        if each is not None:
            grad = grad * each.to(grad).view(-1, *[1] * (grad.ndim - 1))
        return grad, score.detach()

    def score(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        """The target's value for points ``[copies * n, *shape]``."""
        return self.scored(self.output(points, rows, copies), rows, copies)

    def output(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        """What the target speaks of, for points ``[copies * n, *shape]``."""
        if self.at is None and self.target.site is None:
            return the_output(self.feed.run(points, rows, copies), self.target.output)
        return self._probed(points, rows, copies)

    def scored(self, output: Tensor, rows: slice, copies: int) -> Tensor:
        """The target's value for an output of ``copies * n`` rows."""
        count = (rows.stop - rows.start) * copies
        index = torch.arange(rows.start, rows.stop, device=output.device)
        index = index if copies == 1 else index.repeat(copies)
        score = self.target.score(output, index)
        if score.shape != (count,):
            raise TargetError(
                f"{self.target.label} must give one number per row: expected the shape ({count},), "
                f"got {tuple(score.shape)}."
            )
        return score

    def _probed(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        target, raw, written = self.target, None, False

        def put(_: Tensor) -> Tensor:
            nonlocal written
            written = True
            return points

        fed = points
        if self.at is not None:
            fed = self.feed.packed[rows].repeat(copies, *[1] * (self.feed.packed.ndim - 1))
        write = {} if self.at is None else {self.at: put}
        read = [] if target.site is None else [target.site]
        with probe(self.feed.model, read=read, write=write, stop=target.site) as seen:
            raw = self.feed.run(fed, rows, copies)
        if self.at is not None and not written:
            raise SiteError(
                f"{target.label} is settled before the pass reaches {self.at!r}; explain an earlier layer."
            )
        return the_output(raw, target.output) if target.site is None else seen[target.site]


def _first(rows: slice) -> slice:
    return slice(rows.start, rows.start + 1)


def _own(points: Tensor, made: Tensor) -> Tensor:
    """``points`` as nobody else's memory, because networks may write into what they are given."""
    if points.is_inference() or points.untyped_storage().data_ptr() == made.untyped_storage().data_ptr():
        return points.clone()
    return points
