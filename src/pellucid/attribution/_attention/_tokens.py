"""Which elements of the input each token of the first attention layer was made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Pass, Question
from pellucid.attribution._attention._look import INSTEAD, Heads, Look
from pellucid.attribution._operations import frozen
from pellucid.errors import MethodError

FAINT = 1e-5  # of a token's largest slope: below, it does not depend on an element


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Where tokens lie on the point.

    Args:
        made_of: bool ``[T, *shape]``.
    """

    made_of: Tensor

    @property
    def bare(self) -> Tensor:
        """Tokens that no element goes into, such as a class token: bool ``[T]``."""
        return ~self.made_of.flatten(1).any(1)

    def laid(self, values: Tensor) -> Tensor:
        """A token's value ``[N, T]`` divided evenly among its elements: ``[N, *shape]``."""
        each = self.made_of.flatten(1).to(values.dtype)
        each = each / each.sum(1, keepdim=True).clamp(min=1)
        return (values @ each).view(len(values), *self.made_of.shape[1:])


def by_row(heads: Heads, rows: int, method: str) -> Tensor:
    """Weights ``[rows, heads, T, T]``.

    Raises:
        MethodError: where they are not the attention of each row's tokens to themselves.
    """
    return folded(heads.weights, heads, rows, method)


def folded(like: Tensor, heads: Heads, rows: int, method: str) -> Tensor:
    """A tensor like the weights, or like the values, as ``[rows, heads, …, …]``."""
    weights = heads.weights
    queries, keys = weights.shape[-2:]
    if queries != keys:
        raise MethodError(
            f"{method} follows attention of tokens to themselves; {heads.op!r} takes {keys} keys for "
            f"{queries} queries (weights {list(weights.shape)}). {INSTEAD}"
        )
    first = weights.shape[0]
    if weights.ndim < 3 or (first != rows and (weights.ndim > 3 or first % rows)):
        raise MethodError(
            f"{method} cannot tell rows from windows in {heads.op!r}: weights {list(weights.shape)} for "
            f"{rows} rows. {INSTEAD}"
        )
    return like.reshape(rows, -1, *like.shape[-2:])


def tokens(q: Question, method: str) -> Tokens:
    """Follow the tokens of the first attention layer to the point, by their slopes at random points.

    Raises:
        MethodError: where a token depends on most of the input already.
    """

    def support(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        with frozen(work.feed.model, method), torch.enable_grad():
            leaf = points.detach().clone().requires_grad_()
            with Look(method) as seen:
                output = work.output(leaf.clone(), rows, len(ks))
            values = _first(seen, len(leaf), method)
            found = torch.stack([_slopes(values[:, h], leaf) for h in {0, values.shape[1] - 1}], 1)
        return found, work.scored(output, rows, len(ks)).detach()

    one = q.only(torch.tensor([0]))
    points = one.noise(torch.arange(2))
    parts = [s for _, _, s, _ in one.passes(lambda ks, _: points[ks.to(points.device)], 2, by=support)]
    # [points, heads, T, *shape]
    slopes = torch.cat([part.flatten(0, 1) for part in parts]).amax(0)
    top = slopes.flatten(2).amax(2).amax(0)
    made_of = slopes > FAINT * top.view(1, -1, *[1] * (slopes.ndim - 2))
    made_of = torch.stack([_whole(head) for head in made_of])
    if not bool((made_of == made_of[0]).all()):
        raise MethodError(
            f"{method} cannot follow tokens: heads of the first attention layer look at different parts of "
            f"the input, as windows do. {INSTEAD}"
        )
    return _checked(made_of[0], method)


def _first(seen: Look, rows: int, method: str) -> Tensor:
    if not seen.found:
        raise MethodError(
            f"{method} needs attention, a softmax that weighs values; none was seen on the way from the "
            f"explained point to the target. {INSTEAD}"
        )
    heads = seen.found[0]
    values = heads.values
    if values.shape[:-2] != heads.weights.shape[:-2]:
        values = values.expand(*heads.weights.shape[:-2], *values.shape[-2:])
    return folded(values, heads, rows, method)


def _slopes(values: Tensor, leaf: Tensor) -> Tensor:
    """Size of the slope of each token ``[n, T, d]`` in each element of its row: ``[n, T, *shape]``."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(values.shape[-1], generator=generator, dtype=torch.float64).to(values)
    along = (values @ direction).sum(0)
    if not along.requires_grad:
        return leaf.new_zeros(len(leaf), len(along), *leaf.shape[1:])
    found = [torch.autograd.grad(t, leaf, retain_graph=True, materialize_grads=True)[0].abs() for t in along]
    return torch.stack(found, 1)


def _whole(made_of: Tensor) -> Tensor:
    """All channels of a place belong to what one of them belongs to: ``[T, *shape]``."""
    if made_of.ndim < 3:
        return made_of
    ways = [made_of.any(axis, keepdim=True).expand_as(made_of) for axis in (1, made_of.ndim - 1)]
    return min(ways, key=lambda way: int(way.sum()))


def _checked(made_of: Tensor, method: str) -> Tokens:
    flat = made_of.flatten(1)
    some = flat[flat.any(1)]
    if not len(some):
        raise MethodError(f"{method} cannot follow tokens: none depends on the explained point. {INSTEAD}")
    share = float(some.sum(1).float().median()) / int(some.any(0).sum())
    if share > 0.5 and len(some) > 1:
        raise MethodError(
            f"{method} cannot follow tokens to the input: at the first attention layer a token already "
            f"depends on {share:.0%} of it. Explain a later layer with at=, or another method. {INSTEAD}"
        )
    return Tokens(made_of)
