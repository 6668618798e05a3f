"""Background rows that go with what is there: the conditional value functions of a game of parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid.errors import InputError, MethodError

Conditional = Literal["nearest", "gaussian"] | None
KINDS = ("nearest", "gaussian")
MOST = 256  # elements whose covariance is inverted for each coalition
RIDGE = 1e-8  # of the mean variance: columns that repeat each other leave it without an inverse
FEW = 64  # parts that are asked how many rows speak where they are missing
MEMORY = 2**22  # distances held at once


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """Background rows weighed by how close they are in the parts that are there (a Gaussian kernel).

    Args:
        distance: float64 ``[n + 1, N, B]``, squared difference from each background row in each part, every
            element in units of its own spread; last, in what is always there.
        size: float64 ``[n + 1, N]``, number of elements of each part.
        bandwidth: width of the kernel, in spreads.
    """

    distance: Tensor
    size: Tensor
    bandwidth: float

    def weights(self, masks: Tensor, rows: slice) -> Tensor:
        """Weight of each background row, adding up to 1: float64 ``[K, B, rows]``."""
        n = masks.shape[1]
        kept = masks.double()
        apart = torch.einsum("kn,nrb->kbr", kept, self.distance[:n, rows]) + self.distance[-1, rows].T
        size = (kept @ self.size[:n, rows] + self.size[-1, rows])[:, None]
        return (-apart / size.clamp(min=1) / (2 * self.bandwidth**2)).softmax(1)

    @property
    def words(self) -> str:
        """How many background rows speak where one part is missing, on average."""
        n = len(self.distance) - 1
        alone = ~torch.eye(n, dtype=torch.bool, device=self.distance.device)[:FEW]
        worth = [
            1 / self.weights(one[None], slice(0, self.distance.shape[1])).square().sum(1) for one in alone
        ]
        mean = float(torch.cat(worth).mean())
        return (
            f"absent parts are averaged over background rows near in the parts that are there (conditional; "
            f"where one part is missing, {mean:.1f} rows' worth on average)"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Gaussian:
    """Background rows moved along their linear dependence to the parts that are there.

    Args:
        covariance: float64 ``[d, d]`` of the elements.
    """

    covariance: Tensor

    def carried(self, kept: Tensor) -> Tensor:
        """What an element changes when those that are ``kept`` (bool ``[d]``) change: ``[d, d]``, identity
        among the kept."""
        known = self.covariance[kept][:, kept]
        known = known + RIDGE * self.covariance.diagonal().mean() * torch.eye(
            len(known), dtype=known.dtype, device=known.device
        )
        carry = torch.zeros_like(self.covariance)
        if len(known):
            slopes = torch.linalg.solve(known, self.covariance[kept])
            carry[:, kept] = slopes.T
        return torch.where(kept[:, None], torch.diag(kept.to(carry.dtype)), carry)

    @property
    def words(self) -> str:
        """What absent parts hold."""
        return (
            "absent parts are averaged over background rows moved along their linear dependence on the parts "
            "that are there (conditional, Gaussian)"
        )


Condition = Nearest | Gaussian


def condition(
    kind: Conditional, bandwidth: float, point: Tensor, groups: Tensor, background: Tensor
) -> Condition | None:
    """The condition that is asked for.

    Args:
        kind: ``None``, ``"nearest"`` or ``"gaussian"``.
        bandwidth: of ``"nearest"``.
        point: ``[N, *shape]``.
        groups: int64 ``[1 or N, …]``, part of each element, broadcasts to the point; -1 is always there.
        background: ``[B, *shape]``.

    Raises:
        InputError: where it is unknown, or the background says nothing of dependence.
        MethodError: where there are too many elements for ``"gaussian"``.
    """
    if kind is None:
        return None
    if kind not in KINDS:
        raise InputError(f"conditional must be one of {', '.join(map(repr, KINDS))} or None, got {kind!r}.")
    if not bandwidth > 0:
        raise InputError(f"bandwidth must be above 0, got {bandwidth}.")
    if len(background) < 2:
        raise InputError("conditional needs at least two background rows, got one.")
    rows, x = background.flatten(1).double(), point.flatten(1).double()
    if kind == "gaussian":
        if rows.shape[1] > MOST:
            raise MethodError(
                f"{rows.shape[1]} elements are too many for conditional='gaussian' (up to {MOST}). "
                "Use conditional='nearest'."
            )
        return Gaussian(torch.cov(rows.T).reshape(rows.shape[1], rows.shape[1]))
    spread = rows.std(0)
    # an element that never varies in the background cannot tell its rows apart
    scale = torch.where(spread > 0, 1 / spread, torch.zeros_like(spread))
    part = groups.expand(point.shape).reshape(len(x), -1)
    return _nearest(x * scale, rows * scale, part, bandwidth)


def _nearest(x: Tensor, rows: Tensor, part: Tensor, bandwidth: float) -> Nearest:
    n = max(1, int(part.max()) + 1)
    # what is held goes to one part more, which every coalition has
    part = torch.where(part < 0, n, part)
    size = torch.zeros(len(x), n + 1, dtype=x.dtype, device=x.device)
    size.scatter_add_(1, part, torch.ones_like(x))
    apart = torch.zeros(len(x), len(rows), n + 1, dtype=x.dtype, device=x.device)
    step = max(1, MEMORY // max(1, rows.numel()))
    for some in torch.arange(len(x)).split(step):
        squared = (x[some, None] - rows).square()
        apart[some] = apart[some].scatter_add_(2, part[some, None].expand(squared.shape), squared)
    return Nearest(apart.permute(2, 0, 1).contiguous(), size.T.contiguous(), bandwidth)
