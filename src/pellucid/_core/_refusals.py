"""What has no slope, in words: whole numbers, and places where a network is not smooth enough."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pellucid.errors import MethodError


def refusal(model: nn.Module, dtype: torch.dtype) -> str:
    """Why whole numbers that go through no table have no gradient, and what to do."""
    tables = [name for name, m in model.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    hint = f"at={tables[0]!r}" if tables else "at= a layer after which numbers are continuous"
    return (
        f"Expected floating inputs, got {dtype}: whole numbers have no gradient. "
        f"Explain what the network makes of them: {hint}, or use a method that only needs scores, "
        "such as kernel_shap."
    )


def refuse_broken(method: str, values: Tensor) -> None:
    """Raise :class:`MethodError` where a network's slopes made values NaN or infinite, naming the rows."""
    # a sum is finite only if every element is; it may overflow, so then look closer
    if math.isfinite(values.detach().sum().item()) or bool(torch.isfinite(values).all()):
        return
    rows = (~torch.isfinite(values)).flatten(1).any(1).nonzero().flatten().tolist()
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    raise MethodError(
        f"{method}: the values of row {rows[0]}{more} are NaN or infinite: the network answers, but has no "
        "finite slope there. The usual cause is a square root, a logarithm or a division at exactly 0, such "
        "as silence or black. Add a small floor inside it, explain a layer behind it (at=…), or use "
        "occlusion, which needs no slopes."
    )
