"""Two networks on the same rows: who is right, for which reasons, by which rules."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch

from pellucid._core import Explanation
from pellucid.figures._bars import bars, longest
from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, interval, number, percent, signed
from pellucid.figures._saliency import saliency
from pellucid.figures._similarity import similarity
from pellucid.figures._sound import sound, sound_like
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._tokens import text_like, tokens
from pellucid.figures._words import picture_like

if TYPE_CHECKING:
    from pellucid.tasks import Comparison, Difference, Reasons

BINS, RULES, ROW = 20, 8, 22
LETTERS = 26  # of a line of a label


def comparison(found: Comparison) -> list[Figure]:
    """All that was found of two networks, from answers to rules.

    Args:
        found: from :func:`pellucid.compare`.

    Returns:
        Figures, each with its table.

    Example:
        >>> comparison.__name__
        'comparison'
    """
    drawn = [_answers(found)]
    if found.answers.slices:
        drawn.append(_slices(found))
    if found.reasons is not None:
        drawn += [_reasons(found.reasons), *_cases(found.reasons)]
    if found.evidence:
        drawn.append(_evidence(found))
    if found.layers is not None:
        drawn.append(dataclasses.replace(similarity(found.layers), title="Do their layers see alike?"))
    if found.rules:
        drawn.append(_rules(found))
    if found.notes:
        body = tuple((note,) for note in found.notes)
        drawn.append(Figure("What to know", " ".join(found.notes), None, None, Table(("note",), body)))
    return drawn


def _names(found: Comparison) -> str:
    return f"A is {found.a}, B is {found.b}."


def _answers(found: Comparison) -> Figure:
    own = found.answers
    score = own.score
    if own.same is None:
        parts = [("A is nearer", own.only_a), ("B is nearer", own.only_b), ("equally near", own.both_wrong)]
        said = f"{score.name} {number(score.a)} for A and {number(score.b)} for B"
    else:
        parts = [
            ("both right", own.both_right),
            ("A right, B wrong", own.only_a),
            ("A wrong, B right", own.only_b),
            ("both wrong", own.both_wrong),
        ]
        said = f"A is right on {percent(score.a)}, B on {percent(score.b)} of {counted(own.n, 'row')}"
    p = "" if score.p is None else f", p = {number(score.p, 2)}"
    apart = f"B less A: {_points(score)}{p}"
    sure = "" if score.low > 0 or score.high < 0 else " The interval holds 0: neither is told to be better."
    same = "" if own.same is None else f" They give the same answer to {percent(own.same / own.n)}."
    values = [{"who": name, "rows": count, "order": i} for i, (name, count) in enumerate(parts)]
    y: Spec = {"field": "who", "type": "nominal", "sort": [name for name, _ in parts], "title": None}
    y["axis"] = {"labelLimit": 200, "ticks": False, "domain": False}
    x: Spec = {"field": "rows", "type": "quantitative", "title": "rows"}
    x["scale"] = {"domainMax": 1.12 * max(1, max(count for _, count in parts))}
    colours: Spec = {"domain": [name for name, _ in parts]}
    colours["range"] = [THEME.muted, OKABE_ITO[0], OKABE_ITO[1], "#c9ced3"][: len(parts)]
    colour: Spec = {"field": "who", "type": "nominal", "legend": None, "scale": colours}
    bar: Spec = {"mark": {"type": "bar", "height": 13}, "encoding": {"x": x, "y": y, "color": colour}}
    label: Spec = {"mark": {"type": "text", "align": "left", "dx": 5, "color": THEME.ink}}
    label["encoding"] = {"x": x, "y": y, "text": {"field": "rows", "type": "quantitative", "format": ","}}
    chart: Spec = {"width": 250, "height": {"step": ROW}, "data": {"values": values}, "layer": [bar, label]}
    table = Table(("answers", "rows", "share"), tuple((w, c, c / max(1, own.n)) for w, c in parts))
    alt = f"{_names(found)} {said}; {apart}.{sure}{same}"
    return Figure("Who is right where", alt, chart, None, table)


def _points(one: Difference) -> str:
    if one.name.startswith("mean absolute"):
        return f"{signed(one.value)} {interval(one.low, one.high)}"
    low, high = 100 * one.low, 100 * one.high
    return f"{signed(100 * one.value)} points {interval(low, high)}"


def _slices(found: Comparison) -> Figure:
    cut = found.answers.slices
    table = _differences(cut, "rows")
    sure = [one for one in cut if one.p is not None and one.p <= 0.05]
    said = (
        f"Largest: {sure[0].name}, where A is right on {percent(sure[0].a)} and B on {percent(sure[0].b)}."
        if sure
        else f"None of {counted(len(cut), 'slice')} shown tells them apart (p > .05, corrected)."
    )
    chart = _dots(cut, "accuracy of B less that of A", share=True)
    return Figure("Where they differ", said, chart, None, table, "Lines are 95 % intervals.")


def _evidence(found: Comparison) -> Figure:
    said = "; ".join(
        f"{one.name}: {number(one.a, 2)} for A, {number(one.b, 2)} for B, "
        f"difference {signed(one.value)} {interval(one.low, one.high)}"
        if one.n
        else f"{one.name}: not measured"
        for one in found.evidence
    )
    known = [one for one in found.evidence if one.n]
    chart = _dots(known, "B less A", share=False) if known else None
    table = _differences(found.evidence, "what")
    return Figure("How far each may be believed", f"{said}.", chart, None, table)


def _differences(rows: Sequence[Difference], name: str) -> Table:
    columns = (name, "A", "B", "B less A", "low", "high", "p", "n")
    return Table(columns, tuple((d.name, d.a, d.b, d.value, d.low, d.high, d.p, d.n) for d in rows))


def _dots(rows: Sequence[Difference], title: str, *, share: bool) -> Spec:
    """A dot and its interval for each line, with 0 in the middle."""
    end = max(0.02, *(abs(e) for one in rows for e in (one.low, one.high) if math.isfinite(e)))
    names = ["\n".join(textwrap.wrap(one.name, LETTERS)) for one in rows]
    tall = max(name.count("\n") for name in names)
    values = [
        {"name": name, "value": one.value, "low": one.low, "high": one.high}
        for name, one in zip(names, rows, strict=True)
    ]
    y: Spec = {"field": "name", "type": "nominal", "sort": names, "title": None}
    y["axis"] = {"labelLimit": 200, "labelExpr": "split(datum.label, '\\n')", "ticks": False, "domain": False}
    x: Spec = {"type": "quantitative", "title": title, "scale": {"domain": [-end, end]}}
    written = f"format(datum.value, '{'+.0%' if share else '+.2f'}')"
    x["axis"] = {"labelExpr": f"datum.value === 0 ? '0' : {written}", "tickCount": 5}
    zero: Spec = {"data": {"values": [{"zero": 0}]}, "mark": {"type": "rule", "strokeDash": [2, 3]}}
    zero["encoding"] = {"x": {**x, "field": "zero"}}
    line: Spec = {"mark": {"type": "rule", "strokeWidth": 2, "color": THEME.muted}}
    line["encoding"] = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    dot: Spec = {"mark": {"type": "point", "filled": True, "size": 55, "color": OKABE_ITO[0], "opacity": 1}}
    dot["encoding"] = {"x": {**x, "field": "value"}, "y": y}
    return {
        "width": 210,
        "height": {"step": ROW + 13 * tall},
        "data": {"values": values},
        "layer": [zero, line, dot],
    }


def _reasons(own: Reasons) -> Figure:
    n, middle = len(own.alike), float(own.alike.median())
    series = {"A with B": own.alike, "the floor": own.floor, "A with an untrained copy": own.untrained}
    values: list[dict[str, str | float]] = []
    for name, each in series.items():
        known = each[~each.isnan()]
        counts = torch.histc(known.float(), BINS, -1, 1) / max(1, len(known))
        values += [
            {"series": name, "at": -1 + (2 * k + 1) / BINS, "share": share}
            for k, share in enumerate(cast("list[float]", counts.tolist()))
        ]
    x: Spec = {"field": "at", "type": "quantitative", "title": "rank correlation of two maps"}
    x["scale"] = {"domain": [-1, 1]}
    y: Spec = {"field": "share", "type": "quantitative", "title": "share of rows"}
    y["axis"] = {"format": ".0%", "tickCount": 4}
    scale: Spec = {"domain": list(series), "range": [OKABE_ITO[0], THEME.muted, OKABE_ITO[1]]}
    colour: Spec = {"field": "series", "type": "nominal", "scale": scale, "title": None}
    colour["legend"] = {"orient": "bottom", "symbolType": "stroke", "columns": 1, "symbolSize": 400}
    dash: Spec = {**colour, "scale": {"domain": list(series), "range": [[1, 0], [6, 4], [2, 3]]}}
    mark: Spec = {"type": "line", "interpolate": "step", "strokeWidth": 2}
    chart: Spec = {"width": 290, "height": 150, "data": {"values": values}, "mark": mark}
    chart["encoding"] = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    floor = own.floor[~own.floor.isnan()]
    beside = (
        f"The floor is {own.floor_name}: median {number(float(floor.median()), 2)}. "
        f"{counted(own.different, 'row')} of {n} ({percent(own.different / n)} "
        f"[{percent(own.low)}, {percent(own.high)}]) lie below what 95 % of it reach: "
        "same answer, different reason."
        if len(floor)
        else "There is no noise to compare with for these inputs."
    )
    alt = (
        f"On {counted(n, 'row')} with the same answer, maps of A and B by {own.method} have a median rank "
        f"correlation of {number(middle, 2)}; with an untrained copy A has "
        f"{number(float(own.untrained.nanmedian()), 2)}. {beside}"
    )
    body = tuple(
        (int(row), float(a), float(u))
        for row, a, u in sorted(
            zip(own.rows.tolist(), own.alike.tolist(), own.untrained.tolist(), strict=True),
            key=lambda line: line[1],
        )
    )
    table = Table(("row", "A with B", "A with an untrained copy"), body)
    return Figure("Same answer, same reason?", alt, chart, None, table)


def _cases(own: Reasons) -> list[Figure]:
    drawn: list[Figure] = []
    at = {int(row): float(v) for row, v in zip(own.rows.tolist(), own.alike.tolist(), strict=True)}
    for i, row in enumerate(own.cases.tolist()):
        pair = [_named(own.a, "A"), _named(own.b, "B")]
        title = f"Row {row}: the same answer, rank correlation of the reasons {number(at[row], 2)}"
        drawn.append(dataclasses.replace(_side_by_side(pair, i), title=title, note=""))
    return drawn


def _named(why: Explanation, name: str) -> Explanation:
    """The explanation under the network's name: figures put the method's name over a panel."""
    made = dataclasses.replace(why.provenance, method=name)
    return dataclasses.replace(why, provenance=made)


def _side_by_side(pair: list[Explanation], row: int) -> Figure:
    if all(map(picture_like, pair)):
        return saliency(pair, row=row, limits="shared", control=False)
    if all(map(sound_like, pair)):
        return sound(pair, row=row, limits="shared")
    if all(map(text_like, pair)):
        return tokens(pair, row=row, shared=True)
    end = max(longest(each, row) for each in pair)
    drawn = [bars(each, row=row, limit=end, head=each.provenance.method) for each in pair]
    charts = [each.chart for each in drawn if each.chart is not None]
    body = tuple(
        (each.provenance.method, *line)
        for each, figure in zip(pair, drawn, strict=True)
        for line in figure.table.rows
    )
    alt = " ".join(figure.alt for figure in drawn)
    table = Table(("network", *drawn[0].table.columns), body)
    return Figure("", alt, panels(charts, columns=2), None, table)


def _rules(found: Comparison) -> Figure:
    only = [one for one in found.rules if one.low > 0 or one.high < 0]
    if only:
        first = only[0]
        said = (
            f"{counted(len(only), 'rule')} of {len(found.rules)} that one network follows more than the "
            f"other. Most: {_readable(first.rule)} (of {first.of}; {counted(first.n, 'row')}), which A "
            f"follows on {percent(first.a)} and B on {percent(first.b)}."
        )
    else:
        said = f"No rule of {len(found.rules)} is told to be followed by one network more than by the other."
    fit = " and ".join(
        f"{percent(each.fidelity)} for {name}" for name, each in zip("AB", found.rule_sets, strict=True)
    )
    columns = ("rule of", "rule", "rows", "A follows", "B follows", "A less B", "low", "high")
    body = tuple(
        (o.of, _readable(o.rule), o.n, o.a, o.b, o.a - o.b, o.low, o.high) for o in found.rules[:RULES]
    )
    left = len(found.rules) - RULES
    more = f" {RULES} of {len(found.rules)} rules shown." if left > 0 else ""
    note = f"Rules copy each network's answers (fidelity {fit}).{more}"
    return Figure("Rules that only one follows", said, None, None, Table(columns, body), note)


def _readable(rule: str) -> str:
    return rule.replace("<=", "≤")
