"""Does memory grow with steps, samples or masks? Largest tensor memory alive during a call, once and tenfold.

``python benchmarks/memory.py``. One small CNN, eight pictures, chunks of 64 rows; two methods on one of them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import torch

from attribution import peak_bytes, small_cnn
from pellucid import attribution as a

MARK = 1.10  # tenfold work over single: what is kept besides is one number for each sample
ROWS = 8


def methods() -> Iterator[tuple[str, int, Callable[[int], object]]]:
    """Name, single work, and the call for so much work."""
    torch.manual_seed(0)
    net, shape = small_cnn()
    net.eval()
    x, y, background = torch.rand(ROWS, *shape), torch.arange(ROWS), torch.rand(20, *shape)
    side = torch.arange(shape[-1]) * 4 // shape[-1]
    cells = side[:, None] * 4 + side
    yield (
        "integrated_gradients, steps",
        50,
        lambda n: a.integrated_gradients(net, x, y, steps=n, rule="gauss_legendre"),
    )
    yield "layer_conductance, steps", 50, lambda n: a.layer_conductance(net, x, y, at="3", steps=n)
    yield "internal_influence, steps", 50, lambda n: a.internal_influence(net, x, y, at="3", steps=n)
    yield "smoothgrad, samples", 50, lambda n: a.smoothgrad(net, x, y, samples=n)
    yield (
        "expected_gradients, rounds",
        4,
        lambda n: a.expected_gradients(net, x, y, background=background, rounds=n),
    )
    # one picture, whose slopes jump: it takes all steps
    yield (
        "integrated_gradients, auto",
        1000,
        lambda n: a.integrated_gradients(net, x[:1], y[:1], steps=n, tolerance=1e-12),
    )
    yield (
        "odd_regression, rows",
        3200,
        lambda n: a.odd_regression(net, x[:1], y[:1], groups=cells, budget=n),
    )
    yield "rise, masks", 400, lambda n: a.rise(net, x, y, samples=n)
    yield "kernel_shap, rows", 200, lambda n: a.kernel_shap(net, x, y, groups=cells, budget=n)


def main() -> int:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    grown = 0
    print(f"{'':32}{'once MB':>10}{'tenfold MB':>12}{'ratio':>8}")
    for name, work, call in methods():
        call(work)
        once, tenfold = (peak_bytes(partial(call, n)) for n in (work, 10 * work))
        grown += tenfold / once > MARK
        print(f"{name:32}{once / 1e6:10.2f}{tenfold / 1e6:12.2f}{tenfold / once:8.2f}", flush=True)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
