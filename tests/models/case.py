"""What all networks of other people in these tests share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

import zoo
from pellucid._core import Batch
from propagated import Written

RULES = ("deep_lift", "deep_lift_shap", "lrp")
RELUS = ("guided_backpropagation", "deconvnet")
MAPS = ("grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "score_cam")
ATTENTION = ("attention_rollout", "attention_flow", "attention_relevance")
SLOPES = (
    "saliency", "input_x_gradient", "smoothgrad", "smoothgrad_squared", "vargrad", "integrated_gradients",
    "guided_integrated_gradients", "idgi", "expected_gradients", "layer_conductance", "internal_influence",
    "xrai",
)  # fmt: skip
LOOKED_INTO = (*RELUS, "full_grad", *RULES)


@dataclass(frozen=True, eq=False)
class Case:
    """One network of someone else.

    Args:
        make: the network.
        inputs: what goes in.
        plain: the same function from plain modules with the same weights; values must agree with its.
        target: what is explained, of the network.
        relus: whether a ReLU lies on the way.
        attends: whether the attention of tokens to themselves can be followed.
        layer: whose map is taken, where the last one differs between the network and its plain form.
        tolerance: how far values may be from the plain network's, as a share of the largest.
        refused: which methods cannot answer, and what the sentence must name.
        apart: methods that read how a network is written, so that values differ from the plain network's.
    """

    name: str
    make: Callable[[], nn.Module]
    inputs: Callable[[], Tensor | Batch]
    plain: Callable[[], nn.Module] | None = None
    target: object = 1
    relus: bool = True
    attends: bool = False
    layer: str | None = None
    tolerance: float = 1e-9
    refused: Mapping[str, str] = field(default_factory=dict)
    apart: tuple[str, ...] = ()


def drawn(*shape, seed=0, rows=2):
    """Rows of normal numbers."""
    return torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(make):
    """A network drawn under a seed, in evaluation mode."""
    return zoo.seeded(make).double().eval()


def written(forward, *layers):
    """A network that is a function over some layers."""
    return made(lambda: Written(forward, *(layer() for layer in layers)))


def no(words, *methods):
    """These methods are refused with these words."""
    return dict.fromkeys(methods, words)
