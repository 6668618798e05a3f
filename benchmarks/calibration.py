"""How often maps pass the agreement test at p <= .05: power of methods, false positives of controls.

``python benchmarks/calibration.py`` prints a table for a digits network, a breast-cancer network and two that
hear spoken digits (fsdd_speech.zip in the folder PELLUCID_TEST_DATA); ``calibration.py spectrogram`` prints
one alone. The last two columns are the joint claims: placement and specificity; and, as on a card, with 19
untrained copies, two for each row.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from asked import names, words
from torch import Tensor, nn

from evidence import digits, trained
from pellucid import evidence
from pellucid._core import Compute, InputSpec, Target, log_odds, untrained
from pellucid.attribution import (
    grad_cam,
    input_x_gradient,
    integrated_gradients,
    occlusion,
    saliency,
    smoothgrad,
)
from pellucid.data import sounds
from pellucid.evidence._about import shares
from pellucid.evidence._free import free_maps
from pellucid.inputs import AudioSpec, ImageSpec
from pellucid.networks import default_network
from pellucid.training import collect, train

UNTRAINED = 5  # networks that the rows "untrained" are the mean of
N, TWINS, REPEATS, LEVEL, MOST, LEAST = 200, 19, 5, 0.05, 0.065, 0.9
# of networks that hear, whose passes are dear: epochs and rate as `pellucid train` has them, steps of
# integrated gradients, draws of noise
EPOCHS, RATE, STEPS, DRAWS = 20, 4e-3, 8, 3
COMPUTE = Compute(batch_size=512)
Method = Callable[..., object]


def methods(*, pictures: bool) -> dict[str, Method]:
    found: dict[str, Method] = {
        "integrated_gradients": partial(integrated_gradients, steps=16),
        "occlusion": partial(occlusion, window=4, stride=2) if pictures else occlusion,
        "input_x_gradient": input_x_gradient,
        "saliency": saliency,
        "saliency, absolute": partial(saliency, absolute=True),
        "smoothgrad": partial(smoothgrad, samples=8),
    }
    return {**found, "grad_cam": grad_cam} if pictures else found


def methods_that_hear(spec: AudioSpec) -> dict[str, Method]:
    found: dict[str, Method] = {
        "integrated_gradients": partial(integrated_gradients, steps=STEPS),
        "input_x_gradient": input_x_gradient,
        "saliency": saliency,
    }
    return {**found, "grad_cam": grad_cam} if spec.pitched else found


def spoken(front: str) -> Trial | None:
    """A network on the official training takes, and the test takes of all speakers."""
    packed = Path(os.environ.get("PELLUCID_TEST_DATA", "")) / "fsdd_speech.zip"
    if not packed.is_file():
        print(f"\n{front}: not run, PELLUCID_TEST_DATA holds no fsdd_speech.zip")
        return None
    data = sounds(packed, pattern="{label}_{speaker}_{take}", held_out="take=0,1,2,3,4", front=front)  # pyright: ignore[reportArgumentType]
    net = default_network(data)
    collect(train(net, data, epochs=EPOCHS, learning_rate=RATE, patience=None))
    test = data.part("test").rows(torch.randperm(N, generator=torch.Generator().manual_seed(0)))
    trial = Trial(net.eval(), test.inputs, data.spec)
    print(f"\n{front}: accuracy {float((trial.classes == test.answers).float().mean()):.3f} on test takes")
    return trial


def breast_cancer() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    order = torch.randperm(len(found.data), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(found.data, dtype=torch.float32)[order], torch.tensor(found.target)[order]
    return (x - x[:369].mean(0)) / x[:369].std(0), y


def table_network(x: Tensor, y: Tensor) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(40):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    return net.eval()


def smooth(shape: torch.Size, sigma: float, generator: torch.Generator) -> Tensor:
    field = torch.randn(shape, generator=generator)
    if not sigma:
        return field
    if len(shape) == 3:  # waveforms: along time only, in hundredths of a second
        reach = int(3 * sigma * 80) + 1
        weight = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / (80 * sigma)).square())
        return F.conv1d(F.pad(field, (reach, reach), mode="circular"), weight.view(1, 1, -1))
    reach = int(3 * sigma) + 1
    weight = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
    field = F.conv2d(F.pad(field, (reach, reach, 0, 0), mode="circular"), weight.view(1, 1, 1, -1))
    return F.conv2d(F.pad(field, (0, 0, reach, reach), mode="circular"), weight.view(1, 1, -1, 1))


class Trial:
    """One network with its inputs, masks and untrained copies."""

    def __init__(self, net: nn.Module, x: Tensor, spec: InputSpec | None) -> None:
        self.net, self.x, self.spec = net, x, spec
        with torch.no_grad():
            self.outputs = net(x)
        self.classes = self.outputs.argmax(1)
        self.target = log_odds(self.classes)
        self.seen = evidence.responses(net, x, self.target, spec=spec, compute=COMPUTE)
        self.copies = [untrained(net, seed=100 + k) for k in range(TWINS)]
        self.strangers = ~torch.eye(len(x), dtype=torch.bool)

    def maps(self, method: Method, net: nn.Module, target: Target | None = None) -> Tensor:
        why = method(net, self.x, target or self.target, spec=self.spec, compute=COMPUTE)
        return why.map  # pyright: ignore[reportAttributeAccessIssue]

    def twins(self, method: Method) -> Tensor:
        """Maps of the untrained copies, each of its share of the rows ``[2, N, *shape]``."""
        made: list[list[Tensor]] = [[] for _ in self.x]
        for copy, rows in zip(self.copies, shares(len(self.x), TWINS), strict=True):
            target = log_odds(self.classes[rows])
            why = method(copy, self.x[rows], target, spec=self.spec, compute=COMPUTE)
            for row, one in zip(rows.tolist(), why.map, strict=True):  # pyright: ignore[reportAttributeAccessIssue]
                made[row].append(one)
        return torch.stack([torch.stack(own) for own in made], 1)

    def untrained(self, method: Method, twins: Tensor) -> tuple[float, dict[str, float]]:
        """The mean over several untrained networks: all inputs share one, so that one alone scatters."""
        found = [
            self.rates(self.maps(method, untrained(self.net, seed=1 + k)), twins) for k in range(UNTRAINED)
        ]
        rates = {key: sum(each[key] for _, each in found) / UNTRAINED for key in found[0][1]}
        return sum(value for value, _ in found) / UNTRAINED, rates

    def rates(self, maps: Tensor, twins: Tensor | None) -> tuple[float, dict[str, float]]:
        found = [
            evidence.placement(self.seen, maps),
            evidence.specificity(self.seen, maps, maps, self.strangers),
        ]
        if twins is not None:
            found.append(evidence.training(self.seen, maps, twins))
        passing = {null.name: share(null.p) for null in found}
        passing["card"] = share(evidence.joint(*found[:2]))
        if twins is not None:
            passing["all"] = share(evidence.joint(*found))
        return float(evidence.agreement(self.seen, maps).median()), passing


def share(p: Tensor) -> float:
    return float((p <= LEVEL + 1e-6).float().mean())


def table(trial: Trial) -> Iterator[tuple[str, float, dict[str, float]]]:
    pictures, heard = trial.spec is not None, isinstance(trial.spec, AudioSpec)
    repeats = DRAWS if heard else REPEATS
    chosen = (
        methods_that_hear(trial.spec) if isinstance(trial.spec, AudioSpec) else methods(pictures=pictures)
    )
    for name, method in chosen.items():
        twins = trial.twins(method)
        yield name, *trial.rates(trial.maps(method, trial.net), twins)
        yield f"  untrained, {name}", *trial.untrained(method, twins)
        if name == "integrated_gradients":
            wrong = trial.outputs.scatter(1, trial.classes[:, None], -torch.inf).argmax(1)
            yield "  of the wrong class", *trial.rates(trial.maps(method, trial.net, log_odds(wrong)), twins)
            yield "  of another input", *trial.rates(trial.maps(method, trial.net).roll(1, 0), twins)
    absent = trial.spec.absent(trial.x) if heard and trial.spec else torch.zeros_like(trial.x)
    for name, maps in free_maps(trial.x, absent, pictures=pictures).items():
        yield f"without network: {name}", *trial.rates(maps, maps.expand(TWINS, *maps.shape))
    generator = torch.Generator().manual_seed(0)
    for sigma in (0.0, 1.0, 2.0, 3.0) if pictures else (0.0,):
        found = [trial.rates(smooth(trial.x.shape, sigma, generator), None) for _ in range(repeats)]
        mean = {key: sum(rates[key] for _, rates in found) / repeats for key in found[0][1]}
        yield f"random, smoothness {sigma:.0f}", found[0][0], mean
        if isinstance(trial.spec, AudioSpec):  # sounds end in silence, where maps of a network are flat
            loud = torch.arange(trial.x.shape[-1]) < trial.spec.ends(trial.x).view(
                -1, *[1] * (trial.x.ndim - 1)
            )
            shown = [
                trial.rates(smooth(trial.x.shape, sigma, generator) * loud, None) for _ in range(repeats)
            ]
            mean = {key: sum(rates[key] for _, rates in shown) / repeats for key in shown[0][1]}
            yield "  where something is heard", shown[0][0], mean


def show(title: str, rows: Iterator[tuple[str, float, dict[str, float]]]) -> bool:
    columns = ("placement", "specificity", "training", "card", "all")
    print(f"\n{title}\n{'map':36}{'median T':>10}" + "".join(f"{c:>13}" for c in columns))
    good = True
    for name, value, rates in rows:
        cells = (f"{rates[c]:13.3f}" if c in rates else f"{'':13}" for c in columns)
        print(f"{name:36}{value:+10.2f}" + "".join(cells), flush=True)
        strict = rates.get("all", rates["card"])
        if name == "integrated_gradients":
            good &= strict >= LEAST - 1e-6  # a share in single precision
        elif name.startswith((" ", "random", "without")):
            good &= strict <= MOST
    return good


def main() -> int:
    torch.set_num_threads(1)
    began = time.process_time()
    wanted, good = names(words(__doc__), ("digits", "table", "spectrogram", "waveform")), True
    if "digits" in wanted:
        x, y = digits()
        net = trained(x[:1200], y[:1200])
        pictures = Trial(net, x[1200 : 1200 + N], ImageSpec(size=(16, 16)))
        good &= show(f"digits 16×16, {N} inputs, black fill", table(pictures))
    if "table" in wanted:
        x, y = breast_cancer()
        net = table_network(x[:369], y[:369])
        good &= show(f"breast cancer, {N} inputs, mean fill", table(Trial(net, x[369:], None)))
    for front in ("spectrogram", "waveform"):
        trial = spoken(front) if front in wanted else None
        if trial is not None:
            good &= show(f"spoken digits, {front}, {N} inputs, {trial.spec.absent_as}", table(trial))
    print(f"\n{time.process_time() - began:.0f} CPU seconds; limits {'kept' if good else 'BROKEN'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
