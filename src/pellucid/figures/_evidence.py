"""Evidence as cards: a question, a word with its shape, a number with its interval and its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pellucid._core import Card, Check
from pellucid._visible import escaped as escape
from pellucid.figures._figure import Figure, Table, Word, word_html
from pellucid.figures._marks import line, panel, panels, sign, text, word
from pellucid.figures._numbers import counted, measured, number
from pellucid.figures._theme import THEME, Spec, look, word_rank

LIMIT = "One input cannot tell a network that is built to fool an explanation: pellucid audit asks over many."
WIDTH = 272
LINE = 16
BRIEF: Mapping[str, str] = {
    "Does it matter to the model?": "matters",
    "Does it beat a map made without the model?": "beats model-free",
    "Does it hold for another kind of absence?": "other absence",
    "Is it about this model?": "about training",
    "Is it about this class?": "about this class",
    "Is it stable?": "stable",
    "Does it hold on data?": "holds on data",
    "Does it add up?": "adds up",
}


def evidence(cards: Card | Sequence[Card], *, worst_first: bool = False, whole: bool = True) -> Figure:
    """One card per question: what was asked, the word, the number with its 95 % interval, its control and n.

    The bar under a number is its interval on the scale from -1 to 1 (or as wide as needed); the short tick
    is the control. Where the two overlap, the test could not tell the explanation from its control.

    Args:
        cards: one card or several (of several explanations); several become one table.
        worst_first: failed questions before passed ones.
        whole: with what each test is, its control in words and its note; else numbers alone.

    Returns:
        Figure.

    Example:
        >>> check = Check("Is it stable?", "noise", "passed", 0.9, 0.1, "another seed", 4, 0.8, 0.95)
        >>> evidence(Card("supported", "All gates passed.", (check,), "zero", 80)).alt
        'Evidence: supported. All gates passed. Is it stable? passed, 0.900 [0.800, 0.950].'
    """
    shown = [cards] if isinstance(cards, Card) else list(cards)
    checks = [check for card in shown for check in card.checks]
    order = sorted(checks, key=lambda check: word_rank(check.word)) if worst_first else checks
    alt = " ".join(
        f"Evidence: {_judged(card)} {_said(card.checks) if whole else ''}".strip() for card in shown
    )
    chart = panels([_card(check) for check in order], columns=3) if order else None
    rows = sum(card.rows for card in shown)
    fills = ", ".join(dict.fromkeys(card.fill for card in shown if card.fill))
    note = f"{counted(rows, 'row')} went through the network for this." + (
        f" Removed parts were set to: {fills}." if fills else ""
    )
    note += f" {LIMIT}" if checks and whole else ""
    title = f"May it be believed? {shown[0].verdict}" if len(shown) == 1 else "May they be believed?"
    return Figure(title, alt or "Nothing was tested.", chart, None, check_table(order, whole=whole), note)


def lines(card: Card | None, y: float, width: float) -> list[Spec]:
    """A card as lines below a panel: a shape, the question in few words, the number with its interval."""
    drawn: list[Spec] = []
    for i, check in enumerate(() if card is None else card.checks):
        top = y + LINE * i
        ends = "" if check.low is None else f" [{number(check.low, 2)}, {number(check.high, 2)}]"
        shown = "not run" if check.value is None else number(check.value, 2) + ends
        drawn += sign(0, top, check.word)
        drawn.append(text(15, top, f"{brief(check)} {shown}", size=10, limit=width))
    return drawn


def extended(panel: Spec, card: Card | None, width: float, *, below: float = 8) -> Spec:
    """A panel with a card below it; its scales stay as they are."""
    if card is None:
        return panel
    height, layers = cast("float", panel["height"]), cast("list[Spec]", panel["layer"])
    return {**panel, "layer": [*layers, *lines(card, height + below, width)]}


def brief(check: Check) -> str:
    """A question in one or two words."""
    if "next class" in check.test:  # in older records under the question about training
        return BRIEF["Is it about this class?"]
    return BRIEF.get(check.question, check.question.rstrip("?"))


def check_table(checks: Sequence[Check], *, whole: bool = True) -> Table:
    """All numbers of some tests; not ``whole``: in few words."""
    if not whole:
        short = tuple((brief(c), Word(c.word), _measured(c), number(c.control), c.n, c.p) for c in checks)
        return Table(("question", "word", "number", "control", "n", "p"), short)
    columns = ("question", "word", "number", "control", "what the control is", "n", "p", "test", "note")
    body = tuple(
        (
            c.question,
            Word(c.word),
            _measured(c),
            number(c.control),
            c.control_name,
            c.n,
            c.p,
            c.test,
            c.note,
        )
        for c in checks
    )
    return Table(columns, body)


def cards_html(checks: Sequence[Check]) -> str:
    """The cards as HTML for a page of ours, with "how computed" to open."""
    return f'<div class="cards">{"".join(_html(check) for check in checks)}</div>'


def _html(check: Check) -> str:
    control = f"{escape(check.control_name)}: {number(check.control)}" if check.control is not None else ""
    p = f" · p = {number(check.p, 2)}" if check.p is not None else ""
    cost = f"{counted(check.rows, 'row')} of the network"
    how = f"{escape(check.test)}."
    how += "" if check.word == "not run" else f" n = {check.n:,}{p}; {check.better} is good; {cost}."
    note = f'<p class="why">{escape(check.note)}</p>' if check.note else ""
    return (
        f'<section class="card {look(check.word).shape}"><p class="question">{escape(check.question)}</p>'
        f'<p class="word">{word_html(check.word)}</p>'
        f'<p class="number">{_measured(check)}</p>'
        f'<p class="control">{control}</p>{note}'
        f"<details><summary>how computed</summary><p>{how}</p></details></section>"
    )


def _measured(check: Check) -> str:
    """The number with its interval and its unit."""
    told = measured(check.value, check.low, check.high)
    return f"{told} {check.unit}" if check.unit and check.value is not None else told


def _judged(card: Card) -> str:
    """The verdict and its reason; a reason that begins with the verdict is not said twice."""
    again = card.reason.casefold().startswith(card.verdict)
    return card.reason[0].lower() + card.reason[1:] if again else f"{card.verdict}. {card.reason}"


def _said(checks: Sequence[Check]) -> str:
    return " ".join(f"{c.question} {c.word}{'' if c.value is None else ', ' + _measured(c)}." for c in checks)


def _card(check: Check) -> Spec:
    layers = [text(0, 0, check.question, size=12, bold=True, limit=WIDTH), *word(0, 20, check.word)]
    if check.value is None:
        return panel(WIDTH, 92, [*layers, text(0, 40, check.note, size=10, faint=True, limit=WIDTH)])
    layers.append(text(0, 40, _measured(check), size=12, limit=WIDTH))
    layers += _scale(check)
    if check.control is not None:
        layers.append(
            text(
                0,
                76,
                f"control {number(check.control)}: {check.control_name}",
                size=10,
                faint=True,
                limit=WIDTH,
            )
        )
    return panel(WIDTH, 92, layers)


def _scale(check: Check) -> list[Spec]:
    """The interval with its control on one line."""
    if check.value is None:
        return []
    given = [v for v in (check.value, check.low, check.high, check.control) if v is not None]
    least, most = min(0.0, *given), max(1.0, *given)

    def at(value: float) -> float:
        return WIDTH * (value - least) / (most - least)

    colour = look(check.word).colour
    drawn = [line(0, 65, WIDTH, 65, opacity=0.2)]
    if check.low is not None and check.high is not None:
        drawn.append(line(at(check.low), 65, at(check.high), 65, opacity=1, colour=colour, width=4))
    dot: Spec = {"type": "point", "filled": True, "size": 60, "color": colour, "opacity": 1}
    drawn.append(
        {
            "data": {"values": [{"value": check.value}]},
            "mark": dot,
            "encoding": {"x": {"value": at(check.value)}, "y": {"value": 65}},
        }
    )
    if check.control is not None:
        drawn.append(
            line(at(check.control), 59, at(check.control), 71, opacity=0.8, colour=THEME.ink, width=2)
        )
    return drawn
