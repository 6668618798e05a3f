"""What stands in the place of parts that were taken away."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from pellucid._core import Explanation, InputSpec, Question, Variants
from pellucid.errors import InputError, near_misses
from pellucid.evidence._bank import Bank
from pellucid.evidence._linear import interpolated
from pellucid.evidence._statistics import differ
from pellucid.inputs import ImageSpec

FILLS = ("own", "zero", "mean", "blur", "linear", "swap", "nearest")
WORDS = {
    "zero": "zeros",
    "mean": "the mean input",
    "blur": "the blurred picture",
    "linear": "a noisy linear interpolation of what is kept",
    "swap": "parts of other inputs, drawn at random",
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
    if name == "mean":
        return constant(q.embedded(pool).mean(0, keepdim=True).expand_as(q.point)), WORDS[name]
    if name == "nearest" and not x.is_floating_point():
        raise InputError("The fill 'nearest' compares numbers; for texts use 'own' or 'swap'.")
    chosen = _random(x, pool, drawn, seed) if name == "swap" else nearest(x, pool, drawn)
    seen = q.embedded(pool)
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


def nearest(x: Tensor, pool: Tensor, drawn: Bank) -> Tensor:
    """For each mask and row, which of the pool is another input most alike in what is kept: ``[M, N]``."""
    kept = (~drawn.masks).to(x.dtype)
    # masks that all rows share, or each row its own
    each = kept.expand(len(x), *kept.shape) if kept.ndim == 2 else kept
    alien = differ(x, pool)
    chosen = [
        (own @ drawn.reduce((pool - row).square()).T).masked_fill(~others[None], torch.inf).argmin(-1)
        for own, row, others in zip(each, x, alien, strict=True)
    ]
    return torch.stack(chosen, 1)
