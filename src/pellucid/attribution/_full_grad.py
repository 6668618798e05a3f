"""The input's part of the score and every bias's part, at the place where each acts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._biases import contributions
from pellucid.attribution._maps import map_at, picture_of
from pellucid.attribution._operations import adds_up

GAP = "biases of other layers than convolutions, linear layers and batch norms, or products. Look at gap."


def full_grad(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """What each pixel contributes to the score, biases that act there included, in units of the target.

    On networks that are straight between kinks (convolution, linear, batch norm, ReLU, max- and
    average-pooling) values add up to the score itself; what other operations leave over is in ``gap``. The
    sign is kept; the paper draws sizes. A bias's part is spread evenly over the pixels of its cell of the
    map, and over the whole picture where its layer has no map.

    Formula: ``values = x · d score / d x + sum over biases of spread(b · d score / d (what b is added to))``.

    Args:
        model: a network for pictures.
        inputs: pictures ``[N, C, H, W]``, or a ``Batch`` whose one varied input is that.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation ``[N, C, h, w]`` is explained instead of the inputs, with the biases of what
            comes after it.
        spec: what the inputs mean.
        compute: how to run.

    Returns:
        Values in the shape of the pictures, or of the activation at ``at``, with ``gap``; ``reference`` is 0.

    Raises:
        MethodError: where what is explained is no picture or map, where biases would have no place, or the
            score does not depend on it in a differentiable way.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        One forward and one backward pass; with ``at`` two forward.

    Limits:
        Coarse where biases of deep layers dominate. Biases are seen in convolutions, linear layers and
        batch norm; constants added elsewhere, and with ``at`` what goes around that layer, are part of the
        gap. ``x · slope`` counts from zero, whatever
        zero means.

    Source:
        Srinivas & Fleuret 2019, Full-Gradient Representation for Neural Network Visualization, arXiv
        1905.00780.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
        >>> why = full_grad(net, torch.rand(1, 1, 8, 8), 0)
        >>> bool(why.gap.abs() < 1e-5)
        True
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    picture = picture_of("full_grad", q) if at is None else map_at("full_grad", q, at)
    values = q.gradient(by=contributions(picture)).view(q.point.shape)
    note = adds_up(q.base, values, GAP, 0.01)
    return q.answer("full_grad", values, {}, reference=torch.zeros_like(q.base), note=note)
