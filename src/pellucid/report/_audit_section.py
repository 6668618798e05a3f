"""The audit inside a dossier."""

from __future__ import annotations

from pellucid.evidence import Audit
from pellucid.figures import figures_of
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
    folded = "".join(unfold(each.title, paragraph(each.alt) + each.html(heading=False)) for each in others)
    left = "".join(
        paragraph(f"Not audited: {name.replace('_', ' ')}: {why}", css="soft")
        for name, why in found.refused.items()
    )
    return head + paragraph(first.alt) + first.html() + folded + left + paragraph(LIMITS, css="soft")
