"""How often maps pass the agreement test at p <= .05 on text encoders: see ``calibration.py``.

``python benchmarks/calibration_texts.py [KIND …]`` trains networks on SST-2 (``sst2.csv.gz`` in the
folder that PELLUCID_TEST_DATA names) and prints the table of 200 test sentences of at least eight words.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial

import torch
from asked import data_file, names, words
from calibration import REPEATS, TWINS, N, Trial, show
from torch import Tensor

from pellucid import data, networks, training
from pellucid._core import log_odds
from pellucid.attribution import (
    deep_lift,
    input_x_gradient,
    integrated_gradients,
    kernel_shap,
    occlusion,
    saliency,
    smoothgrad,
)
from pellucid.evidence._free import free_maps

EPOCHS = 6
METHODS = {
    "integrated_gradients": partial(integrated_gradients, steps=16),
    "deep_lift": deep_lift,
    "input_x_gradient": input_x_gradient,
    "occlusion": occlusion,
    "kernel_shap": partial(kernel_shap, budget=160),
    "saliency": saliency,
    "smoothgrad": partial(smoothgrad, samples=8),
}


def rows(trial: Trial) -> Iterator[tuple[str, float, dict[str, float]]]:
    for name, method in METHODS.items():
        if name == "kernel_shap":
            yield name, *trial.rates(trial.maps(method, trial.net), None)
            continue
        twins = torch.stack([trial.maps(method, copy) for copy in trial.copies])
        yield name, *trial.rates(trial.maps(method, trial.net), twins)
        yield f"  untrained, {name}", *trial.untrained(method, twins)
        if name == "integrated_gradients":
            wrong = trial.outputs.scatter(1, trial.classes[:, None], -torch.inf).argmax(1)
            yield "  of the wrong class", *trial.rates(trial.maps(method, trial.net, log_odds(wrong)), twins)
            yield "  of another input", *trial.rates(trial.maps(method, trial.net).roll(1, 0), twins)
    for name, maps in free_maps(trial.x, trial.x, pictures=False).items():
        yield f"without network: {name}", *trial.rates(maps, maps.expand(TWINS, *maps.shape))
    generator = torch.Generator().manual_seed(0)
    for sigma in (0.0, 1.0, 3.0):
        found = [trial.rates(smooth(trial.x.shape, sigma, generator), None) for _ in range(REPEATS)]
        mean = {key: sum(rates[key] for _, rates in found) / REPEATS for key in found[0][1]}
        yield f"random, smoothness {sigma:.0f}", found[0][0], mean


def smooth(shape: torch.Size, sigma: float, generator: torch.Generator) -> Tensor:
    """Noise along the text, smoothed over neighbouring words."""
    field = torch.randn(shape, generator=generator)
    if not sigma:
        return field
    reach = int(3 * sigma) + 1
    weight = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
    return torch.nn.functional.conv1d(field[:, None], weight.view(1, 1, -1), padding=reach)[:, 0]


def main() -> int:
    torch.set_num_threads(1)
    began, good = time.process_time(), True
    wanted, place = names(words(__doc__), ("text_cnn", "transformer")), data_file("sst2.csv.gz")
    found = data.texts(place, text="text", target="label", parts="split")
    held = found.part("test").inputs
    x = held[(found.spec.groups(held).amax(1) >= 7)][:N]
    for kind in wanted:
        net = networks.default_network(found, kind=kind)
        for epoch in training.train(net, found, epochs=EPOCHS, instruments=False):
            last = epoch
        trial = Trial(net.eval(), x, found.spec)  # pyright: ignore[reportArgumentType]
        title = f"{kind} on SST-2 (validation {last.validation_score:.3f}), {len(x)} sentences, unknown words"
        good &= show(title, rows(trial))
    print(f"\n{time.process_time() - began:.0f} CPU seconds; limits {'kept' if good else 'BROKEN'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
