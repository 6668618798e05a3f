"""What cannot be explained, in words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core._feed import out_of_memory
from pellucid._core._target import Target
from pellucid.errors import CancelledError, PellucidError, TargetError


def refusal(model: nn.Module, dtype: torch.dtype, name: str = "") -> str:
    """Why whole numbers of no table have no gradient, and what to do; ``name`` is of one of several."""
    tables = [name for name, m in model.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    hint = f"at={tables[0]!r}" if tables else "at= a layer after which numbers are continuous"
    often = "Pixels and flags can often be given as inputs.float(). "
    return (
        f"Expected floating inputs, got {dtype}: whole numbers have no gradient. "
        f"{often if dtype in (torch.uint8, torch.bool) else ''}"
        f"Explain what the network makes of them: {hint}, or use a method that only needs scores, "
        "such as kernel_shap."
        f"{f' To explain the other inputs, name {name!r} in held=.' if name else ''}"
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


def scored(target: Target, output: Tensor, rows: Tensor) -> Tensor:
    """What a target makes of an output.

    Raises:
        TargetError: where that fails, or is no tensor.
    """
    wanted = f"{target.label}: a target takes (output, rows) and gives a tensor with one number per row; "
    try:
        score = target.score(output, rows)
    except (PellucidError, CancelledError):
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise TargetError(
            f"{wanted}given {tuple(output.shape)}, it raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(score, Tensor):
        raise TargetError(f"{wanted}it gave {type(score).__name__}.")
    return score


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
