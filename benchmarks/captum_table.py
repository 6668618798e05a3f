"""Every method that captum has too: time of captum's default call and of its best setting, over ours.

``python benchmarks/captum_table.py [--rounds 5] [--batch 8] [--only METHOD …]``. Processor time of one
thread, runs in turns, medians over rounds; above 1 pellucid is faster. Our calls are the defaults too, except
that both sides get equal samples, background rows and groups where those are arguments. Ours also give
scores, gap and standard errors, which captum's do not.

``--floor`` asks what anybody could reach who passes the same rows whole: captum's times over those of a bare
loop (rows made beforehand, the quickest chunk and memory order, no library), and how fast the loop and a
large matrix product go.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import captum.attr as captum
import torch
from asked import names
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from attribution import mlp, resnet18, small_cnn
from pellucid import attribution as a

CLASSES, SAMPLES, BACKGROUND = 10, 50, 20
FAR = 2  # times captum's best setting, from which on its default is timed only once
CELLS = 16
ROWS = ("occlusion", "feature_ablation", "shapley_sampling", "kernel_shap", "lime")
Call = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A network, rows, their classes, a hidden layer, and CELLS groups of elements."""

    net: nn.Module
    x: Tensor
    classes: Tensor
    layer: str
    background: Tensor
    groups: Tensor

    @property
    def hidden(self) -> nn.Module:
        return self.net.get_submodule(self.layer)


def case(make: Callable[[], tuple[nn.Module, tuple[int, ...]]], layer: str, rows: int) -> Case:
    torch.manual_seed(0)
    net, shape = make()
    x = torch.rand(rows, *shape)
    if len(shape) == 1:
        groups = torch.arange(shape[0]) * CELLS // shape[0]
    else:
        side = torch.arange(shape[1]) * 4 // shape[1]
        groups = (side[:, None] * 4 + side).expand(shape).contiguous()
    classes = torch.arange(rows) % CLASSES
    return Case(net.eval(), x, classes, layer, torch.rand(BACKGROUND, *shape), groups)


def methods(c: Case) -> Iterator[tuple[str, Call, Mapping[str, Call]]]:
    """Name, our call, captum's calls: ``default`` first, the others compete for the best setting."""
    net, x, y, at, bg, groups = c.net, c.x, c.classes, c.layer, c.background, c.groups
    mask = groups[None]
    each = (4, 16, 64)
    ps = "perturbations_per_eval"

    def theirs(method: Callable[..., object], *args: object, **given: object) -> Call:
        return lambda: method(*args, target=y, **given)

    def varied(method: Callable[..., object], name: str, sizes: tuple[int, ...], **given: object):
        calls = {"default": theirs(method, x, **given)}
        return calls | {str(n): theirs(method, x, **given, **{name: n}) for n in sizes}

    yield (
        "saliency",
        lambda: a.saliency(net, x, y),
        {"default": theirs(captum.Saliency(net).attribute, x, abs=False)},
    )
    yield (
        "input_x_gradient",
        lambda: a.input_x_gradient(net, x, y),
        {"default": theirs(captum.InputXGradient(net).attribute, x)},
    )
    yield (
        "guided_backpropagation",
        lambda: a.guided_backpropagation(net, x, y),
        {"default": theirs(captum.GuidedBackprop(net).attribute, x)},
    )
    yield (
        "deconvnet",
        lambda: a.deconvnet(net, x, y),
        {"default": theirs(captum.Deconvolution(net).attribute, x)},
    )
    yield (
        "integrated_gradients",
        lambda: a.integrated_gradients(net, x, y, steps=SAMPLES, rule="gauss_legendre"),
        varied(captum.IntegratedGradients(net).attribute, "internal_batch_size", (64, 128)),
    )
    yield (
        "expected_gradients",
        lambda: a.expected_gradients(net, x, y, background=bg),
        {"default": theirs(captum.GradientShap(net).attribute, x, baselines=bg, n_samples=4 * BACKGROUND)},
    )
    yield (
        "smoothgrad",
        lambda: a.smoothgrad(net, x, y, samples=SAMPLES),
        varied(
            captum.NoiseTunnel(captum.Saliency(net)).attribute,
            "nt_samples_batch_size",
            (8,),
            nt_samples=SAMPLES,
            abs=False,
        ),
    )
    yield "deep_lift", lambda: a.deep_lift(net, x, y), {"default": theirs(captum.DeepLift(net).attribute, x)}
    yield (
        "deep_lift_shap",
        lambda: a.deep_lift_shap(net, x, y, background=bg),
        {"default": theirs(captum.DeepLiftShap(net).attribute, x, bg)},
    )
    yield (
        "lrp",
        lambda: a.lrp(net, x, y, rules="epsilon"),
        {"default": theirs(captum.LRP(net).attribute, x)},
    )
    yield (
        "layer_conductance",
        lambda: a.layer_conductance(net, x, y, at=at, steps=SAMPLES),
        varied(captum.LayerConductance(net, c.hidden).attribute, "internal_batch_size", (64, 128)),
    )
    yield (
        "internal_influence",
        lambda: a.internal_influence(net, x, y, at=at, steps=SAMPLES),
        varied(captum.InternalInfluence(net, c.hidden).attribute, "internal_batch_size", (64, 128)),
    )
    if x.ndim == 4:
        yield (
            "grad_cam",
            lambda: a.grad_cam(net, x, y, at=at),
            {"default": theirs(captum.LayerGradCam(net, c.hidden).attribute, x)},
        )
        window = x.shape[-1] // 4
        box, stride = (x.shape[1], window, window), (x.shape[1], window // 2, window // 2)
        yield (
            "occlusion",
            lambda: a.occlusion(net, x, y, window=window, stride=(x.shape[1], window // 2, window // 2)),
            varied(captum.Occlusion(net).attribute, ps, each, sliding_window_shapes=box, strides=stride),
        )
    yield (
        "feature_ablation",
        lambda: a.feature_ablation(net, x, y, groups=groups),
        varied(captum.FeatureAblation(net).attribute, ps, each, feature_mask=mask),
    )
    yield (
        "shapley_sampling",
        lambda: a.shapley_sampling(net, x, y, groups=groups, budget=2 + 10 * (CELLS - 1)),
        varied(captum.ShapleyValueSampling(net).attribute, ps, each, feature_mask=mask, n_samples=10),
    )

    def one_by_one(method: Callable[..., object], **given: object) -> Call:
        return lambda: [
            method(x[i : i + 1], target=y[i : i + 1], feature_mask=mask, n_samples=100, **given)
            for i in range(len(x))
        ]

    for name, ours, them in (
        ("kernel_shap", a.kernel_shap, captum.KernelShap),
        ("lime", a.lime, captum.Lime),
    ):
        yield (
            name,
            lambda ours=ours: ours(net, x, y, groups=groups, budget=102),
            {"default": one_by_one(them(net).attribute)}
            | {str(n): one_by_one(them(net).attribute, **{ps: n}) for n in (16, 64)},
        )


def in_turns(ours: Call, calls: Mapping[str, Call], rounds: int) -> dict[str, float]:
    """Median seconds of each call and of ours."""
    spent: dict[str, list[float]] = {"ours": [], **{name: [] for name in calls}}
    for turn in range(rounds + 1):
        for name, call in {"ours": ours, **calls}.items():
            others = [spent[other][0] for other in calls if other != "default" and spent[other]]
            if name == "default" and others and spent[name][0] > FAR * min(others):
                continue  # slow, and far off: once is enough
            began = time.process_time()
            call()
            if turn:
                spent[name].append(time.process_time() - began)
    return {name: statistics.median(found) for name, found in spent.items()}


def ratios(ours: Call, calls: Mapping[str, Call], rounds: int) -> tuple[float, float, float]:
    """Our milliseconds, captum's default over ours, captum's best over ours."""
    middle = in_turns(ours, calls, rounds)
    best = min(middle[name] for name in calls)
    return 1e3 * middle["ours"], middle["default"] / middle["ours"], best / middle["ours"]


def seconds(call: Call) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def bare_loop(c: Case, rows: int) -> Call:
    """Some rows through the network in the chunks and the order in memory that take least time."""
    last = torch.channels_last if c.x.ndim == 4 else torch.contiguous_format
    points = c.x.repeat(-(-rows // len(c.x)), *[1] * (c.x.ndim - 1))[:rows]
    loops: list[Call] = []
    for form in {torch.contiguous_format, last}:
        laid = points.clone(memory_format=form)
        for chunk in (8, 16, 32, 64, 136, 272, rows):

            def loop(laid: Tensor = laid, chunk: int = chunk) -> None:
                with torch.inference_mode():
                    for some in laid.split(chunk):
                        c.net(some)

            loops.append(loop)
    return min(loops, key=lambda loop: min(seconds(loop) for _ in range(3)))


def operations(c: Case) -> int:
    """Floating-point operations of one row, in matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        c.net(c.x[:1])
    return counter.get_total_flops()


def peak() -> float:
    """Operations in a second of a product of matrices of 1024 × 1024, the quickest of 20."""
    a = torch.rand(1024, 1024)
    return 2 * 1024**3 / min(seconds(lambda: a @ a) for _ in range(20))


def floors(net: str, c: Case, only: Sequence[str], rounds: int) -> None:
    """Print a line for each method that passes rows and does nothing else."""
    for name, ours, calls in methods(c):
        if name not in ROWS or (only and name not in only):
            continue
        rows = ours().provenance.forward
        middle = in_turns(ours, {**calls, "loop": bare_loop(c, rows)}, rounds)
        bare, mine = middle.pop("loop"), middle.pop("ours")
        best = min(middle.values())
        speed = f"{rows * operations(c) / bare / 1e9:5.1f} GFLOP/s of {peak() / 1e9:5.1f}"
        print(f"{name:17} {net:12} {rows:5} rows", end="")
        for who, spent in (("ours", mine), ("loop", bare)):
            against = f"default {middle['default'] / spent:5.2f}  best {best / spent:5.2f}"
            print(f"   {who} {1e3 * spent:7.1f} ms  {against}", end="")
        print(f"   {speed}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8, help="rows that are explained at once")
    parser.add_argument("--only", nargs="*", help="names of methods, as the table has them")
    parser.add_argument("--floor", action="store_true", help="against a bare loop over the same rows")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    slower = 0
    cases = {
        "MLP": case(mlp, "2", options.batch),
        "small CNN": case(small_cnn, "3", options.batch),
        "ResNet-18/4": case(resnet18, "6", options.batch),
    }
    names(options.only or (), [name for made in cases.values() for name, _, _ in methods(made)])
    for net, made in cases.items():
        if options.floor:
            floors(net, made, options.only or (), options.rounds)
            continue
        for name, ours, calls in methods(made):
            if options.only and name not in options.only:
                continue
            try:
                ms, default, best = ratios(ours, calls, options.rounds)
            except Exception as error:  # what captum cannot do on a network is a result too
                print(f"{name:24} {net:12} {type(error).__name__}: {str(error)[:80]}", flush=True)
                continue
            slower += best < 1
            print(f"{name:24} {net:12} {ms:9.1f} ms   default {default:6.2f}   best {best:6.2f}", flush=True)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
