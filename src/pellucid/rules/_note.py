"""What a reader of rules must know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid._core import InputSpec, percent
from pellucid.inputs import AudioSpec, ImageSpec
from pellucid.rules._rule import number_text
from pellucid.rules._rule_set import RuleSet

CLASSES_CLOSE, NUMBERS_CLOSE = 0.95, 0.9  # fidelity from which rules may be read as the network


def note(found: RuleSet, spec: InputSpec, constant: bool) -> str:
    """Sentences, one a line: how far to believe the rules, and how to read their numbers."""
    return "\n".join((*_belief(found, constant), *_reading(found, spec)))


def _belief(found: RuleSet, constant: bool) -> Iterator[str]:
    if constant:
        yield "The network gives every training row the same answer: rules have nothing to tell apart."
        return
    missed = percent(1 - found.fidelity)
    if found.fidelity < (CLASSES_CLOSE if found.classes else NUMBERS_CLOSE):
        yield "Read these rules as a summary, not as the network: " + (
            f"they contradict it on {missed} of the held-out rows."
            if found.classes
            else f"they leave {missed} of the variance of its answers unexplained."
        )
    if found.fidelity_low <= found.majority:
        usual = "commonest" if found.classes else "mean"
        yield f"They are not clearly closer to it than always giving its {usual} answer."
    if found.excess_low <= 0:
        low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in (found.excess_low, found.excess_high))
        yield (
            "They are not clearly closer to it than a tree of that size on the true answers, which never "
            f"saw the network ({low} to {high} points): they may show the data more than the network."
        )
    silent = [name for name in found.classes if name not in found.outcomes]
    if silent:
        yield f"No rule answers {', '.join(silent)}; more leaves may."


def _reading(found: RuleSet, spec: InputSpec) -> Iterator[str]:
    if isinstance(spec, ImageSpec):
        last = found.columns[-1].name
        yield (
            f"Each number is the mean brightness of one cell of a coarse grid ({last} is the lower right), "
            "0 black and 1 full; networks rarely look at pictures that way."
        )
    if isinstance(spec, AudioSpec):
        yield "Each number is the mean level of a stretch of sound in dB; networks rarely hear that way."
    if found.synthetic:
        yield f"{found.synthetic} rows between training rows were added, with the network's answers to them."
    asked = {c.column for rule in found.rules for c in rule.conditions if c.op != "in"}
    for column in found.columns:
        if column.missing and column.name in asked:
            taken = column.mean if column.median is None else column.median
            yield (
                f"A missing {column.name} is read as {number_text(float(taken))} {column.unit}".rstrip() + "."
            )
