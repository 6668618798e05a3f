"""What is made for networks that read texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from torch import Tensor

from pellucid._core import Compute, Subject
from pellucid.errors import InputError
from pellucid.features import FeaturePictures, Logit, token_maximization
from pellucid.inputs import TextSpec
from pellucid.tasks._climbs import Asked
from pellucid.tasks._feature_sites import last_site

OUTPUT = "."


def texts_made(
    subject: Subject, site: str | None, data: Tensor, asked: Asked, compute: Compute | None
) -> FeaturePictures:
    """Texts of real tokens for units of a layer, or for classes.

    Raises:
        InputError: for what can only be done with inputs of numbers.
    """
    _refuse(asked)
    units, names, place = asked.units, (), site
    if asked.objectives:
        if units is not None or site not in (None, OUTPUT):
            raise InputError("A class is read from the network's output; name no layer and no units.")
        goals = cast("Sequence[Logit]", asked.objectives)
        units, names, place = [goal.index for goal in goals], tuple(map(str, goals)), OUTPUT
    made = token_maximization(
        subject.model,
        last_site(subject) if place is None else place,
        spec=cast("TextSpec", subject.spec),
        data=data,
        units=units,
        steps=asked.steps,
        seeds=asked.seeds,
        twin=asked.twin,
        compute=compute,
    )
    return replace(made, labels=names) if names else made


def _refuse(asked: Asked) -> None:
    unlike = {
        "faces": asked.faces is not None,
        "accentuation": bool(asked.accentuate),
        "caricatures": bool(asked.caricatures),
        "transforms": asked.transforms != "auto",
        "statistics": asked.statistics != "auto",
        "kept portions": asked.keep is not None,
        "objectives other than classes": not all(isinstance(each, Logit) for each in asked.objectives),
    }
    given = [name for name, is_given in unlike.items() if is_given]
    if given:
        raise InputError(
            f"{given[0].capitalize()}: only for inputs of numbers; texts are made of real tokens, for units "
            "or classes. Leave that out."
        )
