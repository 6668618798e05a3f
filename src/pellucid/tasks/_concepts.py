"""The verb ``concepts``: whether answers depend on what people have names for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor

from pellucid._core import Compute, Subject, TargetLike, only_subject
from pellucid.errors import TargetError, near_misses
from pellucid.layers import Concepts
from pellucid.layers import concepts as held_against_random
from pellucid.tasks._concept_sets import Sets, concept_sets
from pellucid.tasks._feature_sites import feature_sites
from pellucid.tasks._rows import sample


def concepts(
    subject: Subject,
    target: TargetLike | str,
    sets: Sets,
    sites: Sequence[str] | None = None,
    *,
    random: Tensor | None = None,
    draws: int = 1000,
    most: int = 200,
    compute: Compute | None = None,
) -> Concepts:
    """Whether an answer depends on concepts, layer by layer, beside random concepts and an untrained copy.

    Args:
        subject: a network with data.
        target: a class by number or name, or any target. Where it is a class, its own inputs are asked.
        sets: what shows the concepts, one or several of: a folder with a folder of pictures or sounds for
            each (one called ``random`` serves as the random inputs); a column, whose levels, or highest and
            lowest quarter, are the concepts; a condition such as ``"dti > .43"``; classes that have it, such
            as ``"has a loop: 0, 6, 8, 9"``. Or inputs by name.
        sites: layers; left out, every layer with weights but the last.
        random: inputs without regard to the concepts; left out, the subject's own data.
        draws: random concepts.
        most: inputs used of each set.
        compute: how to run.

    Returns:
        :class:`pellucid.layers.Concepts`.

    Raises:
        InputError: where sets cannot be read or hold fewer than 30 inputs.
        TargetError: where a class has no such name.
        SiteError: where a layer does not exist.

    Cost:
        As :func:`pellucid.layers.concepts`.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> found = concepts(subject, "malignant", "worst area", ["dense1"], draws=99)
        >>> found.concepts
        ('high worst area', 'low worst area')
    """
    only_subject(subject)
    data = subject.needs_data("concepts")
    how = compute or Compute(batch_size=128)
    asked = _class_of(subject, target) if isinstance(target, str) else target
    own = data.inputs
    if isinstance(asked, int) and data.classes:
        own = data.inputs[data.answers == asked]
    shown, others = concept_sets(subject, data, sets)
    plain = random if random is not None else others
    names = list(sites) if sites is not None else list(feature_sites(subject))
    found = held_against_random(
        subject.model,
        own[sample(len(own), most, seed=how.seed)],
        asked,
        shown,
        names,
        random=plain[sample(len(plain), most, seed=how.seed)],
        draws=draws,
        most=most,
        compute=how,
    )
    if isinstance(asked, int) and asked < len(data.classes):
        return dataclasses.replace(found, target=f"logit({data.classes[asked]})")
    return found


def _class_of(subject: Subject, name: str) -> int:
    if name in subject.classes:
        return subject.classes.index(name)
    if name.isdigit():
        return int(name)
    raise TargetError(f"No class is called {name!r}. {near_misses(name, subject.classes)}")
