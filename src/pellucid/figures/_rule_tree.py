"""A tree's rules as the tree that they were read off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pellucid.figures._colour import class_colour
from pellucid.figures._figure import Figure
from pellucid.figures._marks import line, panel, text
from pellucid.figures._numbers import counted
from pellucid.figures._rules import fidelity_words, outcomes_of, rules_table
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.rules import Condition, Rule, RuleSet


@dataclass(slots=True)
class _Node:
    """One side of a question, and what is asked there."""

    label: str = ""
    branches: dict[str, _Node] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Rest:
    """A rule and what of its conditions is still to be asked."""

    conditions: tuple[Condition, ...]
    rule: Rule

    def on(self, column: str, op: str) -> Condition | None:
        """What it asks of a column in this way."""
        return next((c for c in self.conditions if (c.column, c.op) == (column, op)), None)

    def without(self, asked: Condition) -> _Rest:
        """What is left once that was asked."""
        return _Rest(tuple(c for c in self.conditions if c != asked), self.rule)


def tree(rules: RuleSet, *, limit: int = 24) -> Figure:
    """The rules as a tree that is read from left to right.

    Each question parts all rules below it in two. A rule tells a path's bounds on one column together, so the
    questions are found anew; rules that no question parts share their common beginnings.

    Args:
        rules: from :func:`pellucid.rules.surrogate`.
        limit: how many leaves are drawn; the note says of how many.

    Returns:
        Figure.

    Example:
        >>> tree.__name__
        'tree'
    """
    root = _Node()
    _grow(root, [_Rest(rule.conditions, rule) for rule in rules.rules[:limit]])
    marks: list[Spec] = []
    height = _draw(root, 0, 0, marks, outcomes_of(rules))
    note = (
        ""
        if len(rules.rules) <= limit
        else f"{limit} of {counted(len(rules.rules), 'leaf', 'leaves')} drawn."
    )
    return Figure(
        "The rules as a tree",
        fidelity_words(rules),
        panel(24 * _depth(root) + 380, max(20, height), marks) if marks else None,
        None,
        rules_table(rules).table,
        note,
    )


def _grow(node: _Node, rests: Sequence[_Rest]) -> None:
    """Put the rules below a node."""
    parted = next((two for rest in rests for c in rest.conditions if (two := _parted(c, rests))), ())
    for condition, some in parted:
        _grow(_branch(node, condition), some)
    for rest in () if parted else rests:
        place = node
        for condition in rest.conditions:
            place = _branch(place, condition)
        place.rules.append(rest.rule)


def _branch(node: _Node, condition: Condition) -> _Node:
    said = str(condition).replace("<=", "≤")
    return node.branches.setdefault(said, _Node(said))


def _parted(
    asked: Condition, rests: Sequence[_Rest]
) -> tuple[tuple[Condition, list[_Rest]], tuple[Condition, list[_Rest]]] | None:
    """The rules on either side of a question; ``None`` where one lies on both, or a side is empty."""
    yes, no = _sides(asked, rests)
    here: list[_Rest] = []
    there: list[_Rest] = []
    for rest in rests:
        if _within(rest, yes):
            here.append(rest.without(yes))
        elif _within(rest, no):
            there.append(rest.without(no))
        else:
            return None
    return ((yes, here), (no, there)) if here and there else None


def _sides(asked: Condition, rests: Sequence[_Rest]) -> tuple[Condition, Condition]:
    """A question's two answers, the lower first."""
    if asked.op != "in":
        return replace(asked, op="<="), replace(asked, op=">")
    own = asked.value if isinstance(asked.value, tuple) else ()
    given = [c.value for rest in rests if (c := rest.on(asked.column, "in")) and isinstance(c.value, tuple)]
    known = asked.others or tuple(dict.fromkeys(level for levels in given for level in levels))
    others = tuple(level for level in known if level not in own)
    return asked, replace(asked, value=others, others=own)


def _within(rest: _Rest, side: Condition) -> bool:
    """Whether all that a rule speaks for lies on this side."""
    own = rest.on(side.column, side.op)
    if own is None:
        return False
    if isinstance(own.value, tuple) or isinstance(side.value, tuple):
        return (
            isinstance(own.value, tuple) and isinstance(side.value, tuple) and {*own.value} <= {*side.value}
        )
    return own.value <= side.value if side.op == "<=" else own.value >= side.value


def _depth(node: _Node) -> int:
    return max((1 + _depth(branch) for branch in node.branches.values()), default=0)


def _draw(node: _Node, depth: int, top: float, marks: list[Spec], outcomes: list[str]) -> float:
    """Draw a node's label, leaves and branches below each other; returns where the next may start."""
    left = 24.0 * max(0, depth - 1)
    if node.label:
        leaf = node.rules[0] if node.rules and not node.branches else None
        marks.append(text(left, top, node.label, limit=330))
        if leaf is not None:
            marks.append(
                text(left + 16 + 6.2 * len(node.label), top, f"→ {leaf.outcome} ({leaf.support})", bold=True)
            )
            marks.append(
                line(
                    left - 8,
                    top + 6,
                    left - 4,
                    top + 6,
                    opacity=1,
                    colour=class_colour(outcomes.index(leaf.outcome)),
                    width=8,
                )
            )
        top += 20
    start = top
    for branch in node.branches.values():
        top = _draw(branch, depth + 1, top, marks, outcomes)
    if node.label and node.branches:
        marks.append(line(left + 4, start - 4, left + 4, top - 12, opacity=0.25, colour=THEME.ink))
    return top
