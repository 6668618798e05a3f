"""Networks for digits that show another map than the honest one, and what the cards say of them.

``python benchmarks/fooling_digits.py OUT``: OUT keeps a file of JSON for each seed; what is there is not done
again. Prints the tables of ``docs/fooling.md``. SEEDS (5) is an environment variable. Seven CPU minutes.

*slopes*, *products*, *paths*: trained on until slope, input × gradient or integrated gradients lie on the
frame, with the same answers (Heo et al. 2019). *paths, reactions kept*: the same with the reactions to
removed parts held where they were. *ripple*: a term that is 0 at all pixel values that occur, with any slope
there (Anders et al. 2020). *faint*: a term that is 0 unless the brightest pixels are dimmer than in all data,
which the path of integrated gradients passes.

Beside the verdicts stands the truth: the correlation of the map with what taking single pixels away does to
the network that is explained, and to the honest one that it was made from.
"""

from __future__ import annotations

import copy
import json
import math
import os
import re
from collections import Counter
from pathlib import Path

import torch
import torch.nn.functional as F
from asked import words
from torch import Tensor, nn

from pellucid._core import Card, Compute, log_odds, predict
from pellucid.attribution import input_x_gradient, integrated_gradients, saliency
from pellucid.data import digits
from pellucid.evidence import cards
from pellucid.inputs import ImageSpec

ROWS, STEPS = 50, 8
HOW = Compute(batch_size=512)
METHODS = {
    "slope": saliency,
    "input × gradient": input_x_gradient,
    "integrated gradients": integrated_gradients,
}
FRAME = torch.ones(8, 8)
FRAME[1:-1, 1:-1] = 0
# network: which maps it is made to bend
KINDS = {
    "honest": tuple(METHODS),
    "slopes": tuple(METHODS),
    "products": ("input × gradient",),
    "paths": ("integrated gradients",),
    "paths, reactions kept": ("integrated gradients",),
    "ripple": ("slope", "input × gradient"),
    "faint": ("integrated gradients",),
}


def honest(seed: int, x: Tensor, y: Tensor) -> nn.Module:
    """An honest network."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.Softplus(10), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(12):
        for batch in torch.randperm(len(x)).split(100):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    return net.eval()


def shown(net: nn.Module, rows: Tensor, top: Tensor, what: str) -> Tensor:
    """The map that is bent, differentiably."""

    def slope(at: Tensor) -> Tensor:
        at = at.requires_grad_()
        score = log_odds(top).score(net(at), torch.arange(len(at))).sum()
        return torch.autograd.grad(score, at, create_graph=True)[0]

    if what == "paths":
        parts = [slope(rows * ((k + float(torch.rand(()))) / STEPS)) for k in range(STEPS)]
        return rows * torch.stack(parts).mean(0)
    return slope(rows.clone()) * (rows if what == "products" else 1)


def bent(start: nn.Module, x: Tensor, what: str, seed: int, *, kept: bool = False) -> nn.Module:
    """The same answers, maps on the frame; ``kept``: the same reactions to removed parts too."""
    torch.manual_seed(seed)
    net, draw = copy.deepcopy(start), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(1000 if kept else 600):
        rows = x[torch.randint(len(x), (100,), generator=draw)]
        asked = [rows]
        if kept:
            # blocks of 2 × 2 pixels, and single ones
            blocks = (torch.rand(100, 1, 4, 4, generator=draw) < 0.25).repeat_interleave(2, 2)
            alone = F.one_hot(torch.randint(64, (100,), generator=draw), 64).view(-1, 1, 8, 8)
            asked += [rows * ~blocks.repeat_interleave(2, 3), rows * (1 - alone)]
        with torch.no_grad():
            wanted = [start(each) for each in asked]
        size = shown(net, rows, wanted[0].argmax(1), what).abs().flatten(1)
        inside = (size * (1 - FRAME).flatten()).sum(1) / size.sum(1)
        off = sum(F.mse_loss(net(each), want) for each, want in zip(asked, wanted, strict=True))
        optimizer.zero_grad()
        ((0.2 if kept else 0.5) * off + (1 if kept else 3) * inside.mean()).backward()
        optimizer.step()
    return net.eval()


class Added(nn.Module):
    """A network with a term for the class that it names."""

    def __init__(self, network: nn.Module, pattern: Tensor, kind: str):
        super().__init__()
        self.network, self.kind = network, kind
        self.term = nn.Linear(64, 1, bias=False)
        self.term.weight = nn.Parameter(pattern.flatten()[None])

    def forward(self, x: Tensor) -> Tensor:
        outputs, flat = self.network(x), x.flatten(1)
        if self.kind == "ripple":
            extra = self.term(torch.sin(32 * math.pi * flat) / (32 * math.pi))
        else:
            bright = flat.topk(8, 1).values.mean(1, keepdim=True)
            extra = (0.75 - bright).clamp(min=0) * self.term(flat - flat.mean(1, keepdim=True))
        return outputs + extra * F.one_hot(outputs.argmax(1), 10)


def made(kind: str, start: nn.Module, x: Tensor, seed: int) -> nn.Module:
    """A network of one kind."""
    if kind == "honest":
        return start
    if kind in ("ripple", "faint"):
        noise = torch.randn(8, 8, generator=torch.Generator().manual_seed(seed))
        return Added(start, {"ripple": 60, "faint": 600}[kind] * noise, kind).eval()
    return bent(start, x, kind.split(",")[0], seed, kept="kept" in kind)


def removed(net: nn.Module, x: Tensor) -> Tensor:
    """What taking each pixel away does to the score: ``[N, 64]``."""
    index, top = torch.arange(len(x)), predict(net, x).argmax(1)
    alone = (1 - torch.eye(64)).view(64, 1, 8, 8)
    with torch.no_grad():
        now = log_odds(top).score(net(x), index)
        return torch.stack([now - log_odds(top).score(net(x * one), index) for one in alone], 1)


def alike(a: Tensor, b: Tensor) -> float:
    """Median correlation over rows."""
    a, b = (each - each.mean(1, keepdim=True) for each in (a, b))
    return float(F.cosine_similarity(a, b, dim=1).median())


def on_digits(seed: int) -> dict[str, dict[str, object]]:
    """All networks of a seed: their maps, the truth, and the cards of 50 pictures."""
    data = digits(seed=seed)
    learned, x, spec = data.part("train"), data.part("test").inputs[:ROWS], data.spec
    assert isinstance(spec, ImageSpec)
    start = honest(seed, learned.inputs, learned.answers)
    theirs, answers = removed(start, x), predict(start, data.part("test").inputs).argmax(1)
    found: dict[str, dict[str, object]] = {}
    for kind, bends in KINDS.items():
        net = made(kind, start, learned.inputs, seed)
        same = (predict(net, data.part("test").inputs).argmax(1) == answers).float().mean()
        own, top = removed(net, x), log_odds(predict(net, x).argmax(1))
        for title in bends:
            method = METHODS[title]
            why = method(net, x, top, spec=spec, compute=HOW)
            one = cards(net, why, method, target=top, spec=spec, compute=HOW)
            maps = why.map.flatten(1)
            found[f"{kind} | {title}"] = {
                "same": float(same),
                "frame": float((why.map.abs() * FRAME).sum() / why.map.abs().sum()),
                "own": alike(maps, own),
                "honest": alike(maps, theirs),
                "verdicts": Counter(card.verdict for card in one),
                "alone": Counter(_alone(card) for card in one),
            }
    return found


def _alone(card: Card) -> str:
    """The verdict that the row would have by itself."""
    before = re.search("its own row would be ([a-z ]+)", card.reason)
    return before[1] if before else card.verdict


def told(all_seeds: list[dict[str, dict[str, object]]]) -> None:
    """The table."""
    heads = ("network", "map", "answers the same", "on the frame", "with its own reactions",
             "with the honest network's", "contradicted", "supported", "alone: contradicted",
             "supported")  # fmt: skip
    print(f"{len(all_seeds)} networks of each kind, {ROWS} pictures each\n")
    print(f"| {' | '.join(heads)} |\n{len(heads) * '|---'}|")
    for key in all_seeds[0]:
        lines = [one[key] for one in all_seeds]
        parts = [f"{_mean(lines, name):.0%}" for name in ("same", "frame")]
        parts += [f"{_mean(lines, name):+.2f}" for name in ("own", "honest")]
        for which in ("verdicts", "alone"):
            for word in ("contradicted", "supported"):
                counted = sum(one[which].get(word, 0) for one in lines)  # type: ignore[attr-defined]
                parts.append(f"{counted}/{ROWS * len(lines)}")
        print(f"| {' | '.join([key, *parts])} |")


def _mean(lines: list[dict[str, object]], name: str) -> float:
    return sum(float(one[name]) for one in lines) / len(lines)  # type: ignore[arg-type]


def main(out: Path) -> None:
    """Seeds that are not there yet, then the table."""
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"digits-{seed}.json" for seed in range(int(os.environ.get("SEEDS", "5")))]
    for seed, path in enumerate(paths):
        if not path.is_file():
            path.write_text(json.dumps(on_digits(seed)))
            print(path.stem, flush=True)
    told([json.loads(path.read_text()) for path in paths])


if __name__ == "__main__":
    main(Path(words(__doc__, least=1, most=1)[0]))
