"""Networks that cannot change themselves are known as such, and are handed back as they came."""

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import zoo
from pellucid import attribution as a
from pellucid._core import Compute, _still
from pellucid._core._guard import Guard
from pellucid._core._still import by_hand, may_write, still
from pellucid._core._straight import Straight, sloped
from pellucid.errors import PellucidError


def net():
    made = zoo.seeded(
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(144, 3)
        )
    )
    made[1].running_mean += 0.1
    made[5].bias.requires_grad_(False)
    return made.double()


def known(model):
    guard = Guard(model)
    return still(guard.modules, guard.tensors)


def nothing(*_):
    return None


HEARD = {
    "before": lambda m: m.register_forward_pre_hook(nothing),
    "after": lambda m: m.register_forward_hook(nothing),
    "way back": lambda m: m.register_full_backward_hook(nothing),
    "before the way back": lambda m: m.register_full_backward_pre_hook(nothing),
    "compiled": lambda m: setattr(m, "_compiled_call_impl", nothing),
    "a forward of its own": lambda m: setattr(m, "forward", nothing),
}


@pytest.mark.parametrize("how", HEARD)
def test_what_is_heard_is_not_still(how):
    model = net()
    assert known(model)
    HEARD[how](model[2])
    assert not known(model)


EVERYWHERE = (
    nn.modules.module.register_module_forward_pre_hook,
    nn.modules.module.register_module_forward_hook,
    nn.modules.module.register_module_full_backward_hook,
    nn.modules.module.register_module_full_backward_pre_hook,
)


@pytest.mark.parametrize("register", EVERYWHERE)
def test_nothing_is_still_where_everything_is_heard(register):
    handle = register(nothing)
    try:
        assert not known(net())
    finally:
        handle.remove()
    assert known(net())


def test_nothing_is_still_inside_a_mode():
    model = net()
    with TorchFunctionMode():
        assert not known(model)


def test_a_layer_that_was_exchanged_in_torch(monkeypatch):
    monkeypatch.setattr(nn.Dropout, "forward", lambda self, x: x + torch.rand_like(x))
    assert not known(net())


@pytest.mark.parametrize("kind", [nn.Module, nn.Linear])
@pytest.mark.parametrize("name", ["__call__", "_call_impl"])
def test_modules_that_are_called_in_another_way(kind, name, monkeypatch):
    call = getattr(kind, name)
    monkeypatch.setattr(kind, name, lambda self, x: call(self, x) + 1)
    assert not known(net())


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_scripted_parts_are_not_still():
    assert not known(nn.Sequential(net(), torch.jit.script(nn.ReLU())))


class Odd(torch.Tensor):
    pass


def test_a_weight_of_another_kind():
    model = net()
    model[5].register_buffer("odd", torch.zeros(1).as_subclass(Odd))
    assert not known(model)


class Draws(nn.Linear):
    def forward(self, x):
        return super().forward(x + torch.rand_like(x))


@pytest.mark.parametrize("layer", [nn.RReLU(), Draws(3, 3), nn.LazyLinear(3), nn.LSTM(3, 3)])
def test_other_layers_are_not_still(layer):
    assert not known(nn.Sequential(net(), layer))


def state(model):
    return (
        [m.training for m in model.modules()],
        [p.requires_grad for p in model.parameters()],
        {k: (v.tolist(), v._version) for k, v in model.state_dict().items()},
        [id(t) for t in [*model.parameters(), *model.buffers()]],
        [p.grad for p in model.parameters()],
        torch.get_rng_state().tolist(),
    )


def unlike(model):
    """Layers that differ in their modes."""
    model[4].eval()
    return model


WAYS = {
    "slopes": lambda m, x: a.saliency(m, x, 1),
    "a layer": lambda m, x: a.grad_cam(m, x, 1, at="0"),
    "rules": lambda m, x: a.guided_backpropagation(m, x, 1),
    "a reference": lambda m, x: a.deep_lift(m, x, 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_handed_back_as_it_came(way):
    model, x = unlike(net()), torch.rand(3, 2, 8, 8, dtype=torch.float64)
    before = state(model)
    assert known(model)
    made = WAYS[way](model, x)
    assert state(model) == before
    model.eval()
    torch.testing.assert_close(made.scores, model(x)[:, 1].detach())
    with torch.inference_mode():
        again = WAYS[way](model, x)
    assert not again.scores.is_inference()
    assert torch.equal(again.values, made.values)


class StopError(Exception):
    pass


@pytest.mark.parametrize("way", WAYS)
def test_also_where_it_raises(way, monkeypatch):
    model, x = unlike(net()), torch.rand(3, 2, 8, 8, dtype=torch.float64)
    before = state(model)
    with pytest.raises(PellucidError):
        WAYS[way](model, x[:, :, :5])

    def broken(*_):
        assert not any(m.training for m in model.modules())
        raise KeyboardInterrupt

    # known to be torch's own, so that nothing is remembered of the network
    monkeypatch.setattr(nn.Linear, "forward", broken)
    monkeypatch.setitem(_still.FORWARDS, nn.Linear, broken)
    with pytest.raises(KeyboardInterrupt):
        WAYS[way](model, x)
    assert state(model) == before


def test_a_fingerprint_from_before_the_pass_sees_what_comes_after():
    model, x = net(), torch.rand(3, 2, 8, 8, dtype=torch.float64)
    assert a.saliency(model, x, 1).provenance.model == a.saliency(model, x, 2).provenance.model
    made = a.saliency(model, x, 1)
    with torch.no_grad():
        model[0].weight.add_(1)
    assert "changed" in str(made.provenance.model)


class Residual(nn.Module):
    """Calls its parts and adds up what they give; one of them may be missing."""

    def __init__(self, short, norm=None):
        super().__init__()
        self.one, self.two, self.short, self.norm = nn.Linear(4, 4), nn.ReLU(), short, norm

    def forward(self, x):
        out = self.one(self.two(self.one(x)))
        if self.norm is not None:
            out = self.norm(out)
        return self.two(out + self.short(x) * 2)


class Chain(nn.Sequential):
    pass


class Writing(Residual):
    def forward(self, x):
        x *= 2
        return self.one(x)


def block():
    torch.manual_seed(0)
    made = nn.Sequential(
        Residual(nn.Sequential()),
        Chain(Residual(nn.Linear(4, 4)), nn.Sequential(nn.Linear(4, 4), nn.ReLU())),
        Residual(nn.Identity(), nn.Softplus()),
        nn.Linear(4, 3),
    )
    return made.double()


def test_by_hand_a_network_gives_what_it_gives():
    model, x = block(), torch.randn(5, 4, dtype=torch.float64)
    assert known(model)
    assert torch.equal(by_hand(model, model.modules())(x), model(x))


@pytest.mark.parametrize("at", ["0", "1", "1.0", "1.0.short", "1.1", "1.1.0", "2.norm", "3"])
def test_by_hand_a_layer_is_cut(at):
    model, x = block(), torch.randn(5, 4, dtype=torch.float64)
    assert type(sloped(model, x, 1, at=at, spec=None, compute=None)) is Straight
    short, long = a.saliency(model, x, 1, at=at), a.saliency(model, x, 1, at=at, compute=Compute())
    for name in ("values", "scores", "inputs"):
        torch.testing.assert_close(getattr(short, name), getattr(long, name), rtol=1e-12, atol=1e-12)


WRITERS = {
    "a layer": lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4), nn.ReLU(inplace=True)),
    "a forward": lambda: nn.Sequential(Writing(nn.Identity()), Writing(nn.Identity())),
}


@pytest.mark.parametrize("at", [None, "1"])
@pytest.mark.parametrize("writer", WRITERS)
def test_what_may_be_written_into_is_a_copy(writer, at):
    torch.manual_seed(0)
    model = nn.Sequential(*WRITERS[writer](), nn.Linear(4, 3)).double()
    x = torch.randn(5, 4, dtype=torch.float64)
    before = x.clone()
    assert known(model)
    assert may_write(list(model.modules()))
    assert type(sloped(model, x, 1, at=at, spec=None, compute=None)) is Straight
    short, long = a.saliency(model, x, 1, at=at), a.saliency(model, x, 1, at=at, compute=Compute())
    for name in ("values", "scores", "inputs"):
        torch.testing.assert_close(getattr(short, name), getattr(long, name), rtol=1e-12, atol=1e-12)
    assert torch.equal(x, before)


def test_torch_s_own_layers_do_not_write():
    assert not may_write(list(block().modules()))
    assert not may_write(list(net().modules()))
