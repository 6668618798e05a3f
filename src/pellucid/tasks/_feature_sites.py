"""Layers whose units are worth a picture."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Subject, predict, sites
from pellucid.errors import MethodError


def feature_sites(subject: Subject) -> tuple[str, ...]:
    """Layers whose units are worth a picture: every layer with weights but the last, in order of the pass.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> feature_sites(pellucid.open(network, data=(torch.rand(8, 3), torch.tensor([0, 1] * 4))))
        ('0',)
    """
    row = subject.needs_data("features").inputs[:1]
    reached = sites(subject.model, lambda: predict(subject.model, row, spec=subject.spec))
    learned = [r.site for r in reached if r.shape is not None and _has_weights(r.module)]
    return tuple(learned[:-1])


def _has_weights(module: torch.nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim > 1 and not isinstance(module, torch.nn.Embedding)


def last_site(subject: Subject) -> str:
    """The last hidden layer with weights."""
    found = feature_sites(subject)
    if not found:
        raise MethodError("This network has no hidden layer with weights; features of inputs are the inputs.")
    return found[-1]


def faces_at(subject: Subject) -> str | None:
    """The last layer with weights and positions: there faces of a class are held apart."""
    row = subject.needs_data("features").inputs[:1]
    reached = sites(subject.model, lambda: predict(subject.model, row, spec=subject.spec))
    placed = [r.site for r in reached if r.shape is not None and len(r.shape) > 2 and _has_weights(r.module)]
    return placed[-1] if placed else None
