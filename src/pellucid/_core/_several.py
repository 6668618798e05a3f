"""One method, several targets: every pass that they share is made once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

from pellucid._core._compute import Compute
from pellucid._core._explanation import Explanation
from pellucid._core._feed import Inputs
from pellucid._core._fold import together
from pellucid._core._outputs import predict
from pellucid._core._spec import InputSpec
from pellucid._core._target import Target, TargetLike, as_target
from pellucid.errors import TargetError


class Explains(Protocol):
    """Any function of :mod:`pellucid.attribution`, or one like it."""

    def __call__(
        self,
        model: nn.Module,
        inputs: Inputs,
        target: Target,
        *,
        spec: InputSpec | None,
        compute: Compute | None,
    ) -> Explanation:
        """Explain ``target`` of ``inputs``."""
        ...


def several_targets(
    method: Explains,
    model: nn.Module,
    inputs: Inputs,
    targets: Sequence[TargetLike],
    *,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> tuple[Explanation, ...]:
    """The same inputs explained for several targets, sharing each pass that does not depend on the target.

    The numbers are those of one call per target. Methods that only need scores cost what one target costs;
    methods that need gradients, or go back in a way of their own, share the forward pass and go back once for
    each target. Where a method's points depend on the target (adaptive integrated gradients where slopes
    jump, guided integrated gradients), and of attention, nothing is shared.

    Args:
        method: explains; give further arguments with ``functools.partial``.
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch``.
        targets: K of them: class numbers, classes per row, :class:`Target` or functions.
        spec: what the inputs mean.
        compute: how to run.

    Returns:
        K explanations. Each ``provenance`` counts the passes of the whole call; ``shared`` says for how many
        targets they were made.

    Raises:
        TargetError: for no target, or targets that speak of different outputs or sites.
        Whatever the method raises.

    Cost:
        Forward passes as for one target, backward passes K times as many. Memory: one chunk, of which points
        and gradients are K times as large.

    Limits:
        Arguments of the method that hold something for each row, other than a baseline, do not fit.

    Example:
        >>> from pellucid.attribution import saliency
        >>> first, second = several_targets(saliency, nn.Linear(3, 2), torch.ones(4, 3), [0, 1])
        >>> first.provenance.forward, first.provenance.backward, first.provenance.shared
        (4, 8, 2)
    """
    how, asked = compute or Compute(), [as_target(one) for one in targets]
    if not asked:
        raise TargetError("Expected at least one target, got none.")
    spent, each = 0, asked
    if any(one.settle is not None for one in asked):
        outputs = predict(model, inputs, output=asked[0].output, compute=how)
        each = [one if one.settle is None else one.settle(outputs) for one in asked]
        spent = len(outputs)
    if len(each) == 1:
        found = method(model, inputs, each[0], spec=spec, compute=how)
        return (_told(found, each[0], 1, spent),)
    whole = method(model, inputs, together(each), spec=spec, compute=how)
    rows = torch.arange(len(whole)).view(-1, len(each))
    return tuple(
        _told(whole.rows(rows[:, k].contiguous()), one, len(each), spent) for k, one in enumerate(each)
    )


def _told(found: Explanation, target: Target, shared: int, spent: int) -> Explanation:
    made = found.provenance
    provenance = dataclasses.replace(made, target=target.label, forward=made.forward + spent, shared=shared)
    classes = target.classes
    if isinstance(classes, int):
        classes = torch.full((len(found),), classes, dtype=torch.int64)
    return dataclasses.replace(found, provenance=provenance, classes=classes)
