"""Several targets in one call: the numbers of separate calls, for fewer passes, truthfully counted."""

import functools

import pytest
import torch
from torch import nn

import zoo
from pellucid import attribution, inputs
from pellucid._core import (
    Batch,
    Compute,
    Question,
    Target,
    log_odds,
    logit,
    margin,
    several_targets,
    top,
    unit,
)
from pellucid.errors import MethodError, TargetError
from pellucid.evidence._specimens import sequences

TARGETS = (0, 2, margin(1, 0), log_odds([0, 1, 2]), top())
CHEAP = {
    "kernel_shap": functools.partial(attribution.kernel_shap, budget=140),
    "odd_regression": functools.partial(attribution.odd_regression, budget=140),
    "shapley_sampling": functools.partial(attribution.shapley_sampling, budget=254),
    **{
        name: functools.partial(getattr(attribution, name), steps=8)
        for name in ("guided_integrated_gradients", "layer_conductance", "internal_influence", "idgi")
    },
    **{
        name: functools.partial(getattr(attribution, name), samples=8)
        for name in ("smoothgrad", "smoothgrad_squared", "vargrad")
    },
    "lime": functools.partial(attribution.lime, budget=140),
    "rise": functools.partial(attribution.rise, samples=60),
    "exact_shapley": functools.partial(
        attribution.exact_shapley, groups=torch.arange(128).view(2, 8, 8) // 32
    ),
}


class Passes(nn.Module):
    """A network that counts the rows which pass it in each direction."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.forward_rows, self.backward_rows = inner, 0, 0

    def forward(self, x):
        self.forward_rows += len(x)
        out = self.inner(x)
        if out.requires_grad:
            out.register_hook(self.gone_back)
        return out

    def gone_back(self, grad):
        self.backward_rows += len(grad)


def apart(method, model, x, how):
    return [method(model, x, target, compute=how) for target in TARGETS]


@pytest.fixture(scope="module")
def net():
    return zoo.seeded(zoo.Modules).double()


@pytest.mark.parametrize("name", attribution.__all__)
def test_values_are_those_of_separate_calls(net, name):
    method, x, how = CHEAP.get(name, getattr(attribution, name)), zoo.inputs(3), Compute(7)
    if name.startswith("attention"):
        (sequence,) = sequences()
        net, x = sequence.model, sequence.inputs[:3]
    got = several_targets(method, net, x, TARGETS, compute=how)
    for ours, alone in zip(got, apart(method, net, x, how), strict=True):
        assert (ours.map - alone.map).abs().max() <= 1e-12 * alone.map.abs().max()
        assert torch.allclose(ours.scores, alone.scores, rtol=0, atol=1e-12)
        assert (ours.gap is None) == (alone.gap is None)
        assert ours.gap is None or torch.allclose(ours.gap, alone.gap, rtol=0, atol=1e-12)
        assert ours.stderr is None or torch.allclose(ours.stderr, alone.stderr, rtol=1e-9, atol=1e-12)
        assert ours.provenance.target == alone.provenance.target
        assert str(ours.provenance.inputs) == str(alone.provenance.inputs)
        assert ours.provenance.shared == len(TARGETS)
        assert (ours.classes is None) == (alone.classes is None)
        assert alone.classes is None or torch.equal(ours.classes, alone.classes)


GO_BACK = ["lrp", "deep_lift", "guided_backpropagation", "deconvnet", "full_grad", "layer_conductance"]


@pytest.mark.parametrize(
    "name", ["saliency", "smoothgrad", "integrated_gradients", "occlusion", "kernel_shap", *GO_BACK]
)
@pytest.mark.parametrize("size", [5, 64])
def test_passes_are_shared_and_truly_counted(net, name, size):
    method, x, how = CHEAP.get(name, getattr(attribution, name)), zoo.inputs(3), Compute(size)
    counted = Passes(net)
    got = several_targets(method, counted, x, TARGETS, compute=how)
    made = got[0].provenance
    assert made.backward == counted.backward_rows
    assert made.forward == counted.forward_rows
    one = [found.provenance for found in apart(method, net, x, how)]
    # settling the top class costs a pass of its own
    together, separate = made.forward - len(x), sum(each.forward for each in one) - len(x)
    if name == "integrated_gradients":  # it follows each target where it bends
        assert together < separate
    else:
        assert together == separate / len(TARGETS)
        assert made.backward == sum(each.backward for each in one)


def test_no_chunk_is_larger_than_asked(net):
    sizes = []
    handle = net.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    with_paths = (attribution.guided_integrated_gradients, attribution.lrp, attribution.occlusion)
    for method in with_paths:
        several_targets(method, net, zoo.inputs(4), [0, 1, 2], compute=Compute(6))
    handle.remove()
    assert max(sizes) == 6


def test_hidden_points_and_several_inputs(net):
    x, at = zoo.inputs(3), functools.partial(attribution.integrated_gradients, at="pool", rule="midpoint")
    for ours, k in zip(several_targets(at, net, x, [0, 2]), (0, 2), strict=True):
        assert torch.allclose(ours.map, at(net, x, k).map, rtol=0, atol=1e-12)
    model = nn.Bilinear(3, 2, 4).double()
    batch = Batch({"input1": torch.randn(5, 3).double()}, {"input2": torch.randn(5, 2).double()})
    for method in (attribution.occlusion, attribution.saliency):
        for ours, k in zip(several_targets(method, model, batch, [3, 1]), (3, 1), strict=True):
            assert torch.allclose(ours.values["input1"], method(model, batch, k).values["input1"], atol=1e-12)


def test_a_baseline_for_each_row_goes_along(net):
    x, base = zoo.inputs(3), zoo.inputs(3, seed=9)
    method = functools.partial(attribution.occlusion, baseline=base)
    for ours, k in zip(several_targets(method, net, x, [0, 2]), (0, 2), strict=True):
        assert torch.allclose(ours.map, method(net, x, k).map, rtol=0, atol=1e-12)


def test_references_of_each_target_keep_apart(net):
    """As many references as targets have rows: each target has its own, and nothing is shared."""
    x, base = zoo.inputs(3), zoo.inputs(6, seed=9)
    method = functools.partial(attribution.deep_lift, baseline=base)
    for k, ours in enumerate(several_targets(method, net, x, [0, 2])):
        alone = attribution.deep_lift(net, x, (0, 2)[k], baseline=base[k::2])
        assert torch.allclose(ours.map, alone.map, rtol=0, atol=1e-12)
    sizes = []
    with_each = functools.partial(attribution.deep_lift, baseline=zoo.inputs(3, seed=9))
    handle = net.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    several_targets(with_each, net, x, [0, 2])
    handle.remove()
    assert sum(sizes) == 6


def test_functions_see_the_numbers_of_the_rows(net):
    seen = []

    def mine(output, rows):
        seen.append(rows.tolist())
        return output[:, 0] * (1 + rows)

    x = zoo.inputs(3)
    _, ours = several_targets(attribution.saliency, net, x, [0, mine])
    assert seen[-1] == [0, 1, 2]
    assert torch.equal(ours.map, attribution.saliency(net, x, mine).map)


def test_half_precision_is_differentiated_as_alone():
    net, x = zoo.seeded(zoo.Modules).bfloat16(), zoo.inputs(2).bfloat16()
    method = functools.partial(attribution.integrated_gradients, rule="midpoint", steps=8)
    for ours, k in zip(several_targets(method, net, x, [0, 2]), (0, 2), strict=True):
        assert torch.equal(ours.map, method(net, x, k).map)


def test_some_rows_keep_what_they_share(net):
    from pellucid._core._fold import together

    counted = Passes(net)
    q = Question(counted, zoo.inputs(4), together([0, 1, 2]))
    part = q.only(torch.tensor([1, 2, 6, 7, 8]))
    alone = [
        logit(k).score(net(zoo.inputs(4)[i : i + 1]), torch.tensor([0]))
        for i, k in ((0, 1), (0, 2), (2, 0), (2, 1), (2, 2))
    ]
    assert torch.allclose(part.scores()[0], torch.cat(alone), atol=1e-12)
    assert counted.forward_rows == 2
    mixed = q.only(torch.tensor([8, 0]))
    assert torch.allclose(mixed.scores()[0], torch.stack([alone[4][0], q.scores()[0][0]]))


def test_targets_that_cannot_go_together(net):
    with pytest.raises(TargetError, match="at least one"):
        several_targets(attribution.saliency, net, zoo.inputs(), [])
    with pytest.raises(TargetError, match="different outputs"):
        several_targets(attribution.saliency, net, zoo.inputs(), [0, unit("conv1", 1)])
    with pytest.raises(TargetError, match="numbered 0 to 2"):
        several_targets(attribution.saliency, net, zoo.inputs(), [0, 3])
    still = Target("a constant", lambda output, rows: output.detach()[:, 0])
    with pytest.raises(MethodError, match="differentiable"):
        several_targets(attribution.saliency, net, zoo.inputs(), [0, still])


def test_pictures_of_the_spec_are_checked(net):
    spec = inputs.ImageSpec(channels=2)
    found = several_targets(attribution.occlusion, net, zoo.inputs(2).abs().clamp(max=1), [0, 1], spec=spec)
    assert all(each.spec is spec for each in found)
