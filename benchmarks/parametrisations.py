"""What a made input keeps of the data, and what that costs: every parametrisation on four kinds of data.

For each unit of a trained network the largest value reached ÷ the largest on real data, the distance to the
nearest real input ÷ the typical distance between neighbours, and how far two starts agree; the same three on
untrained twins. Besides, how plausible a made input is by a measure that no climb looks at: for pictures
and signals the distance between magnitude spectra ÷ typical, for tables the Mahalanobis distance ÷ the
data's 95 % quantile. Medians over units, one network, one thread.

Run: ``python benchmarks/parametrisations.py``
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid.features import FeaturePictures, activation_maximization
from pellucid.networks import cnn, mlp

STEPS = 256
TONES = (0.05, 0.11, 0.18, 0.27)  # in cycles per sample
LENGTH, SIGNALS = 128, 1200


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A trained network, its data, the layer looked at, and what goes by the name of plausible."""

    name: str
    network: nn.Module
    data: Tensor
    site: str
    statistics: tuple[str, ...]
    plausible: Callable[[Tensor, Tensor], Tensor]


def trained(network: nn.Module, x: Tensor, y: Tensor, epochs: int, rate: float = 3e-3) -> nn.Module:
    optimizer = torch.optim.AdamW(network.parameters(), rate)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.zero_grad()
    return network.eval()


def spectral(made: Tensor, real: Tensor) -> Tensor:
    """Distance from each made input's magnitude spectrum to the nearest real one ÷ typical."""
    axes = tuple(range(2, real.ndim))
    a, b = (torch.fft.rfftn(x - real.mean(0), dim=axes).abs().flatten(1) for x in (made, real))
    between = torch.cdist(b[:500], b)
    between[torch.arange(len(between)), torch.arange(len(between))] = float("inf")
    return torch.cdist(a, b).amin(1) / between.amin(1).median()


def mahalanobis(made: Tensor, real: Tensor) -> Tensor:
    """Mahalanobis distance of each made row ÷ the data's 95 % quantile."""
    mean = real.mean(0)
    root = torch.linalg.cholesky(torch.linalg.inv(torch.cov(real.T.double())))

    def length(rows: Tensor) -> Tensor:
        return ((rows - mean).double() @ root).norm(dim=1)

    return length(made) / length(real).quantile(0.95)


def signals() -> tuple[Tensor, Tensor]:
    """One of four tones, of any phase, over pink noise ``[N, 1, T]``."""
    chance = torch.Generator().manual_seed(0)
    y = torch.randint(0, len(TONES), (SIGNALS,), generator=chance)
    tone = torch.tensor(TONES)[y, None] + 0.01 * (torch.rand(SIGNALS, 1, generator=chance) - 0.5)
    angle = 2 * torch.pi * (tone * torch.arange(LENGTH) + torch.rand(SIGNALS, 1, generator=chance))
    white = torch.fft.rfft(torch.randn(SIGNALS, LENGTH, generator=chance))
    pink = torch.fft.irfft(white / torch.arange(1, white.shape[1] + 1).sqrt(), n=LENGTH)
    return (angle.sin() + 2 * pink)[:, None], y


def listener() -> nn.Module:
    """A small network for signals."""
    torch.manual_seed(0)
    net = nn.Sequential()
    for name, layer in {
        "conv1": nn.Conv1d(1, 16, 9, stride=2, padding=4),
        "activation1": nn.ReLU(),
        "conv2": nn.Conv1d(16, 32, 9, stride=2, padding=4),
        "activation2": nn.ReLU(),
        "pool": nn.AdaptiveAvgPool1d(1),
        "flat": nn.Flatten(),
        "dense": nn.Linear(32, 32),
        "activation3": nn.ReLU(),
        "output": nn.Linear(32, len(TONES)),
    }.items():
        net.add_module(name, layer)
    return net


def trials() -> list[Trial]:
    """Pictures, two tables, signals."""
    pictures = ("covariance", "spectrum", "fourier", "phase", "free")
    digits, cancer, wine = load_digits(), load_breast_cancer(), load_wine()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    net = trained(cnn(1, 8, 10, widths=(16, 32), hidden=64), x, torch.tensor(digits.target), 10)
    found = [
        Trial("digits, channels of activation2", net, x, "activation2", pictures, spectral),
    ]
    for name, table in (("breast cancer", cancer), ("wine", wine)):
        rows = torch.tensor(table.data, dtype=torch.float32)
        rows = (rows - rows.mean(0)) / rows.std(0)
        classes = len(table.target_names)
        net = trained(mlp(rows.shape[1], classes, hidden=(32, 16)), rows, torch.tensor(table.target), 30)
        found.append(Trial(f"{name}, layer dense2", net, rows, "dense2", ("marginals", "free"), mahalanobis))
    heard, tone = signals()
    net = trained(listener(), heard, tone, 6)
    found.append(Trial("signals, layer dense", net, heard, "activation3", pictures, spectral))
    return found


def look(trial: Trial, statistics: str) -> tuple[FeaturePictures, float, float]:
    """The pictures, the median of their implausibility, and CPU seconds."""
    began = time.process_time()
    made = activation_maximization(
        trial.network,
        trial.site,
        data=trial.data,
        statistics=statistics,  # pyright: ignore[reportArgumentType]
        steps=STEPS,
        compute=Compute(64),
    )
    spent = time.process_time() - began
    best = made.pictures[torch.arange(len(made.units)), made.reached.argmax(1)][made.started]
    return made, float(trial.plausible(best, trial.data).median()), spent


def main() -> None:
    torch.set_num_threads(1)
    for trial in trials():
        print(f"\n{trial.name} ({len(trial.data)} rows)")
        measure = "spectrum" if trial.plausible is spectral else "Mahalanobis"
        print(f"| kept | reached ÷ max | distance | starts agree | {measure} | untrained: reached, distance, "
              "agree | supported | CPU s |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|")
        for statistics in trial.statistics:
            made, odd, spent = look(trial, statistics)
            on = made.started
            own = [float(part[on].nanmedian()) for part in (made.ratio, made.distance, made.agreement)]
            twin = [
                float(part.nanmedian())
                for part in (made.untrained_ratio, made.untrained_distance, made.untrained_agreement)
            ]
            print(
                f"| {statistics} | {own[0]:.2f} | {own[1]:.2f} | {own[2]:.2f} | {odd:.2f} | "
                f"{twin[0]:.2f}, {twin[1]:.2f}, {twin[2]:.2f} | "
                f"{made.words.count('supported')} of {len(on)} | {spent:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
