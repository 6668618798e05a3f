"""Coalition methods against captum, shap and shapiq: error and time at equal rows of the network.

``python benchmarks/shapley.py [--seeds 3] [--inputs 3] [--data FOLDER]`` prints the tables. Truth is exact
enumeration. For the errors a whole game is kept in a table, so that every library plays the very same one.
``--ours`` leaves peers and times away and says how often standard errors hold the truth; ``--evenness``
prints only what the choice of coalitions leaves of the error by products of three and five parts.
"""

import argparse
import csv
import os
import statistics
import sys
import time
import warnings
from itertools import combinations
from pathlib import Path

import asked
import torch
import torch.nn.functional as F
from torch import nn

from attribution import digits_cnn
from evidence import digits, trained
from pellucid._core import Compute
from pellucid._core._coalitions import every, pairs
from pellucid._core._evenly import evenly
from pellucid._core._least_squares import fit, summing
from pellucid.attribution import (
    exact_shapley,
    feature_ablation,
    kernel_shap,
    lime,
    odd_regression,
    shapley_sampling,
)

BUDGETS = (80, 320, 1600)
GOALS = {"captum KernelShap": 25.0, "shap, best setting": 5.0, "shapiq, paired": 1.0}
CELLS = (torch.arange(16) // 4)[:, None] * 4 + torch.arange(16) // 4


class Played(nn.Module):
    """A game as a network: bits in, the coalition's worth out; of several games ``[2^n, R]`` that of each."""

    def __init__(self, worth):
        super().__init__()
        self.worth, self.n = worth, (len(worth) - 1).bit_length()

    def forward(self, bits):
        place = 2 ** torch.arange(self.n)
        return self.worth[((bits > 0.5).long() * place).sum(1)].reshape(len(bits), -1)


def digit_games(count):
    x, y = digits()
    net = trained(x[:1200], y[:1200])
    masks = every(16)
    for i in range(1200, 1200 + count):
        with torch.no_grad():
            k = int(net(x[i : i + 1]).argmax())
            found = [net(part[:, CELLS][:, None] * x[i])[:, k] for part in masks.split(512)]
        yield Played(torch.cat(found).double())


def table_games(path, answer, count):
    """Twelve columns of a table, a small network on them, absent columns at their mean."""
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if all(row.values())]
    names = [name for name in rows[0] if name != answer][:12]

    def coded(name):
        held = [row[name] for row in rows]
        try:
            return torch.tensor([float(v) for v in held])
        except ValueError:
            known = sorted(set(held))
            return torch.tensor([float(known.index(v)) for v in held])

    x = torch.stack([coded(name) for name in names], 1)
    y = (coded(answer) > coded(answer).min()).long()
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-6)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(8):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        for i in range(count):
            yield Played(net(every(12) * x[i]).diff(dim=1)[:, 0].double())


def estimators():
    """``name -> (game, budget, seed) -> values [n]``, for the libraries that are installed."""
    import captum.attr
    import shap
    from shapiq.approximator import KernelSHAP

    def ours(method):
        def run(game, budget, seed):
            ones = torch.ones(1, game.n, dtype=torch.float64)
            return method(game, ones, 0, budget=budget, compute=Compute(2048, seed=seed)).map[0]

        return run

    def by_captum(game, budget, seed):
        torch.manual_seed(seed)
        ones = torch.ones(1, game.n)
        made = captum.attr.KernelShap(game).attribute(
            ones, target=0, n_samples=budget, perturbations_per_eval=1024
        )
        return made[0].double()

    def by_shap(game, budget, seed):
        import numpy as np

        np.random.seed(seed)
        f = lambda z: game(torch.from_numpy(z))[:, 0].numpy()  # noqa: E731
        made = shap.KernelExplainer(f, np.zeros((1, game.n)))
        return torch.from_numpy(
            made.shap_values(np.ones((1, game.n)), nsamples=budget, l1_reg=False, silent=True)[0]
        )

    def by_shapiq(game, budget, seed):
        f = lambda z: game(torch.from_numpy(z).double())[:, 0].numpy() - float(game.worth[0])  # noqa: E731
        made = KernelSHAP(game.n, pairing_trick=True, random_state=seed).approximate(budget, f)
        return torch.tensor([made[(i,)] for i in range(game.n)], dtype=torch.float64)

    return {
        "kernel_shap": ours(kernel_shap),
        "odd_regression": ours(odd_regression),
        "shapley_sampling": ours(shapley_sampling),
        "shapiq, paired": by_shapiq,
        "shap, best setting": by_shap,
        "captum KernelShap": by_captum,
    }


def errors(name, games, seeds):
    print(f"\n{name}: mean relative squared error against enumeration, {len(games)} inputs, {seeds} seeds")
    print(f"{'':24}" + "".join(f"{b:>12}" for b in BUDGETS) + "   worse than kernel_shap")
    ones = torch.ones(1, games[0].n, dtype=torch.float64)
    truth = [exact_shapley(game, ones, 0, compute=Compute(4096)).map[0] for game in games]
    mine = None
    for who, run in estimators().items():
        found = []
        for budget in BUDGETS:
            each = [
                float((run(game, budget, seed) - exact).square().sum() / exact.square().sum())
                for game, exact in zip(games, truth, strict=True)
                for seed in range(seeds)
            ]
            found.append(statistics.mean(each))
        mine = mine or found
        ratios = [b / a for a, b in zip(mine, found, strict=True)]
        goal = GOALS.get(who)
        mark = "" if goal is None else f"   goal ≥ {goal:g}: {'yes' if min(ratios) >= goal else 'NO'}"
        cells = "".join(f"{f:12.1e}" for f in found) + "   " + "".join(f"{r:9.2f}×" for r in ratios)
        print(f"{who:24}{cells}{mark}", flush=True)


def held(name, games, seeds):
    print(f"\n{name}: share of values within 1.96 standard errors, {len(games)} inputs, {seeds} seeds")
    # all games at once: they share their coalitions
    together, each = Played(torch.stack([game.worth for game in games], 1)), list(range(len(games)))
    ones = torch.ones(len(games), games[0].n, dtype=torch.float64)
    exact = exact_shapley(together, ones, each, compute=Compute(4096)).map
    for method in (kernel_shap, odd_regression):
        cells = ""
        for budget in (40, 80, 160, 320, 640, 1600, 3000):
            inside = []
            for seed in range(seeds):
                found = method(together, ones, each, budget=budget, compute=Compute(4096, seed=seed))
                inside.append(float(((found.map - exact).abs() <= 1.96 * found.stderr).double().mean()))
            cells += f"   {budget}: {statistics.mean(inside):.3f}"
        print(f"{method.__name__:24}{cells}", flush=True)


def products(sets, size):
    signs, chosen = sets.double() * 2 - 1, list(combinations(range(sets.shape[1]), size))
    inside = torch.zeros(signs.shape[1], len(chosen), dtype=torch.float64)
    inside.scatter_(0, torch.tensor(chosen).T, 2 / size)
    return torch.stack([signs[:, list(parts)].prod(1) for parts in chosen], 1), inside


def evenness():
    """Squared error of a product's values by the kernel's regression and by the best linear estimator."""
    print("\nsquared error by a product of three (five) parts, summed over the parts")
    for n, rows in ((12, 80), (12, 320), (12, 1600), (16, 80), (16, 320), (16, 1600)):
        generator = torch.Generator().manual_seed(0)
        drawn = pairs(n, (rows - 2) // 2, generator)
        cells = ""
        for who, found in (("random", drawn), ("even", evenly(drawn, generator))):
            signs, free = found.sets.double() * 2 - 1, summing(n)
            influence = free @ fit(signs @ free, found.weights(len(signs))[0]).influence
            for size in (3, 5) if n < 16 else (3,):
                made, wanted = products(found.sets, size)
                moved = influence @ (2 * made - signs.sum(1, keepdim=True) * 2 / n) + 2 / n
                cells += f"   {who} ({size}) {float((moved - wanted).square().sum(0).mean()):.4f}"
        # universal kriging: a free trend, and products of three with one variance
        whole = torch.cat([torch.ones(1, n, dtype=torch.bool), found.sets])
        made, wanted = products(whole, 3)
        trend, together = whole.double() * 2 - 1, made @ made.T
        together += 1e-9 * together.diagonal().mean() * torch.eye(len(whole), dtype=torch.float64)
        undone = torch.linalg.inv(together)
        free = torch.linalg.solve(trend.T @ undone @ trend, trend.T @ undone)
        best = 2 * free + wanted @ made.T @ undone @ (torch.eye(len(whole)).double() - trend @ free)
        off = (best @ made - wanted).square().sum(0).mean()
        print(f"{n} parts, {rows} rows{cells}   even, best linear (3) {float(off):.4f}", flush=True)


def seconds(call, rounds):
    call()
    times = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return statistics.median(times)


def times(rounds):
    """Processor time for 8 pictures in 16 cells, at equal rows of the network."""
    import captum.attr as theirs

    torch.manual_seed(0)
    net, shape = digits_cnn()
    x, y = torch.rand(8, *shape), torch.arange(8)
    cells = (torch.arange(8) // 2)[:, None] * 4 + torch.arange(8) // 2
    rows, perms = 302, 10
    groups, how = cells[None], Compute(256)

    def each(algorithm, per):
        return [
            algorithm.attribute(
                x[i : i + 1],
                target=y[i : i + 1],
                feature_mask=mask,
                n_samples=rows,
                perturbations_per_eval=per,
            )
            for i in range(len(x))
        ]

    mask, once = cells[None, None], {"groups": groups, "compute": how}
    orders, ablation = theirs.ShapleyValueSampling(net), theirs.FeatureAblation(net)
    cases = {
        "kernel_shap": (
            lambda: kernel_shap(net, x, y, budget=rows, **once),
            lambda per: each(theirs.KernelShap(net), per),
        ),
        "lime": (
            lambda: lime(net, x, y, budget=rows, **once),
            lambda per: each(theirs.Lime(net), per),
        ),
        "shapley_sampling": (
            lambda: shapley_sampling(net, x, y, budget=rows, **once),
            lambda per: orders.attribute(
                x, target=y, feature_mask=mask, n_samples=2 * perms, perturbations_per_eval=per
            ),
        ),
        "feature_ablation": (
            lambda: feature_ablation(net, x, y, **once),
            lambda per: ablation.attribute(x, target=y, feature_mask=mask, perturbations_per_eval=per),
        ),
    }
    print(f"\nprocessor time for 8 digits in 16 cells at {rows} rows each (goals: default ≥ 5×, best ≥ 1.2×)")
    print(f"{'':24}{'ours ms':>10}{'default ms':>12}{'ratio':>8}{'best ms':>10}{'ratio':>8}")
    for name, (ours, other) in cases.items():
        a = seconds(ours, rounds)
        default = seconds(lambda other=other: other(1), 1)
        best = min(seconds(lambda other=other, per=per: other(per), rounds) for per in (16, 64, 256))
        print(
            f"{name:24}{a * 1e3:10.1f}{default * 1e3:12.1f}{default / a:7.1f}×"
            f"{best * 1e3:10.1f}{best / a:7.1f}×",
            flush=True,
        )


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--inputs", type=int, default=3)
    folder = os.environ.get("PELLUCID_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")
    options.add_argument("--data", type=asked.folder, default=Path(folder))
    options.add_argument("--ours", action="store_true")
    options.add_argument("--evenness", action="store_true")
    given = options.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if given.evenness:
        evenness()
        return 0
    shown = held if given.ours else errors
    if not given.ours:
        times(3)
    for file, answer in (("heloc.csv", "RiskPerformance"), ("german_credit.csv", "creditability")):
        if (given.data / file).exists():
            games = list(table_games(given.data / file, answer, 4 * given.inputs))
            shown(f"{file}, 12 columns", games, given.seeds)
    shown("digits CNN, 16 cells", list(digit_games(given.inputs)), given.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
