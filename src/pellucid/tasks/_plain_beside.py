"""Whether a plain network does clearly better than one that is readable by design."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

from pellucid import training
from pellucid._core import PARTS, Json, Subject, predict
from pellucid.inputs import TabularSpec
from pellucid.networks import Additive, AttentionGate, Readable, default_network
from pellucid.tasks._challengers import against, allowed
from pellucid.tasks._compared import Difference
from pellucid.tasks._rows import sample

ROWS, EPOCHS, PATIENCE = 5_000, 60, 10


@dataclass(frozen=True, slots=True)
class PlainBeside:
    """A plain network beside a readable one, on the same held-out rows.

    Args:
        score: AUC for two classes, else accuracy, or mean absolute error: ``a`` the readable network's, ``b``
            the plain one's, with the 95 % interval of their difference.
        clear: whether the plain one is clearly better: by 0.02 (numbers: 5 % of the error), with all of the
            interval on its side.
        worse: whether it is clearly worse, by the same measure.
        learned: rows that the plain one learned from.
        why: what the readable network cannot hold, in words; empty where that is not known.
    """

    score: Difference
    clear: bool
    worse: bool
    learned: int
    why: str

    @property
    def sentence(self) -> str:
        """What a reader should know, plainly."""
        one = self.score
        apart, low, high = (f"{value:+.2g}".replace("-", "−") for value in (one.value, one.low, one.high))
        numbers = (
            f"{one.name} {one.b:.3g} against {one.a:.3g}, difference {apart} [{low}, {high}] on "
            f"{one.n:,} held-out rows"
        )
        if self.worse:
            return f"A plain network does clearly worse ({numbers})."
        if not self.clear:
            return f"A plain network is not clearly better ({numbers})."
        return f"A plain network does clearly better ({numbers}). {self.why}".rstrip()

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        one = self.score
        return {
            "metric": one.name,
            "readable": one.a,
            "plain": one.b,
            "difference": one.value,
            "low": one.low,
            "high": one.high,
            "clear": self.clear,
            "worse": self.worse,
            "learned": self.learned,
            "sentence": self.sentence,
        }


def plain_beside(subject: Subject, *, seed: int = 0) -> PlainBeside | None:
    """A plain network trained on the same rows, beside a readable one of a table.

    Args:
        subject: a network with data.
        seed: of the plain network.

    Returns:
        :class:`PlainBeside`; ``None`` where the network is not readable by design, the data are no table, or
        there are no test rows of each class.

    Cost:
        A training of at most 60 epochs on at most 5,000 rows: seconds.

    Limits:
        Of this split and these few epochs. Not clearly better is no proof that it is as good.

    Source:
        DeLong et al. 1988 (AUC, paired); Agresti and Min 2005 (accuracy, paired).

    Example:
        >>> import pellucid
        >>> plain_beside(pellucid.train("breast-cancer", epochs=1)) is None
        True
    """
    data = subject.data
    if data is None or not isinstance(subject.model, Readable) or not isinstance(data.spec, TabularSpec):
        return None
    held = data.part("test")
    train, others = ((data.parts == PARTS.index(part)).nonzero()[:, 0] for part in ("train", "validation"))
    least = 2 if data.classes else 1
    if min(len(held.answers.unique()), len(data.answers[train].unique())) < least or len(train) < 2:
        return None
    drawn = train[sample(len(train), ROWS, seed=seed)]
    rows = data.rows(torch.cat([drawn, others]))
    # a plain network keeps no directions, and here need not
    free = tuple(dataclasses.replace(column, monotone=0) for column in data.spec.columns)
    rows = dataclasses.replace(rows, spec=dataclasses.replace(data.spec, columns=free))
    plain = default_network(rows, seed=seed)
    training.collect(
        training.train(plain, rows, epochs=EPOCHS, patience=PATIENCE, seed=seed, instruments=False)
    )
    own = predict(subject.model, held.inputs, spec=subject.spec).cpu()
    given = predict(plain.eval(), held.inputs, spec=subject.spec).cpu()
    shares = given.double().softmax(1) if data.classes else given.double()
    score, auc = against(own, shares, held, seed)
    one, better = auc or score, -1 if score.name == "mean absolute error" else 1
    gains = sorted((better * one.low, better * one.high))
    clear = gains[0] > 0 and better * one.value >= allowed(score)
    worse = gains[1] < 0 and -better * one.value >= allowed(score)
    return PlainBeside(one, clear, worse, len(drawn), _why(subject.model))


def pairs_found(subject: Subject) -> str:
    """Which pairs of columns an additive network joined, in a sentence; empty for any other."""
    network, spec = subject.model, subject.spec
    if not isinstance(network, Additive) or not isinstance(spec, TabularSpec):
        return ""
    if network.plan.width > 1:
        return "Pairs of columns are looked for with two classes or a number, not with more classes."
    if not network.plan.most_pairs:
        return "Pairs of columns were not looked for."
    names = [" × ".join(spec.columns[k].name for k in pair) for pair in network.plan.pairs]
    if not names:
        return "No pair of columns was found that says more than its columns do one by one."
    return f"Pairs of columns that say more than one by one: {', '.join(names)}."


def _why(network: Readable) -> str:
    if isinstance(network, Additive):
        found = "the pairs it found" if network.plan.pairs else "single columns; it found no pair"
        return f"Columns count together in a way that this network does not hold: it adds up {found}."
    if isinstance(network, AttentionGate):
        return (
            "Attention adds up what single columns say, so it cannot see columns that only count together; "
            "--network additive also joins pairs, --network rules several columns."
        )
    return ""
