"""Which elements of the input each token of the first attention layer was made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Pass, Question, brief, percent
from pellucid.attribution._attention._look import Heads, Look
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

    __repr__ = brief

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
            f"{queries} queries (weights {list(weights.shape)})."
        )
    first = weights.shape[0]
    if weights.ndim < 3 or (first != rows and (weights.ndim > 3 or first % rows)):
        raise MethodError(
            f"{method} cannot tell rows from windows in {heads.op!r}: weights {list(weights.shape)} for "
            f"{rows} rows."
        )
    return like.reshape(rows, -1, *like.shape[-2:])


def tokens(q: Question, method: str) -> Tokens:
    """Follow the tokens of the first attention layer to the point, by their slopes at random points.

    Raises:
        MethodError: where a token depends on most of the input already.
    """

    def support(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        with frozen(work, method), torch.enable_grad():
            leaf = points.detach().clone().requires_grad_()
            with Look(method) as seen:
                output = work.output(leaf.clone(), rows, len(ks))
            values = _first(seen, len(leaf), method)[0]
            every = range(values.shape[1])
            # all heads look at the same tokens, unless they are windows
            found = [_sloped(values[0], every, leaf), _sloped(values[-1], _some(len(every)), leaf)]
        return torch.cat(found)[None], work.scored(output, rows, len(ks)).detach()

    one = q.only(torch.tensor([0]))
    point = one.noise(torch.zeros(1, dtype=torch.int64))
    (found,) = (s[0, 0] for _, _, s, _ in one.passes(lambda ks, _: point, 1, by=support))
    made_of, wrong = _told(_whole(found))
    if wrong:
        raise MethodError(f"{method} cannot follow tokens{wrong}{q.instead}")
    return Tokens(made_of)


def _some(count: int) -> tuple[int, ...]:
    """The first, the middle and the last of so many tokens."""
    return tuple(dict.fromkeys((0, count // 2, count - 1)))


def _first(seen: Look, rows: int, method: str) -> Tensor:
    if not seen.found:
        raise MethodError(
            f"{method} needs attention, a softmax that weighs values; none was seen on the way from the "
            "explained point to the target."
        )
    heads = seen.found[0]
    values = heads.values
    if values.shape[:-2] != heads.weights.shape[:-2]:
        values = values.expand(*heads.weights.shape[:-2], *values.shape[-2:])
    return folded(values, heads, rows, method)


def _sloped(values: Tensor, which: Iterable[int], leaf: Tensor) -> Tensor:
    """Whether each token of ``[T, d]`` has a slope in each element of the one row: bool ``[len, *shape]``."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(values.shape[-1], generator=generator, dtype=torch.float64).to(values)
    along = values @ direction
    if not along.requires_grad:
        return torch.zeros(len(list(which)), *leaf.shape[1:], dtype=torch.bool, device=leaf.device)
    found: list[Tensor] = []
    for token in which:
        size = torch.autograd.grad(along[token], leaf, retain_graph=True, materialize_grads=True)[0][0].abs()
        found.append(size > FAINT * size.max())
    return torch.stack(found)


def _whole(made_of: Tensor) -> Tensor:
    """All channels of a place belong to what one of them belongs to: ``[T, *shape]``."""
    if made_of.ndim < 3:
        return made_of
    ways = [made_of.any(axis, keepdim=True).expand_as(made_of) for axis in (1, made_of.ndim - 1)]
    return min(ways, key=lambda way: int(way.sum()))


def _told(found: Tensor) -> tuple[Tensor, str]:
    """What the tokens of one head were made of, and why they have no place on the input, if they have none.

    ``found`` has all tokens of a head ``[T, *shape]``, then some of another.
    """
    count = next(t for t in range(1, len(found)) if t + len(_some(t)) == len(found))
    made_of, others = found[:count], found[count:]
    if not torch.equal(made_of[list(_some(count))], others):
        return made_of, ": heads of the first attention layer look at different parts of it, as windows do."
    flat = made_of.flatten(1)
    some = flat[flat.any(1)]
    if not len(some):
        return made_of, ": none depends on the explained point."
    share = float(some.sum(1).float().median()) / int(some.any(0).sum())
    if share > 0.5 and len(some) > 1:
        return made_of, (
            f" to the input: at the first attention layer a token already depends on "
            f"{percent(share, 0)} of it. Explain a later layer with at=."
        )
    return made_of, ""
