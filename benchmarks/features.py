"""``activation_maximization`` against Lucent's loop, which makes one picture after the other.

Both sides follow the same recipe to the letter: same statistics, starts, optimizer, steps, stopping rule
and real data. The loop is Lucent 0.1.8's: one picture at a time, every layer hooked, the whole network
forward, all gradients including those of the weights, hooks and gradients left behind. (Lucent itself needs
torchvision and kornia, which do not go with this library's torch.) Once on a small network, trained; once on
a layer in the middle of a network of ResNet-18's size, with random weights: what it costs, not how it looks.
There the loop runs on whole inputs of 224 pixels, to which Lucent enlarges its pictures; and once on the
library's canvas, to compare the values reached. One process, one thread, CPU time; the small network
interleaved, median.

Run: ``python benchmarks/features.py [runs]``
"""

from __future__ import annotations

import math
import statistics as stats
import time
from collections.abc import Callable, Sequence

import torch
from asked import count
from torch import Tensor, nn

from pellucid._core import Compute, activations
from pellucid._core._field import fields
from pellucid.features import FeaturePictures, activation_maximization
from pellucid.features._canvas import canvas_of, samples
from pellucid.features._covariance import Covariance
from pellucid.features._spectrum import Spectrum
from pellucid.features._statistics import Statistics
from pellucid.networks import cnn

LAYER, CHANNELS, STEPS, SEEDS = "activation2", 32, 256, 2
DEEP, ALL, PICTURES, SHORT, SIDE = "layer2.1", 128, 32, 24, 224
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


def hooked(network: nn.Module, layer: str) -> dict[str, Tensor]:
    """Every layer keeps what it gives, as in Lucent, for good; where that of one layer is found."""
    seen: dict[str, Tensor] = {}

    def keep(name: str, out: object) -> None:
        # in-place operations must not reach what was kept of the layer itself
        seen[name] = out.clone() if name == layer else out  # pyright: ignore

    for name, module in network.named_modules():
        if name:
            module.register_forward_hook(lambda _, __, out, name=name: keep(name, out))
    return seen


def left_on(network: nn.Module) -> tuple[int, int]:
    """Hooks, and parameters with gradients."""
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())
    return hooks, sum(p.grad is not None for p in network.parameters())


def cleared(network: nn.Module) -> None:
    """As it was."""
    for module in network.modules():
        module._forward_hooks.clear()
    network.zero_grad()


def one_at_a_time(network: nn.Module, data: Tensor) -> Tensor:
    """The same pictures by a plain loop; the values reached ``[channels, seeds]``."""
    kept = Covariance.of(data[torch.randperm(len(data), generator=torch.Generator().manual_seed(0))])
    field = fields(network, data[:1], [LAYER])[LAYER]
    down, across = field.centre if field is not None else (0, 0)
    seen = hooked(network, LAYER)
    with torch.no_grad():
        network(data)
    movers = seen[LAYER][:, :, down, across].argsort(dim=0, descending=True)
    reached = torch.zeros(CHANNELS, SEEDS)
    for unit in range(CHANNELS):
        for turn in range(SEEDS):
            seed = turn * 1_000_003 + unit
            start = 0.7 * torch.randn(kept.latent, generator=torch.Generator().manual_seed(seed))
            rescue = kept.find(data[movers[turn, unit]][None])[0]
            at = (unit, down, across)
            reached[unit, turn] = _climb(network, seen, LAYER, kept, start, rescue, at, STEPS)
    return reached


def _climb(
    network: nn.Module,
    seen: dict[str, Tensor],
    layer: str,
    kept: Statistics,
    start: Tensor,
    rescue: Tensor,
    at: tuple[int, ...],
    steps: int,
) -> float:
    latent = start[None].clone().requires_grad_()
    first, second, history = torch.zeros_like(start), torch.zeros_like(start), []
    for step in range(steps):
        network(kept.make(latent))
        value = seen[layer][(0, *at)]
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
    return float(seen[layer][(0, *at)])


def batched(network: nn.Module, data: Tensor) -> FeaturePictures:
    """The same pictures by the library, without the control that the loop does not run either."""
    return activation_maximization(
        network, LAYER, data=data, steps=STEPS, seeds=SEEDS, untrained_control=False, compute=Compute(64)
    )


class Block(nn.Module):
    """Two convolutions and a way past them."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        short = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
        self.downsample = short if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Next map."""
        return (self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + self.downsample(x)).relu()


def deep_network() -> nn.Module:
    """Of the size and shape of ResNet-18, its weights drawn, its norms set on noise."""
    torch.manual_seed(0)
    network = nn.Sequential()
    network.add_module("conv1", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
    network.add_module("bn1", nn.BatchNorm2d(64))
    network.add_module("relu", nn.ReLU())
    network.add_module("maxpool", nn.MaxPool2d(3, 2, 1))
    wide = 64
    for k, width in enumerate((64, 128, 256, 512)):
        network.add_module(
            f"layer{k + 1}", nn.Sequential(Block(wide, width, 1 + (k > 0)), Block(width, width, 1))
        )
        wide = width
    network.add_module("avgpool", nn.AdaptiveAvgPool2d(1))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc", nn.Linear(512, 1000))
    with torch.no_grad():
        network.train()(pink(16))
    return network.eval()


def pink(count: int) -> Tensor:
    """Pictures whose magnitudes fall with frequency, as those of photographs do."""
    generator = torch.Generator().manual_seed(0)
    waves = torch.fft.rfft2(torch.randn(count, 3, SIDE, SIDE, generator=generator))
    far = (torch.fft.fftfreq(SIDE)[:, None] ** 2 + torch.fft.rfftfreq(SIDE) ** 2).sqrt()
    made = torch.fft.irfft2(waves / far.clamp_min(1 / SIDE), s=(SIDE, SIDE))
    return made / made.std()


def deep_loop(
    network: nn.Module, kept: Statistics, place: tuple[int, int], units: Sequence[int], steps: int
) -> Tensor:
    """Values that the loop reaches on a canvas; 0 where a start is dead."""
    seen = hooked(network, DEEP)
    reached: list[float] = []
    for unit in units:
        start = 0.7 * torch.randn(kept.latent, generator=torch.Generator().manual_seed(unit))
        at = (unit, *place)
        reached.append(_climb(network, seen, DEEP, kept, start, torch.zeros(kept.latent), at, steps))
    return torch.tensor(reached)


def deep_library(network: nn.Module, data: Tensor) -> tuple[FeaturePictures, float, float]:
    """The same by the library, on the canvas that it finds; CPU seconds per picture and step, and beside."""
    ticks: list[tuple[int, float]] = []
    began = time.process_time()
    made = activation_maximization(
        network,
        DEEP,
        data=data,
        units=range(PICTURES),
        steps=SHORT,
        seeds=1,
        transforms="none",
        untrained_control=False,
        compute=Compute(PICTURES, progress=lambda done, _: ticks.append((done, time.process_time()))),
    )
    whole = time.process_time() - began
    # after the second step: by then dead starts have begun again
    (first, start), (last, end) = ticks[-SHORT + 2], ticks[-1]
    each = (end - start) / (last - first)
    return made, each, whole - each * SHORT * PICTURES


def timed(work: Callable[[], object]) -> float:
    """CPU seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


def deep() -> None:
    """A layer in the middle of a network of ResNet-18's size."""
    network, data = deep_network(), pink(24)
    made, each, fixed = deep_library(network, data)
    ours_left = left_on(network)
    canvas = canvas_of(network, data[:1], DEEP, Compute(16))
    small = Spectrum.of(samples(data, canvas, 0)[0])
    place = divmod(canvas.place, math.isqrt(_positions(network, canvas.shape)))
    middle = (SIDE // 8 // 2, SIDE // 8 // 2)
    whole = Spectrum.of(data)
    loop = timed(lambda: deep_loop(network, whole, middle, range(2), 8)) / 16
    left = left_on(network)
    cleared(network)
    beside = torch.zeros(0)

    def again() -> None:
        nonlocal beside
        beside = deep_loop(network, small, place, range(6), SHORT)

    equal = timed(again) / (6 * SHORT)
    cleared(network)
    alive = beside > 0
    reached = made.reached[:6, 0][alive]
    every = loop * ALL * STEPS / (fixed + each * ALL * STEPS)
    print(f"\n{DEEP} of a network of ResNet-18's size, random weights, 1 thread")
    print(f"Lucent's loop on {SIDE} pixels         {1000 * loop:6.1f} ms of CPU per picture and step")
    print(f"the loop on the library's canvas  {1000 * equal:6.1f} ms, {canvas.shape[1]} pixels")
    print(f"library                           {1000 * each:6.1f} ms,")
    print(f"                                  {loop / each:.1f} x and {equal / each:.1f} x faster (mark 6)")
    print(f"library, once per layer           {fixed:6.1f} s: canvas, statistics, strongest real inputs")
    print(f"all {ALL} channels, {STEPS} steps, all counted: {every:.1f} x faster than Lucent's loop (mark 6)")
    apart = reached / beside[alive] - 1
    print(
        f"activation reached (mark: within 2 %): {apart.mean():+.2%}, at most {apart.abs().max():.2%} apart,"
    )
    print(f"{int(alive.sum())} pictures; {int((~alive).sum())} were dead where they began")
    print(f"left on the network: loop {left[0]} hooks, {left[1]} gradients;")
    print(f"                     library {ours_left[0]} and {ours_left[1]}")


def _positions(network: nn.Module, shape: tuple[int, ...]) -> int:
    _, seen = next(activations(network, torch.zeros(1, *shape), [DEEP], stop=DEEP))
    return seen[DEEP][0, 0].numel()


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
        loop_left = left_on(network)
        cleared(network)
        began = time.process_time()
        made = batched(network, data)
        seconds["library"].append(time.process_time() - began)
        reached["library"] = made.reached
    slow, fast = stats.median(seconds["loop"]), stats.median(seconds["library"])
    loop, ours = reached["loop"].amax(1), reached["library"].amax(1)
    apart = ((ours - loop).abs() / loop)[loop > 0]
    left = left_on(network)
    print(f"{CHANNELS} channels of {LAYER}, {SEEDS} starts, at most {STEPS} steps; {runs} runs, 1 thread")
    print(f"Lucent's loop {slow:7.2f} s of CPU")
    print(f"library       {fast:7.2f} s of CPU, {slow / fast:.1f} x faster (mark 9)")
    print(f"activation reached (mark: within 2 %): mean {ours.mean() / loop.mean() - 1:+.2%},")
    print(f"by channel apart by {apart.median():.2%} in the median and {apart.max():.2%} at most")
    print(f"left on the network: loop {loop_left[0]} hooks, {loop_left[1]} gradients;")
    print(f"                     library {left[0]} and {left[1]}")
    deep()


if __name__ == "__main__":
    main(count(__doc__, 3))
