"""What came of expectations as a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pellucid import figures
from pellucid._core import InputSpec
from pellucid._visible import escaped as escape
from pellucid.figures import counted
from pellucid.inputs import TabularSpec
from pellucid.report._html import paragraph, rows, unfold, word
from pellucid.report._leaf import Part, leaf, written
from pellucid.tasks._check import Checked, CheckedRow, Outcome

RANK = ("failed", "not run", "undecided", "passed")
LIMITS = (
    "What this says: whether the numbers named here keep their bounds on these held-out rows. What it does "
    "not say: that the network is fair, safe or right; that the bounds are those that matter; that it "
    "holds for rows of another kind. Each expectation is judged at 95 % by itself."
)


def check_page(found: Checked, path: str | Path) -> Path:
    """Write what came of expectations into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.check`.
        path: where to write; an earlier file stays until the new one is complete.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> check_page.__name__
        'check_page'
    """
    return written(check_html(found), path)


def check_html(found: Checked) -> str:
    """The page as HTML, the worst first."""
    ranked = sorted(found.outcomes, key=lambda each: RANK.index(each.word))
    links = {id(each): f"e{k}" for k, each in enumerate(ranked, 1)}
    parts = [Part("all", "All expectations", "all", _overview(found, ranked, links))]
    for name, title in (
        ("failed", "Failed"),
        ("not run", "Not run"),
        ("undecided", "Undecided"),
        ("passed", "Passed"),
    ):
        some = [each for each in ranked if each.word == name]
        told = "".join(_told(each, links[id(each)], found) for each in some)
        parts.append(Part(name.replace(" ", "-"), f"{title} ({len(some)})", name, told))
    facts = [
        f"network {found.model[:12]}",
        f"rows {found.data[:12]}",
        f"seed {found.seed}",
        *([f"expectations: {Path(found.source).name}"] if found.source else []),
        *([f"approved run: {Path(found.against).name}"] if found.against else []),
    ]
    parts.append(Part("limits", "What this says, and what not", "limits", paragraph(LIMITS)))
    return leaf("Check", found.name, _lede(found), parts, notes=(), facts=facts)


def _lede(found: Checked) -> str:
    broken = f"{len(found.broken)} of {counted(len(found.outcomes), 'expectation')} broken"
    said = ", ".join(f"{count} {name}" for name, count in found.counts().items() if count)
    rows_of = f"{counted(found.held, 'held-out row')} of {found.data_name or 'its data'}"
    whole = "Nothing broken" if found.passed else broken
    return f"{whole}: {said}. Looked at: {rows_of}, {found.looked:,} of them explained."


def _overview(found: Checked, ranked: Sequence[Outcome], links: dict[int, str]) -> str:
    table = figures.check_overview(found)
    body = [
        [word(each.word), f'<a href="#{links[id(each)]}">{escape(each.name)}</a>', *map(_whole, cells[2:])]
        for each, cells in zip(ranked, table.table.texts(), strict=True)
    ]
    head = table.table.columns
    return rows(head, body, right=(2, 5)) + f'<p class="note">{escape(table.note)}</p>'


def _told(outcome: Outcome, anchor: str, found: Checked) -> str:
    """One expectation: its numbers, the picture behind them, the rows."""
    heading = f'<h3 id="{anchor}">{word(outcome.word)}: {escape(outcome.name)}</h3>'
    demand = (
        "" if outcome.name == outcome.expected else paragraph(f"Expected: {outcome.expected}.", css="soft")
    )
    first = figures.check_outcome(outcome)
    told = heading + demand + paragraph(_spoken(outcome)) + first.html(heading=False)
    behind = "".join(each.html() for value in outcome.shown for each in figures.figures_of(value))
    cases = _rows(outcome, found.spec)
    if outcome.word == "passed":
        behind = unfold("What lies behind it", behind) if behind else ""
    elif outcome.word == "undecided":
        cases = unfold(f"{counted(len(outcome.rows), 'row')} to look at", cases) if cases else ""
    return f'<article class="one">{told}{behind}{cases}</article>'


def _spoken(outcome: Outcome) -> str:
    line = outcome.line
    if line is None or line.value is None:
        return f"It was not measured, which counts as broken. {'' if line is None else line.note}".strip()
    alt = figures.check_outcome(outcome).alt
    return alt.removeprefix(f"{outcome.name}: {outcome.word}. ")


def _rows(outcome: Outcome, spec: object) -> str:
    if not outcome.rows:
        return ""
    means = spec if isinstance(spec, InputSpec) else None
    if isinstance(means, TabularSpec):
        body = [
            [str(each.row), escape(each.said) + _unfolded(each, means), escape(each.true), escape(each.given)]
            for each in outcome.rows
        ]
        head = ("row", "what happened", "true answer", "network's answer")
        return rows(head, body, caption="Held-out rows that show it best", right=(0,))
    drawn = "".join(_case(each, means) for each in outcome.rows)
    return f'<p class="soft">Held-out rows that show it best</p><div class="cases">{drawn}</div>'


def _whole(cell: str) -> str:
    """A number that stays on one line."""
    return f'<span class="nb">{escape(cell)}</span>'


def _unfolded(each: CheckedRow, spec: TabularSpec) -> str:
    own = spec.describe(each.x)
    asked = own if each.other is None else spec.describe(each.other)
    told = "".join(
        f"<li>{escape(name)}: {escape(value)}{'' if now == value else f' → <b>{escape(now)}</b>'}</li>"
        for (name, value), (_, now) in zip(own, asked, strict=True)
    )
    return unfold("the whole row", f'<ul class="plainlist">{told}</ul>')


def _case(each: CheckedRow, spec: InputSpec | None) -> str:
    shown = figures.picture(each.x, spec).html(heading=False, table=False)
    if each.other is not None:
        shown += paragraph("Asked instead:", css="soft")
        shown += figures.picture(each.other, spec).html(heading=False, table=False)
    answer = f"{escape(each.given)}, truly {escape(each.true)}"
    return f'<div class="case"><p class="who">row {each.row}: {answer}</p>{shown}{paragraph(each.said)}</div>'
