"""The audit: what is right is supported, controls are not, a planted shortcut is found by what can see it."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from pellucid._core import Question, load, log_odds, model_hash, save
from pellucid.attribution import grad_cam, input_x_gradient, saliency
from pellucid.cli._json import to_json
from pellucid.errors import InputError, MethodError
from pellucid.evidence import audit, infidelity, responses
from pellucid.figures import figures_of
from pellucid.inputs import Column, ImageSpec, TabularSpec, TextSpec
from pellucid.networks import text_cnn


def rows(n=40, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def noise(model, inputs, target, *, spec=None, compute=None):
    q = Question(model, inputs, target, spec=spec, compute=compute)
    return q.answer("noise", rows(q.rows, 12, seed=9), {})


def refusing(model, inputs, target, *, spec=None, compute=None):
    raise MethodError("It needs pictures.")


@pytest.fixture(scope="module")
def table():
    net = nn.Linear(12, 3)
    generator = torch.Generator().manual_seed(5)
    net.weight.data = torch.randn(3, 12, generator=generator)
    net.bias.data = torch.randn(3, generator=generator)
    methods = {"exact": input_x_gradient, "noise": noise, "refusing": refusing}
    return net, audit(
        net, rows(), log_odds(net(rows()).argmax(1)), methods, fills=("swap",), others=rows(seed=3)
    )


def test_the_worst_comes_first_then_what_knows_no_network_then_controls(table):
    _, found = table
    assert [(row.name, row.kind) for row in found.rows] == [
        ("noise", "method"),
        ("exact", "method"),
        ("|x - b|", "model-free"),
        ("untrained copy", "control"),
        ("wrong class", "control"),
        ("other input", "control"),
    ]
    assert found.refused == {"refusing": "It needs pictures."}
    assert found.survey.best == "exact"
    assert (found.n, found.tested, found.twins, found.seed) == (40, 40, 19, 0)
    assert found.declared == "all inputs that were given"
    assert found.sample.tolist() == list(range(40))


def test_what_is_right_is_supported_and_no_control_is(table):
    _, found = table
    by = {row.name: row for row in found.rows}
    assert by["exact"].evidence.share == 1
    assert by["noise"].evidence.share <= 0.1
    for control in found.of("control"):
        assert control.evidence.share <= 0.1, control.name
        assert "chance gives 5\u00a0%" in control.note
    assert by["wrong class"].evidence.median < 0
    assert by["|x - b|"].everywhere is None


def test_every_number_has_its_n_and_its_interval(table):
    _, found = table
    for row in found.of("method"):
        assert sum(row.verdicts.values()) == 40
        assert [fill.name for fill in row.fills] == ["usual", "swap"]
        assert row.everywhere.low <= row.everywhere.value <= row.everywhere.high
        for one in row.tests:
            assert one.n + sum(one.excluded.values()) == 40
            if one.n:
                assert one.share.low <= one.share.value <= one.share.high
    exact = next(row for row in found.rows if row.name == "exact")
    last = exact.tests[-1]
    assert (last.question, last.word, last.n) == ("Does it add up?", "not run", 0)
    assert sum(last.excluded.values()) == 40


def test_metrics_take_the_masks_of_the_card(table):
    net, found = table
    exact = next(row for row in found.rows if row.name == "exact")
    x, target = rows(), log_odds(net(rows()).argmax(1))
    maps = input_x_gradient(net, x, target).map
    alone = infidelity(net, x, maps, target, seen=responses(net, x, target), beside={})
    assert torch.allclose(exact.metrics["infidelity"].values, alone.values, atol=1e-5)
    assert exact.metrics["infidelity"].rows == 0


def test_the_network_is_asked_once_about_each_fill():
    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.seen = nn.Linear(12, 3), [0]

        def forward(self, x):
            self.seen[0] += len(x)
            return self.body(x)

    def spent(methods, fills):
        net = Counted()
        found = audit(net, rows(), 0, methods, fills=fills, others=rows(seed=3), metrics=())
        # copies count on their own: one untrained copy for each twin and one for the control
        assert abs(found.network_rows * 40 - net.seen[0]) < 0.1 * net.seen[0]
        return net.seen[0]

    one = spent({"a": input_x_gradient}, ())
    two = spent({"a": input_x_gradient, "b": input_x_gradient}, ())
    # a second method costs its maps and its map on the planted network, no masks
    assert two - one < 40 * 25
    filled = spent({"a": input_x_gradient, "b": input_x_gradient}, ("swap",))
    assert filled - two == 40 * 65


def test_the_network_comes_back_as_it_came(linear):
    before = model_hash(linear)
    linear.train()
    audit(linear, rows(), 0, {"a": saliency}, fills=())
    assert linear.training
    assert model_hash(linear) == before
    assert not list(linear._forward_hooks)


def test_the_shortcut_is_found_by_what_looks_at_the_input(digits):
    spec = ImageSpec(size=(16, 16))
    methods = {"input_x_gradient": input_x_gradient, "grad_cam": grad_cam}
    found = audit(digits.net, digits.x[:40], None, methods, spec=spec, fills=())
    plant = {row.method: row for row in found.plant.rows}
    assert plant["input_x_gradient"].word == "passed"
    assert plant["input_x_gradient"].rise.low > 0
    # it reads the last map of the network, which a shortcut around it never enters
    assert plant["grad_cam"].word in ("mixed", "failed")
    assert plant["grad_cam"].rise.high < 0.05
    assert found.plant.effect > 1
    assert found.plant.area == pytest.approx(1 / 16)
    assert found.rows[0].name == "grad_cam"


def test_a_category_whose_slots_sum_to_one_can_hold_a_shortcut():
    generator = torch.Generator().manual_seed(0)
    slots = torch.eye(6)[torch.randint(6, (40,), generator=generator)]
    x = torch.cat([slots, 0.1 * rows(40, 8)], 1)
    spec = TabularSpec((Column("kind", levels=tuple("abcdef")), *(Column(f"c{k}") for k in range(8))))
    found = audit(nn.Linear(14, 2), x, 0, {"a": input_x_gradient}, spec=spec, fills=(), metrics=())
    assert found.plant.where == "kind"
    assert 0.5 < found.plant.effect < 6
    assert found.plant.rows[0].word == "passed"


def test_words_get_no_shortcut_and_say_so():
    from pellucid.evidence._plant import plant

    ids = torch.ones(3, 5, dtype=torch.int64)
    found = plant(nn.Embedding(4, 2), ids, log_odds(0), {}, None, spec=None, compute=None)
    assert "words" in found.note
    assert found.rows == ()


def test_it_is_kept_and_told(table, tmp_path):
    _, found = table
    save(found, tmp_path / "audit.safetensors")
    again = load(tmp_path / "audit.safetensors")
    assert torch.equal(again.rows[1].evidence.agreement, found.rows[1].evidence.agreement)
    json.dumps(to_json(found), allow_nan=False)
    drawn = figures_of(found)
    assert [figure.title for figure in drawn] == [
        "On how many inputs is each map supported?",
        "Does it depend on what absence means?",
        "The questions of the card, over all inputs",
        "Verdicts on single inputs",
        "Metrics of the literature",
        "Positive control: is a planted shortcut found?",
        "Compared in pairs",
    ]
    support = drawn[0]
    assert [row[0] for row in support.table.rows] == [row.name for row in found.rows]
    assert support.table.rows[1][2].startswith("100")
    assert "all inputs that were given" in support.note
    assert all(figure.alt for figure in drawn)
    plotted = {value["name"]: value["share"] for value in support.chart["data"]["values"]}
    assert plotted["exact"] == 1


def test_a_control_that_passes_is_told_first(table):
    _, found = table
    wrong = dataclasses.replace(found.of("control")[0], word="failed")
    bent = dataclasses.replace(found, rows=(*found.rows[:3], wrong, *found.rows[4:]))
    assert "Controls that chance does not account for: untrained copy" in figures_of(bent)[0].alt


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"inputs": rows(5)}, "20 inputs"),
        ({"methods": {}}, "at least one method"),
        ({"methods": {"refusing": refusing}}, "needs pictures"),
        ({"metrics": ("fidelity",)}, "no metric 'fidelity'"),
        ({"fills": ("swapped",)}, "No fill is called"),
    ],
)
def test_what_does_not_fit_is_told(linear, change, text):
    asked = {"inputs": rows(), "methods": {"a": saliency}, "fills": (), "metrics": ()} | change
    inputs, methods = asked.pop("inputs"), asked.pop("methods")
    with pytest.raises(InputError, match=text):
        audit(linear, inputs, 0, methods, **asked)


def test_a_keyword_is_planted_in_texts_and_found():
    spec = TextSpec(str.split, vocabulary=tuple(map(str, range(30))), pad=0, unk=1, special=(2,))
    net = text_cnn(30, 2, width=8, channels=8, dropout=0.0, word_dropout=0.0, seed=1).eval()
    draw = torch.Generator().manual_seed(1)
    x = torch.randint(3, 30, (40, 12), generator=draw)
    x[:, 0], x[:20, 9:] = 2, 0
    before = model_hash(net)
    methods = {"input_x_gradient": input_x_gradient, "words": random_words}
    found = audit(net, x, None, methods, spec=spec, fills=("swap",), metrics=())
    plant = {row.method: row for row in found.plant.rows}
    assert found.plant.where.startswith("the word ")
    assert found.plant.area == pytest.approx(1 / 12)
    assert found.plant.effect > 1
    assert plant["input_x_gradient"].word == "passed"
    assert plant["words"].word == "failed"
    assert model_hash(net) == before
    assert not list(net.embedding._forward_hooks)


def random_words(model, inputs, target, *, spec=None, compute=None):
    q = Question(model, inputs, target, spec=spec, compute=compute)
    draw = torch.Generator().manual_seed(len(inputs))
    return q.answer("words", torch.rand(q.point.shape, generator=draw), {})
