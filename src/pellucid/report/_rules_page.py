"""Rules that stand for a network, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from pellucid import figures
from pellucid.figures import Figure
from pellucid.report._html import items, unfold
from pellucid.report._leaf import Part, few_words, leaf, told, written
from pellucid.rules import Frontier, RuleSet

LIMITS = (
    "Rules copy answers, not inner workings: the network may answer so for other reasons.",
    "A rule says what the network answers, not what is true, and not what a change would cause.",
    "Fidelity alone proves little: where the network is right, rules of the true answers agree with it too. "
    "What counts is the difference to these, and the rows where the network is wrong.",
)


def rules_page(
    found: RuleSet,
    path: str | Path,
    *,
    frontier: Frontier | None = None,
    name: str = "",
    pictures: Sequence[Figure] = (),
) -> Path:
    """Write rules with their evidence into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.rules`.
        path: where to write; an earlier file stays until the new one is complete.
        frontier: the sets of other lengths.
        name: of the network.
        pictures: what the rules speak of, drawn.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> rules_page.__name__
        'rules_page'
    """
    parts = [
        Part("rules", "The rules", "the rules", told(figures.rules_table(found), heading=False, words=False)),
        Part("pictures", "What they speak of", "pictures", "".join(map(told, pictures))),
        Part("belief", "How far they stand for it", "how far", _belief(found)),
    ]
    if frontier is not None:
        drawn = figures.rule_frontier(frontier, picked=found)
        parts.append(Part("length", drawn.title, "length", told(drawn, heading=False)))
    parts += [
        Part("run", "To run elsewhere", "to run", _sources(found)),
        Part("limits", "What this does not say", "limits", items(map(escape, LIMITS))),
    ]
    facts = (
        f"{found.n_train} training rows",
        *([f"{found.synthetic} rows between them"] if found.synthetic else []),
        f"{found.n_test} held-out rows",
        f"seed {found.seed}",
    )
    lede = figures.fidelity_words(found) + few_words(found.n_test)
    return written(leaf(name, "Rules that stand for it", lede, parts, notes=(), facts=facts), path)


def _belief(found: RuleSet) -> str:
    return items(map(escape, (*found.summary(), *found.note.splitlines())))


def _sources(found: RuleSet) -> str:
    forms = {"Python": found.to_python(), "SQL": found.to_sql(), "Markdown": found.to_markdown()}
    if found.classes:
        forms["PMML"] = found.to_pmml()
    return "".join(
        unfold(name, f'<div class="scroll"><pre>{escape(source)}</pre></div>')
        for name, source in forms.items()
    )
