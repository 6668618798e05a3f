"""The verb ``features``: what the units of a layer respond to most."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import Batch, Compute, Dataset, Subject, predict, sites
from pellucid.errors import InputError, MethodError
from pellucid.features import FeaturePictures, activation_maximization, token_maximization
from pellucid.inputs import TextSpec
from pellucid.layers import Exemplars
from pellucid.layers import exemplars as strongest_inputs
from pellucid.tasks._rows import held_out, sample

Statistics = Literal["auto", "covariance", "spectrum", "fourier", "phase", "marginals", "free"]


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePage:
    """Synthetic inputs of a layer's units beside the real inputs that excite the same units most.

    Args:
        pictures: what activation maximization found, with its controls.
        exemplars: the most exciting real inputs; their ``rows`` number the rows of ``real``.
        real: those inputs, each once.
    """

    pictures: FeaturePictures
    exemplars: Exemplars
    real: Dataset

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(figures.feature_tiles(self.pictures, self.exemplars, self.real))


def feature_sites(subject: Subject) -> tuple[str, ...]:
    """Layers whose units are worth a picture: every layer with weights but the last, in order of the pass.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> feature_sites(pellucid.open(network, data=(torch.rand(8, 3), torch.tensor([0, 1] * 4))))
        ('0',)
    """
    row = subject.needs_data("features").inputs[:1]
    reached = sites(subject.model, lambda: predict(subject.model, row))
    learned = [r.site for r in reached if r.shape is not None and _has_weights(r.module)]
    return tuple(learned[:-1])


def _has_weights(module: torch.nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim > 1 and not isinstance(module, torch.nn.Embedding)


def features(
    subject: Subject,
    site: str | None = None,
    *,
    units: Sequence[int] | None = None,
    steps: int = 256,
    seeds: int = 2,
    statistics: Statistics = "auto",
    exemplars: int = 6,
    rows: int = 2000,
    compute: Compute | None = None,
) -> FeaturePage:
    """What the units of a layer respond to most: made inputs, real inputs, and the untrained control.

    Args:
        subject: a network with data.
        site: layer, as :func:`pellucid.layers` names it; left out, the last hidden layer with weights.
        units: unit or channel numbers; left out, all.
        steps, seeds: of activation maximization; for texts of
            :func:`~pellucid.features.token_maximization`.
        statistics: what a made input keeps of the data; see
            :func:`~pellucid.features.activation_maximization`.
        exemplars: real inputs per unit.
        rows: most real inputs to look at.
        compute: how to run.

    Returns:
        A :class:`FeaturePage`.

    Raises:
        SiteError: where the layer does not exist or is not reached.
        InputError: where a unit does not exist or the subject has no data.

    Cost:
        ``steps`` forward and backward passes of ``units × seeds`` rows up to the layer, twice (the untrained
        copy), and one forward pass of ``rows`` rows.

    Limits:
        A made picture shows what drives a unit beyond real inputs; the numbers beside it say how far it lies
        from them, whether another start finds the same, and whether an untrained network does as well.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(80, 3), torch.tensor([0, 1] * 40)))
        >>> pellucid.features(subject, "0", steps=4).pictures.units.tolist()
        [0, 1, 2, 3]
    """
    data = subject.needs_data("features")
    chosen = site if site is not None else _last(subject)
    looked = data.rows(sample(len(data), rows, seed=(compute or Compute()).seed))
    index = None if units is None else torch.as_tensor(list(units), dtype=torch.int64)
    if index is not None and not len(index):
        raise InputError("units is empty; name at least one, or leave it out for all.")
    if isinstance(subject.spec, TextSpec):
        _only_auto(statistics)
        made = token_maximization(
            subject.model,
            chosen,
            spec=subject.spec,
            data=looked.inputs,
            units=index,
            steps=steps,
            seeds=seeds,
            compute=compute,
        )
    else:
        made = activation_maximization(
            subject.model,
            chosen,
            spec=subject.spec,
            data=looked.inputs,
            units=index,
            steps=steps,
            seeds=seeds,
            statistics=statistics,
            compute=compute,
        )
    real = strongest_inputs(
        subject.model, _named(looked), chosen, k=exemplars, units=made.units, compute=compute
    )
    return FeaturePage(made, *_compact(real, looked))


def first_units(subject: Subject, site: str, most: int) -> list[int] | None:
    """The ``most`` units that real inputs excite most, by number; ``None`` where there are no more."""
    data = held_out(subject.needs_data("features"))
    found = strongest_inputs(subject.model, _named(data.rows(sample(len(data), 500))), site, k=1)
    if len(found.units) <= most:
        return None
    return sorted(found.units[found.values[:, 0].argsort(descending=True)[:most]].tolist())


def _named(data: Dataset) -> Tensor | Batch:
    """The inputs under the names that the network takes them by, with what goes along."""
    name, along = data.spec.companions(data.inputs)
    return Batch({name: data.inputs}, along) if name else data.inputs


def _only_auto(statistics: str) -> None:
    if statistics != "auto":
        raise InputError(
            f"statistics={statistics!r} is for inputs of numbers; "
            "texts are made of real tokens: leave it out."
        )


def _last(subject: Subject) -> str:
    found = feature_sites(subject)
    if not found:
        raise MethodError("This network has no hidden layer with weights; features of inputs are the inputs.")
    return found[-1]


def _compact(real: Exemplars, looked: Dataset) -> tuple[Exemplars, Dataset]:
    """The exemplars with only the rows that they name."""
    kept, number = real.rows.clamp_min(0).unique(return_inverse=True)
    numbered = torch.where(real.rows < 0, real.rows, number)
    return dataclasses.replace(real, rows=numbered), looked.rows(kept)
