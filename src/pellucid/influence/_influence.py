"""What each training row did for each answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Json
from pellucid.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """One number for each training row and each explained row.

    Args:
        values: ``[M, N]``: above 0 the training row speaks for the answer (a proponent), below 0 against it
            (an opponent).
        rows: int64 ``[N]``, numbers of the training rows in the data set.
        inputs: ``[M, *shape]``, what was explained.
        answers: ``[M]``, the answers that are explained: class numbers, or numbers.
        own: ``[N]``, what each training row did for its own answer: large where it was learned by heart, as
            rare and wrongly labelled rows are.
        unit: of the values, in words.
        method: name of the function that made it.
        params: every argument that shapes the numbers.
        gap: ``[M]``, what the values of a row miss of what they should add up to; ``None`` where they add up
            to nothing.
        reference: ``[M]``, what they should add up to.
        note: what the reader must know.
    """

    values: Tensor
    rows: Tensor
    inputs: Tensor
    answers: Tensor
    own: Tensor
    unit: str
    method: str
    params: Mapping[str, Json]
    gap: Tensor | None = None
    reference: Tensor | None = None
    note: str = ""

    def __len__(self) -> int:
        """Number of explained rows."""
        return len(self.values)

    def proponents(self, row: int = 0, k: int = 5) -> tuple[Tensor, Tensor]:
        """Numbers in the data set and values of the training rows that speak most for an answer."""
        return self._first(row, k, sign=1)

    def opponents(self, row: int = 0, k: int = 5) -> tuple[Tensor, Tensor]:
        """Numbers in the data set and values of the training rows that speak most against it."""
        return self._first(row, k, sign=-1)

    def _first(self, row: int, k: int, sign: int) -> tuple[Tensor, Tensor]:
        if not 0 <= row < len(self):
            raise InputError(f"row must be 0 to {len(self) - 1}, got {row}.")
        value = self.values[row]
        order = (sign * value).argsort(descending=True, stable=True)[: max(k, 0)]
        order = order[sign * value[order] > 0]
        return self.rows[order], value[order]

    def suspects(self, k: int = 10) -> Tensor:
        """Numbers of the training rows that did most for their own answer; look there for wrong labels."""
        return self.rows[self.own.argsort(descending=True, stable=True)[:k]]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)

    def __repr__(self) -> str:
        return f"Influence({self.method}: {len(self.rows)} training rows on {len(self)} answers)"


def where(model: nn.Module, compute: Compute | None) -> Compute:
    """How to run: rows of the data set go to where the network lies."""
    how = compute or Compute(batch_size=256)
    first = next(model.parameters(), None)
    return how if how.device is not None or first is None else replace(how, device=first.device)


def training_rows(parts: Tensor) -> Tensor:
    """Numbers of the training rows: int64 ``[N]``."""
    rows = (parts == 0).nonzero().flatten()
    if not len(rows):
        raise InputError("This data set has no training rows (parts are 0 where rows were trained on).")
    return rows.to(torch.int64)
