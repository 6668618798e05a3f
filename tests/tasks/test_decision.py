"""One decision: reasons tied to what was scored, refits that are others, rows found by number or by value."""

from html import escape

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import pellucid
from pellucid import figures
from pellucid._core import Dataset, Subject, load, predict, save, split
from pellucid._core._outputs import activations
from pellucid.errors import InputError, LoadError
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.networks import rules_for
from pellucid.networks._additive_for import additive_for
from pellucid.report import decision_figures, decision_html, decision_page
from pellucid.tasks import asked_rows, decision, pairs_found, plain_beside, reason_codes, refits


def activations_of(subject, inputs, site):
    return torch.cat(
        [seen[site] for _, seen in activations(subject.model, inputs, (site,), spec=subject.spec)]
    )


def people(n=300):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 4, generator=generator)
    x[:, 2:] = nn.functional.one_hot((x[:, 2] > 0).long(), 2).float()
    spec = TabularSpec(
        (
            Column("debt", "k€", mean=10, std=5, low=-10, high=30),
            Column("income", "k€", mean=40, std=10, low=0, high=80),
            Column("home", levels=("own", "rent")),
        )
    )
    y = (x[:, 0] - x[:, 1] + x[:, 3] > 0.4).long()
    return Dataset("people", x, y, spec, ("paid", "failed"), split(y, classes=True))


class Terms(nn.Module):
    """Log-odds of failing: a sum of one term for each column; ``bend`` multiplies two of them."""

    def __init__(self, bend=0.0):
        super().__init__()
        self.bend = bend

    def forward(self, x):
        z = 2 * x[:, 0] - torch.tanh(x[:, 1]) + 0.7 * x[:, 3] - 0.5 + self.bend * x[:, 0] * x[:, 1]
        return torch.stack((0 * z, z), 1)


@pytest.fixture(scope="module")
def data():
    return people()


def subject_of(model, data):
    return Subject(model, data, data.spec, data.classes, "people")


@pytest.fixture(scope="module")
def trained(data):
    return pellucid.train(data, epochs=3, seed=0)


def test_an_additive_network_gives_its_own_terms(data):
    found = reason_codes(subject_of(Terms(), data), [0, 1, 2], adverse="failed", refits=0)
    approved = data.part("train").inputs
    approved = approved[predict(Terms(), approved).argmax(1) == 0]
    mean = approved.mean(0)
    held = data.part("test").inputs
    for i, each in enumerate(found):
        x = held[i]
        true = {
            "debt": 2 * (x[0] - mean[0]),
            "income": -torch.tanh(x[1]) + torch.tanh(approved[:, 1]).mean(),
            "home": 0.7 * (x[3] - mean[3]),
        }
        assert each.exact
        assert abs(each.gap) < 1e-5
        assert each.n_approved == len(approved)
        for reason in each.reasons:
            assert reason.points == pytest.approx(float(true[reason.column]), abs=1e-5)
        assert [r.points for r in each.reasons] == sorted([r.points for r in each.reasons], reverse=True)
        assert {r.column for r in each.reasons} == {name for name, value in true.items() if value > 1e-6}
        assert sum(r.points for r in each.reasons) + each.others + each.gap == pytest.approx(
            each.score - each.typical_score, abs=1e-6
        )


def test_a_protected_column_is_marked_and_never_left_out(data):
    held = data.part("test").inputs
    rented = int(((held[:, 3] > 0) & (predict(Terms(), held).argmax(1) == 1)).nonzero()[0])
    subject = subject_of(Terms(), data)
    plain = reason_codes(subject, rented, adverse="failed", refits=0)[0]
    each = reason_codes(subject, rented, adverse="failed", protected=["home"], refits=0)[0]
    assert [(r.column, r.points) for r in each.reasons] == [(r.column, r.points) for r in plain.reasons]
    assert [r.column for r in each.reasons if r.protected] == ["home"]
    assert "protected" in next(r.text for r in each.reasons if r.column == "home")
    home = next(r.points for r in each.reasons if r.column == "home")
    turns = each.score - home <= 0
    assert ("would not be failed" in each.note) == turns
    assert ("the same without them" in each.note) != turns
    assert "Protected" not in plain.note
    none = reason_codes(subject_of(Terms(), data), rented, protected=[], refits=0)[0]
    assert "protected" not in none.note
    with pytest.raises(InputError, match="Did you mean home"):
        reason_codes(subject, rented, protected=["hoem"], refits=0)


def test_refits_of_a_readable_network_learn_as_it_did(data):
    subject = pellucid.train(data, network="additive", epochs=10, seed=0)
    settings = subject.model.plan
    again = refits(subject, 2)
    held = data.part("test")
    for each in again:
        assert each.plan.settled
        assert (each.plan.penalties, each.plan.members) == (settings.penalties, settings.members)
        assert not torch.equal(each.shape, subject.model.shape)
        right = predict(each, held.inputs).argmax(1) == held.answers
        assert float(right.float().mean()) > 0.85
    assert reason_codes(subject, 0, refits=again)[0].exact


@pytest.mark.parametrize("kind", ["attention", "rules", "prototypes", "concepts"])
def test_every_readable_network_can_be_trained_anew(data, kind):
    network = rules_for(data, max_rules=3, soft=False) if kind == "rules" else kind
    subject = pellucid.train(data, network=network, epochs=1)
    before = [p.clone() for p in subject.model.parameters()]
    again = refits(subject, 1)[0]
    assert type(again) is type(subject.model)
    assert all(torch.equal(a, b) for a, b in zip(before, subject.model.parameters(), strict=True))
    assert predict(again, data.inputs[:5]).shape == (5, 2)


def test_a_network_with_interactions_says_that_its_points_are_attributed(data):
    each = reason_codes(subject_of(Terms(1.0), data), 0, adverse="failed", refits=0)[0]
    assert not each.exact
    assert "integrated gradients" in each.method
    assert abs(each.gap) < 0.02


def test_stability_is_counted_and_said(data):
    class Other(nn.Module):
        def forward(self, x):
            z = -3 * x[:, 1] - 2
            return torch.stack((0 * z, z), 1)

    bad = int((data.part("test").inputs[:, 0] > 1).nonzero()[0])
    each = reason_codes(subject_of(Terms(), data), bad, adverse="failed", refits=[Terms(), Other()])[0]
    debt = next(r for r in each.reasons if r.column == "debt")
    assert debt.named == 1
    assert debt.stable is False
    assert "not stable: named by 1 of 2" in debt.text
    assert each.refits == 2
    assert each.all_same >= 1


def test_texts_are_the_users_by_side(data):
    bad = int((data.part("test").inputs[:, 0] > 1).nonzero()[0])
    subject = subject_of(Terms(), data)
    words = {"debt high": "Too much debt", "home": "Housing"}
    each = reason_codes(subject, bad, adverse="failed", texts=words, refits=0)[0]
    assert each.reasons[0].text == "Too much debt"
    with pytest.raises(InputError, match="Did you mean debt"):
        reason_codes(subject, bad, adverse="failed", texts={"dept": "x"}, refits=0)
    with pytest.raises(InputError, match="at most 4"):
        reason_codes(subject, bad, adverse="failed", most=5, refits=0)
    with pytest.raises(InputError, match="No class is called 'fail'"):
        reason_codes(subject, bad, adverse="fail", refits=0)


def test_refits_are_others_and_leave_the_network_alone(trained):
    before = [p.clone() for p in trained.model.parameters()]
    state = torch.random.get_rng_state()
    first, second = refits(trained, 2, seed=3)
    again = refits(trained, 1, seed=3)[0]
    x = trained.data.inputs[:5]
    assert not torch.equal(predict(first, x), predict(second, x))
    assert torch.equal(predict(first, x), predict(again, x))
    assert not torch.equal(predict(first, x), predict(trained.model, x))
    assert all(torch.equal(a, b) for a, b in zip(before, trained.model.parameters(), strict=True))
    assert torch.equal(state, torch.random.get_rng_state())
    assert refits(Subject(trained.model, trained.data, trained.spec, trained.classes)) == ()


def test_rows_are_asked_by_number_by_value_or_as_they_are(trained):
    held = trained.data.part("test")
    assert torch.equal(asked_rows(trained, 2), held.inputs[2:3])
    raw = held.spec.decode(held.inputs[2:3])[0]
    assert torch.allclose(asked_rows(trained, raw), held.inputs[2:3])
    assert torch.equal(asked_rows(trained, held.inputs[:2]), held.inputs[:2])
    with pytest.raises(InputError, match="numbered 0 to"):
        asked_rows(trained, 9999)
    with pytest.raises(InputError, match="gives no 'home'"):
        asked_rows(trained, {"debt": 1, "income": 2})
    with pytest.raises(InputError, match="not a known level"):
        asked_rows(trained, {**raw, "home": "castle"})


def test_a_decision_is_told_with_its_pictures_and_tests(trained, tmp_path):
    found = decision(trained, 1, refits=2)
    assert found.notes == ()
    drawn = decision_figures(found)
    assert all(each.alt and each.table.rows for each in drawn)
    page = decision_page(found, tmp_path / "decision.html").read_text()
    for part in ("Why: principal reasons", "What holds it", "What would change it", "What this does not say"):
        assert part in page
    assert "<script" not in page
    if found.anchor.reached and found.anchor.precision_low < 1:  # a bound is never rounded up to all
        assert "at least 100" not in page
    for each in drawn:
        assert escape(each.alt) in page
        assert escape(each.alt) in decision_html(found)
    again = load(save(found.recourse, tmp_path / "r.safetensors"))
    assert again.to_json() == found.recourse.to_json()
    assert found.recourse[0].refits == 2


def test_what_does_not_apply_is_said(tmp_path):
    x = torch.rand(80, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = (x.mean((1, 2, 3)) > 0.5).long()
    data = Dataset("pictures", x, y, ImageSpec(1, (8, 8)), ("dark", "light"), split(y, classes=True))
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Linear(4, 2))
    subject = Subject(net, data, data.spec, data.classes, "pictures")
    found = decision(subject, 0, refits=0)
    assert found.recourse is None
    assert found.reasons is None
    assert len(found.notes) == 2
    assert figures.nearest(found.near, data).chart is not None
    assert decision_page(found, tmp_path / "d.html").exists()


def test_html_in_names_is_text(tmp_path):
    data = people()
    spec = TabularSpec((Column("<script>x</script>", mean=10, std=5), *data.spec.columns[1:]))
    evil = Dataset("<b>", data.inputs, data.answers, spec, ("<i>", "&"), data.parts)
    found = decision(subject_of(Terms(), evil), 0, refits=0)
    page = decision_page(found, tmp_path / "d.html").read_text()
    assert "<script" not in page
    assert "<i>" not in page


def multiplied(n=400):
    """The answer turns on the product of two columns, and a third alone."""
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(1))
    spec = TabularSpec(tuple(Column(name, mean=0, std=1, low=-4, high=4) for name in "abc"))
    y = (x[:, 0] * x[:, 1] + 0.5 * x[:, 2] > 0).long()
    return Dataset("multiplied", x, y, spec, ("paid", "failed"), split(y, classes=True))


def test_an_additive_network_with_pairs_is_read_from_its_tables():
    data = multiplied()
    network = additive_for(data, members=2, penalties=(0.01,))
    subject = pellucid.train(data, network=network, epochs=20, seed=0)
    model = subject.model
    assert (0, 1) in model.plan.pairs
    held = data.part("test").inputs[:4]
    known = data.part("train").inputs
    for i, each in enumerate(reason_codes(subject, held, adverse="failed", refits=0)):
        # the oracle: tables of the row and of every approved row, a pair's points in halves
        approved = known[predict(model, known).argmax(1) == 0]
        approved = approved[torch.linspace(0, len(approved) - 1, min(512, len(approved))).long()]
        with torch.no_grad():
            own = model.contributions(held[i : i + 1])[0, :, 0] - model.contributions(approved)[..., 0].mean(
                0
            )
        true = {
            name: own[k] + sum(own[3 + q] / 2 for q, pair in enumerate(model.plan.pairs) if k in pair)
            for k, name in enumerate("abc")
        }
        assert each.exact
        assert "half to either column" in each.method
        assert abs(each.gap) < 1e-5
        assert {r.column for r in each.reasons} == {name for name, value in true.items() if value > 1e-6}
        for reason in each.reasons:
            assert reason.points == pytest.approx(float(true[reason.column]), abs=1e-5)
    turned = reason_codes(subject, held[:1], adverse="paid", refits=0)[0]
    assert turned.score == pytest.approx(
        -reason_codes(subject, held[:1], adverse="failed", refits=0)[0].score
    )
    beside = plain_beside(subject)
    assert beside is not None
    assert beside.score.n == len(data.part("test"))
    assert pairs_found(subject).startswith("Pairs of columns that say more than one by one: ")
    assert "a × b" in pairs_found(subject)


def test_protected_columns_are_marked_in_a_decision_and_its_figure(data):
    held = data.part("test").inputs
    rented = int(((held[:, 3] > 0) & (predict(Terms(), held).argmax(1) == 1)).nonzero()[0])
    subject = subject_of(Terms(), data)
    found = decision(subject, rented, protected=["home"], refits=0)
    assert [r.column for r in found.reasons.reasons if r.protected] == ["home"]
    drawn = figures.reason_codes(found.reasons)
    assert drawn.table.columns[-1] == "protected"
    assert [row[1] for row in drawn.table.rows if row[-1] == "yes"] == ["home"]
    assert "· protected" in str(drawn.chart)
    assert "protected" not in figures.reason_codes(decision(subject, rented, refits=0).reasons).table.columns
    with pytest.raises(InputError, match="Did you mean home"):
        decision(subject, rented, protected=["hoem"], refits=0)


def test_attention_says_that_a_plain_network_sees_more():
    data = multiplied(600)
    subject = pellucid.train(data, network="attention", epochs=3, seed=0)
    beside = plain_beside(subject)
    assert beside.clear
    assert not beside.worse
    assert "cannot see columns that only count together" in beside.sentence
    assert beside.score.b > beside.score.a + 0.1
    assert plain_beside(subject_of(Terms(), data)) is None


@pytest.mark.parametrize("kind", ["rules", "concepts", "prototypes"])
def test_networks_readable_by_design_say_which_rows_are_alike(kind):
    """In what they add up: rows with the same rules, concepts or likenesses lie at distance 0."""
    data = pellucid.data.breast_cancer()
    network = rules_for(data, max_rules=6, soft=False) if kind == "rules" else kind
    subject = pellucid.train(data, network=network, epochs=1, seed=0)
    found = pellucid.nearest(subject, [0, 1], k=2)
    seen = activations_of(subject, subject.data.inputs, found.site)
    spread = seen[subject.data.parts == 0].std(0)
    held = activations_of(subject, found.asked, found.site)
    for i in range(2):
        away = ((seen - held[i]) / spread.clamp(min=1e-12)).square()[:, spread > 1e-6].sum(1).sqrt()
        known = (subject.data.parts == 0) & (
            predict(subject.model, subject.data.inputs).argmax(1) == found.answers[i]
        )
        nearest = away[known].sort().values[:2]
        assert torch.allclose(away[found.same[i]], nearest, atol=1e-3)


@pytest.mark.parametrize("kind", ["additive", "attention"])
def test_networks_that_add_up_columns_have_no_place_where_rows_are_alike(kind):
    subject = pellucid.train("breast-cancer", network=kind, epochs=1, seed=0)
    with pytest.raises(InputError, match="adds up what single columns say"):
        pellucid.nearest(subject, 0)


def test_a_plain_network_that_is_worse_is_called_so():
    """One column of 120 decides: a rule finds it, a plain network of 200 rows reads them all."""
    x = torch.randn(400, 120, generator=torch.Generator().manual_seed(0)).numpy()
    frame = pd.DataFrame(x, columns=[f"c{k}" for k in range(120)])
    frame["paid"] = np.where(frame.c3 > 0.2, "yes", "no")
    wide = pellucid.data.frame(frame, "paid")
    network = rules_for(wide, max_rules=3, soft=False)
    beside = plain_beside(pellucid.train(wide, network=network, epochs=1, seed=0))
    assert beside.worse
    assert not beside.clear
    assert beside.score.b < beside.score.a - 0.02
    assert beside.sentence.startswith("A plain network does clearly worse (AUC ")
    assert beside.to_json()["worse"] is True


def test_a_network_of_rules_gives_shapley_values(data):
    class Steps(nn.Module):
        def forward(self, x):
            z = 2.0 * ((x[:, 0] > 0.1) & (x[:, 1] < 0.2)) + 1.0 * (x[:, 3] > 0.5) - 1.5
            return torch.stack((0 * z, z), 1)

    held = data.part("test").inputs
    row = int(((held[:, 0] > 0.1) & (held[:, 1] < 0.2)).nonzero()[0])
    each = reason_codes(subject_of(Steps(), data), row, adverse="failed", refits=[Steps()])[0]
    known = data.part("train").inputs
    approved = known[predict(Steps(), known).argmax(1) == 0]
    some = approved[torch.linspace(0, len(approved) - 1, 512).long()] if len(approved) > 512 else approved
    few = some[torch.linspace(0, len(some) - 1, 64).long()]

    def worth(columns):  # the oracle: mean score over the approved rows that stand in
        mixed = few.clone()
        for slots in columns:
            mixed[:, slots] = held[row, slots]
        return float((Steps()(mixed)[:, 1]).mean())

    slots = ([0], [1], [2, 3])
    for k, name in enumerate(("debt", "income", "home")):
        first, second = (slots[j] for j in range(3) if j != k)
        true = (worth([slots[k]]) - worth([])) / 3 + (worth(slots) - worth([first, second])) / 3
        true += sum(worth([slots[k], other]) - worth([other]) for other in (first, second)) / 6
        named = [r.points for r in each.reasons if r.column == name]
        assert named == ([pytest.approx(true, abs=1e-4)] if true > 1e-6 else [])
    assert not each.exact
    assert each.method == "Shapley values against 64 of them"
    assert abs(each.gap) < 1e-4
    assert each.all_same == 1


def test_what_cannot_be_asked_is_refused_before_networks_are_trained_anew(monkeypatch, tmp_path):
    from pellucid.report import _report
    from pellucid.tasks import _refits, _rules

    def trained(*_, **__):
        raise AssertionError("work was begun")

    monkeypatch.setattr(_refits, "_refit", trained)
    monkeypatch.setattr(_rules, "rule_frontier", trained)
    monkeypatch.setattr(_report.tasks, "survey", trained)
    subject = pellucid.train("wine", epochs=1)
    pictures = pellucid.open(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2)),
        data=(torch.rand(20, 4, 4), torch.tensor([0, 1] * 10)),
    )
    for ask, words in (
        (lambda: pellucid.counterfactual(subject, 0, wanted="nix"), "No class is called 'nix'"),
        (lambda: pellucid.counterfactual(subject, 0, least=0.9), "which with wanted="),
        (lambda: pellucid.counterfactual(pictures, 0), "reads pictures"),
        (lambda: pellucid.decision(subject, 0, wanted="nix"), "No class is called 'nix'"),
        (lambda: pellucid.reason_codes(subject, 0, level=3), "level is a share"),
        (lambda: pellucid.rules(subject, fidelity=2), "fidelity is a share"),
    ):
        with pytest.raises(InputError, match=words):
            ask()
    with pytest.raises(LoadError, match="does not exist"):
        _report.dossier(subject, constraints=tmp_path / "none.toml")
