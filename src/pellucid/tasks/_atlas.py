"""The verb ``atlas``: what a layer tells apart, on one map beside an untrained copy's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pellucid._core import Compute, Subject, brief, only_subject, untrained
from pellucid.errors import InputError
from pellucid.features import ActivationAtlas, activation_atlas
from pellucid.inputs import AudioSpec, ImageSpec
from pellucid.layers._reach import part_of
from pellucid.tasks._rows import sample
from pellucid.tasks._units import calibrating

if TYPE_CHECKING:
    from pellucid.figures import Figure

POINTS, MOST = 3000, 16  # activations on the map, for t-SNE takes long for many; and of one input


@dataclass(frozen=True, slots=True, eq=False)
class AtlasPage:
    """An atlas of a layer, and one made alike of an untrained copy.

    Args:
        found: of the network.
        untrained: of the copy.
    """

    found: ActivationAtlas
    untrained: ActivationAtlas

    __repr__ = brief

    def figures(self) -> list[Figure]:
        """Both, with the real inputs of the same cells."""
        from pellucid import figures

        return [figures.activation_atlas(self.found, self.untrained, real=True)]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self.figures()[0])


def atlas(
    subject: Subject,
    site: str,
    *,
    grid: int = 8,
    rows: int = 1000,
    steps: int = 128,
    compute: Compute | None = None,
) -> AtlasPage:
    """What a layer tells apart: real activations on a map, an input made for each cell, the same untrained.

    Args:
        subject: a network of pictures or sounds, with data.
        site: the layer, as :func:`pellucid.layers` names it.
        grid: side of the map in cells.
        rows: most inputs to look at.
        steps: of activation maximization.
        compute: how to run.

    Returns:
        An :class:`AtlasPage`.

    Raises:
        InputError: where inputs are no pictures or sounds, or too few.
        SiteError: where the layer does not exist or is not reached.
        MethodError: where the network cannot be copied.

    Cost:
        As :func:`pellucid.features.activation_atlas`, twice, with about 3,000 activations on the map.

    Limits:
        As there: an atlas is a picture to look at; what carries evidence is the share of made inputs that
        lead back to their cell, beside the untrained copy's.

    Example:
        >>> atlas.__name__
        'atlas'
    """
    only_subject(subject)
    data = subject.needs_data("atlas")
    if not isinstance(subject.spec, ImageSpec | AudioSpec):
        raise InputError(
            f"An atlas is drawn of pictures and sounds; this network reads {subject.spec.reads}. "
            "The layer's page has a map of its space for any input."
        )
    how = compute or Compute(batch_size=128)
    some = data.rows(sample(len(data), rows, seed=how.seed))
    copy = untrained(subject.model, seed=how.seed, calibrate=calibrating(some))
    own, beside = (
        activation_atlas(
            network,
            site,
            spec=subject.spec,
            data=some.inputs,
            grid=grid,
            positions=max(1, min(MOST, POINTS // len(some))),
            steps=steps,
            compute=part_of(how, number, 2),
        )
        for number, network in enumerate((subject.model, copy))
    )
    return AtlasPage(own, beside)
