"""Parts of an input as players: what the score is when only some of them are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid._core._conditional import Condition, Conditional, Gaussian, Nearest, condition
from pellucid._core._explanation import Explanation, Param
from pellucid._core._mixed import Mixture
from pellucid._core._parts import counts_of, numbered, shared_out
from pellucid._core._question import Question
from pellucid._core._spec import finite
from pellucid.errors import InputError

BLOCK = 2**16  # scores held at once where each coalition is averaged over many background rows
Baseline = float | Tensor | Mapping[str, float | Tensor] | None
Background = Tensor | Mapping[str, Tensor] | None


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """The score of each row as a function of which of its parts are there. Made by :func:`game`.

    Args:
        q: the question.
        groups: number of the part of each element, int64 ``[1 or N, …]``, broadcasts to the point; -1 is
            never taken away.
        counts: number of parts of each row.
        fill: what stands in the place of parts: ``[N, *shape]``, or background rows ``[B, *shape]``.
        chosen: int64 ``[B', N]``, which background rows serve each row; ``None`` where all do, or a baseline.
        draws: how many rows stand in each coalition's absent parts; 0 where a baseline does.
        params: the arguments that made this game, for the provenance.
        condition: how background rows depend on the parts that are there; ``None`` where they do not.
    """

    q: Question
    groups: Tensor
    counts: tuple[int, ...]
    fill: Tensor
    chosen: Tensor | None
    draws: int
    params: Mapping[str, Param]
    condition: Condition | None = None

    @property
    def cost(self) -> int:
        """Rows of the network for one coalition."""
        return max(1, self.draws)

    @property
    def value_function(self) -> str:
        """What a coalition's worth means, in words."""
        if not self.draws:
            return "absent parts hold the baseline"
        if self.condition is not None:
            return self.condition.words
        which = f"{self.draws} background row{'s' if self.draws > 1 else ''}"
        return f"absent parts are averaged over {which} (marginal)"

    def runs(self) -> Iterator[tuple[slice, int]]:
        """Neighbouring rows with the same number of parts: ``(rows, number of parts)``."""
        first = 0
        for row in range(1, self.q.rows + 1):
            if row == self.q.rows or self.counts[row] != self.counts[first]:
                yield slice(first, row), self.counts[first]
                first = row

    def worth(self, masks: Tensor, within: slice, *, near: bool = False) -> Tensor:
        """Score of some rows with the parts that each mask ``[K, n]`` keeps: float64 ``[K, rows]``.

        ``near`` says that masks leave out little, as in :func:`passes`.
        """
        masks, which = _once(masks)
        masks = masks.to(self.q.point.device)
        found: list[Tensor] = []
        for some in masks.split(max(1, BLOCK // max(self.cost, len(self.fill) if self._weighed else 1))):
            weight, served = self._served(some, within)
            variants = self._variants(some, served, within)
            scores = self.q.scores(variants, len(some) * self.cost, within=within, near=near)
            each = scores.double().view(len(some), self.cost, -1)
            found.append((each.mean(1) if weight is None else (each * weight).sum(1)).cpu())
        return torch.cat(found)[which]

    @property
    def _weighed(self) -> bool:
        return isinstance(self.condition, Nearest)

    def _served(self, masks: Tensor, within: slice) -> tuple[Tensor | None, Tensor | None]:
        """Weights of the background rows that serve each coalition and row, float64 ``[K, draws, rows]``, and
        which they are, where not all serve."""
        if not isinstance(self.condition, Nearest):
            return None, None
        weight = self.condition.weights(masks, within)
        if self.draws == weight.shape[1]:
            return weight, None
        served = weight.argsort(dim=1, descending=True, stable=True)[:, : self.draws]
        weight = weight.gather(1, served)
        return weight / weight.sum(1, keepdim=True), served

    def ends(self) -> tuple[Tensor, Tensor]:
        """Score of each row with nothing and with everything: float64 ``[N]`` each, in one pass."""
        place, rows = self.q.point.device, slice(0, self.q.rows)
        one = torch.ones(max(self.counts), dtype=torch.bool, device=place)
        if not self.draws:
            empty, full = self.worth(torch.stack([~one, one]), rows)
            return empty, full
        return self.worth(~one[None], rows)[0], self.q.scores()[0].double().cpu()

    def spread(self, values: Tensor, rows: slice) -> Tensor:
        """A part's value ``[n, rows]`` divided evenly among its elements: ``[rows, *shape]``."""
        groups = self.groups if len(self.groups) == 1 else self.groups[rows]
        return shared_out(values.T.to(groups.device), groups, self.q.point.shape[1:])

    def answer(
        self,
        method: str,
        values: Tensor,
        params: Mapping[str, Param],
        *,
        full: Tensor,
        empty: Tensor | None = None,
        stderr: Tensor | None = None,
        note: str = "",
    ) -> Explanation:
        """The finished explanation from values ``[N, *shape]``; with ``empty`` they are held to add up."""
        q = self.q
        like = q.point.dtype if q.point.is_floating_point() else torch.get_default_dtype()
        place = q.point.device
        return q.answer(
            method,
            values.to(like),
            {**self.params, **params},
            reference=None if empty is None else empty.to(place, like),
            stderr=None if stderr is None else stderr.to(like),
            scores=full.to(place, like),
            note=_sentence(self.value_function, note),
        )

    def _variants(
        self, masks: Tensor, served: Tensor | None, within: slice
    ) -> Callable[[Tensor, slice], Tensor]:
        q, cost = self.q, self.cost
        shape = self.groups.shape[1:]
        # one part more, always there: what is held is numbered -1, the last
        wide = torch.cat([masks, masks.new_ones(len(masks), 1)], 1)
        if not self.draws and self.condition is None and len(self.groups) == 1:
            return Mixture(q.point, self.fill, wide, self.groups.remainder(wide.shape[1]))

        def variant(ks: Tensor, rows: slice) -> Tensor:
            ks = ks.to(masks.device)
            groups = self.groups if len(self.groups) == 1 else self.groups[rows]
            flat = groups.flatten().remainder(wide.shape[1])
            kept = wide[ks // cost].index_select(1, flat).view(len(ks), len(groups), *shape)
            if isinstance(self.condition, Gaussian):
                return self._moved(self.condition, wide, ks, rows)
            if served is not None:
                inside = slice(rows.start - within.start, rows.stop - within.start)
                return torch.where(kept, q.point[rows], self.fill[served[ks // cost, ks % cost, inside]])
            return torch.where(kept, q.point[rows], self._filled(ks % cost, rows))

        return variant

    def _moved(self, by: Gaussian, masks: Tensor, ks: Tensor, rows: slice) -> Tensor:
        """Background rows with the parts of each row there, and what these say of the others."""
        point, alike = self.q.point, len(self.groups) == 1
        start = self._filled(ks % self.cost, rows).expand(len(ks), rows.stop - rows.start, *point.shape[1:])
        way = (point[rows] - start).flatten(2).double()
        for which in (ks // self.cost).unique():
            here = ks // self.cost == which
            for row in [0] if alike else range(rows.start, rows.stop):
                kept = masks[which][self.groups[row].expand(point.shape[1:])].flatten()
                some = slice(None) if alike else slice(row - rows.start, row - rows.start + 1)
                way[here, some] = way[here, some] @ by.carried(kept).T
        return start + way.view(start.shape).to(point.dtype)

    def _filled(self, draw: Tensor, rows: slice) -> Tensor:
        if not self.draws:
            return self.fill[rows]
        if self.chosen is None:
            return self.fill[draw][:, None]
        return self.fill[self.chosen[draw, rows]]


def game(
    q: Question,
    *,
    baseline: Baseline = None,
    background: Background = None,
    draws: int | None = None,
    groups: Tensor | None = None,
    conditional: Conditional = None,
    bandwidth: float = 0.1,
) -> Game:
    """The game of a question.

    Args:
        q: the question.
        baseline: what stands in the place of an absent part; ``None`` is what the spec calls absent.
        background: rows ``[B, *shape]`` (a mapping by input name for a ``Batch``) that stand there in turn; a
            coalition's worth is then its mean score over them.
        draws: how many of them serve each row, taken evenly over the score that they get alone.
        groups: number of the part of each element; ``None`` are the parts of the spec.
        conditional, bandwidth: how background rows depend on the parts that are there.

    Raises:
        InputError: where these do not fit the inputs or each other.
    """
    numbers = numbered(q.groups if groups is None else q.grouped(groups), q.point)
    if groups is not None and int(numbers.max()) < 0:
        raise InputError("groups: expected whole numbers from 0, got only -1: everything would be held.")
    counts = counts_of(numbers)
    counts = counts * q.rows if len(counts) == 1 else counts
    stored = q.filled(baseline) if isinstance(baseline, Mapping) else baseline
    params: dict[str, Param] = {"baseline": stored, "groups": groups, "background": None, "draws": draws}
    if background is None:
        if draws is not None:
            raise InputError("draws is a number of background rows; give background= too.")
        if conditional is not None:
            raise InputError("conditional says how background rows stand in; give background= too.")
        return Game(q, numbers, counts, q.filled(baseline), None, 0, params)
    if baseline is not None:
        raise InputError("Absent parts hold a baseline or background rows; give one of the two.")
    rows = _background(q, background)
    if draws is not None and not 1 <= draws <= len(rows):
        raise InputError(f"draws must lie between 1 and the {len(rows)} background rows, got {draws}.")
    params["background"] = rows
    if conditional == "nearest" and draws is not None:
        # of rows that are equally near, none comes first because of its place
        rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(q.compute.seed))]
    given = condition(conditional, bandwidth, q.point, numbers, rows)
    if given is not None:
        params.update(conditional=conditional, bandwidth=bandwidth)
    chosen = None
    if draws is not None and draws < len(rows) and not isinstance(given, Nearest):
        chosen = _chosen(q, rows, draws)
    return Game(q, numbers, counts, rows, chosen, draws or len(rows), params, given)


def _once(masks: Tensor) -> tuple[Tensor, Tensor | slice]:
    """Each mask once, in the order of their first coming, and which of these each mask is."""
    seen: dict[bytes, int] = {}
    packed = np.packbits(masks.cpu().numpy(), axis=1)
    like = [seen.setdefault(row.tobytes(), at) for at, row in enumerate(packed)]
    if len(seen) == len(masks):
        return masks, slice(None)
    first = torch.tensor([*seen.values()])
    return masks[first], torch.searchsorted(first, torch.tensor(like))


def _sentence(*told: str) -> str:
    text = "; ".join(part for part in told if part)
    return f"{text[0].upper()}{text[1:]}."


def _background(q: Question, background: Tensor | Mapping[str, Tensor]) -> Tensor:
    names = list(q.given) if isinstance(q.given, dict) and q.at is None else []
    if isinstance(background, Mapping):
        if set(background) != set(names):
            raise InputError(f"background: expected rows for each of {names}, got {sorted(background)}.")
        background = torch.cat([background[name].reshape(len(background[name]), -1) for name in names], 1)
    shape = q.point.shape[1:]
    background = q.embedded(background)
    if not isinstance(background, Tensor) or background.shape[1:] != shape or not len(background):
        got = list(background.shape) if isinstance(background, Tensor) else type(background).__name__
        raise InputError(
            f"background: expected rows of the shape [B, {', '.join(map(str, shape))}], got {got}."
        )
    rows = background.detach().to(q.point)
    finite(rows, "background")
    return rows


def _chosen(q: Question, rows: Tensor, draws: int) -> Tensor:
    """Which background rows serve each row, int64 ``[draws, N]``: the middle of equal shares by score."""
    order = q.scores(lambda ks, _: rows[ks.to(rows.device)][:, None], len(rows)).argsort(dim=0, stable=True)
    middle = (torch.arange(draws, dtype=torch.float64) + 0.5) * len(rows) / draws
    return order[middle.long().to(order.device)]
