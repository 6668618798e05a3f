"""Rules as Markdown, SQL and PMML. All names and texts go in as escaped literals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from pellucid._version import __version__
from pellucid.errors import InputError
from pellucid.inputs import MISSING, OTHER, Column
from pellucid.rules._rule import Condition
from pellucid.rules._weighted_source import markdown_text, sql_name, sql_test, sql_text

if TYPE_CHECKING:
    from pellucid.rules._rule_set import RuleSet

PMML = "http://www.dmg.org/PMML-4_4"
UNREADABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def rules_markdown(found: RuleSet) -> str:
    """A table of the rules below their summary."""
    lines = [*map(markdown_text, found.summary()), "", "| | if | then | rows | agrees |"]
    lines.append("|---|---|---|---|---|")
    for k, rule in enumerate(found.rules):
        said = str(rule).removeprefix("IF ").removesuffix(f" THEN {rule.outcome}")
        texts = (said if rule.conditions else "always", rule.outcome)
        met = f"{100 * rule.precision:.1f} %" if rule.support else "never met"
        told = " | ".join(map(markdown_text, texts))
        lines.append(f"| {k + 1} | {told} | {rule.support} | {met} |")
    return "\n".join([*lines, "", *map(markdown_text, found.note.splitlines())]).rstrip() + "\n"


def rules_sql(found: RuleSet, table: str) -> str:
    """A ``SELECT`` of all rows with the answer of the first rule that holds."""
    by_name = {column.name: column for column in found.columns}
    cases: list[str] = []
    for rule in found.rules:
        test = " AND ".join(sql_test(c, by_name[c.column]) for c in rule.conditions) or "1 = 1"
        answer = sql_text(rule.outcome) if rule.value is None else repr(rule.value)
        cases.append(f"    WHEN {test} THEN {answer}")
    body = "\n".join(cases)
    choice = f"CASE\n{body}\n  END" if cases else "NULL"
    return f"SELECT source.*, {choice} AS {sql_name('answer')}\n  FROM {sql_name(table)} AS source;\n"


def rules_pmml(found: RuleSet) -> str:
    """A ``RuleSetModel`` with the selection method ``firstHit``."""
    if not found.classes:
        raise InputError("PMML rule sets answer classes; for numbers take --as python, sql or json.")
    used = {condition.column for rule in found.rules for condition in rule.conditions}
    columns = [column for column in found.columns if column.name in used]
    by_name = {column.name: column for column in columns}
    target = found.answer
    while target in by_name:
        target += " (answer)"
    fields = "".join(_field(column) for column in columns)
    values = "".join(f"<Value value={_quoted(name)}/>" for name in found.classes)
    mining = "".join(_mining(column) for column in columns)
    rules = "".join(
        f'<SimpleRule id="{k + 1}" score={_quoted(rule.outcome)} recordCount="{rule.support}">'
        f"{_predicate(rule.conditions, by_name)}</SimpleRule>\n"
        for k, rule in enumerate(found.rules)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<PMML xmlns="{PMML}" version="4.4">\n'
        f"<Header description={_quoted(' '.join(found.summary()))}>"
        f'<Application name="pellucid" version="{__version__}"/></Header>\n'
        f'<DataDictionary numberOfFields="{len(columns) + 1}">{fields}'
        f'<DataField name={_quoted(target)} optype="categorical" dataType="string">{values}</DataField>'
        "</DataDictionary>\n"
        '<RuleSetModel functionName="classification">'
        f'<MiningSchema>{mining}<MiningField name={_quoted(target)} usageType="target"/></MiningSchema>\n'
        f'<RuleSet><RuleSelectionMethod criterion="firstHit"/>\n{rules}</RuleSet></RuleSetModel>\n</PMML>\n'
    )


def _field(column: Column) -> str:
    if column.levels:
        kept = [level for level in column.levels if level not in (MISSING, OTHER)]
        # with a level for all others, values that are not listed are valid too
        listed = "" if OTHER in column.levels else "".join(f"<Value value={_quoted(v)}/>" for v in kept)
        kind = 'optype="categorical" dataType="string"'
        return f"<DataField name={_quoted(column.name)} {kind}>{listed}</DataField>"
    return f'<DataField name={_quoted(column.name)} optype="continuous" dataType="double"/>'


def _mining(column: Column) -> str:
    # what stands in for a missing number is part of the conditions, not of the field: they ask for both
    return f"<MiningField name={_quoted(column.name)}/>"


def _predicate(conditions: tuple[Condition, ...], columns: dict[str, Column]) -> str:
    tests = [_test(c, columns[c.column]) for c in conditions]
    if not tests:
        return "<True/>"
    return tests[0] if len(tests) == 1 else _compound("and", tests)


def _test(condition: Condition, column: Column) -> str:
    if not isinstance(condition.value, tuple):
        sign = "lessOrEqual" if condition.op == "<=" else "greaterThan"
        there = _simple(column, sign, repr(condition.value))
        fill = float(column.mean if column.median is None else column.median)
        met = fill <= condition.value if condition.op == "<=" else fill > condition.value
        if not column.missing:
            return there
        # a missing number makes a comparison unknown; surrogate takes the next predicate then
        return _compound("surrogate", [there, "<True/>" if met else "<False/>"])
    if not column.levels:
        return _simple(column, "isMissing" if condition.value == (MISSING,) else "isNotMissing", None)
    kept = [level for level in condition.value if level not in (MISSING, OTHER)]
    out = [level for level in column.levels if level not in (*condition.value, MISSING, OTHER)]
    shown, sign = (out, "isNotIn") if OTHER in condition.value else (kept, "isIn")
    test = _set(column, sign, shown) if shown else ("<True/>" if sign == "isNotIn" else "<False/>")
    gone = MISSING in condition.value
    known = _simple(column, "isMissing" if gone else "isNotMissing", None)
    if MISSING not in column.levels:
        return test
    return _compound("or" if gone else "and", [known, test])


def _set(column: Column, sign: str, levels: list[str]) -> str:
    if any('"' in level for level in levels):
        # the texts of an Array are quoted by hand
        each = "equal" if sign == "isIn" else "notEqual"
        tests = [_simple(column, each, level) for level in levels]
        return tests[0] if len(tests) == 1 else _compound("or" if sign == "isIn" else "and", tests)
    texts = " ".join(_escaped(f'"{level}"') for level in levels)
    array = f'<Array n="{len(levels)}" type="string">{texts}</Array>'
    return (
        f'<SimpleSetPredicate field={_quoted(column.name)} booleanOperator="{sign}">'
        f"{array}</SimpleSetPredicate>"
    )


def _simple(column: Column, sign: str, value: str | None) -> str:
    told = "" if value is None else f" value={_quoted(value)}"
    return f'<SimplePredicate field={_quoted(column.name)} operator="{sign}"{told}/>'


def _compound(sign: str, tests: list[str]) -> str:
    return f'<CompoundPredicate booleanOperator="{sign}">{"".join(tests)}</CompoundPredicate>'


def _quoted(text: str) -> str:
    _refuse(text)
    return quoteattr(text, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _escaped(text: str) -> str:
    _refuse(text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _refuse(text: str) -> None:
    if UNREADABLE.search(text):
        raise InputError(f"XML cannot hold the text {text!r}: it has a control character.")
