"""Rows of pictures with their channels last in memory: the same answers, and no network is hurt."""

import pytest
import torch
from torch import nn

from pellucid._core import Compute, Question, _layout, logit
from pellucid.attribution import grad_cam, guided_backpropagation, integrated_gradients, layer_conductance

LAST = torch.channels_last


class Plain(nn.Module):
    """A forward of its own, and what it was given."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(6 * 16, 4)
        self.given = []

    def forward(self, x):
        self.given.append((len(x), x.is_contiguous(memory_format=LAST)))
        return self.head(self.changed(self.relu(self.conv(x))))

    def changed(self, x):
        return x.flatten(1)


class Viewed(Plain):
    def changed(self, x):
        return x.view(len(x), -1)


class ViewedTogether(Plain):
    """One row may be viewed so, several may not."""

    def changed(self, x):
        return x.view(len(x) * 6, 16).view(len(x), -1)


class Written(Plain):
    """A write into a view, which is lost where the view is a copy."""

    def changed(self, x):
        x = x + 0
        x.flatten(1).mul_(2)
        return x.flatten(1)


class Strided(Plain):
    def changed(self, x):
        return x.as_strided((len(x), 96), (96, 1))


class Mixed(Plain):
    def changed(self, x):
        return (x - x.mean(0)).flatten(1)


class Late(Plain):
    """It does not bear many rows that lie so, though it bears two."""

    def changed(self, x):
        return x.view(len(x), -1) if len(x) > 2 else x.flatten(1)


class Drawn(Plain):
    def changed(self, x):
        return x.flatten(1) + torch.randn(96)


NETS = (Plain, Viewed, ViewedTogether, Written, Strided, Late, Mixed, Drawn)


def made(net):
    torch.manual_seed(0)
    return net().double().eval(), torch.randn(4, 3, 4, 4, dtype=torch.float64)


def variants(x):
    share = torch.linspace(0, 1, 9, dtype=x.dtype)
    return lambda ks, rows: share[ks].view(-1, 1, 1, 1, 1) * x[rows]


def asked(net, x, monkeypatch, few, size=64):
    monkeypatch.setattr(_layout, "FEW", few)
    monkeypatch.setattr(_layout, "MUCH", 16 * 48)
    torch.manual_seed(1)
    q = Question(net, x, 1, compute=Compute(batch_size=size))
    return q.scores(variants(x), 9), q.gradient(variants(x), 9)


@pytest.mark.parametrize("net", NETS)
def test_the_same_answers(net, monkeypatch):
    model, x = made(net)
    plain = asked(model, x, monkeypatch, 10**9)
    assert not any(last for _, last in model.given)
    model.given.clear()
    found = asked(model, x, monkeypatch, 6)
    torch.testing.assert_close(found, plain, rtol=1e-10, atol=1e-10)
    assert found[1].is_contiguous()
    # it was tried in each, and is kept where a network bears it
    assert any(last for _, last in model.given)
    assert model.given[-1] == (36, net is Plain)


def test_a_row_is_compared_once(monkeypatch):
    model, x = made(Plain)
    asked(model, x, monkeypatch, 6, size=16)
    assert sum(rows == 1 for rows, _ in model.given) == 1
    assert [last for rows, last in model.given if rows == 16] == [True] * 4


def test_few_rows_are_not_compared():
    model, x = made(Plain)
    Question(model, x, 1).scores(variants(x), 9)
    assert model.given == [(36, False)]


def test_known_modules_need_no_comparison():
    torch.manual_seed(0)
    seen = []
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).double().eval()
    x = torch.randn(8, 3, 4, 4, dtype=torch.float64)
    layout = _layout.Layout()
    assert layout.pays(list(net.modules()), list(net.parameters()), x)
    assert layout.checked
    net[0].register_forward_hook(lambda _, args, __: seen.append(args[0].is_contiguous()))
    Question(net, x, 1).scores()
    assert seen == [True]  # whoever listens sees what was always seen


def pooled(monkeypatch):
    """A network, and how slopes lie that come to its pooling."""
    torch.manual_seed(0)
    lay, forward = list[bool](), nn.MaxPool2d.forward

    def laid(slopes):
        lay.append(slopes[0].is_contiguous(memory_format=torch.channels_last))

    def seen(self, x):
        y = forward(self, x)
        if y.requires_grad:
            y.grad_fn.register_prehook(laid)
        return y

    monkeypatch.setattr(nn.MaxPool2d, "forward", seen)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3))
    return made.double().eval(), lay


@pytest.mark.parametrize("rows", [4, 8])
def test_slopes_come_back_out_of_flatten_as_they_went_in(rows, monkeypatch):
    net, lay = pooled(monkeypatch)
    x = torch.randn(rows, 3, 8, 8, dtype=torch.float64)
    found = Question(net, x, 1).gradient()
    assert lay == [rows == 8]
    assert not net[2]._forward_pre_hooks
    start = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(net(start)[:, 1].sum(), start)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_flatten_is_let_go_where_the_pass_raises(monkeypatch):
    net, _ = pooled(monkeypatch)

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(nn.Linear, "forward", broken)
    with pytest.raises(KeyboardInterrupt):
        Question(net, torch.randn(8, 3, 8, 8, dtype=torch.float64), 1).gradient()
    assert not net[2]._forward_pre_hooks


def test_heavy_networks_and_other_inputs_are_left_alone():
    conv = nn.Conv2d(3, 64, 3)
    rows = torch.zeros(8, 3, 4, 4)
    assert not _layout.Layout().pays([conv], [nn.Parameter(torch.zeros(512, 512, 3, 3))], rows)
    assert not _layout.Layout().pays([conv], list(conv.parameters()), rows[:5])
    assert not _layout.Layout().pays([conv], list(conv.parameters()), rows.half())
    assert not _layout.Layout().pays([nn.Linear(4, 4)], list(nn.Linear(4, 4).parameters()), rows)
    assert _layout.Layout().pays([conv], list(conv.parameters()), rows)


@pytest.mark.parametrize("net", NETS)
def test_ways_of_their_own(net, monkeypatch):
    model, x = made(net)
    x = torch.cat([x] * 5)

    def each():
        yield guided_backpropagation(model, x, 1, compute=Compute())
        yield guided_backpropagation(model, x, 1)
        yield integrated_gradients(model, x, 1, steps=6)
        yield layer_conductance(model, x, 1, at="conv", steps=6)
        yield grad_cam(model, x, 1, at="conv")

    monkeypatch.setattr(_layout, "FEW", 10**9)
    monkeypatch.setattr(_layout, "MUCH", 16 * 48)
    plain = list(each())
    monkeypatch.setattr(_layout, "FEW", 6)
    for found, expected in zip(each(), plain, strict=True):
        torch.testing.assert_close(found.values, expected.values, rtol=1e-10, atol=1e-10)
        assert found.values.stride() == expected.values.stride()
        # rows that were compared, or passed in vain, are counted too
        more = found.provenance.forward - expected.provenance.forward
        assert more in (0, 2, 3) or (net is Late and more % 20 == 3)


def test_an_error_of_the_network_is_told_as_ever():
    class Broken(Plain):
        def changed(self, x):
            raise ValueError("no such thing")

    model, x = made(Broken)
    with pytest.raises(Exception, match=r"Broken raised ValueError when given .*no such thing"):
        Question(model, x, logit(1)).scores(variants(x), 9)
    with pytest.raises(Exception, match="no such thing"):
        Question(model, x, logit(1)).gradient(variants(x), 9)
