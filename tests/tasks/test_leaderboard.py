"""The leaderboard: means and intervals, what is not scored, other libraries beside ours, and going on."""

import dataclasses
import importlib.util

import pytest
import torch
from torch import nn

from pellucid import data, evidence, tasks
from pellucid._core import Compute, load, log_odds
from pellucid.attribution import (
    attention_rollout,
    deep_lift,
    feature_ablation,
    grad_cam,
    input_x_gradient,
    lrp,
    saliency,
)
from pellucid.errors import InputError, MethodError
from pellucid.evidence import Trial, leaderboard
from pellucid.evidence._free import free_maps
from pellucid.tasks._leaderboard import _case, _run
from pellucid.tasks._leaderboard._captum import captum_methods
from pellucid.tasks._leaderboard._case import Case, case_of, in_cells, place_of
from pellucid.tasks._leaderboard._given import given_of
from pellucid.tasks._leaderboard._measured import _free, _of_peer, entrants, rows_of
from pellucid.tasks._leaderboard._scored import Scored
from pellucid.tasks._leaderboard._shap import shap_methods

GOOD = data.PlantReport(1.0, 0.5, 1.0, 1.0, 0.5, 100)
BAD = data.PlantReport(0.9, 0.9, 0.1, 0.5, 0.5, 100)


def needs(library):
    return pytest.mark.skipif(importlib.util.find_spec(library) is None, reason=f"{library} is not installed")


def asked(case, library, name):
    """Maps of a method of another library, as the leaderboard asks for them, and network rows."""
    maps, forward, backward = _of_peer(library(given_of(case))[name], Compute())(case)
    return maps.detach(), forward, backward


def trial(seed, rows, report=GOOD, area=0.25):
    return Trial(
        "xor", seed, {"inputs": 4}, "same sign", report, area, rows, dict.fromkeys(rows, "pellucid"),
        dict.fromkeys(rows, 3), {} if rows else {"lime": "too dear"},
    )  # fmt: skip


def test_means_are_over_networks_then_inputs():
    high, low = torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([[0.0, 0.25, 0.5]] * 9)
    found = leaderboard([trial(0, {"a": high}), trial(1, {"a": low})])
    (row,) = found.table
    assert (row.mass.value, row.rank.value, row.auc.value) == (0.5, 0.625, 0.75)
    assert (row.n, row.seeds, row.cost) == (10, 2, 3)
    # two networks that differ: both may be drawn twice
    assert (row.rank.low, row.rank.high) == (0.25, 1.0)
    assert found.skill("a") == pytest.approx((0.625 - 0.25) / 0.75)


def test_the_interval_of_one_network_is_the_bootstrap_of_its_inputs():
    values = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    (row,) = leaderboard([trial(0, {"a": values})]).table
    error = float(values[:, 0].std(correction=0)) / 40**0.5
    assert row.mass.value - row.mass.low == pytest.approx(1.96 * error, rel=0.15)
    assert row.mass.high - row.mass.value == pytest.approx(1.96 * error, rel=0.15)


def test_networks_that_do_not_live_by_the_plant_are_told_and_not_scored():
    rows = {"a": torch.ones(4, 3)}
    found = leaderboard([trial(0, rows), trial(1, {}, BAD, 1.0)])
    (task,) = found.tasks
    assert task.unlearned == ("1",)
    assert (task.scored, task.area, found.table[0].n) == (True, 0.25, 4)
    assert found.refused == {"lime": {"xor": "too dear"}}
    (none,) = leaderboard([trial(0, {}, BAD, 1.0)]).tasks
    assert not none.scored


@pytest.fixture(scope="module")
def xor():
    task = data.planted("xor", n=3000)
    model = tasks.train(task.dataset, epochs=25, patience=None).model.eval()
    return case_of(task, model, 12, Compute())


@pytest.fixture(scope="module")
def picture():
    """A small network of pictures that was never trained: enough to compare two ways to one number."""
    made = data.planted("border", n=60).dataset
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 14 * 14, 2)).eval()
    x, train = made.inputs[:5], made.inputs[5:40]
    return Case(model, x, made.relevant[:5], made.answers[:5], made.spec, train, made.answers[5:40])


def test_only_inputs_count_that_the_plant_decides(xor):
    z = xor.model(xor.x)
    assert torch.equal(z.argmax(1), xor.classes)
    assert len(xor.x) == 12
    task = data.planted("blur", n=80)
    assert case_of(task, nn.Sequential(nn.Flatten(), nn.Linear(256, 2)), 12, Compute()) is None


@needs("captum")
@pytest.mark.parametrize("name", ["xor", "picture"])
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Saliency", lambda *a, **k: saliency(*a, **k).map.abs()),
        ("InputXGradient", lambda *a, **k: input_x_gradient(*a, **k).map),
        ("DeepLift", lambda *a, **k: deep_lift(*a, **k).map),
        ("FeatureAblation", lambda *a, **k: feature_ablation(*a, **k).map),
    ],
)
def test_captum_and_ours_agree_where_both_compute_the_same(request, name, theirs, ours):
    case = request.getfixturevalue(name)
    mine = ours(case.model, case.x, log_odds(case.classes), spec=case.spec)
    other, forward, _ = asked(case, captum_methods, f"captum.{theirs}")
    assert torch.allclose(mine, other.abs() if theirs == "Saliency" else other, rtol=1e-3, atol=1e-5)
    # what makes no difference is 0 but for rounding, which would rank it
    mine, other = mine.round(decimals=5), other.round(decimals=5)
    # last digits between two roundings, which differ from one processor to the next, move ranks a little
    assert torch.allclose(rows_of(case, mine), rows_of(case, other), rtol=0, atol=1e-3)
    assert forward >= len(case.x)


@needs("captum")
def test_captum_lrp_follows_the_log_odds_to_both_classes(xor):
    mine = lrp(xor.model, xor.x, log_odds(xor.classes), spec=xor.spec).map
    other = asked(xor, captum_methods, "captum.LRP")[0]
    # a stabiliser that is added at other places counts where relevances nearly cancel
    assert float(((mine - other).abs().sum(1) / other.abs().sum(1)).max()) < 1e-3


@needs("captum")
@pytest.mark.parametrize("name", ["planted", "tokens"])
def test_every_method_of_captum_answers(picture, name):
    case = (picture if name == "planted" else tokens()).rows(torch.arange(2))
    for method in captum_methods(given_of(case)):
        maps, _, _ = asked(case, captum_methods, method)
        assert maps.shape == case.x.shape, method
        assert bool(maps.isfinite().all()), method


@needs("shap")
@pytest.mark.parametrize("name", ["xor", "tokens"])
def test_shap_adds_up_to_the_log_odds(request, name):
    case = (request.getfixturevalue("xor") if name == "xor" else tokens()).rows(torch.arange(2))
    given, net = given_of(case), Scored(case.model)
    for method in shap_methods(given):
        maps, forward, _ = asked(case, shap_methods, method)
        assert maps.shape == case.x.shape
        assert forward > 2
        if method in ("shap.KernelExplainer", "shap.PermutationExplainer"):
            with torch.no_grad():
                change = (net(given.x) - net(given.reference))[torch.arange(2), given.classes]
            assert torch.allclose(maps.flatten(1).sum(1), change.double(), atol=1e-3), method


def tokens():
    made = data.planted("negation", n=80).dataset
    torch.manual_seed(0)
    subject = tasks.train(made, epochs=1, patience=None)
    x, answers = made.inputs[:4], made.answers[:4]
    return Case(subject.model.eval(), x, made.relevant[:4], answers, made.spec, made.inputs, made.answers)


def test_other_libraries_leave_the_network_as_it_came(picture):
    before = {name: value.clone() for name, value in picture.model.state_dict().items()}
    hooks = [len(part._forward_hooks) + len(part._backward_hooks) for part in picture.model.modules()]
    state = torch.get_rng_state()
    for method in captum_methods(given_of(picture)):
        asked(picture.rows(torch.arange(2)), captum_methods, method)
    assert torch.equal(torch.get_rng_state(), state)
    assert hooks == [len(part._forward_hooks) + len(part._backward_hooks) for part in picture.model.modules()]
    assert all(p.grad is None for p in picture.model.parameters())
    assert all(torch.equal(before[name], value) for name, value in picture.model.state_dict().items())


def test_waveforms_are_scored_by_cell():
    truth = torch.zeros(2, 1, 64, dtype=torch.bool)
    truth[:, :, 16:32] = True
    assert place_of(truth).shape == (2, 1, 4, 1)
    assert place_of(truth).flatten(1)[0].tolist() == [False, True, False, False]
    # a tone that swings around zero counts by its size
    tone = torch.zeros(2, 1, 64)
    tone[:, :, 16:32] = torch.tensor([1.0, -1.0]).repeat(8)
    found = evidence.localisation(in_cells(tone), place_of(truth))
    assert found.precision.value == found.auc.value == 1


def test_maps_that_know_no_network(xor):
    made = _free(xor)
    assert {"chance", "|x - b|", "label correlation"} <= set(made)
    chance = rows_of(xor, made["chance"]).mean(0)
    assert chance.tolist() == pytest.approx([2 / 12, 2 / 12, 0.5])
    y = xor.answers.double()
    by_hand = torch.stack([torch.corrcoef(torch.stack([c.double(), y]))[0, 1].abs() for c in xor.known.T])
    assert torch.allclose(made["label correlation"][0].double(), by_hand, atol=1e-5)


def test_frequent_words_do_not_pass_for_rare_ones():
    made = _free(tokens())["rare words"]
    assert float(made.min()) >= 0
    known = torch.tensor([[1, 1, 1, 2], [1, 1, 2, 3]])
    rare = free_maps(torch.tensor([[1, 2, 3, 9]]), torch.zeros(1, 4), pictures=False, known=known)[
        "rare words"
    ]
    # the size alone says it too: nine numbers in eight places, one more of each
    assert torch.allclose(rare, (9 / torch.tensor([[6.0, 3.0, 2.0, 1.0]])).log())


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    options = {"among": ["saliency", "occlusion"], "peers": False, "inputs": 6, "seeds": 2}
    return folder, options, tasks.truth_leaderboard(["suppressor", "blur"], out=folder, **options)


def test_a_tiny_leaderboard(done):
    _, _, found = done
    first, second = found.tasks
    assert first.scored
    assert not second.scored
    assert all(report.used for report in (*first.reports.values(), *second.reports.values()))
    assert {row.method for row in found.table if row.source == "no network"} == {
        "chance", "|x - b|", "label correlation",
    }  # fmt: skip
    rows = found.of("saliency")
    assert set(rows) == {"suppressor"}
    assert rows["suppressor"].rank.value == 1
    assert (rows["suppressor"].n, rows["suppressor"].seeds) == (12, 2)
    # what goes along with the answer is one of both columns that decide
    assert found.of("label correlation")["suppressor"].rank.value < 0.9
    assert found.skill("chance") == pytest.approx(0, abs=1e-6)
    assert found.ranking[0] in ("saliency", "occlusion")


def test_what_is_done_is_not_measured_again(done, monkeypatch):
    folder, options, first = done
    told = []
    again = tasks.truth_leaderboard(["suppressor", "blur"], out=folder, watch=told.append, **options)
    assert told == []
    assert [dataclasses.astuple(row) for row in again.table] == [
        dataclasses.astuple(row) for row in first.table
    ]
    kept = load(folder / "trials" / "suppressor-1.safetensors")
    assert isinstance(kept, Trial)
    # a network whose file is missing is measured anew, and comes out the same
    (folder / "trials" / "suppressor-1.safetensors").unlink()
    anew = tasks.truth_leaderboard(["suppressor"], out=folder, watch=told.append, **options)
    assert told == ["2 of 2: suppressor, seed 1"]
    assert dataclasses.astuple(anew.table[0]) == dataclasses.astuple(first.table[0])
    with pytest.raises(InputError, match=r"other settings \(inputs\)"):
        tasks.truth_leaderboard(["suppressor"], out=folder, **{**options, "inputs": 7})


def test_a_network_that_did_not_learn_is_not_scored(monkeypatch):
    monkeypatch.setattr(_run, "trained", lambda task, name, seed: (nn.Linear(12, 2).eval(), BAD))
    found = tasks.truth_leaderboard(["xor"], among=["saliency"], peers=False, seeds=1, inputs=3)
    assert found.table == ()
    assert found.tasks[0].unlearned == ("0",)


def test_dear_methods_see_fewer_inputs_or_none():
    found = tasks.truth_leaderboard(
        ["suppressor"], among=["saliency", "occlusion"], peers=False, seeds=1, inputs=6, budget=30
    )
    assert found.of("occlusion")["suppressor"].n == 2
    found = tasks.truth_leaderboard(
        ["suppressor"], among=["occlusion"], peers=False, seeds=1, inputs=6, budget=5
    )
    assert "the budget is 5" in found.refused["occlusion"]["suppressor"]


def test_an_estimate_counts_what_is_left(done):
    folder, options, _ = done
    plan = tasks.estimate_leaderboard(["suppressor", "xor"], out=folder, **options)
    free, left = plan.steps
    assert (free.forward, free.seconds) == (0, 0)
    # each of two networks: 6 inputs and one to learn the cost; one row and a slope, and 13 rows
    assert (left.forward, left.backward) == (2 * 7 * (1 + 13), 2 * 7)
    assert left.seconds > 0


def test_some_tasks_are_given_to_a_transformer_too(monkeypatch):
    asked = {}

    def train(made, network, **_):
        asked[made.name] = network.architecture
        return tasks.train(made, network=network, epochs=1, patience=None)

    monkeypatch.setattr(_case, "train", train)
    few = data.planted("negation", n=60)
    model, report = _case.trained(few, "negation-transformer", Compute())
    assert not report.used
    assert asked[few.dataset.name].kind == "transformer"
    assert asked[few.dataset.name].params["word_dropout"] == 0
    assert [_case.kind_of(name) for name in ("patch", "patch-vit")] == [None, "vit"]
    assert _case.planted_for("negation-transformer", 0).dataset.name == few.dataset.name
    names = tasks.leaderboard_names()
    assert names[: len(data.planted_names())] == data.planted_names()
    x, answers, spec = few.dataset.inputs, few.dataset.answers, few.dataset.spec
    case = Case(model, x[:2], few.dataset.relevant[:2], answers[:2], spec, x, answers)
    ours = {"attention_rollout": attention_rollout, "grad_cam": grad_cam}
    rollout, cam = [one for one in entrants(case, ours, False, Compute()) if one.source == "pellucid"]
    assert rows_of(case, rollout.maps(case)[0]).shape == (2, 3)
    with pytest.raises(MethodError, match="pictures"):
        cam.maps(case)


def test_what_cannot_be_is_told():
    with pytest.raises(InputError, match="Did you mean xor"):
        tasks.truth_leaderboard(["xorr"])
    with pytest.raises(MethodError, match="saliency"):
        tasks.truth_leaderboard(["xor"], among=["salency"])
    with pytest.raises(InputError, match="seeds must be at least 1"):
        tasks.truth_leaderboard(["xor"], seeds=0)
