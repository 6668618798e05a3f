"""Which units of a layer light up where a labelled concept lies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Compute, activations, brief
from pellucid._core._strongest import chosen_units
from pellucid._core._units import unit_axis
from pellucid.errors import InputError, MethodError
from pellucid.layers._reach import part_of, twin_of

TOP = 2**16  # largest values kept per unit to find its threshold


@dataclass(frozen=True, slots=True, eq=False)
class Dissection:
    """How well the places where a unit is strongest agree with masks of concepts.

    Args:
        site: the layer.
        concepts: names of the masks.
        units: int64 ``[U]``.
        iou: ``[U, C]``, intersection ÷ union of "above the unit's threshold" and the mask, over all inputs
            together.
        thresholds: ``[U]``.
        shuffled: ``[U, C]``, the same with the masks of other inputs: what a unit that likes a place rather
            than a concept reaches.
        rotated: ``[U, C]``, the same for as many random orthogonal mixtures of the layer's channels. Concepts
            that these show as well are known to the layer, not to its single units.
        untrained: ``[U, C]``, the same on an untrained copy; ``NaN`` where none was run.
        least: IoU from which on a unit counts as a detector.
        quantile: share of all positions that lies above a threshold.
        n: inputs.
        note: what was sampled or left out.
    """

    site: str
    concepts: tuple[str, ...]
    units: Tensor
    iou: Tensor
    thresholds: Tensor
    shuffled: Tensor
    rotated: Tensor
    untrained: Tensor
    least: float
    quantile: float
    n: int
    note: str = ""

    __repr__ = brief

    @property
    def detectors(self) -> dict[str, int]:
        """Units that detect some concept: IoU above ``least`` and above that with the masks of others."""
        kinds = {"units": self.iou, "rotated": self.rotated, "untrained": self.untrained}
        floor = {"units": self.shuffled}
        return {
            name: int(((part > self.least) & (part > floor.get(name, part - 1))).any(1).sum())
            for name, part in kinds.items()
            if not bool(part.isnan().all())
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def network_dissection(
    model: nn.Module,
    inputs: Tensor,
    masks: Mapping[str, Tensor],
    site: str,
    *,
    units: Sequence[int] | Tensor | None = None,
    quantile: float = 0.005,
    least: float = 0.04,
    untrained_copy: bool = True,
    compute: Compute | None = None,
) -> Dissection:
    """Agreement of each unit's strongest places with masks of concepts, as intersection over union.

    A unit's threshold ``T`` is the value that ``quantile`` of its values over all inputs and positions lie
    above. Its map is enlarged bilinearly to the masks and cut at ``T``; counts are summed over all inputs
    before dividing.

    Args:
        model: a network of pictures; it comes back as it was.
        inputs: ``[N, C, H, W]``.
        masks: by concept, bool ``[N, H, W]``: where it lies.
        site: a layer with maps.
        units: which channels; ``None`` for all.
        quantile: share of positions above the threshold.
        least: IoU from which on a unit counts as a detector.
        untrained_copy: whether to dissect an untrained copy too.
        compute: how to run.

    Returns:
        :class:`Dissection`.

    Raises:
        InputError: if masks do not fit the inputs, or one is empty.
        MethodError: if the layer has no maps.
        SiteError, TargetError: if the layer or a unit does not exist.

    Cost:
        Two passes over the inputs ended at the layer, twice with the untrained copy. Kept are the largest
        values of each unit up to the quantile, at most 65,536 of them.

    Limits:
        Small concepts in large fields reach low values whatever the unit knows. Random mixtures of channels
        often detect nearly as much: then a label says little about the unit itself. Enlarging takes the
        layer's grid to lie evenly over the picture.

    Source:
        Bau et al. 2017, Network dissection, arXiv 1704.05796 (its later light version takes a quantile of
        0.04, eight times looser).

    Example:
        >>> x = torch.zeros(40, 1, 8, 8)
        >>> x[::4, 0, 2:4, 2:4] = 1
        >>> found = network_dissection(nn.Conv2d(1, 1, 1), x, {"patch": x[:, 0] > 0}, ".", quantile=0.02)
        >>> found.iou.shape
        torch.Size([1, 1])
    """
    how = compute or Compute(batch_size=128)
    shown = _checked(inputs, masks, quantile)
    notes: list[str] = []
    twin = twin_of(model, inputs, how, notes) if untrained_copy else None
    passes = 4 if twin is not None else 2
    generator = torch.Generator().manual_seed(how.seed)
    moved = shown[:, torch.randperm(len(inputs), generator=generator)]
    first = _maps(model, inputs[:1], site, how)
    total = next(first)[1].shape[1]
    picked = chosen_units(units, total, site)
    turn = torch.linalg.qr(torch.randn(total, total, generator=generator)).Q[picked]
    both = _Mixtures(picked, turn)
    tops = _thresholds(model, inputs, site, both, quantile, part_of(how, 0, passes), notes)
    own = _agreement(model, inputs, site, both, tops, torch.cat([shown, moved]), part_of(how, 1, passes))
    u, c = len(picked), len(shown)
    untrained = torch.full((u, c), torch.nan, dtype=torch.float64)
    if twin is not None:
        plain = _Mixtures(picked, None)
        cut = _thresholds(twin, inputs, site, plain, quantile, part_of(how, 2, passes), [])
        untrained = _agreement(twin, inputs, site, plain, cut, shown, part_of(how, 3, passes))
    return Dissection(
        site,
        tuple(masks),
        picked,
        own[:u, :c].contiguous(),
        tops[:u],
        own[:u, c:].contiguous(),
        own[u:, :c].contiguous(),
        untrained,
        least,
        quantile,
        len(inputs),
        " ".join(notes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Mixtures:
    """The chosen channels, and random orthogonal mixtures of all beside them."""

    units: Tensor
    turn: Tensor | None

    def __call__(self, maps: Tensor) -> Tensor:
        own = maps[:, self.units.to(maps.device)]
        if self.turn is None:
            return own
        return torch.cat([own, torch.einsum("uc,bchw->buhw", self.turn.to(maps), maps)], 1)


def _checked(inputs: Tensor, masks: Mapping[str, Tensor], quantile: float) -> Tensor:
    """All masks as bool ``[C, N, H, W]``."""
    if inputs.ndim != 4:
        raise InputError(f"inputs: expected pictures [N, C, H, W], got {list(inputs.shape)}.")
    if not masks:
        raise InputError("masks: expected at least one concept, got none.")
    if not 0 < quantile < 1:
        raise InputError(f"quantile must lie between 0 and 1, got {quantile}.")
    wanted = (len(inputs), *inputs.shape[2:])
    for name, mask in masks.items():
        if mask.dtype != torch.bool or mask.shape != wanted:
            raise InputError(
                f"masks[{name!r}]: expected bool {list(wanted)}, got {mask.dtype} {list(mask.shape)}."
            )
        if not bool(mask.any()):
            raise InputError(f"masks[{name!r}] is empty: no input shows the concept.")
    return torch.stack([mask.cpu() for mask in masks.values()])


def _maps(model: nn.Module, inputs: Tensor, site: str, how: Compute) -> Iterator[tuple[slice, Tensor]]:
    """Maps ``[b, U, H, W]`` of a layer, chunk by chunk."""
    for rows, seen in activations(model, inputs, [site], stop=site, compute=how):
        found = seen[site].detach()
        if found.ndim != 4:
            raise MethodError(
                f"{site!r} gives {list(found.shape)}: dissection needs maps [N, channels, H, W]. "
                "Choose a convolutional layer."
            )
        yield rows, found.movedim(unit_axis(model, found, site), 1).float().cpu()


def _thresholds(
    model: nn.Module,
    inputs: Tensor,
    site: str,
    mix: _Mixtures,
    quantile: float,
    how: Compute,
    notes: list[str],
) -> Tensor:
    """The value of each unit that ``quantile`` of its positions lie above: its ``⌈q·n⌉``-th largest."""
    best: Tensor | None = None
    seen = every = 1
    total = 0
    for rows, maps in _maps(model, inputs, site, how):
        found = mix(maps)
        if best is None:
            places = math.prod(found.shape[2:])
            # so many inputs that the values to keep stay few; every input where they are few anyway
            every = max(1, math.ceil(quantile * len(inputs) * places / TOP))
            seen = max(1, math.ceil(quantile * places * len(range(0, len(inputs), every))))
            best = found.new_empty(found.shape[1], 0)
        picked = [i for i in range(rows.stop - rows.start) if (rows.start + i) % every == 0]
        if not picked:
            continue
        flat = found[picked].movedim(1, 0).flatten(1)
        total += flat.shape[1]
        best = torch.cat([best, flat], 1)
        best = best.topk(min(seen, best.shape[1]), dim=1).values
    if best is None or not best.shape[1]:
        raise InputError("inputs: expected at least one picture, got none.")
    if every > 1:
        notes.append(f"Thresholds rest on every {every}th input.")
    return best[:, -1].contiguous()


def _agreement(
    model: nn.Module, inputs: Tensor, site: str, mix: _Mixtures, cut: Tensor, masks: Tensor, how: Compute
) -> Tensor:
    """Intersection over union ``[U, C]`` over all inputs."""
    size = masks.shape[-2:]
    both = torch.zeros(len(cut), len(masks), dtype=torch.float64)
    area = torch.zeros(len(cut), dtype=torch.float64)
    for rows, maps in _maps(model, inputs, site, how):
        here = masks[:, rows].float().flatten(1)
        # one picture's maps at a time would be slow, all units' at once large
        for some in torch.arange(len(cut)).split(max(1, 2**24 // max(1, here.shape[1]))):
            wide = F.interpolate(mix(maps)[:, some], size=tuple(size), mode="bilinear", align_corners=False)
            lit = (wide > cut[some, None, None]).movedim(1, 0).flatten(1).float()
            both[some] += (lit @ here.T).double()
            area[some] += lit.sum(1).double()
    union = area[:, None] + masks.flatten(1).sum(1).double() - both
    return both / union
