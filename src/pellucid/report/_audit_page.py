"""The audit as a page of its own."""

from __future__ import annotations

from pathlib import Path

from pellucid._visible import escaped as escape
from pellucid.evidence import Audit, Shortcuts
from pellucid.figures import counted, figures_of
from pellucid.report._audit_section import LIMITS
from pellucid.report._html import items, paragraph
from pellucid.report._leaf import Part, figure_part, leaf, written
from pellucid.report._shortcuts_page import shortcuts_parts

# in the contents
NAMES = {
    "On how many inputs is each map supported?": "supported",
    "Does it depend on what absence means?": "absence",
    "The questions of the card, over all inputs": "questions",
    "Verdicts on single inputs": "verdicts",
    "Do the maps hold over the data?": "over the data",
    "Metrics of the literature": "metrics",
    "Positive control: is a planted shortcut found?": "positive control",
    "Compared in pairs": "pairs",
}


def audit_page(found: Audit, path: str | Path, *, name: str = "", shortcuts: Shortcuts | None = None) -> Path:
    """Write an audit into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.audit`.
        path: where to write; an earlier file stays until the new one is complete.
        name: of the network.
        shortcuts: a search of the same network, shown behind the audit.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> audit_page.__name__
        'audit_page'
    """
    drawn = figures_of(found)
    refused = (f"{escape(method)}: {escape(why)}" for method, why in found.refused.items())
    parts = [
        # what the first figure says stands above all of them
        *(
            figure_part(each, f"audit-{i}", words=i > 0, short=NAMES.get(each.title, ""))
            for i, each in enumerate(drawn)
        ),
        Part("refused", "Not audited", "not audited", items(refused) if found.refused else ""),
        *([] if shortcuts is None else shortcuts_parts(shortcuts)),
        Part("limits", "What this says, and what not", "limits", paragraph(LIMITS)),
        Part("sample", f"The {found.n} rows of the sample", "sample", paragraph(_sample(found))),
    ]
    facts = [counted(found.n, "held-out row"), f"seed {found.seed}"]
    page = leaf(name or "A network", "Audit of explanations", drawn[0].alt, parts, notes=(), facts=facts)
    return written(page, path)


def _sample(found: Audit) -> str:
    rows = ", ".join(map(str, sorted(found.sample.tolist())))
    return f"{found.declared}: {rows}." if found.declared else f"{rows}."
