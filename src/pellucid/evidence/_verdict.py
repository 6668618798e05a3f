"""Five words for a whole card, and the gate that decided."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pellucid._core import Card, Check, Verdict
from pellucid.evidence._about import ABOUT, OWN_CLASS, TRAINED
from pellucid.evidence._exchange import ON_DATA
from pellucid.evidence._held import Held
from pellucid.evidence._matters import HOLDS, LEVEL, MATTERS, MISSING

GATES = {
    "Does it beat a map made without the model?": "a map made without the model agrees about as well",
    HOLDS: "it depends on what stands in the place of removed parts",
    ON_DATA: "it says little of what other real values in its place would do",
    ABOUT: "it hardly changes without training",
    OWN_CLASS: "it hardly changes for the next class",
    "Is it stable?": "slight noise changes it",
    "Does it add up?": "its values do not sum to what they should explain",
}


def verdict(
    checks: Sequence[Check], blocked: str, left: float, refuted: str = "", shield: str = ""
) -> tuple[Verdict, str]:
    """The word for a card, with one sentence.

    Args:
        checks: all of one card.
        blocked: why the agreement cannot be tested; ``""`` where it can.
        left: p of an agreement this low, over all nulls.
        refuted: what the network follows instead, where that can be told; else ``""``.
        shield: why what removing does cannot contradict the map; ``""`` where it can.
    """
    first = next(check for check in checks if check.question == MATTERS)
    value = first.value
    if blocked or value is None or first.p is None:
        return "not testable", f"Not testable: {blocked}."
    against = "" if shield else _against(checks, value, left, refuted)
    if against:
        return "contradicted", against
    if first.word == "failed":
        said = f"Not told apart from chance: agreement {value:+.2f}, p = {first.p:.3f}."
        return "not supported", f"{said} {shield}." if shield else said
    wrong = _wrong(checks)
    told = f"It tells what the model does better than chance (agreement {value:+.2f}, p = {first.p:.3f})"
    if wrong:
        return "partly supported", f"{told}, but {'; '.join(wrong)}."
    return "supported", f"{told}, and every other gate that applies is passed."


def _against(checks: Sequence[Check], value: float, left: float, refuted: str) -> str:
    """What contradicts a map, in a sentence; ``""`` where nothing does."""
    if value < 0 and left <= LEVEL:
        return (
            f"The model does the opposite of what the map says: agreement {value:+.2f}, "
            f"lower than chance (p = {left:.3f})."
        )
    apart = next((c for c in checks if c.question == HOLDS and c.word == "failed"), None)
    if apart is not None and apart.value is not None:
        return (
            f"Agreement is {value:+.2f} with removed parts replaced by {apart.control_name}, "
            f"but {apart.value:+.2f} under another fill: what the map says does not carry over."
        )
    off = next((c for c in checks if c.question == ON_DATA and c.word == "failed"), None)
    if off is not None:
        return off.note
    # a map that does not come from the network at all is chance, not a statement that can be refuted
    return refuted if any(c.test == TRAINED and c.word == "passed" for c in checks) else ""


def over_many(cards: Sequence[Card], found: Held | None) -> tuple[Card, ...]:
    """The cards of a method whose maps are refuted over many rows: none stands as supported alone.

    Example:
        >>> over_many([], None)
        ()
    """
    if found is None or found.word != "failed":
        return tuple(cards)
    return tuple(_with_all(card, found) for card in cards)


def _with_all(card: Card, found: Held) -> Card:
    if card.verdict in ("contradicted", "not testable"):
        return card
    reason = (
        f"Over {found.n} inputs this method's maps of this network are refuted, so this one is not to be "
        f"believed alone, although its own row would be {card.verdict}. {found.reason}"
    )
    return dataclasses.replace(card, verdict="contradicted", reason=reason)


def _wrong(checks: Sequence[Check]) -> list[str]:
    found: list[str] = []
    for check in checks:
        if check.question == MATTERS and check.word == "mixed":
            gaps = [told.rstrip(".") for told in MISSING.values() if told in check.note]
            found += [f"{told[:1].lower()}{told[1:]}" for told in gaps] or ["a control is missing"]
        elif check.test == TRAINED and check.word == "not run":
            found.append("dependence on training was not tested")
        elif check.word in ("mixed", "failed") and check.question != MATTERS:
            found.append(GATES[check.question])
    return found
