"""Several explanations of one input side by side: what each test found, in one line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid._core import Check, Explanation
from pellucid.errors import InputError
from pellucid.figures._evidence import BRIEF, brief
from pellucid.figures._figure import Cell, Figure, Table
from pellucid.figures._numbers import counted, hundredths
from pellucid.figures._parts import captions, failed, targets, verdict
from pellucid.figures._theme import look

# a heading of one short word, and what the number below it is
ASKED: Mapping[str, tuple[str, str]] = {
    "matters": ("agrees", "agreement with what the model does when parts are removed"),
    "beats model-free": ("beats", "that minus the best map made without the model"),
    "other absence": ("absent", "the same where another thing stands for what is removed"),
    "about training": ("model", "change of the map when training is undone"),
    "about this class": ("class", "change of the map for the next class"),
    "stable": ("stable", "worst rank correlation under slight noise"),
    "holds on data": ("data", "agreement when columns are exchanged with real rows"),
    "adds up": ("sums", "share of the change that the values do not sum to"),
}


def tested(explained: Sequence[Explanation], *, row: int = 0) -> Figure:  # noqa: PT028
    """A table of explanations × tests: the number of each test, with ○ or ◐ where it is not passed.

    Args:
        explained: several explanations of the same input, with their cards.
        row: which row of them.

    Returns:
        Figure; a table alone.

    Raises:
        InputError: if there is none.

    Example:
        >>> tested.__name__
        'tested'
    """
    if not explained:
        raise InputError("There is no explanation to show. Give at least one.")
    order = sorted(explained, key=lambda each: failed(verdict(each, row)))
    found = [{brief(check): check for check in _checks(each, row)} for each in order]
    names = [name for name in BRIEF.values() if any(_ran(checks.get(name)) for checks in found)]
    names += [name for checks in found for name in checks if name not in BRIEF.values() and name not in names]
    body = tuple(
        (look(verdict(each, row)).sign, f"{name}: {verdict(each, row) or 'not tested'}",
         *(_cell(checks.get(asked)) for asked in names))
        for each, name, checks in zip(order, captions(order, row), found, strict=True)
    )  # fmt: skip
    heads = tuple(ASKED.get(name, (name, ""))[0] for name in names)
    told = "; ".join(f"{ASKED[name][0]}: {ASKED[name][1]}" for name in names if name in ASKED)
    judged = ", ".join(str(line[1]) for line in body)
    return Figure(
        f"{counted(len(order), 'explanation')} of {targets(order, row)}, each tested",
        f"Evidence of {judged}.",
        None,
        None,
        Table(("", "method", *heads), body, f"{told}." if told else ""),
        "○ failed, ◐ mixed, – not run; what has no mark is passed." if names else "",
    )


def _checks(explanation: Explanation, row: int) -> Sequence[Check]:
    return explanation.cards[row].checks if row < len(explanation.cards) else ()


def _ran(check: Check | None) -> bool:
    return check is not None and check.value is not None


def _cell(check: Check | None) -> Cell:
    if check is None or check.value is None:
        return "–"
    return hundredths(check.value).removeprefix("+") + (
        "" if check.word == "passed" else look(check.word).sign
    )
