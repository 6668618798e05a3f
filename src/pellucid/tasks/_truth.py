"""Ground truth: networks and inputs for which it is known what matters, and how well methods find it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid import data, evidence
from pellucid._core import PARTS, Compute, InputSpec, predict
from pellucid.errors import InputError, TrainingError, near_misses
from pellucid.inputs import ImageSpec
from pellucid.tasks._explain import method_named, methods
from pellucid.tasks._pretrained import mobilenet
from pellucid.tasks._stages import Stages
from pellucid.tasks._train import train

TASKS = ("planted", "davis", "mosaics")
BUDGETS = {"planted": 100_000, "davis": 6_000, "mosaics": 6_000}
NEEDS = {
    "davis": "a folder or .zip with images/NAME.jpg, masks/NAME.png and index.csv (columns name, sequence, "
    "imagenet_ok), such as frames of DAVIS 2016",
    "mosaics": "a folder or .zip of photographs whose names begin with the number of their ImageNet class, "
    "such as 285_cat.jpg",
}
TOP = 5  # a class counts as seen where it is among so many
PLANTED = 200  # rows of a planted task


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """A network with inputs, the class to explain in each, and the true place of its reason."""

    title: str
    model: nn.Module
    x: Tensor
    truth: Tensor
    classes: Tensor
    spec: InputSpec
    clusters: Tensor | None
    target: Literal["log_odds", "logit"]


def truth(
    task: str = "planted",
    *,
    source: str | Path | None = None,
    among: Sequence[str] | None = None,
    budget: int | None = None,
    twin: bool = True,
    regions: int | None = None,
    watch: Callable[[evidence.TruthRow], None] | None = None,
    compute: Compute | None = None,
) -> tuple[evidence.GroundTruth, ...]:
    """How well methods find what is known to matter, beside baselines that know nothing.

    Args:
        task: ``planted``: a table with a planted rule and pictures with a planted patch, on networks that are
            trained here and shown by intervention to live by the plant. ``davis``: masks of the object that
            MobileNetV2 sees. ``mosaics``: the quadrant of the class among four photographs.
        source: the pictures of ``davis`` and ``mosaics``; ``planted`` takes none.
        among: names of methods; left out, all that are published.
        budget: most network rows that one method may spend on all inputs (forward + twice backward); left
            out, 100,000 for the small networks of ``planted`` and 6,000 for photographs.
        twin: whether to measure an untrained copy too.
        regions: superpixels into which photographs are cut for methods that take parts away; left out, square
            cells, eight along each side. Fewer parts make these methods cheaper and coarser.
        watch: called with each finished row of a table.
        compute: how to run.

    Returns:
        One table for each network.

    Raises:
        InputError: where there is no such task, or ``source`` or ``regions`` is missing or superfluous.
        LoadError: where pictures or weights cannot be read.
        TrainingError: where a network did not learn the plant, so that nothing would be known.

    Cost:
        That of the methods, up to ``budget`` rows each; half a minute of training for ``planted``.

    Limits:
        As for :func:`pellucid.evidence.localisation`. In ``davis`` and ``mosaics`` the bare logit is
        explained, as in the literature; in ``planted`` the log-odds.
    """
    if task not in TASKS:
        raise InputError(f"There is no task {task!r}. {near_misses(task, TASKS)}")
    chosen = {name: method_named(name) for name in (methods() if among is None else among)}
    how = compute or Compute()
    stages = Stages(how, {"networks": 1} | dict.fromkeys(map(str, range(2 if task == "planted" else 1)), 2))
    cases = _cases(task, source, regions, stages.of("networks"))
    found = tuple(
        evidence.ground_truth(
            case.model,
            case.x,
            case.truth,
            case.classes,
            chosen,
            task=case.title,
            target=case.target,
            spec=case.spec,
            clusters=case.clusters,
            budget=budget or BUDGETS[task],
            twin=twin,
            watch=watch,
            compute=stages.of(str(k)),
        )
        for k, case in enumerate(cases)
    )
    stages.end()
    return found


def _cases(task: str, source: str | Path | None, regions: int | None, how: Compute) -> list[_Case]:
    if task == "planted":
        if source is not None or regions is not None:
            raise InputError("The planted tasks are generated; they take no data and no regions.")
        stages = Stages(how, {"table": 1, "patch": 2})
        return [_planted_table(stages.of("table")), _planted_patch(stages.of("patch"))]
    if source is None:
        raise InputError(f"{task} needs pictures: {NEEDS[task]}. Give their path.")
    case = _davis(source, how) if task == "davis" else _mosaics(source, how)
    if regions is None:
        return [case]
    if not isinstance(case.spec, ImageSpec):
        raise InputError("Only pictures have regions.")
    return [
        dataclasses.replace(case, spec=dataclasses.replace(case.spec, parts="superpixels", regions=regions))
    ]


def _planted_table(how: Compute) -> _Case:
    return _planted("a rule over 12 columns", data.planted_table(seed=how.seed), 30, how)


def _planted_patch(how: Compute) -> _Case:
    return _planted("a patch beside digits", data.planted_patch(seed=how.seed), 20, how)


def _planted(title: str, planted: data.Planted, epochs: int, how: Compute) -> _Case:
    """Held-out rows that a network which lives by the plant answers rightly."""
    plant = planted.dataset
    model = train(
        plant,
        epochs=epochs,
        patience=None,
        seed=how.seed,
        watch=lambda epoch: how.progress(epoch.index + 1, epochs),
    ).model
    found = data.verify_plant(planted, model)
    if not found.used:
        raise TrainingError(f"Nothing would be known of {plant.name}: {found} Try another seed.")
    if plant.relevant is None:
        raise InputError(f"{plant.name} does not say what is relevant.")
    right = predict(model, plant.inputs).argmax(1) == plant.answers
    marked = plant.relevant.flatten(1).any(1)
    rows = ((plant.parts == PARTS.index("test")) & right & marked).nonzero().flatten()[:PLANTED]
    x, relevant = plant.inputs[rows], plant.relevant[rows]
    return _Case(title, model, x, relevant, plant.answers[rows], plant.spec, None, "log_odds")


def _davis(source: str | Path, how: Compute) -> _Case:
    """Frames in which the network sees the object: a fitting class is among its first five."""
    model, found = mobilenet(), data.masked_pictures(source)
    frames = found.dataset
    outputs = predict(model, frames.inputs, compute=how)
    seen = outputs.topk(TOP, dim=1).indices.tolist()
    rows = [i for i, few in enumerate(found.fitting) if set(few) & set(seen[i])]
    if frames.relevant is None or not rows:
        raise InputError("The network sees the marked object in none of these pictures.")
    best = [max(found.fitting[i], key=lambda k, i=i: float(outputs[i, k])) for i in rows]
    index, title = torch.tensor(rows), f"the marked object in {len(rows)} of {len(frames)} frames"
    return _Case(
        title,
        model,
        frames.inputs[index],
        frames.relevant[index],
        torch.tensor(best),
        frames.spec,
        found.clusters[index],
        "logit",
    )


def _mosaics(source: str | Path, how: Compute) -> _Case:
    """Mosaics of photographs that the network names rightly when each stands alone."""
    model, single = mobilenet(), data.single_pictures(source)
    right = predict(model, single.inputs, compute=how).argmax(1) == single.answers
    usable = right.nonzero().flatten()
    made = data.mosaics(source, count=min(16, len(usable) // 4), among=usable, seed=how.seed)
    dataset = made.dataset
    if dataset.relevant is None:
        raise InputError("These mosaics do not say where their classes are.")
    title = f"the quadrant of the class in {len(dataset) // 4} mosaics"
    x, answers = dataset.inputs, dataset.answers
    return _Case(title, model, x, dataset.relevant, answers, dataset.spec, made.clusters, "logit")
