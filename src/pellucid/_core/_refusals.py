"""What has no slope, in words."""

from __future__ import annotations

import torch
from torch import nn


def refusal(model: nn.Module, dtype: torch.dtype) -> str:
    """Why whole numbers that go through no table have no gradient, and what to do."""
    tables = [name for name, m in model.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    hint = f"at={tables[0]!r}" if tables else "at= a layer after which numbers are continuous"
    return (
        f"Expected floating inputs, got {dtype}: whole numbers have no gradient. "
        f"Explain what the network makes of them: {hint}, or use a method that only needs scores, "
        "such as kernel_shap."
    )
