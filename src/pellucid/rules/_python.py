"""Rules as the source of a Python function. All names and texts go in as escaped literals."""

from __future__ import annotations

import keyword
from collections.abc import Sequence

from pellucid.errors import InputError
from pellucid.inputs import MISSING, Column
from pellucid.rules._rule import Condition, Rule

TAKES_NOTHING = """\
    def missing(value):
        if isinstance(value, str):
            return value.strip() in ('', '(missing)')
        return value is None or value != value
"""


def python_source(rules: Sequence[Rule], columns: Sequence[Column], name: str, heading: Sequence[str]) -> str:
    """Source of ``def name(row)``: a chain of returns, one a rule."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"A function cannot be called {name!r}; give a name such as 'predict'.")
    used = {condition.column for rule in rules for condition in rule.conditions}
    variables = {column.name: f"v{k}" for k, column in enumerate(c for c in columns if c.name in used)}
    columns_by_name = {column.name: column for column in columns}
    lines = [f"# {repr(text)[1:-1]}" for text in heading]
    lines.append(f"def {name}(row):")
    asked = [column for column in columns if column.name in used]
    if any(column.levels or column.missing for column in asked):
        lines += TAKES_NOTHING.splitlines()
    for column in asked:
        lines += _reading(column, variables[column.name])
    for rule in rules:
        answer = repr(rule.outcome) if rule.value is None else repr(rule.value)
        test = " and ".join(
            _test(condition, columns_by_name[condition.column], variables[condition.column])
            for condition in rule.conditions
        )
        lines += [f"    if {test}:", f"        return {answer}"] if test else [f"    return {answer}"]
    lines.append("    raise ValueError('no rule speaks for this row')")
    return "\n".join(lines) + "\n"


def _reading(column: Column, variable: str) -> list[str]:
    raw = f"row[{column.name!r}]"
    if column.levels:
        unknown = f"{column.name}: not a known level"
        known = f"({', '.join(repr(level) for level in column.levels)},)"
        return [
            f"    {variable} = {MISSING!r} if missing({raw}) else str({raw})",
            f"    if {variable} not in {known}:",
            f"        raise ValueError({unknown!r})",
        ]
    if column.missing:
        stand_in = float(column.mean if column.median is None else column.median)
        return [
            f"    {variable}_missing = missing({raw})",
            f"    {variable} = {stand_in!r} if {variable}_missing else float({raw})",
        ]
    return [f"    {variable} = float({raw})"]


def _test(condition: Condition, column: Column, variable: str) -> str:
    if not isinstance(condition.value, tuple):
        return f"{variable} {condition.op} {condition.value!r}"
    if not column.levels:
        return f"{variable}_missing" if condition.value == (MISSING,) else f"not {variable}_missing"
    return f"{variable} in ({', '.join(repr(level) for level in condition.value)},)"
