"""What looking inside costs and finds: exemplars, CKA of unrelated data, dictionaries, dissection.

Run: ``python benchmarks/inside.py``, or ``python benchmarks/inside.py exemplars`` for these alone.
CPU time, one thread, arms interleaved, medians.
"""

from __future__ import annotations

import statistics as stats
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from features import deep_network
from pellucid._core import predict
from pellucid._core._field import fields
from pellucid.data import planted_patch, verify_plant
from pellucid.layers import (
    exemplars_of,
    matrix_factorisation,
    network_dissection,
    representation_similarity,
    sparse_autoencoder,
)
from pellucid.networks import cnn, mobilenet_v2


def digits_network(seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """A small CNN trained on two thirds of the 8 × 8 digits of scikit-learn, with all of them."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(digits.target)
    network = cnn(1, 8, 10, widths=(16, 32), hidden=64, seed=seed)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(8):
        for rows in torch.randperm(1200, generator=generator).split(64):
            loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.zero_grad()
    return network.eval(), x, y


class TwoViews(nn.Module):
    """Two layers that see unrelated halves of an input."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1)
        return self.left(left).sum(1) + self.right(right).sum(1)


def unrelated() -> None:
    """Unbiased CKA of two Gaussian matrices of 1,024 columns, 32 rows a block."""
    for blocks in (1, 8, 32):
        seen, less = [], []
        for seed in range(100 // blocks + 20):
            x = torch.randn(32 * blocks, 2048, generator=torch.Generator().manual_seed(seed))
            found = representation_similarity(
                TwoViews(), x, ["left", "right"], block=32, draws=40, untrained_copy=False
            )
            seen.append(float(found.values[0, 1]))
            less.append(float(found.shrunk[0, 1]) if found.shrunk is not None else 0.0)
        inside, settled = (sum(abs(v) <= 0.05 for v in part) / len(part) for part in (seen, less))
        print(
            f"CKA of unrelated data, n = 32, {blocks:2d} blocks: mean {stats.fmean(seen):+.3f}, "
            f"sd {stats.stdev(seen):.3f}, {inside:.0%} within 0.05 (goal), less chance {settled:.0%}"
        )


def exemplars_cost(runs: int) -> None:
    """All units of all layers against plain passes over the same inputs, receptive fields included."""
    small, _, _ = digits_network()
    exemplars_ratio("digits CNN 8×8", small, torch.rand(4000, 1, 8, 8), 5 * runs)
    exemplars_ratio("digits CNN 8×8", small, torch.rand(60_000, 1, 8, 8), runs)
    wide = cnn(3, 32, 10, widths=(32, 64, 128), hidden=128)
    exemplars_ratio("CNN 32×32", wide, torch.rand(1500, 3, 32, 32), runs)
    exemplars_ratio("CNN 32×32", wide, torch.rand(10_000, 3, 32, 32), (runs + 1) // 2)
    pictures = torch.rand(12_000, 3, 64, 64)
    for n, times in ((1000, (runs + 1) // 2), (4000, 1), (12_000, 1)):
        exemplars_ratio("MobileNetV2 64×64, random weights", mobilenet_v2(), pictures[:n], times)
    deep = deep_network()
    exemplars_ratio("ResNet-18's size 64×64, random weights", deep, pictures[:1000], (runs + 1) // 2)


def exemplars_ratio(name: str, model: nn.Module, x: Tensor, runs: int) -> None:
    """One line: plain passes, exemplars, and their receptive fields, which cost the same for any N.

    Two plain passes: ``predict``, and a bare loop over the network at whichever size of chunk and order of
    channels in memory is quickest for this very network. The least that a look can cost: that loop, with the
    largest value of every unit taken where a layer multiplies, and nothing made of it.
    """
    model.eval()
    sites = [n for n, m in model.named_modules() if n and not list(m.children())]
    some = x[: 2**22 // x[0].numel()]
    best = min(_ways(x), key=lambda way: min(_seconds(lambda: _bare(model, some, *way)) for _ in range(2)))
    arms = {
        "plain": lambda: predict(model, x),
        "bare": lambda: _bare(model, x, *best),
        "least": lambda: _least(model, x, *best),
        "exemplars": lambda: exemplars_of(model, x, sites, k=9),
        "fields": lambda: fields(model, x[:1], sites),
    }
    times: dict[str, list[float]] = {arm: [] for arm in arms}
    for _ in range(runs):
        for arm, run in arms.items():
            times[arm].append(_seconds(run))
    plain, bare, least, ours, seen = (stats.median(part) for part in times.values())
    print(
        f"{name}: plain pass of {len(x):,} {plain:.3f} s, exemplars of {len(sites)} layers {ours:.3f} s, "
        f"{ours / plain:.2f} × (goal 1.3), of it receptive fields {seen / plain:.2f}; quickest bare loop "
        f"(chunks of {best[0]}{', channels last' if best[1] else ''}) {bare:.3f} s, {ours / bare:.2f} ×; "
        f"that loop with the largest value of each unit {least:.3f} s, {least / plain:.2f} ×",
        flush=True,
    )


def _ways(x: Tensor) -> list[tuple[int, bool]]:
    """Sizes of chunks and orders in memory to try."""
    large = 2**17 // x[0].numel()
    return [(large * times // 4, last) for times in (1, 2, 4, 8, 16) for last in (False, True)]


def _bare(model: nn.Module, x: Tensor, size: int, last: bool) -> None:
    """Every row through the network, and nothing else."""
    how = torch.channels_last if last else torch.contiguous_format
    with torch.no_grad():
        for rows in x.split(size):
            model(rows.clone(memory_format=how))


def _least(model: nn.Module, x: Tensor, size: int, last: bool) -> None:
    """As :func:`_bare`, and the largest of each unit of convolutions; dense layers have one number each."""

    def look(_: nn.Module, __: object, made: Tensor) -> None:
        made.flatten(2).amax(2)

    hooks = [m.register_forward_hook(look) for m in model.modules() if isinstance(m, nn.Conv2d)]
    _bare(model, x, size, last)
    for hook in hooks:
        hook.remove()


def _seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def dictionaries() -> None:
    """What dictionaries keep of two layers, and of the same network with shuffled weights."""
    network, x, _ = digits_network()
    print("dictionary                    error  shuffled   in use    dead   recovered  shuffled  margin")
    for site in ("activation2", "activation3"):
        for kind in ("topk", "batchtopk", "jumprelu", "nmf"):
            if kind == "nmf":
                made = matrix_factorisation(network, x, site)
            else:
                made = sparse_autoencoder(network, x, site, kind=kind)
            own, beside = made.quality, made.shuffled
            if beside is None:
                continue
            print(
                f"{site:12} {kind:12} {own.error:9.3f} {beside.error:9.3f} {own.active:8.1f} {own.dead:7.0%} "
                f"{own.recovered:10.1%} {beside.recovered:9.1%} {own.recovered - beside.recovered:+8.1%}"
            )


def dissected() -> None:
    """Detectors of the planted square, whose place is known, in a network that lives by it."""
    task = planted_patch(seed=0)
    data = task.dataset
    network = cnn(1, 16, 2, widths=(16, 32), hidden=32)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    train = data.part("train")
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        for rows in torch.randperm(len(train), generator=generator).split(64):
            loss = nn.functional.cross_entropy(network(train.inputs[rows]), train.answers[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.zero_grad()
    network.eval()
    print(verify_plant(task, network))
    test = data.part("test")
    if test.relevant is None:
        return
    for site in ("conv1", "conv2"):
        found = network_dissection(network, test.inputs, {"square": test.relevant[:, 0]}, site)
        counts = found.detectors
        tops = [float(part.max()) for part in (found.iou, found.shuffled, found.rotated, found.untrained)]
        print(
            f"{site}: best IoU {tops[0]:.2f}, masks of others {tops[1]:.2f}, mixtures {tops[2]:.2f}, "
            f"untrained {tops[3]:.2f}; detectors {counts['units']} of {len(found.units)}, "
            f"mixtures {counts['rotated']}, untrained {counts['untrained']}"
        )


def main() -> None:
    torch.set_num_threads(1)
    if sys.argv[1:] == ["exemplars"]:
        exemplars_cost(5)
        return
    unrelated()
    exemplars_cost(5)
    dictionaries()
    dissected()


if __name__ == "__main__":
    main()
