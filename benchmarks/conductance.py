"""Which rule sums conductance best at 50 stretches: midpoints, both ends (what is used) or right ends.

``python benchmarks/conductance.py``. Relative error against 3000 stretches, on three small networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

TRUE, STEPS = 3000, 50


def networks() -> dict[str, tuple[nn.Sequential, tuple[int, ...], int]]:
    """Network, shape of its inputs, and after how many layers it is cut."""
    torch.manual_seed(0)
    conv = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    found = {"ReLU and max-pooling CNN": (conv, (1, 14, 14), 4)}
    for name, act in (("ReLU MLP", nn.ReLU), ("GELU MLP", nn.GELU)):
        torch.manual_seed(0)
        dense = nn.Sequential(nn.Linear(20, 64), act(), nn.Linear(64, 64), act(), nn.Linear(64, 10))
        found[name] = (dense, (20,), 2)
    return found


def conductance(net: nn.Sequential, cut: int, x: Tensor, steps: int, rule: str) -> Tensor:
    def look(share: float) -> tuple[Tensor, Tensor]:
        layer = net[:cut](share * x).detach().requires_grad_()
        (slope,) = torch.autograd.grad(net[cut:](layer)[:, 0].sum(), layer)
        return layer.detach(), slope

    total, (last, before) = torch.zeros(()), look(0)
    for k in range(steps):
        layer, after = look((k + 1) / steps)
        slope = {
            "midpoint": lambda k=k: look((k + 0.5) / steps)[1],
            "both ends": lambda before=before, after=after: (before + after) / 2,
            "right end": lambda after=after: after,
        }[rule]()
        total, last, before = total + slope * (layer - last), layer, after
    return total


def main() -> int:
    torch.set_num_threads(1)
    for name, (net, shape, cut) in networks().items():
        net, x = net.double(), 2 * torch.rand(8, *shape).double()
        true = conductance(net, cut, x, TRUE, "midpoint")
        for rule in ("midpoint", "both ends", "right end"):
            far = (conductance(net, cut, x, STEPS, rule) - true).norm() / true.norm()
            print(f"{name:28}{rule:12}{float(far):10.2e}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
