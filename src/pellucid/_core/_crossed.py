"""Points that are the same for all rows: each passes once, whatever is asked about each row."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from pellucid._core._compute import Compute
from pellucid._core._outputs import stream
from pellucid._core._pass import Pass
from pellucid._core._target import the_output


def crossed(work: Pass, points: Tensor, compute: Compute, counted: list[int]) -> Tensor:
    """Scores ``[B, N]`` of each row's target for points ``[B, *shape]`` at the inputs."""
    target, count = work.target, work.feed.rows
    feed = dataclasses.replace(work.feed, packed=points)
    # outputs are repeated for a few rows at a time, so that no more of them are held than one chunk has
    each = max(1, compute.batch_size // min(len(points), compute.batch_size))
    found: list[Tensor] = []
    read = [] if target.site is None else [target.site]
    for some, raw, seen in stream(feed, compute, read=read, stop=target.site):
        counted[0] += some.stop - some.start
        output = the_output(raw, target.output) if target.site is None else seen[target.site]
        parts: list[Tensor] = []
        with torch.no_grad():
            for first in range(0, count, each):
                rows = slice(first, min(first + each, count))
                wide = output.repeat_interleave(rows.stop - first, 0)
                parts.append(work.scored(wide, rows, len(output)).detach().view(len(output), -1))
        found.append(torch.cat(parts, 1))
    return torch.cat(found)
