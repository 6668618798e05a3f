"""What one explanation says about each part of one input, in the words people use for the parts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Explanation, amount
from pellucid.errors import InputError
from pellucid.figures._numbers import class_said


@runtime_checkable
class Described(Protocol):
    """A spec that can put an input into words."""

    def describe(self, x: Tensor) -> list[tuple[str, str]]:
        """Name and value with unit, one pair per column."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """What one part of the input contributed.

    Args:
        name: the part's name.
        text: its value in human units; empty where it cannot be said.
        value: its contribution in units of the target.
        stderr: standard error, where contributions are sampled.
    """

    name: str
    text: str
    value: float
    stderr: float | None = None

    @property
    def label(self) -> str:
        """Name and value."""
        return f"{self.name} = {self.text}" if self.text else self.name


def check_row(explanation: Explanation, row: int) -> None:
    """Raise unless the explanation has this row."""
    if not 0 <= row < len(explanation):
        raise InputError(f"row must be 0 to {len(explanation) - 1}, got {row}.")


RANKS = ("attention_rollout", "attention_flow")  # amounts of attention mean nothing, their order may


def method(explanation: Explanation) -> str:
    """The method's name as words: ``integrated gradients``."""
    name = explanation.provenance.method.replace("_", " ")
    return f"{name} (ranks only)" if explanation.provenance.method in RANKS else name


def score(explanation: Explanation) -> str:
    """What is explained of its class, as a unit: ``log-odds``, ``the logit of spam``."""
    name = explanation.provenance.target.removesuffix(" of each row's class")
    found, names = re.fullmatch(r"(logit|probability|log_odds)\((\d+)\)", name), explanation.class_names
    if found is None or int(found[2]) >= len(names):
        return name
    return f"the {found[1].replace('_', '-')} of {class_said(names[int(found[2])])}"


def unit(shown: Sequence[Explanation]) -> str:
    """What the numbers of maps are in, where they add up to the target; slopes and sizes are not."""
    adding = [score(each) for each in shown if each.gap is not None]
    named = ", ".join(dict.fromkeys(adding))
    where = "" if len(adding) == len(shown) else " where they add up"
    return f"in units of {named}{where}" if adding else ""


def verdict(explanation: Explanation, row: int) -> str:
    """The evidence's word on a row; empty where nothing was tested."""
    return explanation.cards[row].verdict if row < len(explanation.cards) else ""


def verdicts(shown: Sequence[Explanation], row: int) -> list[str]:
    """What stands over each panel: beside tested maps an untested one says that it is none."""
    found = [verdict(each, row) for each in shown]
    return [word or "not tested" for word in found] if any(found) else found


def notes(shown: Sequence[Explanation], row: int) -> str:
    """The notes of all on a row; its methods first where not all share one."""
    names = [method(each) for each in shown]
    by: dict[str, list[str]] = {}
    for name, note in zip(names, [each.note_of(row) for each in shown], strict=True):
        if note and name not in by.setdefault(note, []):
            by[note].append(name)
    common = len(set(names))
    return " ".join(
        note if len(about) == common else f"{', '.join(about).capitalize()}: {note}"
        for note, about in by.items()
    )


def captions(shown: Sequence[Explanation], row: int) -> list[str]:
    """What stands over each panel: the method, with the target where several are explained."""
    names = [target(each, row) for each in shown]
    if len(set(names)) == 1:
        return [method(each) for each in shown]
    return [f"{method(each)}: {name}" for each, name in zip(shown, names, strict=True)]


def alike(shown: Sequence[Explanation], ends: Sequence[float]) -> list[float]:
    """Ends of scales, one for each method: its maps of several targets can be compared, those of different
    methods are in different units.
    """
    most: dict[str, float] = {}
    for each, end in zip(shown, ends, strict=True):
        most[method(each)] = max(end, most.get(method(each), 0.0))
    return [most[method(each)] for each in shown]


def targets(shown: Sequence[Explanation], row: int) -> str:
    """What is explained, each target once."""
    return " or ".join(dict.fromkeys(target(each, row) for each in shown))


def failed(word: str) -> bool:
    """Whether an explanation of this verdict is hatched and stands last."""
    return word in ("not supported", "contradicted")


def compared(
    explanations: Explanation | Sequence[Explanation],
    row: int,
    fits: Callable[[Explanation], bool],
    advice: str,
) -> list[Explanation]:
    """What one figure shows side by side, :func:`in_order`; ``advice`` ends the sentence on another kind."""
    shown = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    if not shown:
        raise InputError("There is no explanation to show. Give at least one.")
    for each in shown:
        check_row(each, row)
        if not fits(each):
            raise InputError(f"{method(each)} {advice}")
    return in_order(shown, row)


def in_order(shown: Sequence[Explanation], row: int) -> list[Explanation]:
    """What failed stands last, what nothing is known of before it."""
    found = dict(zip(map(id, shown), verdicts(shown, row), strict=True))
    return sorted(shown, key=lambda each: (failed(found[id(each)]), found[id(each)] == "not tested"))


def target(explanation: Explanation, row: int) -> str:
    """What is explained in a row: the class by its name, ``class 5`` where that is a bare number."""
    if explanation.classes is None or int(explanation.classes[row]) < 0:
        return explanation.provenance.target
    index = int(explanation.classes[row])
    names = explanation.class_names
    return class_said(names[index] if index < len(names) else str(index))


def shares(explanation: Explanation, row: int) -> tuple[Share, ...]:
    """Contributions of the parts of one row, in the order of the parts; they sum to the sum of the values."""
    check_row(explanation, row)
    if isinstance(explanation.values, Mapping):
        inputs = cast("Mapping[str, Tensor]", explanation.inputs)
        errors = cast("Mapping[str, Tensor]", explanation.stderr or {})
        return tuple(
            share
            for name, tensor in explanation.values.items()
            for share in _elements(
                f"{name}[{{}}]", inputs[name][row], tensor[row], errors[name][row] if name in errors else None
            )
        )
    if explanation.spec is None or explanation.provenance.at is not None:
        kind = "input" if explanation.provenance.at is None else "unit"
        name = f"{kind} {{}}" if explanation.map.ndim <= 2 else f"{kind}[{{}}]"
        error = explanation.stderr[row] if isinstance(explanation.stderr, Tensor) else None
        return _elements(name, explanation.point[row], explanation.map[row], error)
    values, point = explanation.map[row].flatten().double(), explanation.point[row]
    stderr = explanation.stderr[row].flatten().double() if isinstance(explanation.stderr, Tensor) else None
    spec = explanation.spec
    groups = spec.groups(point[None])
    groups = (groups[0] if groups.ndim > point.ndim else groups).flatten().to(values.device)
    names = spec.group_names(point[None])
    texts = dict(spec.describe(point)) if isinstance(spec, Described) else {}
    sums = _grouped(values, groups, len(names))
    errors = (
        [None] * len(names)
        if stderr is None
        else [math.sqrt(e) for e in _grouped(stderr**2, groups, len(names))]
    )
    return tuple(
        Share(name, texts.get(name, ""), value, error)
        for name, value, error in zip(names, sums, errors, strict=True)
    )


def _elements(name: str, point: Tensor, values: Tensor, stderr: Tensor | None) -> tuple[Share, ...]:
    """Each element of one input by itself; its place goes into the name."""
    names = (name.format(", ".join(map(str, place))) for place in np.ndindex(tuple(values.shape)))
    errors = [None] * values.numel() if stderr is None else stderr.double().flatten().tolist()
    return tuple(
        Share(part, amount(given), value, error)
        for part, given, value, error in zip(
            names, point.flatten().tolist(), values.double().flatten().tolist(), errors, strict=True
        )
    )


def _grouped(values: Tensor, groups: Tensor, count: int) -> list[float]:
    # what is held (-1) is in a part more
    whole = torch.zeros(count + 1, dtype=values.dtype, device=values.device)
    return whole.index_add(0, groups.remainder(count + 1), values)[:count].tolist()
