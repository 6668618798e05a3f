"""Whether printed rules keep the directions that were declared for their columns: shown by their signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from pellucid._core import Json

if TYPE_CHECKING:
    from pellucid.rules._weighted import WeightedRule, WeightedRules


@final
@dataclass(frozen=True, slots=True)
class KeptDirection:
    """Whether more of a column can only raise (or only lower) the score of the second class.

    Args:
        column: its name.
        sign: 1 where more should only raise it, -1 where it should only lower it.
        rules: numbers of the rules that ask for this column, from 1.
        against: those of them that go the other way; empty is a proof for every row there could be.
    """

    column: str
    sign: int
    rules: tuple[int, ...]
    against: tuple[int, ...]

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        return {
            "column": self.column,
            "sign": self.sign,
            "rules": [*self.rules],
            "against": [*self.against],
            "holds": not self.against,
        }


def kept_directions(found: WeightedRules) -> tuple[KeptDirection, ...]:
    """One for each column with a direction; none for lists and for more than two classes."""
    if found.ordered or len(found.classes) != 2:
        return ()
    out: list[KeptDirection] = []
    for column in found.columns:
        if column.monotone:
            asked = [_turns(rule, column.name) for rule in found.rules]
            signed = [rule.weights[1] - rule.weights[0] for rule in found.rules]
            against = [
                k + 1
                for k, (turns, weight) in enumerate(zip(asked, signed, strict=True))
                if any(turn * weight * column.monotone < 0 for turn in turns)
            ]
            rules = tuple(k + 1 for k, turns in enumerate(asked) if turns)
            out.append(KeptDirection(column.name, column.monotone, rules, tuple(against)))
    return tuple(out)


def _turns(rule: WeightedRule, column: str) -> list[int]:
    """1 for each condition that begins to hold as the column's number grows, -1 for one that ceases to."""
    return [{">": 1, "<=": -1}[c.op] for c in rule.conditions if c.column == column and c.op != "in"]


def told_of_directions(kept: tuple[KeptDirection, ...], score: str) -> tuple[str, ...]:
    """What was shown, in one sentence; in another one, what was not."""
    ways = {
        1: ", ".join(each.column for each in kept if each.sign > 0 and each.rules and not each.against),
        -1: ", ".join(each.column for each in kept if each.sign < 0 and each.rules and not each.against),
    }
    said = [
        f"more {ways[sign]} can only {verb}" for sign, verb in ((1, "raise"), (-1, "lower")) if ways[sign]
    ]
    lines: list[str] = []
    if said:
        both = " it, and ".join(said)
        lines.append(
            f"Directions hold everywhere: {both} the {score}, in every row there could be, since no rule "
            "that asks for a column has a weight against its direction."
        )
    unasked = [each.column for each in kept if not each.rules]
    if unasked:
        lines.append(f"No rule asks for {', '.join(unasked)}, so more or less there changes nothing.")
    for each in kept:
        if each.against:
            verb = "raise" if each.sign > 0 else "lower"
            which = ", ".join(map(str, each.against))
            lines.append(
                f"Not shown: more {each.column} should only {verb} the {score}; against it: rule {which}."
            )
    return tuple(lines)
