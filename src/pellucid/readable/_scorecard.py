"""An additive model as code that needs nothing of ours: a Python function, an SQL expression."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence

from pellucid.errors import InputError
from pellucid.readable._shapes import PairShape, Shape, Shapes

Line = tuple[float, ...]  # what one state of a column adds: a number, or one for each state of another column

_HELPERS = """\
def _between(x, at, values):
    if x <= at[0]:
        return values[0]
    for k in range(1, len(at)):
        if x <= at[k]:
            way = (x - at[k - 1]) / (at[k] - at[k - 1])
            return (1 - way) * values[k - 1] + way * values[k]
    return values[-1]


def _gone(value):
    return value is None or value != value or value in ('', '(missing)')


def _states(value, states):
    if states and isinstance(states[0], str) and states[0] != 'missing':
        level = '(missing)' if _gone(value) else str(value)
        level = level if level in states else '(other)'
        return [float(level == state) for state in states]
    knots = [state for state in states if state != 'missing']
    if _gone(value):
        return [0.0] * len(knots) + [1.0]
    each = [[float(i == k) for i in range(len(knots))] for k in range(len(knots))]
    return [_between(float(value), knots, hat) for hat in each] + [0.0] * (len(states) - len(knots))
"""


def python_scorecard(found: Shapes, name: str = "score") -> str:
    """Source of ``def name(row)`` from a dict of raw values to the answer; imports nothing.

    Equal to the network up to the rounding of 32-bit numbers (about 1e-5).

    Raises:
        InputError: if a function cannot have that name.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"A function cannot be called {name!r}; give a name such as 'score'.")
    lines = [*(f"# {line!r}"[:2] + repr(line)[1:-1] for line in (found.answer, *found.edits))]
    lines += ["", _HELPERS, "", f"def {name}(row):", f"    total = {found.constant!r}"]
    for s in found.shapes:
        lines += _python_column(s)
    for pair in found.pairs:
        lines += _python_pair(pair)
    return "\n".join([*lines, "    return total", ""])


def _python_column(s: Shape) -> list[str]:
    value = f"row[{s.name!r}]"
    if s.levels:
        table = dict(zip(s.levels, s.values, strict=True))
        level = f"'(missing)' if _gone({value}) else str({value})"
        return [f"    levels = {table!r}", f"    total += levels.get({level}, levels.get('(other)', 0.0))"]
    gone = 0.0 if s.missing is None else s.missing
    inside = f"_between(float({value}), {list(s.at)!r}, {list(s.values)!r})"
    return [f"    total += {gone!r} if _gone({value}) else {inside}"]


def _python_pair(pair: PairShape) -> list[str]:
    (a, b), (rows, columns) = pair.names, pair.states
    return [
        f"    first = _states(row[{a!r}], {list(rows)!r})",
        f"    second = _states(row[{b!r}], {list(columns)!r})",
        f"    table = {[list(line) for line in pair.values]!r}",
        "    total += sum(f * t * s for f, line in zip(first, table) for s, t in zip(second, line))",
    ]


def sql_scorecard(found: Shapes) -> str:
    """An SQL expression of the answer, one CASE a column and one in another a pair; standard SQL, no
    functions.

    Equal to the network up to the rounding of 32-bit numbers (about 1e-5). A pair of two numbers has about
    two hundred branches.
    """
    terms = [f"  {found.constant!r}", *(f"  + {_sql_column(s)}" for s in found.shapes)]
    terms += [f"  + {_sql_pair(pair)}" for pair in found.pairs]
    heading = [f"-- {' '.join(line.split())}" for line in (found.answer, *found.edits)]
    return "\n".join([*heading, *terms, ""])


def _sql_column(s: Shape) -> str:
    if s.levels:
        return _case(s.name, s.levels, [(v,) for v in s.values], _number)
    values = (*s.values, 0.0 if s.missing is None else s.missing)
    return _case(s.name, (*s.at, "missing"), [(v,) for v in values], _number)


def _sql_pair(pair: PairShape) -> str:
    (first, second), (rows, columns) = pair.names, pair.states
    return _case(first, rows, pair.values, lambda line: _case(second, columns, [(v,) for v in line], _number))


def _number(line: Line) -> str:
    return repr(line[0])


def _case(name: str, states: Sequence[float | str], lines: Sequence[Line], say: Callable[[Line], str]) -> str:
    """CASE over the states of a column, each with a line of numbers that ``say`` puts into words."""
    column, nothing = '"' + name.replace('"', '""') + '"', (0.0,) * len(lines[0])
    knots = [state for state in states if not isinstance(state, str)]
    if not knots:
        table = dict(zip(map(str, states), lines, strict=True))
        other = table.pop("(other)", nothing)
        whens = [f"WHEN {column} IS NULL THEN {say(table.pop('(missing)', other))}"]
        whens += [f"WHEN {column} = {_text(level)} THEN {say(line)}" for level, line in table.items()]
        return f"CASE {' '.join(whens)} ELSE {say(other)} END"
    gone = lines[len(knots)] if len(lines) > len(knots) else nothing
    whens = [f"WHEN {column} IS NULL THEN {say(gone)}", f"WHEN {column} <= {knots[0]!r} THEN {say(lines[0])}"]
    for k in range(1, len(knots)):
        gap = knots[k] - knots[k - 1]
        slope = tuple((b - a) / gap for a, b in zip(lines[k - 1], lines[k], strict=True))
        whens.append(
            f"WHEN {column} <= {knots[k]!r} THEN "
            f"{say(lines[k - 1])} + ({column} - {knots[k - 1]!r}) * {say(slope)}"
        )
    return f"CASE {' '.join(whens)} ELSE {say(lines[len(knots) - 1])} END"


def _text(level: str) -> str:
    return "'" + level.replace("'", "''") + "'"
