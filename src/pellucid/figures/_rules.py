"""Rules that stand for a network, with how often they agree with it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pellucid.figures._colour import class_colour
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import line, panel, text
from pellucid.figures._numbers import counted, percent
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from pellucid.rules import Rule, RuleSet

WIDTH, LINE, LETTERS = 344, 15, 58


def rules_table(rules: RuleSet, *, limit: int = 12) -> Figure:
    """The rules, the largest first: how many rows each covers and how often it says what the network says.

    Args:
        rules: from :func:`pellucid.rules.surrogate`.
        limit: how many rules are drawn; the table has all.

    Returns:
        Figure.

    Example:
        >>> rules_table.__name__
        'rules_table'
    """
    order = sorted(rules.rules, key=lambda rule: -rule.support)
    outcomes = outcomes_of(rules)
    most = max((rule.support for rule in order), default=1)
    marks: list[Spec] = []
    top = 0.0
    for rule in order[:limit]:
        drawn, top = _rule(rule, top, most, class_colour(outcomes.index(rule.outcome)))
        marks += drawn
    chart = panel(WIDTH, top, marks) if marks else None
    body = tuple(
        (rule_text(rule), str(rule.outcome), rule.support, percent(rule.precision)) for rule in order
    )
    note = (
        "" if len(order) <= limit else f"{limit} of {counted(len(order), 'rule')} drawn; the table has all."
    )
    table = Table(("if", "then", "rows", "agrees with the network"), body)
    return Figure("Rules", fidelity_words(rules), chart, None, table, note)


def fidelity_words(rules: RuleSet) -> str:
    """How far the rules can stand for the network, beside what costs nothing."""
    held = counted(rules.n_test, "held-out row")
    regression = rules.task == "regression"
    does = "explain {} of the network's variance on" if regression else "agree with the network on {} of"
    said = f"{counted(len(rules.rules), 'rule')} {does.format(percent(rules.fidelity))} {held}"
    commonest = "mean" if regression else "commonest answer"
    beside = [
        f"always giving the {commonest}: {percent(rules.majority)}",
        f"{_null(rules)} of that size that never saw the network: {percent(rules.null_fidelity)}",
        *(
            [
                f"where the network is wrong ({counted(rules.differ, 'row')}): "
                f"{percent(rules.differ_fidelity)}, without it {percent(rules.differ_null)}"
            ]
            if rules.differ
            else []
        ),
        *([f"no rule speaks for {percent(1 - rules.coverage)}"] if rules.coverage < 1 else []),
    ]
    ends = f"[{percent(rules.fidelity_low)}, {percent(rules.fidelity_high)}]"
    return f"{said} {ends} ({'; '.join(beside)})."


def _null(rules: RuleSet) -> str:
    return {"list": "a list", "clauses": "clauses"}.get(rules.kind, "a tree")


def rule_text(rule: Rule) -> str:
    """The conditions in words, both ends of an interval as one."""
    said = str(rule).removeprefix("IF ").removesuffix(f" THEN {rule.outcome}")
    return said.replace("<=", "≤") if rule.conditions else "always"


def outcomes_of(rules: RuleSet) -> list[str]:
    """Answers in one order, so that a colour means the same in the list and in the tree."""
    return list(dict.fromkeys([*rules.classes, *(rule.outcome for rule in rules.rules)]))


def _rule(rule: Rule, top: float, most: int, colour: str) -> tuple[list[Spec], float]:
    """One rule in as many lines as it needs, and where the next may start."""
    lines = textwrap.wrap(f"if {rule_text(rule)}", LETTERS, subsequent_indent="   ")
    across = max(2.0, 130 * rule.support / max(1, most))
    low = top + LINE * len(lines) + 4
    bar: Spec = {"type": "rect", "color": colour, "cornerRadius": 2}
    at: Spec = {"x": {"value": 0}, "x2": {"value": across}, "y": {"value": low}, "y2": {"value": low + 8}}
    said = f"{counted(rule.support, 'row')} · agrees {percent(rule.precision)}"
    told = [text(0, top + LINE * i, words) for i, words in enumerate(lines)]
    drawn: list[Spec] = [
        *told,
        text(WIDTH, low - 2, f"→ {rule.outcome}", bold=True, align="right", limit=120),
        {
            "data": {"values": [{"support": rule.support, "precision": rule.precision}]},
            "mark": bar,
            "encoding": at,
        },
        text(across + 8, low - 2, said, size=10, faint=True),
        line(0, low + 18, WIDTH, low + 18, opacity=0.1),
    ]
    return drawn, low + 28
