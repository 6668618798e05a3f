"""Every function of layers and features on networks of others: right or a sentence; nothing left behind."""

import functools
import importlib.util
import inspect
import re
import warnings

import pytest
import torch
from torch import nn

import zoo
from models import sequences
from models.case import drawn, made
from models.forms import FORMS
from models.hugging import HUGGING
from models.inside import ROWS, arguments, many, public
from models.operations import LAYERS
from models.sequences import SEQUENCES
from models.test_matrix import state, unchanged
from pellucid._core import Compute, probe, sites
from pellucid._core._field import fields
from pellucid._core._units import unit_axis
from pellucid.errors import CancelledError, PellucidError
from pellucid.layers import (
    activation_patching,
    attribution_patching,
    early_exit,
    edge_attribution,
    exemplars,
    selectivity,
    summary,
    unit_effects,
)

CASES = {case.name: case for case in [*FORMS, *LAYERS, *SEQUENCES, *HUGGING]}
MADE = ("activation_atlas", "activation_maximization", "accentuation", "caricature")
DEAR = {"accentuation", "activation_atlas", "caricature", "space_map"}
NEGATIVE = {"matrix_factorisation": "has negative values"}
CHAIN = {"early_exit": "No earlier layer gives"}
BATCH = dict.fromkeys(MADE, "got Batch") | {
    "hierarchy": "got Batch",
    "traced_example": "got Batch",
}
COARSE = dict.fromkeys(MADE, "too coarse")
# network, layer, what cannot be answered there and the words that say why
ASKED = [
    ("Functional", ".:relu()#1", CHAIN),
    ("SharedRelu", "relu1#1", CHAIN),
    ("InPlace", "relu2", CHAIN),
    ("Views", ".:relu()#2", CHAIN),
    ("DictOut", "relu1", CHAIN),
    ("compiled, eager", "_orig_mod.relu2", CHAIN),
    ("channels last", "relu2", CHAIN),
    ("half", "relu2", CHAIN | COARSE),
    ("weight norm", "conv1", CHAIN | NEGATIVE),
    ("exported", ".:relu()#1", CHAIN),
    ("residual", "act#1", {}),
    ("conv1d", ".:relu()", CHAIN),
    ("conv3d", ".:relu()", CHAIN),
    ("GRU, time first", "layer[0]", CHAIN | NEGATIVE | {"layer_gain": "row axis first"}),
    ("deep LSTM", "layer[0]", CHAIN | NEGATIVE),
    ("attention layer", "layer:heads()", CHAIN | NEGATIVE),
    ("encoder", "body.layers.0:relu()", {}),
    ("encoder with a mask", "body.layers.1.self_attn[0]", NEGATIVE | BATCH),
]


@functools.cache
def network(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CASES[name].make()


@pytest.mark.parametrize(("name", "site", "refused"), ASKED, ids=[name for name, *_ in ASKED])
def test_every_function_answers_or_says_why_not(name, site, refused):
    model, inputs = network(name), many(CASES[name].inputs())
    answers, before, wrong = torch.arange(ROWS) % 2, state(model), []
    for function, work in public().items():
        if function in DEAR and name not in ("Functional", "half", "conv1d"):
            continue
        given = arguments(function, work, model, inputs, answers, site)
        if given is None:
            continue
        words = refused.get(function)
        if function == "layer_gain" and "()" in site:
            words = "what enters it has no address"
        if function == "edge_attribution" and given["source"] == given["sink"]:
            words = "from one layer to a later one"
        if function == "attention_heads" and not ("attn" in site or "heads" in site):
            words = r"No .*\(\) was called by the forward"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                work(**given)
        except PellucidError as error:
            if words is None or not re.search(words, str(error)):
                wrong.append(f"{function}: {type(error).__name__}: {error}")
        except Exception as error:
            wrong.append(f"{function}: {type(error).__name__}: {error}")
        else:
            if words is not None:
                wrong.append(f"{function} was to be refused with {words!r}")
        unchanged(before, state(model))
    assert not wrong, "\n".join(wrong)


ONE_PIECE = ("scripted", "traced")
# what a network does not show of the plain one: written as masks or functions of its own, or scripted
HIDDEN = {"Masks": 2, "Own": 2, "a scripted part": 1, "exported": 1, "Functional": 1}


@pytest.mark.parametrize(
    "case", [case for case in FORMS if case.plain is zoo.reference], ids=lambda c: c.name
)
def test_the_layers_of_every_form_are_those_of_the_plain_network(case):
    model, x = network(case.name), case.inputs()
    if case.name in ONE_PIECE:
        with pytest.raises(PellucidError, match="scripted or traced"):
            summary(model, x)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = summary(model, x, untrained_copy=False)
    wanted = {row.mean: row for row in summary(zoo.reference(), x.double(), untrained_copy=False).rows}
    same = 0
    for row in found.rows:
        near = min(wanted, key=lambda mean: abs(mean - row.mean))
        if abs(near - row.mean) <= max(case.tolerance, 1e-6) * 10 * wanted[near].sd:
            same += 1
            assert row.shape == wanted[near].shape
            assert row.field == wanted[near].field or "mask" in case.name.lower()
    expected = 6 - HIDDEN.get(case.name, 0)
    # what follows a hidden step is seen, and parts of a map have their own lines
    assert same >= expected - (2 if case.name == "Views" else 0), [(r.site, r.mean) for r in found.rows]


def test_a_functional_activation_is_measured_like_its_module():
    functional, modules = network("Functional"), zoo.reference()
    x, y = drawn(2, 8, 8, seed=3, rows=60), torch.arange(60) % 3
    for one, other in ((".:relu()#0", "relu1"), (".:relu()#1", "relu2")):
        ours, theirs = unit_effects(functional, x, y, one), unit_effects(modules, x, y, other)
        torch.testing.assert_close(ours.drop, theirs.drop)
        torch.testing.assert_close(ours.margin, theirs.margin)
        torch.testing.assert_close(
            selectivity(functional, x, y, one).auc, selectivity(modules, x, y, other).auc
        )
        first, second = exemplars(functional, x, one, k=3), exemplars(modules, x, other, k=3)
        assert torch.equal(first.rows, second.rows)
        assert torch.equal(first.boxes, second.boxes)


def test_recurrent_units_are_hidden_numbers_and_positions_are_steps():
    net, x = network("GRU, rows first"), drawn(5, 4, seed=3, rows=40)
    out, _ = net.layer(x)
    found = exemplars(net, x, "layer[0]", k=2)
    assert found.total == 5
    torch.testing.assert_close(found.values, out.detach().amax(1).T.sort(1, descending=True).values[:, :2])
    row, field = summary(net, x).rows[0], fields(net, x[:1], ["layer[0]"])["layer[0]"]
    assert (row.site, row.kind, row.shape, row.units) == ("layer[0]", "GRU", (5, 5), 5)
    # step t has seen the steps up to t
    assert field.spans[0].tolist() == [[0, t + 1] for t in range(5)]
    y = torch.arange(40) % 3
    effect = unit_effects(net, x, y, "layer[0]", units=[2])
    held = out.detach().clone()
    held[..., 2] = held[..., 2].mean()
    right = [(net.head(h[:, -1]).argmax(1) == y).double().mean() for h in (out, held)]
    assert float(effect.drop[0]) == pytest.approx(float(right[0] - right[1]))


class Speech(nn.Module):
    """A convolution over time, then a recurrent layer and attention over steps."""

    def __init__(self):
        super().__init__()
        self.conv, self.act, self.norm = nn.Conv1d(2, 7, 3, padding=1), nn.ReLU(), nn.BatchNorm1d(7)
        self.gru, self.drop, self.head = nn.GRU(7, 5, batch_first=True), nn.Dropout(0.1), nn.Linear(5, 3)

    def forward(self, x):
        h = self.norm(self.act(self.conv(x))).transpose(1, 2)
        return self.head(self.drop(self.gru(h)[0])).mean(1)


def test_channels_first_and_features_last_in_one_network():
    net, x = made(Speech), drawn(2, 9)
    with probe(net, read=["conv", "act", "norm", "gru[0]", "drop", "head", "head:in"]) as seen:
        net(x)
    axes = {
        site: unit_axis(net, seen[site], site)
        for site in ("conv", "act", "norm", "gru[0]", "drop", "head", "head:in")
    }
    assert axes == {"conv": 1, "act": 1, "norm": 1, "gru[0]": 2, "drop": 2, "head": 2, "head:in": 2}
    assert [row.units for row in summary(net, x).rows] == [7, 7, 7, 5, 5, 5, 3]
    assert [row.field for row in summary(net, x).rows[:1]] == [(3,)]


@pytest.mark.parametrize("channels", [1, 2, 3, 13])
def test_inputs_of_any_number_of_channels(channels):
    net = made(lambda: nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)))
    x = drawn(channels, 6, 6, rows=40)
    row = summary(net, x).rows[1]
    assert (row.shape, row.field) == ((4, 4, 4), (3, 3))
    values = net[:2](x).detach().flatten(2).amax(2)
    torch.testing.assert_close(exemplars(net, x, "1", k=1).values[:, 0], values.amax(0))


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="transformers (extra: text)")
@pytest.mark.parametrize("name", ["bert", "distilbert", "gpt2", "llama", "vit"])
def test_fused_attention_is_what_the_model_says_of_itself_when_written_out(name):
    case = CASES[name]
    fused, written, inputs = network(name), case.plain(), case.inputs()
    given = {**inputs.varied, **inputs.held}
    with torch.no_grad():
        wanted = written(**given, output_attentions=True).attentions
        heads = [
            reached.site
            for reached in sites(fused, lambda: fused(**given), called=True)
            if reached.site.endswith("heads()")
        ]
        names = [site.replace("heads()", "attention()") for site in heads]
        with probe(fused, read=names) as seen:
            fused(**given)
    assert len(names) == len(wanted)
    for site, weights in zip(names, wanted, strict=True):
        torch.testing.assert_close(seen[site], weights, rtol=1e-5, atol=1e-7)


def test_an_early_exit_reads_what_blocks_give_and_not_what_they_add():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    body = nn.TransformerEncoder(layer, 3, norm=nn.LayerNorm(8), enable_nested_tensor=False)
    net = nn.Sequential(nn.Linear(4, 8), body, nn.Flatten(), nn.Linear(40, 3)).eval()
    found = early_exit(net, drawn(5, 4, rows=40).float())
    assert found.head == "1.norm"
    assert found.sites == ("0", "1.layers.0", "1.layers.1", "1.layers.2")
    assert float(found.agreement[-1]) == 1.0


class Left(nn.Module):
    """Trains, counts, has a frozen part, a slope, a hook of someone else, and may break at a given pass."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = (
            nn.Conv2d(2, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
        )
        self.second, self.head = nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 3)

    def forward(self, x):
        h = self.norm(self.conv(x))
        # untrained copies count too
        COUNT[0] -= 1
        if COUNT[0] == 0:
            raise ValueError("broken in the middle")
        return self.head(torch.relu(self.second(self.act(h))).mean((2, 3)))


COUNT = [10**9]


@pytest.fixture
def left():
    net = made(Left).train()
    net.conv.weight.requires_grad_(False)
    net.head.weight.grad = torch.ones_like(net.head.weight)
    net.act.register_forward_hook(lambda *_: None)
    COUNT[0] = 10**9
    yield net
    COUNT[0] = 10**9


def inside_state(model):
    kept, values = state(model)
    return kept, [*values, model.head.weight.grad.clone()]


RUNNING = {name for name, work in public().items() if "model" in inspect.signature(work).parameters}


# tests/features/test_left.py and test_tokens.py look after these, which take other inputs
ELSEWHERE = {"accentuation", "caricature", "token_maximization"}


@pytest.mark.parametrize("name", sorted(RUNNING - ELSEWHERE - {"with_elements"}))
def test_nothing_is_left_on_a_network_whatever_happens(name, left):
    x, y = drawn(2, 6, 6, seed=1, rows=ROWS), torch.arange(ROWS) % 2
    before = inside_state(left)

    def tried(compute, *expected, breaks_at=10**9):
        COUNT[0] = 10**9
        given = arguments(name, public()[name], left, x, y, "act", compute)
        if given is None:
            pytest.skip(f"nobody here knows what {name} takes")
        COUNT[0] = breaks_at
        try:
            public()[name](**given)
        except expected as error:
            return error
        finally:
            unchanged(before, inside_state(left))
            assert torch.overrides._get_current_function_mode_stack() == []
        return None

    # heads are not there; all else goes through, and again when it is cancelled or breaks
    heads = name == "attention_heads"
    assert (tried(Compute(32), *([PellucidError] if heads else [])) is not None) is heads
    broken = []
    for number in (1, 2, 3):
        seen = []

        def stop(done, total, seen=seen, number=number):
            seen.append(done)
            if len(seen) == number:
                raise CancelledError("enough")

        error = tried(Compute(32, progress=stop), PellucidError)
        assert heads or error is None or isinstance(error, CancelledError)
        assert heads or len(seen) < number or error is not None
        # a copy or a receptive field that cannot be had is a note and no error
        broken += [str(tried(Compute(32), ValueError, PellucidError, breaks_at=number))]
    assert heads or any("broken in the middle" in text for text in broken)


class Added(nn.Module):
    """A residual block whose sum and last ReLU are functions."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return torch.relu(x + self.conv2(torch.relu(self.conv1(x))))


def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    body = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False)
    return nn.Sequential(nn.Linear(4, 8), body, nn.Flatten(), nn.Linear(40, 3))


def resnet():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        Added(),
        Added(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


STREAMS = [
    (
        transformer,
        (5, 4),
        ["0", "1.layers.0", "1.layers.1", "1.norm"],
        ["1.layers.0.self_attn[0]", "1.layers.1.linear2"],
    ),
    (resnet, (2, 6, 6), ["0", "1:add()", "1:relu()#1", "2:add()"], ["1.conv2", "1:relu()#0"]),
    (lambda: nn.Sequential(sequences.Recurrent(nn.GRU, batch_first=True)), (5, 4), ["0.layer[0]"], []),
]


@pytest.mark.parametrize(
    ("make", "shape", "streams", "branches"), STREAMS, ids=["transformer", "resnet", "gru"]
)
def test_patching_a_stream_restores_all_and_a_branch_a_part(make, shape, streams, branches):
    net, clean, corrupt = made(make), drawn(*shape, seed=1, rows=30), drawn(*shape, seed=2, rows=30)
    found = activation_patching(net, clean, corrupt, 0, [*streams, *branches])
    restored = dict(zip(found.sites, found.restored.tolist(), strict=True))
    assert all(restored[site] == pytest.approx(1, abs=1e-6) for site in streams)
    for site in branches:
        assert abs(restored[site] - 1) > 1e-3
        with probe(net, read=[site]) as seen:
            net(clean)
        with probe(net, write={site: lambda _, seen=seen, site=site: seen[site]}):
            patched = net(corrupt)[:, 0]
        with torch.no_grad():
            by_hand = (patched - net(corrupt)[:, 0]).mean() / (net(clean) - net(corrupt))[:, 0].mean()
        assert restored[site] == pytest.approx(float(by_hand), rel=1e-6)


EDGES = [
    (transformer, (5, 4), "0", "1.layers.0.linear1"),
    (resnet, (2, 6, 6), "1:relu()#0", "1:add()"),
    (
        lambda: nn.Sequential(sequences.Recurrent(nn.GRU, batch_first=True)),
        (5, 4),
        "0.layer:in[0]",
        "0.layer[0]",
    ),
]


@pytest.mark.parametrize(("make", "shape", "source", "sink"), EDGES, ids=["transformer", "resnet", "gru"])
def test_edges_and_units_of_any_site_add_up_to_what_patching_it_restores(make, shape, source, sink):
    net, clean, corrupt = made(make), drawn(*shape, seed=1, rows=30), drawn(*shape, seed=2, rows=30)
    units = attribution_patching(net, clean, corrupt, 0, sink, steps=64, draws=1)
    whole = activation_patching(net, clean, corrupt, 0, [sink]).restored
    assert float(units.restored[-1]) == pytest.approx(float(whole), rel=1e-6)
    assert float(units.estimate.sum()) == pytest.approx(float(whole), rel=0.02, abs=0.01)
    edges = edge_attribution(net, clean, corrupt, 0, source, sink, steps=8, draws=1)
    assert edges.edges.isfinite().all()
    assert float(edges.restored[0]) == pytest.approx(0, abs=1e-6)
