"""A single output of a network of two classes, as the two that it stands for."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from pellucid._core._target import Target, log_odds


def each_class(outputs: Tensor) -> Tensor:
    """Scores ``[N, K]`` of classes; a single output is the log-odds of the second of two.

    Whatever else a network gives stays as it is.

    Example:
        >>> each_class(torch.tensor([2.0, -1.0])).tolist()
        [[0.0, 2.0], [0.0, -1.0]]
    """
    if outputs.ndim > 2 or (outputs.ndim == 2 and outputs.shape[1] != 1):
        return outputs
    single = outputs.reshape(-1, 1)
    return torch.cat([torch.zeros_like(single), single], 1)


def class_log_odds(k: int) -> Target:
    """Log-odds of class ``k``, also of a network of two classes with a single output.

    Example:
        >>> class_log_odds(0).score(torch.tensor([[2.0], [-1.0]]), torch.arange(2)).tolist()
        [-2.0, 1.0]
    """
    plain = log_odds(k)

    def score(out: Tensor, rows: Tensor) -> Tensor:
        return plain.score(each_class(out), rows)

    return dataclasses.replace(plain, score=score)
