"""The units of a layer, one card each: what moves them, which class they tell, what breaks without them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._exemplars import LINE, read, text_card
from pellucid.figures._features import GAP, strip
from pellucid.figures._figure import Figure, Table, Word
from pellucid.figures._marks import panel, panels, text, word
from pellucid.figures._numbers import class_said, counted, interval, number, percent, share_interval
from pellucid.figures._pixels import is_picture
from pellucid.figures._real import Real
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._tiles import Drawing, false_colours
from pellucid.inputs import TextSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures
    from pellucid.layers import Exemplars, Selectivity, UnitEffects, UnitValues

WORD = 195  # the longest word of evidence with its sign, in pixels
CLASSES = 20  # above which their means are not drawn


def unit_grid(
    strongest: Exemplars,
    middle: Exemplars,
    dataset: Dataset,
    selectivity: Selectivity | None = None,
    untrained: Selectivity | None = None,
    effects: UnitEffects | None = None,
    pictures: FeaturePictures | None = None,
    values: UnitValues | None = None,
    *,
    limit: int = 12,
    first: int = 0,
    tile: int = 40,
    noun: str = "unit",
    place: str = "",
) -> Figure:
    """One card per unit, those with the largest effect first.

    On top the strongest real inputs, cut to what the unit sees; below inputs from the middle of its range,
    what was made to move it, and its mean for each class.

    Args:
        strongest: from :func:`pellucid.layers.exemplars`.
        middle: from :func:`pellucid.layers.quantile_exemplars`, of the same units.
        dataset: the data that both name rows of.
        selectivity: the class that each unit tells best.
        untrained: the same of an untrained copy.
        effects: what breaks without each unit.
        pictures: made inputs of some of the units.
        values: what each gives for each row of ``dataset``.
        limit: how many units are drawn; the table has all.
        first: how many are skipped before.
        tile: width of one input in pixels.
        noun: what a unit is called.
        place: what they are units of; the layer where it is left out.

    Returns:
        Figure; for columns a table.

    Raises:
        InputError: if the parts are about other layers or units.

    Example:
        >>> unit_grid.__name__
        'unit_grid'
    """
    for other in (middle, selectivity, effects, values):
        if other is not None and (
            other.site != strongest.site or other.units.tolist() != strongest.units.tolist()
        ):
            raise InputError(f"Parts of {other.site} and {strongest.site}, or of other units, make no page.")
    called = place or strongest.site
    order = _order(strongest, effects, selectivity)
    shown = order[first : first + limit]
    chart = None
    if is_picture(dataset.inputs[:1], dataset.spec) and shown:
        grid = _Grid(
            strongest,
            middle,
            dataset,
            selectivity,
            untrained,
            effects,
            pictures,
            values,
            tile,
            noun,
            false_colours(dataset),
        )
        chart = panels([grid.card(i) for i in shown], columns=3)
    elif isinstance(dataset.spec, TextSpec) and shown:
        cards = [(i, _lines(i, dataset, selectivity, untrained, effects)) for i in shown]
        chart = panels([_words(strongest, dataset, dataset.spec, i, said) for i, said in cards], columns=2)
    elif selectivity is not None and shown:
        chart = _dots(shown, dataset, selectivity, untrained, noun)
    body = tuple(_row(i, strongest, dataset, selectivity, untrained, effects, pictures) for i in order)
    columns = (noun, "largest", "rows", "best class", "AUC", "95 %", "untrained", "accuracy lost [95 %]")
    columns += ("made input",) if pictures is not None else ()
    # numbers have no classes to tell apart: columns without a single entry are left out
    kept = [k for k in range(len(columns)) if k < 3 or any(row[k] not in ("", "–", None) for row in body)]
    table = Table(tuple(columns[k] for k in kept), tuple(tuple(row[k] for k in kept) for row in body))
    note = _note(
        len(shown) if chart else 0,
        first,
        len(order),
        strongest,
        dataset,
        effects,
        selectivity,
        noun,
        made=pictures is not None,
        means=values is not None and 0 < len(dataset.classes) <= CLASSES,
    )
    alt = _alt(strongest, dataset, selectivity, untrained, noun, called)
    return Figure(f"{noun.capitalize()}s of {called}", alt, chart, None, table, note)


def _note(
    drawn: int,
    first: int,
    looked: int,
    strongest: Exemplars,
    dataset: Dataset,
    effects: UnitEffects | None,
    selectivity: Selectivity | None,
    noun: str,
    *,
    made: bool,
    means: bool,
) -> str:
    if not drawn:
        return f"{looked} of {counted(strongest.total, noun)}, those that real inputs move most first."
    said = f"{drawn} of {counted(strongest.total, noun)} drawn"
    said += f", after the first {first}" if first else ""
    if effects is not None or selectivity is not None:
        said += (
            ", those "
            + ("without which the lead falls most" if effects is not None else "that tell most")
            + " first"
        )
    said += f"; {looked} were looked at, those that real inputs move most" if looked < strongest.total else ""
    if isinstance(dataset.spec, TextSpec):
        return f"{said}. {read(strongest, dataset)}"
    if not is_picture(dataset.inputs[:1], dataset.spec):
        return f"{said}. Line: 95 % interval; ring: the same of an untrained copy; 0.5 is chance."
    below = ["inputs of the 90 % and 50 % quantile"]
    below += ["synthetic ones where they were made"] if made else []
    below += ["the mean activation for each class, the largest in blue"] if means else []
    lines = read(strongest, dataset)
    return f"{said}. Top: strongest real inputs. Below: {'; '.join(below)}. {lines}".strip()


def _order(strongest: Exemplars, effects: UnitEffects | None, selectivity: Selectivity | None) -> list[int]:
    if effects is not None:
        return effects.margin.argsort(descending=True, stable=True).tolist()
    if selectivity is not None:
        return selectivity.auc.argsort(descending=True, stable=True).tolist()
    return strongest.values[:, 0].argsort(descending=True, stable=True).tolist()


@dataclass(frozen=True, slots=True)
class _Grid:
    """All that the cards have in common."""

    strongest: Exemplars
    middle: Exemplars
    dataset: Dataset
    selectivity: Selectivity | None
    untrained: Selectivity | None
    effects: UnitEffects | None
    pictures: FeaturePictures | None
    values: UnitValues | None
    tile: int
    noun: str
    colours: Drawing | None

    def card(self, i: int) -> Spec:
        """One unit: a head, two lines of pictures, two of words."""
        unit, tile, spec = int(self.strongest.units[i]), self.tile, self.dataset.spec
        step, below = tile + GAP, 38 + tile
        real = Real(None, self.strongest, self.dataset, spec, self.colours).tiles(unit, 6)
        rest = Real(None, self.middle, self.dataset, spec, self.colours).tiles(unit, 2)
        layers = [text(0, 0, f"{self.noun} {unit}", size=12, bold=True)]
        layers += [*strip(real, tile, 0), *strip(rest, tile, 0, below)]
        layers.append(text(0, below - 14, "90 %, 50 %", size=10, faint=True))
        made, head = self._made(unit), 10 + 6.6 * len(f"{self.noun} {int(self.strongest.units.max())}")
        if made is not None and self.pictures is not None:
            layers += word(head, 0, self.pictures.words[made])
            drawn = Real(None, None, None, self.pictures.spec, self.colours).drawn
            tiles = [drawn(each) for each in self.pictures.pictures[made][:2]]
            layers += strip(tiles, tile, 2 * step + 8, below)
            layers.append(text(2 * step + 8, below - 14, "synthetic", size=10, faint=True))
        layers += self._means(i, 4 * step + 18, below)
        across = 6 * step - GAP if self.pictures is None else max(6 * step - GAP, head + WORD)
        said = _lines(i, self.dataset, self.selectivity, self.untrained, self.effects)
        layers += [
            text(0, below + tile + 6 + 15 * line, words, size=10, faint=True, limit=across)
            for line, words in enumerate(said)
        ]
        return panel(across, below + tile + 40, layers)

    def _made(self, unit: int) -> int | None:
        units = [] if self.pictures is None else self.pictures.units.tolist()
        return units.index(unit) if unit in units else None

    def _means(self, i: int, left: float, top: float) -> list[Spec]:
        """A bar per class: the mean of the unit for its inputs, from the smallest to the largest."""
        names, answers = self.dataset.classes, self.dataset.answers
        if self.values is None or not names or len(names) > CLASSES:
            return []
        own = self.values.values[:, i].double()
        means = [float(own[answers == k].mean()) for k in range(len(names))]
        known = [value for value in means if math.isfinite(value)]
        low, high = min([0.0, *known]), max([0.0, *known])
        width = min(12.0, (6 * (self.tile + GAP) - left) / max(1, len(means)))
        best = max(range(len(means)), key=lambda k: means[k] if math.isfinite(means[k]) else -math.inf)
        layers = [text(left, top - 14, "mean by class", size=10, faint=True)]
        at = [_height(value, low, high, self.tile) for value in (0.0, *means)]
        for k, end in enumerate(at[1:]):
            mark: Spec = {"type": "rect", "color": OKABE_ITO[0] if k == best else THEME.muted}
            mark |= {"x": left + width * k, "x2": left + width * (k + 1) - 1}
            mark |= {"y": top + min(end, at[0]), "y2": top + max(end, at[0]) + 1}
            layers.append({"data": {"values": [{}]}, "mark": mark, "encoding": {}})
        return layers


def _height(value: float, low: float, high: float, tile: int) -> float:
    """Pixels from the top."""
    if not math.isfinite(value) or not high > low:
        return float(tile)
    return tile * (high - value) / (high - low)


def _dots(
    shown: list[int], dataset: Dataset, selectivity: Selectivity, untrained: Selectivity | None, noun: str
) -> Spec:
    """How well each unit tells the class that it tells best, where inputs cannot be drawn."""
    points: list[Spec] = [
        {
            "unit": f"{noun} {int(selectivity.units[i])}: {_class(dataset, int(selectivity.classes[i]))}",
            "auc": float(selectivity.auc[i]),
            "low": float(selectivity.low[i]),
            "high": float(selectivity.high[i]),
            "untrained": None if untrained is None else float(untrained.auc[i]),
        }
        for i in shown
    ]
    x: Spec = {"field": "auc", "type": "quantitative", "title": "AUC", "scale": {"domain": [0.4, 1]}}
    x["axis"] = {"values": [0.5, 0.75, 1], "format": ".2f"}
    x["scale"] = {"domain": [0.4, 1], "clamp": True}
    y: Spec = {"field": "unit", "type": "nominal", "sort": [p["unit"] for p in points], "title": None}
    y["axis"] = {"grid": False, "labelLimit": 180}
    reach: Spec = {"mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5}}
    reach["encoding"] = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    dot: Spec = {"mark": {"type": "point", "filled": True, "size": 55, "color": OKABE_ITO[0], "opacity": 1}}
    dot["encoding"] = {"x": x, "y": y}
    ring: Spec = {"mark": {"type": "point", "filled": False, "size": 55, "color": THEME.ink, "opacity": 0.9}}
    ring |= {"transform": [{"filter": "isValid(datum.untrained)"}]}
    ring["encoding"] = {"x": {**x, "field": "untrained"}, "y": y}
    return {
        "width": 260,
        "height": {"step": 20},
        "title": "the class that each tells best",
        "data": {"values": points},
        "layer": [reach, dot, ring],
    }


def _words(strongest: Exemplars, dataset: Dataset, spec: TextSpec, i: int, said: tuple[str, str]) -> Spec:
    card = text_card(strongest, dataset, spec, i)
    layers, height = cast("list[Spec]", card["layer"]), cast("float", card["height"])
    below = [text(0, height + 4 + 16 * j, line, faint=True, limit=LINE) for j, line in enumerate(said)]
    return panel(LINE, height + 40, [*layers, *below])


def _lines(
    i: int,
    dataset: Dataset,
    selectivity: Selectivity | None,
    untrained: Selectivity | None,
    effects: UnitEffects | None,
) -> tuple[str, str]:
    first = second = ""
    if selectivity is not None:
        ends = interval(float(selectivity.low[i]), float(selectivity.high[i]))
        name = class_said(_class(dataset, int(selectivity.classes[i])))
        first = f"tells {name}: AUC {number(float(selectivity.auc[i]), 2)} {ends}"
        first += f", untrained {number(float(untrained.auc[i]), 2)}" if untrained is not None else ""
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
    untrained: Selectivity | None,
    effects: UnitEffects | None,
    pictures: FeaturePictures | None,
) -> tuple[str | float | int | Word | None, ...]:
    told: tuple[str | float | None, ...] = ("", None, "", None)
    if selectivity is not None:
        ends = interval(float(selectivity.low[i]), float(selectivity.high[i]))
        beside = None if untrained is None else float(untrained.auc[i])
        told = (_class(dataset, int(selectivity.classes[i])), float(selectivity.auc[i]), ends, beside)
    lost = ""
    if effects is not None:
        ends = share_interval(float(effects.low[i]), float(effects.high[i]))
        lost = f"{percent(float(effects.drop[i]))} {ends}"
    rows = ", ".join(map(str, strongest.rows[i, :3].tolist()))
    unit = int(strongest.units[i])
    badge: tuple[str | Word, ...] = ()
    if pictures is not None:
        units = pictures.units.tolist()
        badge = (Word(pictures.words[units.index(unit)]) if unit in units else "",)
    return (unit, float(strongest.values[i, 0]), rows, *told, lost, *badge)


def _alt(
    strongest: Exemplars,
    dataset: Dataset,
    selectivity: Selectivity | None,
    untrained: Selectivity | None,
    noun: str,
    place: str,
) -> str:
    said = f"{counted(len(strongest.units), noun)} of {place} over {counted(strongest.n, 'input')}"
    if selectivity is None:
        return said + "."
    # of few inputs of a class anything tells it: the surest is named, not the largest
    best = int(selectivity.low.argmax())
    low, high = float(selectivity.low[best]), float(selectivity.high[best])
    name = class_said(_class(dataset, int(selectivity.classes[best])))
    auc = f"AUC {number(float(selectivity.auc[best]))} {interval(low, high)}"
    unit = f"{noun} {int(selectivity.units[best])}"
    said += (
        f"; {unit} tells {name} most surely, {auc}"
        if low > 0.5
        else f"; no {noun} tells a class for certain, most surely {unit} {name}, {auc}"
    )
    said += f"; the middle one has {number(float(selectivity.auc.median()))}"
    return said + (f", {number(float(untrained.auc.median()))} untrained." if untrained is not None else ".")
