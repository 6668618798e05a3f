"""True answers against estimates, band by band."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import against_even
from pellucid.figures._numbers import counted, number
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from pellucid.tasks import NumberCalibration


def number_calibration(found: NumberCalibration, *, unit: str = "", size: int = 240) -> Figure:
    """The mean true answer against the mean estimate; on the dashed line both are the same.

    Args:
        found: of :func:`pellucid.tasks.number_calibration`.
        unit: of the answer.
        size: side in pixels.

    Returns:
        Figure.

    Example:
        >>> number_calibration.__name__
        'number_calibration'
    """
    rows = [(each.said, each.came.value, each.came.low, each.came.high, each.n) for each in found.bands]
    values = [{"x": x, "y": y, "low": low, "high": high, "n": n} for x, y, low, high, n in rows]
    ends = [end for x, y, low, high, _ in rows for end in (x, y, low, high) if end == end]
    low, high = min(ends), max(ends)
    room = 0.04 * (high - low or 1.0)
    axis: Spec = {
        "type": "quantitative",
        "scale": {"domain": [low - room, high + room], "nice": False, "zero": False},
        "axis": {"tickCount": 5},
    }
    said = f" [{unit}]" if unit else ""
    x: Spec = {**axis, "field": "x", "title": f"estimated (mean){said}"}
    y: Spec = {**axis, "field": "y", "title": f"came true (mean){said}"}
    chart = against_even(values, x, y, (low, high), size)
    off = max(rows, key=lambda row: abs(row[0] - row[1]))
    alt = (
        f"True answers against estimates, in {counted(len(rows), 'band')} of {found.n:,} rows. Furthest off: "
        f"estimated {number(off[0])}, came true {number(off[1])} [{number(off[2])}, {number(off[3])}] {unit}"
    ).rstrip() + "."
    table = Table(("estimated", "came true", "low", "high", "rows"), tuple(rows))
    return Figure(
        "Estimated and true", alt, chart, None, table, "Lines are 95 % intervals of the mean true answer."
    )
