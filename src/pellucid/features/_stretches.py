"""Real stretches of texts, and what a made text looks like."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.features._statistics import EDGE
from pellucid.inputs import TextSpec

MOST = 2000
FEWEST = 8
USUAL = 16  # most tokens of a made text where nothing else is said


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Stretches of real texts, all of one length, and the frame that stands around a made one.

    Args:
        free: int64 ``[n, L]``, tokens of real texts that follow each other, without held ones.
        rows: int64 ``[n]``, the text each comes from.
        tokens: int64 ``[V]``, the commonest tokens that make up 95 % of the texts, without held, unknown and
            masked ones: the network hardly learned what the rare ones mean.
        before, after: int64, the special tokens that begin and end a text.
        fill: how many padding tokens stand behind it.
        pad: their number.
    """

    free: Tensor
    rows: Tensor
    tokens: Tensor
    before: Tensor
    after: Tensor
    fill: int = 0
    pad: int = 0

    @classmethod
    def of(cls, data: Tensor, spec: TextSpec, length: int | None, seed: int) -> Stretches:
        """Cut up to 2,000 stretches at random from texts ``[N, T]``."""
        held = spec.held(data)
        count = (~held).sum(1)
        size = min(USUAL, int(count.median())) if length is None else length
        kept = (count >= max(1, size)).nonzero().flatten()
        if size < 1 or len(kept) < FEWEST:
            raise InputError(
                f"length: expected a number of tokens that at least {FEWEST} of the texts have; "
                f"{len(kept)} have {size}. The longest has {int(count.max())}."
            )
        chance = torch.Generator().manual_seed(seed)
        rows = kept.cpu()[torch.randperm(len(kept), generator=chance)].repeat(-(-MOST // len(kept)))[:MOST]
        packed = data.gather(1, held.long().argsort(dim=1, stable=True))[rows.to(data.device)]
        room = count[rows.to(data.device)].cpu() - size + 1
        start = (torch.rand(len(rows), generator=chance) * room).long()
        free = packed.gather(1, (start[:, None] + torch.arange(size)).to(data.device))
        both, source = torch.cat([rows[:, None], free.cpu()], 1).unique(dim=0, return_inverse=True)
        first = torch.full((len(both),), len(rows)).scatter_reduce(0, source, torch.arange(len(rows)), "amin")
        first = first.sort().values  # the same stretch of the same text is one stretch
        tokens = _usual(data[~held], spec)
        frame = data[int(count.argmax())]
        return cls(free[first.to(free.device)], rows[first], tokens, *_frame(frame, spec), 0, spec.pad or 0)

    @property
    def length(self) -> int:
        """Tokens of a made text that may change."""
        return self.free.shape[1]

    def whole(self, free: Tensor) -> Tensor:
        """Texts ``[b, T]`` as the network takes them, from their free tokens ``[b, L]``."""
        end = self.after.new_full((self.fill,), self.pad)
        before, after = (x.expand(len(free), -1) for x in (self.before, torch.cat([self.after, end])))
        return torch.cat([before, free, after], 1)

    def inside(self, slopes: Tensor) -> Tensor:
        """The part of ``[b, T, …]`` that belongs to the free tokens."""
        return slopes[:, len(self.before) : len(self.before) + self.length]

    def cut(self, length: int) -> Stretches:
        """The first tokens of each stretch."""
        return replace(self, free=self.free[:, :length])

    def padded(self, width: int) -> Stretches:
        """The same with made texts as long as ``width``."""
        return replace(self, fill=max(0, width - self.length - len(self.before) - len(self.after)))


def _usual(words: Tensor, spec: TextSpec) -> Tensor:
    odd = torch.tensor([k for k in (spec.unk, spec.mask) if k is not None], dtype=words.dtype)
    tokens, count = words[~torch.isin(words, odd.to(words.device))].unique(return_counts=True)
    if not len(tokens):
        raise InputError("data: expected texts with known words, got none.")
    falling = count.sort(descending=True).values
    reached = (falling.cumsum(0) < EDGE * falling.sum()).sum()
    return tokens[count >= falling[reached]]


def _frame(text: Tensor, spec: TextSpec) -> tuple[Tensor, Tensor]:
    """The special tokens before the first and behind the last word of a text ``[T]``."""
    free = (~spec.held(text[None])[0]).nonzero().flatten()
    end = text[int(free[-1]) + 1 :]
    return text[: int(free[0])], end if spec.pad is None else end[end != spec.pad]
