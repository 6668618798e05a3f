"""Where the points of a question are put: inputs, an embedding or a hidden layer; and what they mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core._compute import Compute
from pellucid._core._embedding import Embedding, found
from pellucid._core._feed import Feed, Fill, like
from pellucid._core._fold import Fold
from pellucid._core._outputs import stream
from pellucid._core._parts import parts
from pellucid._core._site import Site
from pellucid._core._spec import InputSpec
from pellucid._core._units import other_rows


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What is varied. Made by :func:`placed`.

    Args:
        feed: what goes in.
        at: site that was asked for; ``None`` are the inputs.
        spec: what the inputs mean.
        table: the embedding that stands for whole-number inputs.
        point: what is there unchanged, ``[N, *shape]``.
    """

    feed: Feed
    at: str | None
    spec: InputSpec | None
    table: Embedding | None
    point: Tensor

    @property
    def site(self) -> str | None:
        """Where points are written; ``None`` are the inputs."""
        return self.at if self.table is None else self.table.site

    @property
    def ids(self) -> Tensor:
        """What the spec speaks of: the first input as it came."""
        given = self.feed.unpack(self.feed.packed)
        return next(iter(given.values())) if isinstance(given, dict) else given

    @property
    def described(self) -> InputSpec | None:
        """The spec where it speaks of what is varied: one input, no hidden activation."""
        return self.spec if self.at is None and (self.feed.single or self.table is not None) else None

    @property
    def groups(self) -> Tensor:
        """Number of the part of each element, int64, broadcasts to the point; -1 is never taken away."""
        if self.described is not None:
            return self.grouped(self.described.groups(self.ids))
        if self.table is None:
            return parts(self.point)
        tokens = self.point.shape[1:-1]
        return self.grouped(torch.arange(tokens.numel(), device=self.point.device).view(tokens))

    def grouped(self, groups: Tensor) -> Tensor:
        """Part numbers of the inputs as numbers of the point."""
        return groups if self.table is None else groups[..., None]

    @property
    def absent(self) -> Tensor:
        """The point with everything taken away: as the spec says, else zeros."""
        if self.described is None:
            return torch.zeros_like(self.point)
        gone = self.described.absent(self.ids)
        return gone if self.table is None else self.table.rows(gone)

    def filled(self, value: Fill) -> Tensor:
        """``value`` like the point; what is never taken away stays as it is in an embedding."""
        if value is None:
            return self.absent
        if self.table is None:
            where = f"for {self.at!r}"
            return self.feed.pack(value) if self.at is None else like(self.point, value, where)
        if isinstance(value, Mapping):
            self.feed.named(value)
            (value,) = value.values()
        filled = self.table.filled(self.point, self.ids, value)
        return filled if self.described is None else torch.where(self.groups < 0, self.point, filled)

    def embedded(self, background: Tensor) -> Tensor:
        """Background rows like the point: rows of token numbers as vectors, others as they are."""
        return background if self.table is None else self.table.background(background)

    def folded(self, values: Tensor, *, lengths: bool = False) -> Tensor:
        """One number for each token where an embedding is varied; else values as they are.

        Contributions along a token's vector are summed. Of a slope that sum would be the change in a
        direction that means nothing; its length is the same in whatever directions vectors are written down.
        """
        if self.table is None or values.ndim < self.point.ndim:
            return values
        return values.norm(dim=-1) if lengths else values.sum(-1)

    def only(self, feed: Feed, rows: Tensor) -> Place:
        """The same place for some of its rows, which ``feed`` holds."""
        return dataclasses.replace(self, feed=feed, point=self.point[rows])


def placed(
    feed: Feed,
    at: str | None,
    spec: InputSpec | None,
    compute: Compute,
    count: list[int],
    fold: Fold | None = None,
) -> Place:
    """Find where points are put; passes are counted in ``count[0]``. Rows that share an input pass once.

    Raises:
        SiteError, InputError: where the site is not reached once with the row axis first, or whole numbers go
            through several embeddings.
    """
    if fold is not None:
        once = placed(fold.feed, at, spec, compute, count)
        return once.only(feed, fold.origin.to(once.point.device))
    if at is not None:
        return Place(feed, at, spec, None, activation(feed, at, compute, count))
    table = found(feed, compute, count)
    place = Place(feed, None, spec, table, feed.packed)
    return place if table is None else dataclasses.replace(place, point=table.rows(place.ids))


def activation(feed: Feed, site: str, compute: Compute, count: list[int]) -> Tensor:
    """The activation at a site for the unchanged inputs ``[N, *shape]``."""
    called_once(feed, site, compute, count)
    seen_parts: list[Tensor] = []
    for rows, _, seen in stream(feed, compute, read=[site], stop=site):
        count[0] += rows.stop - rows.start
        seen_parts.append(seen[site].detach())
    return kept_rows(torch.cat(seen_parts), site, feed.rows)


def kept_rows(point: Tensor, site: str, rows: int) -> Tensor:
    """An activation as it is; raises where its first axis is not that of the rows."""
    if len(point) != rows:
        raise other_rows(site, len(point), rows, "explained")
    return point


def called_once(feed: Feed, site: str, compute: Compute, count: list[int]) -> None:
    """Raise where an address covers several calls; a pass that stops at the first would not see that."""
    if Site.parse(site).call is None:
        for _, _, seen in stream(feed, Compute(batch_size=1, seed=compute.seed), read=[site]):
            count[0] += 1
            seen[site]
            return
