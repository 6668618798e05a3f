"""The slope of the score, averaged over noisy copies of the input."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._noisy import Frames, Method, name_of, pairs


def smoothgrad(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    samples: int = 50,
    noise: float = 0.15,
    of: str | Method = "saliency",
    compute: Compute | None = None,
) -> Explanation:
    """Mean change of the score per unit of each element around here: target units per unit of input.

    Noise comes in pairs ``+e, -e``, which cancels the odd part of the sampling error, in directions at right
    angles to each other: at equal cost the squared error is a half to a fifth of that of independent draws on
    pictures, and less on tables, whose few elements can all be looked along.

    Formula: ``values[i] = mean_k d score / d x[i] at x + sigma · e_k``, with ``e_k`` standard normal, in
    frames of 32 orthogonal ones (or as many as there are elements; above 3200 elements chance is as good),
    and ``sigma = noise · (max x - min x)`` for each row and input.
    ``d score / d x[i]`` of a token number is the length of the slope along the token's vector, in each copy.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        samples: noisy copies of each row; even, at least 4.
        noise: standard deviation as a share of each row's range.
        of: what is averaged: a method by its name, or a function like one. The formula's slope, and the unit,
            are then that method's values. At ``at``, and on token
            numbers, a method that takes parts away takes single elements of the vectors there.
        compute: how to run; its seed decides the noise.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with their standard error (widened
        by Student's quantile for few samples; what the right angles gain is measured where there are eight
        frames of them, and counted as a little less than half of the most they can gain where not).

    Raises:
        InputError: where ``samples`` is odd or too small, ``noise`` is not positive, or inputs do not fit.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where the score does not depend on the inputs in a differentiable way.

    Cost:
        ``samples`` forward and backward passes (or runs of the method), and one forward pass.

    Limits:
        Explains the neighbourhood rather than the input; the width of the noise decides what is seen.
        Noisy inputs may lie where the network was never trained. A row whose elements are all equal gets no
        noise at all.

    Source:
        Smilkov et al. 2017, SmoothGrad: removing noise by adding noise, arXiv 1706.03825.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> smoothgrad(net, torch.tensor([[1.0, 2.0]]), 0, samples=4).values
        tensor([[ 3., -2.]])
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    seen = Frames(q, samples // 2)
    for number, rows, mean, _ in pairs(q, inputs, of, samples, noise, seen.draw):
        seen.add(number, rows, mean)
    return q.answer(
        "smoothgrad",
        seen.mean.to(q.point.dtype),
        {"samples": samples, "noise": noise, "of": name_of(of)},
        stderr=seen.stderr.to(q.point.dtype),
    )
