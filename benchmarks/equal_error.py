"""Sampled methods against captum: time until captum's accuracy, beside time at equal rows of the network.

``python benchmarks/equal_error.py [--rounds 5] [--only NETWORK …]``. Truth is enumeration of all
coalitions (of ``lime`` the fit to all of them, with one kernel for both libraries). Captum's error is the
median at its default rows over inputs × seeds; ours is the smallest budget that is not above it. Budgets are
chosen on ten inputs, errors and times are of eight others; processor time of one thread, in turns, medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import captum.attr as captum
import torch
from asked import names
from captum._utils.models.linear_model import SkLearnLinearRegression
from shapley import Played
from torch import Tensor, nn

from attribution import mlp, resnet18, small_cnn
from evidence import digits, trained
from pellucid import attribution as a
from pellucid._core import Compute
from pellucid._core._coalitions import every
from pellucid.errors import InputError

CHOSEN, TIMED, SEEDS = 10, 8, 3
Solve = Callable[[nn.Module, Tensor, Tensor, Tensor, int, int], Tensor]


@dataclass(frozen=True)
class Setting:
    """A network, rows, their classes and the cells of a row."""

    net: nn.Module
    x: Tensor
    y: Tensor
    cells: Tensor

    @property
    def n(self) -> int:
        return int(self.cells.max()) + 1

    def game(self, i: int) -> Played:
        """What each coalition of row ``i`` is worth."""
        with torch.no_grad():
            found = [
                self.net(part.float()[:, self.cells] * self.x[i])[:, self.y[i]]
                for part in every(self.n).split(256)
            ]
        return Played(torch.cat(found).double())


def untrained(make: Callable[[], tuple[nn.Module, tuple[int, ...]]], down: int) -> Setting:
    torch.manual_seed(0)
    net, shape = make()
    x, y = torch.rand(CHOSEN + TIMED, *shape), torch.arange(CHOSEN + TIMED) % 10
    if len(shape) == 1:
        return Setting(net.eval(), x, y, torch.arange(shape[0]) * 4 * down // shape[0])
    rows, columns = (torch.arange(shape[1]) * k // shape[1] for k in (down, 4))
    return Setting(net.eval(), x, y, (rows[:, None] * 4 + columns).expand(shape).contiguous())


def trained_digits() -> Setting:
    x, y = digits()
    net = trained(x[:1200], y[:1200])
    x = x[1200 : 1200 + CHOSEN + TIMED]
    half = torch.arange(16) // 4
    assert x.shape[1:] == (1, 16, 16)
    return Setting(net.eval(), x, net(x).argmax(1), (half[:, None] * 4 + half)[None])


def near(original: Tensor, perturbed: Tensor, mask: Tensor, **_: object) -> Tensor:
    """The kernel of ``lime``: of the cosine distance between the mask and the full one."""
    distance = 1 - mask.double().mean(-1).sqrt()
    return (-(distance / 0.25).square()).exp().squeeze()


def by_ours(method: Callable[..., object]) -> Solve:
    def run(net: nn.Module, x: Tensor, y: Tensor, cells: Tensor, budget: int, seed: int) -> Tensor:
        how = Compute(seed=seed)
        return method(net, x, y, groups=cells, budget=budget, compute=how).values

    return run


def by_captum(algorithm: Callable[[nn.Module], object], count: int, *, one: bool) -> Solve:
    def run(net: nn.Module, x: Tensor, y: Tensor, cells: Tensor, per: int, seed: int) -> Tensor:
        torch.manual_seed(seed)
        given = {"feature_mask": cells[None], "n_samples": count, "perturbations_per_eval": per}
        made = algorithm(net)
        rows = [slice(i, i + 1) for i in range(len(x))] if one else [slice(0, len(x))]
        return torch.cat([made.attribute(x[r], target=y[r], **given) for r in rows])

    return run


def methods(n: int) -> Iterator[tuple[str, Solve, Solve, int, Callable[[Played], Tensor]]]:
    """Name, ours, captum's, equal rows, truth."""

    def shapley(game: Played) -> Tensor:
        return a.exact_shapley(game, torch.ones(1, n).double(), 0, compute=Compute(4096)).map[0]

    def surrogate(game: Played) -> Tensor:
        z = every(n).double()
        weight = (-((1 - z.mean(1).sqrt()) / 0.25).square()).exp().sqrt()[:, None]
        design = weight * torch.cat([z, torch.ones(len(z), 1)], 1)
        return torch.linalg.lstsq(design, weight * game.worth[:, None])[0][:n, 0]

    def their_lime(net: nn.Module) -> object:
        return captum.Lime(net, interpretable_model=SkLearnLinearRegression(), similarity_func=near)

    yield "kernel_shap", by_ours(a.kernel_shap), by_captum(captum.KernelShap, 100, one=True), 102, shapley
    orders = by_captum(captum.ShapleyValueSampling, 10, one=False)
    yield "shapley_sampling", by_ours(a.shapley_sampling), orders, 2 + 10 * (n - 1), shapley
    yield "lime", by_ours(a.lime), by_captum(their_lime, 100, one=True), 102, surrogate


def error(solve: Solve, setting: int, games: list[Played], truth: list[Tensor]) -> float:
    """Median relative squared error over games × seeds."""
    n = games[0].n
    bits, cells, zero = torch.ones(1, n).double(), torch.arange(n), torch.zeros(1, dtype=torch.int64)
    return statistics.median(
        float((solve(g, bits, zero, cells, setting, seed)[0] - t).square().sum() / t.square().sum())
        for g, t in zip(games, truth, strict=True)
        for seed in range(SEEDS)
    )


def chosen(ours: Solve, equal: int, goal: float, n: int, games: list[Played], truth: list[Tensor]) -> int:
    """The smallest budget whose error is not above the goal; more than equal rows where it must be."""
    grid = sorted({*range(n + 2, equal, 4), equal, *(round(equal * 1.25**k) for k in range(1, 8))})
    for budget in grid:
        try:
            if error(ours, budget, games, truth) <= goal:
                return budget
        except InputError:  # below the least that the method takes
            continue
    return grid[-1]


def timed(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            if name == "default" and turn > 1:
                continue  # slow, and far off: once is enough
            began = time.process_time()
            call()
            if turn:
                spent[name].append(time.process_time() - began)
    return {name: statistics.median(found) for name, found in spent.items()}


def line(
    made: Setting,
    games: list[Played],
    rounds: int,
    ours: Solve,
    theirs: Solve,
    equal: int,
    truth: Callable[[Played], Tensor],
) -> str:
    """Errors, rows and ratios of one method on one network."""
    exact = [truth(game) for game in games]
    goal = error(theirs, 1024, games[:CHOSEN], exact[:CHOSEN])
    budget = chosen(ours, equal, goal, made.n, games[:CHOSEN], exact[:CHOSEN])
    mine = error(ours, budget, games[CHOSEN:], exact[CHOSEN:])
    his = error(theirs, 1024, games[CHOSEN:], exact[CHOSEN:])

    def call(solve: Solve, setting: int) -> Callable[[], object]:
        return lambda: solve(made.net, made.x[CHOSEN:], made.y[CHOSEN:], made.cells, setting, 0)

    calls = {"few": call(ours, budget), "equal": call(ours, equal)}
    took = timed(calls | {k: call(theirs, n) for k, n in (("default", 1), ("16", 16), ("64", 64))}, rounds)
    best = min(took["default"], took["16"], took["64"])
    few, same = took["few"], took["equal"]
    return (
        f"errors captum {his:.1e} ours {mine:.1e}   rows {budget:4} of {equal:4}"
        f"   equal error {took['default'] / few:6.2f} / {best / few:5.2f}"
        f"   equal rows {took['default'] / same:6.2f} / {best / same:5.2f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="networks: digits, mlp, cnn, resnet")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    settings = {
        "digits": trained_digits,
        "mlp": lambda: untrained(mlp, 4),
        "cnn": lambda: untrained(small_cnn, 4),
        "resnet": lambda: untrained(resnet18, 3),
    }
    names(options.only or (), list(settings))
    print(
        "rows: ours for captum's error, of so many at equal rows; then captum's time ÷ ours, default / best"
    )
    for net, make in settings.items():
        if options.only and net not in options.only:
            continue
        made = make()
        games = [made.game(i) for i in range(CHOSEN + TIMED)]
        for method in methods(made.n):
            print(f"{method[0]:17}{net:7} {line(made, games, options.rounds, *method[1:])}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
