"""What looking inside will take: layers, patches, dissections and atlases, from short trials."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid._core import Compute, Dataset, Subject, TargetLike
from pellucid.errors import InputError, MethodError
from pellucid.layers import EdgeAttribution, activation_patching, attribution_patching, edge_attribution
from pellucid.layers._concepts import FEWEST
from pellucid.layers._edges import edge_passes
from pellucid.layers._patching import sizes_of
from pellucid.layers._reach import chosen_sites
from pellucid.tasks._amounts import Estimate, Step
from pellucid.tasks._atlas import atlas
from pellucid.tasks._concept_sets import Sets
from pellucid.tasks._concepts import concepts as named_concepts
from pellucid.tasks._dictionary import checked_kind, learned_dictionary, refuse_negatives
from pellucid.tasks._dissect import dissect, marked
from pellucid.tasks._estimate import memory_of
from pellucid.tasks._estimate_features import by_steps
from pellucid.tasks._layer import layer
from pellucid.tasks._patch import (
    DRAWS,
    EDGE_DRAWS,
    EDGE_STEPS,
    SINKS,
    STEPS,
    VERIFIED,
    others_of,
    paired,
)
from pellucid.tasks._rows import held_out
from pellucid.tasks._spent import Spent, counted
from pellucid.tasks._stages import Stages
from pellucid.tasks._units import DRAWN, made_inputs

FEW = 60  # rows of the shorter trial
MOST = 200  # inputs that are used of each set of concepts


def estimate_patch(
    subject: Subject,
    clean: int | Sequence[int],
    corrupt: int | Sequence[int],
    site: str | None = None,
    into: str | None = None,
    *,
    target: TargetLike | str | None = None,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.patch` with these arguments will take.

    Returns:
        An :class:`Estimate`; passes are exact but for connections, where they are the most that it may be.

    Cost:
        One or two layers, or one step and one random order, in place of all.

    Example:
        >>> import pellucid
        >>> _ = torch.manual_seed(0)  # some networks answer 0 and 1 alike
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(80, 3), torch.tensor([0, 1] * 40)))
        >>> estimate_patch(subject, 0, 1, "1", target="0").exact
        True
    """
    began, how = time.perf_counter(), compute or Compute(batch_size=128)
    good, bad, asked = paired(subject, clean, corrupt, into, site, target)
    if site is None:
        step = _layers(subject, good, bad, asked, how)
    elif into is None:
        step = _units(subject, good, bad, asked, site, how)
    else:
        step = _edges(subject, good, bad, asked, (site, into), how)
    read = (2 if target is None and subject.task != "regression" else 1) * 2 * len(good)
    both = Step("what both are read as", read, 0, step.seconds * read / max(1, step.forward))
    memory = memory_of(subject, good.inputs[:1], len(good), how, cards=False)
    return Estimate((both, step), memory, time.perf_counter() - began)


def _layers(subject: Subject, good: Dataset, bad: Dataset, asked: TargetLike, how: Compute) -> Step:
    names = list(chosen_sites(subject.model, good.inputs, None, how)[0])
    others = others_of(held_out(subject.needs_data("patch")), how)
    stages = Stages(how, {"one": 1, "two": 1})

    def some(count: int, how: Compute) -> object:
        return activation_patching(
            subject.model,
            good.inputs,
            bad.inputs,
            asked,
            names[:count],
            others=others,
            spec=subject.spec,
            compute=how,
        )

    one = counted(subject.model, lambda: some(1, stages.pieces("one")))
    two = counted(subject.model, lambda: some(2, stages.pieces("two"))) if len(names) > 1 else one
    stages.end()
    more = len(names) - 1
    rows = one.forward + more * (two.forward - one.forward)
    seconds = one.seconds + more * max(0.0, two.seconds - one.seconds)
    return Step("whole layers", rows, 0, seconds)


def _units(subject: Subject, good: Dataset, bad: Dataset, asked: TargetLike, site: str, how: Compute) -> Step:
    def trial() -> None:
        found = attribution_patching(
            subject.model,
            good.inputs,
            bad.inputs,
            asked,
            site,
            steps=1,
            verified=1,
            draws=1,
            spec=subject.spec,
            compute=within,
        )
        total.append(len(found.units))

    total, stages = list[int](), Stages(how, {"units": 1})
    within = stages.pieces("units")
    rows, _, seconds = counted(subject.model, trial)
    stages.end()
    units = total[0]
    each = STEPS - 1 + min(VERIFIED, units) - 1 + (DRAWS - 1) * len(sizes_of(units))
    whole = rows + each * len(good)
    return Step("units", whole, STEPS * len(good), seconds * whole / rows)


def _edges(
    subject: Subject, good: Dataset, bad: Dataset, asked: TargetLike, ends: tuple[str, str], how: Compute
) -> Step:
    stages, found = Stages(how, {"one": 1}), list[EdgeAttribution]()
    within = stages.pieces("one")

    def trial() -> None:
        found.append(
            edge_attribution(
                subject.model,
                good.inputs,
                bad.inputs,
                asked,
                *ends,
                steps=1,
                most=1,
                draws=1,
                spec=subject.spec,
                compute=within,
            )
        )

    one = counted(subject.model, trial)
    stages.end()
    sinks = min(SINKS, found[0].sink_units)
    # single rows show that layers are called once
    rows = len(good) * edge_passes(len(found[0].edges), sinks, EDGE_STEPS, EDGE_DRAWS) + 2 * (1 + sinks)
    backward = EDGE_STEPS * (1 + sinks) * len(good)
    return Step("connections", rows, backward, one.seconds * rows / max(1, one.forward), exact=False)


def estimate_dissect(
    subject: Subject,
    site: str,
    masks: str | Path | Mapping[str, Tensor],
    *,
    units: Sequence[int] | None = None,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.dissect` with these arguments will take, from few of the pictures.

    Returns:
        An :class:`Estimate`.

    Cost:
        Reading the masks, and a twelfth of the passes or less.

    Example:
        >>> import pellucid
        >>> parts = torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 2)
        >>> data = (torch.rand(60, 1, 8, 8), torch.tensor([0, 1] * 30))
        >>> subject = pellucid.open(torch.nn.Sequential(*parts), data=data)
        >>> half = (torch.arange(8) < 4)[:, None].expand(8, 8, 8)
        >>> [step.name for step in estimate_dissect(subject, "0", {"upper half": half}).steps]
        ['passes over pictures']
    """
    began, how = time.perf_counter(), compute or Compute(batch_size=128)
    looked, shown = marked(subject, masks)
    few = max(2, min(16, len(looked) // 12))
    everywhere = torch.ones(1, *looked.inputs.shape[2:], dtype=torch.bool)

    def some(count: int, how: Compute) -> object:
        part = dataclasses.replace(subject, data=looked.rows(torch.arange(min(count, len(looked)))))
        cut = {name: everywhere.expand(min(count, len(looked)), -1, -1) for name in shown}
        return dissect(part, site, cut, units=units, compute=how)

    step = by_rows(subject, some, "passes over pictures", (few, 2 * few), len(looked), how=how)
    memory = memory_of(subject, looked.inputs[:1], 1, how, cards=False)
    return Estimate((step,), memory, time.perf_counter() - began)


def estimate_atlas(
    subject: Subject,
    site: str,
    *,
    grid: int = 8,
    rows: int = 1000,
    steps: int = 128,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.tasks.atlas` with these arguments will take, from two and from eight steps.

    Returns:
        An :class:`Estimate`; passes are the most that it may be, since cells that no longer climb are left
        alone.

    Cost:
        Ten of the steps, and twice the rest.

    Example:
        >>> estimate_atlas.__name__
        'estimate_atlas'
    """
    began, how = time.perf_counter(), compute or Compute(batch_size=128)

    def some(count: int, how: Compute) -> object:
        return atlas(subject, site, grid=grid, rows=rows, steps=count, compute=how)

    return by_steps(subject, some, steps, how, began)


def estimate_layer(
    subject: Subject,
    site: str,
    *,
    units: Sequence[int] | None = None,
    rows: int = 1000,
    steps: int = 128,
    dictionary: str | None = None,
    concepts: Sets | None = None,
    target: TargetLike | str | None = None,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.layer` with these arguments will take, from few rows and few steps.

    Returns:
        An :class:`Estimate`; nothing of it is exact.

    Cost:
        About a tenth of the work, and one dictionary from few rows; of concepts, 90 inputs of each set. Of 16
        rows or fewer all measures, without the made inputs: on large pictures these are most of the work.

    Example:
        >>> import pellucid
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(80, 3), torch.tensor([0, 1] * 40)))
        >>> estimate_layer(subject, "1", rows=40, steps=4).steps[0].name
        'measures over rows'
    """
    began, how = time.perf_counter(), compute or Compute(batch_size=128)
    data = subject.needs_data("layer")
    if dictionary is not None:
        checked_kind(dictionary)
        refuse_negatives(subject, site, dictionary, held_out(data).inputs, how.at(0, 1))
    looked = min(rows, len(held_out(data)))
    shares = {"rows": 2, "made": bool(steps), "dictionary": 5 * (dictionary is not None), "concepts": 1}
    stages = Stages(how, shares)

    known: list[int] = []

    def some(count: int, how: Compute) -> None:
        page = layer(subject, site, units=units, rows=count, steps=0, compute=how)
        known[:] = page.strongest.units.tolist()

    few = max(8, min(FEW, looked // 4))
    parts = [by_rows(subject, some, "measures over rows", (few, 2 * few), looked, how=stages.of("rows"))]
    if steps:

        def climbs(count: int, how: Compute) -> object:
            try:
                return made_inputs(subject, subject.model, site, known[:DRAWN], count, how)
            except (InputError, MethodError):
                # the page says why there are none
                return None

        climbed = by_steps(subject, climbs, steps, stages.of("made"), began)
        parts += [dataclasses.replace(each, name=f"made inputs: {each.name}") for each in climbed.steps]
    if dictionary is not None:
        within = stages.of("dictionary")
        took = counted(subject.model, lambda: learned_dictionary(subject, site, dictionary, compute=within))
        parts.append(Step("dictionary", *took, exact=False))
        again = [dataclasses.replace(each, name=f"its elements: {each.name}") for each in parts[:-1]]
        parts += [dataclasses.replace(each, exact=False) for each in again]
    if concepts is not None and target is not None:
        parts.append(of_concepts(subject, target, concepts, [site], stages.of("concepts")))
    stages.end()
    memory = memory_of(subject, data.inputs[:1], 1, how, cards=False)
    return Estimate(tuple(parts), memory, time.perf_counter() - began)


def of_concepts(
    subject: Subject,
    target: TargetLike | str,
    sets: Sets,
    sites: Sequence[str] | None,
    how: Compute,
    *,
    draws: int = 1000,
) -> Step:
    """What a test with concepts will take, from few inputs of each set."""

    def some(count: int, how: Compute) -> object:
        return named_concepts(subject, target, sets, sites, draws=draws, most=count, compute=how)

    return by_rows(subject, some, "concepts", (FEWEST, 2 * FEWEST), MOST, how=how, back=True)


def by_rows(
    subject: Subject,
    some: Callable[[int, Compute], object],
    name: str,
    sizes: tuple[int, int],
    total: int,
    *others: Subject,
    how: Compute,
    back: bool = False,
) -> Step:
    """What so many rows take, from two trials with fewer; one of all where there are few; ``back`` as
    :func:`counted`."""
    networks = [each.model for each in others]
    trials = {"low": sizes[0], "high": sizes[1]} if total > sizes[1] else {"all": total}
    stages = Stages(how, trials)

    def spent(trial: str) -> Spent:
        within = stages.pieces(trial)
        return counted(subject.model, lambda: some(trials[trial], within), *networks, back=back)

    found = [spent(trial) for trial in trials]
    stages.end()
    if len(found) == 1:
        return Step(name, *found[0], exact=False)
    low, high = found
    left, apart = max(0, total - sizes[1]), sizes[1] - sizes[0]
    forward, backward, seconds = (
        more + left * max(0, more - less) / apart for more, less in zip(high, low, strict=True)
    )
    return Step(name, round(forward), round(backward), seconds, exact=False)
