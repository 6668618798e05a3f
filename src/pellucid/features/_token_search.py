"""Texts that climb token by token: a gradient proposes exchanges, the network chooses among them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, activations, probe, untouched
from pellucid._core._embedding import Embedding
from pellucid._core._units import by_unit
from pellucid.errors import MethodError
from pellucid.features._stretches import Stretches
from pellucid.features._text_nearness import TextNearness
from pellucid.inputs import TextSpec

PATIENCE = 4
OFFERED = 4  # times as many exchanges are looked at, since some lead too far
GAIN = 1e-5
LOOKED_AT = 32  # units whose fields are looked at


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A network, a layer of it, and the table through which it reads tokens."""

    model: nn.Module
    site: str
    spec: TextSpec
    table: Embedding
    how: Compute

    def values(self, texts: Tensor, units: Tensor) -> Tensor:
        """Each unit's largest value over positions ``[b]`` for texts ``[b, T]``."""
        found: list[Tensor] = []
        look = {self.site: lambda seen: by_unit(self.model, seen, self.site).amax(2)}
        for rows, seen in activations(
            self.model, texts, look, stop=self.site, spec=self.spec, compute=self.how
        ):
            every = seen[self.site]
            found.append(every[torch.arange(len(every), device=every.device), units[rows]])
        return torch.cat(found)

    def look(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Largest values ``[b, U]`` of all units, and bool ``[b, T]``: which tokens any one of them sees."""
        with self._followed(texts) as (every, leaf):
            seen = torch.zeros_like(texts, dtype=torch.bool)
            for unit in torch.linspace(0, every.shape[1] - 1, min(LOOKED_AT, every.shape[1])).long():
                (slope,) = torch.autograd.grad(every[:, unit].sum(), leaf, retain_graph=True)
                one = slope.abs().amax(2) > 0
                seen = torch.where(one.sum(1, keepdim=True) > seen.sum(1, keepdim=True), one, seen)
        return every.detach(), seen

    def movers(self, stretches: Stretches, units: Tensor, k: int) -> Tensor:
        """Free tokens ``[U, k, L]`` of the real stretches that move each unit most."""
        values = self.every(stretches.whole(stretches.free), units)
        order = values.sort(dim=1, descending=True, stable=True).indices[:, :k]
        return stretches.free[order]

    def every(self, texts: Tensor, units: Tensor) -> Tensor:
        """Largest values ``[U, b]`` over positions of some units for texts ``[b, T]``."""
        return self._largest(texts, units)

    def look_at(self, texts: Tensor) -> Tensor:
        """Largest values ``[units, b]`` over positions of all units for texts ``[b, T]``."""
        return self._largest(texts, slice(None))

    def _largest(self, texts: Tensor, units: Tensor | slice) -> Tensor:
        look = {self.site: lambda seen: by_unit(self.model, seen, self.site).amax(2)[:, units]}
        parts = [
            seen[self.site]
            for _, seen in activations(
                self.model, texts, look, stop=self.site, spec=self.spec, compute=self.how
            )
        ]
        return torch.cat(parts).T

    def slopes(self, texts: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """The same values, and their gradients in the vectors of all tokens ``[b, T, E]``."""
        found = [
            self._slope(texts[part], units[part])
            for part in torch.arange(len(texts), device=texts.device).split(self.how.batch_size)
        ]
        return torch.cat([value for value, _ in found]), torch.cat([slope for _, slope in found])

    def _slope(self, texts: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        with self._followed(texts) as (every, leaf):
            value = every[torch.arange(len(every), device=every.device), units]
            (slope,) = torch.autograd.grad(value.sum(), leaf)
        return value.detach(), slope

    @contextmanager
    def _followed(self, texts: Tensor) -> Generator[tuple[Tensor, Tensor]]:
        """Largest values ``[b, U]`` and the vectors ``[b, T, E]`` that they can be differentiated in."""
        kept: list[Tensor] = []

        def leaf(vectors: Tensor) -> Tensor:
            kept.append(vectors.detach().clone().requires_grad_())
            return kept[-1]

        name, along = self.spec.companions(texts)
        with untouched(self.model), torch.inference_mode(mode=False), torch.enable_grad():
            for parameter in self.model.parameters():
                parameter.requires_grad_(False)
            with probe(self.model, read=[self.site], write={self.table.site: leaf}, stop=self.site) as seen:
                _ = self.model(**{name: texts}, **along) if name else self.model(texts)
            every = by_unit(self.model, seen[self.site], self.site).amax(2)
            if not every.requires_grad:
                raise MethodError(
                    f"{self.site!r} does not depend on the words' vectors in a differentiable way; "
                    "its units cannot be maximized. Look at their exemplars instead."
                )
            yield every, kept[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where each text arrived: its free tokens, value, steps taken, whether its unit ever answered."""

    free: Tensor
    reached: Tensor
    steps: Tensor
    started: Tensor

    @classmethod
    def together(cls, parts: Sequence[Found]) -> Found:
        """Several portions as one."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in cls.__slots__))


def search(
    reader: Reader,
    stretches: Stretches,
    nearness: TextNearness,
    units: Tensor,
    starts: Tensor,
    rescue: Callable[[Tensor], Tensor],
    *,
    steps: int,
    candidates: int,
    tick: Callable[[int], None],
) -> Found:
    """Exchange one token in each step while that helps.

    Args:
        reader: what is read, and where.
        stretches: what tokens there are, and what stands around a text.
        nearness: how far a text may go.
        units: int64 ``[B]``.
        starts: free tokens ``[B, L]``.
        rescue: free tokens ``[b, L]`` from where texts of given numbers start whose unit does not answer.
        steps: most exchanges.
        candidates: exchanges tried in each step.
        tick: gets the number of text-steps done.
    """
    vectors = reader.table.rows(stretches.tokens[None])[0]
    free, active = starts.clone(), torch.arange(len(units), device=units.device)
    taken, failed = torch.zeros_like(active), torch.zeros_like(active)
    started = torch.zeros_like(active, dtype=torch.bool)
    for step in range(steps):
        value, slope = reader.slopes(stretches.whole(free[active]), units[active])
        answers = slope.flatten(1).abs().amax(1) > 0
        started[active] |= answers
        if step == 0 and not bool(answers.all()):
            silent = active[~answers]
            free[silent] = rescue(silent)
            value[~answers], slope[~answers] = reader.slopes(stretches.whole(free[silent]), units[silent])
            started[active] |= slope.flatten(1).abs().amax(1) > 0
        inner = stretches.inside(slope)
        here = (inner * reader.table.rows(free[active])).sum(2)
        gains = inner @ vectors.T - here[..., None]
        tried, near = exchanged(free[active], gains, stretches.tokens, nearness, candidates, failed[active])
        width = tried.shape[1]
        values = reader.values(stretches.whole(tried.flatten(0, 1)), units[active].repeat_interleave(width))
        best, which = values.view(-1, width).masked_fill(~near, float("-inf")).max(1)
        better = best > value + GAIN * value.abs()
        free[active[better]] = tried[better, which[better]]
        failed[active] = torch.where(better, 0, failed[active] + 1)
        taken[active] += 1
        tick(len(units))
        active = active[(failed[active] < PATIENCE) & started[active]]
        if not len(active):
            tick(len(units) * (steps - step - 1))
            break
    return Found(free, reader.values(stretches.whole(free), units), taken, started)


def exchanged(
    free: Tensor, gains: Tensor, tokens: Tensor, nearness: TextNearness, candidates: int, failed: Tensor
) -> tuple[Tensor, Tensor]:
    """Texts ``[b, k, L]`` that differ in one token, and whether each is near enough to real ones ``[b, k]``.

    For each place those that promise the largest ``gains`` ``[b, L, V]`` among the near ones; where
    ``failed`` rounds brought nothing, the next.
    """
    length = free.shape[1]
    each = min(-(-candidates // length), len(tokens))
    most = min(each * OFFERED, len(tokens))
    gains = gains.masked_fill(free[:, :, None] == tokens, float("-inf"))
    token = tokens[gains.topk(most, dim=2).indices]
    place = torch.arange(length, device=free.device)[:, None].expand_as(token)
    near = nearness.near(free, place.flatten(1), token.flatten(1)).view_as(token)
    order = (~near).to(torch.uint8).sort(dim=2, stable=True).indices
    first = (failed * each).clamp(max=most - each)[:, None, None]
    order = order.gather(2, first.expand(-1, length, 1) + torch.arange(each, device=free.device))
    token, near, place = (x.gather(2, order).flatten(1) for x in (token, near, place))
    changed = free[:, None].expand(-1, length * each, -1)
    return changed.scatter(2, place[..., None], token[..., None]), near
