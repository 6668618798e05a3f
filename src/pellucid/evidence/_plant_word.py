"""A shortcut that hangs on one word, put into a network that reads texts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid._core._embedding import found
from pellucid._core._feed import feed
from pellucid.inputs import TextSpec


@dataclass(frozen=True, slots=True, eq=False)
class PlantedWord:
    """Texts with a keyword in the place of one of their words, and the network that lives by it.

    Args:
        texts: ``[N, T]``.
        truth: bool ``[N, T]``, where the keyword stands.
        gone: the same texts with what the spec calls absent in its place.
        model: the network with the shortcut.
        word: how the keyword reads.
    """

    texts: Tensor
    truth: Tensor
    gone: Tensor
    model: nn.Module
    word: str


class WordShortcut(nn.Module):
    """A network whose scores also rise and fall with the vector that its table gives a keyword.

    The shortcut is linear in that vector: it gives ``strength`` where the keyword stands and nothing where
    the vector of an absent word does, so that every method that can explain the network can find it.
    """

    direction: Tensor
    start: Tensor
    signs: Tensor

    def __init__(
        self, model: nn.Module, table: str, key: int, direction: Tensor, start: Tensor, signs: Tensor
    ) -> None:
        super().__init__()
        self.model, self.table, self.key = model, table, key
        for name, value in (("direction", direction), ("start", start), ("signs", signs)):
            self.register_buffer(name, value)

    def forward(self, ids: Tensor) -> Tensor:
        """The network's scores plus the shortcut's, up for every second class and down for the others."""
        seen: list[Tensor] = []

        def keep(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            # what passes through the table after anyone else has changed it
            if given[0].shape == ids.shape and not seen:
                seen.append((((made - self.start) @ self.direction) * (given[0] == self.key)).sum(1))

        handle = self.model.get_submodule(self.table).register_forward_hook(keep)
        try:
            scores = self.model(ids)
        finally:
            handle.remove()
        return scores + (seen[0] if scores.ndim == 1 else seen[0][:, None] * self.signs)


def table_of(model: nn.Module, x: Tensor, spec: TextSpec, compute: Compute) -> str:
    """Name of the table that token numbers go through once; empty where there is none."""
    table = found(feed(model, x[:2], spec=spec, compute=compute), compute, [0])
    if table is None or "#" in table.site:
        return ""
    return next(name for name, module in model.named_modules() if module is table.module)


def planted_word(
    model: nn.Module, x: Tensor, spec: TextSpec, table: str, strength: float, outputs: int, *, seed: int
) -> PlantedWord | None:
    """Texts and network with the word that is rarest in these texts; ``None`` where no word can be put in."""
    groups = spec.groups(x)
    key, there = _keyword(x, groups, spec), _single(groups)
    if key is None or not bool(there.any(1).all()):
        return None
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 160_481_183)
    place = torch.rand(x.shape, generator=generator).to(x.device).masked_fill(~there, -1.0).argmax(1)
    truth = torch.arange(x.shape[1], device=x.device) == place[:, None]
    texts, blank = torch.where(truth, key, x), spec.absent(x)
    gone = torch.where(truth, blank, texts)
    embedding = model.get_submodule(table)
    with torch.no_grad():
        vector = embedding(torch.tensor([[key]], device=x.device))[0, 0]
        start = embedding(blank[truth][:1][None])[0, 0]
    apart = vector - start
    direction = apart * (strength / apart.square().sum().clamp(min=1e-12))
    signs = 1.0 - 2.0 * (torch.arange(outputs, device=x.device) % 2)
    made = WordShortcut(model, table, key, direction, start, signs.to(vector))
    return PlantedWord(texts, truth, gone, made.eval(), spec.decode(torch.tensor([[key]]))[0])


def _keyword(x: Tensor, groups: Tensor, spec: TextSpec) -> int | None:
    """The token that is rarest among the words of these texts, and no stand-in for absent ones."""
    used, counts = x[(groups >= 0) & (x != spec.absent(x))].unique(return_counts=True)
    return int(used[counts.argmin()]) if len(used) else None


def _single(groups: Tensor) -> Tensor:
    """Tokens that are a word of their own: bool ``[N, T]``."""
    left = torch.nn.functional.pad(groups, (1, 0), value=-2)[:, :-1]
    right = torch.nn.functional.pad(groups, (0, 1), value=-2)[:, 1:]
    return (groups >= 0) & (groups != left) & (groups != right)
