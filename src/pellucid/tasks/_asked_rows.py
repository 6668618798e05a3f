"""Which rows a question about single cases is asked of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.tasks._rows import held_out

Asked = Tensor | int | Sequence[int] | Mapping[str, object] | Sequence[Mapping[str, object]] | None


def asked_rows(subject: Subject, x: Asked) -> Tensor:
    """Inputs ``[N, *shape]``: as given, by numbers of held-out rows, or from raw rows of a table.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=1)
        >>> asked_rows(subject, [0, 3]).shape
        torch.Size([2, 30])
    """
    if isinstance(x, Tensor) and x.is_floating_point():
        return x
    raw = [x] if isinstance(x, Mapping) else x
    if isinstance(raw, Sequence) and raw and all(isinstance(row, Mapping) for row in raw):
        if not isinstance(subject.spec, TabularSpec):
            raise InputError(
                f"Raw rows are encoded by a table's spec, this subject has {type(subject.spec).__name__}."
            )
        return subject.spec.encode(cast("Sequence[Mapping[str, object]]", raw))
    data = held_out(subject.needs_data("a row number"))
    try:
        wanted = torch.as_tensor(0 if x is None else x, dtype=torch.int64).flatten()
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"Expected inputs, raw rows or numbers of held-out rows, got {x!r}.") from None
    if not len(wanted) or not 0 <= int(wanted.min()) <= int(wanted.max()) < len(data):
        raise InputError(f"Held-out rows are numbered 0 to {len(data) - 1}, got {wanted.tolist()}.")
    return data.inputs[wanted]
