"""Whether later layers really see more, choose more, forgive more and build on earlier ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Question, Target, brief, split, unit, untrained
from pellucid._core._units import by_unit, position_shape, unit_axis
from pellucid.errors import InputError, MethodError
from pellucid.layers._probes import FEWEST, probe_selectivity
from pellucid.layers._reach import (
    CALIBRATE,
    along,
    calls,
    chosen_sites,
    is_function,
    leaves,
    refuse_answers,
    tokens_of,
)
from pellucid.layers._selectivity import selectivity
from pellucid.layers._sketch import sketches

CURVES = ("effective field", "selectivity", "probe selectivity", "invariance", "composition")
ROWS, WIDTH, UNITS, TOP, DRAWS = 64, 256, 4, 5, 3
GONE = 0.1  # words of a text that are taken away
PROBED = 64  # numbers per row that a probe sees


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """Five curves over the depth of a network, each beside the same network untrained.

    Args:
        sites: layers in the order of the pass.
        curves: their names.
        own: ``[5, S]``; ``NaN`` where a curve says nothing of a layer:

            - effective field: side of the region from which a unit's slope comes, as a share of the input's
              side, 0 to 1 (an even region of that size would spread as much);
            - selectivity: the middle unit's AUC for the class it tells best;
            - probe selectivity: held-out accuracy of a linear probe, less that of one for answers drawn at
              random;
            - invariance: correlation of what a layer says of an input and of the input slightly changed;
            - composition: share of a unit's dependence on the layer before that its five strongest
              predecessors carry, less that of five at random.
        others: ``[K, 5, S]``, the same architecture trained from other seeds.
        untrained: ``[R, 5, S]``, untrained copies of several seeds.
        input_invariance: the invariance of the inputs themselves: layers begin from here.
        n: inputs.
        note: what was left out.
    """

    sites: tuple[str, ...]
    curves: tuple[str, ...]
    own: Tensor
    others: Tensor
    untrained: Tensor
    input_invariance: float
    n: int
    note: str = ""

    __repr__ = brief

    @property
    def apart(self) -> dict[str, tuple[str, ...]]:
        """For each curve the layers at which every trained network lies above all untrained copies."""
        return self._where(self._trained().amin(0) > self.untrained.amax(0))

    @property
    def beneath(self) -> dict[str, tuple[str, ...]]:
        """For each curve the layers at which every trained network lies below all untrained copies."""
        return self._where(self._trained().amax(0) < self.untrained.amin(0))

    @property
    def by_chance(self) -> int:
        """One layer in so many would be ``apart``, and one ``beneath``, if training made no difference."""
        return math.comb(1 + len(self.others) + len(self.untrained), len(self.untrained))

    def _trained(self) -> Tensor:
        return torch.cat([self.own[None], self.others])

    def _where(self, holds: Tensor) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(site for site, here in zip(self.sites, holds[c].tolist(), strict=True) if here)
            for c, name in enumerate(self.curves)
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def hierarchy(
    model: nn.Module,
    inputs: Tensor,
    answers: Tensor,
    sites: Sequence[str] | None = None,
    *,
    spec: InputSpec | None = None,
    others: Sequence[nn.Module] = (),
    seeds: int = 3,
    compute: Compute | None = None,
) -> Hierarchy:
    """Effective field, selectivity of units and of probes, invariance and composition, layer by layer.

    The claim that networks build "a hierarchy of features" is several claims; each curve tests one, and each
    stands beside untrained copies, whose curves often rise as well, since depth alone widens fields and
    mixes inputs.

    Args:
        model: a classifier; it comes back as it was.
        inputs: ``[N, *shape]``; pictures are changed by a shift of an eighth of their width, rows of a table
            by noise of a tenth of each column's sd, texts by taking away one word in ten.
        answers: class numbers int64 ``[N]``.
        sites: layers; ``None`` for all with weights.
        spec: what an input means; needed for texts.
        others: the same architecture trained from other seeds; two make three trained seeds.
        seeds: untrained copies.
        compute: how to run.

    Returns:
        :class:`Hierarchy`.

    Raises:
        InputError: if answers do not fit, or there are fewer than 30 inputs.
        MethodError: if the network cannot be copied.

    Cost:
        For each network three passes over the inputs; for each layer one more, ended there, two small fits,
        and with 64 inputs at most 31 passes forward and 5 back.

    Limits:
        Four units a layer carry the composition, 64 inputs the field and the composition: the curves are
        rough. A curve above the untrained ones says that training moved it, not that answers need it.

    Source:
        Luo et al. 2016, Understanding the effective receptive field in deep convolutional neural networks,
        arXiv 1701.04128 (the field).

    Example:
        >>> x = torch.randn(60, 4)
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> hierarchy(net, x, (x[:, 0] > 0).long(), seeds=1).own.shape
        torch.Size([5, 2])
    """
    how = compute or Compute(batch_size=256)
    if not isinstance(inputs, Tensor) or not (inputs.is_floating_point() or spec):
        kind = str(inputs.dtype) if isinstance(inputs, Tensor) else type(inputs).__name__
        raise InputError(
            "hierarchy changes its inputs slightly: expected one tensor of floats, or token numbers and "
            f"spec=, got {kind}."
        )
    refuse_answers(answers, len(inputs))
    if len(inputs) < 30:
        raise InputError(f"Expected 30 inputs or more, got {len(inputs)}.")
    if seeds < 1:
        raise InputError(f"seeds: expected at least one untrained copy, got {seeds}.")
    fed = along(inputs, spec)
    names = (
        list(chosen_sites(model, fed, sites, how)[0]) if sites is not None else _with_weights(model, fed, how)
    )
    changed = _changed(model, inputs, spec, how.seed)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    copies = [
        untrained(
            model, seed=how.seed + k, calibrate=None if fed is not inputs else inputs[:CALIBRATE].to(device)
        )
        for k in range(seeds)
    ]
    nets = [model, *others, *copies]
    test = _held_out(answers, how.seed)
    task = _Task(inputs, changed, answers, spec, test)
    total, begun = len(nets) * (4 * len(names) + 1), itertools.count()

    def step() -> Compute:
        done = next(begun)
        how.progress(done, total)
        return how.at(done, total)

    every = torch.stack([_curves(net, task, names, step) for net in nets])
    how.progress(total, total)
    notes = [] if inputs.ndim > 2 else ["No effective field: the inputs have no positions."]
    if test is None:
        notes.append(f"No probes: they need {FEWEST} rows to fit and as many to test.")
    own_input = _of_inputs(inputs, changed)
    cut = 1 + len(others)
    return Hierarchy(
        tuple(names),
        CURVES,
        every[0],
        every[1:cut],
        every[cut:],
        float(own_input),
        len(inputs),
        " ".join(notes),
    )


def _with_weights(model: nn.Module, inputs: Tensor | Batch, how: Compute) -> list[str]:
    found = leaves(calls(model, inputs, how))[0]
    return [
        leaf.site
        for leaf in found
        if not is_function(leaf)
        and any(p.ndim > 1 for p in leaf.module.parameters())
        and not isinstance(leaf.module, nn.Embedding)
    ]


def _changed(model: nn.Module, inputs: Tensor, spec: InputSpec | None, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if spec is not None and not inputs.is_floating_point():
        gone = torch.rand(inputs.shape, generator=generator).to(inputs.device) < GONE
        return torch.where(gone, spec.absent(inputs), inputs)
    if inputs.ndim > 2:
        axis = inputs.ndim - 1 if unit_axis(model, inputs, ".:in") == 1 else inputs.ndim - 2
        return inputs.roll(max(1, inputs.shape[axis] // 8), axis)
    noise = torch.randn(inputs.shape, generator=generator).to(inputs)
    return inputs + 0.1 * inputs.std(0) * noise


def _of_inputs(inputs: Tensor, changed: Tensor) -> float:
    """The invariance of the inputs themselves; of texts the share of tokens that stayed."""
    if not inputs.is_floating_point():
        return float((inputs == changed).double().mean())
    return _invariance({"": inputs.flatten(1)}, {"": changed.flatten(1)})[0]


def _held_out(answers: Tensor, seed: int) -> Tensor | None:
    """Rows that probes are tested on, 30 % of each class; ``None`` where there are too few."""
    y = answers.cpu().unique(return_inverse=True)[1]
    test = split(y, classes=True, seed=seed, shares=(0.0, 0.3)) == 2
    enough = min(int(test.sum()), int((~test).sum())) >= FEWEST and len(y[~test].unique()) > 1
    return test if enough else None


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What every network is asked about."""

    inputs: Tensor
    changed: Tensor
    answers: Tensor
    spec: InputSpec | None
    test: Tensor | None


def _curves(model: nn.Module, task: _Task, sites: Sequence[str], step: Callable[[], Compute]) -> Tensor:
    """Every curve ``[5, S]``; each layer of the dear ones, and all others together, are a step."""
    x, spec = task.inputs, task.spec
    few = x[:ROWS]
    real = tokens_of(x, spec)
    fields = [_effective_field(model, few, site, step()) for site in sites]
    told = [selectivity(model, x, task.answers, site, spec=spec, compute=step()) for site in sites]
    how = step()
    plain, moved = (sketches(model, along(rows, spec), sites, WIDTH, how, real) for rows in (x, task.changed))
    probed = _probe_selectivity(model, task, sites, how, step)
    parts = [_composition(model, few, sites[:s], sites[s], spec, step()) for s in range(len(sites))]
    areas = [float(each.auc.median()) for each in told]
    lines = (fields, areas, probed, _invariance(plain, moved), parts)
    return torch.stack([torch.tensor(line).double() for line in lines])


def _probe_selectivity(
    model: nn.Module, task: _Task, sites: Sequence[str], how: Compute, step: Callable[[], Compute]
) -> list[float]:
    if task.test is None:
        return [float("nan")] * len(sites)
    rows = sketches(
        model, along(task.inputs, task.spec), sites, PROBED, how, tokens_of(task.inputs, task.spec)
    )
    y = task.answers.cpu().unique(return_inverse=True)[1]
    return [probe_selectivity(rows[site], task.inputs, y, task.test, step().seed) for site in sites]


def _invariance(plain: dict[str, Tensor], moved: dict[str, Tensor]) -> list[float]:
    """Mean correlation, over inputs, of how each lies away from the mean before and after the change."""
    found: list[float] = []
    for site, rows in plain.items():
        mean = rows.double().mean(0)
        found.append(float(torch.cosine_similarity(rows.double() - mean, moved[site].double() - mean).mean()))
    return found


def _effective_field(model: nn.Module, x: Tensor, site: str, how: Compute) -> float:
    if x.ndim < 3:
        return float("nan")

    def central(output: Tensor, rows: Tensor) -> Tensor:
        found = by_unit(model, output, site)
        place = 0
        for size in position_shape(model, output, site):
            place = place * size + size // 2
        # each input asks another unit: one pass for all
        return found[torch.arange(len(found)), rows % found.shape[1], place]

    slope = Question(model, x, Target("a central unit", central, site=site), compute=how).gradient()
    energy = slope.double().square().sum(unit_axis(model, slope, ".:in"))
    energy = energy[energy.flatten(1).sum(1) > 0]
    if not len(energy):
        return float("nan")
    widths: list[Tensor] = []
    for axis in range(1, energy.ndim):
        side = energy.shape[axis]
        along = energy.movedim(axis, 1).flatten(2).sum(2) if energy.ndim > 2 else energy
        share = along / along.sum(1, keepdim=True)
        at = torch.arange(side).to(share)
        variance = (share * at**2).sum(1) - (share * at).sum(1) ** 2
        # an even region of w pixels has the variance (w² − 1) / 12
        widths.append(((12 * variance.clamp_min(0) + 1).sqrt() / side).clamp_max(1))
    return float(torch.stack(widths).log().mean(0).exp().mean())


def _before(
    model: nn.Module, x: Tensor, earlier: Sequence[str], site: str, spec: InputSpec | None, how: Compute
) -> str | None:
    """The nearest layer that a layer builds on: of an LSTM its steps, where its cells are not read."""
    for before in reversed(earlier):
        try:
            Question(model, x[:1], unit(site, 0), at=before, spec=spec, compute=how).gradient()
        except MethodError:
            continue
        return before
    return None


def _composition(
    model: nn.Module, x: Tensor, earlier: Sequence[str], site: str, spec: InputSpec | None, how: Compute
) -> float:
    """How much more five predecessors by slope carry of a unit than five at random."""
    before = _before(model, x, earlier, site, spec, how)
    if before is None:
        return float("nan")
    generator = torch.Generator().manual_seed(how.seed)
    probe = Question(model, x, unit(site, 0), at=before, spec=spec, compute=how)
    point = probe.point
    if point.ndim < 2:
        return float("nan")
    axis = unit_axis(model, point, before)
    total = point.shape[axis]
    top = min(TOP, total // 4)
    seen = probe.seen(site)
    count = int(seen.shape[1]) if seen.ndim > 1 else 1
    # units of maps stand first and are averaged over positions; those of steps stand last
    if top < 1 or seen.ndim < 2 or unit_axis(model, seen, site) != 1:
        return float("nan")
    away = point - point.mean([k for k in range(point.ndim) if k != axis], keepdim=True)
    gains: list[float] = []
    for number in torch.linspace(0, count - 1, min(UNITS, count)).long().tolist():
        question = Question(model, x, unit(site, int(number)), at=before, spec=spec, compute=how)
        share = (question.gradient() * away).double().movedim(axis, 1)
        weight = share.reshape(len(share), total, -1).sum(2).abs().mean(0)
        order = [weight.argsort(descending=True)[:top].cpu()]
        order += [torch.randperm(total, generator=generator)[:top] for _ in range(DRAWS)]
        on = torch.zeros(DRAWS + 2, total, dtype=torch.bool)
        on[-1] = True
        for line, units in zip(on, order, strict=False):
            line[units] = True
        lost = _lost(question, on, away, axis)
        if float(lost[-1]) > 0:
            gains.append(float((lost[0] - lost[1:-1].mean()) / lost[-1]))
    return sum(gains) / len(gains) if gains else float("nan")


def _lost(question: Question, on: Tensor, away: Tensor, axis: int) -> Tensor:
    """Mean change of the target when the units of each line are held at their mean."""
    shape = [1] * (question.point.ndim + 1)
    shape[axis + 1] = -1

    def without(ks: Tensor, rows: slice) -> Tensor:
        here = on[ks].to(away.device).reshape(len(ks), *shape[1:])
        return question.point[rows] - torch.where(here, away[rows], 0)

    return (question.scores(without, len(on)).double() - question.base.double()).abs().mean(1).cpu()
