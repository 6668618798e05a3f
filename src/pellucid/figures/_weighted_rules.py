"""A classifier of weighted rules, written out: what each rule adds, where it holds, how often it is right."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from pellucid.figures._colour import class_colour, hexadecimal, paint_signed
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import line, panel, text
from pellucid.figures._numbers import counted, percent
from pellucid.figures._over_data import share_text
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from pellucid.rules import WeightedRule, WeightedRules

WIDTH, LINE, LETTERS, BAR = 344, 15, 58, 90
SHARE = 56  # bars of a list, beside which the answer is told


def weighted_rules(rules: WeightedRules, *, limit: int = 24) -> Figure:
    """The rules of a classifier: weight, rows in which each holds, share of them of its class with interval.

    Args:
        rules: from :class:`pellucid.readable.RuleClassifier`.
        limit: how many rules are drawn; the table has all.

    Returns:
        Figure. Weights share one scale with zero in the middle; a list shows how many rows each rule decides.

    Example:
        >>> weighted_rules.__name__
        'weighted_rules'
    """
    shown = rules.rules[:limit]
    most = max((abs(_weight(rules, rule)) for rule in rules.rules), default=1.0) or 1.0
    marks: list[Spec] = []
    top = 0.0
    for k, rule in enumerate(shown):
        drawn, top = _drawn(rules, k, rule, top, most)
        marks += drawn
    if rules.ordered and len(shown) == len(rules.rules):
        drawn, top = _otherwise(rules, top)
        marks += drawn
    held = "held-out" if rules.held_out else "training"
    body = tuple(_cells(rules, k, rule) for k, rule in enumerate(rules.rules))
    if rules.ordered:
        share = percent(rules.otherwise_rows / rules.n) if rules.n else "–"
        rest = rules.otherwise_text()
        body += (("", "otherwise", rest, rules.otherwise_rows, share, rules.otherwise, "–", "–"),)
    added = "answers" if rules.ordered else "adds"
    counts = ("share of rows", "speaks for", "of which right", "95 % interval")
    columns = ("", "if", added, f"{held} rows", *counts)
    note = ""
    if len(shown) < len(rules.rules):
        note = f"{len(shown)} of {counted(len(rules), 'rule')} drawn; the table has all."
    chart = panel(WIDTH, top, marks) if marks else None
    return Figure("The rules that decide", _alt(rules), chart, None, Table(columns, body), note)


def _cells(rules: WeightedRules, k: int, rule: WeightedRule) -> tuple[str | int, ...]:
    """A line of the table."""
    ends = f"{percent(rule.precision_low)} to {percent(rule.precision_high)}"
    added = rules.weight_text(k).replace("-", "−")
    share = percent(rule.support / rules.n) if rules.n else "–"
    return (k + 1, _said(rule), added, rule.support, share, rule.outcome, percent(rule.precision), ends)


def _alt(rules: WeightedRules) -> str:
    told = " ".join(rules.summary())
    if not rules.rules:
        return f"{told} There is no rule: every row gets the same answer."
    largest = max(range(len(rules.rules)), key=lambda k: abs(_weight(rules, rules.rules[k])))
    which, k = ("The first", 0) if rules.ordered else ("The largest weight", largest)
    rule = rules.rules[k]
    added = rules.weight_text(k).replace("-", "−")
    return f"{told} {which}: {added} if {_said(rule)}, in {counted(rule.support, 'row')}."


def _said(rule: WeightedRule) -> str:
    return str(rule).removeprefix("IF ").replace("<=", "≤") if rule.conditions else "always"


def _weight(rules: WeightedRules, rule: WeightedRule) -> float:
    """What is drawn of a rule: what the second of two classes gains, of more its own class."""
    if len(rules.classes) == 2:
        return rule.weights[1]
    return max(rule.weights) - sum(rule.weights) / len(rule.weights)


def _drawn(
    rules: WeightedRules, k: int, rule: WeightedRule, top: float, most: float
) -> tuple[list[Spec], float]:
    """One rule in as many lines as it needs, and where the next may start."""
    start = "else if" if rules.ordered and k else "if"
    lines = textwrap.wrap(f"{start} {_said(rule)}", LETTERS, subsequent_indent="   ")
    low = top + LINE * len(lines) + 4
    weight, middle = _weight(rules, rule), BAR / 2
    bar_end, at_right = (SHARE, SHARE + 156) if rules.ordered else (BAR, BAR + 124)
    if rules.ordered:
        ends = (0.0, max(2.0, SHARE * rule.support / max(1, rules.n)))
        colour = class_colour(rules.classes.index(rule.outcome))
        told = f"→ {rules.weight_text(k)}"
    else:
        ends = (middle, middle + weight / most * middle)
        colour = hexadecimal(paint_signed(np.array([weight]), most)[0])
        told = f"{weight:+.2f}".replace("-", "−")
        told = told if len(rules.classes) == 2 else f"{told} {rule.outcome}"
    bar: Spec = {"type": "rect", "color": colour, "stroke": "#888888", "strokeWidth": 0.5}
    at: Spec = {"x": {"value": min(ends)}, "x2": {"value": max(ends)}, "y": {"value": low}}
    at["y2"] = {"value": low + 9}
    values = {
        "weight": weight,
        "support": rule.support,
        "precision": rule.precision if rule.support else None,
    }
    told_right = share_text(rule.precision, rule.precision_low, rule.precision_high)
    right = "never met"
    if rule.support:
        # a list says its answer at the left already
        right = told_right if rules.ordered else f"{told_right} {rule.outcome}"
    marks: list[Spec] = [
        *(text(0, top + LINE * i, words) for i, words in enumerate(lines)),
        {"data": {"values": [values]}, "mark": bar, "encoding": at},
        text(bar_end + 12, low - 2, told, bold=True, limit=at_right - bar_end - 16),
        text(at_right, low - 1, f"{counted(rule.support, 'row')} · {right}", size=10, faint=True),
        line(0, low + 18, WIDTH, low + 18, opacity=0.1),
    ]  # fmt: skip
    if not rules.ordered:
        marks.append(line(middle, low - 2, middle, low + 11, opacity=0.5))
    return marks, low + 26


def _otherwise(rules: WeightedRules, top: float) -> tuple[list[Spec], float]:
    """The last line of a list."""
    low, rest = top + LINE + 4, rules.otherwise_text()
    wide = max(2.0, SHARE * rules.otherwise_rows / max(1, rules.n))
    colour = class_colour(rules.classes.index(rules.otherwise))
    bar: Spec = {"type": "rect", "color": colour, "stroke": "#888888", "strokeWidth": 0.5}
    at: Spec = {"x": {"value": 0}, "x2": {"value": wide}, "y": {"value": low}, "y2": {"value": low + 9}}
    return [
        text(0, top, "else"),
        {"data": {"values": [{"support": rules.otherwise_rows}]}, "mark": bar, "encoding": at},
        text(SHARE + 12, low - 2, f"→ {rest}", bold=True, limit=140),
        text(SHARE + 156, low - 1, counted(rules.otherwise_rows, "row"), size=10, faint=True),
    ], low + 26
