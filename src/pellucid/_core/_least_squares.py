"""Weighted least squares of many right-hand sides, with standard errors from its residuals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import MethodError


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How coefficients hang on observations: the same for every right-hand side.

    Args:
        influence: ``[p, k]``, coefficients are ``influence @ y``.
        leverage: ``[k]``, how much of its own prediction each observation makes.
        design: ``[k, p]``.
    """

    influence: Tensor
    leverage: Tensor
    design: Tensor

    def coefficients(self, y: Tensor) -> Tensor:
        """``[p, R]`` for ``y`` ``[k, R]``."""
        return self.influence @ y

    def stderr(self, y: Tensor, unsampled: Tensor | None = None, cluster: int = 1) -> Tensor:
        """Standard errors ``[p, R]`` that make no assumption on the residuals (HC3).

        Args:
            y: ``[k, R]``.
            unsampled: ``[k]``, share of the population that each observation stands for and that was not
                seen; 0 where all was seen, which then adds no error. ``None`` is 1 everywhere.
            cluster: how many neighbouring observations were drawn together.
        """
        k, p = self.design.shape
        seen = torch.ones(k, dtype=y.dtype) if unsampled is None else unsampled.clamp(min=0).sqrt()
        residual = y - self.design @ self.coefficients(y)
        if cluster == 1:
            residual = residual * (seen / (1 - self.leverage).clamp(min=1e-9))[:, None]
            return (self.influence.square() @ residual.square()).sqrt()
        # what each draw's own observations make of their prediction, taken out: the jackknife over draws
        influence = self.influence.view(p, -1, cluster).transpose(0, 1)
        own = self.design.view(-1, cluster, p) @ influence
        rest = (1 + 1e-9) * torch.eye(cluster, dtype=y.dtype) - own
        left = torch.linalg.solve(rest, residual.view(k // cluster, cluster, -1))
        left = left * seen[::cluster, None, None]
        total = torch.zeros(p, y.shape[1], dtype=y.dtype)
        for part, error in zip(influence, left, strict=True):
            total += (part @ error).square()
        return total.sqrt()


def fit(design: Tensor, weight: Tensor, *, ridge: float = 0.0) -> Fit:
    """Least squares of ``[k, p]`` with weights ``[k]``; ``ridge`` is added to the squared weights' diagonal.

    Raises:
        MethodError: where the observations do not decide every coefficient.
    """
    root = weight.sqrt()
    scaled = design * root[:, None]
    if ridge:
        scaled = torch.cat([scaled, ridge**0.5 * torch.eye(design.shape[1], dtype=design.dtype)])
    q, r = torch.linalg.qr(scaled)
    diagonal = r.diagonal().abs()
    if len(scaled) < design.shape[1] or float(diagonal.min()) <= 1e-10 * float(diagonal.max()):
        raise MethodError(
            f"{len(design)} coalitions do not decide {design.shape[1]} coefficients. "
            "Raise budget=, or name fewer and larger parts with groups= or a spec."
        )
    q = q[: len(design)]
    influence = torch.linalg.solve_triangular(r, q.T, upper=True) * root
    return Fit(influence, q.square().sum(1), design)


def summing(n: int) -> Tensor:
    """Orthonormal ``[n, n - 1]``: every way for ``n`` numbers to differ that leaves their sum alone."""
    q, _ = torch.linalg.qr(torch.eye(n, dtype=torch.float64)[:, :-1] - 1 / n)
    return q
