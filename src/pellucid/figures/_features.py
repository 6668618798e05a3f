"""What units of a layer respond to: made pictures beside real ones and the untrained control."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pellucid._core import Dataset, InputSpec
from pellucid._core._site import ELEMENTS
from pellucid.errors import InputError
from pellucid.figures._colour import Numbers
from pellucid.figures._feature_rows import MOST, accentuates, columns, key, steadiness_of
from pellucid.figures._feature_texts import text_card
from pellucid.figures._feature_wide import lasting, wide_card
from pellucid.figures._figure import Figure, Table, Word
from pellucid.figures._marks import image, panel, panels, text, word
from pellucid.figures._numbers import counted, finite, number, times
from pellucid.figures._pixels import png, seen, sheet
from pellucid.figures._real import Real
from pellucid.figures._theme import Spec
from pellucid.figures._tiles import drawing, false_colours
from pellucid.inputs import AudioSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures
    from pellucid.layers import Exemplars

WIDTH, TEXT, WIDER = 300, 344, 344  # of a card
GAP = 3
FACES = 6
WORDS = 225  # the longest word of evidence with its sign, in pixels
PAPER, FAINTEST, MATTERS = 0.6, 0.25, 0.8  # what shows through, how much stays, quantile that is opaque


def feature_tiles(
    pictures: FeaturePictures,
    exemplars: Exemplars | None = None,
    dataset: Dataset | None = None,
    *,
    limit: int = 12,
    k: int = 5,
    width: int = WIDTH,
    fade: bool = True,
) -> Figure:
    """One card per unit: what was made to excite it, what really excites it, and whether that means anything.

    "Reached" is the activation of the best made input ÷ the largest on real data. Beside it stands the same
    number from an untrained copy of the network: where the two are alike, the picture shows the recipe
    rather than the network. Made inputs are the more opaque the more a place mattered while they were made;
    inputs that were started from stand first, as they were.

    Args:
        pictures: from :func:`pellucid.features.activation_maximization`, ``accentuation`` or ``caricature``.
        exemplars: strongest real inputs, from :func:`pellucid.layers.exemplars`.
        dataset: the data that ``exemplars`` names rows of.
        limit: how many units are shown; the note says of how many.
        k: real inputs per unit.
        width: of one card in pixels.
        fade: whether places that did not matter are faint.

    Returns:
        Figure; for tables of columns a map of which columns were raised or lowered.

    Raises:
        InputError: if the exemplars belong to another layer.

    Example:
        >>> feature_tiles.__name__
        'feature_tiles'
    """
    if exemplars is not None and exemplars.site != pictures.site:
        raise InputError(
            f"Exemplars of {exemplars.site} cannot stand beside pictures of {pictures.site}; "
            "make both for one layer."
        )
    spec = pictures.spec
    shown = min(limit, len(pictures.units))
    colours = None if dataset is None else false_colours(dataset)
    steps = "axes" in pictures.params
    drawn = colours or drawing(pictures.real.flatten(0, 1), spec, steps=steps)
    real = Real(pictures, exemplars, dataset, spec, drawn)
    if real.drawing is None and not isinstance(spec, TextSpec):
        shown = min(shown, MOST)
    chart, said = _chart(pictures, real, shown, k, width, fade=fade)
    note = f"{shown} of {_of(pictures)} shown. {said}{_told_steady(pictures)}"
    return Figure(_title(pictures), _alt(pictures), chart, None, _table(pictures), note)


def best_first(pictures: FeaturePictures) -> FeaturePictures:
    """The same pictures, supported ones before weak ones before the others."""
    rank = {"supported": 0, "weak": 1}
    order = sorted(range(len(pictures.units)), key=lambda i: rank.get(pictures.words[i], 2))
    return chosen(pictures, order)


def chosen(pictures: FeaturePictures, order: Sequence[int]) -> FeaturePictures:
    """Some of the pictures, in this order, without the tests of all of them together."""
    at, count = torch.tensor(order, dtype=torch.long), len(pictures.units)
    own = {each.name: getattr(pictures, each.name) for each in dataclasses.fields(pictures)}
    parts: dict[str, Any] = {
        name: value[at] for name, value in own.items() if isinstance(value, Tensor) and len(value) == count
    }
    for name in ("words", "labels"):
        parts[name] = tuple(own[name][i] for i in order) if own[name] else ()
    return dataclasses.replace(pictures, **parts, trust=None)


def _chart(
    pictures: FeaturePictures, real: Real, shown: int, k: int, width: int, *, fade: bool
) -> tuple[Spec, str]:
    """The cards, or the map of columns, and what a reader must know."""
    spec, drawn = pictures.spec, real.drawing
    if drawn is not None and (isinstance(spec, AudioSpec) or drawn.kind in ("wave", "slices")):
        cards = [
            wide_card(pictures, i, real.pieces(i, k), _facts(pictures, i), drawn, WIDER) for i in range(shown)
        ]
        told = " ".join(part for part in (drawn.note, lasting(pictures.pictures, spec)) if part)
        return panels(cards, columns=2), told
    if drawn is not None:
        longest = max((_aside(pictures.label(i)) for i in range(shown)), default=0)
        wide = max(width, 44 * _tiles(pictures, k), longest + WORDS)
        cards = [_card(pictures, real, i, k, wide, fade=fade) for i in range(shown)]
        told = f"{_sides(pictures)} {drawn.note}".strip()
        if fade and pictures.importance is not None:
            told += " Made ones are faint where nothing mattered."
        return panels(cards, columns=max(1, min(3, 3 * WIDTH // wide))), told
    if isinstance(spec, TextSpec):
        cards = [text_card(pictures, i, real.texts(i, k), _facts(pictures, i), TEXT) for i in range(shown)]
        told = "Made texts are lists of real words; a word that all of them hold stands on blue."
        return panels(cards, columns=2), told
    beside = "typical row" if pictures.origins is None else "row itself"
    told = (
        f"Brown: raised above the {beside}; blue: lowered. Numbers are means over seeds, categories those of "
        f"the best made row. Evidence: {key(pictures.words[:shown])}; it rests on the numbers below it: "
        "distance in units of that between real neighbours, untrained networks for comparison."
    )
    return columns(pictures, labels_of(pictures, shown)), told


def _aside(name: str) -> int:
    """Where the word of evidence stands beside a name, in pixels."""
    return max(70, 14 + 7 * min(len(name), 22))


def _tiles(pictures: FeaturePictures, k: int) -> int:
    """How many tiles stand in a card."""
    origin = int(pictures.origins is not None)
    return origin + min(FACES, pictures.pictures.shape[1]) + min(k, pictures.real.shape[1])


def _of(pictures: FeaturePictures) -> str:
    """How many there are to show."""
    if pictures.origins is None and bool((pictures.units >= 0).all()):
        return counted(pictures.total, "output" if pictures.site == "." else unit_noun(pictures.site))
    return counted(len(pictures.units), "input" if pictures.origins is not None else "objective")


def _title(pictures: FeaturePictures) -> str:
    place = place_of(pictures)
    if accentuates(pictures):
        return f"Inputs changed to move {place} more"
    if pictures.params.get("method") == "caricature":
        return f"What {place} keeps of inputs, exaggerated"
    if bool((pictures.units >= 0).all()):
        units = f"{unit_noun(pictures.site)}s of {place} respond"
        return f"What {'the output responds' if pictures.site == '.' else units} to"
    return f"What moves {place} most"


def place_of(pictures: FeaturePictures) -> str:
    """The layer in words."""
    return {".": "the output", ELEMENTS: "the dictionary"}.get(pictures.site, pictures.site)


def unit_noun(site: str) -> str:
    """What a unit of the layer is called."""
    return "element" if site == ELEMENTS else "unit"


def _sides(pictures: FeaturePictures) -> str:
    real = "Right: the strongest real inputs."
    if pictures.origins is None:
        held = " and held apart" if pictures.params.get("diversity") else ""
        return f"Left: made, one per seed{held}. {real}"
    return f"First the input, then what was made of it, one per seed. {real}"


def made_tiles(
    pictures: FeaturePictures,
    i: int,
    *,
    fade: bool = True,
    most: int = FACES,
    draw: Callable[[Tensor], Numbers] | None = None,
) -> list[Numbers]:
    """The pictures of objective ``i`` as people see them, faint where nothing mattered."""
    tiles = [
        seen(each, pictures.spec) if draw is None else draw(each) for each in pictures.pictures[i][:most]
    ]
    if not fade or pictures.importance is None:
        return tiles
    masks = [_opacity(each, pictures.spec) for each in pictures.importance[i][:most]]
    return [
        tile if mask is None or mask.shape[:2] != tile.shape[:2] else PAPER + (tile - PAPER) * mask
        for tile, mask in zip(tiles, masks, strict=True)
    ]


def _opacity(importance: Tensor, spec: InputSpec | None) -> Numbers | None:
    """``[H, W, 1]``, blurred by a pixel, 1 where much mattered; ``None`` for what is not drawn by pixels."""
    if importance.ndim != 2 or isinstance(spec, AudioSpec):
        return None
    smooth = avg_pool2d(importance[None, None].float(), 3, 1, 1, count_include_pad=False)[0, 0]
    full = float(smooth.flatten().quantile(MATTERS)) or 1.0
    return np.clip(smooth.numpy().astype(np.float64) / full, FAINTEST, 1.0)[..., None]


def _card(pictures: FeaturePictures, real: Real, i: int, k: int, width: int, *, fade: bool) -> Spec:
    made = made_tiles(pictures, i, fade=fade, draw=real.drawn)
    first = [] if pictures.origins is None else [real.drawn(pictures.origins[i])]
    found = real.of(i, k)
    tile = max(16, (width - 22) // max(1, len(first) + len(made) + len(found)) - GAP)
    name = pictures.label(i)
    aside = min(width / 2, _aside(name))
    layers = [
        text(0, 0, name, size=12, bold=True, limit=aside - 6),
        *word(aside, 0, pictures.words[i], limit=width - aside - 16),
    ]
    left = 0
    for group in (first, made, found):
        layers += strip(group, tile, left)
        left += len(group) * (tile + GAP) + (10 if group else 0)
    first, second = _facts(pictures, i)
    layers += [
        text(0, 20 + tile + 6, first, faint=True, limit=width),
        text(0, 20 + tile + 22, second, faint=True, limit=width),
    ]
    return panel(width, 20 + tile + 40, layers)


def strip(tiles: list[Numbers], tile: int, left: float, top: float = 20) -> list[Spec]:
    """Tiles side by side, as one picture."""
    if not tiles:
        return []
    across = len(tiles) * (tile + GAP) - GAP
    return [image(png(sheet([*tiles], 2 * tile, columns=len(tiles), gap=2 * GAP)), left, top, across, tile)]


def _facts(pictures: FeaturePictures, i: int) -> tuple[str, str]:
    if not bool(pictures.started[i]):
        return (f"no start excited this {unit_noun(pictures.site)}", "")
    ratio, untrained = float(pictures.ratio[i]), float(pictures.untrained_ratio[i])
    # no share where real inputs do not move the unit above zero
    beside = f", untrained {times(untrained)} ×" if math.isfinite(untrained) else ""
    first = f"reached {times(ratio)} × the largest real{beside}"
    if not math.isfinite(ratio):
        first = "no real input moves it above zero"
    if pictures.origin_values is not None:
        began = times(float(pictures.origin_values[i] / pictures.largest[i]))
        ways = "from {} × to {} ×" if accentuates(pictures) else "itself {} ×, made {} ×"
        first = f"{ways.format(began, times(ratio))} the largest{beside}"
    distance, agree = times(float(pictures.distance[i])), times(float(pictures.agreement[i]))
    control = times(float(pictures.untrained_agreement[i]))
    if pictures.moved is not None:
        what = "changes" if accentuates(pictures) else "seeds"
        away = times(float(pictures.moved[i].mean()))
        bar = steadiness_of(pictures)[2]
        if what == "changes" and math.isfinite(bar):
            control += f", up to {times(bar)}"
        return first, f"{what} agree {agree}, untrained {control} · {away} away from it"
    _, steady, bar = steadiness_of(pictures)
    if math.isfinite(bar):
        share = f"{times(float(steady[i]))}, untrained ≤ {times(bar)}"
        return first, f"agree {agree} ÷ distance {distance} = {share}"
    if math.isnan(float(pictures.agreement[i])):
        return first, f"one seed · distance to data {distance}"
    return first, f"seeds agree {agree}, untrained {control} · distance to data {distance}"


def _told_steady(pictures: FeaturePictures) -> str:
    """What the last numbers of a card are, where they stand."""
    if not math.isfinite(steadiness_of(pictures)[2]):
        return ""
    what = "Agreement of changes" if accentuates(pictures) else "Agreement of seeds ÷ distance to data"
    return f" {what} must exceed what 95 % of untrained ones stay below, or an input is called no better."


def labels_of(pictures: FeaturePictures, shown: int) -> list[str]:
    """Names of objectives, made to differ."""
    names = [pictures.label(i) for i in range(shown)]
    return [f"{name} ({i})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _alt(pictures: FeaturePictures) -> str:
    if not len(pictures.units):
        return f"No unit of {place_of(pictures)} was examined."
    counts = {name: pictures.words.count(name) for name in dict.fromkeys(pictures.words)}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    started = pictures.ratio[pictures.started.bool()].double()
    # no share where real inputs do not move the unit above zero
    started = started[started.isfinite()]
    middle = ""
    if len(started):
        reach = times(float(started.median()))
        middle = f" The median made input reaches {reach} times the largest real activation."
    plain = pictures.site != "." and bool((pictures.units >= 0).all())
    what = unit_noun(pictures.site) if plain else "objective"
    return f"{counted(len(pictures.units), what)} of {place_of(pictures)}: {said}.{middle}"


def _table(pictures: FeaturePictures) -> Table:
    noun = unit_noun(pictures.site)
    plain = all(pictures.label(i) == f"{noun} {int(pictures.units[i])}" for i in range(len(pictures.units)))
    called, steady, bar = steadiness_of(pictures)
    columns: tuple[str, ...] = (
        noun if plain else "objective",
        "evidence",
        "reached ÷ largest real",
        "untrained",
        "distance to data",
        "untrained distance",
        "seeds agree",
        "untrained seeds agree",
        called,
        "untrained up to",
    )
    body = tuple(
        (
            int(pictures.units[i]) if plain else pictures.label(i),
            Word(pictures.words[i]),
            *(
                finite(part[i])
                for part in (
                    pictures.ratio,
                    pictures.untrained_ratio,
                    pictures.distance,
                    pictures.untrained_distance,
                    pictures.agreement,
                    pictures.untrained_agreement,
                    steady,
                    torch.full_like(steady, bar),
                )
            ),
        )
        for i in range(len(pictures.units))
    )
    if pictures.moved is not None and pictures.origin_values is not None:
        columns += ("the input itself", "moved")
        body = tuple(
            (*row, float(pictures.origin_values[i]), float(pictures.moved[i].mean()))
            for i, row in enumerate(body)
        )
    return Table(columns, body, f"Made in {number(pictures.seconds)} s.")
