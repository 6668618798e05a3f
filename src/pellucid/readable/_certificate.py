"""How far attention that gates the only path may be believed, measured on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from pellucid._core import InputSpec, brief
from pellucid._core._ranks import areas
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.networks import AttentionPatches, Gated

HONEST = 0.52  # swap AUC up to which we call attention honest


@dataclass(frozen=True, slots=True)
class AttentionCertificate:
    """How far attention weights may be believed, on rows that should be held out.

    Args:
        auc: of the network itself; for several classes the mean of each against the rest.
        swap_auc: of the network when each row keeps its attention and gets another row's values, mean over
            ``swaps`` draws; 0.5 means that the attention itself carries no answer. For several classes
            0.5 plus the mean distance from 0.5 of each class's own, so that they cannot cancel out.
        swap_low, swap_high: 2.5 % and 97.5 % of the draws.
        probe_auc: of a logistic regression that sees the attention alone, cross-validated; 0.5 where it
            carries no answer.
        agreement: Spearman correlation of attention between fits with other seeds, mean over pairs: of mean
            attention for columns, within each input for patches and words; ``None`` where there is one fit.
        sum_gap: largest difference between an answer and its parts' sum, in the answer's unit.
        unused: columns, places or words with weight 0 in every row.
        unused_change: largest change of any answer when all that has weight 0 is replaced: columns and
            pixels by other rows', words by other closed words; 0 means that weight 0 is "not used". Rows in
            which a closed patch opens at what it is given then are left out, for its weight is no longer 0.
        weights: mean attention of each column, place or word, the largest first.
        n: rows looked at.
        swaps: draws.
        part: what is weighed: ``"column"``, ``"patch"`` or ``"word"``.
        worst: the class whose swap AUC is farthest from 0.5, and that; ``None`` for two classes.
        replaced: rows in which something has weight 0, so that it was replaced.
        reopened: share of them in which a closed part opened at what it was given instead.
    """

    auc: float
    swap_auc: float
    swap_low: float
    swap_high: float
    probe_auc: float
    agreement: float | None
    sum_gap: float
    unused: tuple[str, ...]
    unused_change: float
    weights: tuple[tuple[str, float], ...]
    n: int
    swaps: int
    part: str = "column"
    worst: tuple[str, float] | None = None
    replaced: int = 0
    reopened: float = 0.0

    __repr__ = brief

    @property
    def honest(self) -> bool:
        """Whether the attention carries no answer of its own: swap AUC at most 0.52 (and at least 0.48)."""
        return abs(self.swap_auc - 0.5) <= HONEST - 0.5

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


@torch.no_grad()
def certify(
    network: Gated,
    x: Tensor,
    answers: Tensor,
    names: Sequence[str],
    *,
    classes: Sequence[str] = (),
    others: Sequence[NDArray[np.float64]] = (),
    swaps: int = 50,
    seed: int = 0,
) -> AttentionCertificate:
    """The certificate of an attention network on encoded rows.

    Args:
        network: the network, in evaluation mode.
        x, answers: rows and their classes; all classes must be among them.
        names: of the columns or places, or of all tokens.
        classes: names of the classes.
        others: attention of other fits on the same rows.
        swaps, seed: draws of other rows, and what decides them.

    Raises:
        InputError: if it predicts a number, or a class is not among the rows.

    Cost:
        ``swaps`` + 3 passes.
    """
    right = answers.numpy()
    if network.answers is not None or len(np.unique(right)) != network.outputs or network.outputs < 2:
        raise InputError("The certificate is about classes, and all must be among the held-out rows.")
    chance = torch.Generator().manual_seed(seed)
    attention, values = network.weighed(x)
    drawn: list[NDArray[np.float64]] = []
    for _ in range(swaps):
        moved = _moved(len(x), chance)
        drawn.append(_aucs(network.gated(attention, network.laid(values, x, moved)), right))
    each = np.stack(drawn)
    means = each.mean(0)
    several = network.outputs > 2
    away = 0.5 + np.abs(means - 0.5)
    plain = network(x)
    gap = float((network.answer(network.constant + network.contributions(x).sum(1)) - plain).abs().max())
    change, replaced, reopened = _intervened(network, x, attention, chance)
    mean = _mean_weights(network, x, attention, len(names))
    order = [k for k in np.argsort(-mean) if network.part != "word" or mean[k] > 0]
    furthest = int(away.argmax())
    named = str(classes[furthest]) if classes else str(furthest)
    return AttentionCertificate(
        float(_aucs(plain, right).mean()),
        float(away.mean()) if several else float(means[0]),
        float(np.quantile(each.mean(1), 0.025)),
        float(np.quantile(each.mean(1), 0.975)),
        _probe(attention.double().numpy(), right),
        _agreement(network, [attention.double().numpy(), *others]),
        gap,
        _unused(network, x, mean, names),
        change,
        tuple((str(names[int(k)]), float(mean[k])) for k in order),
        len(x),
        swaps,
        network.part,
        (named, float(means[furthest])) if several else None,
        replaced,
        reopened,
    )


def part_names(network: Gated, spec: InputSpec) -> list[str]:
    """Names of the columns, of the places by the pixels they read, or of all tokens.

    Raises:
        InputError: where the spec is not that of an attention network.
    """
    if isinstance(network, AttentionPatches):
        return network.named()
    if isinstance(spec, TextSpec):
        count = int(network.architecture.params["vocabulary"])  # pyright: ignore[reportArgumentType]
        return [row[0] for row in spec.tokens(torch.arange(count)[:, None])]
    if isinstance(spec, TabularSpec):
        return [column.name for column in spec.columns]
    raise InputError("The spec does not fit this attention network.")


def _intervened(
    network: Gated, x: Tensor, attention: Tensor, chance: torch.Generator
) -> tuple[float, int, float]:
    """All that has weight 0 replaced: the largest change, in how many rows, and where a gate opened."""
    unread = network.unread(x, attention)
    touched = unread.flatten(1).any(1)
    if not bool(touched.any()):
        return 0.0, 0, 0.0
    other = torch.where(unread, network.stand_in(x, _moved(len(x), chance), chance), x)
    again = ((network.attention(other) > 0) & (attention == 0)).any(1)
    change = (network(other) - network(x)).abs().amax(1)[~again]
    return (
        float(change.max()) if len(change) else 0.0,
        int(touched.sum()),
        float(again[touched].double().mean()),
    )


def _mean_weights(network: Gated, x: Tensor, attention: Tensor, count: int) -> NDArray[np.float64]:
    if network.part != "word":
        return attention.mean(0).double().numpy()
    total = torch.zeros(count, dtype=torch.float64)
    return (total.index_add_(0, x.flatten(), attention.flatten().double()) / len(x)).numpy()


def _unused(network: Gated, x: Tensor, mean: NDArray[np.float64], names: Sequence[str]) -> tuple[str, ...]:
    gone = mean == 0
    if network.part == "word":  # words of these texts, not of the whole vocabulary
        there = np.zeros(len(mean), dtype=bool)
        there[np.unique(x.numpy())] = True
        there[0] = False
        gone &= there
    return tuple(str(names[k]) for k in gone.nonzero()[0].tolist())


def _aucs(outputs: Tensor, right: NDArray[np.int64]) -> NDArray[np.float64]:
    """AUC of the second of two classes, or of each against the rest by its log-odds."""
    exact, of_class = outputs.double(), torch.from_numpy(right)
    if outputs.shape[1] == 2:
        return areas((exact[:, 1] - exact[:, 0])[None], (of_class == 1)[None]).numpy()
    odds = [
        exact[:, c] - torch.cat([exact[:, :c], exact[:, c + 1 :]], 1).logsumexp(1)
        for c in range(exact.shape[1])
    ]
    return areas(torch.stack(odds), torch.stack([of_class == c for c in range(len(odds))])).numpy()


def _moved(n: int, chance: torch.Generator) -> Tensor:
    """Another row for each row: a cycle through a random order."""
    order = torch.randperm(n, generator=chance)
    moved = torch.empty_like(order)
    moved[order] = order.roll(1)
    return moved


def _probe(attention: NDArray[np.float64], right: NDArray[np.int64]) -> float:
    """AUC of the attention alone. Constant attention is 0.5 by definition, not by luck."""
    folds = min(5, int(np.bincount(right).min()))
    if np.ptp(attention, axis=0).max() < 1e-9 or folds < 2:
        return 0.5
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    cut = StratifiedKFold(folds, shuffle=True, random_state=0)
    told = cross_val_predict(probe, attention, right, cv=cut, method="predict_log_proba")
    return float(_aucs(torch.from_numpy(np.asarray(told)).clamp_min(-700), right).mean())


def _agreement(network: Gated, fits: Sequence[NDArray[np.float64]]) -> float | None:
    """Mean rank correlation; parts without weight share a rank."""
    if len(fits) < 2:
        return None
    fits = [each.mean(0, keepdims=True) for each in fits] if network.part == "column" else list(fits)
    found: list[float] = []
    for i, one in enumerate(fits):
        for other in fits[i + 1 :]:
            for a, b in zip(one, other, strict=True):
                ranks = rankdata(a), rankdata(b)
                if np.ptp(ranks[0]) > 0 and np.ptp(ranks[1]) > 0:
                    found.append(float(np.corrcoef(*ranks)[0, 1]))
    return float(np.mean(found)) if found else None
