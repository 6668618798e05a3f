"""What parts do together beyond what each does alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Provenance, Question, TargetLike, brief
from pellucid._core._coalitions import pairs
from pellucid._core._conditional import Conditional
from pellucid._core._estimate import LEAST, Plan, coalition_words, doubling, played_out, positive
from pellucid._core._game import Background, Baseline, Game, game
from pellucid._core._least_squares import Fit, fit, summing
from pellucid._core._student import student
from pellucid.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """What each part does alone and each pair together.

    Args:
        values: float64 ``[N, P, P]``, symmetric, in units of the target: on the diagonal what a part does
            alone, off it what a pair does together. Diagonal and upper half add up to ``score - reference``.
        stderr: float64 ``[N, P, P]``.
        names: of the parts.
        scores, reference: float64 ``[N]``, with everything there and with nothing.
        provenance: how it came about.
        note: the value function, and how many coalitions were asked.
    """

    values: Tensor
    stderr: Tensor
    names: tuple[str, ...]
    scores: Tensor
    reference: Tensor
    provenance: Provenance
    note: str

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def shapley_interactions(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: Baseline = None,
    background: Background = None,
    draws: int | None = None,
    conditional: Conditional = None,
    bandwidth: float = 0.1,
    groups: Tensor | None = None,
    budget: int | None = None,
    precision: float | None = None,
    compute: Compute | None = None,
) -> Interactions:
    """What each part does alone and each pair does together, in units of the target: faithful Shapley values.

    Of all functions that give each part and each pair a number, the one that follows the network most closely
    under the Shapley kernel, and exactly with everything and with nothing there.

    Formula: the ``phi`` that minimise ``sum_S w(S) · (v(S) - v(none) - sum_i∈S phi_i - sum_ij⊆S phi_ij)²``
    under ``v(all) - v(none) = sum_i phi_i + sum_i<j phi_ij``, with the weights of ``kernel_shap``.

    Args:
        model: any network; needs no gradients.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs, whose parts are single elements.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean; its parts and its absence are used.
        baseline, background, draws, conditional, bandwidth: what stands in the place of an absent part, as in
            ``kernel_shap``.
        groups: int64, number of the part of each element; ``None`` are the parts of the spec.
        budget: rows of the network for each explained row; ``None`` is four coalitions for each part and pair
            and at least 512.
        precision: stop a row when its largest standard error is below this share of the range of its values.
        compute: how to run; its seed decides the coalitions, which all rows share.

    Returns:
        ``Interactions``; exact, with standard errors of 0, where the budget reaches all ``2^n`` coalitions.

    Raises:
        InputError: where arguments do not fit, the budget is below two coalitions for each part and pair, or
            rows differ in how many parts they have.
        TargetError, SiteError: where target or site do not fit the network.

    Cost:
        ``budget`` forward passes of each row (or ``2^n`` coalitions where that is less); no backward pass.

    Limits:
        What three and more parts do together is shared out among pairs and parts. Inputs with absent parts
        may lie where the network never trained. Standard errors are the jackknife's over pairs of coalitions,
        too wide where these are few: 1.96 of them held 99 of 100 values with two coalitions for each part and
        pair, 96 to 98 with four, 95 with twenty.

    Source:
        Tsai et al. 2023, Faith-Shap: The Faithful Shapley Interaction Index, arXiv 2203.00870.

    Example:
        >>> import torch
        >>> class Product(nn.Module):
        ...     def forward(self, x):
        ...         return 5 * x[:, :1] * x[:, 1:2] + x[:, 2:]
        >>> shapley_interactions(Product(), torch.ones(1, 3), 0).values[0].round().add(0).tolist()
        [[0.0, 5.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    positive(precision)
    played = game(
        q,
        baseline=baseline,
        background=background,
        draws=draws,
        groups=groups,
        conditional=conditional,
        bandwidth=bandwidth,
    )
    if len(set(played.counts)) > 1:
        raise InputError("The rows have different numbers of parts; ask for their interactions one by one.")
    n = played.counts[0]
    allowed = _allowed(played, n, budget)
    empty, full = played.ends()
    if n == 1:
        values = (full - empty).view(-1, 1, 1)
        stderr, note = torch.zeros_like(values), coalition_words([2], exact=True)
    else:
        plan = _plan(n, allowed, q.compute.seed)
        found, error, asked = played_out(played, plan, slice(0, q.rows), empty, full, precision)
        values, stderr = _square(found, n), _square(error, n)
        exact = plan.exact and min(asked) == len(plan.masks)
        note = coalition_words([k + 2 for k in asked], exact=exact)
    params = {"budget": budget, "precision": precision}
    made = played.answer("shapley_interactions", torch.zeros_like(q.point), params, full=full, note=note)
    names = () if groups is not None else q.group_names
    return Interactions(
        values,
        stderr,
        names or tuple(f"part {k + 1}" for k in range(n)),
        full,
        empty,
        made.provenance,
        made.note,
    )


def _allowed(played: Game, n: int, budget: int | None) -> int:
    """How many coalitions a row may ask, both ends included."""
    terms = n * (n + 1) // 2
    allowed = max(LEAST, 4 * terms) if budget is None else budget // played.cost
    needed = min(2 * terms + 2, 2**n)
    if allowed < needed:
        raise InputError(
            f"{n} parts and their pairs need a budget of at least {needed * played.cost} rows each, "
            f"got {budget}. Raise budget=, or name fewer and larger parts with groups= or a spec."
        )
    return allowed


def _plan(n: int, coalitions: int, seed: int) -> Plan:
    """Pairs of coalitions, and the regression of their worth on who is there and which two are."""
    terms = n * (n + 1) // 2
    drawn = pairs(n, (coalitions - 2) // 2, torch.Generator().manual_seed(seed))
    masks, free = drawn.masks(), summing(terms)
    left, right = torch.triu_indices(n, n).unbind()
    together = masks[:, left].double() * masks[:, right]

    def solve(k: int, worth: Tensor, empty: Tensor, full: Tensor) -> tuple[Tensor, Tensor]:
        weight, unsampled = drawn.weights(k // 2)
        X, share = together[:k], (full - empty) / terms
        y = worth - empty - X.sum(1, keepdim=True) * share
        made = fit(X @ free, weight.repeat_interleave(2))
        made = Fit(free @ made.influence, made.leverage, X)
        values = made.coefficients(y) + share
        if not bool(unsampled.any()):
            return values, torch.zeros_like(values)
        wider = student(int((unsampled > 0).sum()) - 1)
        return values, wider * made.stderr(y, unsampled.repeat_interleave(2), cluster=2)

    return Plan(masks, doubling(2 * max(terms, 32), len(masks)), solve, drawn.exhaustive)


def _square(terms: Tensor, n: int) -> Tensor:
    """Parts and pairs ``[V, N]`` as symmetric tables ``[N, n, n]``."""
    left, right = torch.triu_indices(n, n).unbind()
    table = torch.zeros(terms.shape[1], n, n, dtype=terms.dtype)
    table[:, left, right] = table[:, right, left] = terms.T
    return table
