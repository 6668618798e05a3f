"""One real input followed through the network: from its pixels through units to the answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Question, Target, TargetLike, as_target, predict
from pellucid._core._field import Field, fields
from pellucid._core._functions import HEADS
from pellucid.errors import InputError
from pellucid.layers._ablated import usual
from pellucid.layers._exemplars import Exemplars, exemplars_of
from pellucid.layers._reach import along, calls, chosen_sites, count_of, is_function, leaves, rows_of, twin_of
from pellucid.layers._traced import TracedExample, TracedUnit
from pellucid.layers._walk import Walk

PARTS = 4
FAR = 0.25  # standard deviations between an answer and the usual one
STEPS = 6  # layers followed where none are named


def traced_example(
    model: nn.Module,
    example: Tensor,
    inputs: Tensor,
    target: TargetLike | None = None,
    sites: Sequence[str] | None = None,
    *,
    width: int = 3,
    k: int = 4,
    instead: Literal["mean", "swap"] = "mean",
    draws: int = 5,
    untrained_copy: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> TracedExample:
    """From the answer back to the input: the units that carry it, each arrow with its measured effect.

    The unit of the last layer without which the target falls most is the first. Then, layer by layer, every
    unit of the layer before is taken away in turn, and those without which the units above fall most are
    kept. At last parts of the input are taken away: what the first units see of a picture, else the spec's
    parts or columns. With s the value of the sink and ū its usual value::

        share = (s − s without the source) / |s − ū|

    Args:
        model: any network; it comes back as it was.
        example: ``[1, *shape]``.
        inputs: ``[N, *shape]``, real inputs for what is usual, and for exemplars.
        target: what is asked; ``None`` is the predicted class, or the output where there is one.
        sites: layers in the order of the pass; ``None`` takes what each layer with weights hands on, as far
            as each depends on the one before, six at most.
        width: most units of a layer; of the last layer one is taken.
        k: exemplars of each unit.
        instead: what stands in the place of a unit: its ``"mean"``, or ``"swap"`` its activation in other
            real inputs, ``draws`` of them, effects averaged.
        draws: sources at random beside each kept one, the control.
        untrained_copy: whether to trace an untrained copy too.
        spec: what an input means.
        compute: how to run.

    Returns:
        :class:`TracedExample`.

    Raises:
        InputError: if the example is not one row, or numbers cannot be.
        MethodError: if nothing before the answer carries it.
        SiteError: if a layer does not exist or is not reached.

    Cost:
        Three passes over the inputs; and for each unit on the way as many passes of one row as the layer
        before has units (1,024 at most), times ``draws`` for ``"swap"``. Twice with the untrained copy, less
        one pass.

    Limits:
        One example says how this answer came about, not how the class is told. The kept units are the
        strongest of many and so above random ones by choice: the untrained copy, traced alike, is the
        fairer control. Effects of units that stand in for each other are small for each alone, and shares
        of several sources need not add up to 1. Only units above their
        usual value are followed: what supports by being silent, and what inhibits, is measured and not shown.

    Source:
        Olah et al. 2020, Zoom in: an introduction to circuits (the picture); Morcos et al. 2018, arXiv
        1803.06959 (ablation to the mean).

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> found = traced_example(net, torch.ones(1, 3), torch.randn(50, 3), 0)
        >>> found.sites, len(found.units)
        (('1',), 1)
    """
    how = compute or Compute(batch_size=256)
    for name, given in (("example", example), ("inputs", inputs)):
        if not isinstance(given, Tensor):
            raise InputError(f"{name}: expected one tensor [N, *shape], got {type(given).__name__}.")
    total = _refuse(example, inputs, width, k, draws, instead)
    notes: list[str] = []
    start = how.at(0, PARTS)
    asked = _asked(model, example, target, spec, start)
    generator = torch.Generator().manual_seed(how.seed)
    others = torch.randperm(total, generator=generator)[:draws]
    swapped = rows_of(inputs, others) if instead == "swap" else None
    fed = along(example, spec)
    names = list(chosen_sites(model, fed, sites, start)[0]) if sites else _handed_on(model, fed, start)
    stand_in = usual(model, inputs, names, swapped, spec, start)
    walk = Walk(model, example, spec, how.at(1, PARTS), stand_in, width, draws)
    if not sites:
        names = _few(walk.connected(names, asked), notes)
    scores = Question(model, inputs, asked, spec=spec, compute=walk.how).base.double()
    whole, score = float(scores.mean()), float(walk.question(asked, None).base)
    if abs(score - whole) < FAR * float(scores.std()):
        notes.append("The example's answer hardly differs from the usual one: shares of it say little.")
    seen = fields(model, example, names, compute=walk.how)
    arrows, units = walk.run(names, asked, whole, seen, inputs)
    shown = exemplars_of(model, inputs, names, k=k, spec=spec, compute=how.at(2, PARTS))
    units = [_with_exemplars(unit, shown[names.index(unit.site)]) for unit in units]
    walk = replace(walk, how=how.at(3, PARTS))
    untrained = torch.full((len(names) + 1,), torch.nan, dtype=torch.float64)
    if untrained_copy and (twin := twin_of(model, along(inputs, spec), how, notes)) is not None:
        untrained = _twin_shares(twin, example, inputs, asked, names, swapped, walk, seen)
    how.progress(PARTS, PARTS)
    return TracedExample(
        asked.label,
        score,
        whole,
        tuple(names),
        tuple(units),
        tuple(arrows),
        untrained,
        example.detach().cpu(),
        instead,
        total,
        " ".join(notes),
    )


def _refuse(example: Tensor, inputs: Tensor, width: int, k: int, draws: int, instead: str) -> int:
    if len(example) != 1 or example.shape[1:] != inputs.shape[1:]:
        raise InputError(
            f"example: expected one row [1, *shape] like the inputs {list(inputs.shape)}, "
            f"got {list(example.shape)}."
        )
    if min(width, k, draws) < 1 or instead not in ("mean", "swap"):
        raise InputError(
            f"Expected width, k and draws of at least 1 and instead='mean' or 'swap', got {width}, {k}, "
            f"{draws} and {instead!r}."
        )
    if count_of(inputs) < 2:
        raise InputError("inputs: expected several real inputs, got one: nothing is usual.")
    return count_of(inputs)


def _asked(
    model: nn.Module, example: Tensor, target: TargetLike | None, spec: InputSpec | None, how: Compute
) -> Target:
    if target is not None:
        return as_target(target)
    answer = predict(model, example, spec=spec, compute=how)
    return as_target(int(answer[0].argmax()) if answer.ndim == 2 else 0)


def _handed_on(model: nn.Module, fed: Tensor | Batch, how: Compute) -> list[str]:
    """What each layer with weights, but the last, hands on: the last call after it with as many units."""
    found = [leaf for leaf in leaves(calls(model, fed, how))[0] if HEADS not in leaf.kind]
    weighted = [
        i
        for i, leaf in enumerate(found)
        if not is_function(leaf)
        and any(p.ndim > 1 for p in leaf.module.parameters())
        and not isinstance(leaf.module, nn.Embedding)
    ]
    if len(weighted) < 2:
        raise InputError("There is no hidden layer to trace through: name sites=, such as ['conv1'].")
    names: list[str] = []
    for start, end in itertools.pairwise(weighted):
        own = found[start].shape or ()
        alike = [
            leaf.site
            for leaf in found[start:end]
            if not isinstance(leaf.module, nn.Identity | nn.modules.dropout._DropoutNd)
            and leaf.shape is not None
            and len(leaf.shape) == len(own)
            and leaf.shape[1:2] == own[1:2]
        ]
        names.append(alike[-1])
    return names


def _few(names: list[str], notes: list[str]) -> list[str]:
    """So many that people can follow, evenly over the depth."""
    if len(names) <= STEPS:
        return names
    notes.append(f"{STEPS} of {len(names)} layers followed; sites= names others.")
    return [names[i] for i in torch.linspace(0, len(names) - 1, STEPS).round().long().tolist()]


def _with_exemplars(unit: TracedUnit, shown: Exemplars) -> TracedUnit:
    none = torch.empty(0, dtype=torch.int64)
    boxes, places = (none if part is None else part[unit.unit] for part in (shown.boxes, shown.positions))
    return replace(unit, rows=shown.rows[unit.unit], boxes=boxes, places=places)


def _twin_shares(
    twin: nn.Module,
    example: Tensor,
    inputs: Tensor,
    asked: Target,
    names: Sequence[str],
    swapped: Tensor | Batch | None,
    walk: Walk,
    seen: dict[str, Field | None],
) -> Tensor:
    """The largest share at each step of the same trace in an untrained copy ``[S + 1]``."""
    stand_in = usual(twin, inputs, names, swapped, walk.spec, walk.how)
    own = replace(walk, model=twin, stand_in=stand_in)
    whole = Question(twin, inputs, asked, spec=walk.spec, compute=walk.how).base.double().mean()
    arrows, units = own.run(names, asked, float(whole), seen, inputs)
    place = {name: k for k, name in enumerate(reversed(names))}
    largest = [float("nan")] * (len(names) + 1)
    for arrow in arrows:
        step = 0 if arrow.sink < 0 else 1 + place[units[arrow.sink].site]
        if not arrow.share <= largest[step]:
            largest[step] = arrow.share
    return torch.tensor(largest, dtype=torch.float64)
