"""The verb ``dissect``: which units of a layer light up where labelled things lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid._core import PARTS, Compute, Dataset, Subject, brief, only_subject
from pellucid.data import marked_places
from pellucid.errors import InputError
from pellucid.inputs import ImageSpec
from pellucid.layers import Dissection, Exemplars, exemplar_maps, exemplars, network_dissection
from pellucid.tasks._rows import held_out
from pellucid.tasks._stages import Stages

if TYPE_CHECKING:
    from pellucid.figures import Figure

SHOWN = 6  # units whose pictures are drawn


@dataclass(frozen=True, slots=True, eq=False)
class DissectionPage:
    """Agreement of units with masks, and the pictures that move the best ones most.

    Args:
        found: the agreement, beside its three controls.
        strongest: pictures of the units with the largest agreement.
        real: the pictures that were looked at.
    """

    found: Dissection
    strongest: Exemplars
    real: Dataset

    __repr__ = brief

    def figures(self) -> list[Figure]:
        """The agreement, and the pictures."""
        from pellucid import figures

        return [figures.dissection(self.found), figures.exemplars(self.strongest, self.real, k=6, tile=64)]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        drawn = self.figures()
        plain = "\n\n".join(f"{each.title}\n{each.alt}\n{each.table.text()}" for each in drawn)
        return {"text/plain": plain, "text/html": "".join(each.static() for each in drawn)}


def dissect(
    subject: Subject,
    site: str,
    masks: str | Path | Mapping[str, Tensor],
    *,
    units: Sequence[int] | None = None,
    compute: Compute | None = None,
) -> DissectionPage:
    """Which units of a layer are strongest where something labelled lies, beside three controls.

    Args:
        subject: a network of pictures.
        site: a layer with maps, as :func:`pellucid.layers` names it.
        masks: a folder or ``.zip`` with pictures and masks, as :func:`pellucid.data.marked_places` reads
            them; or bool ``[N, H, W]`` by concept, over the held-out rows of the subject's own data.
        units: which channels; left out, all.
        compute: how to run.

    Returns:
        A :class:`DissectionPage`.

    Raises:
        InputError: where the network reads no pictures, or masks do not fit or are empty.
        LoadError: where there is no such folder, or a file is damaged.
        MethodError: where the layer has no maps.
        SiteError, TargetError: where the layer or a unit does not exist.

    Cost:
        As :func:`pellucid.layers.network_dissection`, and two passes more.

    Example:
        >>> import pellucid
        >>> parts = torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 2)
        >>> data = (torch.rand(60, 1, 8, 8), torch.tensor([0, 1] * 30))
        >>> subject = pellucid.open(torch.nn.Sequential(*parts), data=data)
        >>> upper = torch.zeros(len(held_out(subject.data)), 8, 8, dtype=torch.bool)
        >>> upper[:, :4] = True
        >>> pellucid.dissect(subject, "0", {"upper half": upper}).found.iou.shape
        torch.Size([2, 1])
    """
    only_subject(subject)
    looked, shown = marked(subject, masks)
    stages = Stages(compute or Compute(batch_size=128), {"dissection": 3, "exemplars": 2})
    found = network_dissection(
        subject.model, looked.inputs, shown, site, units=units, compute=stages.of("dissection")
    )
    best = found.units[found.iou.amax(1).argsort(descending=True, stable=True)[:SHOWN]]
    spec, within = subject.spec, stages.of("exemplars")
    strongest = exemplars(
        subject.model, looked.inputs, site, k=6, units=best.tolist(), spec=spec, compute=within
    )
    strongest = exemplar_maps(subject.model, looked.inputs, strongest, spec=spec, compute=within)
    stages.end()
    return DissectionPage(found, strongest, looked)


def marked(
    subject: Subject, masks: str | Path | Mapping[str, Tensor]
) -> tuple[Dataset, Mapping[str, Tensor]]:
    """Pictures as the network takes them, and where each concept lies."""
    spec = subject.spec
    if not isinstance(spec, ImageSpec):
        raise InputError(f"Dissection looks at maps over pictures; this network reads {spec.reads}.")
    data = held_out(subject.needs_data("dissect"))
    if isinstance(masks, Mapping):
        return data, masks
    height, width = (int(side) for side in data.inputs.shape[2:])
    found = marked_places(masks, size=(height, width), colour="grey" if spec.channels == 1 else "rgb")
    inputs = spec.from_pixels(found.pixels).to(data.inputs.dtype)
    parts = torch.full((len(inputs),), PARTS.index("test"), dtype=torch.int8)
    # what a picture shows as a whole nobody said: each is called by its name
    answers = torch.arange(len(inputs))
    looked = Dataset(found.name, inputs, answers, spec, found.names, parts, source=str(masks))
    return looked, found.masks
