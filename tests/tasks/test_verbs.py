"""The verbs on a network that was trained on data whose truth is known."""

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid._core import wilson
from pellucid.errors import InputError, MethodError, SiteError, TargetError


@pytest.fixture(scope="module")
def planted():
    """Only the first of ten columns decides."""
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(400, 10, generator=draw)
    data = pellucid.data.arrays(x, (x[:, 0] > 0.5).long(), classes=["low", "high"], name="planted")
    return pellucid.train(data, epochs=60, patience=None)


def test_training_beats_the_trivial_baseline(planted):
    found = tasks.performance(planted)
    assert found.low > found.baseline
    assert found.low < found.value < found.high
    assert int(found.confusion.sum()) == found.n


def test_wilson_matches_its_closed_form():
    low, high = wilson(7, 10)
    for end in (low, high):
        assert abs(end - 0.7) == pytest.approx(1.959964 * (end * (1 - end) / 10) ** 0.5)


def test_explain_finds_the_column_that_decides(planted):
    why = pellucid.explain(planted, range(24))
    assert int(why.map.abs().mean(0).argmax()) == 0
    assert why.map.abs()[:, 0].sum() > 2 * why.map.abs()[:, 1:].sum(0).max()
    assert why.provenance.method in why.note
    assert {card.verdict for card in why.cards} <= {"supported", "partly supported", "not supported"}
    assert len(why.cards) == 24


def test_explain_takes_targets_of_every_kind(planted):
    x = planted.data.inputs[:2]
    for target in (1, [0, 1], pellucid.margin(1, 0), pellucid.top(), pellucid.probability(1)):
        why = pellucid.explain(planted, x, target=target, method="saliency", cards=False)
        assert why.map.shape == x.shape
    hidden = pellucid.explain(planted, x, target=pellucid.unit("dense1", 0), method="saliency", cards=False)
    assert hidden.provenance.target == "unit 0 of dense1"


def test_mistakes_are_told(planted):
    with pytest.raises(MethodError, match="integrated_gradients"):
        pellucid.explain(planted, 0, method="integrated_gradient")
    with pytest.raises(TargetError, match="0 to 1"):
        pellucid.explain(planted, 0, target=2, method="saliency")
    with pytest.raises(InputError, match="0 to"):
        pellucid.explain(planted, 10_000, method="saliency")
    with pytest.raises(SiteError, match="dense1"):
        pellucid.features(planted, "dense11")


def test_rules_name_the_column_that_decides(planted):
    found = pellucid.rules(planted, leaves=2)
    used = {condition.column for rule in found.rules for condition in rule.conditions}
    assert len(used) == 1
    assert found.fidelity_low > found.majority


def test_features_show_only_the_rows_they_name(planted):
    page = pellucid.features(planted, "dense1", units=[0, 5], steps=8, exemplars=3)
    assert page.pictures.units.tolist() == [0, 5]
    assert int(page.exemplars.rows.max()) < len(page.real)


def test_a_run_opens_again_to_the_bit(planted, tmp_path):
    again = pellucid.open(pellucid.save_run(planted, tmp_path / "run"))
    x = planted.data.inputs[:8]
    assert torch.equal(again.model(x), planted.model(x))
    assert again.record.best_epoch == planted.record.best_epoch
    named = {"method": "integrated_gradients", "cards": False}
    why, other = (pellucid.explain(each, x, **named) for each in (planted, again))
    assert torch.equal(why.map, other.map)
    assert why.provenance.model == other.provenance.model


def test_an_explanation_is_stored_and_read_back(planted, tmp_path):
    why = pellucid.explain(planted, 0, method="occlusion")
    again = pellucid.load(pellucid.save(why, tmp_path / "why.safetensors"))
    assert torch.equal(again.map, why.map)
    assert again.cards == why.cards
    assert again.provenance.model == why.provenance.model


def test_regression_from_end_to_end(tmp_path):
    subject = pellucid.train("diabetes", epochs=20)
    found = tasks.performance(subject)
    assert found.metric == "R²"
    assert found.low > found.baseline
    why = pellucid.explain(subject, 0)
    assert why.gap is None or float(why.gap.abs().max()) < 0.2 * float(why.scores.abs().max())
    page = pellucid.report(subject, tmp_path / "page.html", layers=1, units=2, steps=8)
    html = page.read_text()
    assert "R²" in html
    assert why.class_names == (subject.data.answer,)
    # a number has no classes, and none is less certain than another
    assert "class 0" not in html
    assert "least certain" not in html
