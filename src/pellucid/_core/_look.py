"""What the unchanged inputs show at a hidden site: activation, scores and slopes, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core._beside import Again
from pellucid._core._compute import Compute
from pellucid._core._feed import to_be_told
from pellucid._core._outputs import stream
from pellucid._core._pass import Pass
from pellucid._core._passes import passes
from pellucid._core._place import kept_rows
from pellucid._core._probe import probe
from pellucid._core._refusals import refusal
from pellucid._core._target import the_output
from pellucid.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Made by :func:`look`.

    Args:
        point: the activation ``[N, *shape]``.
        base: scores ``[N]``.
        slope: of the scores by the activation, like it; ``None`` where it was not asked for.
    """

    point: Tensor
    base: Tensor
    slope: Tensor | None = None


def look(work: Pass, site: str, compute: Compute, counted: list[int], *, slope: bool) -> Look:
    """Read a site in the pass that gives the scores; ``work`` puts points at the inputs.

    Raises:
        SiteError, InputError: where the site is not reached once with the row axis first.
        MethodError: where a slope is asked for, and the score does not depend on the site.
    """
    if slope:
        return _with_slope(work, site, compute, counted)
    point: list[Tensor] = []
    base: list[Tensor] = []
    for rows, raw, seen in stream(work.feed, compute, read=[site]):
        counted[0] += rows.stop - rows.start
        point.append(seen[site].detach())
        if len(point[-1]) == rows.stop - rows.start:
            with torch.no_grad():
                base.append(work.scored(the_output(raw, work.target.output), rows, 1).detach())
    return Look(kept_rows(torch.cat(point), site, work.feed.rows), torch.cat(base))


def _with_slope(work: Pass, site: str, compute: Compute, counted: list[int]) -> Look:
    point: list[Tensor] = []
    held = True

    def cut(layer: Tensor) -> Tensor:
        if not layer.is_floating_point():
            raise InputError(refusal(work.feed.model, layer.dtype))
        # what lies below the site needs no way back
        return layer.detach().requires_grad_()

    def by(own: Pass, points: Tensor, _: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        nonlocal held
        if not held:
            return found(own, points, rows)
        # without slopes of its own the network records nothing below the site
        own.feed.guard.hold()
        try:
            return found(own, points, rows)
        except Exception as error:
            if to_be_told(error):
                raise
            # it may take slopes itself; what is wrong with it will be wrong again, and is told then
            held = False
            raise Again from error

    def found(own: Pass, points: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        fed = own.laid(points, rows, 1)
        with probe(own.feed.model, read=[site], write={site: cut}) as seen:
            score = own.score(fed, rows, 1)
        layer = kept_rows(seen[site], site, len(points))
        grad = own.differentiated(score, layer, torch.ones_like(score), of=site)
        point.append(layer.detach().contiguous())
        return grad.to(layer.dtype), score.detach()

    slope: list[Tensor] = []
    base: list[Tensor] = []
    for _, grad, score in passes(work, work.feed.packed, None, 1, compute, counted, gradients=True, by=by):
        if grad is not None:
            slope.append(grad)
        base.append(score)
    return Look(torch.cat(point), torch.cat(base), torch.cat(slope))
