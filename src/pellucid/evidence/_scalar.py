"""Exactly the number that was explained, asked again about other rows and other classes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import (
    Compute,
    Explanation,
    InputSpec,
    Target,
    TargetLike,
    as_target,
    log_odds,
    logit,
    logits,
    margin,
    predict,
)
from pellucid.errors import TargetError


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """The explained number of N rows.

    Args:
        target: the number, for these rows.
        rows: N.
        classes: int64 ``[N]``, the class that it is about; ``None`` where it is not about one class.
        of: the same kind of number for other classes; ``None`` where there is no such thing.
        shared: whether all rows were asked about one class that the caller named.
    """

    target: Target
    rows: int
    classes: Tensor | None
    of: Callable[[Tensor], Target] | None
    shared: bool

    def repeated(self) -> Target:
        """The number for the same rows several times over, one round after the other."""
        base, rows = self.target, self.rows
        classes = base.classes

        def score(output: Tensor, index: Tensor) -> Tensor:
            return base.score(output, index % rows)

        known = classes if isinstance(classes, int) else None
        return dataclasses.replace(base, score=score, classes=known)

    def of_rows(self, rows: Tensor) -> Target:
        """The number for some of the rows, by their places int64 ``[n]``."""
        base, known = self.target, self.target.classes

        def score(output: Tensor, index: Tensor) -> Tensor:
            return base.score(output, rows.to(index.device)[index])

        classes = known if known is None or isinstance(known, int) else known[rows.to(known.device)]
        return dataclasses.replace(base, score=score, classes=classes)

    def elsewhere(self, outputs: Tensor) -> Target:
        """The number for other inputs with these outputs: their own class, unless one was named for all."""
        if self.of is None or self.shared:
            return self.repeated()
        return self.of(_by_class(outputs).argmax(1).cpu())

    def runner_up(self, outputs: Tensor) -> Target | None:
        """The number for the class that comes next; ``None`` where there is no other class."""
        flat = _by_class(outputs)
        if self.of is None or self.classes is None or flat.ndim != 2 or flat.shape[1] < 2:
            return None
        here = self.classes.to(flat.device)[:, None]
        return self.of(flat.scatter(1, here, float("-inf")).argmax(1).cpu())


def scalar(explanation: Explanation, target: TargetLike | None, outputs: Tensor) -> Scalar:
    """The number that an explanation explained, from what it tells of itself or from the caller's target."""
    rows = len(explanation)
    if target is None:
        return _told(explanation, rows)
    given = as_target(target)
    return of_target(given if given.settle is None else given.settle(outputs), rows)


def of_target(target: Target, rows: int) -> Scalar:
    """A settled target with what can be asked of other classes."""
    kind = _kind(target.label, target.output)
    classes = target.classes
    if kind is None or classes is None:
        return Scalar(target, rows, None, None, shared=True)
    if isinstance(classes, int):
        return Scalar(target, rows, torch.full((rows,), classes, dtype=torch.int64), kind, shared=True)
    return Scalar(target, rows, classes, kind, shared=False)


def settled(
    model: nn.Module, inputs: Tensor, target: TargetLike | None, spec: InputSpec | None, how: Compute
) -> Target:
    """A definite target; ``None`` is the log-odds of each row's top class, or the single output itself."""
    given = None if target is None else as_target(target)
    if given is not None and given.settle is None:
        return given
    outputs = predict(model, inputs, output=None if given is None else given.output, spec=spec, compute=how)
    if given is not None and given.settle is not None:
        return given.settle(outputs)
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return log_odds(outputs.argmax(1).cpu())
    return logit(0)


def _told(explanation: Explanation, rows: int) -> Scalar:
    label, classes = explanation.provenance.target, explanation.classes
    pair = re.fullmatch(r"margin\((\d+), (\d+)\)", label)
    if pair:
        return Scalar(margin(int(pair[1]), int(pair[2])), rows, None, None, shared=True)
    kind = _kind(label, None)
    if kind is None or classes is None:
        raise TargetError(
            f"This explanation is of {label!r}, which cannot be asked again from its name. "
            "Give the same target= that it was made with."
        )
    return Scalar(kind(classes), rows, classes, kind, shared=label.endswith(")"))


def _kind(label: str, output: int | str | None) -> Callable[[Tensor], Target] | None:
    kinds: Mapping[str, Callable[[Tensor], Target]] = {
        "logit": lambda classes: logits(classes, output=output),
        "log_odds": lambda classes: log_odds(classes, output=output),
        "log-odds": lambda classes: log_odds(classes, output=output),
        "probability": lambda classes: probabilities(classes, output),
    }
    return kinds.get(re.split(r"[( ]", label, maxsplit=1)[0])


def probabilities(classes: Tensor, output: int | str | None = None) -> Target:
    """Softmax probability of each row's class; the sigmoid where there is one output."""

    def score(out: Tensor, rows: Tensor) -> Tensor:
        flat = _by_class(out)
        if flat.shape[1] == 1:
            return flat[:, 0].sigmoid()
        return flat.softmax(1).gather(1, classes.to(flat.device)[rows][:, None])[:, 0]

    return Target("probability of each row's class", score, output=output, classes=classes)


def _by_class(output: Tensor) -> Tensor:
    return output[:, None] if output.ndim == 1 else output
