"""Two networks with the same rows, which neither has learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Dataset, InputSpec, Subject
from pellucid.errors import InputError
from pellucid.inputs import ImageSpec, TabularSpec
from pellucid.tasks._rows import held_out

LEAST = 10


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two subjects with the same rows, each coded as its network takes them."""

    a: Subject
    b: Subject
    held: Dataset
    xb: Tensor
    alike: bool
    notes: tuple[str, ...]

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.held)

    @property
    def both(self) -> tuple[tuple[Subject, Tensor], tuple[Subject, Tensor]]:
        """Each with the rows as it takes them."""
        return (self.a, self.held.inputs), (self.b, self.xb)


def pair_of(a: Subject, b: Subject) -> Pair:
    """The held-out rows of A that B has not learned from; raises where the two cannot be compared."""
    data, theirs = a.needs_data("compare"), b.needs_data("compare")
    same_question(a, b)
    held = held_out(data)
    recode = recoding(a.spec, b.spec)
    xb = held.inputs if recode is None else recode(held.inputs)
    seen = theirs.inputs[theirs.parts == 0]
    fresh = ~_among(xb, seen) if len(seen) < len(theirs) else torch.ones(len(held), dtype=torch.bool)
    notes: list[str] = []
    if not bool(fresh.all()):
        notes.append(f"{int((~fresh).sum())} rows that {b.name} learned from are left out.")
    if int(fresh.sum()) < LEAST:
        raise InputError(
            f"{a.name} and {b.name} have {int(fresh.sum())} rows in common that neither learned from; "
            f"{LEAST} are needed. Train both with the same seed of the split, or open them with data=."
        )
    if recode is not None:
        notes.append("The networks take differently scaled inputs; each got the same rows in its own scale.")
    return Pair(a, b, held.rows(fresh), xb[fresh], recode is None, tuple(notes))


def same_question(a: Subject, b: Subject) -> None:
    """Raise unless both take the same kind of input and know the same classes."""
    if type(a.spec) is not type(b.spec):
        raise InputError(
            f"{a.name} reads {a.spec.reads}, {b.name} {b.spec.reads}: they cannot be compared row by row."
        )
    if a.classes != b.classes:
        raise InputError(
            f"{a.name} answers {_few(a.classes)}, {b.name} {_few(b.classes)}: only networks with the same "
            "classes in the same order can be compared."
        )
    shapes = [list(s.needs_data("compare").inputs.shape[1:]) for s in (a, b)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"{a.name} takes inputs of the shape {shapes[0]}, {b.name} {shapes[1]}: only networks that take "
            "the same inputs can be compared."
        )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "") if names else "a number"


def recoding(one: InputSpec, other: InputSpec) -> Callable[[Tensor], Tensor] | None:
    """From inputs of one spec to those of the other; ``None`` where they are the same."""
    if isinstance(one, TabularSpec) and isinstance(other, TabularSpec):
        names = [[(c.name, c.levels, c.missing) for c in spec.columns] for spec in (one, other)]
        if names[0] != names[1]:
            ours, theirs = ({c.name for c in spec.columns} for spec in (one, other))
            apart = ", ".join(sorted(ours ^ theirs)[:4]) or "the levels of a category"
            raise InputError(f"The networks take different columns ({apart}): they cannot be compared.")
        scales = [[(c.mean, c.std) for c in spec.columns] for spec in (one, other)]
        return None if scales[0] == scales[1] else lambda x: other.encode(one.decode(x)).to(x)
    if isinstance(one, ImageSpec) and isinstance(other, ImageSpec):
        if (one.mean, one.std) == (other.mean, other.std):
            return None
        return lambda x: (x * _of(one.std, x) + _of(one.mean, x) - _of(other.mean, x)) / _of(other.std, x)
    return None


def _of(values: Sequence[float], x: Tensor) -> Tensor:
    return torch.tensor(list(values)).to(x).reshape(-1, 1, 1)


def _among(x: Tensor, known: Tensor) -> Tensor:
    """Which rows stand among others: bool ``[N]``."""
    held = set(_keys(known))
    return torch.tensor([key in held for key in _keys(x)], dtype=torch.bool)


def _keys(x: Tensor) -> list[bytes]:
    """Each row as bytes, alike where rows differ by rounding only."""
    flat = x.detach().cpu().flatten(1).double()
    whole = (flat * 1e4).round() + 0.0 if x.is_floating_point() else flat
    return [row.tobytes() for row in whole.numpy()]
