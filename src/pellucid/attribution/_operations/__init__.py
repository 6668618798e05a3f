"""What a pass does, operation by operation; the ground of DeepLIFT and LRP."""

from pellucid._core._spoken import plain
from pellucid.attribution._operations._gap import adds_up
from pellucid.attribution._operations._kept import Kept, Slot
from pellucid.attribution._operations._names import (
    CONVOLUTIONS,
    ELEMENTWISE,
    LINEAR,
    MAXIMA,
    PRODUCTS,
)
from pellucid.attribution._operations._watch import (
    Call,
    Form,
    Watch,
    frozen,
    named,
    refuse_inner_slopes,
    transforms,
    transposed,
    unseen,
    visible,
)
from pellucid.attribution._operations._weighted import Makers, Weighted, affine, weighted

__all__ = [
    "CONVOLUTIONS",
    "ELEMENTWISE",
    "LINEAR",
    "MAXIMA",
    "PRODUCTS",
    "Call",
    "Form",
    "Kept",
    "Makers",
    "Slot",
    "Watch",
    "Weighted",
    "adds_up",
    "affine",
    "frozen",
    "named",
    "plain",
    "refuse_inner_slopes",
    "transforms",
    "transposed",
    "unseen",
    "visible",
    "weighted",
]
