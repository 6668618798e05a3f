"""Which rows a question about single cases is asked of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.tasks._explain import chosen_inputs

Asked = Tensor | int | Sequence[int] | Mapping[str, object] | Sequence[Mapping[str, object]] | None


def asked_rows(subject: Subject, x: Asked) -> Tensor:
    """Inputs ``[N, *shape]``: as given, by numbers of held-out rows, or from raw rows of a table.

    Raises:
        InputError: where there are no such rows, or raw rows are given for what is no table.

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
                f"Raw rows are encoded by a table's spec, and {subject.name} reads {subject.spec.reads}."
            )
        return subject.spec.encode(cast("Sequence[Mapping[str, object]]", raw))
    return chosen_inputs(subject, cast("Tensor | int | Sequence[int] | None", x))
