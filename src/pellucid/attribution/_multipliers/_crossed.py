"""DeepLIFT contributions of every row against every reference: both pass once, the way back goes by pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Pass, Slope
from pellucid.attribution._multipliers._differences import Differences
from pellucid.attribution._multipliers._pairing import Pairing
from pellucid.attribution._multipliers._slopes import Heard, graded, leaf
from pellucid.attribution._operations import frozen, unseen


def by_background(method: str, background: Tensor, heard: Heard) -> Slope:
    """Every row with every reference; rows that are equal pass once, whatever is asked about each."""
    return _Crossed(method, background, heard)


@dataclass(frozen=True, slots=True)
class _Folded:
    """Equal rows are one ``place``; ``copy`` tells them apart there. Both int64 ``[n]``."""

    place: Tensor
    copy: Tensor
    places: int
    copies: int

    def out(self, each: Tensor) -> Tensor:
        """``[c, n, …]`` as ``[copies, c, places, …]``, zero where nothing is."""
        made = each.new_zeros((self.copies, len(each), self.places, *each.shape[2:]))
        made[self.copy, :, self.place] = each.transpose(0, 1)
        return made

    def back(self, made: Tensor) -> Tensor:
        """The other way round."""
        return made[self.copy, :, self.place].transpose(0, 1)


@dataclass(frozen=True, slots=True)
class _Passed:
    """The pass of some rows, kept for all chunks of the background."""

    rows: slice
    folded: _Folded
    x: Tensor
    output: Tensor
    pairing: Pairing
    rescaled: int


class _Crossed:
    def __init__(self, method: str, background: Tensor, heard: Heard) -> None:
        self.method, self.background, self.heard = method, background, heard
        self.passed: _Passed | None = None

    def __call__(self, work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """Contributions and scores of one chunk."""
        n, start = rows.stop - rows.start, self.background[ks.to(self.background.device)]
        with frozen(work, self.method), torch.enable_grad():
            passed = self.passed
            if passed is None or passed.rows != rows:
                self.passed = None  # the last rows' graph goes before the next one comes
                passed = self.passed = self._rows(work, points[:n], rows)
            output = self._references(work, start, rows, passed)
            outer, score, base, torn = self._scored(work, passed, output, rows)
            multiplier = self._back(work, passed, outer)
        self.heard(ks, rows, base.view(len(ks), n), passed.rescaled, passed.pairing.torn | torn)
        values = multiplier * (points[:n] - start.unsqueeze(1))
        return values.reshape(points.shape), score

    def _rows(self, work: Pass, points: Tensor, rows: slice) -> _Passed:
        folded, chosen = _folded(points)
        pairing, x = Pairing(folded.places), leaf(chosen)
        with Differences(self.method, pairing, remember=False) as seen:
            output = work.output(x.clone(), rows, 1)
        unseen(output, self.method)
        pairing.whole(output, folded.places)
        return _Passed(rows, folded, x, output, pairing, seen.rescaled)

    def _references(self, work: Pass, start: Tensor, rows: slice, passed: _Passed) -> Tensor:
        """Outputs at the references; what they show on the way is left in the pairing."""
        # one reference more where the counts agree, so that no tensor can pass for the other kind
        padded = torch.cat([start, start[:1]]) if len(start) == passed.folded.places else start
        passed.pairing.again(len(padded))
        with Differences(self.method, passed.pairing, remember=True):
            output = work.output(leaf(padded).clone(), rows, 1)
        passed.pairing.whole(output, len(padded))
        passed.pairing.compare()
        return output[: len(start)].detach()

    def _scored(
        self, work: Pass, passed: _Passed, there: Tensor, rows: slice
    ) -> tuple[Tensor, Tensor, Tensor, set[str]]:
        """What is asked about each row, pair by pair: its multipliers ``[c, n, …]``, both scores, and what
        is steered in the question itself."""
        count, n = len(there), len(passed.folded.place)
        pairing, here = Pairing(), passed.output.detach()[passed.folded.place]
        here = leaf(here.repeat(count, *[1] * (here.ndim - 1)))
        there = leaf(there.repeat_interleave(n, 0))
        with Differences(self.method, pairing, remember=True):
            base = work.scored(there.clone(), rows, count).detach()
        with Differences(self.method, pairing, remember=False):
            score = work.scored(here.clone(), rows, count)
        pairing.compare()
        outer = graded(work, score, here, self.method, torch.ones_like(score))
        return outer.view(count, n, *outer.shape[1:]), score.detach(), base, pairing.torn

    def _back(self, work: Pass, passed: _Passed, outer: Tensor) -> Tensor:
        """Multipliers ``[c, n, *shape]`` of the input for those of the output."""
        pairing, count, folded = passed.pairing, len(outer), passed.folded
        there = [t[:count].unsqueeze(1) for t in pairing.all()]

        def one(outer: Tensor, *tensors: Tensor) -> Tensor:
            pairing.put(tensors)
            return graded(work, passed.output, passed.x, self.method, outer, again=True)

        over_references = torch.func.vmap(one)
        if folded.copies == 1:
            return over_references(outer, *there)
        each = torch.func.vmap(over_references, (0, *[None] * len(there)))
        return folded.back(each(folded.out(outer), *there))


def _folded(points: Tensor) -> tuple[_Folded, Tensor]:
    """How rows fold, and one of each kind."""
    n = len(points)
    kinds, place = points.unique(dim=0, return_inverse=True)
    seen = [0] * len(kinds)
    copy: list[int] = []
    for k in place.tolist():
        copy.append(seen[k])
        seen[k] += 1
    copies = max(seen)
    if copies == 1 or copies * len(kinds) > 2 * n:
        alone = torch.arange(n, device=points.device)
        return _Folded(alone, torch.zeros_like(alone), n, 1), points
    return _Folded(place, torch.tensor(copy, device=points.device), len(kinds), copies), kinds
