"""The audit inside a dossier: the kept one is shown; where there is none the page says so."""

import dataclasses

import pytest

import pellucid
from pellucid import tasks
from pellucid.evidence._held import Held, HeldColumn
from pellucid.evidence._localisation import Measure
from pellucid.figures._over_data import OVER_DATA
from pellucid.report import dossier, render
from pellucid.report._audit_section import audit_section
from pellucid.report._belief import beliefs, best_method
from pellucid.report._findings import findings
from pellucid.report._front import advice

FEW = {"layers": 1, "units": 2, "steps": 8, "whole": ()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    subject = pellucid.train("breast-cancer", epochs=3)
    return pellucid.save_run(subject, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def made(run):
    """The dossier of a run with an audit."""
    subject = tasks.open_run(run)
    assert tasks.kept_audit(subject) is None
    pellucid.audit(subject, methods=["saliency", "input_x_gradient"], rows=24, fills=["mean"], metrics=())
    return dossier(tasks.open_run(run), **FEW)


def test_the_kept_audit_is_shown(made):
    page = render(made)
    assert made.audit is not None
    for words in ("The audit", "Positive control", "untrained copy", "24 of 86 held-out rows"):
        assert words in page, words
    assert "No audit was made" not in page
    assert "No audit was made" in render(dataclasses.replace(made, audit=None))


def test_what_a_method_refuses_with_is_escaped(made):
    page = audit_section(dataclasses.replace(made.audit, refused={"<b>": "<script>"}))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def with_row(found, which, **changed):
    rows = [dataclasses.replace(row, **changed) if row.name == which else row for row in found.rows]
    return dataclasses.replace(found, rows=tuple(rows))


def test_a_method_that_the_data_contradict_is_told_first_and_never_the_best(made):
    best = best_method(made)
    column = HeldColumn("mean radius", Measure(0.4, 0.3, 0.5), 0.6, Measure(0.1, 0.0, 0.2), 0.1)
    reason = "Exchanging mean radius changes 40\u00a0% of the answers, but the maps foretell 10\u00a0% of it."
    refuted = Held("failed", reason, (column,), 24, 5)
    row = made.audit.of("method")[0].name
    audit = with_row(made.audit, row, name=best.replace(" ", "_"), held=refuted)
    whole = dataclasses.replace(made, audit=audit)
    told = [one for one in findings(whole) if one.text.endswith(f"{best}. {reason}")]
    assert [(one.word, one.section) for one in told] == [("failed", "trust")]
    assert next(one.word for one in beliefs(whole) if one.method == best) == "contradicted"
    assert best_method(whole) != best
    use, avoid = advice(whole)
    assert not any(best in line for line in use)
    assert any(best in line for line in avoid)
    # it stands open, where the others are folded
    folded = f"<summary>{OVER_DATA}</summary>"
    page = audit_section(audit)
    assert reason in page
    assert folded not in page
    kept = with_row(made.audit, row, held=dataclasses.replace(refuted, word="passed"))
    assert folded in audit_section(kept)


def test_a_method_whose_cards_mostly_say_so_is_contradicted_too(made):
    name = made.audit.of("method")[0].name
    for count, word in ((13, True), (12, False)):
        audit = with_row(made.audit, name, verdicts={"contradicted": count, "supported": 24 - count})
        found = findings(dataclasses.replace(made, audit=audit, cases=()))
        assert any("Contradicted" in one.text and f"{count} of 24" in one.text for one in found) == word


def test_slopes_that_are_contradicted_say_why(made):
    cases = made.audit.of("method")[0].name
    audit = with_row(
        made.audit, cases, name="saliency", held=None, verdicts={"contradicted": 5, "supported": 2}
    )
    told = next(one for one in beliefs(dataclasses.replace(made, audit=audit)) if one.method == "saliency")
    assert told.against.startswith("On 5 of 7 inputs. A slope says what a little more of a part would do")
