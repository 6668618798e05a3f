"""Attention networks for pictures and texts beside the plain network of the same data: accuracy, certificate.

Both are trained with the settings that ship, on the same rows; what is told is of the held-out rows.

Run: ``python benchmarks/attention.py FOLDER [digits|fashion|sms|sst2 …] [--seeds 3]``

FOLDER holds ``fashion_mnist.npz`` (the first 10,000 training and 2,000 test pictures are taken),
``sms_spam.csv`` and ``sst2.csv.gz``; digits come with scikit-learn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from asked import folder, one_of

import pellucid
from pellucid import data, tasks
from pellucid._core import Dataset, Subject
from pellucid.inputs import TextSpec
from pellucid.networks import Gated

HEAD = (
    "data", "seed", "rows", "attention", "CPU s", "plain", "CPU s", "swap AUC", "worst class", "AUC",
    "parts used", "pixels or words used",
)  # fmt: skip
SEEN, HELD = 10_000, 2_000
SWAPS = 50
MANY = {"patch": "patches", "word": "words"}


def fashion(folder: Path) -> Dataset:
    """The first pictures of each part, a tenth of the training pictures for validation."""
    found = data.npz(folder / "fashion_mnist.npz")
    held = (found.parts == 2).nonzero().flatten()[:HELD]
    seen = (found.parts != 2).nonzero().flatten()[:SEEN]
    return found.rows(torch.cat([seen, held]))


SETS: dict[str, Callable[[Path], Dataset]] = {
    "digits": lambda _: data.digits(),
    "fashion": fashion,
    "sms": lambda folder: data.texts(folder / "sms_spam.csv", text="text", target="label"),
    "sst2": lambda folder: data.texts(folder / "sst2.csv.gz", text="text", target="label", parts="split"),
}


def used(subject: Subject) -> tuple[float, float]:
    """Share of parts, and of pixels or words, whose weight is above 0 in a held-out input."""
    network, held = subject.model, tasks.held_out(subject.needs_data("used")).inputs
    assert isinstance(network, Gated)
    with torch.no_grad():
        attention = network.attention(held)
        there = (
            held != 0 if isinstance(subject.spec, TextSpec) else torch.ones_like(attention, dtype=torch.bool)
        )
        shown = network.shown(attention, held) > 0
    parts = ((attention > 0) & there).sum().item() / there.sum().item()
    return parts, parts if network.part == "word" else shown.float().mean().item()


def trained(found: Dataset, network: str | None, seed: int) -> tuple[Subject, float]:
    began = time.process_time()
    return pellucid.train(found, network=network, seed=seed), time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="Attention networks beside plain ones.")
    parser.add_argument("folder", type=folder)
    parser.add_argument("sets", nargs="*", type=one_of([*SETS]), default=[*SETS])
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for name in asked.sets:
        found = SETS[name](asked.folder)
        for seed in range(asked.seeds):
            print(f"| {name} | {seed} | {' | '.join(line(found, seed))} |", flush=True)


def line(found: Dataset, seed: int) -> tuple[str, ...]:
    """One fit of each network."""
    mine, seconds = trained(found, "attention", seed)
    plain, others = trained(found, None, seed)
    told = tasks.certificate(mine, swaps=SWAPS)
    parts, seen = used(mine)
    return (
        f"{len(found.part('train')):,} + {told.n:,}",
        shown(tasks.performance(mine)),
        f"{seconds:.0f}",
        shown(tasks.performance(plain)),
        f"{others:.0f}",
        f"{told.swap_auc:.3f}",
        "–" if told.worst is None else f"{told.worst[0]} {told.worst[1]:.3f}",
        f"{told.auc:.3f}",
        f"{parts:.0%} of {MANY[told.part]}",
        f"{seen:.0%}",
    )


def shown(score: tasks.Performance) -> str:
    return f"{score.value:.1%} [{score.low:.1%}, {score.high:.1%}]"


if __name__ == "__main__":
    main()
