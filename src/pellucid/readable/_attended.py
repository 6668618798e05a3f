"""Where an attention network looks in single inputs, and what it takes from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import InputSpec, brief
from pellucid.networks import Gated


@dataclass(frozen=True, slots=True, eq=False)
class Attended:
    """Attention of single inputs, which gates the only path to their answers.

    Args:
        part: ``"column"``, ``"patch"`` or ``"word"``.
        inputs, spec: the inputs, and what they mean.
        weights: share of attention by column ``[N, D]``, by pixel ``[N, H, W]`` or by word ``[N, T]``.
        adds: what the same places add to the answer in log-odds (of several classes: to its logit).
        answers, probabilities: what the network answers, and how sure it is; for numbers the number.
        rest: share of attention that says nothing ``[N]``.
    """

    part: str
    inputs: Tensor
    spec: InputSpec
    weights: Tensor
    adds: Tensor
    answers: tuple[str, ...]
    probabilities: tuple[float, ...]
    rest: Tensor

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.inputs)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


@torch.no_grad()
def attended(network: Gated, x: Tensor, spec: InputSpec, classes: Sequence[str] = ()) -> Attended:
    """Where the network looks in ``x``, encoded inputs.

    Cost:
        Three passes.

    Example:
        >>> from pellucid.inputs import ImageSpec
        >>> from pellucid.networks import attention_patches
        >>> x = torch.rand(2, 1, 8, 8)
        >>> found = attended(attention_patches([1, 8, 8], 3, step=2).eval(), x, ImageSpec())
        >>> found.weights.shape, bool(torch.allclose(found.weights.sum((1, 2)) + found.rest, torch.ones(2)))
        (torch.Size([2, 8, 8]), True)
    """
    attention, outputs, added = network.attention(x), network(x), network.contributions(x)
    if network.answers is not None:
        adds, told = network.answers[1] * added[..., 0], [f"{float(v):.4g}" for v in outputs.flatten()]
        sure = [1.0] * len(x)
    else:
        best = outputs.argmax(1)
        if network.width == 1:
            adds = added[..., 0] * (2 * best[:, None] - 1)
        else:
            adds = added.gather(2, best[:, None, None].expand(-1, added.shape[1], 1))[..., 0]
        told = [str(classes[k]) if classes else str(k) for k in best.tolist()]
        sure = outputs.softmax(1).amax(1).tolist()
    return Attended(
        network.part,
        x,
        spec,
        network.shown(attention, x),
        network.shown(adds, x),
        tuple(told),
        tuple(sure),
        1 - attention.sum(1),
    )
