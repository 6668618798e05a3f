"""What matters over many rows, along a column and in pairs: closed forms and slow twins."""

import itertools
import math

import pytest
import torch
from torch import nn

import zoo
from pellucid._core import Compute, load, save
from pellucid._core._coalitions import every
from pellucid._core._student import interval_of_mean
from pellucid.attribution import exact_shapley, input_x_gradient
from pellucid.errors import InputError
from pellucid.importance import (
    mean_attribution,
    partial_dependence,
    permutation_importance,
    shapley_interactions,
)
from pellucid.inputs import Column, ImageSpec, TabularSpec


def seeded_rows(count, width, seed=0):
    return torch.randn(count, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def game_of(function):
    class Player(nn.Module):
        def forward(self, x):
            return function(x)[:, None]

    return Player().double()


def close(a, b, *, within=1e-9):
    torch.testing.assert_close(a, b, rtol=within, atol=within)


def faithful(worth, n):
    """Tsai et al. 2023, definition, as one weighted least-squares problem with heavy ends."""
    terms = [*itertools.combinations(range(n), 1), *itertools.combinations(range(n), 2)]
    sets = every(n)
    X = torch.stack([sets[:, list(t)].all(1) for t in terms], 1).double()
    y = torch.tensor([worth(s) for s in sets], dtype=torch.float64)
    size = sets.sum(1).tolist()
    w = [1e7 if s in (0, n) else (n - 1) / (math.comb(n, s) * s * (n - s)) for s in size]
    w = torch.tensor(w, dtype=torch.float64).sqrt()[:, None]
    X = torch.cat([torch.ones(len(X), 1), X], 1)
    found = torch.linalg.lstsq(w * X, w * y[:, None], driver="gelsd").solution[1:, 0]
    return dict(zip(terms, found.tolist(), strict=True))


def test_interactions_are_faithful_shapley_values():
    net = zoo.seeded(lambda: nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 1))).double()
    x = seeded_rows(3, 5)
    found = shapley_interactions(net, x, 0)
    for i in range(3):
        wanted = faithful(lambda s, i=i: net(torch.where(s, x[i], 0.0)[None]).item(), 5)
        for term, value in wanted.items():
            assert found.values[i, term[0], term[-1]].item() == pytest.approx(value, abs=1e-5)
    close(found.values, found.values.mT)
    close(found.values.triu().sum((1, 2)), found.scores - found.reference)
    assert (found.stderr == 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 14])
def test_a_quadratic_game_gives_back_its_coefficients_at_any_budget(n):
    Q = seeded_rows(n, n, seed=n).triu()
    model = game_of(lambda z: torch.einsum("ni,ij,nj->n", z, Q, z))
    terms = n + n * (n - 1) // 2
    found = shapley_interactions(model, torch.ones(1, n).double(), 0, budget=2 * terms + 2)
    close(found.values[0].triu(), Q, within=1e-6)


def test_errors_of_interactions_cover_the_truth_and_runs_repeat():
    make = lambda: nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))  # noqa: E731
    model, x = zoo.seeded(make, seed=5).double(), seeded_rows(8, 8)
    truth = shapley_interactions(model, x, 0, budget=256).values
    runs = [shapley_interactions(model, x, 0, budget=140, compute=Compute(512, seed=s)) for s in range(20)]
    covered = torch.stack([(r.values - truth).abs() <= 1.96 * r.stderr for r in runs]).double().mean()
    assert 0.90 <= covered <= 0.99
    close(runs[3].values, shapley_interactions(model, x, 0, budget=140, compute=Compute(7, seed=3)).values)


@pytest.mark.parametrize("kind", ["nearest", "gaussian"])
def test_interactions_know_what_goes_together_in_the_background(kind):
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(2, 9), nn.Tanh(), nn.Linear(9, 1))).double()
    x, background = seeded_rows(3, 2), seeded_rows(12, 2, seed=1).cumsum(1)
    given = {"background": background, "conditional": kind, "bandwidth": 0.5}
    found = shapley_interactions(model, x, 0, **given)
    shapley = exact_shapley(model, x, 0, **given).values
    close(found.values.diagonal(dim1=1, dim2=2) + found.values[:, :1, 1] / 2, shapley, within=1e-8)
    assert "conditional" in found.note
    alone = shapley_interactions(model, x, 0, background=background)
    assert float((alone.values - found.values).abs().max()) > 1e-3


def test_interactions_are_asked_until_they_are_precise():
    """The first row has nothing beyond pairs, the second does."""
    model = game_of(
        lambda z: z[:, :9].sum(1) + z[:, 0] * z[:, 1] + z[:, 9] * (z[:, :9].cumprod(1)[:, 2:].sum(1))
    )
    x = torch.ones(2, 10).double()
    x[0, 9] = 0
    found = shapley_interactions(model, x, 0, budget=900, precision=0.01)
    assert found.note.endswith("112 to 900 coalitions for each row.")
    alone = shapley_interactions(model, x, 0, budget=112)
    close(found.values[0], alone.values[0])
    assert float(found.stderr[1].max()) < float(alone.stderr[1].max())
    with pytest.raises(InputError, match="above 0"):
        shapley_interactions(model, x, 0, precision=0.0)


def test_interactions_are_stored_and_named_and_refuse_small_budgets(tmp_path):
    table = TabularSpec((Column("age"), Column("home", levels=("own", "rent"))))
    net = zoo.seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)))
    found = shapley_interactions(net, table.encode([{"age": 1.0, "home": "rent"}]), 0, spec=table)
    assert found.names == ("age", "home")
    assert "baseline" in found.note
    again = load(save(found, tmp_path / "pairs.safetensors"))
    assert torch.equal(again.values, found.values)
    with pytest.raises(InputError, match="at least 112 rows"):
        shapley_interactions(net_of(10), torch.ones(1, 10), 0, budget=111)


def net_of(n):
    return zoo.seeded(lambda: nn.Linear(n, 1))


def test_mean_attribution_by_hand():
    table = TabularSpec((Column("age"), Column("home", levels=("own", "rent"))))
    net = zoo.seeded(lambda: nn.Linear(3, 2))
    x = table.encode([{"age": a, "home": h} for a, h in ((1, "own"), (-2, "rent"), (4, "rent"), (0, "own"))])
    why = input_x_gradient(net, x, 1, spec=table)
    found = mean_attribution(why)
    assert (found.low >= 0).all()  # of four rows, Student's interval begins below
    by_hand = torch.stack([why.map[:, 0], why.map[:, 1:].sum(1)], 1).double().abs()
    close(found.values, by_hand.mean(0), within=1e-6)
    assert found.names == ("age", "home")
    assert (found.low <= found.values).all()
    assert (found.values <= found.high).all()
    assert found.ranked()[0][1] == float(found.values.max())


def test_the_interval_of_a_mean_covers_it_over_samples():
    population = seeded_rows(4000, 3, seed=1).exp()
    net = net_of(3).double()
    truth = (population * net.weight.detach()).abs().mean(0)
    covered = []
    for k in range(40):
        some = population[100 * k : 100 * (k + 1)]
        found = mean_attribution(exact_shapley(net, some, 0))
        covered.append(((found.low <= truth) & (truth <= found.high)).double())
    assert 0.85 <= torch.stack(covered).mean() <= 1.0


def test_permutation_importance_of_a_linear_model_is_twice_the_variance():
    x = seeded_rows(4000, 3)
    net = net_of(3).double()
    w, answers = net.weight.detach()[0], net(x).detach()[:, 0]
    found = permutation_importance(net, x, answers, repeats=3)
    # E (w (x - x'))² over independent rows
    close(found.values, 2 * w.square() * x.var(0), within=0.1)
    assert found.what.startswith("growth")
    assert ((found.low < found.values) & (found.values < found.high)).all()


def test_the_interval_of_permutation_importance_knows_that_parts_come_from_rows_too():
    population = seeded_rows(1500, 2, seed=3)
    net = nn.Linear(2, 1).double()
    net.weight.data = torch.tensor([[1.0, 2.0]]).double()
    truth, inside = 2 * net.weight.detach()[0].square(), []
    for some in population.split(25):
        found = permutation_importance(net, some, net(some).detach()[:, 0])
        inside.append(((found.low <= truth) & (truth <= found.high)).double())
    assert 0.88 <= torch.stack(inside).mean() <= 0.99


def test_few_symmetrical_rows_have_students_interval():
    half = seeded_rows(10, 1)
    each = torch.cat([1 + half, 1 - half])
    low, high = interval_of_mean(each, 0.95)
    error = each.std(0) / 20**0.5
    close(low, 1 - 2.0930 * error, within=1e-4)  # Student with 19 degrees of freedom
    close(high, 1 + 2.0930 * error, within=1e-4)


def test_the_ends_of_a_skewed_mean_are_where_halls_cubic_reaches_students_quantile():
    each = seeded_rows(12, 3).exp()
    ends = interval_of_mean(each, 0.9)
    mean, error = each.mean(0), each.std(0) / 12**0.5
    off = each - mean
    skewness = off.pow(3).mean(0) / off.square().mean(0).pow(1.5) * (12 * 11) ** 0.5 / 10 / 12**0.5
    for end, reached in zip(ends, (1.7959, -1.7959), strict=True):  # 11 degrees of freedom, 95 %
        t = (mean - end) / error
        close(
            t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6,
            torch.full_like(t, reached),
            within=1e-3,
        )


def test_intervals_cover_the_mean_of_few_skewed_rows():
    """Percentiles of the bootstrap held .91 here, Student's interval .92."""
    population = -(1 - torch.rand(60_000, 1, generator=torch.Generator().manual_seed(0)).double()).log()
    ends = [interval_of_mean(some, 0.95) for some in population.split(20)]
    assert 0.935 <= torch.stack([(low <= 1) & (high >= 1) for low, high in ends]).double().mean() <= 0.965


def test_equal_rows_have_an_interval_without_width():
    low, high = interval_of_mean(torch.full((5, 2), 3.0).double(), 0.95)
    assert low.tolist() == high.tolist() == [3.0, 3.0]


def test_permutation_importance_of_classes_and_of_parts_nobody_uses():
    x = seeded_rows(300, 4)
    net = nn.Linear(4, 2).double()
    net.weight.data = torch.tensor([[0.0, 0, 0, 0], [3, 0, 3, 0]]).double()
    answers = (x[:, 0] + x[:, 2] > 0).long()
    groups = torch.tensor([0, 1, 0, 2])
    for measure in ("likelihood", "accuracy"):
        found = permutation_importance(net, x, answers, groups=groups, measure=measure, repeats=4)
        assert found.values[0] > 0.3
        assert found.values[1:].abs().max() == 0
        assert found.low[0] > 0
    by_hand = (net(x).argmax(1) == answers).double().mean()
    assert found.values[0] <= by_hand


def test_permutation_importance_refuses():
    net, x = net_of(3), torch.randn(5, 3)
    with pytest.raises(InputError, match="Did you mean"):
        permutation_importance(net, x, x[:, 0], measure="likelyhood")
    with pytest.raises(InputError, match="one answer for each"):
        permutation_importance(net, x, x[:4, 0])
    with pytest.raises(InputError, match="output for each class"):
        permutation_importance(net, x, torch.full((5,), 2))  # one output tells two classes apart, not three
    pictures = torch.rand(4, 1, 8, 8)
    spec = ImageSpec(channels=1, size=(8, 8), parts="superpixels", regions=4)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    with pytest.raises(InputError, match="differ by row"):
        permutation_importance(flat, pictures, torch.zeros(4, dtype=torch.int64), spec=spec)


def test_partial_dependence_by_hand():
    net = zoo.seeded(lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))).double()
    x = seeded_rows(30, 3)
    found = partial_dependence(net, x, 1, 2, points=7)
    assert found.grid.shape == (7, 1)
    for g, value in enumerate(found.grid[:, 0]):
        moved = x.clone()
        moved[:, 2] = value
        close(found.curves[g], net(moved)[:, 1].detach())
    close(found.mean, found.curves.mean(1))
    assert ((found.low <= found.mean) & (found.mean <= found.high)).all()


def test_partial_dependence_moves_all_slots_of_a_column():
    table = TabularSpec((Column("age"), Column("home", levels=("own", "rent", "free"))))
    net = zoo.seeded(lambda: nn.Linear(4, 1))
    x = table.encode([{"age": a, "home": h} for a, h in ((1, "own"), (2, "rent"), (3, "free"), (4, "own"))])
    found = partial_dependence(net, x, 0, "home", spec=table)
    assert found.name == "home"
    assert sorted(map(tuple, found.grid.tolist())) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    with pytest.raises(InputError, match="home"):
        partial_dependence(net, x, 0, "hom", spec=table)
    with pytest.raises(InputError, match="grid"):
        partial_dependence(net, x, 0, "home", spec=table, grid=torch.zeros(2, 2))


@pytest.mark.parametrize("call", [permutation_importance, partial_dependence, shapley_interactions])
def test_networks_stay_as_they_were(call):
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).double().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = seeded_rows(6, 3)
    extra = {permutation_importance: (torch.zeros(6, dtype=torch.int64),), partial_dependence: (0, 1)}.get(
        call, (0,)
    )
    call(net, x, *extra)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
