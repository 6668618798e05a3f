"""Does influence foretell what retraining does, and does it find wrong labels? Prints one table.

Run: python benchmarks/influence.py
"""

from __future__ import annotations

import copy
import dataclasses

import torch
import torch.nn.functional as F
from torch import nn

from pellucid import data
from pellucid._core import Compute, Dataset
from pellucid.influence import Influence, representer_points, tracin
from pellucid.influence._last import entering, last_dense
from pellucid.training import train

SEEDS = 5
COMPUTE = Compute(batch_size=256)


def subset(whole: Dataset, train_rows: int, asked: int) -> Dataset:
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))[: train_rows + 2 * asked]
    part = whole.rows(order)
    parts = torch.zeros(len(part), dtype=torch.int8)
    parts[train_rows : train_rows + asked] = 1
    parts[train_rows + asked :] = 2
    return dataclasses.replace(part, parts=parts)


def fitted(dataset: Dataset, seed: int = 0, hidden: int = 32, epochs: int = 30):
    torch.manual_seed(seed)
    width = dataset.inputs[0].numel()
    net = nn.Sequential(nn.Flatten(), nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, dataset.outputs))
    running = train(
        net, dataset, epochs=epochs, batch_size=32, optimizer="sgd", learning_rate=0.05, momentum=0.0,
        weight_decay=0.0, patience=None, snapshots=5, instruments=False, seed=seed,
    )  # fmt: skip
    for _ in running:
        last = copy.deepcopy(net.state_dict())
    # the weights at the end, not those of the best epoch: every run has as many steps
    net.load_state_dict(last)
    return net.eval(), running.record


def losses(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return F.cross_entropy(net(x), y, reduction="none").double()


def similarity(net: nn.Module, dataset: Dataset, asked: Dataset) -> torch.Tensor:
    """Cosine in the last hidden layer, for rows of the same answer, against it for others."""
    site = last_dense(net, dataset.inputs, None, COMPUTE)
    ways = [F.normalize(entering(net, part.inputs, site, None, COMPUTE), dim=1) for part in (asked, dataset)]
    sign = (asked.answers[:, None] == dataset.answers).double() * 2 - 1
    return (ways[0] @ ways[1].T).double() * sign


def scores(net, record, dataset: Dataset, asked: Dataset) -> dict[str, torch.Tensor]:
    part = dataset.part("train")
    by: dict[str, Influence] = {
        "tracin, last layer": tracin(net, dataset, asked.inputs, asked.answers, snapshots=record.snapshots),
        "tracin, all parameters": tracin(
            net, dataset, asked.inputs, asked.answers, snapshots=record.snapshots, layers="all"
        ),
        "representer points": representer_points(net, dataset, asked.inputs, asked.answers),
    }
    found = {name: each.values.double() for name, each in by.items()}
    found["similarity in the hidden layer"] = similarity(net, part, asked)
    found["chance"] = torch.rand(
        found["representer points"].shape, generator=torch.Generator().manual_seed(1)
    )
    return found


def without(dataset: Dataset, train_numbers: torch.Tensor) -> Dataset:
    kept = torch.ones(len(dataset), dtype=torch.bool)
    kept[(dataset.parts == 0).nonzero().flatten()[train_numbers]] = False
    return dataset.rows(kept)


def groups(dataset: Dataset, rounds: int = 60) -> None:
    """Leave random fifths out: correlation of the summed influence with the mean change of loss."""
    asked = dataset.part("test")
    runs = [fitted(dataset, seed) for seed in range(SEEDS)]
    all_scores = [scores(net, record, dataset, asked) for net, record in runs]
    mean = {name: sum(s[name] for s in all_scores) / SEEDS for name in all_scores[0]}
    before = sum(losses(net, asked.inputs, asked.answers) for net, _ in runs) / SEEDS
    count = int((dataset.parts == 0).sum())
    generator = torch.Generator().manual_seed(2)
    left = [torch.randperm(count, generator=generator)[: count // 5] for _ in range(rounds)]
    rises = []
    for numbers in left:
        part = without(dataset, numbers)
        nets = [fitted(part, seed)[0] for seed in range(SEEDS)]
        after = sum(losses(net, asked.inputs, asked.answers) for net in nets) / SEEDS
        rises.append(after - before)
    rise = torch.stack(rises)
    print(f"leave a fifth of {count} rows out, {rounds} times, {SEEDS} seeds each, {len(asked)} answers:")
    print("rank correlation of the summed influence with the rise of the loss, mean over answers")
    for name, score in mean.items():
        foretold = torch.stack([score[:, numbers].sum(1) for numbers in left])
        each = [spearman(foretold[:, m], rise[:, m]) for m in range(len(asked))]
        print(f"  {name:32s} {sum(each) / len(each):+.2f}")


def proponents(dataset: Dataset, k: int) -> None:
    """Leave the strongest proponents of one answer out: rise of its loss."""
    asked = dataset.part("test").rows(torch.arange(10))
    runs = [fitted(dataset, seed) for seed in range(SEEDS)]
    found = [scores(net, record, dataset, asked) for net, record in runs]
    before = sum(losses(net, asked.inputs, asked.answers) for net, _ in runs) / SEEDS
    print(f"leave the {k} strongest proponents of an answer out: mean rise of its loss (nats), 10 answers")
    for name in found[0]:
        mean = sum(s[name] for s in found) / SEEDS
        rise = []
        for m in range(len(asked)):
            part = without(dataset, mean[m].argsort(descending=True)[:k])
            nets = [fitted(part, seed)[0] for seed in range(SEEDS)]
            one = asked.rows(torch.tensor([m]))
            after = sum(losses(net, one.inputs, one.answers) for net in nets) / SEEDS
            rise.append(float(after[0] - before[m]))
        print(f"  {name:32s} {sum(rise) / len(rise):+.3f}")


def flipped(dataset: Dataset) -> None:
    """Wrong labels found among the tenth of rows that did most for their own answer."""
    numbers = (dataset.parts == 0).nonzero().flatten()
    generator = torch.Generator().manual_seed(3)
    wrong = numbers[torch.randperm(len(numbers), generator=generator)[: len(numbers) // 10]]
    answers = dataset.answers.clone()
    answers[wrong] = (answers[wrong] + torch.randint(1, 10, wrong.shape, generator=generator)) % 10
    spoiled = dataclasses.replace(dataset, answers=answers)
    net, record = fitted(spoiled)
    one = spoiled.part("test").rows(torch.arange(1))
    part = spoiled.part("train")
    own = {
        "tracin, last layer": tracin(net, spoiled, one.inputs, one.answers, snapshots=record.snapshots).own,
        "tracin, all parameters": tracin(
            net, spoiled, one.inputs, one.answers, snapshots=record.snapshots, layers="all"
        ).own,
        "representer points": representer_points(net, spoiled, one.inputs, one.answers).own,
        "loss at the end": losses(net, part.inputs, part.answers),
        "chance": torch.rand(len(part), generator=generator),
    }
    print(f"{len(wrong)} of {len(part)} labels flipped: share of them among the first tenth")
    for name, score in own.items():
        first = numbers[score.argsort(descending=True)[: len(wrong)]]
        hit = len(set(first.tolist()) & set(wrong.tolist())) / len(wrong)
        print(f"  {name:32s} {hit:.2f}")


def spearman(a: torch.Tensor, b: torch.Tensor) -> float:
    ranks = [t.argsort().argsort().double() for t in (a, b)]
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    digits = data.by_name("digits")
    flipped(subset(digits, 600, 50))
    small = subset(digits, 200, 20)
    proponents(small, 5)
    groups(small)
