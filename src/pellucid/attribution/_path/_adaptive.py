"""As many nodes as each row needs: few where slopes change smoothly, close to the kinks where they jump."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Question, brief
from pellucid.attribution._path._nested import LEVELS, nested
from pellucid.attribution._path._tangent import Nodes

SLOW = 0.2  # a smooth network's change falls faster from one level to the next
STEADY = 0.5  # measured with 31 nodes: GELU transformer above 0.8, ReLU below 0.35
ALMOST = 0.4  # the same with up to 13 nodes, where they overlap: there the last change is promised
SURE = 0.8  # ReLU networks on tables reach 0.71 with 15 nodes, more with 13
JUMPY, UNSURE = 0.0, 13  # with so few nodes only what is clear counts
# Where slopes are smooth, the error as a share of the values is judged from the last two changes and the gap;
# fitted to transformers (the spread of what it misses is a factor 1.8), checked on other smooth networks.
SCALE, BY_CHANGE, BY_BEFORE, BY_GAP = 0.7, 0.5, 0.2, 0.6
LUCK = 0.05  # a gap far below what the changes expect is luck
SAFE = 2.1  # between what is judged and what is promised
FIRST = 6  # nodes before anything is judged
WARY = 2.5  # between kinks the change from half the nodes is no sure bound: measured against exact integrals
HIDDEN = 0.1  # share of a stretch whose slope jumps that a kink out of sight may take


@dataclass(frozen=True, slots=True)
class Walked:
    """What was found along the way of each row.

    Args:
        values: ``[N, *shape]``, adding up to the difference of the scores at the ends.
        bound: ``[N]``, what the norm of the error of ``values`` is judged to stay below.
        steps: int64 ``[N]``, nodes.
        kinked: bool ``[N]``, whether slopes jump there.
    """

    values: Tensor
    bound: Tensor
    steps: Tensor
    kinked: Tensor

    __repr__ = brief

    @property
    def words(self) -> str:
        """How many rows went which way, with how many nodes."""
        said = [
            f"{_rows(int(chosen.sum()))} by {how}, {_range(self.steps[chosen])} nodes"
            for chosen, how in (
                (~self.kinked, "nested Gauss rules (smooth slopes)"),
                (self.kinked, "tangents (slopes that jump)"),
            )
            if bool(chosen.any())
        ]
        share = (self.bound / self.values.flatten(1).norm(dim=1).clamp(min=1e-30)).max()
        judged = f"Off by less than {float(share):.1g} of a row's norm, as far as can be judged."
        return f"Integrated {'; '.join(said)}. {judged}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def walk(q: Question, start: Tensor, ends: Tensor, most: int, tolerance: float) -> Walked:
    """Integrate ``slope times way`` from ``start`` to the point, to a tolerance or with ``most`` nodes."""
    exact = torch.promote_types(q.point.dtype, torch.float32)
    found = Walked(
        torch.zeros_like(q.point, dtype=exact),
        *(
            torch.zeros(q.rows, dtype=d, device=q.point.device)
            for d in (torch.float64, torch.int64, torch.bool)
        ),
    )
    size = max(1, 16 * q.compute.batch_size // most)
    for rows in torch.arange(q.rows, device=q.point.device).split(size):
        _Block(q.only(rows), start[rows], ends[:, rows].double(), most, tolerance).into(found, rows)
    return found


class _Block:
    """Some rows, whose slopes at all nodes are held at once."""

    def __init__(self, q: Question, start: Tensor, ends: Tensor, most: int, tolerance: float) -> None:
        self.q, self.start, self.way, self.ends = q, start, q.point - start, ends
        self.most, self.tolerance = most, tolerance

    def into(self, found: Walked, numbers: Tensor) -> None:
        """Write what is found for these rows, whose numbers in the whole are given."""
        for settled in self._smooth():
            at = numbers[settled.rows]
            found.values[at] = settled.values.reshape(len(at), *found.values.shape[1:]).to(found.values)
            found.bound[at], found.steps[at] = settled.bound, settled.steps
            found.kinked[at] = settled.kinked

    def _smooth(self) -> Iterator[_Settled]:
        """Nested rules, as long as the change from one to the next falls fast."""
        rows = torch.arange(self.q.rows, device=self.way.device)
        nodes = self._at(rows, _places(0, FIRST, rows))
        before = _size(_nested(nodes, 2) - nodes.share[0])  # no rule is smaller than two nodes: one of them
        for level, more in zip(LEVELS[1:], (*LEVELS[2:], self.most + 1), strict=True):
            values = _nested(nodes, level)
            change = _size(values - _nested(nodes, LEVELS[LEVELS.index(level) - 1]))
            even = nodes.sorted().steadiness()
            smooth = even > (STEADY if level > UNSURE else ALMOST)
            judged = _judged(_size(values), change, before, nodes.gap(values))
            judged = torch.where(smooth, judged, torch.maximum(change, nodes.gap(values)))
            # many small kinks look almost smooth: there the last change is promised, not what is judged
            promised = torch.where(even > SURE, SAFE * judged, torch.maximum(SAFE * judged, change))
            bound = torch.where(smooth, promised, judged)
            done = (judged <= self.tolerance * _size(values)) | (smooth & (more > self.most))
            yield _Settled(rows[done], values[done], bound[done], level, kinked=False)
            jumpy = even < (STEADY if level > UNSURE else JUMPY)
            slow = ~done & ((jumpy & (change > SLOW * before) & (level > FIRST)) | (more > self.most))
            if bool(slow.any()):
                yield from self._kinked(rows[slow], nodes.of(slow))
            left = ~done & ~slow
            rows, nodes, before = rows[left], nodes.of(left), change[left]
            if not len(rows):
                return
            nodes = nodes.joined(self._at(rows, _places(level, more, rows)))

    def _kinked(self, rows: Tensor, nodes: Nodes) -> Iterator[_Settled]:
        """Ever more nodes where the slope jumps most."""
        nodes = nodes.sorted()
        while True:
            values, n = nodes.integral(), len(nodes.place)
            change = _size(values - nodes.halved().integral())
            bound = torch.stack([WARY * change, nodes.gap(values), HIDDEN * nodes.doubt().norm(dim=0)]).amax(
                0
            )
            done = (bound <= self.tolerance * _size(values)) | (n >= self.most)
            yield _Settled(rows[done], values[done], bound[done], n, kinked=True)
            rows, nodes = rows[~done], nodes.of(~done)
            if not len(rows):
                return
            more = nodes.next(min(max(4, n // 2), self.most - n))
            nodes = nodes.joined(self._at(rows, more)).sorted()

    def _at(self, rows: Tensor, place: Tensor) -> Nodes:
        """Slopes and scores at places ``[n, R]`` on the way of some rows."""
        start, way = self.start[rows], self.way[rows]
        share = place.to(way).view(*place.shape, *[1] * (way.ndim - 1))
        exact = torch.promote_types(way.dtype, torch.float32)
        shares = torch.empty((len(place), *way.shape), dtype=exact, device=way.device)
        scores = torch.empty(place.shape, dtype=torch.float64, device=way.device)

        def along(ks: Tensor, part: slice) -> Tensor:
            return torch.addcmul(start[part], share[ks.to(share.device), part], way[part])

        for ks, part, grad, score in self.q.only(rows).passes(along, len(place)):
            shares[ks[0] : ks[-1] + 1, part] = grad.to(exact) * way[part]
            scores[ks[0] : ks[-1] + 1, part] = score.double()
        return Nodes(place, shares.flatten(2), scores, self.ends[:, rows])


@dataclass(frozen=True, slots=True)
class _Settled:
    """Rows that are done."""

    rows: Tensor
    values: Tensor
    bound: Tensor
    steps: int
    kinked: bool


def _range(steps: Tensor) -> str:
    low, high = int(steps.min()), int(steps.max())
    return str(low) if low == high else f"{low} to {high}"


def _judged(size: Tensor, change: Tensor, before: Tensor, gap: Tensor) -> Tensor:
    """Error of a smooth network's values, from what the last two levels changed and what is left over."""
    tiny = torch.finfo(size.dtype).tiny
    expected = change * (change / before.clamp(min=tiny)).clamp(max=1)
    gap = torch.maximum(gap, LUCK * expected)
    shares = [part / size.clamp(min=tiny) for part in (change, before, gap)]
    return SCALE * size * shares[0] ** BY_CHANGE * shares[1] ** BY_BEFORE * shares[2] ** BY_GAP


def _size(values: Tensor) -> Tensor:
    return values.norm(dim=1).double()


def _places(done: int, level: int, rows: Tensor) -> Tensor:
    nodes = torch.from_numpy(nested(level)[0][done:]).to(rows.device)
    return nodes[:, None].expand(-1, len(rows))


def _nested(nodes: Nodes, level: int) -> Tensor:
    weights = torch.from_numpy(nested(level)[1]).to(nodes.share)
    return torch.tensordot(weights, nodes.share[:level], 1)
