"""What can be read off each layer with a straight cut, beside two controls."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, brief, split, wilson
from pellucid._core._spec import is_finite
from pellucid.errors import InputError
from pellucid.layers._logistic import fitted, standardised
from pellucid.layers._reach import along, chosen_sites, count_of, part_of, refuse_answers, tokens_of, twin_of
from pellucid.layers._sketch import sketches

Z95 = 1.959964
FEWEST = 30


@dataclass(frozen=True, slots=True, eq=False)
class LinearProbes:
    """How well a linear classifier reads the answers off each layer, on rows it was not fitted on.

    Args:
        sites: layers in the order of the pass.
        accuracy: ``[S]``, share of held-out rows answered rightly, 0 to 1.
        low, high: ``[S]``, its 95 % interval (Wilson).
        control: ``[S]``, the same for answers drawn by a hash of the input: what the probe can memorise
            and transfer to equal inputs. ``accuracy − control`` is Hewitt and Liang's selectivity.
        control_fit: ``[S]``, how well the control answers fit the training rows: what the probe can memorise.
        untrained: ``[S]``, the accuracy on an untrained copy; ``NaN`` where none was run.
        gain_low, gain_high: ``[S]``, 95 % interval of accuracy − untrained, on the same rows.
        chance: share of the commonest class among the held-out rows.
        classes: number of classes.
        width: most numbers per row that a probe saw.
        n_train, n_test: rows.
        note: what was left out.
    """

    sites: tuple[str, ...]
    accuracy: Tensor
    low: Tensor
    high: Tensor
    control: Tensor
    control_fit: Tensor
    untrained: Tensor
    gain_low: Tensor
    gain_high: Tensor
    chance: float
    classes: int
    width: int
    n_train: int
    n_test: int
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def linear_probes(
    model: nn.Module,
    inputs: Tensor | Batch,
    answers: Tensor,
    sites: Sequence[str] | None = None,
    *,
    held_out: Tensor | None = None,
    width: int = 64,
    untrained_copy: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> LinearProbes:
    """Held-out accuracy of a linear classifier on each layer, with a control task and an untrained line.

    Each activation is flattened (of texts: averaged over their tokens) and projected at random to ``width``
    numbers, so that wide layers have no advantage, standardised on the training rows, and read by multinomial
    logistic regression (ridge 1).

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``, or a :class:`~pellucid._core.Batch`.
        answers: class numbers int64 ``[N]``: what the network was trained on, or anything else about the
            inputs.
        sites: layers; ``None`` for all that call no other.
        held_out: bool ``[N]``, rows to test on; ``None`` draws 30 % of each class.
        width: numbers per row that a probe sees at most.
        untrained_copy: whether to read an untrained copy too.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        :class:`LinearProbes`.

    Raises:
        InputError: if lengths differ, there are not two classes, or fewer than 30 rows on a side.
        SiteError: if a layer does not exist or is not reached.

    Cost:
        One pass over the inputs, one more on the untrained copy, and two or three small fits per layer.
        Kept are ``width`` numbers per row and layer.

    Limits:
        A probe says what can be read off a layer, not what the network uses. Untrained layers of small
        networks often read as well as trained ones: the claim is the distance to the untrained line.
        Control answers of inputs that occur only once cannot be right except by chance.

    Source:
        Alain & Bengio 2017, Understanding intermediate layers using linear classifier probes, arXiv
        1610.01644; Hewitt & Liang 2019, Designing and interpreting probes with control tasks, arXiv
        1909.03368.

    Example:
        >>> net, x = nn.Sequential(nn.Identity(), nn.ReLU()), torch.randn(200, 2)
        >>> found = linear_probes(net, x, (x[:, 0] > 0).long())
        >>> found.sites, bool((found.accuracy[0] > 0.9))
        (('0', '1'), True)
    """
    how = compute or Compute(batch_size=256)
    y, train, test = divided(inputs, answers, held_out, how.seed)
    real, inputs = tokens_of(inputs, spec), along(inputs, spec)
    sizes, notes = chosen_sites(model, inputs, sites, how)
    names = list(sizes)
    twin = twin_of(model, inputs, how, notes) if untrained_copy else None
    passes = 1 if twin is None else 2
    named = sites is not None
    own = sketches(model, inputs, names, width, part_of(how, 0, passes), real, finite=named)
    names, left_out = [s for s in names if is_finite(own[s])], [s for s in names if not is_finite(own[s])]
    if left_out:
        notes.append(f"Left out, for it gives NaN or infinity: {', '.join(left_out)}.")
    beside = None if twin is None else sketches(twin, inputs, names, width, part_of(how, 1, passes), real)
    classes = int(y.max()) + 1
    hashed = control_answers(inputs, y[train], classes, how.seed)
    right = torch.stack([_right(own[site], y, classes, train, test)[1] for site in names])
    control = [_right(own[site], hashed, classes, train, test) for site in names]
    base = (
        torch.full_like(right, torch.nan)
        if beside is None
        else torch.stack([_right(beside[site], y, classes, train, test)[1] for site in names])
    )
    low, high = (
        torch.tensor([wilson(int(hits), right.shape[1])[end] for hits in right.sum(1)]) for end in (0, 1)
    )
    gain = right - base
    reach = Z95 * gain.std(1) / gain.shape[1] ** 0.5
    return LinearProbes(
        tuple(names),
        right.mean(1),
        low,
        high,
        torch.stack([test_right.mean() for _, test_right in control]),
        torch.stack([train_right.mean() for train_right, _ in control]),
        base.mean(1),
        gain.mean(1) - reach,
        gain.mean(1) + reach,
        float(y[test].bincount().max()) / int(test.sum()),
        len(y.unique()),
        width,
        int(train.sum()),
        int(test.sum()),
        " ".join(notes),
    )


def divided(
    inputs: Tensor | Batch, answers: Tensor, held_out: Tensor | None, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Answers numbered from 0, training rows and held-out rows."""
    count = count_of(inputs)
    refuse_answers(answers, count)
    present, y = answers.cpu().unique(return_inverse=True)
    if len(present) < 2:
        raise InputError(f"answers: expected at least two classes, got {len(present)}.")
    if held_out is None:
        test = split(y, classes=True, seed=seed, shares=(0.0, 0.3)) == 2
    elif held_out.dtype != torch.bool or held_out.shape != (count,):
        raise InputError(f"held_out: expected bool [{count}], got {held_out.dtype} {list(held_out.shape)}.")
    else:
        test = held_out.cpu()
    sides = (count - int(test.sum()), int(test.sum()))
    if min(sides) < FEWEST:
        raise InputError(
            f"A probe needs {FEWEST} rows to fit and as many to test, got {sides[0]} and {sides[1]}."
        )
    if len(y[~test].unique()) < 2:
        raise InputError("The rows to fit on hold one class only. Choose other held_out rows.")
    return y, ~test, test


def control_answers(inputs: Tensor | Batch, answers: Tensor, classes: int, seed: int) -> Tensor:
    """A class for each input, drawn by a hash of its content as often as among ``answers``: int64 ``[N]``.

    Equal inputs get equal classes.
    """
    parts = [inputs] if isinstance(inputs, Tensor) else [*inputs.varied.values(), *inputs.held.values()]
    rows = [part.detach().cpu().reshape(len(part), -1).view(torch.uint8) for part in parts]
    salt = seed.to_bytes(8, "little", signed=True)
    drawn: list[float] = []
    for i in range(len(rows[0])):
        digest = hashlib.blake2b(salt, digest_size=8)
        for part in rows:
            digest.update(part[i].numpy().tobytes())
        drawn.append(int.from_bytes(digest.digest(), "little") / 2**64)
    edges = answers.bincount(minlength=classes).double().cumsum(0) / len(answers)
    return torch.searchsorted(edges, torch.tensor(drawn, dtype=torch.float64), right=True).clamp_max(
        classes - 1
    )


def probe_selectivity(found: Tensor, inputs: Tensor | Batch, y: Tensor, test: Tensor, seed: int) -> float:
    """Held-out accuracy of a probe on rows ``[N, D]``, less that on the control task."""
    classes = int(y.max()) + 1
    hashed = control_answers(inputs, y[~test], classes, seed)
    return float(
        _right(found, y, classes, ~test, test)[1].mean()
        - _right(found, hashed, classes, ~test, test)[1].mean()
    )


def _right(found: Tensor, y: Tensor, classes: int, train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Which training and which held-out rows a probe answers rightly, as 0 and 1."""
    fit, held = standardised(found[train], found[test])
    weight, bias = fitted(fit, y[train], classes)
    return tuple(
        ((x @ weight + bias).argmax(1) == truth).double() for x, truth in ((fit, y[train]), (held, y[test]))
    )  # pyright: ignore[reportReturnType]
