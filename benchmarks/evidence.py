"""The evidence card for 32 digits beside five standard metrics of Quantus: CPU time and rows of the network.

``python benchmarks/evidence.py`` prints the table and exits with 1 where a figure is missed.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid import evidence
from pellucid._core import log_odds
from pellucid.attribution import integrated_gradients, saliency
from pellucid.inputs import ImageSpec

ROUNDS = 5
ROWS_GOAL, TIME_GOAL = 80, 0.5


class Tally:
    """Rows seen; copies of a network share it."""

    def __init__(self) -> None:
        self.rows = 0

    def __deepcopy__(self, memo: object) -> Tally:
        return self


class Counted(nn.Module):
    """A network that counts the rows that it and its copies are given."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.tally = net, Tally()

    def forward(self, x: Tensor) -> Tensor:
        self.tally.rows += len(x)
        return self.net(x)


def digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    found = load_digits()
    x = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    large = F.interpolate(x, size=(16, 16), mode="bilinear", align_corners=False)
    return large[order], torch.tensor(found.target)[order]


def trained(x: Tensor, y: Tensor) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(512, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(4):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    return net.eval()


def slope(model: nn.Module, inputs: object, targets: object, **_: object) -> object:
    """A plain gradient for Quantus, with nothing around it."""
    x = torch.as_tensor(inputs, dtype=torch.float32).requires_grad_()
    score = model(x).gather(1, torch.as_tensor(targets)[:, None]).sum()
    return torch.autograd.grad(score, x)[0].abs().numpy()


def quantus_metrics() -> dict[str, Callable[[nn.Module, Tensor, Tensor], object]]:
    # quantus imports zennit where it is installed, and that wants torchvision; no metric here needs it
    sys.modules.setdefault("zennit", None)  # pyright: ignore[reportArgumentType]
    import quantus

    quiet = {"disable_warnings": True, "display_progressbar": False}
    metrics = {
        "FaithfulnessCorrelation": quantus.FaithfulnessCorrelation(**quiet),
        "PixelFlipping": quantus.PixelFlipping(**quiet),
        "MaxSensitivity": quantus.MaxSensitivity(**quiet),
        "MPRT": quantus.MPRT(**quiet),
        "RandomLogit": quantus.RandomLogit(num_classes=10, **quiet),
    }

    def asked(metric: Callable[..., object]) -> Callable[[nn.Module, Tensor, Tensor], object]:
        return lambda net, x, y: metric(
            model=net,
            x_batch=x.numpy(),
            y_batch=y.numpy(),
            a_batch=None,
            explain_func=slope,
            device="cpu",
            batch_size=len(x),
        )

    return {name: asked(metric) for name, metric in metrics.items()}


def card(method: Callable[..., object]) -> Callable[[nn.Module, Tensor, Tensor], object]:
    def made(net: nn.Module, x: Tensor, y: Tensor) -> object:
        spec = ImageSpec(size=(16, 16))
        why = method(net, x, log_odds(y), spec=spec)
        return evidence.cards(net, why, method)

    return made


def main() -> int:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    x, y = digits()
    net = Counted(trained(x[:1200], y[:1200])).eval()
    few = x[1200:1232]
    classes = net(few).argmax(1)
    contenders = {
        "card, saliency": card(saliency),
        "card, integrated_gradients (50)": card(integrated_gradients),
        **{f"Quantus {name}": one for name, one in quantus_metrics().items()},
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    rows: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            net.tally.rows, began = 0, time.process_time()
            run(net, few, classes)
            seconds[name].append(time.process_time() - began)
            rows[name] = net.tally.rows / len(few)
    return report({name: statistics.median(taken) for name, taken in seconds.items()}, rows)


def report(taken: dict[str, float], rows: dict[str, float]) -> int:
    print(f"{'32 digits 16×16, CPU, one thread':34} {'CPU s':>8} {'rows per image':>15}")
    for name, value in taken.items():
        print(f"{name:34} {value:8.3f} {rows[name]:15.0f}")
    peers = sum(value for name, value in taken.items() if name.startswith("Quantus"))
    print(f"{'Quantus, all five':34} {peers:8.3f} {sum(v for k, v in rows.items() if 'Quantus' in k):15.0f}")
    ratio, spent = taken["card, saliency"] / peers, rows["card, saliency"]
    print(f"\ncard / Quantus: {ratio:.2f} × its CPU time (goal ≤ {TIME_GOAL})")
    print(f"card: {spent:.0f} rows per image (goal ≤ {ROWS_GOAL})")
    return 0 if ratio <= TIME_GOAL and spent <= ROWS_GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
