"""Operations that the input itself steers (a mask by comparison, places by sorting) have no multiplier."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from pellucid._core import Question
from pellucid.errors import MethodError

# share of all contributions that may be left over
SLACK = 0.01


def whole(method: str, q: Question, total: Tensor, values: Tensor, torn: Iterable[str]) -> None:
    """Raise where such an operation did other things at the input than at the reference, and it matters."""
    names = ", ".join(repr(name) for name in sorted(set(torn)))
    if not names:
        return
    each = values.flatten(1).double()
    left = (total.double() - each.sum(1)).abs() / each.abs().sum(1).clamp(min=1e-12)
    if bool((left > SLACK).any()):
        raise MethodError(
            f"{method} has no rule for {names}, steered by a comparison or a detached copy of the input that "
            f"comes out differently at the reference: {float(left.max()):.2g} of all contributions would be "
            f"missing.{q.instead}"
        )
