"""Points that are the same for all rows: each passes once, whatever is asked about each row."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from pellucid._core._compute import Compute
from pellucid._core._outputs import stream
from pellucid._core._pass import Pass
from pellucid._core._still import apart, still
from pellucid._core._target import the_output


def crossed(work: Pass, points: Tensor, compute: Compute, counted: list[int]) -> tuple[Tensor, Tensor | None]:
    """Scores ``[B, N]`` of each row's target for points ``[B, *shape]`` at the inputs.

    And those ``[N]`` of the rows themselves, which go along through networks that keep rows apart: every
    pass reads all weights. ``None`` through others.
    """
    feed, target, guard, count = work.feed, work.target, work.feed.guard, len(points)
    # rows with several targets pass once elsewhere
    along = work.fold is None and apart(guard.modules) and still(guard.modules, guard.tensors)
    packed = torch.cat([points, feed.packed]) if along else points
    turned = feed.layout.pays(guard.modules, guard.parameters, packed) and feed.layout.checked
    laid = torch.channels_last if turned else torch.preserve_format
    found: list[Tensor] = []
    own: list[Tensor] = []
    read = [] if target.site is None else [target.site]
    fed = dataclasses.replace(feed, packed=packed)
    for some, raw, seen in stream(fed, compute, read=read, stop=target.site, laid=laid):
        counted[0] += some.stop - some.start
        output = the_output(raw, target.output) if target.site is None else seen[target.site]
        there = min(max(0, count - some.start), some.stop - some.start)
        with torch.no_grad():
            if there:
                found.append(_each(work, output[:there], compute))
            if some.stop > count:
                rows = slice(some.start + there - count, some.stop - count)
                own.append(work.scored(output[there:], rows, 1).detach())
    return torch.cat(found), torch.cat(own) if along else None


def _each(work: Pass, output: Tensor, compute: Compute) -> Tensor:
    """Scores ``[b, N]`` of each row's target for the same outputs ``[b, …]``."""
    count, most = work.feed.rows, compute.batch_size
    # outputs are repeated for a few rows at a time, so that no more of them are held than one chunk has
    each = max(1, most // len(output))
    parts: list[Tensor] = []
    for first in range(0, count, each):
        rows = slice(first, min(first + each, count))
        wide = output.repeat_interleave(rows.stop - first, 0)
        parts.append(work.scored(wide, rows, len(output)).detach().view(len(output), -1))
    return torch.cat(parts, 1)
