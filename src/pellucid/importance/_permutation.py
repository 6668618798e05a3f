"""How much worse the network answers when a part comes from another row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Question, Target, each_class
from pellucid._core._game import game
from pellucid._core._student import interval_of_mean
from pellucid.errors import InputError, near_misses
from pellucid.importance._ranking import Importance

MEASURES = {
    "likelihood": "fall of the mean log-likelihood of the true answer, in nats",
    "accuracy": "fall of the share of right answers",
    "squared error": "growth of the mean squared error",
}


def permutation_importance(
    model: nn.Module,
    inputs: Tensor | Batch,
    answers: Tensor,
    *,
    spec: InputSpec | None = None,
    groups: Tensor | None = None,
    measure: str = "",
    repeats: int = 10,
    level: float = 0.95,
    compute: Compute | None = None,
) -> Importance:
    """How much worse the answers get when a part is taken from another row: in units of the measure.

    Formula: ``mean over rows and repeats of quality(x) - quality(x with P from row s(x))``, where ``s`` is a
    random permutation that leaves no row in its place.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch``; held-out rows, best some hundreds.
        answers: the true class numbers ``[N]``, or numbers ``[N]`` in regression.
        spec: what the inputs mean; its parts are used.
        groups: int64, number of the part of each element, the same for every row; ``None`` are the spec's.
        measure: ``"likelihood"`` or ``"accuracy"`` for classes, ``"squared error"`` for numbers; left out,
            the likelihood for whole numbers and the squared error for others.
        repeats: permutations of each part.
        level: of the interval, which knows that the rows that parts are taken from are drawn too.
        compute: how to run; its seed decides the permutations.

    Returns:
        An ``Importance`` with one value for each part; below 0 where shuffling did no harm.

    Raises:
        InputError: where arguments do not fit, or the parts differ by row.

    Cost:
        ``repeats`` forward passes for each part, and one more.

    Limits:
        Where few rows that the network gets wrong decide the mean, a sample may hold none of them, and no
        interval made of it can tell: at a level of .95, intervals held the value of a large table in 84 to 93
        of 100 cases with 20 rows, in 88 to 94 with 50, in 91 to 96 with 100.
        Parts that can stand in for each other both look useless, and a part from another row may make a row
        that could not be. It is the network's use of a part that is measured, not the part's value in the
        world.

    Source:
        Breiman 2001, Random Forests; Fisher et al. 2019, All Models are Wrong, but Many are Useful, arXiv
        1801.01489.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[1.0, 0.0]]))
        >>> x = torch.tensor([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])
        >>> found = permutation_importance(net, x, x[:, 0])
        >>> bool(found.values[0] > 1), float(found.values[1])
        (True, 0.0)
    """
    if repeats < 1 or not 0 < level < 1:
        raise InputError(
            f"Expected repeats of 1 or more and a level between 0 and 1, got {repeats} and {level}."
        )
    measure = measure or ("squared error" if answers.is_floating_point() else "likelihood")
    q = Question(model, inputs, _quality(answers, measure), spec=spec, compute=compute)
    if len(answers) != q.rows or q.rows < 2:
        raise InputError(
            f"Expected one answer for each of two rows or more, got {len(answers)} for {q.rows}."
        )
    played = game(q, groups=groups)
    if len(played.groups) > 1:
        raise InputError(
            "The parts differ by row (words, superpixels), so they have no common importance. Name groups=."
        )
    count, other = played.counts[0], _elsewhere(q.rows, repeats, q.compute.seed).to(q.point.device)

    def swapped(ks: Tensor, rows: slice) -> Tensor:
        ks = ks.to(q.point.device)
        part = (ks // repeats).view(-1, *[1] * q.point.ndim)
        return torch.where(played.groups == part, q.point[other[ks % repeats][:, rows]], q.point[rows])

    good = q.scores()[0].double().cpu()
    fall = good - q.scores(swapped, count * repeats).double().cpu().view(count, repeats, -1)
    mean, each = fall.mean((1, 2)), fall.sum(1)
    # another row comes with others' parts, and its own parts come into others
    for repeat, giver in enumerate(other.cpu()):
        each.index_add_(1, giver, fall[:, repeat])
    each = each.T / repeats - mean
    low, high = interval_of_mean(each, level)
    names = () if groups is not None else q.group_names
    names = names or tuple(f"part {k + 1}" for k in range(count))
    return Importance(names, mean, low, high, level, MEASURES[measure], q.rows)


def _quality(answers: Tensor, measure: str) -> Target:
    if measure not in MEASURES:
        raise InputError(f"No measure is called {measure!r}. {near_misses(measure, MEASURES)}")
    if measure != "squared error" and answers.is_floating_point():
        raise InputError(
            f"{measure!r} needs class numbers, got {answers.dtype}; say measure='squared error'."
        )

    def quality(output: Tensor, rows: Tensor) -> Tensor:
        wanted = answers.to(output.device)[rows]
        if measure == "squared error":
            return -(output.reshape(len(rows), -1)[:, 0] - wanted).square()
        output = each_class(output)
        if output.ndim != 2 or int(wanted.max()) >= output.shape[1]:
            raise InputError(f"Expected an output for each class, got the shape {list(output.shape)}.")
        if measure == "accuracy":
            return (output.argmax(1) == wanted).to(output.dtype)
        return output.log_softmax(1).gather(1, wanted[:, None])[:, 0]

    return Target(f"{measure} of the true answer", quality)


def _elsewhere(rows: int, repeats: int, seed: int) -> Tensor:
    """Permutations ``[repeats, N]`` that leave nothing in its place: one long cycle each."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.empty(repeats, rows, dtype=torch.int64)
    for k in range(repeats):
        order = torch.randperm(rows, generator=generator)
        found[k, order] = order.roll(1)
    return found
