"""The value that activation maximization gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from pellucid._core import InputSpec, Param, brief
from pellucid.features._objectives import Unit, named_at
from pellucid.features._trust import PictureTrust
from pellucid.features._words import Word


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePictures:
    """For each objective the inputs that move it most inside the data's statistics, and how far to trust it.

    An objective is most often one unit; all tensors are by objective.

    Args:
        site: the layer; ``"."`` for the network's output.
        units: int64 ``[U]``, unit, channel or class numbers; -1 where an objective is about none or two.
        pictures: ``[U, S, *shape]``, S from different starts, in the network's input space; smaller than the
            network's input where the unit sees only a part.
        reached: ``[U, S]``, the unit's value for each.
        largest: ``[U]``, its largest value on the real data.
        ratio: ``[U]``, best of ``reached`` ÷ ``largest``; infinite where no real input moves the unit above
            zero but the picture does, NaN where neither does.
        distance: ``[U]``, from the best picture to the nearest real input (or piece of that size) ÷ the
            typical (median) distance between a real one and its nearest neighbour; 1 is as close as the data
            are to each other.
        agreement: ``[U]``, mean cosine between the pictures of different starts, the data's mean taken off,
            of 1-D signals the largest over shifts; NaN with a single start.
        untrained_ratio, untrained_distance, untrained_agreement: ``[U]``, the same recipe for the same unit
            numbers of untrained twins, mean over trials; NaN where none was run.
        started: bool ``[U]``, whether the unit could be moved at all; the pictures of one that could not show
            where the search began and mean nothing.
        words: per unit ``"supported"``, ``"weak"``, ``"not better than an untrained network"`` or
            ``"did not start"``; see :func:`~pellucid.features.activation_maximization`.
        real: ``[U, R, *shape]``, the strongest real inputs, cut to the canvas, beside each picture.
        rows: int64 ``[U, R]``, which inputs these are.
        steps: int64 ``[U, S]``, steps taken before a picture stood still.
        spec: what an input means.
        total: units of the layer, of which ``units`` may be a part.
        n: real inputs used.
        seconds: it took.
        params: the recipe, enough to run it again.
        note: how many units are shown of how many, and what was not run.
        labels: what each objective is, such as ``"unit 7"``.
        importance: ``[U, S, *space]``, where a picture was made: size of the slope in each of its pixels,
            summed over channels and steps of the climb, the largest 1; ``[U, S, D]`` for rows, ``[U, S, T]``
            for steps ``[T, D]``.
        origins: ``[U, *shape]``, the real input that each climb started from or looks like; ``None`` where
            climbs started from chance.
        origin_values: ``[U]``, the objective's value for these.
        moved: ``[U, S]``, distance from each picture to its origin ÷ the typical distance.
        trust: what the pictures tell about the units, and whether they go the way of real inputs.
        steadiness: ``[U]``, what is compared with the untrained: agreement ÷ distance, or the agreement alone
            where real inputs were accentuated; NaN where nothing moved.
        steadiness_bar: what that of 95 % of the untrained pictures does not exceed, of all of them below 20;
            a picture that does not either is not better. ``None`` where no control was run.
    """

    site: str
    units: Tensor
    pictures: Tensor
    reached: Tensor
    largest: Tensor
    ratio: Tensor
    distance: Tensor
    agreement: Tensor
    untrained_ratio: Tensor
    untrained_distance: Tensor
    untrained_agreement: Tensor
    started: Tensor
    words: tuple[Word, ...]
    real: Tensor
    rows: Tensor
    steps: Tensor
    spec: InputSpec | None
    total: int
    n: int
    seconds: float
    params: Mapping[str, Param]
    note: str
    labels: tuple[str, ...] = ()
    importance: Tensor | None = None
    origins: Tensor | None = None
    origin_values: Tensor | None = None
    moved: Tensor | None = None
    trust: PictureTrust | None = None
    steadiness: Tensor | None = None
    steadiness_bar: float | None = None

    __repr__ = brief

    def label(self, i: int) -> str:
        """What objective ``i`` is."""
        return self.labels[i] if self.labels else named_at(Unit(int(self.units[i])), self.site)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)
