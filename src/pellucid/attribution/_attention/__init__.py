"""Attention read off a pass, and laid over the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from pellucid._core import Explanation, Param, Pass, Question, Slope, percent
from pellucid.attribution._attention._look import Counts, Look
from pellucid.attribution._attention._tokens import Tokens, by_row, folded, tokens
from pellucid.attribution._operations import frozen
from pellucid.errors import InputError, MethodError

__all__ = ["Mix", "explained"]

# (weights of each layer [n, heads, T, T], their slopes or none, reader [n, T]) -> values [n, T]
Mix = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], Tensor]
FAINT = 1e-9  # of the largest slope: below, the target does not depend on a token


def explained(
    method: str, q: Question, mix: Mix, query: int | None, params: Mapping[str, Param], *, slopes: bool
) -> Explanation:
    """The answer whose tokens get what ``mix`` makes of attention; ``slopes`` of all layers where it asks."""
    if not q.point.is_floating_point():
        list(q.gradients(None, 1))  # raises, saying which layer can be explained
    where = tokens(q, method)
    seen: list[Counts] = []
    by = _by(method, mix, query, seen, slopes=slopes)
    both = torch.cat([found[0] for _, _, found, _ in q.passes(None, 1, by=by)])
    made, reader = both[:, 0], both[:, 1]
    note = _note(where, made, reader, seen[-1], query)
    laid = where.laid(made).view(q.point.shape).to(q.point.dtype)
    return q.answer(method, laid, {**params, "query": query}, note=note)


def _by(method: str, mix: Mix, query: int | None, looked: list[Counts], *, slopes: bool) -> Slope:
    """What one chunk's attention makes of its tokens, and who reads them: ``[n, 2, T]``."""

    def attended(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        with frozen(work, method), torch.enable_grad():
            leaf = points.detach().clone().requires_grad_()
            with Look(method) as seen:
                output = work.output(leaf.clone(), rows, len(ks))
            score = work.scored(output, rows, len(ks))
            if not score.requires_grad:
                raise MethodError(
                    f"{work.target.label} does not depend on {work.at or 'the input'} in a differentiable "
                    "way."
                )
            asked = seen.found if slopes else seen.found[-1:]
            found = torch.autograd.grad(score.sum(), [h.used for h in asked], materialize_grads=True)
        n = len(leaf)
        layers = [by_row(heads, n, method).detach() for heads in seen.found]
        _one_length(layers, [h.op for h in seen.found], method)
        slope = [folded(heads.turn(g), heads, n, method) for heads, g in zip(asked, found, strict=True)]
        reader = _reader(slope[-1], query)
        precise = torch.promote_types(layers[0].dtype, torch.float32)
        made = mix([a.to(precise) for a in layers], [g.to(precise) for g in slope], reader.to(precise))
        looked[:] = [seen.counted()]
        return torch.stack([made, reader.to(precise)], 1), score.detach()

    return attended


def _one_length(layers: Sequence[Tensor], ops: Sequence[str], method: str) -> None:
    for layer, op in zip(layers, ops, strict=True):
        if layer.shape[-1] != layers[0].shape[-1]:
            raise MethodError(
                f"{method} cannot follow tokens through {op!r}: it has {layer.shape[-1]} of them, the first "
                f"attention layer has {layers[0].shape[-1]}."
            )


def _reader(slope: Tensor, query: int | None) -> Tensor:
    """Weights ``[n, T]`` of the tokens whose rows are read, from the slopes in the last layer."""
    count = slope.shape[-1]
    if query is not None:
        if not -count <= query < count:
            raise InputError(f"query must be one of the tokens 0 to {count - 1}, got {query}.")
        return torch.nn.functional.one_hot(
            torch.full((len(slope),), query % count, device=slope.device), count
        ).to(slope.dtype)
    size = slope.abs().amax((1, 3))
    used = (size > FAINT * size.amax(1, keepdim=True)).to(slope.dtype)
    used = torch.where(used.any(1, keepdim=True), used, torch.ones_like(used))
    return used / used.sum(1, keepdim=True)


def _note(where: Tokens, made: Tensor, reader: Tensor, seen: Counts, query: int | None) -> str:
    told = [f"{seen.layers} attention layer{'s' if seen.layers > 1 else ''}"]
    if seen.fused:
        told.append(f"{seen.fused} of them fused: weights recomputed, with the same output")
    bare = where.bare.to(made.device)
    place, single = reader.argmax(1), bool((reader > 0).sum(1).eq(1).all())
    if single and len(place.unique()) == 1:
        name = "the class token" if bool(bare[place[0]]) else f"token {int(place[0])}"
        told.append(f"read at {name}" + ("" if query is not None else ", on which alone the target depends"))
    elif single:
        told.append("read at the one token of each row on which the target depends")
    else:
        told.append("mean over the tokens on which the target depends")
    total = made.abs().sum(1)
    held = (made[:, bare].abs().sum(1) / total.where(total > 0, torch.ones_like(total))).mean()
    if bool(bare.any()):
        told.append(f"{percent(float(held), 0)} stays on tokens that no input goes into and is left out")
    return "; ".join([told[0][0].upper() + told[0][1:], *told[1:]]) + "."
