"""Weighted rules as PMML: each rule a derived field of 0 or 1, the sum a regression model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid._version import __version__
from pellucid.inputs import MISSING, OTHER, Column
from pellucid.rules._rule import Condition
from pellucid.rules._rules_source import PMML, _escaped, _field, _mining, _quoted

if TYPE_CHECKING:
    from pellucid.rules._weighted import WeightedRule, WeightedRules


def weighted_pmml(found: WeightedRules) -> str:
    """A ``RegressionModel`` whose predictors are the rules; softmax of the scores gives the probabilities."""
    used = {condition.column for rule in found.rules for condition in rule.conditions}
    columns = [column for column in found.columns if column.name in used]
    by_name = {column.name: column for column in columns}
    target = _free(found.answer, by_name)
    prefix = "rule"
    while any(name.startswith(f"{prefix} ") for name in (*by_name, target)):
        prefix += "_"
    values = "".join(f"<Value value={_quoted(name)}/>" for name in found.classes)
    tables = "".join(_table(found, prefix, c) for c in range(len(found.classes)))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<PMML xmlns="{PMML}" version="4.4">\n'
        f"<Header description={_quoted(' '.join(found.summary()))}>"
        f'<Application name="pellucid" version="{__version__}"/></Header>\n'
        f'<DataDictionary numberOfFields="{len(columns) + 1}">{"".join(map(_field, columns))}'
        f'<DataField name={_quoted(target)} optype="categorical" dataType="string">{values}</DataField>'
        "</DataDictionary>\n"
        '<RegressionModel functionName="classification" normalizationMethod="softmax">'
        f"<MiningSchema>{''.join(map(_mining, columns))}<MiningField name={_quoted(target)} "
        'usageType="target"/></MiningSchema>\n'
        f"{_transformations(found, prefix, by_name)}{tables}</RegressionModel>\n</PMML>\n"
    )


def _free(name: str, taken: dict[str, Column]) -> str:
    while name in taken:
        name += " (answer)"
    return name


def _transformations(found: WeightedRules, prefix: str, columns: dict[str, Column]) -> str:
    fields: list[str] = []
    before = ""
    for k, rule in enumerate(found.rules):
        held = _held(rule, columns)
        one = f'<Apply function="if">{held}{_number("1")}{_number("0")}</Apply>'
        if found.ordered:  # counts where no earlier one has
            one = f'<Apply function="if">{before}{_number("0")}{one}</Apply>' if before else one
            earlier = _apply("equal", _reference(f"{prefix} {k + 1}"), _number("1"))
            before = _apply("or", before, earlier) if before else earlier
        name = _quoted(f"{prefix} {k + 1}")
        fields.append(f'<DerivedField name={name} optype="continuous" dataType="double">{one}</DerivedField>')
    return f"<LocalTransformations>{chr(10).join(fields)}</LocalTransformations>\n" if fields else ""


def _held(rule: WeightedRule, columns: dict[str, Column]) -> str:
    tests = [_test(condition, columns[condition.column]) for condition in rule.conditions]
    if not tests:
        return _apply("equal", _number("1"), _number("1"))
    return tests[0] if len(tests) == 1 else _apply("and", *tests)


def _test(condition: Condition, column: Column) -> str:
    if not isinstance(condition.value, tuple):
        fill = float(column.mean if column.median is None else column.median)
        read = _reference(column.name, repr(fill) if column.missing else None)
        sign = "lessOrEqual" if condition.op == "<=" else "greaterThan"
        return _apply(sign, read, _number(repr(condition.value)))
    if not column.levels:
        gone = condition.value == (MISSING,)
        return _apply("isMissing" if gone else "isNotMissing", _reference(column.name))
    out = [level for level in column.levels if level not in condition.value and level != OTHER]
    kept = [level for level in condition.value if level != OTHER]
    shown, sign = (out, "isNotIn") if OTHER in condition.value else (kept, "isIn")
    if not shown:
        return _apply("equal", _number("1"), _number("1" if sign == "isNotIn" else "0"))
    read = _reference(column.name, MISSING if MISSING in column.levels else None)
    return _apply(
        sign, read, *(f'<Constant dataType="string">{_escaped(level)}</Constant>' for level in shown)
    )


def _table(found: WeightedRules, prefix: str, c: int) -> str:
    predictors = "".join(
        f'<NumericPredictor name={_quoted(f"{prefix} {k + 1}")} coefficient="{rule.weights[c]!r}"/>'
        for k, rule in enumerate(found.rules)
        if rule.weights[c]
    )
    return (
        f'<RegressionTable intercept="{found.bias[c]!r}" targetCategory={_quoted(found.classes[c])}>'
        f"{predictors}</RegressionTable>\n"
    )


def _apply(function: str, *parts: str) -> str:
    return f'<Apply function="{function}">{"".join(parts)}</Apply>'


def _reference(name: str, instead: str | None = None) -> str:
    told = "" if instead is None else f" mapMissingTo={_quoted(instead)}"
    return f"<FieldRef field={_quoted(name)}{told}/>"


def _number(value: str) -> str:
    return f'<Constant dataType="double">{value}</Constant>'
