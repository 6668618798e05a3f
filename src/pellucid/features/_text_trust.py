"""What made texts tell about their units, and which way they go through the network."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.features._paths import paths
from pellucid.features._stretches import Stretches
from pellucid.features._text_nearness import TextNearness
from pellucid.features._token_search import Reader
from pellucid.features._transfer import Transfer, compared
from pellucid.features._trust import MOST, NATURAL, Trusted
from pellucid.features._two_choice import Pairs

OUTPUT = "."  # where units are classes, which mean the same in every network


def text_trust(
    reader: Reader,
    stretches: Stretches,
    nearness: TextNearness,
    units: Tensor,
    made: Tensor,
    reached: Tensor,
    second: Reader | None = None,
) -> Trusted:
    """All measures of made texts, free tokens ``[U, S, L]``, on up to 500 real stretches as long."""
    sample = stretches.free[:MOST]
    values = reader.every(stretches.whole(sample), units).double().cpu()
    seeds = made.shape[1]
    pairs = Pairs.of(values, min(max(NATURAL, seeds), max(1, values.shape[1] // 4)))
    real = sample[pairs.models[:, :NATURAL].to(sample.device)]
    by_text = nearness.likeness(made, len(sample))

    def whole(free: Tensor) -> Tensor:
        return stretches.whole(free.flatten(0, 1)).unflatten(0, free.shape[:2])

    read = stretches.whole(sample)
    best = reached.argmax(1).to(made.device)
    top = stretches.whole(made[torch.arange(len(made), device=made.device), best])
    return Trusted(
        pairs,
        pairs.told(by_text),
        pairs.told(nearness.likeness(real, len(sample))),
        pairs.others(by_text),
        paths(reader.model, reader.site, whole(made), whole(real), read, reader.how, reader.spec),
        None if second is None else _elsewhere(second, values, units, read, top, pairs.models[:, :NATURAL]),
    )


def _elsewhere(
    second: Reader, values: Tensor, units: Tensor, read: Tensor, top: Tensor, models: Tensor
) -> Transfer:
    """What a second network makes of the best texts ``[U, T]``: its largest values over positions."""
    theirs, shown = (second.look_at(texts).double().cpu() for texts in (read, top))
    return compared(values, theirs, shown, models, units.cpu() if second.site == OUTPUT else None)


__all__ = ["text_trust"]
