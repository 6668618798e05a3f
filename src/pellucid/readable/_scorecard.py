"""An additive model as code that needs nothing of ours: a Python function, an SQL expression."""

from __future__ import annotations

import keyword

from pellucid.errors import InputError
from pellucid.readable._shapes import PairShape, Shape, Shapes

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
    """An SQL expression of the answer, one CASE a column; standard SQL, no functions.

    Raises:
        InputError: if the model has pairs: cells between knots have no short form in SQL.
    """
    if found.pairs:
        raise InputError(
            "A model with pairs has no short SQL form; fit with pairs=0, or take the Python form."
        )
    terms = [f"  {found.constant!r}", *(f"  + {_sql_column(s)}" for s in found.shapes)]
    heading = [f"-- {' '.join(line.split())}" for line in (found.answer, *found.edits)]
    return "\n".join([*heading, *terms, ""])


def _sql_column(s: Shape) -> str:
    name = '"' + s.name.replace('"', '""') + '"'
    if s.levels:
        table = dict(zip(s.levels, s.values, strict=True))
        gone, other = table.pop("(missing)", 0.0), table.pop("(other)", 0.0)
        whens = [f"WHEN {name} IS NULL THEN {gone!r}"]
        whens += [f"WHEN {name} = {_text(level)} THEN {value!r}" for level, value in table.items()]
        return f"CASE {' '.join(whens)} ELSE {other!r} END"
    whens = [f"WHEN {name} IS NULL THEN {0.0 if s.missing is None else s.missing!r}"]
    whens.append(f"WHEN {name} <= {s.at[0]!r} THEN {s.values[0]!r}")
    for k in range(1, len(s.at)):
        slope = (s.values[k] - s.values[k - 1]) / (s.at[k] - s.at[k - 1])
        whens.append(
            f"WHEN {name} <= {s.at[k]!r} THEN {s.values[k - 1]!r} + {slope!r} * ({name} - {s.at[k - 1]!r})"
        )
    return f"CASE {' '.join(whens)} ELSE {s.values[-1]!r} END"


def _text(level: str) -> str:
    return "'" + level.replace("'", "''") + "'"
