"""The short road gives what the long one gives, and leaves everything else to it."""

import pytest
import torch
from torch import nn

import zoo
from pellucid import attribution as a
from pellucid._core import Compute, Question, _straight, logits
from pellucid._core._straight import Straight, sloped
from pellucid.errors import PellucidError

METHODS = (a.saliency, a.input_x_gradient, a.guided_backpropagation, a.deconvnet)


def net():
    made = zoo.seeded(
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(144, 3)
        )
    )
    return made.double().eval()


def road(model, x, target, **given):
    return type(sloped(model, x, target, **{"at": None, "spec": None, "compute": None, **given}))


TARGETS = (1, torch.tensor([0, 2, 1, 1, 0, 2, 2, 0]))


def rows():
    torch.manual_seed(3)
    return torch.randn(8, 2, 8, 8, dtype=torch.float64)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", TARGETS)
def test_the_same_answer(method, target):
    model, x = net(), rows()
    assert road(model, x, target) is Straight
    short, long = method(model, x, target), method(model, x, target, compute=Compute())
    torch.testing.assert_close(short.values, long.values, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(short.scores, long.scores, rtol=1e-10, atol=1e-12)
    assert torch.equal(short.classes, long.classes)
    assert torch.equal(short.inputs, long.inputs)
    assert short.values.is_contiguous()
    for name in (
        "method",
        "params",
        "target",
        "at",
        "model",
        "inputs",
        "seed",
        "forward",
        "backward",
        "versions",
    ):
        assert getattr(short.provenance, name) == getattr(long.provenance, name), name
    for name in ("gap", "reference", "stderr", "bound", "spec", "cards", "note", "class_names"):
        assert getattr(short, name) == getattr(long, name), name


LAYERED = (a.saliency, a.input_x_gradient, a.grad_cam, a.grad_cam_plus_plus, a.hires_cam, a.layer_cam)


@pytest.mark.parametrize("method", LAYERED)
@pytest.mark.parametrize("target", TARGETS)
def test_the_same_answer_at_a_layer(method, target):
    model, x = net(), rows()
    assert road(model, x, target, at="2") is Straight
    short, long = method(model, x, target, at="2"), method(model, x, target, at="2", compute=Compute())
    for name in ("values", "scores", "classes", "inputs"):
        torch.testing.assert_close(getattr(short, name), getattr(long, name), rtol=1e-10, atol=1e-12)
    assert short.values.stride() == long.values.stride()
    assert short.inputs.is_contiguous()
    for name in ("method", "params", "target", "at", "model", "inputs", "seed", "forward", "backward"):
        assert getattr(short.provenance, name) == getattr(long.provenance, name), name
    for name in ("gap", "reference", "stderr", "bound", "spec", "cards", "note", "class_names"):
        assert getattr(short, name) == getattr(long, name), name
    assert not any(m._forward_hooks for m in model.modules())
    assert all(p.requires_grad for p in model.parameters())


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(self.layer(x))


class Mapped(Twice):
    """The layer runs inside a transform, out of which no tensor leads."""

    def forward(self, x):
        return torch.func.vmap(self.layer)(x)


class Unused(Twice):
    def forward(self, x):
        self.layer(x)
        return x


class Fewer(Twice):
    def forward(self, x):
        return x + self.layer(x[:2]).sum(0)


class Cut(Twice):
    """What the layer gives has no way on."""

    def forward(self, x):
        with torch.no_grad():
            return self.layer(x)


@pytest.mark.parametrize(
    ("model", "at"),
    [(Twice(), "layer"), (Twice(), "layr"), (Twice(), ""), (Mapped(), "layer"), (Unused(), "layer"),
     (Fewer(), "layer"), (Cut(), "layer"), (nn.Sequential(nn.Linear(4, 4), nn.GRU(4, 4)), "1")],
)  # fmt: skip
def test_the_same_refusal_at_a_layer(model, at):
    x = torch.rand(8, 4)
    short = refused(lambda: a.saliency(model, x, 1, at=at))
    assert short == refused(lambda: a.saliency(model, x, 1, at=at, compute=Compute()))
    assert not any(m._forward_hooks for m in model.modules())


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_a_scripted_layer_is_refused_as_ever():
    model, x = nn.Sequential(torch.jit.script(nn.Linear(4, 4)), nn.Linear(4, 3)), torch.rand(8, 4)
    assert "scripted" in refused(lambda: a.saliency(model, x, 1, at="0"))[1]


class Learning(Twice):
    """It takes slopes by its own weights while it passes."""

    def forward(self, x):
        y = self.layer(x)
        (slope,) = torch.autograd.grad(y.sum(), self.layer.weight)
        return torch.relu(y) @ slope


@pytest.mark.parametrize("compute", [None, Compute()])
def test_a_network_that_learns_while_it_passes(compute):
    torch.manual_seed(0)
    model, x = nn.Sequential(Learning(), nn.Linear(4, 3)).double(), torch.rand(8, 4, dtype=torch.float64)
    found = a.saliency(model, x, 1, at="0", compute=compute)
    torch.testing.assert_close(found.values, model[1].weight[1].detach().expand(8, 4))
    assert all(p.requires_grad for p in model.parameters())


def test_nothing_is_recorded_below_the_layer():
    model, x, seen = net(), rows(), []
    model[1].register_forward_hook(lambda _, __, given: seen.append(given.requires_grad))
    model[3].register_forward_hook(lambda _, __, given: seen.append(given.requires_grad))
    for compute in (None, Compute()):
        a.saliency(model, x, 1, at="2", compute=compute)
    assert seen == [False, True] * 2


def refused(call):
    with pytest.raises(PellucidError) as error:
        call()
    return type(error.value), str(error.value)


class Bad(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how, self.layer = how, nn.Linear(4, 3)

    def forward(self, x):
        return self.how(self.layer(x), x)


def raises(y, x):
    raise ValueError("broken")


WRONG = {
    "class too high": (lambda y, x: y, torch.rand(8, 4), 7),
    "class below zero": (lambda y, x: y, torch.rand(8, 4), -1),
    "a class too high": (lambda y, x: y, torch.rand(8, 4), torch.tensor([0, 1, 2, 3, 0, 1, 2, 0])),
    "classes of other rows": (lambda y, x: y, torch.rand(8, 4), torch.tensor([0, 1])),
    "truth as target": (lambda y, x: y, torch.rand(8, 4), True),
    "not finite": (lambda y, x: y, torch.rand(8, 4).log() * torch.tensor([0.0, 1, 1, 1]).log(), 0),
    "an infinity that is cut off": (
        lambda y, x: x.clamp(max=2)[:, :3],
        torch.tensor([[1, 2, 3, torch.inf]]).repeat(8, 1).flip(1),
        1,
    ),
    "no rows": (lambda y, x: y, torch.rand(0, 4), 0),
    "no axes": (lambda y, x: y, torch.tensor(1.0), 0),
    "another type": (lambda y, x: y, torch.rand(8, 4).double(), 0),
    "whole numbers": (lambda y, x: y, torch.ones(8, 4, dtype=torch.int64), 0),
    "another width": (lambda y, x: y, torch.rand(8, 5), 0),
    "no slope": (lambda y, x: y.detach(), torch.rand(8, 4), 0),
    "another thing's slope": (
        lambda y, x: y.detach() + y.new_ones(1, requires_grad=True),
        torch.rand(8, 4),
        0,
    ),
    "a slope without end": (lambda y, x: y + (x * 0).sqrt().sum(1, keepdim=True), torch.rand(8, 4), 0),
    "an error": (raises, torch.rand(8, 4), 0),
    "a map": (lambda y, x: y[:, :, None].repeat(1, 1, 2), torch.rand(8, 4), 0),
    "nothing": (lambda y, x: None, torch.rand(8, 4), 0),
    "several": (lambda y, x: (y, y), torch.rand(8, 4), 0),
    "half of the rows": (lambda y, x: y[:4], torch.rand(8, 4), 0),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("method", [a.saliency, a.input_x_gradient, a.deconvnet])
def test_the_same_refusal(what, method):
    how, x, target = WRONG[what]
    model = Bad(how)
    short = refused(lambda: method(model, x, target))
    assert short == refused(lambda: method(model, x, target, compute=Compute()))


def test_what_is_not_plain_goes_the_long_way():
    model, x = net(), rows()
    assert road(model, x, logits([0] * 8)) is Question
    assert road(model, x, 1, at="0:in") is Question
    assert road(model, x, 1, at="0#0") is Question
    assert road(model, x, 1, at=".") is Question
    assert road(model, x, 1, compute=Compute()) is Question
    assert road(model, nn.Parameter(x), 1) is Question
    assert road(model, x.repeat(20, 1, 1, 1), 1) is Question
    one = nn.Sequential(nn.Flatten(), nn.Linear(128, 1), nn.Flatten(0)).double()
    assert road(one, x, 0) is Question
    with torch.inference_mode():
        made = net()
    assert road(made, x, 1) is Question
    assert road(net().half(), x.half(), 1) is Question


def test_infinite_inputs_are_refused_at_a_layer():
    model, x = nn.Sequential(nn.ReLU6(), nn.Linear(4, 3)), torch.full((8, 4), torch.inf)
    short = refused(lambda: a.saliency(model, x, 1, at="0"))
    assert short == refused(lambda: a.saliency(model, x, 1, at="0", compute=Compute()))


class StopError(Exception):
    pass


class Messy(nn.Module):
    """Changes whatever it can while it passes."""

    def __init__(self, error=None):
        super().__init__()
        self.norm, self.layer, self.error = nn.BatchNorm1d(4), nn.Linear(4, 3), error
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        assert not self.training
        x = x + 0 * torch.randn_like(x)
        self.norm.train()
        self.count += 1
        self.norm.running_var = self.norm.running_var + 1
        self.layer.weight.requires_grad_(False)
        torch.nn.functional.batch_norm(x, self.norm.running_mean, self.norm.running_var, training=True)
        if self.error:
            raise self.error
        return self.layer(self.norm(x))


@pytest.mark.parametrize("at", [None, "norm"])
@pytest.mark.parametrize("error", [None, StopError(), KeyboardInterrupt()])
def test_the_network_is_handed_back_as_it_came(error, at):
    torch.manual_seed(0)
    model, x = Messy(error).double().train(), torch.rand(8, 4, dtype=torch.float64)
    model.layer.bias.grad = torch.ones(3, dtype=torch.float64)

    def state():
        return (
            [m.training for m in model.modules()],
            [p.requires_grad for p in model.parameters()],
            {k: v.tolist() for k, v in model.state_dict().items()},
            [id(t) for t in [*model.parameters(), *model.buffers()]],
            [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
            torch.get_rng_state().tolist(),
            torch.is_grad_enabled(),
        )

    before = state()
    if error is None:
        a.saliency(model, x, 1, at=at)
    else:
        with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else PellucidError):
            a.saliency(model, x, 1, at=at)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert state() == before
    assert not x.requires_grad


def test_inputs_are_not_written_into_and_no_graph_is_kept():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(128, 3)).double()
    x = rows().requires_grad_()
    before = x.detach().clone()
    with torch.no_grad():
        found = a.saliency(model, x, 1)
    assert torch.equal(x, before)
    assert not found.values.requires_grad
    assert not found.scores.requires_grad
    assert x.grad is None


def test_memory_that_runs_out_is_left_to_the_long_road(monkeypatch):
    model, x, sizes = nn.Sequential(nn.Flatten(), nn.Linear(128, 3)).double(), rows(), []
    pass_on = nn.Linear.forward

    def forward(self, given):
        sizes.append(len(given))
        if len(given) > 4:
            raise MemoryError
        return pass_on(self, given)

    monkeypatch.setattr(nn.Linear, "forward", forward)
    assert a.saliency(model, x, 1).values.shape == x.shape
    assert sizes == [8, 8, 4, 4]
    assert Compute().batch_size == _straight.MOST
