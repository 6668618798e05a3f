"""What cannot be explained, in words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.errors import TargetError


def refusal(model: nn.Module, dtype: torch.dtype) -> str:
    """Why whole numbers that go through no table have no gradient, and what to do."""
    tables = [name for name, m in model.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    hint = f"at={tables[0]!r}" if tables else "at= a layer after which numbers are continuous"
    return (
        f"Expected floating inputs, got {dtype}: whole numbers have no gradient. "
        f"Explain what the network makes of them: {hint}, or use a method that only needs scores, "
        "such as kernel_shap."
    )


def ended(words: str) -> str:
    """With a full stop, because a sentence may follow."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def too_few(output: Tensor, count: int) -> str:
    """Why an output cannot be that of so many rows."""
    return (
        f"The network gave an output of shape {tuple(output.shape)} for {count} rows; every row needs its "
        "own. Where it takes only one row at a time, say compute=Compute(batch_size=1)."
    )


def counted(score: Tensor, label: str) -> Tensor:
    """Answers of yes and no, and whole numbers, as numbers that have differences.

    Raises:
        TargetError: where they are complex.
    """
    if score.is_complex():
        raise TargetError(
            f"{label} is a complex number; say which real one is explained, as lambda output, rows: "
            "output[:, 0].abs()."
        )
    return score.to(torch.get_default_dtype())
