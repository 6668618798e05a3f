"""What is explained: one number for each row."""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import TargetError, near_misses

Score = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Target:
    """One number for each row of a batch. Made by :func:`logit`, :func:`margin`, :func:`top` and others.

    Args:
        label: what the number is, in words.
        score: ``(output [b, …], rows int64 [b]) -> [b]``; ``rows`` are row numbers of the question's inputs.
        site: whose activation is ``output``; ``None`` is the network's output.
        output: item of a tuple or mapping that the network returns; ``None`` where it is one tensor.
        settle: makes the target definite from the outputs for the unchanged inputs, such as "the top class".
        classes: class number, or one per row; ``None`` where the number is not about a class.
        columns: how many targets this one stands for; a question asks each of its rows about all of them.
    """

    label: str
    score: Score
    site: str | None = None
    output: int | str | None = None
    settle: Callable[[Tensor], Target] | None = None
    classes: int | Tensor | None = None
    columns: int = 1

    def only(self, rows: Tensor) -> Target:
        """The same for a question about some of the rows."""
        if isinstance(self.score, Picked):
            return replace(self, score=self.score.only(rows))
        return replace(self, score=lambda output, index: self.score(output, rows.to(index.device)[index]))


TargetLike = Target | int | Sequence[int] | Tensor | Score


def _column(output: Tensor, k: int | Tensor, rows: Tensor) -> Tensor:
    flat = _by_class(output)
    if isinstance(k, int):
        return flat[:, k]
    return flat.gather(1, k.to(flat.device)[rows][:, None])[:, 0]


def _by_class(output: Tensor) -> Tensor:
    if output.ndim == 1:
        return output[:, None]
    if output.ndim == 2:
        return output
    raise TargetError(
        f"Expected one number per class and row, got outputs of shape {tuple(output.shape)}. "
        "Give a function (output, rows) -> [rows] that says which number to explain."
    )


def _in_range(output: Tensor, *numbers: int | Tensor) -> None:
    count = _by_class(output).shape[1]
    for k in numbers:
        low, high = (k, k) if isinstance(k, int) else (int(k.min()), int(k.max()))
        if not 0 <= low <= high < count:
            wrong = low if low < 0 else high
            raise TargetError(
                f"Output {wrong} does not exist: this network has {count}, numbered 0 to {count - 1}."
            )


def _rest(flat: Tensor, k: int | Tensor, rows: Tensor) -> Tensor:
    """Log of the summed exponentials of all other outputs."""
    if flat.shape[1] == 1:
        return torch.zeros_like(flat[:, 0])
    index = torch.full_like(rows, k) if isinstance(k, int) else k.to(rows.device)[rows]
    return flat.scatter(1, index[:, None].to(flat.device), float("-inf")).logsumexp(1)


def _whole(number: object) -> int:
    """A number of a class or a unit, whether Python, numpy or torch counted it."""
    try:
        if not isinstance(number, bool):
            return operator.index(number)  # pyright: ignore[reportArgumentType]
    except TypeError:
        pass
    raise TargetError(
        f"Expected the number of one class or unit, counted from 0, got {reprlib.repr(number)}. Another "
        "class for each row is target=[2, 0, …] or log_odds([2, 0, …]); of a name: names.index('cat')."
    )


def logit(k: int, *, output: int | str | None = None) -> Target:
    """Output ``k`` as it is: a logit, or the prediction itself in regression.

    Args:
        k: number of the output, counted from 0.
        output: item of a tuple or mapping that the network returns.

    Raises:
        TargetError: ``k`` is no whole number; when it is asked, where the network has no such output.

    Example:
        >>> logit(1).score(torch.tensor([[1.0, 4.0]]), torch.tensor([0]))
        tensor([4.])
    """
    k = _whole(k)

    def score(out: Tensor, rows: Tensor) -> Tensor:
        _in_range(out, k)
        return _column(out, k, rows)

    return Target(f"logit({k})", score, output=output, classes=k)


def logits(classes: Sequence[int] | Tensor, *, output: int | str | None = None) -> Target:
    """Another output for each row: ``classes[i]`` for row ``i``."""
    chosen = _each_row(classes)
    return Target("logit of each row's class", Picked(chosen), output=output, classes=chosen)


def _each_row(classes: Sequence[int] | Tensor) -> Tensor:
    """Class numbers int64 ``[N]``."""
    listed = () if isinstance(classes, Tensor) else classes
    strange = [k for k in listed if isinstance(k, bool) or not hasattr(k, "__float__")]
    if strange:
        raise TargetError(
            f"Expected class numbers, one for each row, got {type(strange[0]).__name__} among them. Several "
            "targets are explained one after the other, or by pellucid.tasks.explain_several(…, targets=…)."
        )
    chosen = classes.detach() if isinstance(classes, Tensor) else torch.as_tensor(classes)
    if chosen.is_complex() or (chosen.is_floating_point() and not torch.equal(chosen, chosen.round())):
        raise TargetError(
            f"Expected whole numbers of classes, got {chosen.flatten()[:3].tolist()} and so on."
        )
    return chosen if chosen.dtype == torch.int64 and chosen.ndim == 1 else chosen.to(torch.int64).flatten()


class Picked:
    """The score that is one output of each row, whose number is known.

    Args:
        numbers: int64 ``[N]``.
    """

    __slots__ = ("_column", "_ends")

    def __init__(self, numbers: Tensor) -> None:
        each = numbers.tolist()
        self._ends = (min(each), max(each)) if each else ()
        self._column = numbers.unsqueeze(1)
        if self._column.is_inference():
            # autograd keeps it for the way back
            with torch.inference_mode(mode=False):
                self._column = self._column.clone()

    def __call__(self, output: Tensor, rows: Tensor) -> Tensor:
        """As every score: of these rows of the question."""
        try:
            return self._of(output, self._column.to(rows.device)[rows])
        except IndexError:
            raise TargetError(
                f"Expected a class for each row, got {len(self._column)} classes for more rows."
            ) from None

    def among(self, output: Tensor, rows: slice, copies: int) -> Tensor:
        """The same for ``copies`` of neighbouring rows, whose numbers need not be looked up one by one."""
        whole = rows.start == 0 and rows.stop == self._column.shape[0]
        some = self._column if whole else self._column[rows]
        return self._of(output, some if copies == 1 else some.repeat(copies, 1))

    def only(self, rows: Tensor) -> Picked:
        """For some of the rows."""
        return Picked(self._column[rows.to(self._column.device), 0])

    def _of(self, output: Tensor, column: Tensor) -> Tensor:
        _in_range(output, *self._ends)
        return _by_class(output).gather(1, column.to(output.device)).squeeze(1)


def margin(a: int, b: int, *, output: int | str | None = None) -> Target:
    """Output ``a`` minus output ``b``: why the one rather than the other. In logits.

    Args:
        a: number of an output, counted from 0.
        b: number of another.
        output: item of a tuple or mapping that the network returns.

    Raises:
        TargetError: as :func:`logit`.

    Example:
        >>> margin(1, 0).score(torch.tensor([[1.0, 4.0]]), torch.tensor([0]))
        tensor([3.])
    """
    a, b = _whole(a), _whole(b)

    def score(out: Tensor, rows: Tensor) -> Tensor:
        _in_range(out, a, b)
        return _column(out, a, rows) - _column(out, b, rows)

    return Target(f"margin({a}, {b})", score, output=output, classes=a)


def probability(k: int, *, output: int | str | None = None) -> Target:
    """Softmax probability of class ``k``; the sigmoid where there is one output. From 0 to 1.

    Args:
        k: number of the class, counted from 0.
        output: item of a tuple or mapping that the network returns.

    Raises:
        TargetError: as :func:`logit`.

    Limits:
        Slopes vanish where a network is sure of its answer; those of :func:`log_odds` do not.

    Example:
        >>> probability(1).score(torch.tensor([[1.0, 4.0]]), torch.tensor([0]))
        tensor([0.9526])
    """
    k = _whole(k)

    def score(out: Tensor, rows: Tensor) -> Tensor:
        _in_range(out, k)
        flat = _by_class(out)
        return flat[:, 0].sigmoid() if flat.shape[1] == 1 else flat.softmax(1)[:, k]

    return Target(f"probability({k})", score, output=output, classes=k)


def log_odds(k: int | Sequence[int] | Tensor, *, output: int | str | None = None) -> Target:
    """Log-odds of class ``k`` against all others: ``log(p / (1 - p))`` of its softmax probability ``p``.

    The one output of a network that has one is taken as it is, for there it is the log-odds.

    Args:
        k: number of the class, counted from 0; or one for each row.
        output: item of a tuple or mapping that the network returns.

    Raises:
        TargetError: as :func:`logit`.

    Example:
        >>> log_odds(1).score(torch.tensor([[1.0, 4.0]]), torch.tensor([0]))
        tensor([3.])
    """
    chosen = _each_row(cast("Sequence[int] | Tensor", k)) if np.ndim(k) else _whole(k)

    def score(out: Tensor, rows: Tensor) -> Tensor:
        _in_range(out, chosen)
        return _column(out, chosen, rows) - _rest(_by_class(out), chosen, rows)

    label = f"log_odds({chosen})" if isinstance(chosen, int) else "log-odds of each row's class"
    return Target(label, score, output=output, classes=chosen)


def top(*, output: int | str | None = None) -> Target:
    """The output that is largest for the unchanged row; its number stays fixed while inputs vary. A logit.

    Args:
        output: item of a tuple or mapping that the network returns.

    Example:
        >>> top().settle(torch.tensor([[1.0, 4.0], [2.0, 0.0]])).classes
        tensor([1, 0])
    """

    def settle(out: Tensor) -> Target:
        flat = _by_class(out)
        return logit(0, output=output) if flat.shape[1] == 1 else logits(flat.argmax(1).cpu(), output=output)

    def score(_: Tensor, __: Tensor) -> Tensor:
        raise TargetError("top() is settled by a Question; call settle(outputs) first.")

    return Target("logit of the top class", score, output=output, settle=settle)


def unit(site: str, index: int | tuple[int, ...]) -> Target:
    """One hidden unit, in units of its activation.

    Args:
        site: address of its layer.
        index: into the activation without the row axis. A single number for an activation of several axes is
            a channel, averaged over the rest.

    Raises:
        TargetError: ``index`` is no whole number; when it is asked, where the layer has no such unit.
        SiteError: when it is asked, where the network has no such layer.

    Example:
        >>> unit("conv2", 1).score(torch.tensor([[[1.0, 2.0], [3.0, 5.0]]]), torch.tensor([0]))
        tensor([4.])
    """
    where = tuple(map(_whole, index)) if isinstance(index, Sequence) else (_whole(index),)

    def score(out: Tensor, rows: Tensor) -> Tensor:
        shape = tuple(out.shape[1:])
        if len(where) > len(shape) or any(not 0 <= i < size for i, size in zip(where, shape, strict=False)):
            raise TargetError(
                f"Unit {index} does not exist in {site!r}, whose activation has the shape {shape}."
            )
        chosen = out[(slice(None), *where)]
        return chosen if chosen.ndim == 1 else chosen.flatten(1).mean(1)

    return Target(f"unit {index} of {site}", score, site=site)


def as_target(target: TargetLike) -> Target:
    """A definite :class:`Target` from whatever a user may say."""
    if isinstance(target, Target):
        return target
    if isinstance(target, Tensor | np.ndarray):
        return logits(torch.as_tensor(target)) if target.ndim else logit(_whole(target))
    if isinstance(target, np.integer):
        target = int(target)
    if isinstance(target, bool) or target is None:
        raise TargetError(f"Expected a class number, a Target or a function, got {target!r}.")
    if isinstance(target, int):
        return logit(target)
    if isinstance(target, str):
        raise TargetError(f"Expected a class number, a Target or a function, got the text {target!r}.")
    if isinstance(target, Sequence):
        return logits(target)
    if callable(target):
        return Target(getattr(target, "__name__", "a function"), target)
    raise TargetError(f"Expected a class number, a Target or a function, got {type(target).__name__}.")


def the_output(raw: object, item: int | str | None) -> Tensor:
    """The tensor that a target speaks of in what a network returned."""
    if isinstance(raw, Tensor) and item is None:
        return raw
    items: dict[int | str, object] = {}
    if isinstance(raw, Mapping):
        items = {str(name): value for name, value in cast("Mapping[object, object]", raw).items()}
    elif isinstance(raw, tuple | list):
        items = dict(enumerate(cast("Sequence[object]", raw)))
    elif hasattr(raw, "__dataclass_fields__"):
        items = {name: getattr(raw, name) for name in raw.__dataclass_fields__}  # pyright: ignore
    tensors = {name: value for name, value in items.items() if isinstance(value, Tensor)}
    if item is None and "logits" in tensors:
        return tensors["logits"]
    if item is None and len(tensors) == 1:
        return next(iter(tensors.values()))
    if item in tensors:
        return tensors[item]
    if isinstance(raw, Tensor):
        raise TargetError(
            f"The network returns one tensor; there is no item {item!r} in it. Leave output= away."
        )
    if not tensors:
        raise TargetError(
            f"The network returned {type(raw).__name__} without tensors; expected scores [N, K]."
        )
    hint = near_misses(str(item), [str(name) for name in tensors]) if item is not None else ""
    one = next(iter(tensors))
    raise TargetError(
        f"The network returns {len(tensors)} tensors ({', '.join(map(repr, tensors))}); "
        f"say which one is explained, as logit(0, output={one!r}) where a target is asked for; "
        f"pellucid.open(…, output={one!r}).model gives that one alone. {hint}".rstrip()
    )
