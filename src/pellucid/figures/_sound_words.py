"""Where in a sound an explanation lies, in seconds and hertz."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pellucid._core import Explanation
from pellucid.figures._numbers import portion, signed
from pellucid.figures._parts import Share, shares, target
from pellucid.inputs import AudioSpec


def sound_like(explanation: Explanation) -> bool:
    """Whether values lie over a sound, in time or in time and pitch."""
    spec = explanation.spec
    if not isinstance(spec, AudioSpec) or explanation.provenance.at is not None:
        return False
    return isinstance(explanation.values, Tensor)


def where_heard(explanation: Explanation, row: int) -> str:
    """The strongest parts for and against in seconds and hertz, and how concentrated the support is."""
    parts = sorted(shares(explanation, row), key=lambda part: -part.value)
    name = target(explanation, row)
    up = [part for part in parts if part.value > 0]
    down = [part for part in reversed(parts) if part.value < 0]
    total, against = sum(p.value for p in up), -sum(p.value for p in down)
    if not total + against > 0:
        return f"The map for {name} is empty: no moment has any weight."
    if not up:
        return f"Nothing in the sound speaks for {name}; strongest against: {_named(down[:1])}."
    half = int((np.cumsum([p.value for p in up]) < 0.5 * total).sum()) + 1
    said = f"Strongest for {name}: {_named(up[:2])}; half of what speaks for it lies on {half} of "
    said += f"{len(parts)} parts"
    share = against / (total + against)
    said += (
        f"; strongest against: {_named(down[:1])}" if share >= 0.005 else ""
    )  # what hardly weighs has no name
    return f"{said}; {portion(share, 0)} of the weight speaks against."


def _named(parts: Sequence[Share]) -> str:
    return " and ".join(f"{part.name.replace(', ', ' at ')} ({signed(part.value)})" for part in parts)
