"""What would have to be different: reasons and changes for single cases, as a part of the dossier."""

from __future__ import annotations

from pellucid import figures
from pellucid._visible import escaped as escape
from pellucid.figures import counted
from pellucid.report._dossier import Dossier
from pellucid.report._html import Piece, items, missing, paragraph, unfold
from pellucid.report._leaf import told
from pellucid.report._recourse import LIMITS, recourse_html

TITLE = "What if"


def whatif(dossier: Dossier) -> Piece:
    """For some cases the reasons of the answer and the changes that would alter it."""
    if dossier.spec is not None and len(dossier.spec.axes) > 1:
        about = (
            "Changes that would alter an answer are searched column by column, so this part is for tables."
        )
        return Piece("whatif", TITLE, paragraph(about, css="soft"))
    if dossier.recourse is None and not dossier.reasons:
        return Piece("whatif", TITLE, missing("What would have to be different"))
    rows = dossier.asked
    whole = len(dossier.cases)
    head = paragraph(
        f"{counted(len(rows), 'case')} of the {whole} in this page shown, the first by each rule; never "
        "hand-picked.",
        css="soft",
    )
    parts = "".join(_case(dossier, i, row) for i, row in enumerate(rows))
    return Piece("whatif", TITLE, head + parts + _allowed(dossier))


def _case(dossier: Dossier, i: int, row: int) -> str:
    given = next((case.given for case in dossier.cases if case.row == row), "")
    head = f"<h3>Row {row:,}: answer {escape(given)}</h3>"
    reasons = ""
    if i < len(dossier.reasons):
        reasons = unfold("Principal reasons, at most four", told(figures.reason_codes(dossier.reasons[i])))
    changes = "" if dossier.recourse is None else recourse_html(dossier.recourse, row=i)
    return f'<article class="one">{head}{changes}{reasons}</article>'


def _allowed(dossier: Dossier) -> str:
    if dossier.recourse is None:
        return ""
    said = dossier.recourse.constraints.words()
    rules = items(map(escape, said)) if said else paragraph("Nothing was said: every column counts as free.")
    limits = items(map(escape, LIMITS))
    return f"<h3>What may change</h3>{rules}<h3>What this does not say</h3>{limits}"
