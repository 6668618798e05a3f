"""Texts: single words that turn an answer where they are put in, and how many words there are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import percent
from pellucid.evidence._shortcuts._contest import Outcome, Pairs, Rows, Suspect
from pellucid.evidence._shortcuts._pictures import IDLE, whole
from pellucid.inputs import TextSpec

BARS = (0.5, 0.75)  # one word against a whole text of another answer
WORDS = 12  # that are tested
FEW = 8  # rows of those looked at that hold a word, below which it is not tested


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A word, with the rows that hold it and the answer most of them get.

    Args:
        number: of the token.
        word: as people read it.
        rows: bool, whose texts hold it.
        answer: that the network gives it most.
    """

    number: int
    word: str
    rows: Tensor
    answer: int


def length_suspects(rows: Rows, spec: TextSpec) -> list[Suspect]:
    """How long a text is: the words of one, cut off or said again, on as many places as another has."""
    x, held = rows.x, spec.held(rows.x)
    counts = (~held).sum(1)
    if len(counts.unique()) < 2 or int(counts.min()) < 1:
        return []
    order = torch.argsort(held.to(torch.int8), dim=1, stable=True)

    def mix(rest: Tensor, donor: Tensor) -> Tensor:
        place = (~held[donor]).cumsum(1) - 1
        turn = place.clamp(min=0) % counts[rest][:, None]
        return torch.where(held[donor], x[donor], x[rest].gather(1, order[rest].gather(1, turn)))

    return [whole("length", "how many words there are", mix, IDLE)]


def word_suspects(rows: Rows, spec: TextSpec) -> list[Carried]:
    """Words that say most about the network's answer: those with the highest mutual information."""
    x, given = rows.x, rows.given
    held = spec.held(x)
    used = x[~held & (x != (-1 if spec.unk is None else spec.unk))].unique()
    told: list[tuple[float, Carried]] = []
    for number in used.tolist():
        has = (x == number).any(1).cpu()
        if min(int(has.sum()), int((~has).sum())) < FEW:
            continue
        counts = given[has].bincount(minlength=int(given.max()) + 1)
        rest = given[~has].bincount(minlength=len(counts))
        # the answer that the word makes more frequent than it is elsewhere
        gain = counts / counts.sum() - rest / rest.sum()
        word = spec.tokens(torch.tensor([[number]], device=x.device))[0][0]
        told.append((_information(counts, rest), Carried(number, word, has, int(gain.argmax()))))
    told.sort(key=lambda pair: -pair[0])
    return [word for _, word in told[:WORDS]]


def _information(first: Tensor, second: Tensor) -> float:
    """Mutual information of two rows of a table of counts with its columns, in nats."""
    table = torch.stack([first, second]).double()
    share = table / table.sum()
    free = share.sum(1, keepdim=True) * share.sum(0, keepdim=True)
    return float(torch.where(share > 0, share * (share / free).log(), 0.0).sum())


def word_outcome(rows: Rows, spec: TextSpec, one: Carried, count: int, seed: int) -> Outcome | None:
    """Put the word into texts of other answers, and take it out of its own; ``None`` where too few can be.

    The control puts in words of the same texts, drawn at random, at the same places.
    """
    x = rows.x
    generator = torch.Generator().manual_seed(seed * 1_000_003 + one.number)
    able = (~spec.held(x)).cpu()
    others = ((rows.given != one.answer) & ~one.rows & able.any(1)).nonzero().flatten()
    mine = (one.rows & (rows.given == one.answer)).nonzero().flatten()
    if len(others) < 2 or not len(mine):
        return None
    others = others[torch.randperm(len(others), generator=generator)[:count]]
    donors = mine[torch.randint(len(mine), (len(others),), generator=generator)]
    place = _places(able[others], generator).to(x.device)
    told = torch.full((len(others),), one.number, device=x.device, dtype=x.dtype)
    # words of the donor's other places: as much of the same text, without the word
    spare = x[donors.to(x.device), _places((able & (x != one.number).cpu())[donors], generator).to(x.device)]
    holding = one.rows.nonzero().flatten()
    gone = torch.where(x[holding] == one.number, spec.absent(x[holding]), x[holding])
    clear = torch.zeros_like(x[holding], dtype=torch.bool)
    clear.scatter_(
        1, _places((able & (x != one.number).cpu())[holding], generator).to(x.device)[:, None], value=True
    )
    other = torch.where(clear, spec.absent(x[holding]), x[holding])
    only = torch.where(
        (x[holding] == one.number) | spec.held(x[holding]), x[holding], spec.absent(x[holding])
    )
    put = x[others].clone()
    return Outcome(
        _suspect(rows, spec, one),
        Pairs(others, donors, others),
        rows.answers(put.scatter(1, place[:, None], told[:, None])) == one.answer,
        rows.answers(put.scatter(1, place[:, None], spare[:, None])) == one.answer,
        rows.answers(gone) == rows.truth[holding],
        rows.answers(other) == rows.truth[holding],
        rows.answers(only) == rows.given[holding],
    )


def _suspect(rows: Rows, spec: TextSpec, one: Carried) -> Suspect:
    share = int(one.rows.sum()) / max(1, len(one.rows))
    return Suspect(
        "word",
        f"the word “{one.word}”",
        f"in {percent(share, 0)} of the texts; among the words that tell most about the answer",
        lambda rest, _: torch.where(_middle(rows.x[rest], spec), one.number, rows.x[rest]),
        None,
        "another word of the same text at the same place",
        BARS,
        marked=lambda rest, _: _middle(rows.x[rest], spec),
    )


def _middle(x: Tensor, spec: TextSpec) -> Tensor:
    """The word in the middle of each text: bool like ``x``."""
    able = ~spec.held(x)
    place = (able.cumsum(1) > (able.sum(1) // 2)[:, None]).int().argmax(1)
    return torch.zeros_like(x, dtype=torch.bool).scatter(1, place[:, None], value=True)


def _places(able: Tensor, generator: torch.Generator) -> Tensor:
    """A place of each row, drawn among those that can be; the first where none can."""
    lots = torch.rand(able.shape, generator=generator)
    return lots.masked_fill(~able, -math.inf).argmax(1)
