"""How much maps of texts change when the vector of every token moves slightly, by the size of the noise.

``python benchmarks/stability_texts.py`` prints, for MiniLM on its 36 sentences and a convolutional network on
100 sentences of SST-2, the share of texts whose worst rank correlation over four noises stays at .5 or above;
the card's noise is .05. ``sst2.csv.gz`` lies in the folder that PELLUCID_TEST_DATA names.
"""

from __future__ import annotations

import time
from functools import partial

import torch
from asked import data_file
from torch import Tensor, nn

from pellucid import attribution, data, evidence, networks, tasks, training
from pellucid._core import Compute, InputSpec, log_odds, nudged, predict

SIZES, NOISES, N, EPOCHS = (0.05, 0.1, 0.2, 0.4), 4, 100, 4
COMPUTE = Compute(batch_size=256)
METHODS = {
    "integrated_gradients": partial(attribution.integrated_gradients, steps=16),
    "input_x_gradient": attribution.input_x_gradient,
    "saliency": attribution.saliency,
    "occlusion": attribution.occlusion,
}


def show(title: str, net: nn.Module, x: Tensor, spec: InputSpec) -> None:
    classes = predict(net, x, spec=spec, compute=COMPUTE).argmax(1)
    target = log_odds(classes)
    bank = evidence.responses(net, x, target, spec=spec, masks=32, compute=COMPUTE).bank

    def maps(method: partial[object], model: nn.Module) -> Tensor:
        return bank.reduce(method(model, x, target, spec=spec, compute=COMPUTE).map)  # pyright: ignore[reportAttributeAccessIssue]

    plain = {name: maps(method, net) for name, method in METHODS.items()}
    print(f"\n{title}, {len(x)} texts\n{'noise':24}" + "".join(f"{size:>8}" for size in SIZES))
    kept: list[float] = []
    shares: dict[str, list[float]] = {name: [] for name in METHODS}
    for size in SIZES:
        near = list(nudged(net, x, size=size, count=NOISES, spec=spec, compute=COMPUTE))
        same = torch.stack([predict(m, x, spec=spec, compute=COMPUTE).argmax(1) == classes for m in near])
        kept.append(float(same.float().mean()))
        for name, method in METHODS.items():
            rho = torch.stack([bank.alike(maps(method, m), plain[name]) for m in near])
            worst = rho.masked_fill(~same, 2.0).amin(0)
            shares[name].append(float((worst[worst < 2] >= 0.5).float().mean()))
    for name, values in (("class kept", kept), *shares.items()):
        print(f"{name:24}" + "".join(f"{value:8.2f}" for value in values), flush=True)


def main() -> None:
    torch.set_num_threads(1)
    began = time.process_time()
    subject = tasks.sentences()
    show("MiniLM", subject.model, subject.needs_data("stability").inputs, subject.spec)
    place = data_file("sst2.csv.gz")
    found = data.texts(place, text="text", target="label", parts="split")
    held = found.part("test").inputs
    x = held[(found.spec.groups(held).amax(1) >= 7)][:N]
    net = networks.default_network(found)
    training.collect(training.train(net, found, epochs=EPOCHS, instruments=False))
    show("text_cnn on SST-2", net.eval(), x, found.spec)
    print(f"\n{time.process_time() - began:.0f} CPU seconds")


if __name__ == "__main__":
    main()
