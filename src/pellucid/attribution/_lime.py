"""A linear network that answers as this one does where only few parts are absent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid._core._estimate import budget_of
from pellucid._core._game import Background, Baseline, Game, game
from pellucid._core._least_squares import fit
from pellucid.errors import InputError

SHOWN = 8  # rows whose R² the note gives one by one


def lime(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: Baseline = None,
    background: Background = None,
    draws: int | None = None,
    groups: Tensor | None = None,
    budget: int | None = None,
    width: float = 0.25,
    ridge: float = 0.0,
    compute: Compute | None = None,
) -> Explanation:
    """What the presence of each part adds to the score in a linear surrogate, in units of the target.

    Parts are there or absent by the toss of a coin; the surrogate is fitted to the scores, and coalitions
    near the full input weigh most. A part's coefficient is divided evenly among its elements. How well the
    surrogate fits, its weighted R², is in ``note``: below about 0.5 the values say little about the network.

    Formula: the ``phi`` that minimise ``sum_z w(z) · (v(z) - phi_0 - sum_i z_i phi_i)² + ridge · |phi|²``
    over masks ``z``, with ``w(z) = exp(-d(z)² / width²)`` and the cosine distance
    ``d(z) = 1 - sqrt(|z| / n)`` between the mask and the full one; ``v(z)`` is the score with the parts of
    ``z`` there.

    Args:
        model: any network; needs no gradients.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs, whose parts are single elements.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean; its parts and its absence are used.
        baseline: what stands in the place of an absent part: a number, a tensor that broadcasts to the
            inputs, or one of them for each name of a ``Batch``. ``None`` is what the spec calls absent, zeros
            without.
        background: rows ``[B, *shape]`` that stand there in turn: the marginal value function, where a
            coalition is worth its mean score over them. All coalitions share them.
        draws: how many of them serve each row, spread evenly over the score they get; ``None`` takes all. The
            standard error does not speak of this choice.
        groups: int64, number of the part of each element, broadcasts to the inputs; ``None`` are the parts of
            the spec, or single elements, positions or cells as in ``occlusion``.
        budget: rows of the network for each explained row; ``None`` is 16 coalitions for each part and at
            least 512.
        width: of the neighbourhood; 0.25 is the original's for pictures, larger looks further away.
        ridge: how strongly coefficients are drawn to 0; the original has 1, which makes all of them too
            small.
        compute: how to run; its seed decides the masks, which all rows with as many parts share.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``stderr``; ``note`` names the
        value function and the surrogate's R².

    Raises:
        InputError: where arguments do not fit, or the budget is below two coalitions for each part.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where the coalitions do not decide every weight.

    Cost:
        ``budget`` forward passes of each row; no backward pass. Memory: one chunk of inputs, and eight bytes
        for each pass.

    Limits:
        Explains the surrogate; where parts work together, its coefficients depend on ``width``. Values do not
        add up to the score. Inputs with absent parts may lie where the network never trained.

    Source:
        Ribeiro et al. 2016, "Why Should I Trust You?", arXiv 1602.04938.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> lime(net, torch.tensor([[1.0, 2.0]]), 0).values
        tensor([[ 3., -4.]])
    """
    if not width > 0 or ridge < 0:
        raise InputError(f"Expected width above 0 and ridge at least 0, got width={width} and ridge={ridge}.")
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    played = game(q, baseline=baseline, background=background, draws=draws, groups=groups)
    allowed = budget_of(budget, played, lambda n: 2 * n + 2)
    values, stderr = (torch.zeros_like(q.point, dtype=torch.float64) for _ in range(2))
    full, told = (torch.empty(q.rows, dtype=torch.float64) for _ in range(2))
    for rows, n in played.runs():
        found, error, full[rows], told[rows] = _surrogate(played, rows, n, allowed(n), width, ridge)
        values[rows], stderr[rows] = played.spread(found, rows), played.spread(error, rows)
    return played.answer(
        "lime",
        values,
        {"budget": budget, "width": width, "ridge": ridge},
        full=full,
        stderr=stderr,
        note=_words(told),
    )


def _surrogate(
    played: Game, rows: slice, n: int, count: int, width: float, ridge: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Coefficients and their standard errors ``[n, R]``, scores with everything and R² ``[R]``."""
    generator = torch.Generator().manual_seed(played.q.compute.seed)
    masks = torch.rand(count, n, generator=generator, dtype=torch.float32) < 0.5
    masks[0] = True
    worth = played.worth(masks, rows)
    z = masks.double()
    distance = 1 - (z.sum(1) / n).sqrt()
    weight = (-(distance / width).square()).exp()
    # centred by weight, the intercept takes no part and is not drawn to 0
    center = lambda a: a - (weight @ a) / weight.sum()  # noqa: E731
    X, y = center(z), center(worth)
    made = fit(X, weight, ridge=ridge)
    found = made.coefficients(y)
    left = weight @ (y - X @ found).square()
    whole = weight @ y.square()
    told = torch.where(whole > 0, 1 - left / whole.clamp(min=1e-300), torch.ones_like(whole))
    return found, made.stderr(y), worth[0], told


def _words(told: Tensor) -> str:
    if len(told) <= SHOWN:
        return f"R² of the surrogate {', '.join(f'{r:.2f}' for r in told.tolist())}"
    low, middle = float(told.min()), float(told.median())
    return f"R² of the surrogate {middle:.2f} in the median row and {low:.2f} in the worst"
