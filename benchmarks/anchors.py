"""Does the bound of an anchor hold? Prints one line for each data set and way of drawing.

Run: python benchmarks/anchors.py FOLDER [--rows 40] [--repeats 1]
FOLDER holds german_credit.csv, heloc.csv and pima_diabetes.csv. Neighbour draws can be counted out (each real
row with each of its donors), so the precision that the bound is about is known exactly; that of marginal
draws is counted on 100,000 more draws with another seed. The bound is nominally right in 95 % of cases.
``--bounds 200`` draws the last 1,000 again for each anchor: the bound alone, without the luck of one draw.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from asked import folder, one_of

from pellucid import training
from pellucid._core import Compute, predict, wilson
from pellucid.data import table
from pellucid.networks import default_network
from pellucid.rules import anchor
from pellucid.rules._anchor_conditions import row_draws
from pellucid.rules._bounds import clopper_pearson_low

SETS = {"german_credit": "creditability", "heloc": "RiskPerformance", "pima_diabetes": "diabetes"}
AGAIN = 100_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=folder)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=1, help="searches for each row, with other seeds")
    parser.add_argument("--bounds", type=int, default=0, help="bounds drawn again for each anchor")
    parser.add_argument("--sets", nargs="*", type=one_of([*SETS]), default=list(SETS))
    parser.add_argument(
        "--samplings", nargs="*", choices=["neighbour", "marginal"], default=["neighbour", "marginal"]
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.sets:
        target = SETS[name]
        data = table(args.folder / f"{name}.csv", target)
        model = default_network(data, seed=0)
        for _ in training.train(model, data, epochs=20, patience=5, instruments=False):
            pass
        held = data.part("test").inputs[: args.rows]
        for sampling in args.samplings:
            began, lines = time.process_time(), []
            for repeat in range(args.repeats):
                for i, x in enumerate(held.split(1)):
                    seed = 1000 * repeat + i
                    found = anchor(model, data, x, sampling=sampling, compute=Compute(4096, seed=seed))
                    lines.append((found, *again(model, data, x, found, sampling, seed, args.bounds)))
            told(name, sampling, lines, (time.process_time() - began) / len(lines))


def again(model, data, x, found, sampling, seed, bounds) -> tuple[float, int]:
    """The precision that the bound is about, and how many of further bounds lie below it."""
    own = predict(model, x).argmax(1).item()

    def same(inputs):
        return predict(model, inputs, compute=Compute(4096)).argmax(1).numpy() == own

    draws = row_draws(data.spec, data.part("train").inputs, x, same, sampling, seed)
    chosen = tuple(draws.conditions.index(c) for c in found.conditions)
    chance = np.random.default_rng(10_000 + seed)
    if sampling == "neighbour":
        true = float(same(every(draws, chosen)).mean())
    else:
        true = float(same(draws.draw(chosen, AGAIN, chance)).mean())
    hits = [int(same(draws.draw(chosen, found.n, chance)).sum()) for _ in range(bounds)]
    return true, sum(clopper_pearson_low(h, found.n) <= true for h in hits)


def every(draws, chosen):
    """All rows that neighbour draws can give, each as often as it is drawn."""
    rows = draws.real[:-1]
    named = sorted(set(draws.columns[list(chosen)].tolist()))
    if named:
        donors = draws._donors(tuple(sorted(chosen)), named)
        rows = np.repeat(rows, donors.shape[1], axis=0)
        rows[:, named] = draws.real[donors.flatten()][:, named]
    return draws.codes.encode(rows).to(draws.like)


def told(name, sampling, lines, seconds) -> None:
    holds = sum(true >= found.precision_low for found, true, _ in lines)
    low, high = wilson(holds, len(lines))
    good = [found for found, *_ in lines if found.reached]
    sure = [(found, true) for found, true, _ in lines if found.reached]
    kept = sum(true >= found.precision_low for found, true in sure)
    covered = sum(f.covered for f in good)
    agreeing = sum(f.agreeing for f in good)
    worst = min(true - found.precision_low for found, true, _ in lines)
    conditions = np.mean([len(f.conditions) for f in good] or [0])
    print(
        f"{name} {sampling}: bound holds {holds}/{len(lines)} [{low:.3f}, {high:.3f}] · anchors "
        f"{len(good)}/{len(lines)}, of them the bound holds {kept} · further bounds "
        f"{sum(b for *_, b in lines)} · conditions {conditions:.2f} · worst {worst:+.4f} · coverage "
        f"{np.mean([f.coverage for f in good] or [0]):.3f} · held-out rows under anchors that agree "
        f"{agreeing}/{covered} = {agreeing / max(1, covered):.3f} · {seconds:.2f} CPU s each"
    )


if __name__ == "__main__":
    main()
