"""Rules as the source of a Python function. All names and texts go in as escaped literals."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence

from pellucid._core._percent import GAP
from pellucid.errors import InputError
from pellucid.inputs import MISSING, Column
from pellucid.rules._rule import Condition, Rule

TAKES_NOTHING = """\
    def missing(value):
        if isinstance(value, str):
            return value.strip() in ('', '(missing)')
        return value is None or value != value
"""
NAMES_LEVELS = """\
    def level(value, known):
        if missing(value):
            return '(missing)'
        text = str(value)
        if text not in known and isinstance(value, bool):
            text = text.lower()
        elif text not in known and isinstance(value, float) and value == int(value):
            text = str(int(value))
        return '(other)' if text not in known and '(other)' in known else text
"""


def comment(text: str) -> str:
    """A line of source that people read; nothing in the text ends it."""
    return f"# {repr(text.replace(GAP, ' '))[1:-1]}"


def python_source(rules: Sequence[Rule], columns: Sequence[Column], name: str, heading: Sequence[str]) -> str:
    """Source of ``def name(row)``: a chain of returns, one a rule."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"A function cannot be called {name!r}; give a name such as 'predict'.")
    used = {condition.column for rule in rules for condition in rule.conditions}
    variables = {column.name: f"v{k}" for k, column in enumerate(c for c in columns if c.name in used)}
    columns_by_name = {column.name: column for column in columns}
    lines = [comment(text) for text in heading]
    lines.append(f"def {name}(row):")
    asked = [column for column in columns if column.name in used]
    lines += reading(asked, variables)
    for rule in rules:
        answer = repr(rule.outcome) if rule.value is None else repr(rule.value)
        test = tested(rule.conditions, columns_by_name, variables)
        lines += [f"    if {test}:", f"        return {answer}"] if test else [f"    return {answer}"]
    lines.append("    raise ValueError('no rule speaks for this row')")
    return "\n".join(lines) + "\n"


def reading(asked: Sequence[Column], variables: Mapping[str, str]) -> list[str]:
    """Lines that put what a row gives for each column into a variable."""
    lines: list[str] = []
    if any(column.levels or column.missing for column in asked):
        lines += TAKES_NOTHING.splitlines()
    if any(column.levels for column in asked):
        lines += NAMES_LEVELS.splitlines()
    for column in asked:
        lines += _reading(column, variables[column.name])
    return lines


def tested(
    conditions: Sequence[Condition], columns: Mapping[str, Column], variables: Mapping[str, str]
) -> str:
    """An expression that is true where all conditions hold; empty for none."""
    return " and ".join(_test(c, columns[c.column], variables[c.column]) for c in conditions)


def _reading(column: Column, variable: str) -> list[str]:
    raw = f"row[{column.name!r}]"
    if column.levels:
        unknown = f"{column.name}: not a known level"
        known = f"({', '.join(repr(level) for level in column.levels)},)"
        return [
            f"    {variable} = level({raw}, {known})",
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
