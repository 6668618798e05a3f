"""The units of a layer, one card each: what moves them, which class they tell, what breaks without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.figures._exemplars import LINE, read, text_card
from pellucid.figures._features import GAP, Real, strip
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panel, panels, text
from pellucid.figures._numbers import counted, interval, number, percent
from pellucid.figures._pixels import is_picture
from pellucid.figures._theme import Spec
from pellucid.inputs import TextSpec

if TYPE_CHECKING:
    from pellucid.layers import Exemplars, Selectivity, UnitEffects


def unit_grid(
    strongest: Exemplars,
    middle: Exemplars,
    dataset: Dataset,
    selectivity: Selectivity | None = None,
    untrained: Selectivity | None = None,
    effects: UnitEffects | None = None,
    *,
    limit: int = 12,
    tile: int = 40,
) -> Figure:
    """One card per unit, those with the largest effect first.

    Left the strongest real inputs, cut to what the unit sees; right inputs from the middle of its range.

    Args:
        strongest: from :func:`pellucid.layers.exemplars`.
        middle: from :func:`pellucid.layers.quantile_exemplars`, of the same units.
        dataset: the data that both name rows of.
        selectivity: the class that each unit tells best.
        untrained: the same of an untrained copy.
        effects: what breaks without each unit.
        limit: how many units are drawn; the table has all.
        tile: width of one input in pixels.

    Returns:
        Figure; for columns a table.

    Raises:
        InputError: if the parts are about other layers or units.

    Example:
        >>> unit_grid.__name__
        'unit_grid'
    """
    for other in (middle, selectivity, effects):
        if other is not None and (
            other.site != strongest.site or other.units.tolist() != strongest.units.tolist()
        ):
            raise InputError(f"Parts of {other.site} and {strongest.site}, or of other units, make no page.")
    order = _order(strongest, effects, selectivity)
    chart = None
    reals: list[Real] = []
    if is_picture(dataset.inputs[:1], dataset.spec):
        reals = [Real(None, found, dataset, dataset.spec) for found in (strongest, middle)]
        lines = [_lines(i, dataset, selectivity, effects) for i in order[:limit]]
        cards = [
            _card(reals, int(strongest.units[i]), said, tile)
            for i, said in zip(order[:limit], lines, strict=True)
        ]
        chart = panels(cards, columns=2)
    elif isinstance(dataset.spec, TextSpec):
        chart = panels(
            [
                _words(strongest, dataset, dataset.spec, i, _lines(i, dataset, selectivity, effects))
                for i in order[:limit]
            ],
            columns=2,
        )
    columns = ("unit", "largest", "rows", "best class", "AUC", "95 %", "accuracy lost", "95 % ")
    body = tuple(_row(i, strongest, dataset, selectivity, effects) for i in order)
    note = f"{min(limit, len(order)) if chart else 0} of {counted(strongest.total, 'unit')} drawn. " + (
        "Left: strongest; right: from the middle of the range." if chart and reals else ""
    )
    if chart and strongest.maps is not None:
        note += " " + read(strongest, dataset)
    alt = _alt(strongest, dataset, selectivity, untrained)
    return Figure(f"Units of {strongest.site}", alt, chart, None, Table(columns, body), note.strip())


def _order(strongest: Exemplars, effects: UnitEffects | None, selectivity: Selectivity | None) -> list[int]:
    if effects is not None:
        return effects.margin.argsort(descending=True, stable=True).tolist()
    if selectivity is not None:
        return selectivity.auc.argsort(descending=True, stable=True).tolist()
    return list(range(len(strongest.units)))


def _card(reals: list[Real], unit: int, said: tuple[str, str], tile: int) -> Spec:
    top, middle = (real.tiles(unit, 6) for real in reals)
    left = len(top) * (tile + GAP) + 10
    across = left + max(1, len(middle)) * (tile + GAP)
    layers = [text(0, 0, f"unit {unit}", size=12, bold=True)]
    layers += [*strip(top, tile, 0), *strip(middle, tile, left)]
    layers += [text(0, 26 + tile + 16 * i, line, faint=True, limit=across) for i, line in enumerate(said)]
    return panel(across, 20 + tile + 40, layers)


def _words(strongest: Exemplars, dataset: Dataset, spec: TextSpec, i: int, said: tuple[str, str]) -> Spec:
    card = text_card(strongest, dataset, spec, i)
    layers, height = cast("list[Spec]", card["layer"]), cast("float", card["height"])
    below = [text(0, height + 4 + 16 * j, line, faint=True, limit=LINE) for j, line in enumerate(said)]
    return panel(LINE, height + 40, [*layers, *below])


def _lines(
    i: int, dataset: Dataset, selectivity: Selectivity | None, effects: UnitEffects | None
) -> tuple[str, str]:
    first = second = ""
    if selectivity is not None:
        ends = interval(float(selectivity.low[i]), float(selectivity.high[i]))
        name = _class(dataset, int(selectivity.classes[i]))
        first = f"tells {name}: AUC {number(float(selectivity.auc[i]))} {ends}"
    if effects is not None:
        ends = f"{percent(float(effects.low[i]))} to {percent(float(effects.high[i]))}"
        second = f"accuracy lost without it {percent(float(effects.drop[i]))} ({ends})"
    return first, second


def _class(dataset: Dataset, k: int) -> str:
    return dataset.classes[k] if k < len(dataset.classes) else f"class {k}"


def _row(
    i: int,
    strongest: Exemplars,
    dataset: Dataset,
    selectivity: Selectivity | None,
    effects: UnitEffects | None,
) -> tuple[str | float | int | None, ...]:
    told: tuple[str | float | None, ...] = ("", None, "")
    if selectivity is not None:
        ends = interval(float(selectivity.low[i]), float(selectivity.high[i]))
        told = (_class(dataset, int(selectivity.classes[i])), float(selectivity.auc[i]), ends)
    lost: tuple[str | float | None, ...] = (None, "")
    if effects is not None:
        lost = (float(effects.drop[i]), interval(float(effects.low[i]), float(effects.high[i])))
    rows = ", ".join(map(str, strongest.rows[i, :3].tolist()))
    return (int(strongest.units[i]), float(strongest.values[i, 0]), rows, *told, *lost)


def _alt(
    strongest: Exemplars, dataset: Dataset, selectivity: Selectivity | None, untrained: Selectivity | None
) -> str:
    said = f"{counted(len(strongest.units), 'unit')} of {strongest.site} over {counted(strongest.n, 'input')}"
    if selectivity is None:
        return said + "."
    best = int(selectivity.auc.argmax())
    name = _class(dataset, int(selectivity.classes[best]))
    said += (
        f"; unit {int(selectivity.units[best])} tells {name} best, AUC {number(float(selectivity.auc[best]))}"
    )
    said += f"; the middle unit has {number(float(selectivity.auc.median()))}"
    return said + (f", {number(float(untrained.auc.median()))} untrained." if untrained is not None else ".")
