"""Attribution against hand-written autograd and captum: ratios, measured side by side in one process.

``python benchmarks/attribution.py [--quick] [--json FILE]``. Every pair is run in turns, and the ratio is the
median over rounds of ours ÷ theirs within a round, on processor time of one thread.
"""

import argparse
import copy
import json
import platform
import statistics
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pellucid._core import Compute
from pellucid._core._feed import ROOM
from pellucid.attribution import integrated_gradients, occlusion, saliency

BATCH, STEPS, CHUNK = 32, 50, Compute().batch_size
EQUAL = Compute(batch_size=CHUNK)


@dataclass
class Row:
    what: str
    net: str
    ours_ms: float
    theirs_ms: float
    ratio: float
    goal: str
    reached: bool
    note: str = ""


def mlp():
    return nn.Sequential(
        nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)
    ), (784,)


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    ), (1, 28, 28)  # fmt: skip


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        # a module for each call, for peers that see modules only
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.short = nn.Sequential()
        if stride != 1 or before != after:
            self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(out + self.short(x))


def resnet18():
    """ResNet-18 for 32×32 pictures, a quarter of its width, so that 50 steps end on two cores."""
    widths, layers, before = (16, 32, 64, 128), [], 16
    for i, width in enumerate(widths):
        layers += [Block(before, width, 1 if i == 0 else 2), Block(width, width, 1)]
        before = width
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    ), (3, 32, 32)  # fmt: skip


def digits_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 16, 10),
    ), (1, 8, 8)  # fmt: skip


NETS = {"MLP 784-1024-1024-10": mlp, "small CNN": small_cnn, "ResNet-18, width/4": resnet18}


def hand_saliency(model, x, classes):
    """What one would write by hand, with the same answers: slope and score."""
    x = x.detach().clone().requires_grad_()
    score = model(x)[torch.arange(len(x)), classes]
    (grad,) = torch.autograd.grad(score, x, torch.ones_like(score))
    return grad, score.detach()


def hand_integrated_gradients(model, x, classes, chunk):
    """The same nodes in the same chunks, streamed, with both end scores for the gap."""
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    nodes = torch.tensor((nodes + 1) / 2, dtype=x.dtype)
    weights = torch.tensor(weights / 2, dtype=x.dtype)
    baseline, per = torch.zeros_like(x), max(1, chunk // len(x))
    total = torch.zeros_like(x)
    for k in range(0, STEPS, per):
        a, w = nodes[k : k + per], weights[k : k + per]
        a = a.view(-1, *[1] * x.ndim)
        points = (baseline + a * (x - baseline)).flatten(0, 1).requires_grad_()
        score = model(points)[torch.arange(len(points)), classes.repeat(len(w))]
        (grad,) = torch.autograd.grad(score, points, w.repeat_interleave(len(x)))
        total += grad.view(len(w), *x.shape).sum(0)
    values = (x - baseline) * total
    with torch.no_grad():
        rows = torch.arange(len(x))
        ends = model(x)[rows, classes], model(baseline)[rows, classes]
    return values, ends[0] - ends[1] - values.flatten(1).sum(1)


def in_turns(ours, theirs, rounds, repeats):
    """Median processor seconds of both, and the median of the ratios within a round."""
    times = ([], [])
    for calls in (ours, theirs):
        calls()
    for turn in range(rounds):
        pair = [0.0, 0.0]
        for which in (0, 1) if turn % 2 else (1, 0):
            began = time.process_time()
            for _ in range(repeats):
                (ours, theirs)[which]()
            pair[which] = (time.process_time() - began) / repeats
        for kept, seconds in zip(times, pair, strict=True):
            kept.append(seconds)
    ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
    return statistics.median(times[0]), statistics.median(times[1]), ratio


def row(what, net, ours, theirs, rounds, repeats, limit, note=""):
    a, b, ratio = in_turns(ours, theirs, rounds, repeats)
    found = Row(what, net, a * 1e3, b * 1e3, ratio, f"≤ {limit:.2f}", ratio <= limit, note)
    print(line(found), flush=True)
    return found


def line(found):
    mark = "yes" if found.reached else "NO"
    return (
        f"{found.what:<44}{found.net:<22}{found.ours_ms:>10.2f}{found.theirs_ms:>10.2f}"
        f"{found.ratio:>8.3f}  {found.goal:<7} {mark:<4}{found.note}"
    )


def peak_bytes(call):
    """Largest amount of tensor memory alive at once during a call, from torch's own record of allocations."""
    with torch.profiler.profile(profile_memory=True) as profiler:
        call()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    alive = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        # asked for at the start of each call and let go unwritten
        alive += event.nbytes() if abs(event.nbytes()) != ROOM else 0
        most = max(most, alive)
    return most


@dataclass
class Case:
    """A network, a batch, and how often to measure on it."""

    net: str
    model: nn.Module
    x: torch.Tensor
    classes: torch.Tensor
    rounds: int
    repeats: int


def case(net, make, quick, rows=BATCH):
    model, shape = make()
    heavy = net.startswith("ResNet")
    rounds = 3 if quick else 7 if heavy else 21
    return Case(
        net, model.eval(), torch.rand(rows, *shape), torch.arange(rows) % 10, rounds, 1 if heavy else 5
    )


def saliency_by_hand(on):
    wanted = hand_saliency(on.model, on.x, on.classes)[0]
    assert torch.allclose(saliency(on.model, on.x, on.classes).values, wanted, atol=1e-6)
    return row(
        "saliency ÷ by hand", on.net,
        lambda: saliency(on.model, on.x, on.classes), lambda: hand_saliency(on.model, on.x, on.classes),
        on.rounds, on.repeats, 1.10,
    )  # fmt: skip


def path_by_hand(on):
    # in single precision a ReLU at its kink goes either way
    model, x = copy.deepcopy(on.model).double(), on.x.double()
    found = integrated_gradients(model, x, on.classes, rule="gauss_legendre", compute=EQUAL)
    values, gap = hand_integrated_gradients(model, x, on.classes, CHUNK)
    assert torch.allclose(found.values, values, rtol=0, atol=1e-10)
    assert torch.allclose(found.gap, gap, rtol=0, atol=1e-10)
    return row(
        "integrated_gradients ÷ by hand", on.net,
        lambda: integrated_gradients(on.model, on.x, on.classes, rule="gauss_legendre", compute=EQUAL),
        lambda: hand_integrated_gradients(on.model, on.x, on.classes, CHUNK),
        max(3, on.rounds // 3), 1, 1.10,
    )  # fmt: skip


def memory(on):
    """Peak of 50 steps against the same by hand: neither holds more than a chunk."""
    ours = peak_bytes(
        lambda: integrated_gradients(on.model, on.x, on.classes, rule="gauss_legendre", compute=EQUAL)
    )
    theirs = peak_bytes(lambda: hand_integrated_gradients(on.model, on.x, on.classes, CHUNK))
    ratio = ours / theirs
    found = Row("peak memory of 50 steps ÷ by hand", on.net, ours / 1e6, theirs / 1e6, ratio, "≤ 1.10",
                ratio <= 1.10, "MB, not ms")  # fmt: skip
    print(line(found), flush=True)
    return found


def saliency_captum(on, captum):
    theirs = captum.Saliency(on.model)
    return row(
        "saliency ÷ captum", on.net, lambda: saliency(on.model, on.x, on.classes),
        lambda: theirs.attribute(on.x, target=on.classes, abs=False), on.rounds, on.repeats, 1.0,
    )  # fmt: skip


def path_captum(on, captum):
    theirs = captum.IntegratedGradients(on.model)

    def peer(x=on.x):
        return theirs.attribute(
            x, target=on.classes, n_steps=STEPS, internal_batch_size=CHUNK, return_convergence_delta=True
        )

    on.model.double()
    x = on.x.double()
    ours = integrated_gradients(on.model, x, on.classes, rule="gauss_legendre", compute=EQUAL)
    assert torch.allclose(ours.values, peer(x)[0].detach(), rtol=0, atol=1e-10)
    on.model.float()
    return row(
        f"integrated_gradients ÷ captum, chunk {CHUNK}", on.net,
        lambda: integrated_gradients(on.model, on.x, on.classes, rule="gauss_legendre", compute=EQUAL),
        peer, max(3, on.rounds // 3), 1, 1.0,
    )  # fmt: skip


def occlusion_captum(on, captum):
    theirs = captum.Occlusion(on.model)

    def peer():
        return theirs.attribute(on.x, target=on.classes, sliding_window_shapes=(1, 3, 3))

    def ours():
        return occlusion(on.model, on.x, on.classes, window=(1, 3, 3))

    far = float((ours().values - peer()).abs().max())
    assert far < 1e-5, far
    repeats = 5 if on.x.shape[-1] < 9 else 1
    return row(
        "occlusion 3×3 ÷ captum defaults, 1 picture", on.net, ours, peer,
        max(3, on.rounds // 2), repeats, 0.20,
        f"values differ by {far:.0e}",
    )  # fmt: skip


def table(quick):
    cases = [case(net, make, quick) for net, make in NETS.items()]
    for kind in (saliency_by_hand, path_by_hand, memory):
        yield from (kind(on) for on in cases)
    try:
        import captum.attr as captum
    except ImportError:
        print("captum is not installed (extra: peers); its rows are left out")
        return
    for kind in (saliency_captum, path_captum):
        yield from (kind(on, captum) for on in cases)
    for net, make in (("digits CNN 8×8", digits_cnn), ("small CNN", small_cnn)):
        yield occlusion_captum(case(net, make, quick, rows=1), captum)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the table there, too")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    print(f"{'':<44}{'':<22}{'ours ms':>10}{'theirs ms':>10}{'ratio':>8}  goal    reached")
    found = list(table(options.quick))
    if options.json:
        machine = platform.processor() or platform.machine()
        about = {"torch": torch.__version__, "machine": machine, "threads": 1, "batch": BATCH, "chunk": CHUNK}
        rows = [asdict(one) for one in found]
        options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
