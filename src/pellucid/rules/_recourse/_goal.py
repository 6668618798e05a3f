"""The answer that is wanted of a network, as one number that is above 0 where it is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core import Compute, predict
from pellucid.errors import InputError, MethodError, near_misses
from pellucid.rules._recourse._codes import Numbers

Wanted = str | int | tuple[float, float] | None
SURE = 1e-5  # log-odds above which an answer does not depend on how rows are put into batches


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted for one row.

    Args:
        wanted: class number; -1 for any but ``own``, and in regression.
        own: the network's class now; -1 in regression.
        low, high: range of the number that is wanted, in regression.
        least: probability that the wanted class must have; ``None`` where it need only be the largest.
    """

    wanted: int = -1
    own: int = -1
    low: float = -math.inf
    high: float = math.inf
    least: float | None = None

    def gap(self, outputs: Numbers) -> Numbers:
        """``[M]``, above 0 where outputs ``[M, K]`` (log-probabilities, or the number) are what is wanted."""
        if self.own < 0:
            number = outputs[:, 0]
            return np.minimum(number - self.low, self.high - number)
        if self.wanted < 0:
            return _rest(outputs, self.own) - outputs[:, self.own]
        if self.least is None:
            return outputs[:, self.wanted] - _rest(outputs, self.wanted)
        odds = outputs[:, self.wanted] - np.log1p(-np.exp(np.minimum(outputs[:, self.wanted], -1e-12)))
        return odds - math.log(self.least / (1 - self.least))


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """How a network is asked: what its outputs are, and in how many rows at once.

    Args:
        classes: names; empty in regression.
        shares: whether the outputs are probabilities already.
        compute: how to run.
    """

    classes: tuple[str, ...]
    shares: bool
    compute: Compute

    def outputs(self, model: nn.Module, x: Tensor) -> Numbers:
        """Log-probabilities ``[N, K]``, or the number ``[N, 1]``."""
        return self.told(predict(model, x, compute=self.compute))

    def told(self, outputs: Tensor) -> Numbers:
        """The same from what the network gave."""
        raw = outputs.detach().cpu().double()
        if not bool(torch.isfinite(raw).all()):
            raise MethodError("The network answers NaN or infinity to some rows; no change can be judged.")
        raw = raw.reshape(len(raw), -1)
        if not self.classes:
            return raw.numpy()
        if len(self.classes) == 2 and raw.shape[1] == 1:
            raw = torch.cat([torch.zeros_like(raw), raw], 1)
        return (raw.clamp(min=1e-30).log() if self.shares else raw.log_softmax(1)).numpy()


def asking(outputs: Tensor, classes: tuple[str, ...], compute: Compute) -> Asked:
    """How a network is asked, by its outputs for real rows."""
    flat = outputs.detach().double().reshape(len(outputs), -1)
    if classes and flat.shape[1] != len(classes) and not (len(classes) == 2 and flat.shape[1] == 1):
        raise InputError(
            f"{len(classes)} classes are named, so each row needs as many outputs; the network gives "
            f"{list(outputs.shape[1:])}."
        )
    if not classes and flat.shape[1] != 1:
        raise InputError(f"Regression needs one output a row, the network gives {list(outputs.shape[1:])}.")
    sums = flat.shape[1] > 1 and bool(((flat.sum(1) - 1).abs() < 1e-3).all()) and bool((flat >= 0).all())
    return Asked(classes, sums, compute)


def refuse_wanted(wanted: Wanted, classes: Sequence[str], least: float | None = None) -> None:
    """What cannot be wanted of any row, before anything is computed."""
    if least is not None and not 0 < least < 1:
        raise InputError(f"least is a probability between 0 and 1, got {least}.")
    if not classes:
        return
    if isinstance(wanted, tuple):
        raise InputError(f"wanted is one of the classes {', '.join(classes)}, got the range {wanted}.")
    if wanted is not None:
        class_number(wanted, classes)
    elif least is not None and len(classes) > 2:
        raise InputError("least is the probability of one class: say which with wanted=.")


def goals(outputs: Numbers, classes: Sequence[str], wanted: Wanted, least: float | None) -> list[Goal]:
    """What is wanted for each row, from its outputs now.

    Raises:
        InputError: where there is no such class, or a row has the wanted answer already.
    """
    refuse_wanted(wanted, classes, least)
    if not classes:
        return _ranges(outputs, wanted, least)
    own = outputs.argmax(1)
    if wanted is None:
        other = [1 - int(k) if len(classes) == 2 else -1 for k in own]
        return [Goal(w, int(k), least=least) for w, k in zip(other, own, strict=True)]
    number = class_number(cast("str | int", wanted), classes)
    made = [Goal(number, int(k), least=least) for k in own]
    has = [i for i, goal in enumerate(made) if goal.gap(outputs[i : i + 1])[0] > SURE]
    if has:
        raise InputError(
            f"Row {has[0] + 1} of those given has the answer {classes[number]} already; nothing has to "
            "change. Ask for another answer, or see what it could bear (semifactuals)."
        )
    return made


def class_number(wanted: str | int, classes: Sequence[str]) -> int:
    """Number of a class by its name or number."""
    if isinstance(wanted, str) and wanted in classes:
        return list(classes).index(wanted)
    text = str(wanted)
    if text.isdecimal() and int(text) < len(classes):
        return int(text)
    raise InputError(f"No class is called {wanted!r}. {near_misses(text, classes)}")


def _ranges(outputs: Numbers, wanted: Wanted, least: float | None) -> list[Goal]:
    if not isinstance(wanted, tuple) or len(wanted) != 2 or not wanted[0] < wanted[1]:
        raise InputError(
            f"In regression wanted is a range of the answer, such as (30, 40) or (30, inf); got {wanted!r}."
        )
    if least is not None:
        raise InputError("least is a probability; in regression leave it away.")
    goal = Goal(low=float(wanted[0]), high=float(wanted[1]))
    has = np.flatnonzero(goal.gap(outputs) > SURE)
    if len(has):
        raise InputError(
            f"Row {has[0] + 1} of those given lies between {wanted[0]:g} and {wanted[1]:g} already; nothing "
            "has to change."
        )
    return [goal] * len(outputs)


def _rest(outputs: Numbers, k: int) -> Numbers:
    """Largest of the other outputs."""
    others = outputs.copy()
    others[:, k] = -np.inf
    return others.max(1)
