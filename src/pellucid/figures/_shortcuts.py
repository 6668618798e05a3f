"""Shortcuts as figures: who wins the tug of war, cases with the part marked, clusters of maps, copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._figure import Cell, Figure, Table, Word
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._shortcut_cases import shown, swap_cases
from pellucid.figures._shortcut_clusters import map_clusters
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.evidence import Copies, Shortcuts, Suspicion

DRAWN, CASES = 12, 6  # suspicions in the chart, alarms with cases
WIDTH, STEP = 360, 44
PART, CONTROL = "the part", "its control"


def shortcuts(found: Shortcuts) -> list[Figure]:
    """The search, most telling first: every part, cases of each alarm, copied rows, clusters of maps.

    Args:
        found: from :func:`pellucid.shortcuts`.

    Returns:
        One figure for each.

    Example:
        >>> shortcuts.__name__
        'shortcuts'
    """
    cases = [swap_cases(one, found) for one in found.leading[:CASES]]
    copies = [] if found.copies is None else [_copies(found.copies)]
    return [_parts(found), *cases, *copies, _removed(found), *map_clusters(found)]


def _parts(found: Shortcuts) -> Figure:
    body: tuple[tuple[Cell | Word, ...], ...] = tuple(
        (
            Word(one.word),
            _named(one),
            shown(one.follows),
            shown(one.control),
            one.n,
            number(one.p, 2),
            f"only through {one.through}" if one.through else "",
        )
        for one in found.suspicions
    )
    columns = ("word", "part", "followed by", "its control", "n", "p", "")
    note = (
        f"{found.declared[:1].upper()}{found.declared[1:]}; {shown(found.accuracy)} {found.unit} (commonest "
        f"class {percent(found.chance, 0)}). A mixed row keeps everything of one row but a part, which a row "
        "with another answer gives; a part that the network follows against all the rest decides alone. The "
        "tick is where suspicion begins. An alarm says that the part decides, not that it should not; no "
        "alarm does not say that there is no shortcut. p adjusted for all parts (Holm); "
        f"{counted(found.spent, 'network row')}, seed {found.seed}."
        + "".join(f" {one}" for one in found.notes)
    )
    chart = _chart(found.suspicions[:DRAWN]) if found.suspicions else None
    return Figure("What decides alone?", _said(found), chart, None, Table(columns, body), note)


def _removed(found: Shortcuts) -> Figure:
    """What is left of the right answers without each part, and of the answers with nothing else."""
    body = tuple(
        (one.name, shown(one.without), shown(one.without_control), shown(one.alone))
        for one in found.suspicions
    )
    columns = ("part", "right without it", "right without its control", "answers kept by it alone")
    least = min(found.suspicions, key=lambda one: one.without.value, default=None)
    alt = (
        "Nothing could be put to the test."
        if least is None
        else f"As the rows are, {percent(found.accuracy.value, 0)} {found.unit}. Most is lost without "
        f"{least.name}: {percent(least.without.value, 0)} are left, with the control "
        f"{percent(least.without_control.value, 0)}."
    )
    note = (
        "Without it: the part taken from a row drawn at random (of a word: taken out of the texts that hold "
        "it). By it alone: everything else taken from a row drawn at random (of a word: no other word left). "
        f"Controls: {'; '.join(dict.fromkeys(one.control_name for one in found.suspicions))}."
    )
    return Figure("What is left without each part?", alt, None, None, Table(columns, body), note)


def _said(found: Shortcuts) -> str:
    """What was found, in a few sentences."""
    tried = counted(len(found.suspicions), "part")
    copies = found.copies
    seen = ""
    if copies is not None and copies.word in ("found", "suspected"):
        seen = (
            f" {copies.word.capitalize()}: {counted(copies.exact + copies.near, 'held-out row')} of "
            f"{copies.held:,} seen in training."
        )
    if not found.suspicions:
        return f"Nothing could be put to the test.{seen}"
    if not found.leading:
        top = found.suspicions[0]
        tested = "No alarm among" if top.word == "no alarm" else "Nothing learned, so no test of"
        return (
            f"{tested} {tried} that were tried. Followed most: {_named(top)}, by "
            f"{percent(top.follows.value, 0)} of the mixed rows.{seen}"
        )
    said = "; ".join(
        f"{one.word}: {_named(one)} (followed by {percent(one.follows.value, 0)} of the mixed rows, control "
        f"{percent(one.control.value, 0)})"
        for one in found.leading
    )
    more = len(found.alarms) - len(found.leading)
    through = f" {counted(more, 'more part')} only through these." if more else ""
    counts = f"{counted(len(found.leading), 'alarm')} among {tried} that were tried."
    return f"{counts} {said[:1].upper()}{said[1:]}.{through}{seen}"


def _named(one: Suspicion) -> str:
    return f"{one.name}, for {one.only}" if one.only else one.name


def _chart(suspicions: tuple[Suspicion, ...]) -> Spec:
    """A band of the chart for each part: its name, below it the part's share and its control's."""
    marks: list[dict[str, object]] = []
    for k, one in enumerate(suspicions):
        marks.append({"k": k, "name": _labelled(one), "bar": one.bars[0]})
        for what, each in ((PART, one.follows), (CONTROL, one.control)):
            marks.append({"k": k, "what": what, "share": each.value, "low": each.low, "high": each.high})
    x: Spec = {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "title": "mixed rows answered as the row that gave the part",
        "axis": {"format": "%", "tickCount": 5},
    }
    kinds: Spec = {"field": "what", "type": "nominal", "title": None}
    colour: Spec = {**kinds, "scale": {"domain": [PART, CONTROL], "range": [THEME.warm, THEME.muted]}}
    shape: Spec = {**kinds, "scale": {"domain": [PART, CONTROL], "range": ["circle", "square"]}}

    def y(down: str) -> Spec:
        scale: Spec = {"domain": [0, len(suspicions)], "reverse": True}
        return {"field": down, "type": "quantitative", "scale": scale, "axis": None}

    lines = f"datum.k + (datum.what == '{PART}' ? 0.55 : 0.82)"
    parts: list[Spec] = [{"filter": "datum.share != null"}, {"calculate": lines, "as": "at"}]
    names: list[Spec] = [
        {"filter": "datum.name != null"},
        {"calculate": "datum.k + 0.22", "as": "at"},
        {"calculate": "datum.k + 0.42", "as": "top"},
        {"calculate": "datum.k + 0.95", "as": "end"},
    ]
    word: Spec = {"type": "text", "align": "left", "baseline": "middle", "limit": WIDTH}
    bar: Spec = {"x": {"field": "bar", **x}, "y": y("top"), "y2": {"field": "end"}}
    shares: Spec = {"x": {"field": "share", **x}, "y": y("at"), "color": colour, "shape": shape}
    ends: Spec = {"x": {"field": "low", **x}, "x2": {"field": "high"}, "y": y("at"), "color": colour}
    layers: list[Spec] = [
        {
            "transform": names,
            "mark": word,
            "encoding": {"text": {"field": "name"}, "x": {"value": 0}, "y": y("at")},
        },
        {"transform": names, "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.55}, "encoding": bar},
        {"transform": parts, "mark": {"type": "rule", "strokeWidth": 2}, "encoding": ends},
        {
            "transform": parts,
            "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
            "encoding": shares,
        },
    ]
    return {"data": {"values": marks}, "layer": layers, "width": WIDTH, "height": STEP * len(suspicions)}


def _labelled(one: Suspicion) -> str:
    return f"{one.word}{', through another part' if one.through else ''}: {_named(one)}"


def _copies(one: Copies) -> Figure:
    both = one.exact + one.near
    alt = (
        f"{counted(one.exact, 'held-out row')} of {one.held:,} {'equals' if one.exact == 1 else 'equal'} a "
        f"training row, {one.near:,} nearly. Right on these: {percent(one.on_copies.value, 0)}, on the "
        f"others {percent(one.on_rest.value, 0)}."
        if both
        else f"None of {counted(one.held, 'held-out row')} equals a training row, exactly or nearly."
    )
    pairs = ", ".join(f"{a} = {b}" for a, b in one.rows.tolist()[:10])
    body: tuple[tuple[Cell | Word, ...], ...] = (
        ("word", Word(one.word)),
        ("held-out rows", f"{one.held:,}, compared with {counted(one.learned, 'training row')}"),
        ("copies", f"{one.exact:,} exact, {one.near:,} nearly"),
        ("right on copies", shown(one.on_copies) if both else "–"),
        ("right on the others", shown(one.on_rest)),
        ("p of that lead", f"{number(one.p, 2)} (Fisher's exact test)" if both else "–"),
        ("same answer", f"{percent(one.agree, 0)} of the copies" if both else "–"),
        ("held-out row = training row", pairs or "–"),
    )
    note = f"{one.note} A score on rows that were seen while learning says nothing about new ones."
    return Figure("Were held-out rows seen in training?", alt, None, None, Table(("", ""), body), note)
