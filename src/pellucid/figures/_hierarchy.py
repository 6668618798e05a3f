"""Curves of depth beside untrained networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pellucid.figures._depth import depth_lines
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, number
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from pellucid.layers import Hierarchy


def hierarchy(found: Hierarchy) -> Figure:
    """Field, selectivity of units and probes, invariance and composition by depth; bars span the seeds.

    Args:
        found: from :func:`pellucid.layers.hierarchy`.

    Returns:
        Figure.

    Example:
        >>> hierarchy.__name__
        'hierarchy'
    """
    charts: list[Spec] = []
    body: list[tuple[str | float, ...]] = []
    for c, name in enumerate(found.curves):
        untrained = found.untrained[:, c]
        low, high, middle = untrained.amin(0), untrained.amax(0), untrained.mean(0)
        body += [
            (name, site, *(float(part[s]) for part in (found.own[c], middle, low, high)))
            for s, site in enumerate(found.sites)
        ]
        if not bool(found.own[c].isfinite().any()):
            continue
        series = {"this network": found.own[c].tolist(), "untrained copies": middle.tolist()}
        bands = {"untrained copies": torch.stack([low, high], 1).tolist()}
        if len(found.others):
            beside = found.others[:, c]
            series["other seeds, trained"] = beside.mean(0).tolist()
            bands["other seeds, trained"] = torch.stack([beside.amin(0), beside.amax(0)], 1).tolist()
        level = found.input_invariance if name == "invariance" else None
        charts.append(depth_lines(found.sites, series, name, bands=bands, level=level))
    columns = ("curve", "layer", "this network", "untrained, mean", "lowest", "highest")
    copies = counted(len(found.untrained), "untrained copy", "untrained copies")
    if len(found.others):
        copies += f"; {counted(1 + len(found.others), 'trained seed')}"
    note = (
        f"{counted(found.n, 'input')}; {copies}. Dotted: the inputs' own invariance, "
        f"{number(found.input_invariance, 2)}. {found.note}"
    ).strip()
    table = Table(columns, tuple(body))
    return Figure("From layer to layer", _alt(found), panels(charts, columns=2), None, table, note)


def _alt(found: Hierarchy) -> str:
    said: list[str] = []
    for c, name in enumerate(found.curves):
        if not bool(found.own[c].isfinite().any()):
            continue
        apart = found.apart[name]
        total = int(found.own[c].isfinite().sum())
        ends = found.own[c][found.own[c].isfinite()]
        course = f"{number(float(ends[0]), 2)} to {number(float(ends[-1]), 2)}"
        said.append(
            f"{name} goes from {course}, above all untrained copies at {len(apart)} of "
            f"{counted(total, 'layer')}"
            if apart
            else f"{name} ({course}) is nowhere above the untrained copies"
        )
    words = "; ".join(said)
    words = words[:1].upper() + words[1:] + "."
    if said and not any(found.apart.values()):
        words += " Nothing here separates this network from untrained ones: depth alone gives these curves."
    return words
