"""DeepLIFT against many references at once, and how sure their mean is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, Slope, TargetLike, finite
from pellucid._core._student import student
from pellucid.attribution._multipliers import RowsMixedError, by_background, by_pairs, whole
from pellucid.attribution._operations import adds_up
from pellucid.errors import InputError

GAP = "rounding, or an operation whose output is not decided by its inputs. Look at gap."


def deep_lift_shap(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    background: Tensor | Mapping[str, Tensor] | None = None,
    at: str | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in the difference between this score and the background's mean score.

    In units of the target. Values add up to ``score - mean score(background)``, exactly but for rounding;
    what is left over is in ``gap``. ``stderr`` says how much the values would change with other background
    rows drawn from the same source.

    Formula: ``values[i] = mean_b deep_lift(x, baseline=b)[i]`` over the rows ``b`` of the background, with
    the rescale rule; ``stderr`` is the standard deviation over ``b`` divided by the root of their number,
    widened by Student's quantile.

    Args:
        model: any network of operations that have a rule (see ``deep_lift``).
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        background: ``[B, *shape]`` rows to compare with, some 20 to 100 of the training data; where ``at`` is
            given, activations at that site; for a ``Batch`` one tensor for each name. ``None`` takes the
            background rows of a ``TabularSpec``, else the one absent input, which is ``deep_lift``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``stderr`` (absent for one
        background row), ``gap`` and ``reference``.

    Raises:
        InputError: where the background does not fit the inputs, or inputs do not fit the network.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where an operation has no rule (it is named).

    Cost:
        ``2·N + B`` forward rows and ``N·B`` backward rows: inputs pass once, the background once for each
        chunk of the inputs (and a row of it more where that has as many), and only the way back goes by
        pairs. Rows that are equal pass once, and what
        their pairs share is worked out once: to explain ten outputs, repeat the rows and give ``target`` a
        class for each, which takes less than half the time of ten calls. Where a network mixes its rows'
        axis with others (or with ``at`` or held inputs) both also go forward by pairs.

    Limits:
        An approximation of Shapley values, exact for linear networks only. The background decides what is
        seen; rows of it may lie where the features' dependence is broken.

    Source:
        Lundberg & Lee 2017, A Unified Approach to Interpreting Model Predictions, arXiv 1705.07874.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> deep_lift_shap(net, torch.tensor([[1.0, 2.0]]), 0, background=torch.eye(2)).values
        tensor([[ 1.5000, -3.0000]])
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    rows = _background(q, background)
    alone = q.absent
    count = 1 if rows is None else len(rows)

    def reference(ks: Tensor, which: slice) -> Tensor:
        return alone[which] if rows is None else rows[ks.to(rows.device)].unsqueeze(1)

    mean = _Mean(q, count)
    crossed = None
    if rows is not None and q.crossable:
        crossed = by_background("deep_lift_shap", rows, mean.heard)
    try:
        mean.over(crossed or by_pairs("deep_lift_shap", reference, "rescale", mean.heard))
    except RowsMixedError:
        if crossed is None:
            raise
        mean = _Mean(q, count)
        mean.over(by_pairs("deep_lift_shap", reference, "rescale", mean.heard))
    base = mean.reference
    whole("deep_lift_shap", q, q.base - base, mean.values, mean.torn)
    note = adds_up(q.base - base, mean.values, GAP, 1e-3)
    return q.answer(
        "deep_lift_shap",
        mean.values.to(q.point.dtype),
        {"background": rows},
        reference=base,
        stderr=mean.stderr,
        note=note,
    )


class _Mean:
    """Mean over the background and its standard error, chunk by chunk."""

    def __init__(self, q: Question, count: int) -> None:
        self.q, self.count = q, count
        wide = torch.promote_types(q.point.dtype, torch.float32)
        self.values = torch.zeros_like(q.point, dtype=wide)
        self.squares = torch.zeros_like(self.values)
        self.torn: set[str] = set()
        self._bases: list[tuple[slice, Tensor]] = []

    def heard(self, ks: Tensor, rows: slice, base: Tensor, _: int, torn: set[str]) -> None:
        self.torn |= torn
        self._bases.append((rows, base))

    @property
    def reference(self) -> Tensor:
        """Mean score over the background, for each row."""
        total = torch.zeros(self.q.rows, dtype=torch.float64, device=self.values.device)
        for rows, base in self._bases:
            total[rows] += base.sum(0).double()
        return (total / self.count).to(self.q.point.dtype)

    def over(self, by: Slope) -> None:
        for ks, rows, part in self.q.gradients(None, self.count, by=by):
            # Chan's rule: two batches of numbers joined by their means and sums of squares
            before, more = int(ks[0]), len(ks)
            mean = part.mean(0)
            step = mean - self.values[rows]
            spread = (part - mean).square().sum(0)
            self.squares[rows] += spread + step.square() * (before * more / (before + more))
            self.values[rows] += step * (more / (before + more))

    @property
    def stderr(self) -> Tensor | None:
        if self.count < 2:
            return None
        error = (self.squares / (self.count * (self.count - 1))).sqrt() * student(self.count - 1)
        return error.to(self.q.point.dtype)


def _background(q: Question, given: Tensor | Mapping[str, Tensor] | None) -> Tensor | None:
    """Rows like the point's, or ``None`` where there are none."""
    found = getattr(q.described, "background", None) if given is None else given
    if isinstance(found, Mapping):
        missing = [name for name in q.given if name not in found] if isinstance(q.given, dict) else ["…"]
        if missing or not isinstance(q.given, dict):
            raise InputError(
                f"Expected background rows for each varied input; missing: {', '.join(missing)}."
            )
        found = torch.cat([found[name].flatten(1) for name in q.given], 1)
    if found is None:
        return None
    found = q.embedded(found) if isinstance(found, Tensor) else found
    if not isinstance(found, Tensor) or found.shape[1:] != q.point.shape[1:] or not len(found):
        got = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise InputError(
            f"Expected background rows [B, {', '.join(map(str, q.point.shape[1:]))}], got {got}."
        )
    finite(found, "background")
    return found.detach().to(q.point)
