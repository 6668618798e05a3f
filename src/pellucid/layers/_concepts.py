"""Whether a concept that people name matters to a target, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Question, TargetLike, activations, brief, holm
from pellucid._core._units import unit_axis
from pellucid.errors import InputError, SiteError
from pellucid.layers._permuted import Measured, measured
from pellucid.layers._reach import along, count_of, flat, refuse_sets, rows_of, tokens_of, twin_of

FEWEST = 30


@dataclass(frozen=True, slots=True, eq=False)
class Concepts:
    """What each concept does to the target at each layer; all tensors are ``[C, S]`` unless said otherwise.

    Args:
        concepts: names.
        sites: layers.
        target: what is explained, in words.
        score: TCAV score, the share of inputs whose target rises towards the concept, 0 to 1.
        score_low, score_high: what the score of a random concept lies between in 95 % of the draws. It is
            often all of 0 to 1: gradients of one class are much alike, so any direction may suit most.
        effect: change of the target, to first order, when the activation moves by the difference between
            the mean concept input and the mean random input; in units of the target.
        low, high: its 95 % interval.
        z: effect ÷ sd of the effects of random concepts.
        p: two-sided, that a random concept has an effect as large.
        p_holm: the same, corrected for all concepts and layers.
        accuracy: how well held-out concept inputs are told from random ones along the direction, balanced.
        accuracy_null: what random concepts stay below in 95 % of the draws.
        untrained_score, untrained_z: the same on an untrained copy; ``NaN`` where none was run.
        words: ``[C][S]``: ``"supported"``, ``"weak"`` (the direction does not tell the concept on new
            inputs), ``"not better than an untrained network"`` or ``"not supported"``.
        n_concept: inputs of each concept, ``[C]``.
        n_random, n_inputs: random inputs, and inputs whose target was asked for.
        draws: random concepts.
        note: what was left out.
    """

    concepts: tuple[str, ...]
    sites: tuple[str, ...]
    target: str
    score: Tensor
    score_low: Tensor
    score_high: Tensor
    effect: Tensor
    low: Tensor
    high: Tensor
    z: Tensor
    p: Tensor
    p_holm: Tensor
    accuracy: Tensor
    accuracy_null: Tensor
    untrained_score: Tensor
    untrained_z: Tensor
    words: tuple[tuple[str, ...], ...]
    n_concept: Tensor
    n_random: int
    n_inputs: int
    draws: int
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def concepts(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    sets: Mapping[str, Tensor | Batch],
    sites: Sequence[str],
    *,
    random: Tensor | Batch,
    draws: int = 1000,
    most: int = 200,
    untrained_copy: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Concepts:
    """Testing with concept activation vectors: whether the target depends on a concept, at each layer.

    The concept's direction is the difference of two means, ``v = mean a(concept) − mean a(random)``, of the
    flattened activations (of texts: of their means over tokens, and the slope is that of a change at every
    token). With ``g_i`` the slope of the target at the layer for input i::

        score = share of i with g_i · v > 0        effect = mean of g_i · v

    A random concept keeps the two groups' sizes and draws their members at random from both together, so
    the test is exact: where the concept inputs are nothing but random inputs, p is below 0.05 in at most 5 %
    of the cases. The test is of the effect, since the score of a random concept is often 0 or 1.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``, such as the inputs of the class that is asked about.
        target: what is explained, such as a class number.
        sets: inputs that show a concept, by its name.
        sites: layers.
        random: inputs without regard to any concept; the more like the concept inputs in everything else,
            the more the result says about the concept.
        draws: random concepts.
        most: inputs used of each set, at random; more add little and cost memory.
        untrained_copy: whether to test the same on an untrained copy.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        :class:`Concepts`.

    Raises:
        InputError: if a side has fewer than 30 inputs.
        SiteError: if a layer does not exist or is not reached.

    Cost:
        For each layer two passes over ``inputs``, one of them forward and back, and one over the sets and
        ``random``; twice with the untrained copy. Kept are the activations of one layer at a time.

    Limits:
        A concept is what its inputs have in common that the random ones lack: the background too. The
        effect is a slope, not an intervention. Where concept and target are confounded in the data, the
        test cannot part them.

    Source:
        Kim et al. 2018, Interpretability beyond feature attribution: TCAV, arXiv 1711.11279; Schmalwasser et
        al. 2025, FastCAV, arXiv 2505.17883 (differences of means).

    Example:
        >>> net, x = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)), torch.randn(200, 2)
        >>> shown = {"first is large": x[:50] + torch.tensor([2.0, 0.0])}
        >>> found = concepts(net, x[50:90], 0, shown, ["1"], random=x[100:], draws=99)
        >>> found.score.shape, len(found.words)
        (torch.Size([1, 1]), 1)
    """
    how = compute or Compute(batch_size=128)
    _refuse(sets, sites, random, draws, most)
    notes: list[str] = []
    asked = some_of(inputs, most, how.seed)
    shown = {name: some_of(rows, most, how.seed + 1) for name, rows in sets.items()}
    beside = some_of(random, most, how.seed + 2)
    twin = twin_of(model, along(inputs, spec), how, notes) if untrained_copy else None
    own: list[list[Measured]] = []
    control: list[list[Measured]] = []
    label = ""
    for site in dict.fromkeys(sites):
        question = Question(model, asked, target, at=site, spec=spec, compute=how)
        label = question.target.label
        own.append(_at(question, asked, shown, beside, site, draws))
        if twin is not None:
            # the trained network's settled target, so that both are asked about the same classes
            held = Question(twin, asked, question.target, at=site, spec=spec, compute=how)
            control.append(_at(held, asked, shown, beside, site, draws))
    parts, untrained = _tables(own, len(shown)), _tables(control, len(shown))
    p_holm = holm(parts["p"].flatten()).reshape(parts["p"].shape)
    return Concepts(
        tuple(shown),
        tuple(dict.fromkeys(sites)),
        label,
        parts["score"],
        parts["score_low"],
        parts["score_high"],
        parts["effect"],
        parts["low"],
        parts["high"],
        parts["z"],
        parts["p"],
        p_holm,
        parts["accuracy"],
        parts["accuracy_null"],
        untrained["score"].expand_as(p_holm).contiguous(),
        untrained["z"].expand_as(p_holm).contiguous(),
        _words(parts, p_holm, untrained["z"]),
        torch.tensor([count_of(rows) for rows in shown.values()]),
        count_of(beside),
        count_of(asked),
        draws,
        " ".join(notes),
    )


def _refuse(
    sets: Mapping[str, Tensor | Batch], sites: Sequence[str], random: Tensor | Batch, draws: int, most: int
) -> None:
    if isinstance(sites, str) or not sites:
        raise SiteError(f"sites: expected layer names, such as ['conv1', 'fc'], got {sites!r}.")
    refuse_sets(sets)
    if draws < 19 or most < FEWEST:
        raise InputError(f"Expected at least 19 draws and most={FEWEST}, got draws={draws} and most={most}.")
    for name, rows in {**sets, "random": random}.items():
        if count_of(rows) < FEWEST:
            raise InputError(
                f"{name}: expected at least {FEWEST} inputs, got {count_of(rows)}; "
                "with fewer a direction is mostly noise."
            )


def some_of(rows: Tensor | Batch, most: int, seed: int) -> Tensor | Batch:
    """At most so many of some inputs, drawn at random."""
    count = count_of(rows)
    if count <= most:
        return rows
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return rows_of(rows, order[:most].sort().values)


def _at(
    question: Question,
    asked: Tensor | Batch,
    sets: Mapping[str, Tensor | Batch],
    random: Tensor | Batch,
    site: str,
    draws: int,
) -> list[Measured]:
    real = tokens_of(asked, question.spec)
    slopes = _summed(question.model, question.gradient(), real, site).float().cpu()
    seed = question.compute.seed
    plain = _flat(question, random, site)
    found: list[Measured] = []
    for rows in sets.values():
        shown = _flat(question, rows, site)
        centre = plain.mean(0)
        found.append(measured(slopes, shown - centre, plain - centre, draws, seed))
    return found


def _flat(question: Question, rows: Tensor | Batch, site: str) -> Tensor:
    model, spec, real = question.model, question.spec, tokens_of(rows, question.spec)
    parts = [
        flat(model, seen[site].detach(), None if real is None else real[some], site).float().cpu()
        for some, seen in activations(model, rows, [site], stop=site, spec=spec, compute=question.compute)
    ]
    return torch.cat(parts)


def _summed(model: nn.Module, slopes: Tensor, real: Tensor | None, site: str) -> Tensor:
    """Slopes by a change that is the same at every token of a text, as its direction is; else all of them."""
    if real is None or slopes.ndim != 3:
        return slopes.flatten(1)
    steps = slopes.movedim(unit_axis(model, slopes, site), 2)
    return (steps * real.to(slopes)[:, :, None] if steps.shape[1] == real.shape[1] else steps).sum(1)


def _tables(found: list[list[Measured]], count: int) -> dict[str, Tensor]:
    """Each number as ``[C, S]``; of nothing an empty table of ``NaN`` for each concept."""
    names = [field.name for field in fields(Measured)]
    if not found:
        return dict.fromkeys(names, torch.full((count, 1), torch.nan, dtype=torch.float64))
    return {
        name: torch.tensor([[getattr(m, name) for m in at] for at in found]).double().T.contiguous()
        for name in names
    }


def _words(parts: Mapping[str, Tensor], p: Tensor, untrained_z: Tensor) -> tuple[tuple[str, ...], ...]:
    tells = (parts["accuracy"] > parts["accuracy_null"]).tolist()
    values = (p.tolist(), parts["z"].tolist(), untrained_z.expand_as(p).tolist(), tells)
    return tuple(
        tuple(_word(*of, tells=told) for *of, told in zip(*line, strict=True))
        for line in zip(*values, strict=True)
    )


def _word(p: float, z: float, untrained_z: float, *, tells: bool) -> str:
    if not p < 0.05:
        return "not supported"
    if abs(untrained_z) >= abs(z):
        return "not better than an untrained network"
    return "supported" if tells else "weak"
