"""Would the two-choice test tell pictures of a trained network from pictures of an untrained one?

Run: ``python benchmarks/picture_words.py RUN SITE [UNITS]``. The recipe of feature pictures on a network and
on three fresh untrained copies of it, each beside untrained twins of its own. A rule of evidence is
calibrated if at most 5 % of the copies' pictures pass; it is worth something if more of the network's own do.
"""

from __future__ import annotations

import sys

import torch
from asked import words

import pellucid
from pellucid._core import Compute, untrained
from pellucid.features import FeaturePictures, activation_maximization
from pellucid.features._words import control_bar

ROWS, STEPS, COPIES = 1000, 64, 3
HEAD = (
    "network",
    "pictures",
    "steadier",
    "told more",
    "told for certain more",
    "supported",
    "told",
    "twins'",
)


def row(name: str, made: FeaturePictures) -> str:
    """How many pictures pass each rule, and the medians of the two-choice test."""
    trust = made.trust
    assert trust is not None
    steady = (made.agreement / made.distance) > _bar(made.untrained_agreement / made.untrained_distance)
    bar = _bar(trust.untrained_told)
    counts = [int(each.sum()) for each in (steady, trust.told > bar, trust.told_low > bar)]
    supported = sum(word == "supported" for word in made.words)
    medians = [f"{float(each.nanmedian()):.3f}" for each in (trust.told, trust.untrained_told)]
    return f"| {' | '.join(map(str, (name, len(made.words), *counts, supported, *medians)))} |"


def _bar(control: torch.Tensor) -> float:
    bar = control_bar(control)
    return float("inf") if bar is None else bar


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    run, site, *many = words(__doc__, least=2, most=3)
    subject, units = pellucid.open(run), range(int(many[0])) if many else None
    x = subject.needs_data("pictures").inputs
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:ROWS]]
    networks = {"trained": (subject.model, 0)}
    for seed in range(COPIES):
        copy = untrained(subject.model, seed=1000 + seed, calibrate=x[:500])
        networks[f"untrained, seed {seed}"] = copy, seed
    sys.stdout.write(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}\n")
    for name, (network, seed) in networks.items():
        how = Compute(batch_size=128, seed=seed)
        made = activation_maximization(
            network, site, spec=subject.spec, data=x, units=units, steps=STEPS, compute=how
        )
        sys.stdout.write(f"{row(name, made)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
