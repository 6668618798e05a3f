"""How to find a text that moves a unit: exchanges that the network reads, or nearest tokens of free vectors.

On the SMS messages (``PELLUCID_TEST_DATA``), a convolutional network and a transformer. Arms: vectors that
climb freely and are then replaced by their nearest token (the best of eight projections counts), and one, two
and eight exchanges a place read by the network. Same length, 64 steps; the projection knows no limit on the
distance to real texts, the search does.

Run: ``python benchmarks/tokens.py``
"""

from __future__ import annotations

import time

import torch
from asked import data_file
from torch import Tensor

import pellucid
from pellucid._core import Compute, Subject, probe, untouched
from pellucid._core._units import by_unit
from pellucid.features import token_maximization
from pellucid.features._stretches import Stretches
from pellucid.features._token_maximization import fitted
from pellucid.features._token_recipe import reader_of

ROWS, STEPS, UNITS = 2000, 64, 32
RATE, KEEP, KEEP_SQUARE = 0.2, 0.9, 0.99


def projected(subject: Subject, site: str, texts: Tensor, units: Tensor) -> Tensor:
    """Largest values ``[U]`` that the nearest tokens of freely climbing vectors give."""
    reader = reader_of(subject.model, site, subject.spec, texts, Compute(128))  # pyright: ignore
    stretches, _ = fitted(reader, Stretches.of(texts, reader.spec, None, 0), texts.shape[1])
    own = units.repeat_interleave(2)
    draws = torch.randint(len(stretches.free), (len(own),), generator=torch.Generator().manual_seed(0))
    start = stretches.free[draws]
    table = reader.table.rows(stretches.tokens[None])[0]
    vectors, best = reader.table.rows(start).clone(), reader.values(stretches.whole(start), own)
    first, second = torch.zeros_like(vectors), torch.zeros_like(vectors)
    for step in range(STEPS):
        leaf = vectors.clone().requires_grad_()
        with untouched(subject.model), torch.enable_grad():
            with probe(
                subject.model, read=[site], write={reader.table.site: lambda _, x=leaf: x}, stop=site
            ) as seen:
                subject.model(stretches.whole(start))
            every = by_unit(subject.model, seen[site], site).amax(2)
            (slope,) = torch.autograd.grad(every[torch.arange(len(own)), own].sum(), leaf)
        first, second = KEEP * first + (1 - KEEP) * slope, KEEP_SQUARE * second + (1 - KEEP_SQUARE) * slope**2
        size = (second / (1 - KEEP_SQUARE ** (step + 1))).flatten(1).mean(1).sqrt().clamp_min(1e-30)
        vectors = vectors + RATE * table.std() * first / (1 - KEEP ** (step + 1)) / size[:, None, None]
        if step % 8 == 7:
            nearest = torch.cdist(vectors.flatten(0, 1), table).argmin(1)
            tokens = stretches.tokens[nearest].view_as(start)
            best = torch.maximum(best, reader.values(stretches.whole(tokens), own))
    return best.view(-1, 2).amax(1)


def main() -> None:
    torch.set_num_threads(1)
    path = data_file("sms_spam.csv")
    print("| network, layer | arm | reached, mean over units | CPU s |\n|---|---|---|---|")
    for network, sites in (("text-cnn", ("conv3", "output")), ("transformer", ("block1.dense1", "output"))):
        subject = pellucid.train(path, answer="label", text="text", network=network, epochs=4)
        texts = subject.needs_data("tokens").inputs[:ROWS]
        for site in sites:
            units = torch.arange(2 if site == "output" else UNITS)
            began = time.process_time()
            value = float(projected(subject, site, texts, units).mean())
            print(f"| {network}, {site} | projection | {value:.2f} | {time.process_time() - began:.1f} |")
            for candidates in (16, 32, 128):
                began = time.process_time()
                made = token_maximization(
                    subject.model,
                    site,
                    spec=subject.spec,  # pyright: ignore[reportArgumentType]
                    data=texts,
                    units=units,
                    steps=STEPS,
                    candidates=candidates,
                    untrained_control=False,
                    compute=Compute(128),
                )
                value, spent = float(made.reached.amax(1).mean()), time.process_time() - began
                print(f"| {network}, {site} | {candidates} read | {value:.2f} | {spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
