"""Texts with a word that decides, unless it is negated."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Dataset, split
from pellucid.data._planted._planted import Planted, enough, interventions
from pellucid.inputs import TextSpec, WordTokenizer

WORDS = 24  # in a text
KEY, NOT = "broken", "not"
# words that say nothing, each as frequent as those that do
FILL = (
    "the", "a", "one", "this", "box", "parcel", "lid", "label", "tape", "driver",
    "van", "door", "table", "shelf", "order", "colour", "red", "blue", "came", "was",
    "left", "by", "with", "near", "monday", "morning", "again", "small", "heavy", "paper",
)  # fmt: skip


def negation(n: int = 3000, seed: int = 0) -> Planted:
    """Reports of 24 words: damaged where ``broken`` stands, unless ``not`` stands right before it.

    Half are damaged, a quarter says ``not broken``, a quarter neither; in half of all texts a ``not`` stands
    somewhere else and says nothing. Marked are the keyword, and with it the ``not`` right before it; where
    there is no keyword nothing is marked, because its absence decides.
    """
    enough(n)
    generator = torch.Generator().manual_seed(seed)
    tokenizer = WordTokenizer(("<pad>", "<unk>", KEY, NOT, *FILL))
    key, negator, first = 2, 3, 4
    filler = torch.randint(first, first + len(FILL), (n, WORDS), generator=generator)
    stray = torch.rand(n, generator=generator) < 0.5
    rows = torch.arange(n)
    at = torch.randint(WORDS, (n,), generator=generator)
    filler[rows[stray], at[stray]] = negator
    # what the two decisive places say: 0 and 1 the keyword alone, 2 it is negated, 3 nothing
    says = torch.randint(4, (n,), generator=generator)
    answers = (says < 2).long()
    plain = torch.randint(first, first + len(FILL), (n, 2), generator=generator)
    pair = plain.clone()
    pair[says < 3, 1] = key
    pair[says == 2, 0] = negator
    place = torch.randint(1, WORDS, (n,), generator=generator)

    def compose(background: Tensor, plant: Tensor) -> Tensor:
        made = background.clone()
        made[rows, place - 1], made[rows, place] = plant[:, 0], plant[:, 1]
        return made

    inputs = compose(filler, pair)
    relevant = torch.zeros(n, WORDS, dtype=torch.bool)
    relevant[rows, place] = says < 3
    relevant[rows, place - 1] = says == 2
    dataset = Dataset(
        "planted negation",
        inputs,
        answers,
        TextSpec(tokenizer, length=WORDS),
        ("fine", "damaged"),
        split(answers, classes=True, seed=seed),
        answer="state",
        notes=(f"Damaged where {KEY!r} stands, unless {NOT!r} stands right before it.",),
        source="generated",
        relevant=relevant,
    )
    return Planted(dataset, *interventions(compose, filler, pair, answers, generator), "word")
