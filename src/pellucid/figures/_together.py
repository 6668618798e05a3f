"""Which units go up and down together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.figures._depth import heat
from pellucid.figures._features import GAP, strip, unit_noun
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panel, panels, text
from pellucid.figures._numbers import counted, number, signed
from pellucid.figures._pixels import is_picture
from pellucid.figures._real import Real
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from pellucid.layers import CoActivation, Exemplars

_MOST = 24


def co_activation(
    found: CoActivation,
    partners: Exemplars | None = None,
    dataset: Dataset | None = None,
    *,
    unit: int | None = None,
    k: int = 6,
    tile: int = 40,
) -> Figure:
    """The units that each unit goes with: for one unit its companions with their inputs, else a map.

    Args:
        found: from :func:`pellucid.layers.co_activation`.
        partners: strongest inputs of the companions of ``unit``.
        dataset: the data that ``partners`` names rows of.
        unit: the one that is asked about; ``None`` for all.
        k: inputs per companion.
        tile: width of one in pixels.

    Returns:
        Figure.

    Raises:
        InputError: if there is no such unit.

    Example:
        >>> co_activation.__name__
        'co_activation'
    """
    if unit is None:
        return _all(found)
    if not 0 <= unit < len(found.partners):
        raise InputError(f"{found.site} has units 0 to {len(found.partners) - 1}, got {unit}.")
    others, r = found.partners[unit].tolist(), found.correlation[unit].tolist()
    control = float(found.untrained[unit])
    noun = unit_noun(found.site)
    told = ", ".join(f"{noun} {other} ({signed(value, 2)})" for other, value in zip(others, r, strict=True))
    alt = f"{noun.capitalize()} {unit} goes with {told}" + _control(control)
    body = tuple((f"{noun} {other}", float(value)) for other, value in zip(others, r, strict=True))
    table = Table(("goes with", "correlation"), body)
    chart = None
    if partners is not None and dataset is not None and is_picture(dataset.inputs[:1], dataset.spec):
        real = Real.among(partners, dataset)
        cards = [
            _card(real, f"{noun} {other}", other, value, k, tile)
            for other, value in zip(others, r, strict=True)
        ]
        chart = panels(cards, columns=3)
    note = f"Pearson's r of the largest activations over {counted(found.n, 'input')}.{_noted(control)}"
    return Figure(f"{noun.capitalize()}s that go with {noun} {unit}", alt, chart, None, table, note)


def _companions(found: CoActivation, unit: int) -> str:
    others, r = found.partners[unit].tolist(), found.correlation[unit].tolist()
    if not any(r):
        return "never changes"
    return ", ".join(f"{other} ({signed(value, 2)})" for other, value in zip(others, r, strict=True))


def _control(value: float) -> str:
    return f"; in an untrained copy its closest has {number(value, 2)}." if math.isfinite(value) else "."


def _noted(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return f" The largest of the same in an untrained copy, in size: {number(value, 2)}."


def _card(real: Real, name: str, unit: int, value: float, k: int, tile: int) -> Spec:
    tiles = real.tiles(unit, k)
    across = max(1, len(tiles)) * (tile + GAP) - GAP
    head = [text(0, 0, name, size=12, bold=True)]
    head.append(text(across, 0, f"r {signed(value, 2)}", faint=True, align="right"))
    return panel(across, 22 + tile, [*head, *strip(tiles, tile, 0)])


def _all(found: CoActivation) -> Figure:
    order = found.correlation[:, 0].abs().argsort(descending=True, stable=True).tolist()
    shown = sorted(order[:_MOST])
    names = [str(u) for u in shown]
    known = [dict(zip(found.partners[u].tolist(), found.correlation[u].tolist(), strict=True)) for u in shown]
    values = [[line.get(other, float("nan")) for other in shown] for line in known]
    chart = heat(names, names, values, "correlation with companions", domain=(-1, 1), signed=True, cell=15)
    body = tuple((u, _companions(found, u), float(found.untrained[u])) for u in range(len(found.partners)))
    best = order[0]
    alt = (
        f"Of {counted(len(found.partners), 'unit')} of {found.site}, units {best} and "
        f"{int(found.partners[best, 0])} go together most (r {signed(float(found.correlation[best, 0]), 2)})"
    )
    own = found.correlation[:, 0].abs().median()
    beside = found.untrained[found.untrained.isfinite()]
    alt += f"; the median unit's closest has {number(float(own), 2)}"
    alt += f", {number(float(beside.median()), 2)} untrained." if len(beside) else "."
    note = (
        f"{len(shown)} of {counted(len(body), 'unit')} drawn. Colour: Pearson's r of the largest activations "
        f"over {counted(found.n, 'input')}, of each line's unit with the {found.partners.shape[1]} that go "
        "with it most; the other cells are left empty."
    )
    columns = ("unit", "goes with (r)", "largest, untrained")
    return Figure(f"Units of {found.site} that go together", alt, chart, None, Table(columns, body), note)
