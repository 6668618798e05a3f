"""An audit is kept with its run, and explanations take their method from it while it is of this network."""

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid.tasks._kept_audit import NAME


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    subject = pellucid.train("breast-cancer", epochs=3)
    folder = pellucid.save_run(subject, tmp_path_factory.mktemp("run"))
    found = pellucid.audit(
        tasks.open_run(folder), methods=["saliency", "input_x_gradient"], rows=24, fills=["mean"], metrics=()
    )
    return folder, found


def test_the_choice_comes_from_the_audit_and_says_so(run, monkeypatch):
    folder, found = run
    subject = tasks.open_run(folder)
    assert tasks.kept_audit(subject).survey.reason == found.survey.reason
    monkeypatch.setattr(tasks._explain, "survey", lambda *_, **__: pytest.fail("a survey was made"))
    why = pellucid.explain(subject, 0, cards=False)
    assert why.provenance.method == found.survey.best
    assert "audit kept with this run" in why.note
    assert found.survey.reason in why.note


def test_an_audit_of_another_network_or_a_damaged_one_is_none(run):
    folder, _ = run
    subject = tasks.open_run(folder)
    with torch.no_grad():
        next(subject.model.parameters()).add_(1.0)
    assert tasks.kept_audit(subject) is None
    kept = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(kept[:100])
    assert tasks.kept_audit(tasks.open_run(folder)) is None
    (folder / NAME).write_bytes(kept)
    assert tasks.kept_audit(tasks.open_run(folder)) is not None


def test_a_network_without_a_run_keeps_nothing():
    x = torch.rand(200, 4)
    subject = pellucid.open(torch.nn.Linear(4, 2), data=(x, (x[:, 0] > 0.5).long()))
    pellucid.audit(subject, methods=["saliency"], rows=24, fills=[], metrics=())
    assert tasks.kept_audit(subject) is None
