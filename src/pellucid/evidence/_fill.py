"""What stands in the place of parts that were taken away."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from pellucid._core import Explanation, InputSpec, Question, Variants
from pellucid.errors import InputError, near_misses
from pellucid.evidence._bank import SIDES, Bank
from pellucid.evidence._linear import interpolated
from pellucid.evidence._statistics import differ
from pellucid.evidence._word_bank import WordBank
from pellucid.inputs import ImageSpec

FILLS = ("own", "zero", "mean", "blur", "linear", "swap", "patch", "nearest")
WORDS = {
    "zero": "zeros",
    "mean": "the mean input",
    "blur": "the blurred picture",
    "linear": "a noisy linear interpolation of what is kept",
    "swap": "parts of other inputs, drawn at random",
    "patch": "pieces of many other inputs, each drawn at random",
    "nearest": "parts of the input most alike in what is kept",
}
POOL = 512  # other inputs that are looked at


def own_reference(explanation: Explanation, spec: InputSpec | None) -> tuple[Tensor, str]:
    """The reference of the explanation's own method: its baseline, else what the spec calls absent."""
    x = explanation.point
    given = explanation.provenance.params.get("baseline")
    if isinstance(given, bool) or not isinstance(given, Tensor | int | float):
        return absent(x, spec)
    if not x.is_floating_point() and torch.as_tensor(given).is_floating_point():
        return absent(x, spec)
    content = torch.as_tensor(given).to(x)
    try:
        return content.expand_as(x), "the method's own baseline"
    except RuntimeError:
        return absent(x, spec)


def absent(x: Tensor, spec: InputSpec | None) -> tuple[Tensor, str]:
    """What the spec calls absent, else zeros; with its name."""
    if spec is None:
        return torch.zeros_like(x), WORDS["zero"]
    how = str(getattr(spec, "absence", ""))
    words = spec.absent_as or f"what the spec calls absent{f' ({how})' if how else ''}"
    return spec.absent(x), words


def filling(name: str, q: Question, drawn: Bank, *, others: Tensor | None, seed: int) -> tuple[Variants, str]:
    """The contents ``(ks, rows) -> [c, n, *shape]`` that a fill puts into removed parts, and its name."""
    x, spec = q.packed, q.spec
    if name == "own":
        return constant(q.absent), absent(x, spec)[1]
    if name not in FILLS:
        raise InputError(f"No fill is called {name!r}. {near_misses(name, FILLS)}")
    if name == "zero":
        return constant(torch.zeros_like(q.point)), WORDS[name]
    if name == "blur":
        return constant(_blurred(x, spec)), WORDS[name]
    if name == "linear":
        return interpolated(x, drawn, seed=seed), WORDS[name]
    pool = _pool(name, x, others)
    seen = q.embedded(pool)
    if name == "mean":
        return constant(_mean(seen, pool, spec).expand_as(q.point)), WORDS[name]
    if name == "patch":
        return _pieces(x, seen, pool, drawn, seed), WORDS[name]
    chosen = _random(x, pool, drawn, seed) if name == "swap" else nearest(x, pool, drawn)
    if isinstance(drawn, WordBank):
        return _words(x, seen, pool, chosen, drawn), WORDS[name]
    return (lambda ks, rows: seen[chosen[ks.to(chosen.device)][:, rows]]), WORDS[name]


def constant(content: Tensor) -> Variants:
    """The same content under every mask."""
    return lambda ks, rows: content[rows][None]


def _pool(name: str, x: Tensor, others: Tensor | None) -> Tensor:
    pool = x if others is None else others.to(x)
    if name != "mean" and len(pool) < 2:
        raise InputError(f"The fill {name!r} takes parts from other inputs: give others=, at least two rows.")
    return pool[:POOL]


def _blurred(x: Tensor, spec: InputSpec | None) -> Tensor:
    if x.ndim != 4:
        raise InputError(
            f"The fill 'blur' is for pictures [N, C, H, W], got {list(x.shape)}. Use 'nearest' instead."
        )
    picture = spec if isinstance(spec, ImageSpec) else ImageSpec(channels=x.shape[1])
    return dataclasses.replace(picture, absence="blur").absent(x)


def _random(x: Tensor, pool: Tensor, drawn: Bank, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 32_452_843)
    lots = torch.rand(drawn.count, len(x), len(pool), generator=generator).to(x.device)
    return lots.masked_fill(~differ(x, pool)[None], -1.0).argmax(-1)


def _mean(seen: Tensor, pool: Tensor, spec: InputSpec | None) -> Tensor:
    """The mean input; of words the mean vector over all that are not held, since places say little."""
    if pool.is_floating_point() or spec is None:
        return seen.mean(0, keepdim=True)
    there = spec.groups(pool) >= 0
    return seen[there.to(seen.device)].mean(0)


def _pieces(x: Tensor, seen: Tensor, pool: Tensor, drawn: Bank, seed: int) -> Variants:
    """Every piece from another input of its own: parts, words, or where parts lie side by side, squares."""
    alien = differ(x, pool)
    where, pieces = _tiles(drawn)

    def contents(ks: Tensor, rows: slice) -> Tensor:
        found: list[Tensor] = []
        for k in ks.tolist():
            # drawn for all rows, so that a row's content does not depend on its batch
            generator = torch.Generator().manual_seed(seed * 1_000_003 + 67_867_979 + k)
            lots = torch.rand(len(x), pieces, len(pool), generator=generator)[rows].to(x.device)
            turn = torch.rand(len(x), pieces, generator=generator)[rows].to(x.device)
            donors = lots.masked_fill(~alien[rows][:, None], -1.0).argmax(-1)
            if isinstance(drawn, WordBank):
                order, counts = _order(drawn, pool)
                # any word of the donor, wherever it stands
                found.append(seen[donors, order[donors, (turn * counts[donors]).long()]])
            else:
                found.append(seen.gather(0, donors[:, where.flatten()].view(-1, *where.shape)))
        return torch.stack(found)

    return contents


def _order(drawn: WordBank, pool: Tensor) -> tuple[Tensor, Tensor]:
    """Places of each text's words, before those of what is held, and how many words there are."""
    held = drawn.spec.groups(pool) < 0
    return torch.argsort(held.to(torch.int8), dim=1, stable=True), (~held).sum(1).clamp(min=1)


def _tiles(drawn: Bank) -> tuple[Tensor, int]:
    """The piece of each element of an input, and how many there are."""
    if isinstance(drawn, WordBank):
        length = drawn.units.shape[1]
        return torch.arange(length), length
    if drawn.grid is None:
        return drawn.units, drawn.width
    height, width = drawn.grid
    down = torch.arange(height) * min(SIDES[0], height) // height
    count = SIDES[0] if height > 1 else 2 * SIDES[0]
    across = torch.arange(width) * min(count, width) // width
    cells = (down[:, None] * count + across).flatten().to(drawn.units.device)
    return cells[drawn.units], SIDES[0] * count


def _words(x: Tensor, seen: Tensor, pool: Tensor, chosen: Tensor, drawn: WordBank) -> Variants:
    """Words of each donor in their order, laid over the text from its first word on, again and again."""
    order, counts = _order(drawn, pool)
    place = torch.arange(x.shape[1], device=seen.device)

    def contents(ks: Tensor, rows: slice) -> Tensor:
        donors = chosen[ks.to(chosen.device)][:, rows]
        turn = place % counts[donors][..., None]
        return seen[donors[..., None], order[donors].gather(-1, turn)]

    return contents


def nearest(x: Tensor, pool: Tensor, drawn: Bank) -> Tensor:
    """For each mask and row, which of the pool is another input most alike in what is kept: ``[M, N]``."""
    if isinstance(drawn, WordBank):
        return _most_alike(x, pool, drawn)
    kept = (~drawn.masks).to(x.dtype)
    # masks that all rows share, or each row its own
    each = kept.expand(len(x), *kept.shape) if kept.ndim == 2 else kept
    alien = differ(x, pool)
    chosen = [
        (own @ drawn.reduce((pool - row).square()).T).masked_fill(~others[None], torch.inf).argmin(-1)
        for own, row, others in zip(each, x, alien, strict=True)
    ]
    return torch.stack(chosen, 1)


def _most_alike(x: Tensor, pool: Tensor, drawn: WordBank) -> Tensor:
    """For each mask the text that has most of the words kept, for its length."""
    groups = drawn.spec.groups(pool)
    alien, lengths = differ(x, pool), (groups >= 0).sum(1).clamp(min=1).to(torch.float32).sqrt()
    chosen: list[Tensor] = []
    for row in range(len(x)):
        units, own = drawn.units[row], x[row]
        kept = ~drawn.masks[row][:, units.clamp(min=0)] & (units >= 0)
        held = torch.stack([torch.isin(own, text) for text in pool.where(groups >= 0, -1)])
        shared = kept.to(torch.float32) @ held.to(torch.float32).T / lengths
        chosen.append(shared.masked_fill(~alien[row][None], -1.0).argmax(-1))
    return torch.stack(chosen, 1)
