"""How much the slope of the score varies over noisy copies of the input."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid._core._student import skewed_stderr
from pellucid.attribution._noisy import Method, Thirds, name_of, pairs


def vargrad(
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
    """Variance of the change of the score per unit of each element around here: squared target units.

    Never negative; unbiased, without subtracting large numbers. Noise comes in pairs ``+e, -e``.

    Formula: ``values[i] = Var_k(d score / d x[i] at x + sigma · e_k)``, from pair means ``p`` and half
    differences ``h`` as
    ``var p + mean h²``; ``e_k`` standard normal, ``sigma = noise · (max x - min x)`` for each row and input.
    ``d score / d x[i]`` of a token number is the length of the slope along the token's vector, in each copy.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        samples: noisy copies of each row; even, at least 4.
        noise: standard deviation as a share of each row's range.
        of: what is looked at under noise: a method by its name, or a function like one. The formula's
            slope, and the unit,
            are then that method's values. At ``at``, and on token
            numbers, a method that takes parts away takes single elements of the vectors there.
        compute: how to run; its seed decides the noise.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with their standard error (so that
        1.96 of it reach the farther end of an interval that knows how few and how skewed the samples are).

    Raises:
        InputError: where ``samples`` is odd or too small, ``noise`` is not positive, or inputs do not fit.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where the score does not depend on the inputs in a differentiable way.

    Cost:
        ``samples`` forward and backward passes (or runs of the method), and one forward pass.

    Limits:
        Says where the slope is unsteady, not where evidence is: zero wherever the network is linear, however
        much the element matters. The width of the noise decides what is seen. Where slopes jump far and
        seldom, few samples see none of it: 1.96 standard errors held the truth in 93 to 97 of 100 cases with
        50 samples, in 88 to 94 with 10.

    Source:
        Adebayo et al. 2018, Local Explanation Methods for Deep Neural Networks Lack Sensitivity to
        Parameter Values, arXiv 1810.03307.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> vargrad(net, torch.tensor([[1.0, 2.0]]), 0, samples=4).values
        tensor([[0., 0.]])
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    seen = Thirds(q.folded(q.point))
    start = torch.zeros_like(seen.a)
    for number, rows, mean, apart in pairs(q, inputs, of, samples, noise):
        if number == 0:
            start[rows] = mean
        # far from zero squares would cancel, so what is squared counts from the first pair
        moved = mean - start[rows]
        seen.add(number, rows, moved, moved.square() + apart.square())
    count = samples // 2
    # E[p²] + E[h²] - E[p]², the last one without its bias
    variance = (seen.b - seen.a.square() + seen.aa / (count * (count - 1))).clamp(min=0)
    # moments of what each pair adds: h² + (p - mean p)²
    p = 2 * seen.a.double()
    spread = seen.bb - 2 * p * seen.ab + p.square() * seen.aa
    third = seen.bbb - 3 * p * seen.abb + 3 * p.square() * seen.aab - p.pow(3) * seen.aaa
    stderr = skewed_stderr(spread.clamp(min=0) / count, third / count, count)
    return q.answer(
        "vargrad",
        variance.to(q.point.dtype),
        {"samples": samples, "noise": noise, "of": name_of(of)},
        stderr=stderr.to(q.point.dtype),
    )
