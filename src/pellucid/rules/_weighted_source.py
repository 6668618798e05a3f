"""Weighted rules as Markdown, Python and SQL. All names and texts go in as escaped literals."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING

from pellucid.errors import InputError
from pellucid.inputs import MISSING, OTHER, Column
from pellucid.rules._python import comment, reading, tested
from pellucid.rules._rule import Condition

if TYPE_CHECKING:
    from pellucid.rules._weighted import WeightedRules


def markdown(found: WeightedRules) -> str:
    """A table of the rules below their summary."""
    said = "answers" if found.ordered else "adds"
    lines = [*found.summary(), "", f"| | if | {said} | rows |", "|---|---|---|---|"]
    for k, rule in enumerate(found.rules):
        told = (str(rule).removeprefix("IF "), found.weight_text(k), found.support_text(k))
        lines.append(f"| {k + 1} | " + " | ".join(markdown_text(text) for text in told) + " |")
    if found.ordered:
        told = (found.otherwise_text(), found.otherwise_rows_text())
        lines.append("| | else | " + " | ".join(markdown_text(text) for text in told) + " |")
    return "\n".join(lines) + "\n"


def markdown_text(text: str) -> str:
    """Text in which Markdown finds nothing to do."""
    for sign in "\\`*_|<>[]":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")


def _points(weight: float) -> int:
    return round(weight * 100)


def python_source(found: WeightedRules, name: str) -> str:
    """Source of ``def name(row)``: scores by class."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"A function cannot be called {name!r}; give a name such as 'predict'.")
    asked = _asked(found)
    variables = {column.name: f"v{k}" for k, column in enumerate(asked)}
    by_name = {column.name: column for column in asked}
    lines = [comment(text) for text in found.summary()]
    lines += [f"def {name}(row):", *reading(asked, variables)]
    bias, last = [_points(b) for b in found.bias], found.ordered and bool(found.rules)
    lines += [] if last else [f"    scores = {bias!r}"]
    for k, rule in enumerate(found.rules):
        start = "elif" if found.ordered and k else "if"
        lines.append(f"    {start} {tested(rule.conditions, by_name, variables) or 'True'}:")
        points = [_points(weight) for weight in rule.weights]
        if found.ordered:
            lines.append(f"        scores = {[b + p for b, p in zip(bias, points, strict=True)]!r}")
            continue
        added = [f"        scores[{c}] += {p}" for c, p in enumerate(points) if p]
        lines += added or ["        pass"]
    lines += ["    else:", f"        scores = {bias!r}"] if last else []
    pairs = ", ".join(f"{c!r}: scores[{k}] / 100" for k, c in enumerate(found.classes))
    lines.append(f"    return {{{pairs}}}")
    return "\n".join(lines) + "\n"


def sql_source(found: WeightedRules, table: str) -> str:
    """A ``SELECT`` with the score of each class and the answer."""
    by_name = {column.name: column for column in _asked(found)}
    tests = [
        " AND ".join(sql_test(c, by_name[c.column]) for c in r.conditions) or "1 = 1" for r in found.rules
    ]
    scores = [_sql_score(found, tests, c) for c in range(len(found.classes))]
    names = [sql_name(f"score {c}") for c in range(len(scores))]
    named = ",\n".join(f"  {score} AS {name}" for score, name in zip(scores, names, strict=True))
    # the first of the highest: at least as high as all after it
    best = " ".join(
        f"WHEN {' AND '.join(f'{names[k]} >= {other}' for other in names[k + 1 :])} "
        f"THEN {sql_text(found.classes[k])}"
        for k in range(len(names) - 1)
    )
    answer = f"CASE {best} ELSE {sql_text(found.classes[-1])} END AS {sql_name('answer')}"
    source = f"SELECT source.*,\n{named}\n  FROM {sql_name(table)} AS source"
    return f"SELECT scored.*, {answer}\nFROM ({source}) AS scored;\n"


def _sql_score(found: WeightedRules, tests: list[str], c: int) -> str:
    adds = [(test, _points(rule.weights[c])) for test, rule in zip(tests, found.rules, strict=True)]
    start = _points(found.bias[c])
    if found.ordered:
        cases = " ".join(f"WHEN {test} THEN {start + points}" for test, points in adds)
        return f"(CASE {cases} ELSE {start} END) / 100.0" if cases else f"{start} / 100.0"
    cases = "".join(f"\n    + CASE WHEN {test} THEN {points} ELSE 0 END" for test, points in adds if points)
    return f"({start}{cases}) / 100.0"


def sql_test(condition: Condition, column: Column) -> str:
    """A condition as SQL; missing values are NULL."""
    name = sql_name(column.name)
    if not isinstance(condition.value, tuple):
        fill = float(column.mean if column.median is None else column.median)
        read = f"COALESCE({name}, {fill!r})" if column.missing else name
        return f"{read} {condition.op} {condition.value!r}"
    if not column.levels:
        return f"{name} IS {'' if condition.value == (MISSING,) else 'NOT '}NULL"
    kept = [level for level in condition.value if level not in (MISSING, OTHER)]
    out = [level for level in column.levels if level not in condition.value and level not in (MISSING, OTHER)]
    shown, sign = (out, "NOT IN") if OTHER in condition.value else (kept, "IN")
    test = (
        f"{name} {sign} ({', '.join(map(sql_text, shown))})"
        if shown
        else ("1 = 1" if sign == "NOT IN" else "1 = 0")
    )
    if MISSING in condition.value:
        return f"({name} IS NULL OR {test})"
    return f"({name} IS NOT NULL AND {test})"


def sql_name(text: str) -> str:
    """A quoted name."""
    return '"' + text.replace('"', '""') + '"'


def sql_text(text: str) -> str:
    """A quoted text."""
    return "'" + text.replace("'", "''") + "'"


def _asked(found: WeightedRules) -> list[Column]:
    used = {condition.column for rule in found.rules for condition in rule.conditions}
    return [column for column in found.columns if column.name in used]
