"""Forwards that only call their parts and add up are known as such, and no other is."""

import pytest
import torch
from torch import nn

from pellucid._core import _layout
from pellucid._core._composed import composed
from pellucid._core._layout import KNOWN
from pellucid._core._straight import Straight, sloped
from pellucid.attribution import saliency
from pellucid.networks import cnn

LAST = torch.channels_last


class Block(nn.Module):
    def __init__(self, *, inplace=False):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(inplace)
        self.down = None

    def forward(self, x):
        out = self.act(self.norm(self.conv(x)))
        return self.act(out * 2 + x)


class Shortened(Block):
    def forward(self, x):
        rest = x
        if self.down is not None:
            rest = self.down(x)
        out = self.conv(x)
        out += rest
        return self.act(out)


def wrapped(block, *rest):
    return nn.Sequential(block, *rest)


@pytest.mark.parametrize("block", [Block(), Block(inplace=True), Shortened()])
def test_parts_and_sums(block):
    assert composed(wrapped(block, nn.ReLU()).modules(), KNOWN)


def test_a_part_that_came_later():
    block = Shortened()
    block.down = nn.Conv2d(3, 3, 1)
    assert "down" in block._modules
    assert composed(wrapped(block).modules(), KNOWN)


class Asks(Block):
    def forward(self, x):
        return self.conv(x) * x.stride(0)


class AsksByPart(Block):
    """A part that is called as a method of tensors is."""

    def __init__(self):
        super().__init__()
        self.is_contiguous = nn.Identity()

    def forward(self, x):
        return self.conv(x) + x.is_contiguous()


class AsksEither(AsksByPart):
    def forward(self, x):
        return (x if self.down is None else self).is_contiguous()


class Views(Block):
    def forward(self, x):
        return self.conv(x).view(len(x), -1)


class Calls(Block):
    def forward(self, x):
        return torch.relu(self.conv(x))


class Renamed(Block):
    def forward(self, x):
        self = x
        return self.conv(x)


class Given(Block):
    def forward(self, x, how=torch.flatten):
        return how(self.conv(x))


class Shadowed(Block):
    """The class has a function of a part's name."""

    def conv(self, x):
        return x.contiguous()


class Held(Block):
    def __init__(self):
        super().__init__()
        self.call = torch.flatten

    def forward(self, x):
        return self.call(x)


class Called(Block):
    def __call__(self, x):
        return x.contiguous()


class Looked(Block):
    def __getattr__(self, name):
        return super().__getattr__(name)


class Above(Block):
    def forward(self, x):
        return super().forward(x)


class Stored(Block):
    def forward(self, x):
        self.seen = x
        return self.conv(x)


class Chosen(Block):
    def forward(self, x):
        return self.conv(x) if self.training else x


class Yields(Block):
    def forward(self, x):
        yield self.conv(x)


REFUSED = (
    Asks, AsksByPart, AsksEither, Views, Calls, Renamed, Given, Shadowed, Held, Called, Looked, Above, Stored,
    Chosen, Yields,
)  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_anything_else_is_not_known(kind):
    assert not composed(wrapped(kind()).modules(), KNOWN)


def test_a_forward_of_one_module_alone():
    for module in (nn.ReLU(), Block()):
        module.forward = torch.flatten
        assert not composed([module], KNOWN)


def test_a_part_of_an_unknown_kind():
    block = Block()
    block.conv = nn.Conv1d(3, 3, 3)
    assert not composed(block.modules(), KNOWN)


class Both(nn.Module):
    """Writes into what was flattened, and uses what that was."""

    def __init__(self, flat, act):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 3, 3, padding=1), nn.AdaptiveAvgPool2d((4, 4))
        self.flat, self.act, self.head = flat, act, nn.Linear(48, 3)

    def forward(self, x):
        out = self.conv(x)
        cut = self.act(self.flat(out))
        return self.head(cut) + self.head(self.flat(self.pool(out)))


def test_a_write_into_a_view_is_not_lost(monkeypatch):
    torch.manual_seed(0)
    x = torch.randn(8, 3, 4, 4, dtype=torch.float64)
    for act, known in ((nn.ReLU(), True), (nn.ReLU(inplace=True), False)):
        net = Both(nn.Flatten(), act).double().eval()
        assert composed(net.modules(), KNOWN) is known
        assert (composed([*net.modules(), Shortened()], KNOWN)) is False
        found = saliency(net, x, 1).values
        with monkeypatch.context() as patch:
            patch.setattr(_layout, "FEW", 10**9)
            torch.testing.assert_close(saliency(net, x, 1).values, found, rtol=1e-10, atol=1e-12)


def test_few_rows_take_the_short_road_with_their_channels_last(monkeypatch):
    torch.manual_seed(0)
    net = wrapped(Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)).double().eval()
    x = torch.randn(8, 3, 6, 6, dtype=torch.float64)
    seen = []
    whole = nn.Conv2d.forward

    def forward(self, given):
        seen.append(given.is_contiguous(memory_format=LAST))
        return whole(self, given)

    monkeypatch.setattr(nn.Conv2d, "forward", forward)
    assert type(sloped(net, x, 1, at=None, spec=None, compute=None)) is Straight
    last = saliency(net, x, 1)
    assert seen == [True] * 4
    monkeypatch.setattr(_layout, "FEW", 10**9)
    plain = saliency(net, x, 1)
    assert seen[4:] == [False] * 2
    torch.testing.assert_close(last.values, plain.values, rtol=1e-10, atol=1e-12)
    assert last.values.is_contiguous()
    assert last.provenance.forward == plain.provenance.forward == 8


class Turned(nn.Sequential):
    def __iter__(self):
        return reversed(list(super().__iter__()))


def test_a_chain_of_another_name_is_a_chain():
    assert composed(cnn(1, 8, 2).modules(), KNOWN)
    assert not composed(Turned(nn.ReLU(), nn.Conv2d(1, 1, 1)).modules(), KNOWN)


def test_a_chain_whose_way_was_exchanged_is_not(monkeypatch):
    monkeypatch.setattr(nn.Sequential, "forward", lambda self, x: x.contiguous())
    assert not composed(cnn(1, 8, 2).modules(), KNOWN)
