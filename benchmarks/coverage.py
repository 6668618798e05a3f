"""How often 1.96 standard errors, or intervals at 95 %, hold the truth: every sampled method that gives one.

``python benchmarks/coverage.py [--only noisy rise coalitions rows]`` prints one line for each method and
network, and exits with 1 where a share lies outside .93 to .97. Expected gradients stand in ``gradient.py``,
``kernel_shap`` and ``odd_regression`` in ``shapley.py``. Truth is a run with very many samples, enumeration,
or all rows that samples are drawn from.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from bounds import dense, tables
from bounds import trained as trained_on
from gradient import digits, networks, trained
from shapley import Played, table_games
from torch import Tensor, nn

from pellucid import attribution as a
from pellucid import importance
from pellucid._core import Compute
from pellucid._core._coalitions import every
from pellucid._core._least_squares import fit

SEEDS = 24
Shares = Iterator[tuple[str, Tensor]]


def held(off: Tensor, error: Tensor) -> Tensor:
    """Which values their error holds, where there is an error."""
    return (off.abs() <= 1.96 * error)[error > 0].double()


def pictures() -> dict[str, tuple[nn.Module, Tensor, list[int]]]:
    x, y = digits()
    nets = {name: trained(net, x, y) for name, net in networks().items()}
    return {name: (net, x[:8], net(x[:8]).argmax(1).tolist()) for name, net in nets.items()}


def of(
    method: Callable[..., object],
    net: nn.Module,
    x: Tensor,
    k: list[int],
    far: int,
    few: tuple[int, ...],
) -> Iterator[tuple[int, Tensor]]:
    """Shares held by runs with few samples, against one with ``far``."""
    truth = method(net, x, k, samples=far, compute=Compute(1024, seed=999)).values
    for samples in few:
        hows = (Compute(1024, seed=seed) for seed in range(SEEDS))
        runs = (method(net, x, k, samples=samples, compute=how) for how in hows)
        yield samples, torch.cat([held(run.values - truth, run.stderr) for run in runs])


def noisy() -> Shares:
    for name, (net, x, k) in pictures().items():
        for method in (a.smoothgrad, a.smoothgrad_squared, a.vargrad):
            for samples, inside in of(method, net, x, k, 4_000, (10, 50)):
                yield f"{method.__name__}, {name}, {samples} samples", inside


def rise() -> Shares:
    for name, (net, x, k) in pictures().items():
        for samples, inside in of(a.rise, net, x, k, 60_000, (50, 200, 1000)):
            yield f"rise, {name}, {samples} masks", inside


def games() -> Iterator[tuple[str, nn.Module, Tensor, list[int]]]:
    """Twelve columns of tables, the games of several rows at once."""
    folder = Path(os.environ.get("PELLUCID_TEST_DATA", "shared/data"))
    for file, answer in (("heloc.csv", "RiskPerformance"), ("german_credit.csv", "creditability")):
        if (folder / file).exists():
            yield file, *_together([game.worth for game in table_games(folder / file, answer, 8)])
    for name, rows, labels in tables():
        torch.manual_seed(0)
        rows = rows[:, :12]
        net = dense(rows.shape[1], int(labels.max()) + 1, nn.ReLU, torch.Generator().manual_seed(3))
        net, bits = trained_on(net, rows, labels), every(rows.shape[1]).double()
        with torch.no_grad():
            yield name, *_together([net(bits * row)[:, 0] for row in rows[:8].double()])


def _together(worths: list[Tensor]) -> tuple[nn.Module, Tensor, list[int]]:
    game = Played(torch.stack(worths, 1))
    return game, torch.ones(len(worths), game.n, dtype=torch.float64), list(range(len(worths)))


def surrogate(game: Played, width: float = 0.25) -> Tensor:
    """LIME's coefficients from all coalitions ``[R, n]``."""
    z = every(game.n).double()
    weight = (-((1 - (z.sum(1) / game.n).sqrt()) / width).square()).exp()
    center = lambda part: part - (weight @ part) / weight.sum()  # noqa: E731
    return fit(center(z), weight).coefficients(center(game.worth)).T


def coalitions() -> Shares:
    for name, game, ones, each in games():
        exact = a.exact_shapley(game, ones, each, compute=Compute(4096)).map
        both = importance.shapley_interactions(
            game, ones, each, budget=2**game.n, compute=Compute(4096)
        ).values
        linear = surrogate(game)

        def run(
            method: Callable[..., object], budget: int, seed: int, game=game, ones=ones, each=each
        ) -> object:
            return method(game, ones, each, budget=budget, compute=Compute(4096, seed=seed))

        for budget in (80, 320, 1600):
            runs = [run(a.shapley_sampling, budget, seed) for seed in range(SEEDS)]
            yield (
                f"shapley_sampling, {name}, {budget} rows",
                torch.cat([held(r.map - exact, r.stderr) for r in runs]),
            )
            runs = [run(a.lime, budget, seed) for seed in range(SEEDS)]
            yield f"lime, {name}, {budget} rows", torch.cat([held(r.map - linear, r.stderr) for r in runs])
        for budget in (160, 320, 1600):
            runs = [run(importance.shapley_interactions, budget, seed) for seed in range(SEEDS)]
            inside = torch.cat([held(r.values - both, r.stderr) for r in runs])
            yield f"shapley_interactions, {name}, {budget} rows", inside


def rows_drawn() -> Shares:
    """Rows drawn anew from a large table stand for people drawn anew."""
    for name, x, y in tables():
        torch.manual_seed(0)
        net = trained_on(dense(x.shape[1], int(y.max()) + 1, nn.ReLU, torch.Generator().manual_seed(3)), x, y)
        x, some = x.double(), x[:4].double()
        k = net(some).argmax(1).tolist()
        each = a.integrated_gradients(net, x, 0, steps=20, rule="midpoint")
        whole = importance.mean_attribution(each).values
        swapped = importance.permutation_importance(net, x, y, repeats=40).values
        curve = importance.partial_dependence(net, x, 0, 0, grid=x[:10, 0])
        truth = a.deep_lift_shap(net, some, k, background=x).values
        for count in (20, 50, 100):
            found: dict[str, list[Tensor]] = {}
            for seed in range(2 * SEEDS):
                which = torch.randint(len(x), (count,), generator=torch.Generator().manual_seed(seed))
                few = a.deep_lift_shap(net, some, k, background=x[which])
                found.setdefault("deep_lift_shap", []).append(held(few.values - truth, few.stderr))
                drawn = a.integrated_gradients(net, x[which], 0, steps=20, rule="midpoint")
                other = importance.mean_attribution(drawn)
                found.setdefault("mean_attribution", []).append(between(other, whole))
                how = Compute(seed=seed)
                other = importance.permutation_importance(net, x[which], y[which], compute=how)
                found.setdefault("permutation_importance", []).append(between(other, swapped))
                other = importance.partial_dependence(net, x[which], 0, 0, grid=x[:10, 0])
                found.setdefault("partial_dependence", []).append(between(other, curve.mean))
            for method, inside in found.items():
                yield f"{method}, {name}, {count} rows", torch.cat(inside)


def between(found: object, truth: Tensor) -> Tensor:
    return ((found.low <= truth) & (truth <= found.high)).double()


def main() -> int:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    parts = {"noisy": noisy, "rise": rise, "coalitions": coalitions, "rows": rows_drawn}
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="+", choices=list(parts), default=list(parts))
    missed = 0
    for name in options.parse_args().only:
        for what, inside in parts[name]():
            if not len(inside):  # nothing was left to chance
                continue
            share = float(inside.mean())
            missed += not 0.93 <= share <= 0.97
            print(f"{what:60} {share:.3f}{'' if 0.93 <= share <= 0.97 else '   MISSED'}", flush=True)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
