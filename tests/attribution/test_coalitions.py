"""Methods that take parts away in groups: slow twins, closed forms, and honest standard errors."""

import itertools
import math

import pytest
import torch
from torch import nn

import oracles
import zoo
from pellucid._core import Compute
from pellucid._core._coalitions import every, pairs
from pellucid.attribution import (
    _kernel_shap,
    _odd_regression,
    exact_shapley,
    feature_ablation,
    kernel_shap,
    lime,
    occlusion,
    odd_regression,
    rise,
    shapley_sampling,
)
from pellucid.errors import InputError, MethodError
from pellucid.inputs import Column, ImageSpec, TabularSpec, superpixels

CLASSES = [0, 2, 1, 1, 0]
ESTIMATORS = [kernel_shap, odd_regression, shapley_sampling]
ALL = [exact_shapley, *ESTIMATORS]
COLUMNS = torch.tensor([0, 0, 1, 2, 3, 3])


def rows_case():
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(6, 9), nn.SiLU(), nn.Linear(9, 3))).double().eval()
    x = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    return model, x, lambda row, i: model(row)[:, CLASSES[i]]


def game_of(function):
    """A network that plays a game: ``function(bits [N, n]) -> [N]``, with everyone there at ones."""

    class Player(nn.Module):
        def forward(self, x):
            return function(x)[:, None]

    return Player().double()


def close(a, b, *, within=1e-10):
    torch.testing.assert_close(a, b, rtol=within, atol=within)


def fillings(kind, x):
    """Arguments of a method, and what they mean to the oracle."""
    if kind == "baseline":
        return {"baseline": 0.3}, lambda i: [torch.full_like(x[:1], 0.3)]
    rows = torch.linspace(-1, 1, 3 * x[0].numel(), dtype=x.dtype).view(3, *x.shape[1:])
    return {"background": rows}, lambda i: list(rows[:, None])


@pytest.mark.parametrize("kind", ["baseline", "background"])
@pytest.mark.parametrize("method", ALL)
def test_values_are_shapley_values_by_all_orders_of_arrival(method, kind):
    model, x, score = rows_case()
    options, fills = fillings(kind, x)
    extra = {} if method is exact_shapley else {"budget": 512}
    found = method(model, x, CLASSES, groups=COLUMNS, **options, **extra)
    wanted = oracles.shapley(score, x, fills, COLUMNS)
    if method is shapley_sampling:
        assert ((found.values - wanted).abs() <= 4 * found.stderr + 1e-12).all()
    else:
        close(found.values, wanted, within=1e-6 if method is odd_regression else 1e-10)
    close(found.gap, torch.zeros(5, dtype=torch.float64))
    close(
        found.reference,
        torch.tensor(
            [oracles.worth(score, x[i : i + 1], i, fills(i), COLUMNS, []) for i in range(5)],
            dtype=torch.float64,
        ),
    )


@pytest.mark.parametrize("kind", ["baseline", "background"])
def test_feature_ablation(kind):
    model, x, score = rows_case()
    options, fills = fillings(kind, x)
    found = feature_ablation(model, x, CLASSES, groups=COLUMNS, **options)
    close(found.values, oracles.feature_ablation(score, x, fills, COLUMNS))


def test_feature_ablation_by_superpixels_that_differ_by_row_is_occlusion():
    model, x = zoo.reference(), zoo.inputs().clamp(0, 1)
    spec = ImageSpec(channels=2, size=(8, 8), parts="superpixels", regions=6)
    close(
        feature_ablation(model, x, CLASSES, spec=spec).values, occlusion(model, x, CLASSES, spec=spec).values
    )


@pytest.mark.parametrize("kind", ["baseline", "background"])
@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_lime(kind, ridge):
    model, x, score = rows_case()
    options, fills = fillings(kind, x)
    # the masks of lime are coins from a generator of the seed, the first mask is whole
    masks = torch.rand(40, 4, generator=torch.Generator().manual_seed(7)) < 0.5
    masks[0] = True
    budget = 40 * (3 if kind == "background" else 1)
    found = lime(
        model,
        x,
        CLASSES,
        groups=COLUMNS,
        budget=budget,
        width=0.4,
        ridge=ridge,
        compute=Compute(seed=7),
        **options,
    )
    close(found.values, oracles.lime(score, x, fills, COLUMNS, masks, 0.4, ridge))


def test_lime_says_how_well_its_surrogate_fits():
    linear = game_of(lambda z: z @ torch.arange(1.0, 5).double())
    assert "R² of the surrogate 1.00" in lime(linear, torch.ones(1, 4).double(), 0).note
    parity = game_of(lambda z: (1 - 2 * z).prod(1))
    note = lime(parity, torch.ones(1, 8).double(), 0, width=10).note
    assert float(note.split()[-1].rstrip(".")) < 0.2


def test_rise_and_its_error():
    model, x = zoo.reference(), zoo.inputs(2)
    score = lambda row, i: model(row)[:, CLASSES[i]]  # noqa: E731
    found = rise(model, x, CLASSES[:2], samples=60, cells=3, keep=0.4, baseline=0.2, compute=Compute(seed=3))
    masks = rise_masks(60, 3, 0.4, (8, 8), seed=3)
    values, error = oracles.rise(score, x, torch.full_like(x[:1], 0.2), masks)
    close(found.values, values)
    # the jackknife and the linear formula agree to first order
    close(found.stderr, error, within=0.1)


def rise_masks(samples, cells, keep, shape, seed):
    """The paper's masks one by one: enlarge a coarse grid, cut at a random corner."""
    generator = torch.Generator().manual_seed(seed)
    step = [-(-length // cells) for length in shape]
    grids = (torch.rand(samples, cells, cells, generator=generator, dtype=torch.float64) < keep).double()
    shifts = [torch.randint(s, (samples,), generator=generator) for s in step]
    found = []
    for k, grid in enumerate(grids):
        large = [(cells + 1) * s for s in step]
        whole = nn.functional.interpolate(grid[None, None], size=large, mode="bilinear", align_corners=False)[
            0, 0
        ]
        top, left = (int(shift[k]) for shift in shifts)
        found.append(whole[top : top + shape[0], left : left + shape[1]])
    return torch.stack(found)


def test_rise_is_for_pictures():
    model, x, _ = rows_case()
    with pytest.raises(MethodError, match="kernel_shap"):
        rise(model, x, 0)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_unanimity_games_are_divided_among_their_carriers(method, n):
    carriers = list(range(0, n, 2))
    model = game_of(lambda z: z[:, carriers].prod(1))
    wanted = torch.zeros(1, n, dtype=torch.float64)
    wanted[0, carriers] = 1 / len(carriers)
    found = method(
        model, torch.ones(1, n).double(), 0, **({} if method is not shapley_sampling else {"budget": 3000})
    )
    if method is shapley_sampling:
        assert ((found.values - wanted).abs() <= 4 * found.stderr + 1e-12).all()
    else:
        close(found.values, wanted, within=1e-6)


@pytest.mark.parametrize("n", [1, 30])
@pytest.mark.parametrize("method", [*ESTIMATORS, lime])
@pytest.mark.parametrize("more", [0, 7, 400])
def test_linear_networks_are_exact_at_any_budget(method, n, more):
    net = zoo.seeded(lambda: nn.Linear(n, 2)).double()
    x = torch.randn(3, n, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    budget = {shapley_sampling: 2 + 4 * (n - 1), lime: 2 * n + 2}.get(method, 2 * n + 6) + more
    found = method(net, x, 1, baseline=0.5, budget=budget)
    close(found.values, (x - 0.5) * net.weight[1].detach(), within=1e-6 if method is odd_regression else 1e-9)
    assert (found.values != 0).all()


@pytest.mark.parametrize("method", [kernel_shap, odd_regression, shapley_sampling])
@pytest.mark.parametrize("budget", [64, 200])
def test_standard_errors_cover_the_truth(method, budget):
    """±1.96 standard errors hold the exact value of a part in 90 to 98 of 100 cases, over seeds."""
    make = lambda: nn.Sequential(nn.Linear(9, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))  # noqa: E731
    model = zoo.seeded(make, seed=5).double()
    for parameter in model.parameters():
        parameter.data.mul_(2)
    x = torch.randn(12, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    truth = exact_shapley(model, x, 0, compute=Compute(1024)).map
    runs = [method(model, x, 0, budget=budget, compute=Compute(1024, seed=seed)) for seed in range(25)]
    covered = torch.stack([(run.map - truth).abs() <= 1.96 * run.stderr for run in runs]).double().mean()
    assert 0.90 <= covered <= 0.98


@pytest.mark.parametrize("method", ESTIMATORS)
def test_runs_until_it_is_precise_and_each_row_by_itself(method):
    near = 0.01 if method is odd_regression else 0.05
    make = lambda: nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 1))  # noqa: E731
    model = zoo.seeded(make, seed=1).double()
    for parameter in model.parameters():
        parameter.data.mul_(3)
    x = torch.randn(6, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[3] *= 0.01  # nearly linear there, so this row is done early
    whole = method(model, x, 0, budget=4000, precision=near)
    reach = whole.values.amax(1) - whole.values.amin(1)
    assert (whole.stderr.amax(1) <= near * reach).all()
    assert whole.provenance.forward < 6 * 4000
    assert " to " in whole.note
    for i in (0, 3, 5):
        close(whole.values[i], method(model, x[i : i + 1], 0, budget=4000, precision=near).values[0])


@pytest.mark.parametrize("method", [kernel_shap, odd_regression])
def test_all_coalitions_within_the_budget_leave_nothing_to_chance(method):
    model, x, _ = rows_case()
    found = method(model, x, CLASSES, budget=64)
    close(found.values, exact_shapley(model, x, CLASSES).values, within=1e-6)
    assert (found.stderr == 0).all()
    assert "nothing left to chance" in found.note
    assert found.provenance.forward == 5 * 64


@pytest.mark.parametrize("method", [*ALL, lime, feature_ablation])
def test_background_rows_are_a_named_value_function(method):
    model, x, _ = rows_case()
    background = torch.randn(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    found = method(model, x, CLASSES, background=background, groups=COLUMNS)
    assert "8 background rows (marginal)" in found.note
    some = method(model, x, CLASSES, background=background, draws=3, groups=COLUMNS)
    assert "3 background rows (marginal)" in some.note
    far = (some.values - found.values).norm() / found.values.norm()
    assert 0 < far < 0.5
    if found.reference is not None:
        outputs = model(background).detach()
        close(found.reference, outputs.mean(0)[CLASSES])
        # the middle of thirds by score
        ranked = outputs.sort(0).values
        close(some.reference, ranked[[1, 4, 6]].mean(0)[CLASSES])


def test_a_budget_counts_rows_of_the_network():
    model, x, _ = rows_case()
    found = kernel_shap(model, x, CLASSES, background=torch.zeros(4, 6).double(), budget=4 * 30)
    assert found.provenance.forward == 5 * (4 * 29 + 1)


def test_parts_of_several_inputs_and_of_tables():
    from pellucid.evidence._specimens import two_inputs

    model, batch = two_inputs()
    flat = exact_shapley(model, batch, 1)
    background = {name: part[:3] for name, part in batch.varied.items()}
    mean = exact_shapley(model, batch, 1, background=background)
    assert set(flat.values) == {"numbers", "flags"}
    total = sum(part.sum(1) for part in mean.values.values())
    close(total, mean.scores - mean.reference)
    with pytest.raises(InputError, match="numbers"):
        exact_shapley(model, batch, 1, background={"numbers": batch.varied["numbers"]})
    table = TabularSpec((Column("a"), Column("b", levels=("x", "y", "z"))))
    net = zoo.seeded(lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))).double()
    x = table.encode([{"a": 1.0, "b": "y"}]).double()
    found = exact_shapley(net, x, 0, spec=table).map[0]
    assert found[1] == found[2] == found[3]


def test_superpixels_are_parts_of_all_channels():
    x = zoo.inputs(3)
    net = zoo.seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 2))).double()
    groups = superpixels(x, 4)
    found = feature_ablation(net, x, 1, groups=groups[:, None]).values
    assert torch.equal(found[:, 0], found[:, 1])
    with pytest.raises(InputError, match=r"the same for all channels, are groups\[:, None\]"):
        feature_ablation(net, x, 1, groups=groups)


def test_too_many_parts_and_too_small_budgets_are_refused():
    net = zoo.seeded(lambda: nn.Linear(17, 1))
    x = torch.ones(1, 17)
    with pytest.raises(MethodError, match="kernel_shap"):
        exact_shapley(net, x, 0)
    for method, least in ((kernel_shap, 40), (odd_regression, 40), (lime, 36), (shapley_sampling, 66)):
        with pytest.raises(InputError, match=f"at least {least} rows"):
            method(net, x, 0, budget=least - 1)
        method(net, x, 0, budget=least)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"background": torch.zeros(3, 5).double()}, "background"),
        ({"background": torch.full((3, 6), float("nan")).double()}, "finite"),
        ({"background": torch.zeros(3, 6).double(), "baseline": 0.0}, "one of the two"),
        ({"background": torch.zeros(3, 6).double(), "draws": 4}, "draws"),
        ({"draws": 2}, "background="),
        ({"groups": torch.zeros(5, dtype=torch.int64)}, "groups"),
        ({"groups": torch.zeros(6)}, "whole numbers"),
        ({"groups": -torch.ones(6, dtype=torch.int64)}, "whole numbers"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, text):
    model, x, _ = rows_case()
    with pytest.raises(InputError, match=text):
        kernel_shap(model, x, 0, **options)


@pytest.mark.parametrize("n", [2, 3, 6, 7, 40])
@pytest.mark.parametrize("count", [3, 31, 200])
def test_no_pair_is_drawn_twice_and_beginnings_follow_the_kernel(n, count):
    found = pairs(n, count, torch.Generator().manual_seed(0))
    assert len(found.sets) == min(count, 2 ** (n - 1) - 1)
    seen = {frozenset([tuple(s.tolist()), tuple((~s).tolist())]) for s in found.sets}
    assert len(seen) == len(found.sets)
    assert ((found.sets.sum(1) >= 1) & (found.sets.sum(1) <= n - 1)).all()
    again = pairs(n, count if count < 4 * n else count // 2, torch.Generator().manual_seed(0))
    half = torch.bincount(again.stratum, minlength=len(found.mass))
    assert torch.equal(half, torch.bincount(found.stratum[: len(again.sets)], minlength=len(found.mass)))
    weight, unsampled = found.weights(len(found.sets))
    if count > n:
        close(weight.sum(), torch.ones((), dtype=torch.float64))
    assert ((unsampled >= 0) & (unsampled < 1)).all()


def test_exhaustive_pairs_have_the_shapley_kernel():
    n = 6
    found = pairs(n, 1000, torch.Generator())
    weight, unsampled = found.weights(len(found.sets))
    size = found.sets.sum(1).tolist()
    kernel = torch.tensor([(n - 1) / (math.comb(n, s) * s * (n - s)) for s in size], dtype=torch.float64)
    close(weight, kernel / kernel.sum())
    assert (unsampled == 0).all()
    assert torch.equal(every(3).sum(1), torch.tensor([0, 1, 1, 2, 1, 2, 2, 3]))
    assert len(set(map(tuple, every(5).tolist()))) == len(list(itertools.product([0, 1], repeat=5)))


def test_rise_with_too_few_masks_says_so():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    with pytest.raises(InputError, match="Of 2 masks none keeps some places"):
        rise(net, torch.ones(1, 1, 8, 8), 0, samples=2, keep=0.05)


def seen_of(worth, n, budget, seed=0):
    """Values, standard errors and how many coalitions were compared at once, of games ``[2^n, R]``."""
    made = _odd_regression._plan(n, budget, seed)
    at = (made.masks.long() * 2 ** torch.arange(n)).sum(1)
    return made.solve(len(at), worth[at], worth[0], worth[-1])


@pytest.fixture
def crooked():
    """Four games of 10 parts with products of every size, large ones small; and their values."""
    generator = torch.Generator().manual_seed(1)
    sizes = every(10).sum(1)
    strength = torch.randn(1024, 4, generator=generator, dtype=torch.float64) * 0.3 ** sizes[:, None]
    signs = every(10).double() * 2 - 1
    worth = torch.stack([signs[:, part].prod(1) for part in every(10)], 1) @ strength
    odd = (strength * (2 / sizes.clamp(min=1))[:, None])[sizes % 2 == 1]
    return worth, every(10)[sizes % 2 == 1].double().T @ odd


def test_beyond_what_is_held_the_rest_mends_the_guess(crooked, monkeypatch):
    """Few coalitions are compared at once, errors are not above the kernel's, and all together are exact."""
    worth, wanted = crooked
    whole, _ = seen_of(worth, 10, 600)
    widths = []
    apart = _odd_regression._apart

    def recorded(signs, others):
        widths.append(len(others))
        return apart(signs, others)

    monkeypatch.setattr(_odd_regression, "HELD", 100)
    monkeypatch.setattr(_odd_regression, "_apart", recorded)
    some, stderr = seen_of(worth, 10, 600)
    assert max(widths) == 101
    kernel = _kernel_shap._plan(10, 600, 0)
    at = (kernel.masks.long() * 2 ** torch.arange(10)).sum(1)
    plain, _ = kernel.solve(len(at), worth[at], worth[0], worth[-1])
    few, _ = seen_of(worth, 10, 202)
    off = [float((found - wanted).square().sum()) for found in (few, plain, some, whole)]
    assert off[2] < 0.5 * off[0]
    assert off[2] < 1.1 * off[1]
    assert ((some - wanted).abs() <= 1.96 * stderr).double().mean() >= 0.9
    exact, none = seen_of(worth, 10, 2048)
    close(exact, wanted, within=1e-7)
    assert not none.any()


def test_standard_errors_hold_where_most_coalitions_are_asked():
    """The prior misses how strong large products are in ReLU networks: by its likelihood, errors held .90."""
    generator, places = torch.Generator().manual_seed(0), 2 ** torch.arange(10)
    worth = torch.cat([hinges(10, generator)(every(10).double()) for _ in range(12)], 1)
    plays = nn.Module()
    plays.forward = lambda x: worth[((x > 0.5).long() * places).sum(1)]
    wanted = exact_shapley(plays, torch.ones(12, 10, dtype=torch.float64), list(range(12))).map.T
    inside = []
    for seed in range(2):
        found, stderr = seen_of(worth, 10, 800, seed)
        inside.append(((found - wanted).abs() <= 1.96 * stderr).double().mean())
    assert 0.92 <= float(torch.stack(inside).mean()) <= 0.98, inside


def hinges(n, generator):
    """A network of two layers of ReLUs, drawn at random."""
    sizes = [(n, 32), (32, 32), (32, 1)]
    first, second, last = (
        torch.randn(a, b, generator=generator, dtype=torch.float64) * 3 / (3 * a) ** 0.5 for a, b in sizes
    )
    bias = torch.randn(32, generator=generator, dtype=torch.float64)
    return lambda x: (((x @ first + bias).relu() @ second).relu()) @ last


@pytest.mark.parametrize("draws", [None, 3])
def test_a_coalition_that_comes_up_again_is_asked_once(draws):
    model, x, _ = rows_case()
    given = {"groups": torch.arange(6) // 2}
    if draws is not None:
        given["background"] = x.flip(0)[:draws]
    found = shapley_sampling(model, x, CLASSES, **given, budget=512)
    # three parts make six coalitions beside the empty and the full one
    assert found.provenance.forward == 5 * (8 if draws is None else 7 * draws + 1)
    exact = exact_shapley(model, x, CLASSES, **given)
    assert ((found.values - exact.values).abs() < 5 * found.stderr).all()


def test_standard_errors_of_few_coalitions_are_wider_by_the_pairs_that_were_sampled():
    """19 pairs: all 12 single parts, which do not show how far a guess is off, and 7 of larger sizes."""
    plan = _odd_regression._plan(12, 40, 0)
    worth = torch.randn(38, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    empty, full = torch.zeros(2).double(), torch.ones(2).double()
    _, stderr = plan.solve(38, worth, empty, full)
    whole = torch.cat([torch.ones(1, 12), plan.masks[0::2].double() * 2 - 1])
    odd = torch.cat([(full - empty)[None], worth[0::2] - worth[1::2]]) / 2
    student = 2.4469 / 1.96  # 6 degrees of freedom
    close(stderr, student * _odd_regression._guessed(whole, odd).spread, within=1e-4)
