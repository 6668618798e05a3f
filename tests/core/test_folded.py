"""Norms folded into convolutions: the same answers, and nothing of the network changes."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pellucid._core import Question, _layout
from pellucid._core._folded import Folds, Pending
from pellucid.attribution import integrated_gradients


class Block(nn.Module):
    """A residual block in the usual order."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm0 = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv1, self.norm1 = nn.Conv2d(6, 6, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(6)
        self.conv2, self.norm2 = nn.Conv2d(6, 6, (3, 1), (1, 2), (1, 0)), nn.BatchNorm2d(6, affine=False)
        self.short, self.norm3 = nn.Conv2d(6, 6, 1, (1, 2), bias=False), nn.BatchNorm2d(6)
        self.last = nn.Conv2d(6, 4, 2, dilation=2)

    def forward(self, x):
        x = F.relu(self.norm0(self.stem(x)))
        out = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return self.ended(out, self.norm3(self.short(x)))

    def ended(self, out, short):
        return self.last((out + short).relu()).sum((2, 3))


class InPlace(Block):
    def ended(self, out, short):
        out += short
        return self.last(F.relu(out, inplace=True)).sum((2, 3)) + out.mean((2, 3))[:, :4]


class ReadTwice(Block):
    """What comes before a norm and before a ReLU is read once more."""

    def forward(self, x):
        x = self.stem(x)
        y = self.norm0(x)
        z = F.relu(y) + y * x
        out = self.norm2(self.conv2(z))
        both = out + self.norm3(self.short(z))
        return self.last(both.relu() + both).sum((2, 3))


class WrittenOver(Block):
    """What goes into a convolution is written over before its norm."""

    def forward(self, x):
        x = x + 0
        y = self.stem(x)
        if not torch.is_grad_enabled():  # no slope could be had then
            x.mul_(0)
        return self.last(F.relu(self.norm0(y))[..., ::2]).sum((2, 3)) + x.sum()


class Keeps(Block):
    def ended(self, out, short):
        self.kept = out
        return super().ended(out, short)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad * ctx.saved_tensors[0]


class OwnSlope(Block):
    def ended(self, out, short):
        return super().ended(Square.apply(out), short)


class Detached(Block):
    def ended(self, out, short):
        with torch.no_grad():
            share = out.sigmoid()
        return super().ended(out * share, short)


class Curious(Block):
    def ended(self, out, short):
        assert (out.shape[1], out.dim(), out.dtype) == (6, 4, torch.float64)
        assert (len(out), out.detach().numpy().shape) == (out.size(0), tuple(out.shape))
        return super().ended(torch.cat([out, short])[: len(out)], short)


class Training(Block):
    """A norm over the batch, whatever the mode is."""

    def forward(self, x):
        self.norm1.training = True
        return super().forward(x)


NETS = (Block, InPlace, ReadTwice, WrittenOver, Keeps, OwnSlope, Detached, Curious, Training)


def made(net):
    torch.manual_seed(0)
    model = net().double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    return model.eval(), torch.randn(8, 3, 6, 7, dtype=torch.float64)


def asked(model, x, monkeypatch, few=6, much=48):
    monkeypatch.setattr(_layout, "FEW", few)
    monkeypatch.setattr(_layout, "MUCH", much)
    share = torch.linspace(0.1, 1, 9, dtype=x.dtype)
    q = Question(model, x, 1)

    def variants(ks, rows):
        return share[ks].view(-1, 1, 1, 1, 1) * x[rows]

    return q._feed.layout, q.scores(variants, 9), q.gradient(variants, 9)


@pytest.mark.parametrize("net", NETS)
def test_the_same_answers(net, monkeypatch):
    model, x = made(net)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    _, *plain = asked(model, x, monkeypatch, few=10**9)
    layout, *found = asked(model, x, monkeypatch)
    torch.testing.assert_close(found, plain, rtol=1e-10, atol=1e-10)
    assert (layout.tried, layout.open) == (True, net is not Training)
    # a network that does not bear it is left alone
    assert bool(layout.folds) == (net in (Block, InPlace, ReadTwice, Curious))
    for module in model.modules():
        assert "forward" not in module.__dict__
    assert type(getattr(model, "kept", x)) is torch.Tensor
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(value.grad is None for value in model.parameters())


@pytest.mark.parametrize("net", [Block, InPlace])
def test_norms_are_not_called(net, monkeypatch):
    model, x = made(net)
    layout, _, _ = asked(model, x, monkeypatch)
    seen = []
    given = F.batch_norm
    monkeypatch.setattr(F, "batch_norm", lambda *args, **kwargs: seen.append(1) or given(*args, **kwargs))
    plain = model(x)
    assert len(seen) == 4
    with torch.no_grad(), layout.folds:
        found = model(x)
    assert len(seen) == 4
    torch.testing.assert_close(found, plain.detach(), rtol=1e-12, atol=1e-12)


def test_new_numbers_are_seen():
    model, x = made(Block)
    folds = Folds(model.modules())
    for _ in range(2):
        with torch.no_grad(), folds:
            found = model(x)
        torch.testing.assert_close(found, model(x).detach(), rtol=1e-12, atol=1e-12)
        with torch.no_grad():
            model.norm1.running_var.mul_(3)
            model.conv1.weight.mul_(2)


def test_an_error_leaves_the_modules_as_they_were():
    model, x = made(Block)
    folds = Folds(model.modules())
    with pytest.raises(RuntimeError, match="channels"), folds:
        model(x[:, :2])
    assert not any("forward" in module.__dict__ for module in model.modules())


def test_networks_without_norms_are_left_alone():
    assert not Folds(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).modules())


def test_nothing_is_put_off_for_good():
    model, x = made(Block)
    folds = Folds(model.modules())
    with torch.no_grad(), folds:
        waiting = model.norm0(model.stem(x))
        assert type(waiting) is Pending
        assert waiting.shape == (8, 6, 6, 7)
        found = waiting + 0
        del waiting
    torch.testing.assert_close(found, model.norm0(model.stem(x)).detach(), rtol=1e-12, atol=1e-12)


def test_a_method_counts_what_it_passes(monkeypatch):
    model, x = made(Block)
    monkeypatch.setattr(_layout, "MUCH", 10**9)
    plain = integrated_gradients(model, x, 1, steps=6)
    monkeypatch.setattr(_layout, "MUCH", 48)
    found = integrated_gradients(model, x, 1, steps=6)
    torch.testing.assert_close(found.values, plain.values, rtol=1e-10, atol=1e-10)
    assert 0 < found.provenance.forward - plain.provenance.forward <= 3
