"""What made texts tell about their units, and which way they go through the network."""

from __future__ import annotations

from torch import Tensor

from pellucid.features._paths import paths
from pellucid.features._stretches import Stretches
from pellucid.features._text_nearness import TextNearness
from pellucid.features._token_search import Reader
from pellucid.features._trust import MOST, NATURAL, Trusted
from pellucid.features._two_choice import Pairs


def text_trust(
    reader: Reader, stretches: Stretches, nearness: TextNearness, units: Tensor, made: Tensor
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
    return Trusted(
        pairs,
        pairs.told(by_text),
        pairs.told(nearness.likeness(real, len(sample))),
        pairs.others(by_text),
        paths(reader.model, reader.site, whole(made), whole(real), read, reader.how, reader.spec),
        None,
    )


__all__ = ["text_trust"]
