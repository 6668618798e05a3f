"""Does the bound of an anchor hold? Prints one line for each data set and way of drawing.

Run: python benchmarks/anchors.py FOLDER [--rows 40]
FOLDER holds german_credit.csv, heloc.csv and pima_diabetes.csv. Each anchor's precision is counted again on
20,000 draws with another seed; the bound is nominally right in 95 % of cases.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from pellucid import training
from pellucid._core import Compute, predict, wilson
from pellucid.data import table
from pellucid.networks import default_network
from pellucid.rules import anchor
from pellucid.rules._anchor_conditions import row_draws

SETS = {"german_credit": "creditability", "heloc": "RiskPerformance", "pima_diabetes": "diabetes"}
AGAIN = 20_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.sets:
        target = SETS[name]
        data = table(args.folder / f"{name}.csv", target)
        model = default_network(data, seed=0)
        for _ in training.train(model, data, epochs=20, patience=5, instruments=False):
            pass
        held = data.part("test").inputs[: args.rows]
        for sampling in ("neighbour", "marginal"):
            began, lines = time.process_time(), []
            for i, x in enumerate(held.split(1)):
                found = anchor(model, data, x, sampling=sampling, compute=Compute(4096, seed=i))
                lines.append((found, again(model, data, x, found, sampling, i)))
            told(name, sampling, lines, (time.process_time() - began) / len(held))


def again(model, data, x, found, sampling, seed) -> float:
    """Precision on draws that had no part in the search or the bound."""
    own = predict(model, x).argmax(1).item()

    def same(inputs):
        return predict(model, inputs, compute=Compute(4096)).argmax(1).numpy() == own

    draws = row_draws(data.spec, data.part("train").inputs, x, same, sampling, seed)
    chosen = tuple(draws.conditions.index(c) for c in found.conditions)
    return float(same(draws.draw(chosen, AGAIN, np.random.default_rng(10_000 + seed))).mean())


def told(name, sampling, lines, seconds) -> None:
    holds = sum(true >= found.precision_low for found, true in lines)
    low, high = wilson(holds, len(lines))
    good = [found for found, _ in lines if found.reached]
    covered = sum(f.covered for f in good)
    agreeing = sum(f.agreeing for f in good)
    worst = min(true - found.precision_low for found, true in lines)
    conditions = np.mean([len(f.conditions) for f in good] or [0])
    print(
        f"{name} {sampling}: bound holds {holds}/{len(lines)} [{low:.3f}, {high:.3f}] · anchors "
        f"{len(good)}/{len(lines)} · conditions {conditions:.2f} · worst {worst:+.4f} · coverage "
        f"{np.mean([f.coverage for f in good] or [0]):.3f} · held-out rows under anchors that agree "
        f"{agreeing}/{covered} = {agreeing / max(1, covered):.3f} · {seconds:.2f} CPU s each"
    )


if __name__ == "__main__":
    main()
