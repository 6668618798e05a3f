"""The audit inside a dossier: the kept one is shown; where there is none the page says so."""

import dataclasses

import pytest

import pellucid
from pellucid import tasks
from pellucid.report import dossier, render
from pellucid.report._audit_section import audit_section

FEW = {"layers": 1, "units": 2, "steps": 8, "whole": ()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    subject = pellucid.train("breast-cancer", epochs=3)
    return pellucid.save_run(subject, tmp_path_factory.mktemp("run"))


def test_the_kept_audit_is_shown(run):
    subject = tasks.open_run(run)
    assert dossier(subject, **FEW).audit is None
    pellucid.audit(subject, methods=["saliency", "input_x_gradient"], rows=24, fills=["mean"], metrics=())
    made = dossier(tasks.open_run(run), **FEW)
    page = render(made)
    assert made.audit is not None
    for words in ("The audit", "Positive control", "untrained copy", "24 of 86 held-out rows"):
        assert words in page, words
    assert "No audit was made" not in page
    assert "No audit was made" in render(dataclasses.replace(made, audit=None))


def test_what_a_method_refuses_with_is_escaped(run):
    found = tasks.kept_audit(tasks.open_run(run))
    page = audit_section(dataclasses.replace(found, refused={"<b>": "<script>"}))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
