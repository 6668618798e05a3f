"""Coalitions whose first matrix product is made from their parts give what a plain pass gives."""

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pellucid._core import Compute, _mixed, _pass, _passes
from pellucid._core._beside import agree
from pellucid.attribution import exact_shapley, feature_ablation, kernel_shap, shapley_sampling
from pellucid.errors import MethodError

SHAPE = (2, 5, 6)
GROUPS = torch.arange(60).view(SHAPE) * 4 // 60
SCATTERED = torch.arange(60).view(SHAPE) % 4


class Network(nn.Module):
    """``before`` is a function of the inputs ``[B, 2, 5, 6]`` and gives ``[B, 60]``."""

    def __init__(self, before=lambda x: x.flatten(1), bias=True):
        super().__init__()
        self.before, self.first, self.last = before, nn.Linear(60, 32, bias), nn.Linear(32, 3)

    def forward(self, x):
        return self.last(torch.tanh(self.first(self.before(x))))


def caught(ask):
    """Asks for memory and goes on without an answer."""

    def before(x):
        try:
            ask(x)
        except Exception:
            return x.flatten(1) * 0
        return x.flatten(1) * 2

    return before


def flat_overwritten(x):
    flat, other = x.flatten(1), x.view(len(x), 12, 5)
    other[:, 3] += 1
    x.mul_(0.5)
    return flat + other.flatten(1)


def own_attributes(x):
    x.rows = x.kept = 3
    return x.flatten(1) * x.rows


def shape_in_place(x):
    flat = x.flatten(1)
    x.transpose_(2, 3)
    return flat + x.flatten(1)


def product_of_both(x):
    flat = x.flatten(1)
    return flat * flat.tanh() + (flat > 0.4)


def as_weights(x):
    flat = x.flatten(1)
    return torch.eye(60, dtype=x.dtype).mm(flat.T).T + flat


def by_type(x):
    return x.flatten(1) * 2 if type(x) is torch.Tensor else x.flatten(1) * 3


def strided(x):
    return x.as_strided((len(x), 60), (60, 1)) * 2


def differentiated(x):
    with torch.enable_grad():
        y = (x * 1).requires_grad_()
        return torch.autograd.grad((y.flatten(1) @ torch.ones(60, 5, dtype=x.dtype)).sin().sum(), y)[
            0
        ].flatten(1)


SOON = [
    lambda x: x.flatten(1),
    lambda x: x.reshape(-1, 60),
    lambda x: ((x - 0.3) / torch.linspace(1, 2, 6, dtype=x.dtype)).flatten(1),
    lambda x: (x.flatten(1) - torch.linspace(0, 1, 60, dtype=x.dtype)).relu(),
    lambda x: F.dropout(x.view(len(x), -1), 0.5, training=False),
    lambda x: torch.where(x > 0.5, x, -x).flatten(1),
    lambda x: x.unflatten(1, (1, 2)).flatten(1).clamp(0.2, 0.7),
    product_of_both,
]  # fmt: skip
OTHERWISE = [
    flat_overwritten, own_attributes, shape_in_place, as_weights, strided, differentiated,
    caught(lambda x: x.numpy(force=True)), caught(np.asarray), caught(copy.deepcopy), caught(pickle.dumps),
    caught(lambda x: x.tolist()), caught(lambda x: 1 / x.data_ptr()),
    lambda x: x.transpose(2, 3).flatten(1),
    lambda x: x.flatten(1)[:, torch.arange(59, -1, -1)],
    lambda x: (x * torch.arange(len(x), dtype=x.dtype).mul(0).add(2).view(-1, 1, 1, 1)).flatten(1),
    by_type,
    lambda x: x.mul_(2).flatten(1),
    lambda x: torch.stack([row.flatten() for row in x]),
    lambda x: F.layer_norm(x, x.shape[1:]).flatten(1).cumsum(1),
    lambda x: x.sum(2, keepdim=True).expand_as(x).flatten(1),
    lambda x: (x.flatten(1) * 1j).exp().real,
    lambda x: x.float().double().flatten(1),
    lambda x: torch.func.vmap(lambda r: r.flatten() * 2)(x),
]  # fmt: skip


@pytest.fixture(autouse=True)
def checks(monkeypatch):
    """Whether rows made from parts were those of a plain pass."""
    found = []
    monkeypatch.setattr(_pass, "agree", lambda *given: found.append(agree(*given)) or found[-1])
    return found


@pytest.fixture(autouse=True)
def seen(monkeypatch):
    """However little there is to save; and how many products were made from parts."""
    found = []
    product = _mixed._product

    def counted(func, args):
        made = product(func, args)
        if made is not None:
            found.append(tuple(made.shape))
        return made

    monkeypatch.setattr(_mixed, "LEAST", -1e9)
    monkeypatch.setattr(_mixed, "_product", counted)
    monkeypatch.setitem(_mixed.RULES, torch.ops.aten.mm.default, counted)
    return found


def made(before=lambda x: x.flatten(1), **kind):
    torch.manual_seed(0)
    return Network(before, **kind).double().eval(), torch.rand(3, *SHAPE, dtype=torch.float64)


def by_hand(net, x, groups, fill=0.0):
    """Fall of class 1 without each part, in one plain pass of all rows for each part."""
    values = torch.zeros_like(x)
    with torch.no_grad():
        for part in range(4):
            here = (groups == part).expand(SHAPE)
            fall = net(x.clone())[:, 1] - net(torch.where(here, fill, x))[:, 1]
            values[:, here] = (fall / here.sum())[:, None]
    return values


def agrees(net, x, groups=GROUPS, fill=0.0, **given):
    kept = x.clone()
    found = feature_ablation(net, x, 1, groups=groups, baseline=fill, **given)
    assert torch.equal(x, kept)
    torch.testing.assert_close(found.values, by_hand(net, x, groups, fill), rtol=1e-10, atol=1e-12)
    return found


@pytest.mark.parametrize("before", SOON)
@pytest.mark.parametrize("groups", [GROUPS, SCATTERED])
def test_before_the_first_product(before, groups, seen, checks):
    net, x = made(before)
    agrees(net, x, groups)
    assert seen == [(15, 32)]
    assert checks == [True]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("before", OTHERWISE)
def test_what_is_done_otherwise_is_done_plainly(before, checks):
    net, x = made(before)
    agrees(net, x)
    # what nothing else tells is seen in the row that is passed plainly too
    assert all(checks) != (before is by_type)


def test_random_numbers_are_those_of_a_plain_pass(monkeypatch):
    net, x = made(lambda x: F.dropout(x.flatten(1) + torch.rand_like(x).flatten(1) + torch.rand(60), 0.3))
    before = torch.get_rng_state()
    found = feature_ablation(net, x, 1, groups=GROUPS).values
    monkeypatch.setattr(_passes, "_beside", lambda *_, **__: None)
    torch.testing.assert_close(feature_ablation(net, x, 1, groups=GROUPS).values, found, rtol=1e-10, atol=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("method", [shapley_sampling, kernel_shap, exact_shapley])
@pytest.mark.parametrize("baseline", [None, 0.7, "each"])
def test_coalitions_of_every_kind(method, baseline, seen, checks, monkeypatch):
    net, x = made(bias=False)
    groups = SCATTERED - 1  # a part that is held
    given = {"groups": groups, "baseline": x.flip(0) if baseline == "each" else baseline}
    given |= {"budget": 18} if method is shapley_sampling else {}
    whole = method(net, x, torch.tensor([0, 2, 1]), **given).values
    assert seen
    for size in (1, 7, 1000):
        some = method(net, x, torch.tensor([0, 2, 1]), **given, compute=Compute(batch_size=size)).values
        torch.testing.assert_close(some, whole, rtol=1e-10, atol=1e-12)
    assert all(checks)
    monkeypatch.setattr(_mixed, "LEAST", 1e30)
    plainly = method(net, x, torch.tensor([0, 2, 1]), **given).values
    torch.testing.assert_close(whole, plainly, rtol=1e-10, atol=1e-12)


def test_many_rows_hidden_layers_and_parts_of_each_row(seen):
    net, x = made()
    many = torch.rand(40, *SHAPE, dtype=torch.float64)
    agrees(net, many, compute=Compute(batch_size=30))
    count = len(seen)
    assert count > 1
    hidden = feature_ablation(net, x, 1, at="first", groups=torch.arange(32) // 8).values
    assert len(seen) == count + 1
    seen.clear()
    each = feature_ablation(net, x, 1, groups=torch.stack([GROUPS, SCATTERED, GROUPS])).values
    assert not seen
    for row, groups in enumerate([GROUPS, SCATTERED, GROUPS]):
        torch.testing.assert_close(each[row], by_hand(net, x, groups)[row], rtol=1e-10, atol=1e-12)
    with torch.no_grad():
        first = net.first(x.flatten(1))
        without = net.last(torch.tanh(torch.where(torch.arange(32) < 8, 0.0, first)))
        fall = (net(x) - without)[:, 1]
    torch.testing.assert_close(hidden[:, :8].sum(1), fall, rtol=1e-10, atol=1e-12)


def test_single_precision_and_a_part_without_elements(seen):
    net, x = made()
    groups = torch.where(GROUPS == 2, 0, GROUPS)
    exact = feature_ablation(net, x, 1, groups=groups).values
    torch.testing.assert_close(exact, by_hand(net, x, groups), rtol=1e-10, atol=1e-12)
    found = feature_ablation(net.float(), x.float(), 1, groups=groups).values
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-6)
    assert len(seen) == 2


def test_weights_that_are_not_finite_are_multiplied_plainly(seen):
    net, x = made(lambda x: x.flatten(1))
    net.first.weight.data[3, 7] = torch.inf
    agrees(net, x, fill=0.5)
    assert not seen


def test_networks_that_are_listened_to_or_have_convolutions_are_left_alone(seen):
    net, x = made()
    types = set()
    with net.first.register_forward_hook(lambda _, given, out: types.add(type(given[0]))):
        agrees(net, x)
    assert types == {torch.Tensor}
    assert not seen
    agrees(nn.Sequential(nn.Conv2d(2, 2, 1), nn.Flatten(), nn.Linear(60, 3)).double(), x)
    assert not seen


def test_one_row_is_compared_where_others_than_torch_wrote_the_network(checks):
    net, x = made()
    found = feature_ablation(net, x, 1, groups=GROUPS)
    assert checks == [True]
    assert found.provenance.forward == 16
    plain = nn.Sequential(nn.Flatten(), net.first, nn.Tanh(), net.last)
    again = feature_ablation(plain, x, 1, groups=GROUPS)
    assert checks == [True]
    assert again.provenance.forward == 15
    torch.testing.assert_close(again.values, found.values, rtol=1e-10, atol=1e-12)


def test_what_a_network_keeps_is_plain():
    class Keeping(Network):
        def forward(self, x):
            self.kept = x, x.flatten(1)
            return super().forward(x)

    torch.manual_seed(0)
    net, x = Keeping().double().eval(), torch.rand(3, *SHAPE, dtype=torch.float64)
    agrees(net, x)
    feature_ablation(net, x, 1, groups=GROUPS)
    assert [type(one) for one in net.kept] == [torch.Tensor] * 2
    assert torch.equal(net.kept[0].flatten(1), net.kept[1])


def test_a_network_that_fails_says_what_it_always_said():
    def fails(x):
        raise ValueError("always")

    net, x = made(fails)
    with pytest.raises(MethodError, match=r"Network raised ValueError.*always"):
        feature_ablation(net, x, 1, groups=GROUPS)


def test_nothing_is_tried_again_where_nothing_was_saved(monkeypatch):
    tried = []
    begin = _mixed.Mixing.known
    monkeypatch.setattr(_mixed.Mixing, "known", lambda self, *given: tried.append(1) or begin(self, *given))
    net, x = made(lambda x: x.transpose(2, 3).flatten(1))
    agrees(net, x, compute=Compute(batch_size=3))
    assert len(tried) == 1


def test_what_differs_from_row_to_row_is_done_plainly_and_not_in_vain(seen):
    net, x = made(lambda x: (x * x.new_full((len(x), 1, 1, 1), 2)).flatten(1))
    assert agrees(net, x).provenance.forward == 16
    assert not seen
