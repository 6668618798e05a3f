"""Shapley values whose absent parts follow those that are there: exact tables, closed forms, and shap."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from pellucid.attribution import exact_shapley, kernel_shap, odd_regression, shapley_sampling
from pellucid.errors import InputError, MethodError

ALL = [exact_shapley, kernel_shap, odd_regression, shapley_sampling]
# each row of a small world, as often as it occurs; the third column follows the first
TABLE = torch.tensor(
    [[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1], [1, 0, 1], [1, 0, 0], [0, 0, 0]],
    dtype=torch.float64,
)
FACTORIAL = torch.tensor(list(itertools.product([-1.0, 0.5, 2.0], repeat=3)), dtype=torch.float64)


def network(columns=3):
    return zoo.seeded(lambda: nn.Sequential(nn.Linear(columns, 5), nn.Tanh(), nn.Linear(5, 2))).double()


def by_definition(worth, n):
    """Shapley 1953 by all orders of arrival of a game ``worth(set) -> float``."""
    values = np.zeros(n)
    for order in itertools.permutations(range(n)):
        for place, part in enumerate(order):
            values[part] += worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))
    return values / math.factorial(n)


def expectation(score, x, table, kept):
    """Mean score of the rows of a table that equal ``x`` in the kept columns."""
    like = [row for row in table if all(row[i] == x[i] for i in kept)]
    rows = torch.stack([torch.where(torch.tensor([i in kept for i in range(3)]), x, row) for row in like])
    return float(score(rows).mean())


@pytest.mark.parametrize("method", ALL)
def test_nearest_is_the_conditional_expectation_of_a_discrete_table(method):
    model = network()
    found = method(model, TABLE[:6], 1, background=TABLE, conditional="nearest", bandwidth=0.01)
    for i in range(6):
        wanted = by_definition(
            lambda kept, x=TABLE[i]: expectation(lambda rows: model(rows)[:, 1].detach(), x, TABLE, kept), 3
        )
        off = (found.values[i] - torch.from_numpy(wanted)).abs()
        slack = 4 * found.stderr[i] if method is shapley_sampling else 0
        assert (off <= slack + 1e-6).all()
    torch.testing.assert_close(found.gap, torch.zeros(6, dtype=torch.float64), atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", ["nearest", "gaussian"])
def test_independent_columns_make_conditional_and_marginal_the_same(kind):
    model = network()
    marginal = exact_shapley(model, FACTORIAL[4:9], 0, background=FACTORIAL)
    found = exact_shapley(model, FACTORIAL[4:9], 0, background=FACTORIAL, conditional=kind, bandwidth=0.01)
    torch.testing.assert_close(found.values, marginal.values, rtol=1e-6, atol=1e-7)


def correlated(rows=100):
    generator = torch.Generator().manual_seed(0)
    mixing = torch.tensor([[1.0, 0.8, 0.0, 0.3], [0, 0.6, 0.5, 0], [0, 0, 1, 0.2], [0, 0, 0, 0.7]])
    return (torch.randn(rows, 4, generator=generator) @ mixing).double()


def normal_worth(weight, x, table):
    """``w · E[x given its kept columns]`` of a normal table, by the textbook."""
    mean, cov = table.mean(0).numpy(), np.cov(table.numpy().T)

    def worth(kept):
        kept = sorted(kept)
        full = mean.copy()
        if kept:
            full = full + cov[:, kept] @ np.linalg.solve(cov[np.ix_(kept, kept)], x[kept] - mean[kept])
        return float(weight @ full)

    return worth


@pytest.mark.parametrize("method", ALL)
def test_gaussian_is_the_closed_form_on_a_linear_network(method):
    torch.manual_seed(0)
    model, table = nn.Linear(4, 1).double(), correlated()
    options = {"budget": 20 * len(table)} if method is shapley_sampling else {}
    found = method(model, table[:3], 0, background=table, conditional="gaussian", **options)
    for i in range(3):
        worth = normal_worth(model.weight[0].detach().numpy(), table[i].numpy(), table)
        wanted = torch.from_numpy(by_definition(worth, 4))
        slack = 4 * found.stderr[i] if method is shapley_sampling else 0
        assert ((found.values[i] - wanted).abs() <= slack + 1e-6).all()


def test_a_column_that_the_network_never_uses_is_credited_for_what_it_tells():
    model, table = nn.Linear(4, 1, bias=False).double(), correlated()
    model.weight.data.copy_(torch.tensor([[1.0, 0, 0, 0]]))
    marginal = exact_shapley(model, table[:20], 0, background=table).values
    assert float(marginal[:, 1:].abs().max()) < 1e-12
    for kind in ("gaussian", "nearest"):
        told = exact_shapley(model, table[:20], 0, background=table, conditional=kind).values
        # the second column shares 0.8 of 1 with the first, the third nothing
        assert float(told[:, 1].abs().mean()) > 0.2
        assert float(told[:, 1].abs().mean()) > 3 * float(told[:, 2].abs().mean())


def test_fewer_rows_are_the_nearest_of_each_coalition():
    model = network()
    every = exact_shapley(model, TABLE[:4], 1, background=TABLE, conditional="nearest", bandwidth=0.01)
    few = exact_shapley(model, TABLE[:4], 1, background=TABLE, conditional="nearest", bandwidth=0.01, draws=5)
    # no coalition but the empty one has more than 5 equal rows; it counts a third in each value
    shift = (every.reference - few.reference)[:, None] / 3
    assert float(shift.abs().min()) > 1e-4
    torch.testing.assert_close(few.values, every.values + shift, rtol=1e-6, atol=1e-9)
    assert few.provenance.forward < every.provenance.forward


@pytest.mark.parametrize("kind", ["nearest", "gaussian"])
def test_what_is_always_there_conditions_too(kind):
    model, table = network(4), correlated(60)
    groups = torch.tensor([0, 1, 2, -1])
    found = exact_shapley(model, table[:3], 1, background=table, conditional=kind, groups=groups)
    every = exact_shapley(model, table[:3], 1, background=table, conditional=kind)
    # with the fourth column given, the empty coalition is worth what it tells
    assert float(found.values[:, 3].abs().max()) < 1e-12
    assert float((found.reference - every.reference).abs().max()) > 1e-3
    torch.testing.assert_close(found.gap, torch.zeros(3, dtype=torch.float64), atol=1e-9, rtol=0)


def test_the_note_names_the_value_function():
    told = exact_shapley(network(), TABLE[:2], 1, background=TABLE, conditional="nearest").note
    assert "conditional" in told
    assert "rows' worth" in told
    told = exact_shapley(network(), TABLE[:2], 1, background=TABLE, conditional="gaussian").note
    assert "Gaussian" in told
    assert "marginal" in exact_shapley(network(), TABLE[:2], 1, background=TABLE).note


@pytest.mark.parametrize("kind", ["nearest", "gaussian"])
def test_batch_size_and_order_do_not_matter(kind):
    from pellucid._core import Compute

    model, table = network(4), correlated(30)
    groups = torch.tensor([0, 1, 1, 2])
    options = {"background": table, "conditional": kind, "groups": groups}
    whole = exact_shapley(model, table[:5], 1, **options)
    small = exact_shapley(model, table[:5], 1, **options, compute=Compute(batch_size=3))
    turned = exact_shapley(model, table[:5].flip(0), 1, **options)
    torch.testing.assert_close(whole.values, small.values, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(whole.values.flip(0), turned.values, rtol=1e-9, atol=1e-12)


def test_replays_from_its_provenance():
    model, table = network(4), correlated(30)
    first = kernel_shap(model, table[:2], 1, background=table, conditional="nearest", bandwidth=0.4, draws=5)
    again = kernel_shap(model, table[:2], 1, **first.provenance.params)
    assert torch.equal(first.values, again.values)


def test_wrong_words_are_refused():
    model, x = network(), TABLE[:2]
    with pytest.raises(InputError, match="background="):
        exact_shapley(model, x, 0, conditional="nearest")
    with pytest.raises(InputError, match="'nearest', 'gaussian'"):
        exact_shapley(model, x, 0, background=TABLE, conditional="near")
    with pytest.raises(InputError, match="bandwidth"):
        exact_shapley(model, x, 0, background=TABLE, conditional="nearest", bandwidth=0)
    with pytest.raises(InputError, match="two background rows"):
        exact_shapley(model, x, 0, background=TABLE[:1], conditional="nearest")
    wide, world = nn.Linear(300, 1).double(), torch.rand(4, 300).double()
    with pytest.raises(MethodError, match="conditional='nearest'"):
        kernel_shap(wide, world[:1], 0, background=world, conditional="gaussian")


def test_agrees_with_shap_on_a_linear_network():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shap = pytest.importorskip("shap", reason="the referee shap is not installed (extra: peers)")
    model, table = nn.Linear(4, 1).double(), correlated()
    weight, bias = model.weight[0].detach().numpy(), float(model.bias.detach())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = shap.LinearExplainer(
            (weight, bias),
            (table.mean(0).numpy(), np.cov(table.numpy().T)),
            feature_perturbation="correlation_dependent",
            nsamples=2000,
        )
        wanted = torch.from_numpy(explainer.shap_values(table[:5].numpy()))
    found = exact_shapley(model, table[:5], 0, background=table, conditional="gaussian").values
    # shap samples orders
    assert float((found - wanted).abs().max()) < 0.03 * float(found.abs().max())
