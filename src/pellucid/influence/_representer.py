"""An answer as a sum over training rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, InputSpec, each_class, percent, the_output
from pellucid._core._feed import feed
from pellucid._core._outputs import stream
from pellucid.errors import InputError, MethodError
from pellucid.influence._influence import Influence, training_rows, where
from pellucid.influence._last import entering, last_dense
from pellucid.influence._loss import Loss, checked_answers, loss_of

ROUNDS = 500
FLAT = 1e-9  # length of the objective's slope at which the fit has ended


def representer_points(
    model: nn.Module,
    data: Dataset,
    inputs: Tensor,
    answers: Tensor,
    *,
    ridge: float = 1e-3,
    compute: Compute | None = None,
) -> Influence:
    """Contribution of each training row to the output for an answer, in units of the output (a logit).

    The last dense layer is fitted again with a penalty; its output is then a sum over training rows, each
    with how hard it pulls times how alike it is to the explained row. Above 0: the row raised the output.

    Formula: ``values[m, i] = alpha[i, k] · <h_i, h_m>`` for the class ``k`` of answer ``m``, with ``h`` what
    enters the layer and a 1, and ``alpha[i] = -(d loss_i / d output_i) / (2 · ridge · N)`` at the minimum of
    ``mean loss + ridge · |W|²``.

    Args:
        model: the trained network; only read.
        data: the data set it was trained on; its train part counts.
        inputs: rows to explain ``[M, *shape]``.
        answers: ``[M]``, class numbers whose output is explained; in regression they do not matter.
        ridge: strength of the penalty.
        compute: how to run.

    Returns:
        :class:`Influence`; ``reference`` is the refitted layer's output, ``gap`` what the values miss of it,
        which is 0 where the fit has reached its minimum: the condition that the sum rests on. The note says
        how often the refitted layer answers as the network does.

    Raises:
        InputError: where answers do not fit or ``ridge`` is not above 0.
        MethodError: where the network does not end in a dense layer, or the fit does not reach its minimum.

    Cost:
        One pass of all training rows, and a convex fit of the last layer.

    Limits:
        Explains the refitted layer, not the network: where the two answer differently it says nothing of the
        network. The layers before are taken as given, whatever rows taught them. Rows that are alike in the
        last layer get alike numbers.

    Source:
        Yeh et al. 2018, Representer Point Selection for Explaining Deep Neural Networks, arXiv 1811.09720.

    Example:
        >>> import torch
        >>> from pellucid._core import Dataset
        >>> from pellucid.inputs import Column, TabularSpec
        >>> spec = TabularSpec((Column("a"),))
        >>> x, y = torch.tensor([[1.0], [-1.0], [2.0]]), torch.tensor([1, 0, 1])
        >>> data = Dataset("signs", x, y, spec, ("-", "+"), torch.zeros(3, dtype=torch.int8))
        >>> found = representer_points(nn.Linear(1, 2), data, x[:1], y[:1])
        >>> bool(found.gap.abs() < 1e-4)
        True
    """
    if not ridge > 0:
        raise InputError(f"ridge must be above 0, got {ridge}.")
    how = where(model, compute)
    rows = training_rows(data.parts)
    loss, wanted = loss_of(data, rows), checked_answers(answers, inputs, data)
    site = last_dense(model, data.inputs[rows], data.spec, how)
    train, asked = (_given(model, part, site, data.spec, how) for part in (data.inputs[rows], inputs))
    truth = data.answers[rows].to(train.device)
    made = _fitted(train, truth if data.classes else truth.double(), loss, ridge)
    column = wanted.to(train.device) if data.classes else torch.zeros_like(wanted, dtype=torch.int64)
    values = made.pull[:, column].T * (asked @ train.T)
    reference = (asked @ made.weight.T).gather(1, column[:, None])[:, 0]
    target = truth if data.classes else torch.zeros_like(truth, dtype=torch.int64)
    own = made.pull.gather(1, target[:, None])[:, 0].abs() * train.square().sum(1)
    note = _note(model, data, inputs, asked @ made.weight.T, how, ridge)
    return Influence(
        values.float().cpu(),
        rows,
        inputs,
        wanted,
        own.float().cpu(),
        "logits" if data.classes else f"the answer{f' in {data.unit}' if data.unit else ''}",
        "representer_points",
        {"ridge": ridge},
        gap=(reference - values.sum(1)).float().cpu(),
        reference=reference.float().cpu(),
        note=note,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Weights ``[K, E]`` of the fitted layer, and how hard each training row pulls at them ``[N, K]``."""

    weight: Tensor
    pull: Tensor


def _given(model: nn.Module, inputs: Tensor, site: str, spec: InputSpec, how: Compute) -> Tensor:
    given = entering(model, inputs, site, spec, how).double()
    return torch.cat([given, torch.ones_like(given[:, :1])], 1)


def _fitted(given: Tensor, answers: Tensor, loss: Loss, ridge: float) -> _Fit:
    outputs = loss.classes or 1
    weight = given.new_zeros(outputs, given.shape[1], requires_grad=True)
    search = torch.optim.LBFGS(
        [weight], max_iter=ROUNDS, tolerance_grad=FLAT, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        with torch.enable_grad():
            search.zero_grad()
            value = loss.each(given @ weight.T, answers).mean() + ridge * weight.square().sum()
            value.backward()
        return value

    search.step(objective)  # pyright: ignore[reportArgumentType]
    fitted = weight.detach()
    with torch.enable_grad():
        put = (given @ fitted.T).requires_grad_()
        slope = torch.autograd.grad(loss.each(put, answers).sum(), put)[0]
    pull = -slope / (2 * ridge * len(given))
    missed = float((fitted - pull.T @ given).norm() / fitted.norm().clamp(min=1e-12))
    if not missed < 1e-2:
        raise MethodError(
            f"The refit of the last layer has not reached its minimum (the sum over rows misses it by "
            f"{percent(missed)}). Raise ridge=."
        )
    return _Fit(fitted, pull)


def _note(
    model: nn.Module, data: Dataset, inputs: Tensor, refitted: Tensor, how: Compute, ridge: float
) -> str:
    fed = feed(model, inputs, spec=data.spec, compute=how)
    own = torch.cat([the_output(raw, None) for _, raw, _ in stream(fed, how)]).double().to(refitted.device)
    if data.classes:
        same = float((each_class(own).argmax(1) == each_class(refitted).argmax(1)).double().mean())
        how_alike = f"it answers as the network does on {percent(same, 0)} of these rows"
    else:
        far = F.l1_loss(refitted[:, 0], own.flatten())
        how_alike = f"its answers differ from the network's by {float(far):.3g} on average"
    return f"A last layer refitted with ridge {ridge:g}; {how_alike}."
