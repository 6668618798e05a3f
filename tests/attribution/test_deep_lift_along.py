"""One pass of the rows and the reference gives what two passes give, and leaves all else to them."""

import pytest
import torch
from torch import nn

from pellucid._core import Compute, Question, Straight, _still, sloped
from pellucid.attribution import deep_lift
from pellucid.attribution._multipliers import Along
from pellucid.errors import PellucidError


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()

    def forward(self, x):
        out = self.act(self.norm(self.conv(x)))
        return self.act(2 - out * 0.5 + x / 2 - x)


def pictures():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.MaxPool2d(2), nn.Sigmoid(), Block(), nn.AvgPool2d(2, 1), nn.ELU(),
        nn.AdaptiveMaxPool2d(2), nn.Dropout(), nn.GELU(), nn.Flatten(), nn.Linear(12, 6), nn.Tanh(),
        nn.Softplus(), nn.Linear(6, 4), nn.LogSoftmax(-1),
    )  # fmt: skip


def vectors():
    return nn.Sequential(
        nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.ReLU6(), nn.Linear(8, 4), nn.Softmax(1)
    )


def made(make, rows):
    torch.manual_seed(4)
    net = make().double()
    x = torch.randn(rows, 5) if isinstance(net[0], nn.Linear) else torch.randn(rows, 2, 8, 8)
    return net, x.double(), torch.arange(rows) % 4


def road(net, x, y, baseline=0.0):
    by = Along("deep_lift", baseline)
    return type(sloped(net, x, y, at=None, spec=None, compute=None, by=by))


@pytest.mark.parametrize("make", [pictures, vectors])
@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("baseline", [None, -0.7, 1])
def test_the_same_answer(make, rows, baseline):
    net, x, y = made(make, rows)
    for target in (y, 2):
        assert road(net, x, target) is Straight
        one, two = (deep_lift(net, x, target, baseline=baseline, compute=c) for c in (None, Compute()))
        for name in ("values", "scores", "reference", "inputs"):
            torch.testing.assert_close(getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-12)
        assert one.gap.abs().max() < 1e-12
        assert torch.equal(one.classes, two.classes)
        for name in ("method", "params", "target", "at", "model", "inputs", "seed", "forward", "backward"):
            assert getattr(one.provenance, name) == getattr(two.provenance, name), name
        assert one.note == two.note == ""
    assert net.training
    assert all(p.requires_grad for p in net.parameters())


class Called(nn.Module):
    def forward(self, x):
        return torch.relu(x)


class Product(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 5), nn.Linear(5, 5)

    def forward(self, x):
        return self.a(x) * self.b(x)


class Inverse(Product):
    def forward(self, x):
        return 2 / (self.a(x) + 9)


class Written(Product):
    def forward(self, x):
        out = self.a(x)
        out += x
        return out


class Crosses(nn.Module):
    """Rows of one tensor meet columns of the other."""

    def __init__(self):
        super().__init__()
        self.flat, self.pool = nn.Flatten(), nn.AdaptiveAvgPool2d((None, 1))

    def forward(self, x):
        return self.flat(x + self.flat(self.pool(x)))


def crossing():
    return nn.Sequential(nn.Unflatten(1, (1, 5, 1)), Crosses(), nn.Linear(25, 4))


LEFT = {
    "a function": lambda: nn.Sequential(nn.Linear(5, 5), Called(), nn.Linear(5, 4)),
    "in place": lambda: nn.Sequential(nn.Linear(5, 5), nn.ReLU(inplace=True), nn.Linear(5, 4)),
    "a product": lambda: nn.Sequential(Product(), nn.Linear(5, 4)),
    "a quotient": lambda: nn.Sequential(Inverse(), nn.Linear(5, 4)),
    "written": lambda: nn.Sequential(Written(), nn.Linear(5, 4)),
    "a norm over groups": lambda: nn.Sequential(nn.Linear(5, 4), nn.GroupNorm(2, 4), nn.Linear(4, 4)),
    "other layers": lambda: nn.Sequential(nn.Linear(5, 5), nn.LayerNorm(5), nn.Linear(5, 4)),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_left_to_two_passes(what):
    net, x, y = made(lambda: nn.Sequential(nn.Linear(5, 5), LEFT[what]()), 5)
    assert road(net, x, y) is Question
    one, two = deep_lift(net, x, y), deep_lift(net, x, y, compute=Compute())
    assert torch.equal(one.values, two.values)


@pytest.mark.parametrize(
    "mixing", [nn.Softmax(0), nn.Flatten(0, 1), nn.BatchNorm2d(3, track_running_stats=False)]
)
def test_rows_that_are_mixed(mixing):
    torch.manual_seed(4)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), mixing, nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)).double()
    x, y = torch.randn(3, 2, 4, 4, dtype=torch.float64), torch.arange(3)
    with torch.no_grad():
        net.eval()(x)
    assert road(net, x, y) is Question


class Added(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool, self.flat, self.head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(9, 4)

    def forward(self, x):
        return self.head(self.flat(x + self.flat(self.pool(x))))


def test_a_sum_of_other_axes_is_none_of_rows():
    """Three rows of three channels are added to three by three places, each row to all of them."""
    torch.manual_seed(4)
    net = nn.Sequential(nn.Conv2d(2, 3, 1), Added()).double().eval()
    net[1].head = nn.Linear(27, 4).double()
    x = torch.randn(3, 2, 3, 3, dtype=torch.float64)
    assert road(net, x, 1) is Question


def test_a_baseline_that_is_no_number():
    net, x, y = made(vectors, 3)
    for baseline in (float("nan"), float("inf"), True):
        one, two = (outcome(net, x, y, baseline, compute) for compute in (None, Compute()))
        assert one == two


def outcome(net, x, y, baseline, compute):
    try:
        return deep_lift(net, x, y, baseline=baseline, compute=compute).values.tolist()
    except PellucidError as error:
        return type(error), str(error)


def test_what_does_not_add_up_is_asked_again(monkeypatch):
    net, x, y = made(vectors, 3)
    right = deep_lift(net, x, y)
    monkeypatch.setattr(
        "pellucid.attribution._multipliers._along.share_of_relu", lambda x, _: (x > 0).double()
    )
    assert road(net, x, y) is Straight
    torch.testing.assert_close(deep_lift(net, x, y).values, right.values, rtol=1e-9, atol=1e-12)


def test_nobody_listens():
    net, x, y = made(vectors, 3)
    seen = []
    for hook in (net[1].register_full_backward_hook, net[1].register_forward_hook):
        handle = hook(lambda *_: seen.append(1) and None)
        assert road(net, x, y) is Question
        handle.remove()
    assert road(net, x, y) is Straight


def test_channels_are_not_put_last(monkeypatch):
    """Equal maxima of a constant reference would come out in another order, and one row unlike eight."""
    net, x, y = made(pictures, 8)
    plain, seen = nn.Conv2d.forward, []

    def forward(self, given):
        with torch._C.DisableTorchFunction():
            seen.append(given.is_contiguous())
        return plain(self, given)

    monkeypatch.setattr(nn.Conv2d, "forward", forward)
    monkeypatch.setitem(_still.FORWARDS, nn.Conv2d, forward)
    assert road(net, x, y) is Straight
    assert seen == [True] * 2
