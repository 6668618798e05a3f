"""ROAD: is the class still found when what matters most is smoothed over?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Target, each_class, predict
from pellucid.errors import InputError
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._removal import first_of, order_of, removing
from pellucid.evidence._metrics._trial import trial

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


def road(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    answers: Tensor | None = None,
    *,
    spec: InputSpec | None = None,
    fill: str | Tensor = "linear",
    shares: Sequence[float] = SHARES,
    others: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Remove and debias (ROAD): share of the removals after which the class is still named; low is good.

    ``mean over shares s of [argmax f(x without the share s that the map ranks highest) = class]``, with
    removed parts replaced by a noisy linear interpolation of their neighbours, which hides the shape of the
    hole. Its mean over inputs is the mean accuracy of the paper's curve, and ``curve`` holds that curve.

    Args:
        model: any network with several outputs.
        inputs: ``[N, *shape]``, pictures or sounds; for columns give another ``fill``.
        maps: ``[N, *shape]``.
        answers: int64 ``[N]``, the true classes, as in the paper; left out, the class the network names.
        spec: what the inputs mean.
        fill: what replaces removed parts.
        shares: of the parts that are removed, each between 0 and 1.
        others: inputs that fills may take from.
        beside: controls by name, as for :func:`deletion`.
        compute: how to run.

    Returns:
        A :class:`Metric`, from 0 to 1.

    Raises:
        InputError: where the network has a single output, or inputs have no neighbours.

    Cost:
        ``2 + shares · (1 + controls)`` forward passes per input, and a sparse system for each mask.

    Limits:
        Few values are possible for one input: read the mean. Interpolation blurs whole blobs, so smooth maps
        take away less than their share, and post-processing that knows nothing of the network can lower the
        score (arXiv 2304.13836).

    Source:
        Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods,
        arXiv 2202.00449.

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
        >>> x = torch.rand(2, 1, 8, 8)
        >>> found = road(net, x, torch.rand(2, 1, 8, 8), beside={})
        >>> found.range, found.better, found.curve.shape
        ((0.0, 1.0), 'low', torch.Size([2, 7]))
    """
    how = compute or Compute(batch_size=256)
    if not shares or not all(0 < share < 1 for share in shares):
        raise InputError(f"Expected shares between 0 and 1, got {list(shares)}.")
    given = predict(model, inputs, spec=spec, compute=how)
    outputs = each_class(given)
    if outputs.ndim != 2 or (answers is None and outputs is not given):
        raise InputError(
            f"ROAD asks which class is named; got outputs of the shape {list(given.shape)}. A single output "
            "is that of two classes only where answers= are given."
        )
    classes = (outputs.argmax(1) if answers is None else answers).cpu()
    tried = trial(inputs, maps, spec=spec, beside=beside, seed=how.seed)
    asked = removing(model, inputs, _named(classes), spec=spec, fill=fill, others=others, compute=how)
    parts = (~tried.map.isnan()).sum(1, keepdim=True)
    sizes = (parts * torch.tensor(list(shares), device=parts.device)).round().long()
    masks = [first_of(order_of(units, how.seed), sizes) for units in tried.units.values()]
    right, words, _ = asked.scores(tried.bank, torch.cat(masks, 1))
    each = right.double().view(len(right), len(masks), -1).unbind(1)
    found = dict(zip(tried.units, each, strict=True))
    value, controls = tried.split({name: one.mean(1) for name, one in found.items()})
    return metric(
        "ROAD",
        "share of the removals after which the class is still named, the most relevant parts removed first",
        value,
        better="low",
        limits=(0.0, 1.0),
        beside=controls,
        left_out=tried.flat,
        rows=right.shape[1] + 2,
        seed=how.seed,
        settings={
            "fill": words,
            "curve along": list(shares),
            "class": "as named by the network" if answers is None else "as given",
        },
        curve=tried.split(found)[0],
    )


def _named(classes: Tensor) -> Target:
    def score(output: Tensor, rows: Tensor) -> Tensor:
        return (each_class(output).argmax(1) == classes.to(output.device)[rows]).to(output.dtype)

    return Target("the class is named", score)
