"""What users of other libraries than captum suffered from (research notes, pains 24 to 42).

Where a peer's mistake is stable it is asserted too, so that a release that mends it is noticed.
"""

import gc
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import propagated as nets
import zoo
from attribution.peers import by_zennit, far
from pellucid import attribution as a
from pellucid._core import Batch, Compute
from pellucid.errors import InputError, MethodError


def close(found, wanted, within=1e-10):
    torch.testing.assert_close(found, wanted, rtol=within, atol=within)


def calls(model):
    """Rows that each call of a network was given."""
    seen = []
    model.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    return seen


@pytest.mark.parametrize("budget", [66, 200, 1600])
def test_pain_24_shap_3858_no_feature_is_dropped(budget):
    model = nn.Linear(30, 1).double()
    x, background = nets.rows((30,), 2), nets.rows((30,), 5, seed=1)
    wanted = model.weight.detach() * (x - background.mean(0))
    why = a.kernel_shap(model, x, 0, background=background, budget=budget * 5)
    close(why.values, wanted, within=1e-8)


def test_pain_24_shap_3858_drops_20_of_30_by_default(shap):
    model = nn.Linear(30, 1).double()
    x, background = nets.rows((30,), 1), nets.rows((30,), 5, seed=1)
    answer = lambda rows: model(torch.from_numpy(rows)).detach().numpy()[:, 0]  # noqa: E731
    theirs = shap.KernelExplainer(answer, background.numpy()).shap_values(x.numpy(), silent=True)
    assert (theirs == 0).sum() == 20


def test_pain_25_shap_3363_functional_and_reused_activations_add_up(shap):
    model = nets.Written(lambda m, x: m[1](F.relu(m[0](F.relu(m[0](x))))), nn.Linear(6, 6), nn.Linear(6, 3))
    model, x, background = model.double(), nets.rows((6,)), nets.rows((6,), 6, seed=1)
    why = a.deep_lift_shap(model, x, 1, background=background)
    assert float((why.gap / (why.scores - why.reference)).abs().max()) < 1e-9
    theirs = torch.tensor(shap.DeepExplainer(model, background).shap_values(x, check_additivity=False))
    assert far(why.values, theirs[..., 1]) > 0.1


def test_pain_26_shap_3438_norms_recurrent_layers_and_embeddings():
    text = nn.Sequential(nn.Embedding(9, 4), nn.LayerNorm(4), nets.Written(lambda m, x: m[0](x)[0][:, -1], nn.LSTM(4, 5, batch_first=True)), nn.Linear(5, 3)).double()  # fmt: skip # noqa: E501
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    why = a.deep_lift_shap(text, ids, 1, background=torch.tensor([[7, 8, 1], [0, 0, 0]]))
    assert why.values.shape == ids.shape
    assert float((why.gap / (why.scores - why.reference)).abs().max()) < 1e-9


def test_pain_27_shap_3466_writes_in_place(shap):
    model, shape = nets.net("residual")
    x, background = nets.rows(shape), nets.rows(shape, 6, seed=1)
    why = a.deep_lift_shap(model, x, 1, background=background)
    assert float((why.gap / (why.scores - why.reference)).abs().max()) < 1e-9
    with pytest.raises((RuntimeError, AssertionError)):
        shap.DeepExplainer(model, background).shap_values(x)


def test_pain_28_shap_1035_background_and_rows_pass_in_chunks():
    model, shape = nets.net("pool")
    seen = calls(model)
    a.deep_lift_shap(
        model, nets.rows(shape, 3), 1, background=nets.rows(shape, 40, seed=1), compute=Compute(16)
    )
    assert max(seen) <= 17
    # every row once for each chunk of the background at most, never once for each pair
    assert sum(seen) < 3 * 40


def test_pain_29_shap_2938_coalitions_of_all_rows_go_together():
    model, x = zoo.reference(), zoo.inputs(4)
    seen = calls(model)
    cells = torch.arange(16).view(1, 4, 4).repeat_interleave(2, 1).repeat_interleave(2, 2)
    a.kernel_shap(model, x, 1, groups=cells, budget=200, compute=Compute(batch_size=256))
    assert len(seen) <= 6


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("rows", [1, 4])
def test_pain_30_shap_3581_the_shape_of_an_answer_is_the_shape_of_the_inputs(rows, outputs):
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, outputs)).double()
    x = nets.rows((6,), rows)
    for name in ("saliency", "integrated_gradients", "deep_lift_shap", "kernel_shap", "lrp", "occlusion"):
        assert getattr(a, name)(model, x, outputs - 1).values.shape == x.shape


@pytest.mark.parametrize("name", ["grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "score_cam"])
def test_pain_31_grad_cam_264_one_target_is_every_rows(name):
    model, x = zoo.reference(), zoo.inputs()
    whole = getattr(a, name)(model, x, 1, at="conv2").values
    close(whole, getattr(a, name)(model, x, [1] * len(x), at="conv2").values)
    assert whole.flatten(1).any(1).all()


def test_pain_32_grad_cam_108_an_empty_map_is_a_stated_result():
    model, x = zoo.reference(), zoo.inputs()
    assert a.grad_cam(model, x, 1, at="conv2").values.min() < 0
    with torch.no_grad():
        model.head.weight.copy_(-model.head.weight.abs())
    cut = a.grad_cam(model, x, 1, at="relu2", relu=True)
    assert not cut.values.any()
    assert "map is empty" in cut.note


def test_pain_33_grad_cam_364_no_sign_is_left_to_chance():
    model, x = zoo.reference(), zoo.inputs()
    for name in ("grad_cam", "hires_cam"):
        found = getattr(a, name)(model, x, 1, at="conv2").values
        turned = getattr(a, name)(model, x, lambda out, rows: -out[:, 1], at="conv2").values
        close(turned, -found)


def test_pains_34_and_35_grad_cam_78_nothing_stays_on_the_network():
    model, x = zoo.reference().train(), zoo.inputs(2)
    kept = []
    model.conv2.register_forward_hook(lambda _, __, out: kept.append(weakref.ref(out)))
    before = {name: (id(m), m.training, len(m._forward_hooks)) for name, m in model.named_modules()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for name in ("grad_cam", "score_cam", "guided_backpropagation", "deep_lift", "lrp"):
        getattr(a, name)(model, x, 1)
    assert {n: (id(m), m.training, len(m._forward_hooks)) for n, m in model.named_modules()} == before
    assert all(torch.equal(p.grad, torch.ones_like(p)) for p in model.parameters())
    gc.collect()
    assert not any(ref() is not None for ref in kept)


def test_pain_36_grad_cam_426_the_layer_is_found_and_named():
    class Patches(nn.Module):
        """A small vision transformer: a map, then tokens."""

        def __init__(self):
            super().__init__()
            self.patch, self.body = (
                nn.Conv2d(2, 6, 2, 2),
                nn.TransformerEncoderLayer(6, 2, 8, batch_first=True),
            )
            self.head = nn.Linear(6, 3)

        def forward(self, x):
            return self.head(self.body(self.patch(x).flatten(2).transpose(1, 2)).mean(1))

    model = zoo.seeded(Patches).double()
    why = a.grad_cam(model, zoo.inputs(), 1)
    assert why.provenance.params["at"] == "patch"
    assert "'patch' (4×4)" in why.note
    with pytest.raises(MethodError, match="needs a layer with a map"):
        a.grad_cam(model, zoo.inputs(), 1, at="body")


def test_pain_25_torchs_own_encoder_with_a_padding_mask_adds_up():
    class Encoder(nn.Module):
        """As torch makes it: with its check for nested tensors."""

        def __init__(self):
            super().__init__()
            self.body = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), 2)
            self.head = nn.Linear(6, 3)

        def forward(self, x, pad):
            return self.head(self.body(x, src_key_padding_mask=pad)[:, 0])

    model = zoo.seeded(Encoder).double()
    batch = Batch(
        {"x": nets.rows((4, 6), 2)}, held={"pad": torch.tensor([[False] * 4, [False, False, True, True]])}
    )
    why = a.deep_lift(model, batch, 1, baseline=nets.rows((4, 6), 2, seed=1))
    assert float(why.gap.abs().max()) < 1e-12
    assert not why.values["x"][1, 2:].any()
    assert not a.lrp(model, batch, 1).values["x"][1, 2:].any()


def residual():
    layers = [nn.Linear(6, n, bias=False) for n in (6, 6, 3)]
    return nets.Written(lambda m, x: m[2](x + m[1](m[0](x).relu())), *layers).double()


def test_pain_37_zennit_236_residual_sums_are_shared(zennit):
    parts = [nn.Linear(6, 6, bias=False), nn.ReLU(), nn.Linear(6, 6, bias=False), nn.Linear(6, 3, bias=False)]
    model = nets.Written(lambda m, x: m[3](x + m[2](m[1](m[0](x)))), *parts).double()
    x = nets.rows((6,))
    why = a.lrp(model, x, 1, rules="epsilon", epsilon=1e-12, stabilizer=1e-12)
    assert float((why.gap / why.scores).abs().max()) < 1e-6
    theirs = by_zennit(model, "EpsilonPlus", x, 1).sum(1)
    assert float(((theirs - why.scores) / why.scores).abs().max()) > 0.1


def test_pain_38_a_layer_called_twice_is_two_layers(zennit):
    twice = nets.Written(lambda m, x: m[1](F.relu(m[0](F.relu(m[0](x))))), nn.Linear(6, 6), nn.Linear(6, 3))
    twice = twice.double()
    first, last = twice.layers
    copies = nn.Sequential(first, nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), last).double()
    copies[2].load_state_dict(first.state_dict())
    x = nets.rows((6,))
    wanted = a.lrp(copies, x, 1).values
    close(a.lrp(twice, x, 1).values, wanted, within=1e-9)
    close(by_zennit(copies, "EpsilonPlus", x, 1), wanted, within=1e-6)
    assert far(wanted, by_zennit(twice, "EpsilonPlus", x, 1)) > 0.1


def test_pain_39_zennit_200_one_call_is_forward_and_backward():
    model, x = residual(), nets.rows((6,))
    wanted = a.lrp(model, x, 1).values
    model(nets.rows((6,), seed=9))
    with torch.no_grad():
        close(a.lrp(model, x, 1).values, wanted, within=0.0)


def test_pain_40_lxt_29_rules_match_operations_and_never_divide_by_zero():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra: text)")
    config = transformers.LlamaConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
        intermediate_size=16, vocab_size=11, num_labels=3, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = zoo.seeded(lambda: transformers.LlamaForSequenceClassification(config)).double().eval()
    batch = Batch({"inputs_embeds": nets.rows((5, 8), 2)})
    assert torch.isfinite(a.lrp(model, batch, 1).values["inputs_embeds"]).all()
    # what goes in is zero, and so is what comes out of the first layer
    still = residual()
    assert torch.isfinite(a.lrp(still, torch.zeros(2, 6, dtype=torch.float64), 1).values).all()
    # below zero by as much as the stabiliser: added without a sign it would divide by nothing
    below, x = nn.Linear(1, 1, bias=False).double(), torch.ones(1, 1, dtype=torch.float64)
    with torch.no_grad():
        below.weight.fill_(-0.5)
    close(a.lrp(below, x, 0, rules="epsilon", epsilon=0.5).values, -x / 4)


def test_pain_41_inseq_302_fused_attention_is_not_dropped():
    class Attending(nn.Module):
        def __init__(self, fused):
            super().__init__()
            self.project, self.head, self.fused = nn.Linear(4, 12), nn.Linear(4, 3), fused

        def forward(self, x):
            q, k, v = self.project(x).chunk(3, -1)
            if self.fused:
                return self.head(F.scaled_dot_product_attention(q, k, v).mean(1))
            return self.head(((q @ k.transpose(1, 2) / 2).softmax(-1) @ v).mean(1))

    plain, fused = (zoo.seeded(lambda f=f: Attending(f)).double() for f in (False, True))
    x = nets.rows((5, 4))
    for name in ("attention_rollout", "attention_flow", "attention_relevance", "deep_lift", "lrp"):
        close(getattr(a, name)(fused, x, 1).values, getattr(a, name)(plain, x, 1).values)


def test_pain_42_shapiq_354_forty_two_players_within_a_budget():
    model = nn.Sequential(nn.Linear(42, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    x = nets.rows((42,), 1)
    seen = calls(model)
    for method in (a.kernel_shap, a.shapley_sampling, a.odd_regression):
        seen.clear()
        why = method(model, x, 1, budget=500, compute=Compute(batch_size=64))
        assert sum(seen) <= 502
        assert max(seen) <= 64
        assert abs(float(why.gap)) < 1e-9
    with pytest.raises((InputError, MethodError), match="42"):
        a.exact_shapley(model, x, 1)
