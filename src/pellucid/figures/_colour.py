"""Colours that mean something: signed ``vik``, magnitudes ``batlow`` and ``cividis``, classes Okabe-Ito.

``vik`` and ``batlow``: F. Crameri, Scientific colour maps (doi:10.5281/zenodo.1243862, MIT); ``cividis``:
J. R. Nuñez et al. 2018 (doi:10.1371/journal.pone.0199239, CC0). 33 points each, linear between them:
never more than 0.008 of a channel away from the published 256.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float64]
ColourMap = Literal["vik", "batlow", "cividis", "grey"]

_POINTS: dict[str, str] = {
    "vik": (
        "001261021f69022b710237790344810450890c5e921b6d9b2f7ca6478db1609dbc79adc792bdd2acccdcc5dbe5dce5e9"
        "ece5e1eedacfe9cbb9e2bba4dcab8fd59c7bcf8e68c97f55c37243bc6331b3531fa5400e932e06832106741506660a07"
        "590008"
    ),
    "batlow": (
        "01195908255b0d315d0f3b5f114360134b611652621b59622260612a655e356a59406f544d734d597646667a3f737e38"
        "81823290862da08a2bb08d2ebf9035ce923fdb954ce8985bf29d6cf8a27efca891fdaea3fdb4b4fdbac5fcc0d6fbc6e8"
        "faccfa"
    ),
    "cividis": (
        "00224e00285b002e6a0433711a386f273e6e32436d3b496c434e6c4b546c52596d5a5f6e61656f686a716f7073757676"
        "7c7b788481798b8778938d789b9376a39a75aba072b3a670bbad6cc3b469ccba64d4c15fddc958e6d051efd748f8df3c"
        "fee838"
    ),
    "grey": "000000ffffff",
}

OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#b8a900")
NEGATIVE, POSITIVE = "#2f7ca6", "#bc6331"


def table(name: ColourMap) -> Numbers:
    """The control points of a map, ``[points, 3]`` in 0..1."""
    code = _POINTS[name]
    return np.frombuffer(bytes.fromhex(code), dtype=np.uint8).reshape(-1, 3) / 255.0


def paint(share: Numbers, name: ColourMap) -> Numbers:
    """Colours ``[..., 3]`` in 0..1 for numbers in 0..1; numbers outside take the end colours."""
    points = table(name)
    at = np.clip(np.nan_to_num(share, nan=0.5), 0.0, 1.0) * (len(points) - 1)
    low = np.minimum(at.astype(np.int64), len(points) - 2)
    part = (at - low)[..., None]
    return points[low] * (1 - part) + points[low + 1] * part


def paint_signed(values: Numbers, limit: float) -> Numbers:
    """``vik`` colours with zero exactly in the middle and ``±limit`` at the ends.

    Example:
        >>> paint_signed(np.array([0.0]), 1.0).round(2).tolist() == table("vik")[16:17].round(2).tolist()
        True
    """
    return paint(0.5 + 0.5 * values / limit if limit > 0 else np.full_like(values, 0.5), "vik")


def hexadecimal(colour: Numbers) -> str:
    """One colour as ``#rrggbb``."""
    return "#" + "".join(f"{round(float(part) * 255):02x}" for part in colour)


def scale(name: ColourMap, steps: int = 9) -> list[str]:
    """A map as a list of colours, for a chart's colour scale."""
    return [hexadecimal(colour) for colour in paint(np.linspace(0.0, 1.0, steps), name)]


def class_colour(index: int) -> str:
    """The colour of a class or series; after eight they repeat, so label them directly."""
    return OKABE_ITO[index % len(OKABE_ITO)]
