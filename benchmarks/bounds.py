"""Does the bound of integrated gradients cover the true error on networks that it was not made on?

``python benchmarks/bounds.py``: networks of random depth and width on tables and pictures. The truth comes
from exact integration along the way (piecewise-linear networks) or from 300 Gauss nodes (smooth ones). Exits
with 1 where fewer than 95 % are covered.
"""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from torch import Tensor, nn

from pellucid import attribution as a

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import oracles_gradient as oracles

ROWS = 24


def tables() -> Iterator[tuple[str, Tensor, Tensor]]:
    for load in (load_breast_cancer, load_wine, load_diabetes):
        found = load()
        x, y = torch.tensor(found.data).float(), torch.tensor(found.target)
        y = (y > y.float().median()).long() if y.is_floating_point() else y
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        yield load.__name__[5:], ((x - x.mean(0)) / x.std(0))[order], y[order]


def dense(inputs: int, outputs: int, activation: type[nn.Module], draw: torch.Generator) -> nn.Sequential:
    depth = int(torch.randint(1, 6, (1,), generator=draw))
    widths = [inputs, *(2 ** torch.randint(4, 8, (depth,), generator=draw)).tolist()]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def pictures() -> tuple[Tensor, Tensor] | None:
    """Fashion-MNIST at 14 × 14, where the data folder has it."""
    folder = os.environ.get("PELLUCID_TEST_DATA")
    file = None if folder is None else Path(folder) / "fashion_mnist.npz"
    if file is None or not file.exists():
        return None
    with np.load(file, allow_pickle=False) as found:
        x, y = found["x_train"][:2000], found["y_train"][:2000]
    return F.avg_pool2d(torch.tensor(x).float()[:, None] / 255, 2), torch.tensor(y).long()


def convolutional(outputs: int, side: int, draw: torch.Generator) -> nn.Sequential:
    width = int(2 ** torch.randint(2, 4, (1,), generator=draw))
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(width, 8, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * (side // 2 - 2) ** 2, outputs),
    )  # fmt: skip


def trained(net: nn.Module, x: Tensor, y: Tensor, epochs: int = 8) -> nn.Module:
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    return net.eval().double()


def covered(net: nn.Module, x: Tensor, kinked: bool) -> tuple[Tensor, Tensor, float]:
    """Whether each row's error is covered, the relative errors, and gradient rows a row."""
    x = x.double()
    classes = net(x).argmax(1)
    ours = a.integrated_gradients(net, x, classes.tolist())
    if kinked:
        layers = list(net.children())
        each = zip(classes, x.split(1), strict=True)
        exact = torch.cat([oracles.exact_line(layers, int(k), torch.zeros_like(r), r) for k, r in each])
    else:
        exact = a.integrated_gradients(net, x, classes.tolist(), steps=300, rule="gauss_legendre").values
    off = (ours.values - exact).flatten(1).norm(dim=1)
    size = exact.flatten(1).norm(dim=1)
    return off <= ours.bound + 1e-12 * size, off / size, ours.provenance.backward / len(x)


def networks() -> Iterator[tuple[str, nn.Module, Tensor, bool]]:
    draw = torch.Generator().manual_seed(1)
    for name, x, y in tables():
        for activation in (nn.ReLU, nn.ReLU, nn.GELU, nn.Tanh):
            for _ in range(2):
                net = trained(dense(x.shape[1], int(y.max()) + 1, activation, draw), x, y)
                yield f"{name}, {activation.__name__} × {len(net) // 2}", net, x[:ROWS], activation is nn.ReLU
    found = pictures()
    if found is None:
        return
    x, y = found
    for _ in range(2):
        yield "Fashion-MNIST, CNN", trained(convolutional(10, 14, draw), x, y, 3), x[:ROWS], True
        flat = nn.Sequential(nn.Flatten(), *dense(196, 10, nn.ReLU, draw))
        yield f"Fashion-MNIST, ReLU × {len(flat) // 2}", trained(flat, x, y, 3), x[:ROWS], True


def main() -> int:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    all_of: dict[bool, list[Tensor]] = {True: [], False: []}
    for name, net, x, kinked in networks():
        inside, off, rows = covered(net, x, kinked)
        all_of[kinked].append(inside)
        share = float(inside.double().mean())
        print(f"{name:36} covered {share:5.2f}   error {float(off.mean()):.1e}   rows {rows:.0f}", flush=True)
    shares = {kinked: float(torch.cat(found).double().mean()) for kinked, found in all_of.items()}
    print(f"kinked: {shares[True]:.3f}   smooth: {shares[False]:.3f}   (mark: 0.95)")
    return 0 if min(shares.values()) >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
