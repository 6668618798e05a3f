"""Which method to believe on this network and these inputs: the same test for all of them at once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, TargetLike, brief, holm, percent, wilson
from pellucid.errors import InputError, MethodError
from pellucid.evidence._about import twin_maps
from pellucid.evidence._bench import benches
from pellucid.evidence._case import LEAST, Case, Method, Pool, fitted, out_of_reach
from pellucid.evidence._fill import absent
from pellucid.evidence._free import free_maps
from pellucid.evidence._matters import FEWEST, LEVEL, examined
from pellucid.evidence._nulls import agreement
from pellucid.evidence._responses import Responses, responses
from pellucid.evidence._scalar import of_target, settled
from pellucid.evidence._statistics import differ, discoveries, interval, resamples, sign_flip


@dataclass(frozen=True, slots=True, eq=False)
class MethodEvidence:
    """How one method did over a data set.

    Args:
        method: its name.
        model_free: whether its maps are made without the network; such maps are never supported, because
            they are the same for an untrained copy.
        supported: bool ``[N]``, rows whose joint p is a discovery at the survey's rate.
        share: of the tested rows that are supported, with ``low`` and ``high``, Wilson's 95 % interval. Where
            none is, ``high`` is that of the rows with p ≤ .05: p is at least 1 / N, so that at a rate of .1
            fewer than 9 rows are seldom chosen, however well they stand out.
        agreement: ``[N]``, T of each row; ``median`` over the tested rows.
        p: ``[N]``, joint p of each row.
        p_training: rank of the mean agreement among those of untrained copies, as a p-value; ``None`` where
            no copy explains every row. Its least value is ``1 / (copies + 1)``.
        rows: rows of the network per input that its maps cost.
    """

    method: str
    model_free: bool
    supported: Tensor
    share: float
    low: float
    high: float
    agreement: Tensor
    median: float
    p: Tensor
    p_training: float | None
    rows: int

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods on the same inputs and masks.

    Args:
        first, second: their names.
        difference: mean agreement of the first minus that of the second, with its 95 % bootstrap interval.
        p: two-sided sign-flip p; ``p_holm`` corrected for all pairs of the survey.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """The evidence table of a data set: methods, their differences, and the one best supported.

    Args:
        methods: best first, maps made without the model always among them.
        pairs: every two of them, unless both are model-free.
        best: name of the method best supported; ``reason`` says why in one sentence.
        n: inputs given; ``tested`` of them react to the masks at all.
        fill, target: what replaced removed parts and what was scored, in words.
        masks, draws, twins, q: settings.
        rows: rows of the network per input, all told.
    """

    methods: tuple[MethodEvidence, ...]
    pairs: tuple[Pair, ...]
    best: str
    reason: str
    n: int
    tested: int
    fill: str
    target: str
    masks: int
    draws: int
    twins: int
    q: float
    rows: int


def survey(
    model: nn.Module,
    inputs: Tensor,
    target: TargetLike | None,
    methods: Mapping[str, Method],
    *,
    spec: InputSpec | None = None,
    fill: str = "own",
    masks: int = 64,
    draws: int = 499,
    twins: int = 19,
    q: float = 0.1,
    compute: Compute | None = None,
) -> Survey:
    """Share of inputs on which each method tells what the model does better than chance.

    All methods meet the same masks. A row's p is the largest over the map laid elsewhere, the method's maps
    of the other inputs and, from 19 twins on, those of untrained copies, two for each row; rows are chosen
    by Storey's adaptive rule at the false discovery rate ``q``. Methods are compared in pairs on the
    same rows (sign flips, Holm's correction).

    Args:
        model: any network.
        inputs: ``[N, *shape]``, at least 20 different ones; 100 and more give useful intervals.
        target: what is explained; ``None`` is the log-odds of each row's predicted class, or the prediction
            itself where there is one output.
        methods: name to ``(model, inputs, target, *, spec, compute) -> Explanation``.
        spec: what the inputs mean.
        fill: what replaces removed parts, as in :func:`responses`.
        masks: M.
        draws: placements per row.
        twins: untrained copies; fewer than 19 explain every row and are no null of the rows.
        q: false discovery rate.
        compute: how to run.

    Returns:
        The table, best method first.

    Raises:
        InputError: for fewer than 20 inputs, no methods, or methods that do not explain the inputs.
        MethodError: where no method answers for all of the inputs; one of several that does not is left out.

    Cost:
        Per input M + 2 forward passes, plus 3 times each method (``1 + twins`` times with fewer than 19).

    Limits:
        "Best" is for this network, these inputs and this fill. With several twins their number, not that of
        the inputs, limits what can be said of training.

    Source:
        Storey et al. 2004; Blanchard & Roquain 2009; Wilson 1927; Holm 1979.

    Example:
        >>> from pellucid._core import Question
        >>> def contribution(model, inputs, target, *, spec=None, compute=None):
        ...     q = Question(model, inputs, target, spec=spec, compute=compute)
        ...     return q.answer("input_x_gradient", q.gradient() * q.point, {})
        >>> table = survey(nn.Linear(9, 2), torch.randn(40, 9), 0, {"input_x_gradient": contribution})
        >>> table.best, table.methods[0].share
        ('input_x_gradient', 1.0)
    """
    how = compute or Compute(batch_size=256)
    if not methods or len(inputs) <= LEAST:
        raise InputError(
            f"Expected at least one method and {LEAST + 1} inputs, got {len(methods)} and {len(inputs)}."
        )
    what = settled(model, inputs, target, spec, how)
    # every method meets the same untrained copies, which are made once
    place = benches(model, inputs, [what], spec=spec, masks=masks, compute=how)[0]
    drawn: dict[str, tuple[Case, int]] = {}
    for name, method in methods.items():
        try:
            made = method(model, inputs, what, spec=spec, compute=how)
        except MethodError:
            if len(methods) == 1:
                raise
            continue  # it answers for some rows only
        why = out_of_reach(made)
        if why:
            raise InputError(f"{name} cannot be surveyed: {why}.")
        maps = fitted(made.map.detach(), made.point)
        about = of_target(what, len(inputs))
        # nothing here asks for another class, so the outputs stay out
        case = Case(model, method, spec, how, made.point, maps, about, made.scores, None, False, place)
        drawn[name] = case, made.provenance.forward
    if not drawn:
        raise MethodError(f"None of {', '.join(methods)} answers for these inputs of this network.")
    # the masks are drawn only now that the maps are fixed
    seen = responses(model, inputs, what, spec=spec, fill=fill, masks=masks, others=inputs, compute=how)
    rows = [_row(name, case, cost, seen, draws, twins, q) for name, (case, cost) in drawn.items()]
    return table(rows + model_free(inputs, seen, spec), seen, draws, twins, q)


def _row(
    name: str, case: Case, cost: int, seen: Responses, draws: int, twins: int, q: float
) -> MethodEvidence:
    units = seen.bank.reduce(case.maps)
    copies = twin_maps(case, seen, twins)
    others = Pool(units, differ(case.x, case.x), 0)
    if not others.enough:
        raise InputError(f"Expected at least {LEAST + 1} different inputs; many of these are equal.")
    null = copies.maps if copies.enough else None
    found = examined(seen, units, others, null, draws=draws, seed=case.compute.seed)
    level = None
    if copies.maps is not None and len(copies.maps) == copies.count:
        means = torch.stack([agreement(seen, one).mean() for one in copies.maps])
        level = (1 + int((means >= found.value.mean()).sum())) / (copies.count + 1)
    rows = -(-(cost + copies.rows) // len(units))
    return evidence_of(name, found.value, found.p, seen, q, level, rows)


def model_free(inputs: Tensor, seen: Responses, spec: InputSpec | None) -> list[MethodEvidence]:
    """The same of maps made without the model, which no p can support."""
    maps = free_maps(inputs, absent(inputs, spec)[0], pictures=seen.bank.grid is not None, known=inputs)
    rows: list[MethodEvidence] = []
    for name, one in maps.items():
        value = agreement(seen, one)
        rows.append(evidence_of(name, value, torch.ones_like(value), seen, 0.0, 1.0, 0, model_free=True))
    return rows


def evidence_of(
    name: str,
    value: Tensor,
    p: Tensor,
    seen: Responses,
    q: float,
    p_training: float | None,
    rows: int,
    *,
    model_free: bool = False,
) -> MethodEvidence:
    """The evidence from each row's agreement and joint p ``[N]``."""
    alive = ~seen.still
    supported = torch.zeros_like(alive)
    supported[alive] = discoveries(p[alive], q)
    count, n = int(supported.sum()), int(alive.sum())
    # few rows may stand out and yet be too few to be chosen
    low, high = wilson(count, n)[0], wilson(count or int((p[alive] <= LEVEL).sum()), n)[1]
    median = float(value[alive].median()) if n else 0.0
    share = count / max(1, n)
    return MethodEvidence(name, model_free, supported, share, low, high, value, median, p, p_training, rows)


def table(rows: Sequence[MethodEvidence], seen: Responses, draws: int, twins: int, q: float) -> Survey:
    """The table with its pairs, best first."""
    ordered = sorted(rows, key=lambda row: (row.model_free, -row.share, -float(row.agreement.mean())))
    pairs = _pairs(ordered, ~seen.still)
    n, count = len(seen), int((~seen.still).sum())
    spent = seen.rows // n + 1 + sum(row.rows for row in rows)
    best, why = ordered[0].method, _reason(ordered, pairs, count) + _alone(seen)
    masks = seen.drops.shape[1]
    return Survey(
        tuple(ordered), pairs, best, why, n, count, seen.fill, seen.target, masks, draws, twins, q, spent
    )


def _alone(seen: Responses) -> str:
    """What is said where a card of one of these inputs will be *not testable*."""
    known = seen.bank.different
    few = [one for one in ([known] * len(seen) if isinstance(known, int) else known) if one < FEWEST]
    if not few:
        return ""
    each = f"{min(few)} to {max(few)}" if min(few) < max(few) else f"{few[0]}"
    return (
        f" This holds of these inputs together: for {len(few)} of {len(seen)} only {each} different masks "
        f"exist, and a card, which tests one input alone, needs {FEWEST} and will say not testable."
    )


def _pairs(rows: Sequence[MethodEvidence], alive: Tensor) -> tuple[Pair, ...]:
    couples = [(a, b) for a, b in itertools.combinations(rows, 2) if not (a.model_free and b.model_free)]
    apart = [(a.agreement - b.agreement)[alive] for a, b in couples]
    if not couples or not int(alive.sum()):
        return ()
    p = [sign_flip(one) for one in apart]
    adjusted = holm(torch.tensor(p, dtype=torch.float64)).tolist()
    shares = resamples(int(alive.sum()), 999, 0).to(apart[0])
    found: list[Pair] = []
    for (a, b), one, raw, fixed in zip(couples, apart, p, adjusted, strict=True):
        low, high = interval(shares @ one)
        found.append(Pair(a.method, b.method, float(one.mean()), float(low), float(high), raw, fixed))
    return tuple(found)


def _reason(rows: Sequence[MethodEvidence], pairs: Sequence[Pair], n: int) -> str:
    best, count = rows[0], int(rows[0].supported.sum())
    if not n:
        return "Nothing could be tested: no mask changes any score."
    if not count:
        return (
            f"No method is supported on any of {n} inputs; {_said(best.method)} agrees best with the model "
            f"(median {best.median:+.2f}) and is shown for want of a better one."
        )
    said = (
        f"{_said(best.method)} is supported on {count} of {n} inputs ({percent(best.share, 0)}, 95 % "
        f"interval {percent(best.low, 0)} to {percent(best.high, 0)}) with a median agreement of "
        f"{best.median:+.2f}"
    )
    rival = next(pair for pair in pairs if pair.first == best.method)
    # the share decides; the mean agreement of what comes next can still be the higher one
    side = "lower" if rival.difference >= 0 else "higher"
    by = f"{abs(rival.difference):.2f} {side} on average (p = {rival.p_holm:.2g})"
    return f"{said}; next is {_said(rival.second)}, {by}."


def _said(method: str) -> str:
    return method.replace("_", " ")
