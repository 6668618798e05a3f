"""What users of captum suffered from (research notes, pains 1 to 23): ours does it right, by the oracle.

Where captum's mistake is stable it is asserted too, so that a release that mends it is noticed.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import propagated as nets
import zoo
from attribution.peers import delta, far
from pellucid import attribution as a
from pellucid._core import Batch, Compute
from pellucid.errors import MethodError


def close(found, wanted, within=1e-10):
    torch.testing.assert_close(found, wanted, rtol=within, atol=within)


def pooled():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
    ).double()  # fmt: skip


def most_at_once(model):
    """The largest number of rows that one call of the network is given, kept up to date."""
    seen = [0]

    def look(_, args):
        seen[0] = max(seen[0], len(args[0]))

    model.register_forward_pre_hook(look)
    return seen


def test_pain_01_deeplift_where_two_rule_modules_touch(captum):
    model = pooled()
    x, start = nets.rows((1, 10, 10)), nets.rows((1, 10, 10), seed=1)
    ours = a.deep_lift(model, x, 1, baseline=start).values
    theirs = captum.DeepLift(model).attribute(x, start, target=1).detach()
    assert delta(ours, model, x, start) < 1e-9
    assert delta(theirs, model, x, start) > 0.1


def test_pain_02_captum_1276_max_pool_gives_each_row_its_own_gradient():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(64, 3)).double()
    x, start = nets.rows((1, 11, 11)), nets.rows((1, 11, 11), seed=1)
    whole = a.deep_lift(model, x, 1, baseline=start).values
    for i in range(len(x)):
        close(a.deep_lift(model, x[i : i + 1], 1, baseline=start[i : i + 1]).values, whole[i : i + 1])
    assert delta(whole, model, x, start) < 1e-9


def test_pain_03_captum_1367_softmax_by_row(captum):
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), nn.Softmax(1)).double()
    x, start = nets.rows((6,), 6), nets.rows((6,), 6, seed=1)
    whole = a.deep_lift(model, x, 1, baseline=start).values
    alone = a.deep_lift(model, x[:1], 1, baseline=start[:1]).values
    torch.testing.assert_close(whole[:1], alone, rtol=1e-9, atol=1e-12)
    assert delta(whole, model, x, start) < 1e-9
    algorithm = captum.DeepLift(model)
    together = algorithm.attribute(x, start, target=1).detach()[:1]
    assert far(algorithm.attribute(x[:1], start[:1], target=1).detach(), together) > 0.01


def test_pain_04_captum_1082_reused_and_functional_activations(captum):
    model, shape = nets.net("re-used")
    x, start = nets.rows(shape), nets.rows(shape, seed=1)
    assert delta(a.deep_lift(model, x, 1, baseline=start).values, model, x, start) < 1e-9
    with pytest.raises(RuntimeError):
        captum.DeepLift(model).attribute(x, start, target=1)


def test_pain_05_captum_351_a_gap_is_judged_by_what_is_explained():
    """A small answer may not hide a large gap, and an operation without a rule is named."""
    model = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 2)).double()
    with torch.no_grad():
        model[2].weight *= 1e-6
        model[2].bias *= 1e-6
    x, start = nets.rows((6,)), nets.rows((6,), seed=1)
    assert delta(a.deep_lift(model, x, 1, baseline=start).values, model, x, start) < 1e-9
    sorting = nets.Written(lambda m, x: m[0](x.sort(1).values), nn.Linear(6, 3)).double()
    with pytest.raises(MethodError, match="'sort'"):
        a.deep_lift(sorting, x, 1)


def test_pain_06_captum_operations_outside_its_table(captum):
    model, shape = nets.net("gelu and norm")
    x, start = nets.rows(shape), nets.rows(shape, seed=1)
    ours = a.deep_lift(model, x, 1, baseline=start)
    theirs = captum.DeepLift(model).attribute(x, start, target=1).detach()
    assert delta(ours.values, model, x, start) < 1e-9
    assert delta(theirs, model, x, start) > 0.05


def test_pain_07_a_users_own_hook_is_never_read_as_state(captum):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    x, start = nets.rows((6,)), nets.rows((6,), seed=1)
    wanted = a.deep_lift(model, x, 1, baseline=start).values
    model[1].register_full_backward_hook(lambda module, grad_in, grad_out: None)
    torch.testing.assert_close(a.deep_lift(model, x, 1, baseline=start).values, wanted)
    assert delta(wanted, model, x, start) < 1e-9
    theirs = captum.DeepLift(model).attribute(x, start, target=1).detach()
    assert delta(theirs, model, x, start) > 0.05


def test_pain_08_captum_546_lrp_on_a_functional_sum(captum):
    model = nets.Written(
        lambda m, x: m[4](F.relu(m[2](m[1](m[0](x))) + m[3](x))),
        nn.Linear(6, 6, bias=False), nn.ReLU(), nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False),
        nn.Linear(6, 3, bias=False),
    ).double()  # fmt: skip
    x = nets.rows((6,))
    why = a.lrp(model, x, 1, rules="epsilon", epsilon=1e-12, stabilizer=1e-12)
    assert float((why.gap / why.scores).abs().max()) < 1e-6
    theirs = captum.LRP(model).attribute(x, target=1).detach().sum(1)
    assert float(((theirs - why.scores) / why.scores).abs().max()) > 0.1


def test_pain_09_captum_712_lrp_on_layers_without_weights(captum):
    layers = [nn.Identity(), nn.ELU(), nn.SiLU(), nn.Hardswish(), nn.LayerNorm(6)]
    for layer in layers:
        model = nn.Sequential(nn.Linear(6, 6), layer, nn.Linear(6, 3)).double()
        assert torch.isfinite(a.lrp(model, nets.rows((6,)), 1).values).all()
    larger = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Upsample(scale_factor=2), nn.Flatten(), nn.Linear(128, 3))
    assert torch.isfinite(a.lrp(larger.double(), nets.rows((1, 6, 6)), 1).values).all()
    ids = torch.tensor([[1, 2, 3]])
    text = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 3)).double()
    # values by number of token are those at the layer above the embedding, which itself is never asked
    close(a.lrp(text, ids, 1).values, a.lrp(text, ids, 1, at="0").values.sum(-1))
    refused = nn.Sequential(nn.Linear(6, 6), nn.ELU(), nn.Linear(6, 3)).double()
    with pytest.raises(TypeError):
        captum.LRP(refused).attribute(nets.rows((6,)), target=1)


def test_pain_10_captum_1059_rules_are_arguments():
    model, shape = nets.net("pool")
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    first = a.lrp(model, nets.rows(shape), 1, rules="epsilon_plus", conv="gamma")
    again = a.lrp(model, nets.rows(shape), 1, rules="epsilon_plus", conv="gamma")
    assert torch.equal(first.values, again.values)
    assert {name: dict(vars(module)) for name, module in model.named_modules()} == before


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("integrated_gradients", {"steps": 100}),
        ("layer_conductance", {"at": "2", "steps": 50}),
        ("expected_gradients", {"background": nets.rows((1, 12, 12), 50, seed=1)}),
        ("deep_lift_shap", {"background": nets.rows((1, 12, 12), 50, seed=1)}),
        ("grad_cam", {}),
    ],
)
def test_pains_11_and_12_captum_538_1350_1179_no_more_rows_at_once_than_asked(name, options):
    model, shape = nets.net("pool")
    seen = most_at_once(model)
    for rows in (3, 20):
        getattr(a, name)(model, nets.rows(shape, rows), 1, compute=Compute(batch_size=8), **options)
        # DeepLIFT-SHAP passes one reference more where rows and references would be alike in number
        assert 0 < seen[0] <= 8 + (name == "deep_lift_shap")


def test_pain_13_captum_1334_more_nodes_are_never_worse_and_both_ways_are_one_way():
    model, shape = nets.net("pool")
    x, start = nets.rows(shape), nets.rows(shape, seed=1)
    runs = [
        a.integrated_gradients(model, x, 1, baseline=start, steps=n, tolerance=1e-9) for n in (20, 80, 320)
    ]
    gaps = [float(run.gap.abs().mean()) for run in runs]
    assert gaps[0] > gaps[1] > gaps[2]
    for run in runs:
        assert (run.gap.abs() <= run.bound * x[0].numel() ** 0.5).all()
    there = a.integrated_gradients(model, x, 1, baseline=start, steps=20, rule="midpoint").values
    back = a.integrated_gradients(model, start, 1, baseline=x, steps=20, rule="midpoint").values
    close(back, -there)


def test_pain_14_weights_of_a_rule_sum_to_one(captum):
    model = nn.Linear(6, 3).double()
    x = nets.rows((6,))
    wanted = x * model.weight.detach()[1]
    for rule in ("midpoint", "gauss_legendre", "auto"):
        close(a.integrated_gradients(model, x, 1, steps=50, rule=rule).values, wanted, within=1e-14)
    short = captum.IntegratedGradients(model).attribute(x, target=1, n_steps=50, method="riemann_trapezoid")
    assert far(wanted, short.detach()) == pytest.approx(0.02, rel=1e-3)


def test_pain_15_captum_1240_sums_are_as_precise_as_the_network(captum):
    model = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 3)).double()
    x = nets.rows((6,))
    why = a.integrated_gradients(model, x, 1, steps=60, rule="gauss_legendre")
    assert float(why.gap.abs().max()) < 1e-14
    theirs = captum.IntegratedGradients(model).attribute(x, target=1, n_steps=60).detach()
    assert delta(theirs, model, x, torch.zeros_like(x)) > 1e-12
    half = a.integrated_gradients(model.bfloat16(), x.bfloat16(), 1)
    assert half.values.dtype == torch.bfloat16
    # a sum of 300 slopes in half precision would stop growing
    flat = nn.Linear(6, 3).bfloat16()
    one = Compute(batch_size=1)
    many = a.integrated_gradients(flat, x.bfloat16(), 1, steps=300, rule="midpoint", compute=one).values
    torch.testing.assert_close(many, x.bfloat16() * flat.weight[1].detach(), rtol=2**-7, atol=1e-30)


class Text(nn.Module):
    """Two texts by numbers of tokens, one table."""

    def __init__(self):
        super().__init__()
        self.table, self.body = nn.Embedding(9, 4), nn.Linear(8, 3)

    def forward(self, first, second=None):
        other = first if second is None else second
        both = torch.cat([self.table(first).mean(1), self.table(other).tanh().mean(1)], 1)
        return self.body(both.tanh())


def test_pain_16_captum_1571_whole_numbers_and_inputs_that_are_not_used():
    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 3)).double()
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    for name in ("saliency", "integrated_gradients", "deep_lift", "lrp", "kernel_shap"):
        assert getattr(a, name)(model, ids, 1).values.shape == ids.shape
    ignoring = nets.Written(lambda m, x: m[0](x), nn.Linear(6, 3)).double()
    ignoring.forward = lambda x, unused: ignoring.layers[0](x)
    why = a.saliency(ignoring, Batch({"x": nets.rows((6,)), "unused": nets.rows((2,))}), 1)
    assert not why.values["unused"].any()
    assert why.values["x"].any()


def test_pain_17_captum_1132_one_number_for_each_token_of_every_text():
    model = zoo.seeded(Text).double()
    first, second = torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5]])
    batch = Batch({"first": first}, held={"second": second})
    by_number = a.integrated_gradients(model, batch, 1, steps=20, rule="midpoint").values["first"]
    at_table = a.integrated_gradients(model, batch, 1, at="table#0", steps=20, rule="midpoint").values
    close(by_number, at_table.sum(-1))


def test_pain_18_captum_1215_and_grad_cam_481_outputs_of_any_kind():
    wanted = a.grad_cam(zoo.reference(), zoo.inputs(), 1).values
    for twin in zoo.twins():
        if twin.name in ("TupleOut", "DictOut", "DataclassOut", "NamedTupleOut"):
            close(a.grad_cam(twin.model, zoo.inputs(), twin.target).values, wanted)


def test_pain_19_captum_466_what_belongs_to_no_row_is_not_repeated():
    shapes = set()

    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 3)

        def forward(self, x, mask, edges):
            shapes.add((len(x) == len(mask), tuple(edges.shape)))
            return self.body((edges @ (x * mask).T).T.tanh())

    model = zoo.seeded(Graph).double()
    batch = Batch(
        {"x": nets.rows((4,))}, {"mask": torch.ones(5, 4).double()}, {"edges": torch.eye(4).double()}
    )
    a.integrated_gradients(model, batch, 1, compute=Compute(batch_size=7))
    assert shapes == {(True, (4, 4))}


def test_pain_20_captum_1789_the_value_function_is_named():
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(5, 9), nn.SiLU(), nn.Linear(9, 3))).double()
    x, background = nets.rows((5,), 2), nets.rows((5,), 6, seed=1)
    fixed = a.kernel_shap(model, x, 1, baseline=0.5)
    mean = a.kernel_shap(model, x, 1, background=background)
    assert "baseline" in fixed.note
    assert "marginal" in mean.note
    each = torch.stack([a.exact_shapley(model, x, 1, baseline=row).values for row in background])
    close(mean.values, each.mean(0), within=1e-8)


def test_pain_21_kernel_shap_of_one_feature_and_without_replacement():
    model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x = nets.rows((1,))
    why = a.kernel_shap(model, x, 1)
    close(why.values[:, 0], (model(x) - model(torch.zeros_like(x)))[:, 1].detach())
    passed = []
    wide = nn.Sequential(nn.Linear(9, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    wide.register_forward_pre_hook(lambda _, args: passed.append(args[0]))
    a.kernel_shap(wide, nets.rows((9,), 1), 1, budget=300)
    rows = torch.cat(passed)
    assert len(rows.unique(dim=0)) == len(rows) == 300


def test_pain_22_captum_742_a_seed_and_an_error_bar():
    model, x = zoo.reference(), zoo.inputs(2).flatten(1)
    flat = nn.Sequential(nn.Unflatten(1, (2, 8, 8)), model)
    first = a.kernel_shap(flat, x, 1, budget=400, compute=Compute(seed=3))
    again = a.kernel_shap(flat, x, 1, budget=400, compute=Compute(seed=3))
    other = a.kernel_shap(flat, x, 1, budget=400, compute=Compute(seed=4))
    assert torch.equal(first.values, again.values)
    assert not torch.equal(first.values, other.values)
    assert (first.stderr > 0).any()
    noisy = [a.smoothgrad(flat, x, 1, samples=4, compute=Compute(seed=seed)).values for seed in (3, 3, 4)]
    assert torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy[0], noisy[2])


def test_pain_23_captum_1366_which_token_of_a_language_model_is_said():
    class Next(nn.Module):
        """Scores [N, T, words] of the next token at each place; a word is likely where it was said before."""

        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(6, 6)
            self.table.weight.data = torch.eye(6)

        def forward(self, ids):
            return self.table(ids).cumsum(1)

    model, ids = Next().double(), torch.tensor([[2, 3, 2, 1]])
    last = lambda scores, rows: scores[:, -1, 2]  # noqa: E731
    for name in ("exact_shapley", "integrated_gradients", "deep_lift"):
        why = getattr(a, name)(model, ids, last, baseline=torch.zeros(1, 4, 6, dtype=torch.float64))
        close(why.values, torch.tensor([[1.0, 0.0, 1.0, 0.0]], dtype=torch.float64))
