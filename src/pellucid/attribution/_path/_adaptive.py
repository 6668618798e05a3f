"""As many nodes as each row needs: few where slopes change smoothly, close to the kinks where they jump."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid._core import Question, brief
from pellucid.attribution._path._nested import LEVELS, POLYNOMIAL, nested
from pellucid.attribution._path._tangent import Nodes

# Least steadiness of a smooth network's row, by nodes, measured on 9 transformers and 18 ReLU networks: with
# 20 nodes and more fewer than 1 % of the first lie below it, and 5 to 10 % of the others above
STEADY = {6: 0.4, 10: 0.4, 13: 0.4, 17: 0.4, 20: 0.5, 27: 0.5, 41: 0.5, 55: 0.5}
# below this it jumps; with so few nodes that both kinds overlap, nothing does
JUMPY = {6: -1.0, 10: -1.0, 13: -1.0, 17: -1.0, 20: 0.3, 27: 0.5, 41: 0.5, 55: 0.5}
SURE = 0.8  # ReLU networks reach 0.78 with 20 nodes, more with fewer
# Where slopes are smooth, what the error stays below as a share of the values: a factor for each level, times
# powers of the surprise and of what the gap moves. Fitted to 16 networks and ways, checked on 17 others.
BELOW = {6: 0.64, 10: 0.92, 13: 0.48, 17: 1.6, 20: 1.8, 27: 0.6, 41: 3.5, 55: 0.6}
BY_SURPRISE, BY_MOVE = 0.9, 0.4
LUCK = 0.1  # a move far below the change from the level before is luck
FIRST = LEVELS[0]  # nodes before anything is judged
WARY = 2.5  # between kinks the change from half the nodes is no sure bound: measured against exact integrals
HELD = 256  # nodes of a row whose slopes are held at once; of more, one part of the way after the other
PARTS = 8
MORE = 64  # nodes asked for at once, so that no later chunk is larger than an early one
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
            f"{_rows(int(chosen.sum()))} {_how(kinked=kinked)}, {_range(self.steps[chosen])} nodes"
            for kinked, chosen in ((False, ~self.kinked), (True, self.kinked))
            if bool(chosen.any())
        ]
        return f"Integrated {'; '.join(said)}. {_said(float(self.share.max()), 'a row')}"

    @property
    def by_row(self) -> tuple[str, ...]:
        """The same of each row alone."""
        each = zip(self.kinked.tolist(), self.steps.tolist(), self.share.tolist(), strict=True)
        return tuple(
            f"Integrated {_how(kinked=kinked)}, {steps} nodes. {_said(share, 'the row')}"
            for kinked, steps, share in each
        )

    @property
    def share(self) -> Tensor:
        """``[N]``, the bound as a share of the norm of the values."""
        return self.bound / self.values.flatten(1).norm(dim=1).clamp(min=1e-30)


def _how(*, kinked: bool) -> str:
    return "by tangents (slopes that jump)" if kinked else "by nested Gauss rules (smooth slopes)"


def _said(share: float, whose: str) -> str:
    return f"Off by less than {share:.1g} of {whose}'s norm, as far as can be judged."


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
    size = max(1, 16 * q.compute.batch_size // min(most, HELD))
    for rows in torch.arange(q.rows, device=q.point.device).split(size):
        _Block(q.only(rows), start[rows], ends[:, rows].double(), most, tolerance).into(found, rows)
    return found


class _Block:
    """Some rows, whose slopes at up to ``HELD`` nodes each are held at once."""

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
        """Nested rules, until the error is judged small or slopes jump."""
        rows = torch.arange(self.q.rows, device=self.way.device)
        nodes = self._at(rows, _places(0, FIRST, rows))
        values = exact = nodes.share[[1, 4]].mean(0)  # nearly the rule of two
        for level, more in zip(LEVELS, (*LEVELS[1:], self.most + 1), strict=True):
            last = values
            values, below, left = _completed(nodes, level, last)
            change, even = _size(values - last), nodes.sorted().steadiness()
            smooth = even > STEADY[level]
            if level in POLYNOMIAL:  # the smaller one's error, far above its own where slopes are polynomials
                below, exact = torch.minimum(below, _size(values - exact)), values
            below = torch.where(smooth, below, torch.maximum(below, torch.maximum(change, left)))
            # many small kinks look almost smooth: there the last change is promised
            bound = torch.where(smooth & (even <= SURE), torch.maximum(below, change), below)
            done = (below <= self.tolerance * _size(values)) | (smooth & (more > self.most))
            yield _Settled(rows[done], values[done], bound[done], level, kinked=False)
            jumps = ~done & ((even < JUMPY[level]) | (more > self.most))
            if bool(jumps.any()):
                yield from self._kinked(rows[jumps], nodes.of(jumps))
            on = ~done & ~jumps
            rows, nodes, values, exact = rows[on], nodes.of(on), values[on], exact[on]
            if not len(rows):
                return
            nodes = nodes.joined(self._at(rows, _places(level, more, rows)))

    def _kinked(self, rows: Tensor, nodes: Nodes) -> Iterator[_Settled]:
        """Ever more nodes where the slope jumps most."""
        nodes = nodes.sorted()
        while True:
            found, n = _judged(nodes), len(nodes.place)
            done = (found.bound <= self.tolerance * _size(found.values)) | (n >= self.most)
            yield _Settled(rows[done], found.values[done], found.bound[done], n, kinked=True)
            rows, nodes = rows[~done], nodes.of(~done)
            if not len(rows):
                return
            if n >= HELD:
                break
            more = nodes.next(min(max(4, n // 2), MORE, self.most - n, HELD - n))
            nodes = nodes.joined(self._at(rows, more)).sorted()
        for row in range(len(rows)):
            yield self._in_parts(rows[row : row + 1], nodes.of(slice(row, row + 1)))

    def _in_parts(self, row: Tensor, nodes: Nodes) -> _Settled:
        """One row with more nodes than are held at once."""
        enough = self.tolerance * float(_size(nodes.integral()))
        found, n = self._refined(row, nodes, self.most, enough, HELD)
        whole = self.ends[1, row] - self.ends[0, row] - found.values.sum(1, dtype=torch.float64)
        bound = replace(found, gap=whole.abs()).bound
        return _Settled(row, found.values, bound, n, kinked=True)

    def _refined(self, row: Tensor, nodes: Nodes, most: int, enough: float, held: int) -> tuple[_Found, int]:
        """A stretch of a row's way with at most so many nodes, and how many it took; ``held`` at once."""
        while True:
            found, n = _judged(nodes), len(nodes.place)
            if n >= most or float(found.bound) <= enough:
                return found, n
            if n >= held:
                break
            more = nodes.next(min(max(4, n // 2), MORE, most - n, held - n))
            nodes = nodes.joined(self._at(row, more)).sorted()
        parts = nodes.parts(PARTS)
        del nodes
        doubt = [float(part.doubt().norm()) for part in parts]
        spare, found, total = most - n, None, 1
        while parts:
            # what a part leaves over is there for the next ones
            share = doubt[-len(parts)] / max(sum(doubt[-len(parts) :]), 1e-300)
            part = parts.pop(0)
            had = len(part.place)
            # half as many are held there, for what is left of this stretch stays
            one, took = self._refined(row, part, had + int(share * spare), enough / PARTS, HELD // 2)
            spare, total = spare - (took - had), total + took - 1
            found = one if found is None else found.joined(one)
            del part
        assert found is not None
        return found, total

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
        flat = shares.flatten(2)
        return Nodes(place, flat, scores, flat.sum(2, dtype=torch.float64), self.ends[:, rows])


@dataclass(frozen=True, slots=True)
class _Found:
    """The integral over a stretch ``[R, D]``, and what tells how far off it may be.

    Args:
        values: the integral.
        change: by how much it differs from that with every second node.
        gap: ``[R]``, what it leaves over of the difference between the scores at both ends.
        doubt: ``[R]``, norm of what may be wrong between neighbours.
    """

    values: Tensor
    change: Tensor
    gap: Tensor
    doubt: Tensor

    @property
    def bound(self) -> Tensor:
        """``[R]``, what the norm of the error is judged to stay below."""
        return torch.stack([WARY * _size(self.change), self.gap, HIDDEN * self.doubt]).amax(0)

    def joined(self, other: _Found) -> _Found:
        """Over two stretches."""
        doubt = torch.hypot(self.doubt, other.doubt)
        return _Found(self.values + other.values, self.change + other.change, self.gap + other.gap, doubt)


def _judged(nodes: Nodes) -> _Found:
    values = nodes.integral()
    change = values - nodes.halved().integral()
    return _Found(values, change, nodes.gap(values), nodes.doubt().norm(dim=0))


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


def _completed(nodes: Nodes, level: int, last: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values that add up, what a smooth network's error stays below, and what was left over.

    How slopes surprise the others shows which way values are off: what the sum leaves over goes there.
    """
    rule = nested(level)
    weights, surprise = (torch.from_numpy(x).to(nodes.share) for x in (rule.weights, rule.surprise))
    values = torch.tensordot(weights, nodes.share, 1)
    left = nodes.ends[1] - nodes.ends[0] - values.sum(1, dtype=torch.float64)
    off = torch.tensordot(surprise, nodes.share, 1)
    rise = torch.from_numpy(rule.surprise).to(nodes.rise) @ nodes.rise
    length = rise.norm(dim=0).clamp(min=torch.finfo(torch.float64).tiny)
    toward = torch.einsum("nr,nrd->rd", (rise / length).to(off), off)
    # more than all surprises together is not theirs
    move = toward * (left / length).clamp(-1, 1)[:, None].to(off)
    values = values + move
    size = _size(values).clamp(min=torch.finfo(torch.float32).tiny)
    moved = torch.hypot(_size(move), LUCK * _size(values - last)) / size
    surprised = torch.linalg.vector_norm(off, dim=(0, 2), dtype=torch.float64) / size
    return values, BELOW[level] * size * surprised**BY_SURPRISE * moved**BY_MOVE, left.abs()


def _size(values: Tensor) -> Tensor:
    return torch.linalg.vector_norm(values, dim=1, dtype=torch.float64)


def _places(done: int, level: int, rows: Tensor) -> Tensor:
    nodes = torch.from_numpy(nested(level).places[done:]).to(rows.device)
    return nodes[:, None].expand(-1, len(rows))
