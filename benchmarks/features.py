"""``activation_maximization`` on 32 channels against a loop that makes one picture after the other.

Both sides follow the same recipe to the letter: same statistics, starts, optimizer, steps, stopping rule
and real data. The loop is what one writes first: one unit and one start at a time, the whole network forward,
all gradients including those of the weights. Interleaved in one process, one thread, CPU time, median.

Run: ``python benchmarks/features.py [runs]``
"""

from __future__ import annotations

import statistics as stats
import sys
import time

import torch
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid._core._field import fields
from pellucid.features import FeaturePictures, activation_maximization
from pellucid.features._covariance import Covariance
from pellucid.networks import cnn

LAYER, CHANNELS, STEPS, SEEDS = "activation2", 32, 256, 2
RATE, KEEP, KEEP_SQUARE = 0.2, 0.9, 0.99


def digits_network() -> tuple[nn.Module, Tensor]:
    """A small CNN trained on the 8 × 8 digits of scikit-learn."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(digits.target)
    network = cnn(1, 8, 10, widths=(16, CHANNELS), hidden=64)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval(), x


def one_at_a_time(network: nn.Module, data: Tensor) -> Tensor:
    """The same pictures by a plain loop; the values reached ``[channels, seeds]``."""
    kept = Covariance.of(data[torch.randperm(len(data), generator=torch.Generator().manual_seed(0))])
    field = fields(network, data[:1], [LAYER])[LAYER]
    down, across = field.centre if field is not None else (0, 0)
    seen: dict[str, Tensor] = {}
    hook = network.get_submodule(LAYER).register_forward_hook(lambda _, __, out: seen.update(out=out.clone()))
    with torch.no_grad():
        network(data)
    movers = seen["out"][:, :, down, across].argsort(dim=0, descending=True)
    reached = torch.zeros(CHANNELS, SEEDS)
    for unit in range(CHANNELS):
        for turn in range(SEEDS):
            seed = turn * 1_000_003 + unit
            start = 0.7 * torch.randn(kept.latent, generator=torch.Generator().manual_seed(seed))
            rescue = kept.find(data[movers[turn, unit]][None])[0]
            reached[unit, turn] = _climb(network, seen, kept, start, rescue, (unit, down, across))
    hook.remove()
    network.zero_grad()
    return reached


def _climb(
    network: nn.Module,
    seen: dict[str, Tensor],
    kept: Covariance,
    start: Tensor,
    rescue: Tensor,
    at: tuple[int, int, int],
) -> float:
    latent = start[None].clone().requires_grad_()
    first, second, history = torch.zeros_like(start), torch.zeros_like(start), []
    for step in range(STEPS):
        network(kept.make(latent))
        value = seen["out"][(0, *at)]
        latent.grad = None
        value.backward()
        history.append(value.item())
        if latent.grad is None or not bool(latent.grad.any()):
            if step:
                break
            latent = rescue[None].clone().requires_grad_()
            continue
        slope = latent.grad[0]
        first, second = KEEP * first + (1 - KEEP) * slope, KEEP_SQUARE * second + (1 - KEEP_SQUARE) * slope**2
        size = (second / (1 - KEEP_SQUARE ** (step + 1))).mean().sqrt()
        with torch.no_grad():
            latent += RATE * first / (1 - KEEP ** (step + 1)) / size
        if step % 8 == 7 and step >= 39:
            recent, earlier = stats.fmean(history[-8:]), stats.fmean(history[-40:-32])
            if recent - earlier <= 0.005 * abs(recent):
                break
    with torch.no_grad():
        network(kept.make(latent))
    return float(seen["out"][(0, *at)])


def batched(network: nn.Module, data: Tensor) -> FeaturePictures:
    """The same pictures by the library, without the control that the loop does not run either."""
    return activation_maximization(
        network, LAYER, data=data, steps=STEPS, seeds=SEEDS, untrained_control=False, compute=Compute(64)
    )


def main(runs: int) -> None:
    torch.set_num_threads(1)
    network, data = digits_network()
    batched(network, data[:64])
    seconds: dict[str, list[float]] = {"loop": [], "library": []}
    reached: dict[str, Tensor] = {}
    for _ in range(runs):
        began = time.process_time()
        reached["loop"] = one_at_a_time(network, data)
        seconds["loop"].append(time.process_time() - began)
        began = time.process_time()
        made = batched(network, data)
        seconds["library"].append(time.process_time() - began)
        reached["library"] = made.reached
    slow, fast = stats.median(seconds["loop"]), stats.median(seconds["library"])
    loop, ours = reached["loop"].amax(1), reached["library"].amax(1)
    apart = ((ours - loop).abs() / loop)[loop > 0]
    print(f"{CHANNELS} channels of {LAYER}, {SEEDS} starts, at most {STEPS} steps; {runs} runs, 1 thread")
    print(f"one at a time {slow:7.2f} s of CPU")
    print(f"library       {fast:7.2f} s of CPU, {slow / fast:.1f} x faster (goal 8)")
    print(f"activation reached (goal: within 5 %): mean {ours.mean() / loop.mean() - 1:+.2%},")
    print(f"by channel apart by {apart.median():.2%} in the median and {apart.max():.2%} at most")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
