"""Activation maximization over texts: which real tokens each unit of a layer would most like to read."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid._core import Compute, predict
from pellucid._core._feed import feed
from pellucid._core._strongest import chosen_units
from pellucid.errors import InputError, MethodError
from pellucid.features._control import no_control
from pellucid.features._objectives import Unit, named_at
from pellucid.features._pictures import FeaturePictures
from pellucid.features._recipe import Meter
from pellucid.features._stretches import Stretches
from pellucid.features._text_nearness import TextNearness
from pellucid.features._token_recipe import TextRecipe, control, follow, reader_of
from pellucid.features._token_search import Reader
from pellucid.features._transfer import refuse_twin
from pellucid.features._trust import beside as measures_beside
from pellucid.features._words import control_bar, words
from pellucid.inputs import TextSpec


def token_maximization(
    model: nn.Module,
    site: str,
    *,
    spec: TextSpec,
    data: Tensor,
    units: Sequence[int] | Tensor | None = None,
    length: int | None = None,
    steps: int = 64,
    seeds: int = 2,
    candidates: int = 32,
    untrained_control: bool = True,
    twin: nn.Module | None = None,
    compute: Compute | None = None,
) -> FeaturePictures:
    """Short texts of real tokens that move each unit of a layer most.

    ``max_t a_u(t)`` over texts t of L tokens, ``a_u`` the largest value of unit u over its positions. It
    starts from stretches of real texts. In each step the gradient ``g_i`` in the vector of the token at each
    place i orders exchanges by what they promise, ``g_i · (e(w) − e(t_i))``; the first of every place,
    ``candidates`` in all, are read by the network and the best one is kept if it is better. A text that
    gained nothing from four portions of candidates stops. Special tokens stay where a text has them.

    Distance is (1 + tokens to exchange for the nearest real stretch of that length, order aside) ÷ (1 + the
    same between a real stretch and its nearest neighbour, in the median); agreement is the share of tokens
    that two starts have in common. A made text is held within the distance that 95 % of the real stretches
    keep. Control and words are those of :func:`~pellucid.features.activation_maximization`; in the two-choice
    test, over real stretches of that length, likeness is the share of tokens in common, order aside.

    Args:
        model: a network that looks token numbers up in one table; it comes back as it was.
        site: the layer; the output layer for texts of a class.
        spec: what token numbers mean.
        data: real texts, token numbers int ``[N, T]``.
        units: which units; ``None`` for all.
        length: tokens of a made text; left out, the median of the real ones, at most 16. Where a unit sees
            fewer tokens at a time, as many as it sees.
        steps: most exchanges.
        seeds: starts per unit.
        candidates: exchanges tried in each step, at least one for each place.
        untrained_control: whether to run the same recipe on untrained twins.
        twin: a network of the same architecture that learned the same from another start, to which made
            texts are shown too; a hidden unit is paired with the one of the same layer whose values over real
            stretches go with its own.
        compute: how to run.

    Returns:
        :class:`FeaturePictures` whose ``pictures`` and ``real`` are token numbers ``[U, S, T]``.

    Raises:
        SiteError: if the layer does not exist or the pass does not reach it.
        TargetError: if a unit does not exist.
        InputError: if the texts or the twin do not fit, or the network looks texts up in no table or in
            several.
        MethodError: if the layer is not differentiable, or the network cannot be copied for the control.

    Cost:
        One pass over the data; at most units × seeds × steps × (``candidates`` + 1) short texts forward and
        units × seeds × steps backward, each ended at the layer; then up to 500 stretches and
        units × (``seeds`` + 8) texts forward for the measures of trust. Before, 8 texts back from each of at
        most 32 units show how many tokens they see. The control makes at least 20 texts, and takes the pass
        over the data and the 500 stretches again for each of its untrained twins: four, or up to 20 where the
        layer has few units.

    Limits:
        Real tokens need not make a real sentence: the made texts are lists of words. A greedy search ends in
        a local maximum; two starts say how local. Tokens that the network saw seldom have vectors that hardly
        learned anything and can move a unit by chance, so rare words in a made text mean little.

    Source:
        Ebrahimi et al. 2018, HotFlip, arXiv 1712.06751 (one exchange by its gradient); Zou et al. 2023,
        arXiv 2307.15043 (several candidates, read by the network).

    Example:
        >>> from pellucid.inputs import WordTokenizer
        >>> from pellucid.networks import text_cnn
        >>> some = ["a fine film", "a dull film", "one fine day", "dull days"] * 3
        >>> spec = TextSpec(WordTokenizer.learn(some, least=1))
        >>> net = text_cnn(spec.size, 2, channels=4)
        >>> made = token_maximization(net, "conv1", spec=spec, data=spec.encode(some), units=[2])
        >>> made.pictures.shape
        torch.Size([1, 2, 1])
    """
    began = time.perf_counter()
    how = compute or Compute()
    _refuse(spec, data, steps, seeds, candidates)
    if twin is not None:
        refuse_twin(model, twin)
    texts = feed(model, data, spec=spec, compute=how).packed
    stretches = Stretches.of(texts, spec, length, how.seed)
    reader = reader_of(model, site, spec, texts, how)
    stretches, total = fitted(reader, stretches, texts.shape[1])
    picked = chosen_units(units, total, site)
    nearness = TextNearness.of(stretches)
    recipe = TextRecipe(
        site, spec, texts, picked, stretches, nearness, steps, seeds, candidates, how, total, twin
    )
    controlled = recipe.control_work if untrained_control else 0
    meter = Meter(how, recipe.work(len(picked)) + controlled)
    own = follow(model, recipe, meter)
    beside = control(model, recipe, meter) if untrained_control else no_control(own)
    trust = measures_beside(own.trust, beside)
    steady, bar = own.steadiness, control_bar(beside.steadiness)
    said = words(own.started, own.ratio, own.distance, own.agreement, nearness.far, steady, bar, trust)
    note = f"{len(picked)} of {total} units."
    if not untrained_control:
        note += " There is no untrained control to compare with, so no text is called supported."
    return FeaturePictures(
        site=site,
        units=picked,
        pictures=own.texts,
        reached=own.reached,
        largest=own.best.values[:, 0],
        ratio=own.ratio,
        distance=own.distance,
        agreement=own.agreement,
        untrained_ratio=beside.ratio,
        untrained_distance=beside.distance,
        untrained_agreement=beside.agreement,
        started=own.started,
        words=said,
        real=texts[own.best.rows.to(texts.device)].cpu(),
        rows=own.best.rows,
        steps=own.steps,
        spec=spec,
        total=total,
        n=own.best.n,
        seconds=time.perf_counter() - began,
        params=recipe.params(),
        note=note,
        labels=tuple(named_at(Unit(unit), site) for unit in picked.tolist()),
        trust=trust,
        steadiness=steady,
        steadiness_bar=bar,
    )


def _refuse(spec: TextSpec, data: Tensor, steps: int, seeds: int, candidates: int) -> None:
    if not isinstance(spec, TextSpec):
        raise InputError(
            f"spec: expected a TextSpec that says what tokens mean, got {type(spec).__name__}. "
            "For inputs of floating numbers use activation_maximization."
        )
    if not isinstance(data, Tensor) or data.ndim != 2:
        raise InputError("data: expected token numbers [N, T], such as spec.encode(texts).")
    if min(steps, seeds, candidates) < 1:
        raise InputError(
            f"steps, seeds and candidates must be at least 1, got {steps}, {seeds} and {candidates}."
        )


def fitted(reader: Reader, stretches: Stretches, width: int) -> tuple[Stretches, int]:
    """Padded where the network is not indifferent to padding, else as short as units see; and all units."""
    few = stretches.free[:8]
    if not _indifferent(reader, stretches.whole(few), stretches.padded(width).whole(few)):
        stretches = stretches.padded(width)
    values, seen = reader.look(stretches.whole(few))
    span = int(stretches.inside(seen).sum(1).median())  # ties would show more
    return stretches.cut(span) if 0 < span < stretches.length else stretches, values.shape[1]


def _indifferent(reader: Reader, short: Tensor, padded: Tensor) -> bool:
    """Whether padding behind a text leaves the network's answer as it is."""
    try:
        answers = [predict(reader.model, x, spec=reader.spec, compute=reader.how) for x in (short, padded)]
    except MethodError:
        return False
    return answers[0].shape == answers[1].shape and torch.allclose(*answers, rtol=1e-3, atol=1e-4)
