"""How much each part was worth on average over many explained rows."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Explanation
from pellucid._core._parts import numbered, parts
from pellucid._core._student import interval_of_mean
from pellucid.errors import InputError
from pellucid.importance._ranking import Importance


def mean_attribution(
    explanation: Explanation,
    *,
    groups: Tensor | None = None,
    level: float = 0.95,
) -> Importance:
    """Mean size of each part's value over the explained rows, in units of the target, with its interval.

    A part's value in one row is the sum over its elements, whatever its sign; sizes are averaged, so that
    parts which push half of the rows up and half down still count.

    Formula: ``mean over rows of |sum over i in P of values[i]|``; the interval is Student's, with the
    skewness of the sizes taken out (Hall).

    Args:
        explanation: of several rows, by any method.
        groups: int64, number of the part of each element, broadcasts to one row and is the same for all;
            ``None`` are the parts of the explanation's spec, or single elements, positions or cells.
        level: of the interval.

    Returns:
        An ``Importance`` with one value for each part.

    Raises:
        InputError: where there are fewer than two rows, several inputs, or parts that differ by row.

    Cost:
        No pass of the network.

    Limits:
        Importance to the network on these rows, by this method; nothing about the world. The interval speaks
        of the choice of rows, not of the method's own error.

    Source:
        Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees,
        arXiv 1905.04610; Hall 1992, On the Removal of Skewness by Transformation.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.attribution import input_x_gradient
        >>> net = nn.Linear(2, 1)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> found = mean_attribution(input_x_gradient(net, torch.tensor([[1.0, 1.0], [-1.0, 1.0]]), 0))
        >>> found.values.tolist()
        [3.0, 2.0]
    """
    values = explanation.map
    if len(values) < 2 or not 0 < level < 1:
        raise InputError(
            f"Expected two rows or more and a level between 0 and 1, got {len(values)} rows, level={level}."
        )
    spec = explanation.spec
    if groups is None:
        groups = parts(values) if spec is None else spec.groups(explanation.point)
    groups = numbered(groups, values)
    if len(groups) > 1:
        raise InputError(
            "The parts differ by row (words, superpixels), so they have no common importance. Name groups=."
        )
    flat = groups.expand(1, *values.shape[1:]).flatten()
    count = int(flat.max()) + 1
    each = torch.zeros(len(values), count + 1, dtype=torch.float64, device=values.device)
    # what is held is counted in a part more, and left out
    each = each.index_add_(1, flat.remainder(count + 1), values.flatten(1).double())[:, :count].abs().cpu()
    low, high = interval_of_mean(each, level)
    low = low.clamp(min=0)  # no mean of sizes lies below
    names = () if spec is None else spec.group_names(explanation.point)
    names = names if len(names) == count else tuple(f"part {k + 1}" for k in range(count))
    made = explanation.provenance
    what = f"mean |{made.method}| in units of {made.target}"
    return Importance(names, each.mean(0), low, high, level, what, len(values))
