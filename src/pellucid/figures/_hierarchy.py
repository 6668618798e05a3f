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

_SAYS = {
    "effective field": "side of the region that a unit's slope comes from ÷ the input's side",
    "selectivity": "AUC of the middle unit for the class that it tells best",
    "probe selectivity": "held-out accuracy of a linear probe less that of one for random answers",
    "invariance": "correlation of what a layer says of an input and of the input slightly changed",
    "composition": "share of what a unit owes to the layer before that its five strongest predecessors "
    "carry, less that of five at random",
}


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
    shown: list[str] = []
    for c, name in enumerate(found.curves):
        beside = {"untrained copies": found.untrained[:, c]}
        if len(found.others):
            beside["other seeds, trained"] = found.others[:, c]
        spans = {who: torch.stack([part.mean(0), part.amin(0), part.amax(0)]) for who, part in beside.items()}
        every = torch.cat([found.own[c][None], *spans.values()])
        if not bool(found.own[c].isfinite().any()):
            continue
        body += [(name, site, *every[:, s].tolist()) for s, site in enumerate(found.sites)]
        shown.append(f"{name}: {_SAYS[name]}" if name in _SAYS else name)
        series = {"this network": found.own[c].tolist()} | {
            who: span[0].tolist() for who, span in spans.items()
        }
        bands = {who: span[1:].T.tolist() for who, span in spans.items()}
        level = found.input_invariance if name == "invariance" else None
        charts.append(depth_lines(found.sites, series, name, bands=bands, level=level))
    columns = ("curve", "layer", "this network", "untrained, mean", "lowest", "highest")
    copies = counted(len(found.untrained), "untrained copy", "untrained copies")
    if len(found.others):
        columns += ("other seeds, mean", "their lowest", "their highest")
        copies += f"; {counted(1 + len(found.others), 'trained seed')}"
    note = (
        f"{counted(found.n, 'input')}; {copies}; bars from the lowest to the highest. If training made no "
        f"difference, one layer in {found.by_chance} would lie above. {_sentence('; '.join(shown))} Fine "
        f"dots under invariance: the inputs' own, {number(found.input_invariance, 2)}. {found.note}"
    ).strip()
    table = Table(columns, tuple(body))
    return Figure("From layer to layer", _alt(found), panels(charts, columns=2), None, table, note)


def _alt(found: Hierarchy) -> str:
    said: list[str] = []
    for c, name in enumerate(found.curves):
        ends = found.own[c][found.own[c].isfinite()]
        if not len(ends):
            continue
        where = [
            f"{side} all untrained copies at {len(sites)}"
            for side, sites in (("above", found.apart[name]), ("below", found.beneath[name]))
            if sites
        ]
        course = f"{name} goes from {number(float(ends[0]), 2)} to {number(float(ends[-1]), 2)}"
        clear = f"{' and '.join(where)} of {counted(len(ends), 'layer')}"
        said.append(f"{course}, {clear if where else 'nowhere clear of the untrained copies'}")
    words = _sentence("; ".join(said))
    if said and not any(found.apart.values()):
        words += " Nothing here rises above untrained networks: depth alone gives these curves."
    if found.others.shape[0] and any(map(len, [*found.apart.values(), *found.beneath.values()])):
        words += f" What is said of the copies holds for all {1 + len(found.others)} trained seeds."
    return words


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
