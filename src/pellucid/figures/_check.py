"""What came of expectations: each number with its interval against the bound, in a chart and in letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.figures._figure import Figure, Table, Word
from pellucid.figures._letters import in_letters
from pellucid.figures._marks import against_even, sign, text
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._theme import THEME, Spec, look
from pellucid.inputs import TextSpec

if TYPE_CHECKING:
    from pellucid.tasks._check import Bound, Checked, CheckedRow, Line, Outcome, Reliability

STEP, WIDTH, MOST = 26, 160, 16
CELLS = 24  # letters of a bar
ROWS = 6


def check_overview(found: Checked) -> Figure:
    """Every expectation with its word and its worst number.

    Args:
        found: of :func:`pellucid.check`.

    Returns:
        Figure: a table, the worst first.

    Example:
        >>> check_overview.__name__
        'check_overview'
    """
    ranked = sorted(found.outcomes, key=lambda each: _RANK.index(each.word))
    body = tuple((Word(each.word), each.name, *_cells(each)) for each in ranked)
    columns = ("", "expectation", "number", "95 % interval", "bound", "rows")
    table = Table(columns, body)
    return Figure(f"{found.name}: {found.summary()}", f"{found.summary()}.", None, None, table, _about(found))


def check_outcome(outcome: Outcome, *, width: int = WIDTH) -> Figure:
    """The numbers of one expectation with their intervals; the line is the bound, the shade what keeps it.

    Args:
        outcome: one of :func:`pellucid.check`.
        width: of the scale in pixels.

    Returns:
        Figure; hollow diamonds are controls.

    Example:
        >>> check_outcome.__name__
        'check_outcome'
    """
    drawn = [each for each in outcome.lines if each.value is not None]
    shown, bound = drawn[:MOST], outcome.bound
    told = [
        (
            each.label,
            _value(each.value, bound),
            _ends(each, bound),
            each.n,
            Word(each.word),
            *_control(each, bound),
        )
        for each in outcome.lines
    ]
    columns = ("of", "number", "interval", "rows", "", "control", "which is")
    named = any(each.control is not None for each in outcome.lines)
    table = Table(columns if named else columns[:5], tuple(row if named else row[:5] for row in told))
    alt = f"{outcome.name}: {outcome.word}. " + " ".join(_spoken(each, bound) for each in outcome.lines[:3])
    if not shown:
        return Figure(outcome.name, alt.strip(), None, None, table, outcome.note)
    left = "" if len(shown) == len(drawn) else f"{len(shown)} of {len(drawn)} lines drawn. "
    names = {each.control_name for each in shown if each.control is not None}
    key = f"Hollow diamonds: {' or '.join(sorted(names))}. " if names else ""
    note = f"{left}{key}{outcome.note}".strip()
    return Figure(outcome.name, alt.strip(), _forest(shown, bound, width), None, table, note)


def check_figures(outcome: Outcome) -> list[Figure]:
    """Everything that shows one expectation: its numbers, what lies behind them, the rows."""
    from pellucid.figures._value import figures_of

    found = [check_outcome(outcome)]
    for value in outcome.shown:
        found += figures_of(value)
    if outcome.rows:
        body = tuple((each.row, each.said, each.true, each.given) for each in outcome.rows)
        table = Table(("held-out row", "what happened", "true answer", "network's answer"), body)
        alt = f"{counted(len(outcome.rows), 'row')} that show it best."
        found.append(Figure("Rows", alt, None, None, table))
    return found


def check_text(outcome: Outcome, *, run: str = "") -> str:
    """One expectation in letters: word, demand, a bar for each number, the rows.

    Args:
        outcome: one of :func:`pellucid.check`.
        run: what to open to look at the rows; left out, no command is named.

    Returns:
        Some lines.

    Example:
        >>> check_text.__name__
        'check_text'
    """
    said = [f"{look(outcome.word).sign} {outcome.word}: {outcome.name}"]
    if outcome.name != outcome.expected:
        said.append(f"  expected: {outcome.expected}")
    drawn = [each for each in outcome.lines if each.value is not None]
    low, high = _domain(drawn, outcome.bound) if drawn else (0.0, 1.0)
    worst = outcome.lines if outcome.word != "passed" else outcome.lines[:1]
    for each in worst[:MOST]:
        if each.value is None:
            said.append(f"  {'not run'.ljust(CELLS)}  {each.label} {each.note}".rstrip())
            continue
        beside = f"; {each.control_name}: {_value(each.control, outcome.bound)}" if each.control_name else ""
        shown = f"{_measured(each, outcome.bound)}  {each.label}{beside}"
        said.append(f"  {_bar(each, outcome.bound, low, high)}  {shown}")
    if len(worst) > MOST:
        said.append(f"  {MOST} of {len(worst)} lines shown.")
    if outcome.word != "passed":
        said += [f"  {part}" for part in outcome.note.splitlines() if part]
    if outcome.word == "failed":
        for k, each in enumerate(outcome.rows[:ROWS]):
            said.append(f"  row {each.row}: {each.said}; true answer {each.true}")
            said += [f"    {part}" for part in _drawn(each, k)]
        if outcome.rows and run:
            said.append(f"  look: pellucid explain {run} --input {outcome.rows[0].row}")
    return "\n".join(said)


def _drawn(each: CheckedRow, place: int) -> list[str]:
    """Texts of all rows, pictures and sounds of the first: as it is, and what was asked instead beside it."""
    read = isinstance(each.spec, TextSpec)
    if place and not read:
        return []
    one = in_letters(each.x, each.spec)
    other = [] if each.other is None else in_letters(each.other, each.spec)
    if read or not other:
        return [*one, *(f"→ {part}" for part in other)]
    middle = len(one) // 2
    return [f"{a} {'→' if k == middle else ' '} {b}" for k, (a, b) in enumerate(zip(one, other, strict=True))]


def reliability(found: Reliability, *, size: int = 220) -> Figure:
    """Frequency against probability; on the dashed line both are the same.

    Args:
        found: bins of rows.
        size: side in pixels.

    Returns:
        Figure.

    Example:
        >>> reliability.__name__
        'reliability'
    """
    rows = list(zip(found.said, found.came, found.low, found.high, found.n, strict=True))
    values = [{"x": x, "y": y, "low": low, "high": high, "n": n} for x, y, low, high, n in rows]
    axis: Spec = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    axis["axis"] = {"format": "%", "values": [0, 0.25, 0.5, 0.75, 1], "labelOverlap": False}
    x: Spec = {**axis, "field": "x", "title": "said (mean probability)"}
    y: Spec = {**axis, "field": "y", "title": "came true"}
    chart = against_even(values, x, y, (0.0, 1.0), size)
    off = max(rows, key=lambda row: abs(row[0] - row[1]))
    bins = f"{counted(len(rows), 'bin')} of {sum(found.n):,} rows"
    came = f"came true {percent(off[1])} [{percent(off[2])}, {percent(off[3])}]"
    alt = f"Reliability, {found.what}, in {bins}. Furthest off: said {percent(off[0])}, {came}."
    table = Table(("said", "came true", "low", "high", "rows"), tuple(rows))
    return Figure(
        f"Reliability: {found.what}", alt, chart, None, table, "Lines are 95 % intervals of the frequency."
    )


_RANK = ("failed", "not run", "undecided", "passed")


def check_run(found: Checked) -> list[Figure]:
    """The overview, and everything about what did not pass."""
    rest = [each for each in found.outcomes if each.word != "passed"]
    return [check_overview(found), *(figure for each in rest for figure in check_figures(each))]


def _about(found: Checked) -> str:
    return (
        f"{counted(found.held, 'held-out row')} of {found.data_name or 'the data'}, {found.looked:,} of them "
        f"explained, seed {found.seed}. Passed: the whole interval keeps the bound; failed: all of it breaks "
        "it; undecided: these rows cannot tell."
    )


def _cells(each: Outcome) -> tuple[str, str, str, int | None]:
    line = each.line
    if line is None:
        return "–", "", _limit(each.bound), None
    return *_number(line, each.bound), _limit(each.bound, line), line.n


def _own(line: Line | None, bound: Bound) -> float:
    """What a number is held against."""
    return bound.limit if line is None or line.limit is None else line.limit


def _limit(bound: Bound, line: Line | None = None) -> str:
    return f"{'≥' if bound.side == 'at least' else '≤'} {_value(_own(line, bound), bound)}"


def _value(value: float | None, bound: Bound) -> str:
    return percent(value) if bound.unit == "share" else number(value)


def _number(line: Line, bound: Bound) -> tuple[str, str]:
    return _value(line.value, bound), _ends(line, bound)


def _ends(line: Line, bound: Bound) -> str:
    if line.low is None or line.high is None:
        return ""
    return f"[{_beside(line.low, line, bound)}, {_beside(line.high, line, bound)}]"


def _beside(end: float, line: Line, bound: Bound) -> str:
    """An end of an interval, with more digits where it would read like the limit that it misses."""
    limit, said = _own(line, bound), _value(end, bound)
    if end == limit or said != _value(limit, bound):
        return said
    finer = [percent(end, 1 + k) if bound.unit == "share" else number(end, 3 + k) for k in (1, 2, 3)]
    return next((one for one in finer if one != said), said)


def _measured(line: Line, bound: Bound) -> str:
    shown = f"{_value(line.value, bound)} {_ends(line, bound)}".strip()
    return f"{shown}, wanted {_limit(bound, line)}, {counted(line.n, 'row')}"


def _control(line: Line, bound: Bound) -> tuple[str, str]:
    return (_value(line.control, bound), line.control_name) if line.control is not None else ("", "")


def _spoken(line: Line, bound: Bound) -> str:
    if line.value is None:
        return f"{line.label} was not measured. {line.note}".strip()
    return f"{line.label}: {_measured(line, bound)}, {line.word}."


def _domain(lines: Sequence[Line], bound: Bound) -> tuple[float, float]:
    """What the scale reaches over: every interval and the bound, with some room."""
    ends = [_own(each, bound) for each in lines] or [bound.limit]
    for each in lines:
        ends += [part for part in (each.value, each.low, each.high, each.control) if part is not None]
    low, high = min(ends), max(ends)
    room = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
    low, high = low - room, high + room
    if bound.unit == "share":
        return max(0.0, low), min(1.0, high)
    return (max(0.0, low) if min(ends) >= 0 else low), high


def _bar(line: Line, bound: Bound, low: float, high: float) -> str:
    """A line as letters: the bound, the interval, the number."""

    def at(value: float) -> int:
        share = (value - low) / (high - low) if high > low else 0.0
        return min(CELLS - 1, max(0, int(share * CELLS)))

    cells = ["·"] * CELLS
    assert line.value is not None
    if line.low is not None and line.high is not None:
        for k in range(at(line.low), at(line.high) + 1):
            cells[k] = "━"
    cells[at(_own(line, bound))] = "┃"
    cells[at(line.value)] = "●" if cells[at(line.value)] != "┃" else "◆"
    return "".join(cells)


def _forest(lines: Sequence[Line], bound: Bound, width: int) -> Spec:
    low, high = _domain(lines, bound)
    values: list[dict[str, object]] = []
    marks: list[Spec] = []
    for i, each in enumerate(lines):
        shown = f"{_value(each.value, bound)} {_ends(each, bound)}".strip()
        ends = {"low": each.value if each.low is None else each.low}
        ends["high"] = each.value if each.high is None else each.high
        row = {"row": i, "name": each.label, "value": each.value, "colour": look(each.word).colour}
        row["limit"] = each.limit
        values.append({**row, **ends, "shown": shown, "control": each.control})
        marks += sign(-16, STEP * i + STEP / 2 - 5.5, each.word)
        marks.append(text(-26, STEP * i + STEP / 2 - 6, each.label, align="right", limit=230))
        marks.append(text(width + 10, STEP * i + STEP / 2 - 6, shown, limit=220))
    axis: Spec = {"title": None, "tickCount": 4, "grid": True}
    axis |= {"format": ".3~%"} if bound.unit == "share" else {}
    x: Spec = {"type": "quantitative", "scale": {"domain": [low, high], "nice": False}, "axis": axis}
    y: Spec = {"field": "row", "type": "ordinal", "axis": None, "scale": {"padding": 0}}
    colour: Spec = {"field": "colour", "type": "nominal", "scale": None}
    keeps = [bound.limit, high] if bound.side == "at least" else [low, bound.limit]
    shade: Spec = {
        "data": {"values": [{"from": keeps[0], "to": keeps[1], "at": bound.limit}]},
        "mark": {"type": "rect", "color": THEME.accent, "opacity": 0.09},
        "encoding": {"x": {**x, "field": "from"}, "x2": {"field": "to"}},
    }
    limit: Spec = {
        "data": {"values": [{"at": bound.limit}]},
        "mark": {"type": "rule", "strokeWidth": 1.6, "strokeDash": [4, 2]},
        "encoding": {"x": {**x, "field": "at"}},
    }
    ends_: Spec = {
        "mark": {"type": "rule", "strokeWidth": 2.4},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": colour},
    }
    dots: Spec = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": {"x": {**x, "field": "value"}, "y": y, "color": colour},
    }
    controls: Spec = {
        "transform": [{"filter": "datum.control != null"}],
        "mark": {"type": "point", "shape": "diamond", "size": 60, "filled": False, "color": THEME.muted},
        "encoding": {"x": {**x, "field": "control"}, "y": y},
    }
    ticks: Spec = {
        "mark": {"type": "tick", "thickness": 1.6, "size": STEP - 8, "color": THEME.ink, "opacity": 1},
        "encoding": {"x": {**x, "field": "limit"}, "y": y},
    }
    apart = any(each.limit is not None for each in lines)
    layers = [*([ticks] if apart else [shade, limit]), controls, ends_, dots, *marks]
    return {"width": width, "height": STEP * len(lines), "data": {"values": values}, "layer": layers}
