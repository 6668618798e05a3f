"""Clusters of attribution maps: which rows of an answer are decided alike, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.figures._colour import paint
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import image, panel, panels, text
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._pixels import array, fit, png
from pellucid.inputs import AudioSpec

if TYPE_CHECKING:
    from pellucid.evidence import MapCluster, Shortcuts

TILE, SHOWN = 96, 12


def map_clusters(found: Shortcuts) -> list[Figure]:
    """Mean maps of the clusters, those that gather in the smallest place first; none where there are none."""
    if not found.clusters:
        return []
    ordered = sorted(found.clusters, key=lambda one: one.area)
    low = isinstance(found.spec, AudioSpec)
    parts = [_tile(one, flipped=low) for one in ordered[:SHOWN]]
    body = tuple(
        (one.answer, one.n, one.of, percent(one.area, 0), ", ".join(number(v, 2) for v in one.eigenvalues))
        for one in ordered
    )
    first = ordered[0]
    alt = (
        f"{counted(len(ordered), 'cluster')} of attribution maps. The most gathered one: half of the maps of "
        f"{first.n} of {first.of} rows answered {first.answer} lies in {percent(first.area, 0)} of the area."
    )
    columns = ("answer", "rows", "of", "area of half the map", "eigenvalues")
    more = f" {SHOWN} of {len(ordered)} shown." if len(ordered) > SHOWN else ""
    note = (
        "Mean of |map|, yellow is most; rows of one answer, clustered by where their maps lie (spectral "
        f"clustering, the largest gap between eigenvalues gives their number).{more} A cluster is only a "
        "reason to look; what it points to was put to the test above."
    )
    return [
        Figure(
            "Clusters of attribution maps", alt, panels(parts, columns=6), None, Table(columns, body), note
        )
    ]


def _tile(one: MapCluster, *, flipped: bool) -> dict[str, object]:
    values = array(one.map)
    values = values[::-1] if flipped else values
    pixels = fit(paint(values / max(1e-12, float(np.quantile(values, 0.995))), "cividis"), TILE)
    tall, wide = pixels.shape[:2]
    layers = [
        image(png(pixels), 0, 0, wide, tall),
        text(0, tall + 5, one.answer, bold=True, limit=TILE + 20),
        text(0, tall + 20, f"{one.n} of {one.of} rows", faint=True, size=10),
        text(0, tall + 33, f"half in {percent(one.area, 0)}", faint=True, size=10),
    ]
    return panel(TILE + 24, tall + 46, layers)
