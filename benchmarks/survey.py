"""What share of the rows a survey of few rows finds supported, and how many of these are false.

``python benchmarks/survey.py [digits table]``: samples of 24, 32 and 100 of 200 rows. *Fake* are samples half
of whose rows carry the map of a row outside the sample; their share of the rows chosen is false. *Empty*
are samples of maps of untrained copies: how often any row is chosen. Beside the rule that is used stands
Benjamini and Hochberg's. Exits with 1 where more than .1 is false.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable

import torch
from asked import names, words
from calibration import N, Trial, breast_cancer, methods, table_network
from scipy.stats import false_discovery_control
from torch import Tensor

from evidence import digits, trained
from pellucid import evidence
from pellucid._core import untrained
from pellucid.evidence._about import shares
from pellucid.evidence._statistics import discoveries
from pellucid.inputs import ImageSpec

SAMPLES, RATE, COPIES = 40, 0.1, 19
RULES: dict[str, Callable[[Tensor], Tensor]] = {
    "used": lambda p: discoveries(p, RATE),
    "Benjamini and Hochberg": lambda p: torch.from_numpy(false_discovery_control(p.numpy()) <= RATE),
}


def some(trial: Trial, maps: Tensor, rows: Tensor, twins: Tensor) -> Tensor:
    """Joint p of maps ``[n, *shape]`` on some rows, as a survey finds it."""
    seen = dataclasses.replace(trial.seen, drops=trial.seen.drops[rows], scores=trial.seen.scores[rows])
    which: list[list[int]] = [[] for _ in rows]
    for copy, explained in enumerate(shares(len(rows), COPIES)):
        for row in explained.tolist():
            which[row].append(copy)
    each = torch.stack([twins[copies, row] for copies, row in zip(which, rows.tolist(), strict=True)], 1)
    strangers = ~torch.eye(len(rows), dtype=torch.bool)
    nulls = (evidence.placement(seen, maps), evidence.specificity(seen, maps, maps, strangers))
    return evidence.joint(*nulls, evidence.training(seen, maps, each))


def measured(trial: Trial, maps: Tensor, empty: Tensor, twins: Tensor, count: int) -> dict[str, list[float]]:
    """Of each rule: share found, of fake samples share found and share false, of empty ones how many hit."""
    draw = torch.Generator().manual_seed(0)
    found: dict[str, list[Tensor]] = {rule: [] for rule in RULES}
    fake = torch.arange(count) < count // 2
    for _ in range(SAMPLES):
        order = torch.randperm(N, generator=draw)
        rows, others = order[:count], order[count:][: count // 2]
        mixed = torch.cat([maps[others], maps[rows[count // 2 :]]])
        p = [some(trial, given, rows, twins) for given in (maps[rows], mixed, empty[rows])]
        for rule, choose in RULES.items():
            whole, half, none = (choose(one) for one in p)
            false = (half & fake).sum() / half.sum().clamp(min=1)
            numbers = (whole.double().mean(), half[~fake].double().mean(), false, none.any().double())
            found[rule].append(torch.stack([number.double() for number in numbers]))
    return {rule: torch.stack(each).mean(0).tolist() for rule, each in found.items()}


def main() -> int:
    torch.set_num_threads(1)
    wanted, worst = names(words(__doc__), ("digits", "table")), 0.0
    for name in wanted:
        x, y = digits() if name == "digits" else breast_cancer()
        if name == "digits":
            trial = Trial(trained(x[:1200], y[:1200]), x[1200 : 1200 + N], ImageSpec(size=(16, 16)))
        else:
            trial = Trial(table_network(x[:369], y[:369]), x[369:], None)
        chosen = methods(pictures=name == "digits")
        for method in ("integrated_gradients", "input_x_gradient", "saliency", "smoothgrad"):
            maps, empty = (
                trial.maps(chosen[method], trial.net),
                trial.maps(chosen[method], untrained(trial.net)),
            )
            twins = torch.stack([trial.maps(chosen[method], copy) for copy in trial.copies])
            for count in (24, 32, 100):
                for rule, told in measured(trial, maps, empty, twins, count).items():
                    power, half, false, none = told
                    worst = max(worst, false, none) if rule == "used" else worst
                    print(
                        f"{name:8}{method:22}{count:4} rows {rule:24} found {power:.3f}"
                        f"   half fake: found {half:.3f}, false {false:.3f}   empty: any {none:.2f}",
                        flush=True,
                    )
    return int(worst > RATE)


if __name__ == "__main__":
    sys.exit(main())
