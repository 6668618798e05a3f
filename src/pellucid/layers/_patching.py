"""Where in a network the difference between two inputs is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Question, TargetLike, activations, finite_at
from pellucid._core._strongest import chosen_units
from pellucid._core._units import unit_axis
from pellucid.errors import InputError, MethodError
from pellucid.layers._patched import ActivationPatching, AttributionPatching
from pellucid.layers._reach import along, chosen_sites, count_of

RESAMPLED = 1000
LEAST = 1e-3  # of the spread of scores: a smaller difference is nothing to explain


def activation_patching(
    model: nn.Module,
    clean: Tensor | Batch,
    corrupt: Tensor | Batch,
    target: TargetLike,
    sites: Sequence[str] | None = None,
    *,
    others: Tensor | Batch | None = None,
    draws: int = 20,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> ActivationPatching:
    """Which layers decide the difference between two inputs, by exchanging activations between them.

    With ``m`` the target, ``restored = (m(corrupt with the layer from clean) − m(corrupt)) / (m(clean) −
    m(corrupt))`` and ``broken`` the same from the other side, as ratios of means over pairs.

    Args:
        model: any network; it comes back as it was.
        clean: ``[N, *shape]``.
        corrupt: ``[N, *shape]``, row by row the counterpart: another real input, not noise.
        target: what is measured; the difference of two logits (:func:`~pellucid.margin`) says more than a
            probability. "The top class" is that of the clean input.
        sites: layers; ``None`` for all that call no other.
        others: real inputs for the control: their activations, drawn at random, instead of the clean ones.
        draws: of the control.
        spec: what an input means; says what goes along with texts.
        compute: how to run.

    Returns:
        :class:`ActivationPatching`.

    Raises:
        InputError: if the two do not pair up, or there is no other input or draw.
        MethodError: if the target is the same on both.
        SiteError: if a layer does not exist or is not reached.

    Cost:
        Two passes, and for each layer four; with ``others`` one more over these and ``draws`` over the pairs.

    Limits:
        In a plain chain every layer restores everything, since all that follows depends on it alone: the
        question makes sense where paths run side by side, or for single units
        (:func:`attribution_patching`).

    Source:
        Zhang & Nanda 2024, Towards best practices of activation patching, arXiv 2309.16042.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> found = activation_patching(net, torch.rand(20, 3), -torch.rand(20, 3), 0, ["1"])
        >>> [round(float(v), 4) for v in (found.restored, found.broken)]
        [1.0, 1.0]
    """
    how = compute or Compute(batch_size=128)
    if draws < 1 or (others is not None and not count_of(others)):
        raise InputError(f"The control needs other inputs and draws; draws={draws}.")
    clean, corrupt = along(clean, spec), along(corrupt, spec)
    beside = None if others is None else along(others, spec)
    names = list(chosen_sites(model, clean, sites, how)[0])
    quiet = Compute(how.batch_size, how.seed, how.device)
    good, bad = asked_of_both(model, clean, corrupt, target, None, quiet)
    whole = difference(good.base, bad.base)
    restored: list[Tensor] = []
    broken: list[Tensor] = []
    chance: list[Tensor] = []
    for number, site in enumerate(names):
        here, there = good.at_site(site), bad.at_site(site)
        restored.append(_exchanged(there, here.point) - bad.base)
        broken.append(good.base - _exchanged(here, there.point))
        chance.append(_by_chance(there, site, beside, draws, quiet) / whole)
        how.progress(number + 1, len(names))
    ends = [
        _resampled(torch.stack(parts).cpu(), (good.base - bad.base).cpu(), how.seed)
        for parts in (restored, broken)
    ]
    means = [torch.stack(parts).double().mean(1).cpu() / whole for parts in (restored, broken)]
    drawn = torch.stack(chance)
    low, high = drawn.quantile(torch.tensor([0.025, 0.975]).double(), dim=1)
    return ActivationPatching(
        tuple(names),
        good.target.label,
        means[0],
        *ends[0],
        means[1],
        *ends[1],
        float(good.base.mean()),
        float(bad.base.mean()),
        good.rows,
        drawn.mean(1),
        low,
        high,
    )


def attribution_patching(
    model: nn.Module,
    clean: Tensor | Batch,
    corrupt: Tensor | Batch,
    target: TargetLike,
    site: str,
    *,
    units: Sequence[int] | Tensor | None = None,
    steps: int = 8,
    verified: int = 256,
    draws: int = 20,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> AttributionPatching:
    """Which units of a layer carry the difference between two inputs: estimated, then really patched.

    ``estimate_u = Σ (a_clean − a_corrupt) · ∂m/∂a``, summed over the positions of unit u, the slope averaged
    over ``steps`` points between the two activations (so that it does not vanish at a dead ReLU), as a share
    of ``m(clean) − m(corrupt)``. Then the units with the best estimates are carried over together, more and
    more of them, and the same is done in random orders: estimates are worth what the first curve gains.

    Args:
        model: any network; it comes back as it was.
        clean: ``[N, *shape]``.
        corrupt: ``[N, *shape]``, row by row the counterpart.
        target: what is measured; "the top class" is that of the clean input.
        site: the layer.
        units: which units; ``None`` for all.
        steps: points at which the slope is taken; 1 takes it halfway.
        verified: most units that are patched one by one, the best estimates first.
        draws: random orders.
        spec: what an input means; says what goes along with texts.
        compute: how to run.

    Returns:
        :class:`AttributionPatching`.

    Raises:
        InputError: if the two do not pair up or a number cannot be.
        MethodError: if the target is the same on both.
        SiteError, TargetError: if the layer or a unit does not exist.

    Cost:
        Two passes to read the layer, ``steps`` forward and back, one for each single unit up to ``verified``,
        and about 10 · (1 + draws) for the curves.

    Limits:
        Patching mixes activations that never occur together. Units that only act together get estimates
        that do not add up; the curve shows it.

    Source:
        Nanda 2023, Attribution patching; Hanna et al. 2024, Have faith in faithfulness, arXiv 2403.17806
        (averaged slopes; faithfulness instead of overlap).

    Example:
        >>> net = nn.Linear(3, 2)
        >>> found = attribution_patching(net, torch.rand(20, 3), -torch.rand(20, 3), 0, ".:in")
        >>> bool((found.estimate - found.measured).abs().max() < 1e-5)
        True
    """
    how = compute or Compute(batch_size=128)
    if min(steps, verified, draws) < 1:
        raise InputError(
            f"steps, verified and draws must be at least 1, got {steps}, {verified} and {draws}."
        )
    clean, corrupt = along(clean, spec), along(corrupt, spec)
    good, bad = asked_of_both(model, clean, corrupt, target, site, how)
    for question in (good, bad):
        finite_at(question.point, site)
    whole = difference(good.base, bad.base)
    end, start = good.point, bad.point
    axis = unit_axis(model, start, site)
    picked = chosen_units(units, start.shape[axis] if start.ndim > 1 else 1, site)
    patch = _Patch(start, end, axis)

    def between(ks: Tensor, rows: slice) -> Tensor:
        share = ((ks + 0.5) / steps).to(start).reshape(-1, *[1] * start.ndim)
        return start[rows] + share * (end - start)[rows]

    slope = bad.gradient(between, steps)
    moved = (slope * (end - start)).double()
    each = moved.movedim(axis, 1).flatten(2).sum(2) if start.ndim > 2 else moved.reshape(len(start), -1)
    estimate = each.mean(0).cpu()[picked] / whole
    order = estimate.argsort(descending=True)
    alone = order[:verified]
    measured = torch.full_like(estimate, torch.nan)
    single = bad.scores(patch.units(picked[alone][:, None]), len(alone)).double().mean(1).cpu()
    measured[alone] = (single - float(bad.base.double().mean())) / whole
    sizes = sizes_of(len(picked))
    generator = torch.Generator().manual_seed(how.seed)
    orders = [order, *(torch.randperm(len(picked), generator=generator) for _ in range(draws))]
    curves = torch.stack([_curve(bad, patch, picked[line], sizes, whole) for line in orders])
    low, high = curves[1:].quantile(torch.tensor([0.025, 0.975]).double(), dim=0)
    return AttributionPatching(
        site,
        good.target.label,
        picked,
        estimate,
        measured,
        _rank_correlation(estimate[alone], measured[alone]),
        torch.tensor(sizes),
        curves[0],
        curves[1:].mean(0),
        low,
        high,
        float(good.base.mean()),
        float(bad.base.mean()),
        good.rows,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """Activations of the corrupt inputs with some units from the clean ones."""

    start: Tensor
    end: Tensor
    axis: int

    def masks(self, on: Tensor) -> Callable[[Tensor, slice], Tensor]:
        """``on`` bool ``[K, U]``: which units variant k takes over."""
        shape = [1] * self.start.ndim
        shape[self.axis] = -1

        def made(ks: Tensor, rows: slice) -> Tensor:
            here = on[ks].to(self.start.device).reshape(len(ks), *shape)
            return torch.where(here, self.end[rows], self.start[rows])

        return made

    def units(self, several: Tensor) -> Callable[[Tensor, slice], Tensor]:
        """``several`` int64 ``[K, k]``: the units that variant k takes over."""
        total = self.start.shape[self.axis]
        on = torch.zeros(len(several), total, dtype=torch.bool)
        return self.masks(on.scatter(1, several, torch.ones_like(several, dtype=torch.bool)))


def asked_of_both(
    model: nn.Module,
    clean: Tensor | Batch,
    corrupt: Tensor | Batch,
    target: TargetLike,
    site: str | None,
    how: Compute,
) -> tuple[Question, Question]:
    """The same target on both inputs, settled on the clean ones."""
    counts = count_of(clean), count_of(corrupt)
    if counts[0] != counts[1]:
        raise InputError(f"clean and corrupt pair up row by row: got {counts[0]} and {counts[1]} rows.")
    good = Question(model, clean, target, at=site, compute=how)
    bad = Question(model, corrupt, good.target, at=site, compute=how)
    if good.point.shape != bad.point.shape:
        raise InputError(
            f"clean and corrupt need equal shapes, got {list(good.point.shape)} and {list(bad.point.shape)}."
        )
    return good, bad


def difference(good: Tensor, bad: Tensor) -> float:
    whole = float((good - bad).double().mean())
    spread = float(torch.cat([good, bad]).double().std())
    if not abs(whole) > LEAST * spread:
        raise MethodError(
            f"The target is on average the same on clean and corrupt inputs (difference {whole:.3g}): "
            "there is nothing to locate. Choose pairs or a target that differ."
        )
    return whole


def _exchanged(question: Question, activation: Tensor) -> Tensor:
    """Scores ``[N]`` with the activation at its site replaced."""
    return question.scores(lambda _, rows: activation[rows][None])[0]


def _by_chance(
    question: Question, site: str, others: Tensor | Batch | None, draws: int, how: Compute
) -> Tensor:
    """Mean change of the score ``[draws]`` with the activation of other inputs; ``NaN`` without any."""
    if others is None:
        return torch.full((1,), torch.nan, dtype=torch.float64)
    run = activations(question.model, others, [site], compute=how)
    theirs = torch.cat([seen[site] for _, seen in run])
    generator = torch.Generator().manual_seed(how.seed)
    picked = torch.randint(len(theirs), (draws, question.rows), generator=generator).to(theirs.device)
    scores = question.scores(lambda ks, rows: theirs[picked[ks][:, rows]], draws)
    return (scores - question.base).double().mean(1).cpu()


def _resampled(parts: Tensor, whole: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """95 % interval ``[S]`` of ratios of means, pairs drawn again."""
    n = len(whole)
    generator = torch.Generator().manual_seed(seed)
    picked = torch.randint(n, (RESAMPLED, n), generator=generator)
    counts = torch.zeros(RESAMPLED, n, dtype=torch.float64)
    counts = counts.scatter_add_(1, picked, torch.ones(RESAMPLED, n, dtype=torch.float64))
    ratios = (counts @ parts.double().T) / (counts @ whole.double())[:, None]
    low, high = ratios.quantile(torch.tensor([0.025, 0.975]).double(), dim=0)
    return low, high


def sizes_of(total: int) -> list[int]:
    """0, 1, 2, 4, … and all."""
    sizes = [0, 1]
    while sizes[-1] * 2 < total:
        sizes.append(sizes[-1] * 2)
    return sizes if sizes[-1] == total else [*sizes, total]


def _curve(question: Question, patch: _Patch, order: Tensor, sizes: Sequence[int], whole: float) -> Tensor:
    """Share of the difference that the first units of an order restore together."""
    on = torch.zeros(len(sizes), patch.start.shape[patch.axis], dtype=torch.bool)
    for line, size in zip(on, sizes, strict=True):
        line[order[:size]] = True
    scores = question.scores(patch.masks(on), len(sizes)).double().mean(1).cpu()
    return (scores - float(question.base.double().mean())) / whole


def _rank_correlation(a: Tensor, b: Tensor) -> float:
    if len(a) < 3:
        return float("nan")
    ranks = [part.argsort().argsort().double() for part in (a, b)]
    left, right = (rank - rank.mean() for rank in ranks)
    return float((left @ right) / (left.norm() * right.norm()))
