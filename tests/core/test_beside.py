"""Variants computed beside their row give what a plain pass gives, for any network."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from pellucid._core import Compute, _beside, _boxed, _layout, _nearby, _pass
from pellucid._core._chunk import chunks
from pellucid._core._mixed import Mixture
from pellucid.attribution import feature_ablation, occlusion
from pellucid.attribution._occlusion import Windows
from pellucid.errors import MethodError
from pellucid.networks import cnn


class Residual(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.norm, self.act = nn.BatchNorm2d(6), act
        self.a, self.b = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.short = nn.Conv2d(6, 6, 1, 2)
        self.down = nn.Conv2d(6, 6, 3, 2, 1)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.act(self.norm(self.stem(x)))
        out = self.b(self.act(self.a(x)))
        out += x
        x = self.act(out)
        x = self.down(x) + self.short(x)
        return self.head(x.mean((2, 3)))


class Functional(nn.Module):
    """``how`` is a function of activations ``[B, 6, H, W]``."""

    def __init__(self, how, **conv):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, **({"kernel_size": 3, "padding": 1} | conv))
        self.how, self.next, self.head = how, nn.LazyConv2d(4, 3), nn.LazyLinear(3)

    def forward(self, x):
        return self.head(torch.tanh(self.next(self.how(self.conv(x)))).flatten(1))


def dense(y):
    return torch.cat([y, F.relu(y), F.avg_pool2d(y, 3, 1, 1)], 1)[:, ::3]


def dense_whole(y):
    return torch.cat([y[:, :2], y.sigmoid()[:, 2:4], F.max_pool2d(y, 5, 1, 2)[:, 4:]], 1)


def in_place_view(y):
    flat = y.view(len(y), -1)
    flat.mul_(0.5)
    return F.relu_(y).add_(1).clamp_(max=2)


def kept_alias(y):
    z = y.relu()
    before = z
    z -= 0.3
    return before * y


def squeeze_excite(y):
    return y * y.mean((2, 3), keepdim=True).sigmoid()


def attention(y):
    t = y.flatten(2).transpose(1, 2)
    return F.scaled_dot_product_attention(t, t, t).transpose(1, 2).reshape(y.shape)


def branches(y):
    return y + 1 if y.mean() > 0 else F.relu(y) - y


def unpooled(y):
    small, where = F.max_pool2d(y, 2, return_indices=True)
    return F.max_unpool2d(small, where, 2, output_size=y.shape[2:])


def batch_made(y):
    # one number for each row of the batch
    return y * torch.linspace(1, 2, len(y), dtype=y.dtype).fill_(1.5).view(-1, 1, 1, 1)


def placed(y):
    return y + torch.linspace(0, 1, y.shape[-1], dtype=y.dtype)


def looped(y):
    for _ in range(3):
        y = F.hardswish(F.gelu(y) * 0.7 - y / 3)
    return torch.where(y > 0, y, 0.1 * y)


def swallowing(y):
    try:
        return torch.from_numpy(y.numpy() * 2)
    except RuntimeError:
        return y * 2


def caught(ask):
    """A network that asks for memory and goes on without an answer."""

    def how(y):
        y = y.detach() if y.requires_grad else y * 1
        try:
            ask(y)
        except Exception:
            return y * 0
        return y * 2

    return how


exported = caught(torch.utils.dlpack.to_dlpack)


def by_type(y):
    return y * 2 if type(y) is torch.Tensor else y * 3


def turned_in_place(y):
    z = y.relu()
    z.transpose_(2, 3)
    return z * 2 if z.shape[2] == y.shape[3] else z


def shape_in_place(y):
    z = y.relu()
    z.unsqueeze_(0)
    return z.squeeze(0)


def data_set(y):
    z = y.relu()
    z.data = z.data * 2
    return z


def data_asked(y):
    z = y.relu()
    z.data.mul_(2)
    return z + (y.round() - y).data


def in_memory(y):
    weight = torch.linspace(-1, 1, 36, dtype=y.dtype).view(6, 6, 1, 1).expand(6, 6, 3, 3)
    z = F.conv2d(y, weight.contiguous(memory_format=torch.channels_last), padding=1)
    return z.as_strided((len(z), 6, 9, 9), (z[0].numel(), 1, 57, 6))


def own_attributes(y):
    z = y.relu()
    z.mask = z.base = 3
    return z * z.mask


def inner_gradient(y):
    with torch.enable_grad():
        x = (y * 1).requires_grad_()
        energy = (F.max_pool2d(F.silu(x.tanh() * x.relu()), 2) ** 2).sum()
        return torch.autograd.grad(energy, x)[0] + y


def inferred(y):
    with torch.inference_mode():
        z = F.max_pool2d(F.relu(y) * 2, 3, 1, 1)
    return z + y


def complex_numbers(y):
    z = (y * 1j).exp()
    return (z * z.conj()).real + z.imag + z.abs()


def whole_numbers(y):
    mask = (y > 0) * 2 + (y > 1) * 1
    return y * mask + torch.where(mask == 2, 1.0, y)


def pooled_then_overwritten(y):
    z = F.relu(y)
    small, where = F.max_pool2d(z, 3, 2, 1, return_indices=True)
    z.add_(5).mul_(0)
    return small + where / 100


def checkpointed(y):
    return checkpoint(lambda t: F.relu(t) * 2, y, use_reentrant=False)


def half_inside(y):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z = F.conv2d(y, torch.ones(6, 6, 1, 1, dtype=y.dtype))
    return z.double() * 0 + y


def compiled(y):
    return torch.compile(lambda t: F.relu(t) * 2 + t, backend="eager")(y)


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp(min=0) * 2

    @staticmethod
    def backward(ctx, slope):
        return slope


HOW = [
    dense, dense_whole, in_place_view, kept_alias, squeeze_excite, attention, branches, unpooled, batch_made,
    placed, looped, swallowing, by_type, turned_in_place, shape_in_place, data_set, data_asked, in_memory,
    own_attributes, inner_gradient, inferred, complex_numbers, whole_numbers, pooled_then_overwritten,
    checkpointed, half_inside, compiled, Own.apply,
    caught(lambda y: y.numpy(force=True)), caught(np.asarray), caught(copy.deepcopy), caught(pickle.dumps),
    caught(lambda y: y.tolist()), caught(lambda y: y.apply_(abs)), caught(lambda y: y.share_memory_()),
    caught(lambda y: 1 / y.data_ptr()), exported,
    lambda y: pickle.loads(pickle.dumps(y)) * 2,
    lambda y: torch.func.vmap(lambda r: F.relu(r) * 2 + r.mean() * torch.ones_like(r[0]))(y),
    lambda y: torch.func.jvp(lambda t: F.relu(t) * t, (y,), (y * 2,))[1],
    lambda y: torch.func.grad(lambda t: (t.tanh() ** 2).sum())(y),
    lambda y: F.max_pool2d(y - 100, 3, 1, 1) + 100,
    lambda y: F.avg_pool2d(y, 3, 2, 1, divisor_override=5),
    lambda y: F.max_pool2d(y.flatten(2), (1, 3)).unflatten(2, (1, -1)).expand(-1, -1, 9, -1),
    lambda y: F.conv_transpose2d(y, torch.ones(6, 6, 3, 3, dtype=y.dtype) / 9, stride=2),
    lambda y: F.pixel_unshuffle(F.pixel_shuffle(y.repeat(1, 2, 1, 1)[:, :8], 2), 2)[:, :6],
    lambda y: F.instance_norm(y).flatten(2).softmax(2).view_as(y),
    lambda y: F.batch_norm(y * 0, None, None, training=True) + y,
    lambda y: sum(torch.frexp(y)),
    lambda y: torch.func.functional_call(nn.Softplus(), {}, (y.log().nan_to_num(-1, 2, -3) / y.sign(),)),
    lambda y: F.interpolate(y, scale_factor=1.5, mode="bilinear"),
    lambda y: F.pad(y, (1, 0, 2, 1)),
    lambda y: y.permute(0, 1, 3, 2),
    lambda y: torch.roll(y, 3, -1),
    lambda y: F.group_norm(y, 2),
    lambda y: F.layer_norm(y, y.shape[1:]),
    lambda y: F.prelu(y, torch.full((6,), 0.2, dtype=y.dtype)),
    lambda y: F.max_pool2d(y, 3, 2, 1, ceil_mode=True),
    lambda y: F.max_pool2d(y, 3, 1, 0, dilation=2),
    lambda y: F.avg_pool2d(y, 3, 2, 1, ceil_mode=True),
    lambda y: F.avg_pool2d(y, (2, 3), (2, 1), (1, 0), count_include_pad=False),
    lambda y: F.avg_pool2d(y, 4, 3, 2),
    lambda y: torch.fft.rfft2(y).abs(),
    lambda y: F.dropout(y, 0.5, training=False).softmax(1),
    lambda y: y.float().double() + y.detach().to(torch.float64),
    lambda y: torch.tensor(y.tolist(), dtype=y.dtype),
    lambda y: y - torch.tensor([0.1] * 6, dtype=y.dtype).view(6, 1, 1),
]  # fmt: skip
CONVS = [
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 5, "stride": (3, 2), "padding": (4, 0)},
    {"kernel_size": 3, "dilation": (2, 3), "padding": 2},
    {"kernel_size": (1, 5), "padding": "same"},
    {"kernel_size": 2, "stride": 3},
    {"kernel_size": 1, "stride": 4},
    {"kernel_size": 3, "groups": 2, "padding": 2},
    {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
    {"kernel_size": 7, "padding": 9},
]


@pytest.fixture(autouse=True)
def checks(monkeypatch):
    """However little there is to save; and whether rows by boxes were those of a plain pass."""
    found = []
    monkeypatch.setattr(_layout, "FEW", 10**9)  # boxes alone
    monkeypatch.setattr(_boxed, "LEAST", 0.0)
    monkeypatch.setattr(_boxed, "PATCHED", 0.0)
    monkeypatch.setattr(_beside, "SMALL", 1)
    monkeypatch.setattr(_beside, "LEAST", 0)
    monkeypatch.setattr(_beside, "FEW", 2)
    monkeypatch.setattr(_pass, "agree", lambda *given: found.append(_beside.agree(*given)) or found[-1])
    return found


def made(net, seed=0):
    torch.manual_seed(seed)
    net = net().double()
    x = torch.rand(3, 2, 17, 19, dtype=torch.float64)
    net.train()(x)  # norms of their own, and lazy layers
    return net.eval(), x


def by_hand(net, x, window, stride):
    """Fall of class 1 for each box in turn, each in a pass of its own, averaged over boxes that cover."""
    total, count = torch.zeros_like(x), torch.zeros_like(x)
    with torch.no_grad():
        for r in range(len(x)):
            whole = net(x[r : r + 1].clone())[0, 1]
            for i in range(0, x.shape[2] - window + stride, stride):
                for j in range(0, x.shape[3] - window + stride, stride):
                    without = x[r : r + 1].clone()
                    without[:, :, i : i + window, j : j + window] = 0
                    total[r, :, i : i + window, j : j + window] += whole - net(without)[0, 1]
                    count[r, :, i : i + window, j : j + window] += 1
    return total / count


def boxes(monkeypatch):
    """How many operations went by boxes, counted while a test runs."""
    seen = []
    begin = _boxed.Boxed.__torch_dispatch__.__func__

    def dispatch(cls, func, types, args=(), kwargs=None):
        found = begin(cls, func, types, args, kwargs)
        first = found[0] if isinstance(found, tuple) else found
        if isinstance(first, _boxed.Boxed):
            seen.append(func.__name__)
        return found

    monkeypatch.setattr(_boxed.Boxed, "__torch_dispatch__", classmethod(dispatch))
    return seen


def agrees(net, x, window=4, stride=3):
    found = occlusion(net, x, 1, window=window, stride=(x.shape[1], stride, stride))
    torch.testing.assert_close(found.values, by_hand(net, x, window, stride), rtol=1e-10, atol=1e-10)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", HOW)
def test_what_follows_a_convolution(how, monkeypatch, checks):
    net, x = made(lambda: Functional(how))
    seen = boxes(monkeypatch)
    agrees(net, x)
    assert "convolution.default" in seen
    # what nothing else tells is seen in the row that is passed plainly too
    assert all(checks) != (how in (by_type, exported))


@pytest.mark.parametrize("conv", CONVS)
def test_borders_strides_dilation_groups_padding(conv, monkeypatch, checks):
    net, x = made(lambda: Functional(F.relu, **conv))
    seen = boxes(monkeypatch)
    agrees(net, x, 3, 2)
    assert checks == [True]
    assert seen or conv.get("padding_mode")


@pytest.mark.parametrize("act", [F.relu, nn.ReLU(inplace=True), torch.Tensor.relu_, F.silu, nn.ReLU6(True)])
def test_residual_with_norm(act, monkeypatch, checks):
    net, x = made(lambda: Residual(act))
    seen = boxes(monkeypatch)
    agrees(net, x)
    assert checks == [True]
    assert {"convolution.default", "native_batch_norm.default", "add_.Tensor", "add.Tensor"} <= set(seen)
    assert seen.count("convolution.default") >= 3


def test_pools_are_computed_by_boxes(monkeypatch):
    net, x = made(lambda: Functional(lambda y: F.avg_pool2d(F.max_pool2d(y, 2, 2, 1), 2, 1)))
    seen = boxes(monkeypatch)
    agrees(net, x, 2, 1)
    assert {"max_pool2d_with_indices.default", "avg_pool2d.default"} <= set(seen)


def test_one_axis_and_three(monkeypatch):
    seen = boxes(monkeypatch)
    for axes, shape in ((1, (60,)), (3, (9, 8, 7))):
        torch.manual_seed(0)
        conv, norm = (nn.Conv1d, nn.BatchNorm1d) if axes == 1 else (nn.Conv3d, nn.BatchNorm3d)
        net = nn.Sequential(
            conv(2, 5, 3, 2, 1), norm(5), nn.ELU(), conv(5, 4, 3), nn.Flatten(), nn.LazyLinear(3)
        )
        x = torch.rand(2, 2, *shape, dtype=torch.float64)
        net.double()(x)
        net.eval()
        groups = torch.arange(2 * x[0, 0].numel()).view(2, *shape) % x[0, 0].numel() // 9
        found = feature_ablation(net, x, 1, groups=groups).values
        with torch.no_grad():
            for part in range(int(groups.max()) + 1):
                fall = net(x)[:, 1] - net(torch.where(groups == part, 0.0, x))[:, 1]
                size = int((groups == part).sum())
                each = found[:, groups == part]
                torch.testing.assert_close(
                    each, (fall / size)[:, None].expand_as(each), rtol=1e-9, atol=1e-10
                )
    assert seen.count("convolution.default") >= 3


def test_single_precision_and_channels_last():
    net, x = made(lambda: Residual(F.relu))
    exact = occlusion(net, x, 1, window=3).values
    for form in (torch.contiguous_format, torch.channels_last):
        found = occlusion(net.float().to(memory_format=form), x.float().to(memory_format=form), 1, window=3)
        torch.testing.assert_close(found.values.double(), exact, rtol=1e-4, atol=2e-6)


def test_any_batch_size_any_order_and_the_network_as_it_came():
    net, x = made(lambda: Residual(nn.ReLU(inplace=True)))
    kept, before = x.clone(), {name: part.clone() for name, part in net.state_dict().items()}
    alone = occlusion(net, x, 1, window=4).values
    for size in (1, 7, 50, 1000):
        found = occlusion(net, x, 1, window=4, compute=Compute(batch_size=size))
        torch.testing.assert_close(found.values, alone, rtol=1e-10, atol=1e-10)
    turned = occlusion(net, x.flip(0), 1, window=4).values.flip(0)
    torch.testing.assert_close(turned, alone, rtol=1e-10, atol=1e-10)
    assert torch.equal(x, kept)
    assert all(torch.equal(part, before[name]) for name, part in net.state_dict().items())


def test_hidden_layers_units_and_groups_of_each_row(monkeypatch):
    net, x = made(lambda: Residual(F.relu))
    part = torch.randint(0, 5, (3, 1, 17, 19), generator=torch.Generator().manual_seed(1)).sort(2).values

    def asked():
        yield occlusion(net, x, 1, at="stem", window=4).values
        yield feature_ablation(net, x, 1, groups=part).values
        yield feature_ablation(net, x, torch.tensor([0, 2, 1]), background=x.flip(0)).values

    found = list(asked())
    monkeypatch.setattr(_beside, "FEW", 10**9)
    for one, other in zip(found, asked(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_networks_that_are_listened_to_are_left_alone(monkeypatch):
    net, x = made(lambda: Residual(F.relu))
    heard = []
    net.a.register_forward_hook(lambda _, given, out: heard.append((type(given[0]), type(out))))
    seen = boxes(monkeypatch)
    agrees(net, x[:1])
    assert not seen
    assert set(heard) == {(torch.Tensor, torch.Tensor)}


def test_scripted_parts_are_left_alone(monkeypatch):
    net, x = made(lambda: Residual(nn.ReLU()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        net.a = torch.jit.trace(net.a, torch.rand(1, 6, 5, 5, dtype=torch.float64))
    seen = boxes(monkeypatch)
    agrees(net, x[:1])
    assert not seen


def test_a_network_that_keeps_activations_keeps_plain_ones(monkeypatch):
    class Keeping(Functional):
        def forward(self, x):
            self.last = self.conv(x)
            return self.head(self.next(self.last).flatten(1))

    net, x = made(lambda: Keeping(None))
    agrees(net, x)
    occlusion(net, x, 1, window=4)
    assert type(net.last) is torch.Tensor
    seen = boxes(monkeypatch)
    net, x = made(lambda: Functional(F.relu))
    occlusion(net, x, 1, window=4, compute=Compute(batch_size=40))
    # nothing is left over of one pass that would stop the next
    assert seen.count("convolution.default") > 6


def test_what_boxes_cannot_do_is_done_plainly():
    class Picky(Functional):
        def forward(self, x):
            y = self.conv(x)
            if not torch.is_grad_enabled():
                y.numpy()  # no box has this
            return self.head(self.next(y).flatten(1))

    net, x = made(lambda: Picky(None))
    agrees(net, x)


def test_a_network_that_fails_says_what_it_always_said():
    class Failing(Functional):
        def forward(self, x):
            raise ValueError("always")

    with pytest.raises(MethodError, match=r"Failing raised ValueError.*always"):
        occlusion(Failing(None).eval(), torch.rand(1, 2, 20, 20), 1, window=4)


def test_nothing_is_tried_where_nothing_was_saved(monkeypatch):
    monkeypatch.undo()
    tried = []
    known = _beside.Beside.known
    monkeypatch.setattr(
        _beside.Beside, "known", lambda self, *given: tried.append(self.open) or known(self, *given)
    )
    net = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 3)).eval()
    occlusion(net, torch.rand(4, 1, 32, 32), 1, window=4, compute=Compute(batch_size=128))
    assert tried[0]
    assert not any(tried[1:])


class Heard(TorchFunctionMode):
    def __init__(self, types):
        super().__init__()
        self.types = types

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.types.update(type(value) for value in args)
        return func(*args, **(kwargs or {}))


class Counted(TorchDispatchMode):
    def __init__(self, types):
        super().__init__()
        self.types = types

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.types.update(type(value) for value in args)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("mode", [Heard, Counted])
def test_who_listens_to_operations_hears_plain_ones(mode):
    net, x = made(lambda: Residual(F.relu))
    types = set()
    with mode(types):
        found = occlusion(net, x[:1], 1, window=4).values
    assert torch.Tensor in types
    assert _boxed.Boxed not in types
    torch.testing.assert_close(found, occlusion(net, x[:1], 1, window=4).values, rtol=1e-10, atol=1e-10)


def test_who_listens_to_every_module_hears_plain_ones():
    net, x = made(lambda: Residual(F.relu))
    types = set()
    handle = nn.modules.module.register_module_forward_hook(lambda _, given, out: types.add(type(out)))
    try:
        agrees(net, x[:1])
    finally:
        handle.remove()
    assert types == {torch.Tensor}


class Cache(Functional):
    """Keeps what it has computed once, in a place that is never written again."""

    first = None

    def forward(self, x):
        y = self.conv(x)
        if self.first is None and not torch.is_grad_enabled():
            self.first = y, F.relu(y)
        if self.how == "fails" and type(y) is not torch.Tensor:
            raise ValueError
        return self.head(self.next(y).flatten(1))


@pytest.mark.parametrize("how", ["goes on", "fails"])
def test_what_a_network_keeps_for_good_is_plain(how):
    net, x = made(lambda: Cache(how))
    agrees(net, x)
    assert [type(kept) for kept in net.first] == [torch.Tensor] * 2
    assert torch.equal(F.relu(net.first[0]), net.first[1])
    assert torch.equal(copy.deepcopy(net.first[0]), pickle.loads(pickle.dumps(net.first[0])))


def test_a_score_that_sees_maps():
    class Maps(Functional):
        def forward(self, x):
            return {"logits": F.relu(self.conv(x)), "other": x}

    seen = []

    def score(maps, rows):
        seen.append(maps)
        return maps[:, 1].amax((1, 2)) + maps[:, 2, 3, 3]

    net, x = made(lambda: Maps(None))
    found = occlusion(net, x, score, window=4, stride=(2, 3, 3)).values

    class Whole(nn.Module):
        def forward(self, x):
            out = net(x)["logits"]
            return (out[:, 1].amax((1, 2)) + out[:, 2, 3, 3])[:, None].expand(-1, 2)

    torch.testing.assert_close(found, by_hand(Whole(), x, 4, 3), rtol=1e-10, atol=1e-10)
    assert {type(maps) for maps in seen} == {torch.Tensor}


def test_random_numbers_are_those_of_a_plain_pass(monkeypatch):
    class Noisy(Functional):
        def forward(self, x):
            y = F.relu(self.conv(x))
            return self.head((F.dropout(y, 0.3) + F.rrelu(y, training=True)).flatten(1))

    net, x = made(lambda: Noisy(None))
    before = torch.get_rng_state()
    for size in (40, 200):
        found = occlusion(net, x, 1, window=4, compute=Compute(batch_size=size)).values
        with monkeypatch.context() as plain:
            plain.setattr(_beside.Beside, "known", lambda *_: None)
            plainly = occlusion(net, x, 1, window=4, compute=Compute(batch_size=size)).values
        torch.testing.assert_close(found, plainly, rtol=1e-10, atol=1e-10)
    assert torch.equal(torch.get_rng_state(), before)


def test_zero_below_zero_is_another_number(monkeypatch):
    net, x = made(lambda: Functional(F.relu))
    signed = nn.Sequential(Sign(), net).eval()
    x[:, :, 3:12] = -0.0
    seen = boxes(monkeypatch)
    agrees(signed, x)
    assert seen


class Sign(nn.Module):
    def forward(self, x):
        return x + torch.copysign(torch.full((2, 1, 1), 0.5, dtype=x.dtype), x)


def test_not_finite_on_the_way(monkeypatch):
    net, x = made(
        lambda: Functional(lambda y: torch.where(y > 0.3, torch.inf, y.log()).nan_to_num(-1, 3, -3))
    )
    seen = boxes(monkeypatch)
    agrees(net, x)
    assert "log.default" in seen
    # and where numbers that are not finite spread through windows
    net, x = made(lambda: Functional(lambda y: F.max_pool2d(y.log(), 3, 2, 1).nan_to_num(-1, 3, -3)))
    agrees(net, x)


def test_companions_weights_and_layers_of_other_kinds():
    two = Residual(F.relu).double()
    two.a = nn.utils.parametrizations.weight_norm(two.a)
    two.down = nn.Sequential(two.down, nn.utils.parametrizations.spectral_norm(nn.Conv2d(6, 6, 3, padding=1)))
    net, x = made(lambda: two)
    agrees(net, x)
    net, x = made(
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.LazyLinear(3))
    )
    agrees(net, x.requires_grad_().detach().to(memory_format=torch.channels_last))


def test_nobody_sees_the_class():
    import pellucid
    from pellucid import _core

    assert not any("Boxed" in dir(place) for place in (pellucid, _core))


def test_boxes_that_differ_from_row_to_row(monkeypatch):
    net, x = made(lambda: Residual(F.relu))
    seen, cuts = boxes(monkeypatch), []
    cut = _beside.cut
    monkeypatch.setattr(
        _beside, "cut", lambda points, corner, *a: cuts.append(len(corner)) or cut(points, corner, *a)
    )
    # the same corner of each row, turned: far apart within a variant
    cells = (torch.arange(17)[:, None] // 5 * 4 + torch.arange(19) // 5)[None, None]
    groups = torch.cat([cells, cells.flip(3), cells.flip(2)])
    found = feature_ablation(net, x, 1, groups=groups).values
    with torch.no_grad():
        for row in range(3):
            for part in range(16):
                here = (groups[row] == part).expand(2, -1, -1)
                fall = net(x[row : row + 1]) - net(torch.where(here, 0.0, x[row])[None])
                torch.testing.assert_close(found[row][here].sum(), fall[0, 1], rtol=1e-9, atol=1e-10)
    assert seen.count("convolution.default") >= 3
    assert max(cuts) >= 3 * 16


def test_more_rows_go_together_once_it_is_known_what_they_hold(monkeypatch):
    net, x = made(lambda: Functional(lambda y: F.max_pool2d(F.relu(y), 3, 2)))
    together = []
    known = _beside.Beside.known

    def counted(self, ks, rows, last):
        together.append(len(ks) * (rows.stop - rows.start))
        return known(self, ks, rows, last)

    monkeypatch.setattr(_beside.Beside, "known", counted)
    agrees_with = occlusion(net, x, 1, window=3, stride=(2, 2, 2), compute=Compute(batch_size=20)).values
    torch.testing.assert_close(agrees_with, by_hand(net, x, 3, 2), rtol=1e-10, atol=1e-10)
    first, *rest = together
    assert first <= 20 < max(rest)


def test_a_network_that_grows_behind_its_boxes_gets_no_more_rows(monkeypatch):
    """What lies behind the last box is counted as it is."""
    net, x = made(lambda: Functional(lambda y: F.interpolate(y, scale_factor=4)))
    together = []
    known = _beside.Beside.known

    def counted(self, ks, rows, last):
        together.append(len(ks) * (rows.stop - rows.start))
        return known(self, ks, rows, last)

    monkeypatch.setattr(_beside.Beside, "known", counted)
    occlusion(net, x, 1, window=3, stride=(2, 2, 2), compute=Compute(batch_size=20))
    assert max(together) <= 20


def test_pools_of_our_own_networks_go_by_boxes(monkeypatch):
    seen = boxes(monkeypatch)
    net = cnn(2, (24, 20), 3).double().eval()
    x = torch.rand(2, 2, 24, 20, dtype=torch.float64)
    agrees(net, x)
    assert seen.count("max_pool2d_with_indices.default") >= 2


def test_where_memory_ran_out_once_no_more_rows_go_together_again(monkeypatch):
    class Short(Functional):
        refused = 0

        def forward(self, x):
            if len(x) > 24:
                Short.refused += 1
                raise torch.OutOfMemoryError("no room")
            return super().forward(x)

    torch.manual_seed(0)
    net = Short(lambda y: F.max_pool2d(F.relu(y), 3, 2)).double()
    x = torch.rand(3, 2, 17, 19, dtype=torch.float64)
    net(x)
    net.eval()
    found = occlusion(net, x, 1, window=3, stride=(2, 2, 2), compute=Compute(batch_size=20)).values
    torch.testing.assert_close(found, by_hand(net, x, 3, 2), rtol=1e-10, atol=1e-10)
    assert 1 <= Short.refused <= 3  # halved until it fits, and never tried again


def part(*shape, parts=9, held=True):
    found = torch.randint(0, parts, (1, *shape), generator=torch.Generator().manual_seed(3))
    return found.sort(2).values - int(held)


def nearby():
    """Variants of every kind: parts of places, of channels, of both, of one axis and of three; windows."""
    for shape, parts in (
        ((2, 9, 11), part(1, 9, 11)),
        ((2, 9, 11), part(2, 9, 11)),
        ((4, 9, 11), part(4, 1, 1, held=False)),
        ((2, 9, 11), part(1, 9, 1)),
        ((3, 12), part(3, 12)),
        ((2, 5, 4, 6), part(2, 5, 4, 6, parts=60)),
    ):
        kept = torch.rand(20, 61, generator=torch.Generator().manual_seed(1)) < 0.8
        kept[0], kept[:, -1] = True, True
        yield Mixture(torch.rand(3, *shape), torch.rand(3, *shape), kept, parts.remainder(61))
    first = torch.tensor([[0, 2, 3], [1, 0, 7], [0, 0, 0], [0, 8, 10]])
    last = torch.tensor([[2, 5, 6], [2, 9, 11], [0, 0, 0], [1, 9, 11]])
    yield Windows(torch.rand(3, 2, 9, 11), torch.rand(3, 2, 9, 11), first, last)


@pytest.mark.parametrize("variants", list(nearby()))
def test_boxes_that_are_known_hold_all_that_differs(variants):
    ks, rows = torch.tensor([0, 3, 2, 1, 3]), slice(1, 3)
    points, base = variants(ks, rows).expand(5, 2, *variants.point.shape[1:]), variants.point[rows]
    torch.testing.assert_close(points, _nearby.Nearby.__call__(variants, ks, rows), rtol=0, atol=0)
    corner, size = variants.boxes(ks)
    assert all(
        0 <= at <= end - side
        for axis in corner
        for at, side, end in zip(axis, size, points.shape[3:], strict=True)
    )
    crops = variants.crops(ks, rows, corner, size).view(5, 2, -1, *size)
    outside = points.clone()
    for at, point, laid, crop in zip(corner, points, outside, crops, strict=True):
        inside = (..., *(slice(a, a + side) for a, side in zip(at, size, strict=True)))
        assert torch.equal(point[inside], crop)
        laid[inside] = base[inside]
    assert torch.equal(outside, base.expand_as(points))
    # and no larger than the largest of them must be
    differs = (points != base).any(1).any(1)
    for axis, side in enumerate(size, start=1):
        line = differs.movedim(axis, 1).reshape(5, differs.shape[axis], -1).any(2)
        spans = [int(one.nonzero().max() - one.nonzero().min()) + 1 for one in line if one.any()]
        assert side == max(spans, default=1)


@pytest.mark.parametrize("shape", [(3, 12), (2, 7, 9), (2, 4, 5, 6)])
def test_patches_hold_crops_the_base_and_what_lies_off_the_map(shape):
    torch.manual_seed(0)
    axes = len(shape) - 1
    base, draw = torch.rand(2, *shape), np.random.default_rng(0)
    for blocks in (4, 8):  # boxes of a variant, of each row
        crops = torch.rand(8, shape[0], *[3] * axes)
        corner = draw.integers(0, np.asarray(shape[1:]) - 2, (blocks, axes))
        start = draw.integers(-2, 4, (blocks, axes))
        found = _boxed.Boxed.of(base, crops, corner, _boxed.Run(), last=False).patch(start, [5] * axes, 7.0)
        for row in range(8):
            whole = F.pad(base[row % 2], [9, 9] * axes, value=7.0)
            block = row * blocks // 8
            put = (slice(None), *(slice(at + 9, at + 12) for at in corner[block]))
            whole[put] = crops[row]
            assert torch.equal(
                found[row], whole[(slice(None), *(slice(at + 9, at + 14) for at in start[block]))]
            )


@pytest.mark.parametrize("side", [24, 27])
def test_boxes_fit_the_squares_that_are_pooled_next(side, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(_boxed, "LEAST", 1e5)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 6, 3), nn.AvgPool2d(2),
        nn.Flatten(), nn.LazyLinear(3),
    ).double()  # fmt: skip
    x = torch.rand(8, 2, side, side, dtype=torch.float64)
    net(x[:1])
    asked, patch = [], _boxed.Boxed.patch

    def patched(self, start, size, outside=0.0):
        found = patch(self, start, size, outside)
        asked.append(outside == -torch.inf and found is self.crops)
        return found

    monkeypatch.setattr(_boxed.Boxed, "patch", patched)
    agrees(net.eval(), x, 5, 5)
    assert any(asked) == (side == 24)  # else boxes at the end of the map do not


def test_squares_are_found_behind_their_convolution():
    class Odd(nn.MaxPool2d):
        def __init__(self):
            nn.Module.__init__(self)

    conv, other = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)
    computed = nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 1, 3))
    net = nn.Sequential(
        other, conv, nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(4),
        computed, nn.MaxPool2d(2), nn.Conv2d(1, 1, 3), Odd(), other, nn.MaxPool2d(3, 2),
    )  # fmt: skip
    assert _beside.squares(net.modules()) == {id(conv.weight): 2}


@pytest.mark.parametrize("last", [False, True])
def test_what_becomes_plain_is_nobody_elses(last):
    base, crops = torch.rand(1, 2, 3, 3), torch.rand(4, 2, 3, 3)
    x = _boxed.Boxed.of(base, crops, np.zeros((4, 2), np.int64), _boxed.Run(), last=last)
    whole = x.whole()
    assert torch.equal(whole, crops)
    assert whole.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    assert whole.stride() == x.stride()
    whole.zero_()
    assert crops.any()


def test_no_few_rows_are_left_over():
    assert [c.r1 - c.r0 for c in chunks(17, 8, 70, each=3)] == [3, 3, 2]
    assert [c.r1 - c.r0 for c in chunks(17, 9, 70, each=4)] == [3, 3, 3]
