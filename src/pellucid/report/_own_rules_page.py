"""The rules that a rule network is made of, as a page."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid import figures
from pellucid.report._html import items, unfold
from pellucid.report._leaf import Part, few_words, leaf, told, written
from pellucid.rules import WeightedRules

if TYPE_CHECKING:
    from pellucid.readable import RulePath

LIMITS = (
    "These rules are the network, not a copy: every answer is what they give. That does not make them right.",
    "Rules that are alike can stand for each other: another draw of the rows gives other rules with much the "
    "same answers.",
)
ADDED = (
    "A weight is what a rule adds beside the others, not its effect alone, and never what a change causes."
)
LISTED = "A rule speaks only of rows that no rule above it took, so no line holds when it is read alone."


def own_rules_page(
    found: WeightedRules, path: str | Path, *, budgets: RulePath | None = None, name: str = ""
) -> Path:
    """Write a network's own rules into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.tasks.own_rules`.
        path: where to write; an earlier file stays until the new one is complete.
        budgets: what each further rule is worth.
        name: of the network.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> own_rules_page.__name__
        'own_rules_page'
    """
    parts = [
        Part(
            "rules", "The rules", "the rules", told(figures.figures_of(found)[0], heading=False, words=False)
        ),
    ]
    if budgets is not None:
        drawn = figures.rule_path(budgets)
        parts.append(Part("path", drawn.title, "length", told(drawn, heading=False)))
    parts += [
        Part("run", "To run elsewhere", "to run", _sources(found)),
        Part(
            "limits",
            "What this does not say",
            "limits",
            items(map(escape, (LIMITS[0], LISTED if found.ordered else ADDED, LIMITS[1]))),
        ),
    ]
    facts = (f"{found.n} {'held-out' if found.held_out else 'training'} rows",)
    lede = " ".join(found.summary()) + (few_words(found.n) if found.held_out else "")
    return written(leaf(name, "The rules that it is made of", lede, parts, notes=(), facts=facts), path)


def _sources(found: WeightedRules) -> str:
    forms = {
        "Python": found.to_python(),
        "SQL": found.to_sql(),
        "PMML": found.to_pmml(),
        "Markdown": found.to_markdown(),
    }
    return "".join(
        unfold(name, f'<div class="scroll"><pre>{escape(source)}</pre></div>')
        for name, source in forms.items()
    )
