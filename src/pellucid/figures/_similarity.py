"""How alike layers are, beside what an untrained copy has in common with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pellucid.figures._depth import depth_lines, heat
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, number
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from pellucid.layers import RepresentationSimilarity


NAME, OTHER = "CKA less chance", "the other network"


def similarity(found: RepresentationSimilarity) -> Figure:
    """The matrix of CKA less chance, and each layer's reference lines.

    One number is the unbiased CKA times ``1 − s² / CKA²``, never below 0, with s² the mean square that random
    pairings of the rows give: single values of unrelated layers scatter, these lie near 0. The table has
    both.

    Args:
        found: from :func:`pellucid.layers.representation_similarity`.

    Returns:
        Figure; its table has every pair with the null band.

    Example:
        >>> similarity.__name__
        'similarity'
    """
    rows, columns, values = found.sites, found.other_sites, _values(found)
    references = _references(found)
    if len(rows) == 1:
        charts: list[Spec] = [_row(found)]
    else:
        cell = 22 if len(columns) <= 40 else max(4, 880 // len(columns))
        sides = ("this network", OTHER) if found.between else None
        charts = [heat(rows, columns, values.tolist(), NAME, domain=(0, 1), cell=cell, sides=sides)]
    lines = _namesakes(found) | {f"with {name}": line.tolist() for name, line in references.items()}
    if lines and len(rows) > 1:
        charts.append(depth_lines(rows, lines, "each layer with its namesake", domain=(0, 1)))
    body = tuple(
        (rows[i], columns[j], float(values[i, j]), float(found.values[i, j]), float(found.null[i, j]))
        for i, j in _pairs(found)
    )
    body += tuple(
        (row, f"the same, {name}", float(references[name][i]), float(line[i]), None)
        for name, line in found.references.items()
        for i, row in enumerate(rows)
    )
    note = f"{counted(found.n, 'row')} in blocks of {found.block}.{_chance(found)} {found.note}".strip()
    table = Table(("layer", "with", NAME, "unbiased CKA", "random pairings stay below"), body)
    return Figure("How alike layers are", _alt(found), panels(charts, columns=2), None, table, note)


def _pairs(found: RepresentationSimilarity) -> list[tuple[int, int]]:
    """Of one network each pair of different layers once, of two networks every pair."""
    same = not found.between and found.sites == found.other_sites
    return [
        (i, j)
        for i, row in enumerate(found.sites)
        for j, column in enumerate(found.other_sites)
        if (i < j if same else found.between or row != column)
    ]


def _namesakes(found: RepresentationSimilarity) -> dict[str, list[float]]:
    """Each layer with the one of the same name in the other network."""
    at = {site: j for j, site in enumerate(found.other_sites)}
    if not found.between or at.keys().isdisjoint(found.sites):
        return {}
    line = [
        float(_values(found)[i, at[site]]) if site in at else math.nan for i, site in enumerate(found.sites)
    ]
    return {f"with {OTHER}": line}


def _chance(found: RepresentationSimilarity) -> str:
    """What has to be known to read a small value: how far chance reaches with so few rows."""
    apart = [float(found.null[i, j]) for i, j in _pairs(found)]
    known = [value for value in apart if math.isfinite(value)]
    if not known:
        return ""
    return (
        f" Layers with nothing in common give 0, give or take {number(max(known), 2)} with so many rows "
        "(random pairings, by pair in the table). Shown is CKA · (1 − s² / CKA²), at least 0, s² the mean "
        "square of these pairings; the table has both."
    )


def _values(found: RepresentationSimilarity) -> Tensor:
    return found.values if found.shrunk is None else found.shrunk


def _references(found: RepresentationSimilarity) -> Mapping[str, Tensor]:
    return found.references if found.shrunk_references is None else found.shrunk_references


def _row(found: RepresentationSimilarity) -> Spec:
    """One layer with every other, by depth, and as levels its own twins."""
    lines = {f"with {found.sites[0]}": _values(found)[0].tolist()}
    for name, line in _references(found).items():
        lines[f"itself, {name}"] = [float(line[0])] * len(found.other_sites)
    return depth_lines(found.other_sites, lines, NAME, domain=(0, 1))


def _alt(found: RepresentationSimilarity) -> str:
    what = counted(len(found.sites), "layer")
    if found.between:
        what += f" with {counted(len(found.other_sites), 'layer')} of {OTHER}"
    said = f"CKA less chance of {what} over {counted(found.n, 'row')}"
    pairs = [(float(_values(found)[i, j]), found.sites[i], found.other_sites[j]) for i, j in _pairs(found)]
    pairs = [pair for pair in pairs if math.isfinite(pair[0])]
    if pairs:
        low, high = min(pairs), max(pairs)
        said += f"; least alike {low[1]} and {low[2]} ({number(low[0], 2)})"
        said += f", most {high[1]} and {high[2]} ({number(high[0], 2)})"
    for name, line in _references(found).items():
        ends = [v for v in line.tolist() if math.isfinite(v)]
        if ends:
            between = number(min(ends), 2)
            between += f" to {number(max(ends), 2)}" if len(ends) > 1 else ""
            said += f"; with the same layer of the {name} network {between}"
    return said + "."
