"""Another method, asked about a hidden layer or about the vectors of tokens instead of the inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, Pass, Question, Site, Slope, probe

Method = Callable[..., Explanation]


class Within(nn.Module):
    """A network of what stands at a site: takes ``point [n, *shape]`` and the row that each goes with."""

    def __init__(self, work: Pass) -> None:
        super().__init__()
        self.inner, self._work = work.feed.model, work

    def forward(self, point: Tensor, number: Tensor) -> object:
        """What the network returns, with the points put at the site."""
        feed, site = self._work.feed, str(self._work.at)
        held = {name: part[number] for name, part in feed.held.items()}
        rows = dataclasses.replace(feed, packed=feed.packed[number], held=held)
        with probe(feed.model, write={site: lambda _: point}):
            return rows.run(rows.packed.clone(), slice(0, len(number)), 1)


def within(q: Question, method: Method) -> Slope:
    """Values of ``method`` at the points of each chunk."""
    quiet = Compute(q.compute.batch_size, q.compute.seed, q.compute.device)

    def asked(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        number = torch.arange(rows.start, rows.stop, device=points.device).repeat(len(ks))
        whole = work.target
        target = dataclasses.replace(
            whole,
            score=lambda output, index: whole.score(output, number.to(index.device)[index]),
            site=None if whole.site is None else _inner(whole.site),
            classes=None,
        )
        batch = Batch({"point": points}, held={"number": number})
        found = method(Within(work), batch, target, compute=quiet)
        made = found.provenance
        # the engine counts one pass of this chunk by itself
        less = dataclasses.replace(
            made, forward=made.forward - len(points), backward=made.backward - len(points)
        )
        q.also(dataclasses.replace(found, provenance=less))
        values = found.values if isinstance(found.values, Tensor) else found.values["point"]
        return values, found.scores

    return asked


def _inner(site: str) -> str:
    """Address of a site of the network in what holds it."""
    name = Site.parse(site)
    return str(dataclasses.replace(name, module="inner" if name.module == "." else f"inner.{name.module}"))
