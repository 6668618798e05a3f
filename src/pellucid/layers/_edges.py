"""Which connections between the units of two layers carry the difference between two inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import (
    Batch,
    Compute,
    InputSpec,
    Question,
    Target,
    TargetLike,
    activations,
    brief,
    finite_at,
    probe,
)
from pellucid._core._units import unit_axis
from pellucid.errors import InputError, SiteError
from pellucid.layers._patching import asked_of_both, difference
from pellucid.layers._reach import along

CUTS = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class EdgeAttribution:
    """Connections from units of one layer to units of a later one.

    Args:
        source, sink: the two layers.
        target: what is measured, in words.
        edges: ``[U, V]``, estimated share of the difference that goes from source unit u through sink unit v.
        sinks: int64 ``[V]``, sink units looked at, those with the largest share.
        kept: int64 ``[P]``, how many edges, largest first, carry clean signals.
        restored: ``[P]``, share of the difference that they really restore, all other edges corrupt.
        random: ``[P]``, the same for edges in random order, on average.
        n: pairs.
        sink_units: units that the sink has; more than were looked at where ``sinks`` is a selection.
    """

    source: str
    sink: str
    target: str
    edges: Tensor
    sinks: Tensor
    kept: Tensor
    restored: Tensor
    random: Tensor
    n: int
    sink_units: int

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def edge_attribution(
    model: nn.Module,
    clean: Tensor | Batch,
    corrupt: Tensor | Batch,
    target: TargetLike,
    source: str,
    sink: str,
    *,
    steps: int = 4,
    most: int = 16,
    draws: int = 3,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> EdgeAttribution:
    """Shares of the difference between two inputs by connection, estimated by slopes and really patched.

    ``edge_uv = Σ (a_clean − a_corrupt)_u · ∂b_v/∂a_u · ∂m/∂b_v`` with ``a`` the source, ``b`` the sink, ``m``
    the target, slopes averaged over ``steps`` points from corrupt to clean, as a share of the difference.
    Then sink units are given what they would be if only the kept edges carried clean signals, and the pass
    goes on from there: estimates are worth what that restores beyond edges in random order.

    Args:
        model: any network; it comes back as it was.
        clean: ``[N, *shape]``.
        corrupt: ``[N, *shape]``, row by row the counterpart.
        target: what is measured; "the top class" is that of the clean input.
        source, sink: two layers, the source before the sink.
        steps: points at which slopes are taken.
        most: sink units looked at, those with the largest share.
        draws: random orders.
        spec: what an input means; says what goes along with texts.
        compute: how to run.

    Returns:
        :class:`EdgeAttribution`.

    Raises:
        InputError: if the two do not pair up or a number cannot be.
        MethodError: if the target is the same on both, or the sink does not depend on the source.
        SiteError: if a layer does not exist, is not reached, or the source does not come before the sink.

    Cost:
        With S sink units looked at, 4 + S passes to read both, ``steps`` · (1 + S) forward and back, and at
        most (1 + ``draws``) · (7 + 6 · S) forward.

    Limits:
        What goes past the sink, or through sink units not looked at, is not restored even with all edges.

    Source:
        Syed et al. 2023, Attribution patching outperforms automated circuit discovery, arXiv 2310.10348;
        Hanna et al. 2024, arXiv 2403.17806 (averaged slopes, faithfulness).

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        >>> found = edge_attribution(net, torch.rand(20, 3), -torch.rand(20, 3), 0, "0:in", "0")
        >>> found.edges.shape, round(float(found.restored[-1]), 4)
        (torch.Size([3, 4]), 1.0)
    """
    how = compute or Compute(batch_size=128)
    if min(steps, most, draws) < 1:
        raise InputError(f"steps, most and draws must be at least 1, got {steps}, {most} and {draws}.")
    if source == sink:
        raise SiteError(f"Connections lead from one layer to a later one, got {source!r} for both.")
    clean, corrupt = along(clean, spec), along(corrupt, spec)
    good, bad = asked_of_both(model, clean, corrupt, target, sink, how)
    before, after = good.seen(source), bad.seen(source)
    for site, seen in ((sink, good.point), (sink, bad.point), (source, before), (source, after)):
        finite_at(seen, site)
    whole = difference(good.base, bad.base)
    start, end = bad.point, good.point
    slope = bad.gradient(_line(start, end, steps), steps)
    axis = unit_axis(model, start, sink)
    share = ((slope * (end - start)).double().movedim(axis, 1)).reshape(len(start), start.shape[axis], -1)
    sinks = share.sum(2).mean(0).abs().argsort(descending=True, stable=True)[:most].sort().values.cpu()
    edges = _edges(model, corrupt, (after, before), slope, axis, source, sink, sinks, steps, how) / whole
    ends = _Ends(bad, corrupt, source, sink, after, before, axis, sinks, how)
    kept = _sizes(edges.numel())
    generator = torch.Generator().manual_seed(how.seed)
    orders = [edges.flatten().argsort(descending=True)]
    orders += [torch.randperm(edges.numel(), generator=generator) for _ in range(draws)]
    curves = torch.stack([ends.curve(order, kept, edges.shape, whole) for order in orders])
    return EdgeAttribution(
        source,
        sink,
        good.target.label,
        edges,
        sinks,
        torch.tensor(kept),
        curves[0],
        curves[1:].mean(0),
        good.rows,
        share.shape[1],
    )


def edge_passes(units: int, sinks: int, steps: int, draws: int) -> int:
    """Passes forward of :func:`edge_attribution` at most, from so many source units to so many sink units.

    Example:
        >>> edge_passes(100, 2, 4, 3)  # 6 to read, 12 for slopes, 19 for each of 4 curves
        94
    """
    curve = sum(1 + min(sinks, size) for size in _sizes(units * sinks))
    return 4 + sinks + steps * (1 + sinks) + (1 + draws) * curve


def _sizes(edges: int) -> list[int]:
    """How many edges carry clean signals, point by point of a curve."""
    return sorted({round(cut * edges) for cut in CUTS})


def _line(start: Tensor, end: Tensor, steps: int) -> Callable[[Tensor, slice], Tensor]:
    """Points halfway through equal steps from one activation to the other."""

    def between(ks: Tensor, rows: slice) -> Tensor:
        share = ((ks + 0.5) / steps).to(start).reshape(-1, *[1] * start.ndim)
        return start[rows] + share * (end - start)[rows]

    return between


def _edges(
    model: nn.Module,
    corrupt: Tensor | Batch,
    ends: tuple[Tensor, Tensor],
    slope: Tensor,
    axis: int,
    source: str,
    sink: str,
    sinks: Tensor,
    steps: int,
    how: Compute,
) -> Tensor:
    """``[U, V]``, one backward pass from each sink unit to the source."""
    start, end = ends
    own = unit_axis(model, start, source)
    found: list[Tensor] = []
    for unit in sinks.tolist():

        def drawn(output: Tensor, rows: Tensor, unit: int = unit) -> Tensor:
            weight = slope[rows].select(axis, unit)
            return (output.select(axis, unit) * weight).reshape(len(output), -1).sum(1)

        question = Question(model, corrupt, Target("a sink unit", drawn, site=sink), at=source, compute=how)
        moved = (question.gradient(_line(start, end, steps), steps) * (end - start)).double().movedim(own, 1)
        found.append(moved.reshape(len(moved), moved.shape[1], -1).sum(2).mean(0).cpu())
    return torch.stack(found, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """Both layers of the corrupt inputs, and what is needed to carry clean signals along some edges."""

    question: Question
    corrupt: Tensor | Batch
    source: str
    sink: str
    start: Tensor
    end: Tensor
    axis: int
    sinks: Tensor
    how: Compute

    def curve(self, order: Tensor, kept: Sequence[int], shape: torch.Size, whole: float) -> Tensor:
        """Share restored by the first edges of an order."""
        base = float(self.question.base.double().mean())
        found: list[float] = []
        for size in kept:
            on = torch.zeros(shape.numel(), dtype=torch.bool)
            on[order[:size]] = True
            made = self._sink(on.reshape(shape))
            score = self.question.scores(lambda _, rows, made=made: made[rows][None])
            found.append((float(score.double().mean()) - base) / whole)
        return torch.tensor(found).double()

    def _sink(self, on: Tensor) -> Tensor:
        """The sink with each unit as it would be if only its own kept edges carried clean signals."""
        made = self.question.point.clone()
        own = unit_axis(self.question.model, self.start, self.source)
        shape = [1] * self.start.ndim
        shape[own] = -1
        for v, unit in enumerate(self.sinks.tolist()):
            if not bool(on[:, v].any()):
                continue
            mixed = torch.where(on[:, v].to(self.start.device).reshape(shape), self.end, self.start)
            made.select(self.axis, unit).copy_(self._after(mixed).select(self.axis, unit))
        return made

    def _after(self, mixed: Tensor) -> Tensor:
        """The sink while the source is ``mixed``."""
        quiet = Compute(len(mixed), self.how.seed, self.how.device)
        with probe(self.question.model, write={self.source: lambda _: mixed}):
            run = activations(self.question.model, self.corrupt, [self.sink], compute=quiet)
            return torch.cat([seen[self.sink] for _, seen in run])
