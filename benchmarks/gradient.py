"""Gradient methods against captum: error at equal cost, bounds and standard errors against the truth.

``python benchmarks/gradient.py`` prints the table and exits with 1 where a figure is missed; ``--quick``
leaves all but integrated gradients away; ``--weights N`` prints these and expected gradients, on the
transformer with N further weights; ``--backgrounds`` prints how often expected gradients' standard errors
cover the truth with other numbers of rows and rounds, on these networks and on tables.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid import attribution as a
from pellucid._core import Compute

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import oracles_gradient as oracles

STEPS, SAMPLES, SEEDS = 50, 50, 12


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 32)
        self.place = nn.Parameter(torch.randn(8, 32) * 0.1)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, activation="gelu", batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.embed(x.flatten(1).view(-1, 8, 8)) + self.place).mean(1))


def digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    found = load_digits()
    order = torch.randperm(len(found.target), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16
    return x[order], torch.tensor(found.target)[order]


def networks(seed: int = 0) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    cnn = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    mlp = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    return {"cnn": cnn, "mlp": mlp, "transformer": Transformer()}


def trained(net: nn.Module, x: Tensor, y: Tensor) -> nn.Module:
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(6):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    return net.eval()


def size(values: Tensor) -> Tensor:
    return values.flatten(1).norm(dim=1)


def told(what: str, net: str, value: float, goal: str, ok: bool) -> bool:
    print(f"{what:58} {net:12} {value:10.4g}   {goal:14} {'reached' if ok else 'MISSED'}", flush=True)
    return ok


def integrated(net: nn.Module, name: str, x: Tensor, captum: object) -> list[bool]:
    net, x = net.double(), x.double()
    classes = net(x).argmax(1)
    theirs = captum.IntegratedGradients(net).attribute(x.clone(), target=classes, n_steps=STEPS).detach()
    ours = a.integrated_gradients(net, x, classes.tolist(), steps=STEPS)
    rows = ours.provenance.backward / len(x)
    if name == "transformer":
        exact = a.integrated_gradients(net, x, classes.tolist(), steps=300, rule="gauss_legendre").values
        off = size(ours.values - exact) / size(exact)
        return [
            told("IG: mean relative error", name, float(off.mean()), "< 1e-3", float(off.mean()) < 1e-3),
            told("IG: largest relative error", name, float(off.max()), "< 1e-3", float(off.max()) < 1e-3),
            told("IG: gradient rows a row ÷ captum's", name, rows / STEPS, "≤ 1/3", rows / STEPS <= 1 / 3),
        ]
    layers = list(net.children())
    exact = torch.cat(
        [
            oracles.exact_line(layers, int(k), torch.zeros_like(r), r)
            for k, r in zip(classes, x.split(1), strict=True)
        ]
    )
    ratio = float(size(theirs - exact).mean() / size(ours.values - exact).mean())
    covered = float((size(ours.values - exact) <= ours.bound + 1e-14).double().mean())
    return [
        told(f"IG: captum's error ÷ ours, {rows:.0f} rows for {STEPS}", name, ratio, "≥ 1.2", ratio >= 1.2),
        told("IG: share of inputs whose error the bound covers", name, covered, "≥ 0.95", covered >= 0.95),
    ]


def smooth(net: nn.Module, name: str, x: Tensor, captum: object) -> list[bool]:
    net, classes = net.float(), net.float()(x).argmax(1).tolist()
    truth = a.smoothgrad(net, x, classes, samples=10_000, compute=Compute(2048, seed=999)).values
    ours, theirs, covered = [], [], []
    for seed in range(SEEDS):
        found = a.smoothgrad(net, x, classes, samples=SAMPLES, compute=Compute(512, seed=seed))
        off = found.values - truth
        ours.append(off.square().mean())
        covered.append((off.abs() <= 1.96 * found.stderr).double().mean())
        torch.manual_seed(seed)
        tunnel = captum.NoiseTunnel(captum.Saliency(net))
        each = [
            tunnel.attribute(
                row, nt_samples=SAMPLES, stdevs=0.15 * float(row.max() - row.min()), target=k, abs=False
            )
            for row, k in zip(x.split(1), classes, strict=True)
        ]
        theirs.append((torch.cat(each).detach() - truth).square().mean())
    ratio = float(torch.stack(theirs).mean() / torch.stack(ours).mean())
    share = float(torch.stack(covered).mean())
    return [
        told("SmoothGrad: NoiseTunnel's MSE ÷ ours", name, ratio, "≥ 2.5", ratio >= 2.5),
        told("SmoothGrad: covered by 1.96 SE", name, share, "0.93–0.97", 0.93 <= share <= 0.97),
    ]


def expected(net: nn.Module, name: str, x: Tensor, background: Tensor, captum: object) -> list[bool]:
    net, classes = net.float(), net.float()(x).argmax(1).tolist()
    target, n = torch.tensor(classes), len(background)

    def ours(rounds: int, seed: int):
        compute = Compute(512, seed=seed)
        return a.expected_gradients(net, x, classes, background=background, rounds=rounds, compute=compute)

    if name == "transformer":
        each = [
            a.integrated_gradients(net, x, classes, baseline=row, steps=32, rule="gauss_legendre").values
            for row in background
        ]
        truth = torch.stack(each).mean(0)
    else:
        truth = ours(300, 999).values
    mine = torch.stack([(ours(1, s).values - truth).square().mean() for s in range(SEEDS)]).mean()
    theirs = []
    for seed in range(SEEDS):
        np.random.seed(seed)
        found = captum.GradientShap(net).attribute(x, baselines=background, target=target, n_samples=n)
        theirs.append((found.detach() - truth).square().mean())
    ratio = float(torch.stack(theirs).mean() / mine)
    covered = []
    for seed in range(SEEDS):
        found = ours(4, seed)
        known = found.stderr > 0
        inside = (found.values - truth).abs() <= 1.96 * found.stderr
        covered.append(inside[known].double().mean())
    share = float(torch.stack(covered).mean())
    return [
        told(f"expected gradients: GradientShap's MSE ÷ ours, n = {n}", name, ratio, "≥ 8", ratio >= 8),
        told("expected gradients: covered by 1.96 SE", name, share, "0.93–0.97", 0.93 <= share <= 0.97),
    ]


def backgrounds(x: Tensor, y: Tensor) -> None:
    """Coverage of expected gradients' standard errors by rows of the background and rounds."""
    from bounds import dense, tables
    from bounds import trained as trained_on

    torch.manual_seed(0)
    jobs = [(name, trained(net, x, y).float(), x) for name, net in networks().items()]
    torch.manual_seed(0)
    for name, rows, labels in tables():
        for kind in (nn.ReLU, nn.GELU):
            net = dense(rows.shape[1], int(labels.max()) + 1, kind, torch.Generator().manual_seed(3))
            jobs.append((f"{name} {kind.__name__}", trained_on(net, rows, labels).float(), rows))
    for name, net, rows in jobs:
        some, classes = rows[:8], net(rows[:8]).argmax(1).tolist()
        for n in (20, 50, 100):
            behind = rows[30 : 30 + n]
            each = [
                a.integrated_gradients(net, some, classes, baseline=row, steps=100, rule="midpoint").values
                for row in behind
            ]
            truth, shares = torch.stack(each).mean(0), list[str]()
            for rounds in (2, 4, 8):
                inside = []
                for seed in range(16):
                    found = a.expected_gradients(
                        net, some, classes, background=behind, rounds=rounds, compute=Compute(512, seed=seed)
                    )
                    near = (found.values - truth).abs() <= 1.96 * found.stderr
                    inside.append(near[found.stderr > 0].double().mean())
                shares.append(f"{float(torch.stack(inside).mean()):.3f}")
            print(f"{name:20} {n:3} rows: covered with 2, 4, 8 rounds {', '.join(shares)}", flush=True)


def main() -> int:
    warnings.simplefilter("ignore")
    import captum.attr as captum

    torch.set_num_threads(1)
    x, y = digits()
    reached: list[bool] = []
    if "--backgrounds" in sys.argv:
        backgrounds(x, y)
        return 0
    if "--weights" in sys.argv:
        for seed in range(1, 1 + int(sys.argv[sys.argv.index("--weights") + 1])):
            net = trained(networks(seed)["transformer"], x, y)
            reached += integrated(net, "transformer", x[:60], captum)
            reached += expected(net, "transformer", x[:8], x[100:150], captum)
        return 0 if all(reached) else 1
    for name, net in networks().items():
        trained(net, x, y)
        reached += integrated(net, name, x[:60], captum)
        if "--quick" in sys.argv:
            continue
        reached += smooth(net, name, x[:8], captum)
        reached += expected(net, name, x[:8], x[100:150], captum)
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
