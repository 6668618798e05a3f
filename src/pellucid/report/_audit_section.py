"""The audit inside a dossier."""

from __future__ import annotations

from pellucid.evidence import Audit
from pellucid.figures import figures_of
from pellucid.figures._over_data import OVER_DATA
from pellucid.report._html import paragraph, unfold

LIMITS = (
    "What this says: how well maps foretell what the network does when parts are replaced, on these inputs "
    "and under these kinds of absence. What it does not say: that a map is right, complete or causal; that "
    "the network is fair or safe; that a person is helped by it; that it holds for other inputs."
)


def audit_section(found: Audit | None) -> str:
    """The audit under its heading: the support of each method open, the other tables folded.

    Example:
        >>> "pellucid audit" in audit_section(None)
        True
    """
    head = "<h3>The audit</h3>"
    if found is None:
        return head + paragraph(
            "No audit was made of this network. pellucid audit tests several methods under several kinds of "
            "absence beside controls, and is kept with the run.",
            css="none",
        )
    first, *others = figures_of(found)
    # what contradicts a method over the data stands open
    refuted = any(row.held is not None and row.held.word == "failed" for row in found.rows)
    drawn = [each for each in others if refuted and each.title == OVER_DATA]
    shown = "".join(paragraph(each.alt) + each.html() for each in [first, *drawn])
    folded = "".join(
        unfold(each.title, paragraph(each.alt) + each.html(heading=False))
        for each in others
        if each not in drawn
    )
    left = "".join(
        paragraph(f"Not audited: {name.replace('_', ' ')}: {why}", css="soft")
        for name, why in found.refused.items()
    )
    return head + shown + folded + left + paragraph(LIMITS, css="soft")
