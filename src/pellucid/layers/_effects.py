"""What each unit is good for: what breaks without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Question, Site, Target, brief, finite_at
from pellucid._core._functions import HEADS
from pellucid._core._rest import rest
from pellucid._core._strongest import chosen_units
from pellucid._core._units import by_unit, unit_axis
from pellucid.errors import InputError
from pellucid.layers._reach import count_of, refuse_answers, tokens_of

Z95 = 1.959964


@dataclass(frozen=True, slots=True, eq=False)
class UnitEffects:
    """What the answers lose when one unit is held at its mean.

    Args:
        site: the layer.
        units: int64 ``[U]``.
        accuracy: of the whole network, 0 to 1.
        drop: ``[U]``, accuracy lost without the unit; below 0 where it is better without.
        low, high: ``[U]``, its 95 % interval, over inputs.
        margin: ``[U]``, mean fall of the right answer's lead over the next one, in units of the output: it
            moves before answers change.
        margin_low, margin_high: ``[U]``, its 95 % interval.
        by_class: ``[U, K]``, accuracy lost on the inputs of each class; ``NaN`` where there are none.
        classes: int64 ``[K]``, class numbers.
        n: inputs.
    """

    site: str
    units: Tensor
    accuracy: float
    drop: Tensor
    low: Tensor
    high: Tensor
    margin: Tensor
    margin_low: Tensor
    margin_high: Tensor
    by_class: Tensor
    classes: Tensor
    n: int

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def unit_effects(
    model: nn.Module,
    inputs: Tensor | Batch,
    answers: Tensor,
    site: str,
    *,
    units: Sequence[int] | Tensor | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> UnitEffects:
    """Accuracy lost, overall and by class, when each unit in turn is held at its mean over the inputs.

    Args:
        model: a classifier; it comes back as it was.
        inputs: ``[N, *shape]``.
        answers: class numbers int64 ``[N]``.
        site: the layer; a channel is held at its mean at every position, a head of attention
            (``"attn:heads()"``) at the mean of each of its features.
        units: which units; ``None`` for all.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        :class:`UnitEffects`.

    Raises:
        InputError: if answers do not fit.
        SiteError, TargetError: if the layer, a unit or a class does not exist.
        MethodError: where a layer gives NaN or infinity.

    Cost:
        One pass, and one per unit, in an ``nn.Sequential`` only from the part on that holds the layer. Kept
        is the activation of the layer, and of the part before, for all inputs: take some thousand.

    Limits:
        Units that stand in for each other each look useless alone. Of many units some drop by chance: the
        interval is of one unit, not corrected for their number.

    Source:
        Morcos et al. 2018, On the importance of single directions for generalization, arXiv 1803.06959;
        Agresti & Min 2005, Simple improved confidence intervals for comparing matched proportions.

    Example:
        >>> x = torch.eye(2).repeat(20, 1)
        >>> found = unit_effects(nn.Linear(2, 2), x, torch.tensor([0, 1] * 20), ".:in")
        >>> found.drop.shape, found.by_class.shape
        (torch.Size([2]), torch.Size([2, 2]))
    """
    how = compute or Compute(batch_size=256)
    n = count_of(inputs)
    refuse_answers(answers, n)
    # without a unit nothing changes before the layer
    behind, given, meant = rest(model, inputs, site, spec=spec, compute=how)
    question = Question(behind, given, _lead(answers.cpu()), at=site, spec=meant, compute=how)
    point = question.point
    finite_at(point, site)
    if point.ndim < 2:
        raise InputError(f"{site!r} gives one number per row: there are no units to take away.")
    axis = unit_axis(model, point, site)
    picked = chosen_units(units, point.shape[axis], site)
    # of a head each of its features is held at its own mean
    over = [0, 2] if Site.parse(site).function == HEADS else [k for k in range(point.ndim) if k != axis]
    mean = point.mean(over, keepdim=True)
    real = tokens_of(inputs, spec)
    places = by_unit(model, point, site)
    if real is not None and places.shape[2] == real.shape[1]:
        shape = [1] * point.ndim
        shape[axis] = -1
        mean = places.movedim(1, 2)[real.to(point.device)].mean(0).reshape(shape)

    def without(ks: Tensor, rows: slice) -> Tensor:
        made = point[rows].expand(len(ks), *point[rows].shape).clone()
        for variant, unit in zip(made, picked[ks].tolist(), strict=True):
            variant.select(axis, unit).copy_(mean.select(axis, unit))
        return made

    base = question.base.double().cpu()
    left = question.scores(without, len(picked)).double().cpu()
    lost = (base > 0).double() - (left > 0).double()
    fall = base - left
    present, number = answers.cpu().unique(return_inverse=True)
    member = torch.nn.functional.one_hot(number, len(present)).double()
    drop, margin = lost.mean(1), fall.mean(1)
    low, high = paired(lost)
    reach = Z95 * fall.std(1) / max(1, n) ** 0.5
    return UnitEffects(
        site,
        picked,
        float((base > 0).double().mean()),
        drop,
        low,
        high,
        margin,
        margin - reach,
        margin + reach,
        lost @ member / member.sum(0),
        present,
        n,
    )


def paired(lost: Tensor) -> tuple[Tensor, Tensor]:
    """95 % interval of the mean of ``[U, N]`` of -1, 0 and 1, with half a case more of each kind.

    Without these the interval of a unit that changed no answer would be nothing, however few inputs.
    """
    worse, better = (lost > 0).double().sum(1) + 0.5, (lost < 0).double().sum(1) + 0.5
    n = lost.shape[1] + 2
    middle = (worse - better) / n
    reach = Z95 * ((worse + better) / n - middle.square()).clamp_min(0).div(n).sqrt()
    return (middle - reach).clamp_min(-1), (middle + reach).clamp_max(1)


def _lead(answers: Tensor) -> Target:
    """The right answer's lead over the next one: above zero where the answer is right."""

    def score(output: Tensor, rows: Tensor) -> Tensor:
        if output.ndim != 2 or output.shape[1] < 2:
            raise InputError(f"Expected outputs [N, classes], got {list(output.shape)}.")
        truth = answers.to(output.device)[rows][:, None]
        if int(truth.max()) >= output.shape[1] or int(truth.min()) < 0:
            raise InputError(f"answers: the network has {output.shape[1]} classes, got {int(truth.max())}.")
        others = output.scatter(1, truth, float("-inf")).amax(1)
        return output.gather(1, truth)[:, 0] - others

    return Target("lead of the right answer", score)
