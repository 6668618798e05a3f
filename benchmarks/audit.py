"""The audit of 6 methods on 100 digits beside five standard metrics of Quantus for the same: CPU and rows.

``python benchmarks/audit.py`` prints the table and exits with 1 where a figure is missed.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from evidence import Counted, digits, trained
from pellucid import attribution
from pellucid import evidence as ours
from pellucid._core import Explanation, logits
from pellucid.inputs import ImageSpec

METHODS = ("saliency", "input_x_gradient", "deep_lift", "guided_backpropagation", "lrp", "grad_cam")
COUNT = 100
ROWS_GOAL, TIME_GOAL = 7.0, 5.0


def explained(name: str) -> Callable[..., object]:
    """Our maps for Quantus: both sides evaluate the same methods."""
    method: Callable[..., Explanation] = getattr(attribution, name)

    def maps(model: nn.Module, inputs: object, targets: object, **_: object) -> object:
        x, y = torch.as_tensor(inputs, dtype=torch.float32), torch.as_tensor(targets)
        return method(model, x, logits(y), spec=ImageSpec(size=(16, 16))).map.numpy()

    return maps


def quantus_five(net: nn.Module, x: Tensor, y: Tensor) -> None:
    # quantus imports zennit where it is installed, and that wants torchvision; no metric here needs it
    sys.modules.setdefault("zennit", None)  # pyright: ignore[reportArgumentType]
    import quantus

    quiet = {"disable_warnings": True, "display_progressbar": False}
    metrics = (
        quantus.FaithfulnessCorrelation(**quiet),
        quantus.PixelFlipping(**quiet),
        quantus.MaxSensitivity(**quiet),
        quantus.MPRT(**quiet),
        quantus.RandomLogit(num_classes=10, **quiet),
    )
    for name in METHODS:
        for metric in metrics:
            metric(
                model=net,
                x_batch=x.numpy(),
                y_batch=y.numpy(),
                a_batch=None,
                explain_func=explained(name),
                device="cpu",
                batch_size=len(x),
            )


def audited(*fills: str) -> Callable[[nn.Module, Tensor, Tensor], None]:
    methods = {name: getattr(attribution, name) for name in METHODS}

    def run(net: nn.Module, x: Tensor, y: Tensor) -> None:
        ours.audit(net, x, logits(y), methods, spec=ImageSpec(size=(16, 16)), fills=fills)

    return run


def main() -> int:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    x, y = digits()
    net = Counted(trained(x[:1200], y[:1200])).eval()
    few = x[1200 : 1200 + COUNT]
    classes = net(few).argmax(1)
    audited()(net, few[:20], classes[:20])  # imports are not part of it
    taken: dict[str, tuple[float, float]] = {}
    for name, run in {
        "audit, one kind of absence": audited(),
        "audit, five kinds of absence": audited("mean", "blur", "swap", "nearest"),
        "Quantus, five metrics": quantus_five,
    }.items():
        net.tally.rows, began = 0, time.process_time()
        run(net, few, classes)
        taken[name] = time.process_time() - began, net.tally.rows / COUNT
    title = f"{len(METHODS)} methods, {COUNT} digits 16×16, one thread"
    print(f"{title:44} {'CPU s':>8} {'rows per image':>15}")
    for name, (seconds, rows) in taken.items():
        print(f"{name:44} {seconds:8.2f} {rows:15.0f}")
    (own, few_rows), (theirs, many) = taken["audit, one kind of absence"], taken["Quantus, five metrics"]
    print(f"\nrows: {many / few_rows:.1f} × fewer (goal ≥ {ROWS_GOAL:g})")
    print(f"CPU: {theirs / own:.1f} × less (goal ≥ {TIME_GOAL:g})")
    return 0 if many / few_rows >= ROWS_GOAL and theirs / own >= TIME_GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
