"""The audit as figures: support with intervals beside its controls, then every number as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

from pellucid._core import Verdict
from pellucid.figures._figure import Cell, Figure, Table, Word
from pellucid.figures._numbers import GAP, counted, hundredths, measured, number, percent, signed
from pellucid.figures._over_data import over_data, share_measured, share_text
from pellucid.figures._theme import THEME, Spec, look

if TYPE_CHECKING:
    from pellucid.evidence import Asked, Audit, AuditRow, Measure, Metric

KINDS = {"method": "method", "model-free": "made without the model", "control": "negative control"}
SHORT = {
    "Does it matter to the model?": "matters",
    "Does it beat a map made without the model?": "beats model-free",
    "Is it about this model?": "about training",
    "Is it about this class?": "about this class",
    "Is it stable?": "stable",
    "Does it hold on data?": "holds on data",
    "Does it add up?": "adds up",
}
WIDTH, STEP = 190, 24  # a phone shows it at about its own size


def audit(found: Audit) -> list[Figure]:
    """The audit, most telling first: support, absence, the card's questions, metrics, shortcut, pairs.

    Args:
        found: from :func:`pellucid.audit`.

    Returns:
        One figure for each.

    Example:
        >>> audit.__name__
        'audit'
    """
    parts = [
        _support(found),
        _absences(found),
        _questions(found),
        _verdicts(found),
        over_data(found),
        _metrics(found),
        _plant(found),
        _pairs(found),
    ]
    return [part for part in parts if part.table.rows]


def _support(found: Audit) -> Figure:
    best = found.survey
    failed = [f"{row.name}, {row.note}" for row in found.of("control") if row.word != "passed"]
    said = (
        f"Controls that chance does not account for: {'; '.join(failed)}"
        if failed
        else "Chance accounts for all negative controls."
        if found.of("control")
        else "There is no negative control."
    )
    note = (
        f"Sample: {found.declared}; {found.tested} of {found.n} react to the masks. Explained: "
        f"{found.target}. Removed parts hold {found.fills[0]}. {found.masks} masks, {found.draws} "
        f"placements, {found.twins} untrained copies, false discovery rate {found.q:g}, seed {found.seed}; "
        f"{counted(found.network_rows, 'network row')} per input."
    )
    columns = (
        "what",
        "kind",
        "supported",
        "of inputs",
        "median agreement",
        "under every absence",
        "network rows",
    )
    body = tuple(
        (
            row.name,
            KINDS[row.kind],
            share_text(row.evidence.share, row.evidence.low, row.evidence.high),
            found.tested,
            hundredths(row.evidence.median),
            "–" if row.everywhere is None else share_measured(row.everywhere),
            row.evidence.rows,
        )
        for row in found.rows
    )
    alt = f"{best.reason} {said}"
    return Figure(
        "On how many inputs is each map supported?", alt, _chart(found.rows), None, Table(columns, body), note
    )


def _chart(rows: Sequence[AuditRow]) -> Spec:
    values = [
        {
            "name": row.name,
            "kind": KINDS[row.kind],
            "share": row.evidence.share,
            "low": row.evidence.low,
            "high": row.evidence.high,
        }
        for row in rows
    ]
    order = [row.name for row in rows]
    y: Spec = {
        "field": "name",
        "type": "nominal",
        "sort": order,
        "title": None,
        "axis": {"labelLimit": 170, "labelPadding": 14},
    }
    scale: Spec = {"domain": [0, 1]}
    x: Spec = {
        "type": "quantitative",
        "scale": scale,
        "title": "share of inputs supported, with 95 % interval",
        "axis": {"format": "%", "values": [0, 0.5, 1]},
    }
    kinds = list(KINDS.values())
    legend: Spec = {"orient": "bottom", "direction": "vertical"}
    by_kind: Spec = {"field": "kind", "type": "nominal", "title": None, "legend": legend}
    colour: Spec = {**by_kind, "scale": {"domain": kinds, "range": [THEME.accent, THEME.muted, THEME.warm]}}
    shape: Spec = {**by_kind, "scale": {"domain": kinds, "range": ["circle", "square", "triangle-up"]}}
    whisker: Spec = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"y": y, "x": {"field": "low", **x}, "x2": {"field": "high"}, "color": colour},
    }
    dot: Spec = {
        "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
        "encoding": {"y": y, "x": {"field": "share", **x}, "color": colour, "shape": shape},
    }
    return {
        "data": {"values": values},
        "layer": [whisker, dot],
        "width": WIDTH,
        "height": {"step": STEP},
    }


def _absences(found: Audit) -> Figure:
    """Agreement by fill: median, and where there is a test the share with p <= .05."""
    first = found.rows[0].fills
    heads = ("what", *(f"{fill.name}: agreement" for fill in first), "keeps its sign")
    body: list[tuple[Cell, ...]] = []
    for row in found.rows:
        cells = [
            hundredths(fill.median) + ("" if fill.share is None else f"{GAP}({percent(fill.share.value, 0)})")
            for fill in row.fills
        ]
        kept = [fill.same for fill in row.fills[1:]]
        body.append((row.name, *cells, percent(min(kept), 0) if kept else "–"))
    note = (
        "Median agreement of the map with what removal does; in brackets the inputs that are told from "
        "chance (p ≤ .05, "
        "of which chance gives 5 %). Removed parts hold: "
        + "; ".join(f"{fill.name}, {fill.fill}" for fill in first)
        + ". The last column: on how many inputs agreement keeps its sign under the worst other absence."
    )
    least = min((row.everywhere for row in found.of("method") if row.everywhere), key=lambda m: -m.value)
    kinds = f"Agreement of {counted(len(found.rows), 'map')} under {counted(len(first), 'kind')} of absence."
    best = (
        f"Under every one of them the best method is supported on {percent(least.value, 0)} of the inputs."
        if least.value > 0
        else "No method is supported under every one of them on any input."
    )
    alt = f"{kinds} {best}"
    return Figure("Does it depend on what absence means?", alt, None, None, Table(heads, tuple(body)), note)


def _questions(found: Audit) -> Figure:
    rows = found.of("method")
    heads = [SHORT.get(one.question, one.question) for one in rows[0].tests] if rows else []
    body = tuple((row.name, *(_asked(one) for one in row.tests)) for row in rows)
    left = _left(
        (why, head, count)
        for row in rows
        for head, one in zip(heads, row.tests, strict=True)
        for why, count in one.excluded.items()
        if one.n
    )
    note = (
        "Percent of the inputs that pass, with 95 % interval; the sign says passed where more than half do, "
        "beyond the "
        "interval, failed where fewer do."
    ) + left
    failed = [
        f"{row.name} ({', '.join(bad)})"
        for row in rows
        if (bad := [head for head, one in zip(heads, row.tests, strict=True) if one.word == "failed"])
    ]
    alt = (
        f"Failed on most inputs: {'; '.join(failed)}."
        if failed
        else f"No method fails a question on most of the {counted(found.n, 'input')}."
    )
    table = Table(("method", *heads), body)
    return Figure("The questions of the card, over all inputs", alt, None, None, table, note)


def _asked(one: Asked) -> str:
    sign = look(one.word).sign
    # percent stands in the note: nine such columns are as many as a page holds
    return f"{sign}{GAP}{share_measured(one.share).replace(f'{GAP}%', '')}" if one.n else f"{sign} not run"


def _left(reasons: Iterable[tuple[str, str, int]]) -> str:
    """Why inputs were left out, each reason once: of which questions, and of how many inputs at most."""
    asked: dict[str, dict[str, int]] = {}
    for why, what, count in reasons:
        found = asked.setdefault(why, {})
        found[what] = max(count, found.get(what, 0))
    told = [
        f"{why} ({', '.join(found)}: {counted(max(found.values()), 'input')})"
        for why, found in sorted(asked.items())
    ]
    return f" Left out of some methods or all: {'; '.join(told)}." if told else ""


def _verdicts(found: Audit) -> Figure:
    """How many cards of single inputs end with each verdict."""
    rows, words = found.of("method"), get_args(Verdict)
    body = tuple((row.name, *(row.verdicts.get(word, 0) for word in words)) for row in rows)
    against = [f"{row.name} on {count}" for row in rows if (count := row.verdicts.get("contradicted", 0))]
    alt = (
        f"What the network does contradicts {', '.join(against)} of {counted(found.n, 'input')}."
        if against
        else f"No method is contradicted on any of the {counted(found.n, 'input')}."
    )
    table = Table(("method", *words), body)
    note = (
        "Cards of single inputs, counted, each at its own level. The share supported, above, allows "
        f"{percent(found.q, 0)} of false claims over all inputs together, so it can be smaller; and it only "
        "asks whether the map tells more than chance, so it can be larger."
    )
    return Figure("Verdicts on single inputs", alt, None, None, table, note)


def _metrics(found: Audit) -> Figure:
    """A line for each method, then one for each control, whose numbers all methods share."""
    rows = found.of("method")
    names = list(rows[0].metrics) if rows else []
    if not names:
        return Figure("Metrics of the literature", "None was asked for.", None, None, Table((), ()))
    first = [rows[0].metrics[name] for name in names]
    body: list[tuple[Cell, ...]] = [(row.name, *(_mean(row.metrics[name]) for name in names)) for row in rows]
    for control in dict.fromkeys(what for metric in first for what in metric.beside):
        own = (number(m.of(control).value) if control in m.beside else "–" for m in first)
        body.append((f"({control})", *own))
    left = _left(
        (why, metric.name, count)
        for row in rows
        for metric in row.metrics.values()
        for why, count in metric.excluded.items()
    )
    note = (
        "Mean over inputs with 95 % interval. No metric is a verdict: read each beside the controls in "
        "parentheses, "
        "which know nothing of the network."
    ) + left
    alt = " ".join(filter(None, [_first(rows, name) for name in names]))
    table = Table(("method", *(f"{m.name} ({_way(m)})" for m in first)), tuple(body))
    return Figure("Metrics of the literature", alt, None, None, table, note)


def _first(rows: Sequence[AuditRow], name: str) -> str:
    """Which method does best by a metric that judges, beside a random map."""
    metrics = {row.name: row.metrics[name] for row in rows}
    one = next(iter(metrics.values()))
    if one.better == "neither":
        return ""
    pick = max if one.better == "high" else min
    best = pick(metrics, key=lambda method: metrics[method].mean.value)
    chance = f" (random map {number(one.of('random').value)})" if "random" in one.beside else ""
    return f"Best by {one.name}: {best}, {number(metrics[best].mean.value)}{chance}."


def _mean(metric: Metric) -> str:
    return measured(metric.mean.value, metric.mean.low, metric.mean.high)


def _way(metric: Metric) -> str:
    low, high = metric.range
    way = {"high": "high is good", "low": "low is good", "neither": "describes only"}[metric.better]
    return f"{way}; {number(low, 2)} to {number(high, 2)}{f' {metric.unit}' if metric.unit else ''}"


def _plant(found: Audit) -> Figure:
    plant = found.plant
    body = tuple(
        (
            row.method,
            Word(row.word),
            "–" if row.before is None else share_measured(row.before),
            "–" if row.after is None else share_measured(row.after),
            "–" if row.rise is None else _points(row.rise),
            "–" if row.agreement is None else hundredths(row.agreement),
            row.note,
        )
        for row in plant.rows
    )
    columns = (
        "method",
        "finds it",
        "share inside before",
        "after",
        "rise, points",
        "median agreement",
        "note",
    )
    if not plant.note and not any(row.note for row in plant.rows):
        columns, body = columns[:-1], tuple(line[:-1] for line in body)
    if plant.note:
        body = (("–", Word("not run"), "–", "–", "–", "–", plant.note),)
    finds = [row.method for row in plant.rows if row.word == "passed"]
    blind = [row.method for row in plant.rows if row.word in ("failed", "mixed")]
    alt = (
        f"No shortcut could be planted: {plant.note}."
        if plant.note
        else f"Planted: a shortcut that reads {plant.where}. Found by {', '.join(finds) or 'none'}; "
        f"missed by {', '.join(blind) or 'none'}."
    )
    note = (
        ""
        if plant.note
        else f"The same network with a shortcut that reads {plant.where} ({percent(plant.area)} of the "
        f"input); taking that part away moves the score by {number(plant.effect, 2)} times what the masks "
        "do to the network as it is. A method finds it where at least 5 % of its |map| moves there, beyond "
        "the 95 % interval; mixed is less than that."
    )
    return Figure(
        "Positive control: is a planted shortcut found?", alt, None, None, Table(columns, body), note
    )


def _points(rise: Measure) -> str:
    """A difference of two shares, in points of per cent."""
    low, high = number(100 * rise.low, 2), number(100 * rise.high, 2)
    return f"{signed(100 * rise.value, 2)} [{low}, {high}]"


def _pairs(found: Audit) -> Figure:
    body = tuple(
        (pair.first, pair.second, measured(pair.difference, pair.low, pair.high), number(pair.p_holm, 2))
        for pair in found.survey.pairs
    )
    note = "Difference of mean agreement on the same inputs and masks; p by sign flips, Holm's correction."
    columns = ("method", "against", "difference [95 %]", "p")
    alt = f"{counted(len(body), 'pair')} of maps compared. {found.survey.reason}"
    return Figure("Compared in pairs", alt, None, None, Table(columns, body), note)
