"""Whether later layers really see more, choose more, forgive more and build on earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Question, Target, unit, untrained
from pellucid._core._units import by_unit, position_shape, unit_axis
from pellucid.errors import InputError
from pellucid.layers._reach import CALIBRATE, calls, chosen_sites, is_function, leaves
from pellucid.layers._selectivity import selectivity
from pellucid.layers._sketch import sketches

CURVES = ("effective field", "selectivity", "invariance", "composition")
ROWS, WIDTH, UNITS, TOP, DRAWS = 64, 256, 4, 5, 3


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """Four curves over the depth of a network, each beside the same network untrained.

    Args:
        sites: layers in the order of the pass.
        curves: names of the four.
        own: ``[4, S]``; ``NaN`` where a curve says nothing of a layer:

            - effective field: side of the region from which a unit's slope comes, as a share of the input's
              side, 0 to 1 (an even region of that size would spread as much);
            - selectivity: the middle unit's AUC for the class it tells best;
            - invariance: correlation of what a layer says of an input and of the input slightly changed;
            - composition: share of a unit's dependence on the layer before that its five strongest
              predecessors carry, less that of five at random.
        others: ``[K, 4, S]``, the same architecture trained from other seeds.
        untrained: ``[R, 4, S]``, untrained copies of several seeds.
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

    @property
    def apart(self) -> dict[str, tuple[str, ...]]:
        """For each curve the layers at which the network lies outside all untrained copies, upwards."""
        highest = self.untrained.amax(0)
        return {
            name: tuple(site for s, site in enumerate(self.sites) if self.own[c, s] > highest[c, s])
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
    others: Sequence[nn.Module] = (),
    seeds: int = 3,
    compute: Compute | None = None,
) -> Hierarchy:
    """Effective field, class selectivity, invariance and composition, layer by layer.

    The claim that networks build "a hierarchy of features" is four claims; each curve tests one, and each
    stands beside untrained copies, whose curves often rise as well, since depth alone widens fields and
    mixes inputs.

    Args:
        model: a classifier; it comes back as it was.
        inputs: ``[N, *shape]``; pictures are changed by a shift of an eighth of their width, rows of a table
            by noise of a tenth of each column's sd.
        answers: class numbers int64 ``[N]``.
        sites: layers; ``None`` for all with weights.
        others: the same architecture trained from other seeds.
        seeds: untrained copies.
        compute: how to run.

    Returns:
        :class:`Hierarchy`.

    Raises:
        InputError: if answers do not fit, or there are fewer than 30 inputs.
        MethodError: if the network cannot be copied.

    Cost:
        For each network three passes over the inputs, and for each layer about 30 passes forward and back of
        64 of them.

    Limits:
        Four units a layer carry the composition, 64 inputs the field and the composition: the curves are
        rough. A curve above the untrained ones says that training moved it, not that answers need it.

    Source:
        Luo et al. 2016, Understanding the effective receptive field, arXiv 1701.04128 (the field).

    Example:
        >>> x = torch.randn(60, 4)
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> hierarchy(net, x, (x[:, 0] > 0).long(), seeds=1).own.shape
        torch.Size([4, 2])
    """
    how = compute or Compute(batch_size=256)
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        kind = str(inputs.dtype) if isinstance(inputs, Tensor) else type(inputs).__name__
        raise InputError(f"hierarchy changes its inputs slightly: expected one tensor of floats, got {kind}.")
    if len(inputs) < 30 or answers.is_floating_point() or answers.shape != (len(inputs),):
        raise InputError(
            f"Expected 30 inputs or more and a class number for each, got {len(inputs)} inputs and answers "
            f"{answers.dtype} {list(answers.shape)}."
        )
    if seeds < 1:
        raise InputError(f"seeds: expected at least one untrained copy, got {seeds}.")
    names = list(chosen_sites(model, inputs, sites, how)[0]) if sites else _with_weights(model, inputs, how)
    changed = _changed(model, inputs, how.seed)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    copies = [
        untrained(model, seed=how.seed + k, calibrate=inputs[:CALIBRATE].to(device)) for k in range(seeds)
    ]
    nets = [model, *others, *copies]
    quiet = Compute(how.batch_size, how.seed, how.device)
    found: list[Tensor] = []
    for k, net in enumerate(nets):
        found.append(_curves(net, inputs, changed, answers, names, quiet))
        how.progress(k + 1, len(nets))
    every = torch.stack(found)
    note = "" if inputs.ndim > 2 else "No effective field: the inputs have no positions."
    own_input = _invariance({"": inputs.flatten(1)}, {"": changed.flatten(1)})[0]
    cut = 1 + len(others)
    return Hierarchy(
        tuple(names), CURVES, every[0], every[1:cut], every[cut:], float(own_input), len(inputs), note
    )


def _with_weights(model: nn.Module, inputs: Tensor, how: Compute) -> list[str]:
    found = leaves(calls(model, inputs, how))[0]
    return [
        leaf.site
        for leaf in found
        if not is_function(leaf)
        and any(p.ndim > 1 for p in leaf.module.parameters())
        and not isinstance(leaf.module, nn.Embedding)
    ]


def _changed(model: nn.Module, inputs: Tensor, seed: int) -> Tensor:
    if inputs.ndim > 2:
        along = inputs.ndim - 1 if unit_axis(model, inputs, ".:in") == 1 else inputs.ndim - 2
        return inputs.roll(max(1, inputs.shape[along] // 8), along)
    noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(seed)).to(inputs)
    return inputs + 0.1 * inputs.std(0) * noise


def _curves(
    model: nn.Module, x: Tensor, changed: Tensor, answers: Tensor, sites: Sequence[str], how: Compute
) -> Tensor:
    few = x[:ROWS]
    fields = [_effective_field(model, few, site, how) for site in sites]
    areas = [float(selectivity(model, x, answers, site, compute=how).auc.median()) for site in sites]
    plain, moved = (sketches(model, rows, sites, WIDTH, how) for rows in (x, changed))
    before = [None, *sites[:-1]]
    parts = [_composition(model, few, a, b, how) for a, b in zip(before, sites, strict=True)]
    return torch.stack(
        [torch.tensor(line).double() for line in (fields, areas, _invariance(plain, moved), parts)]
    )


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


def _composition(model: nn.Module, x: Tensor, before: str | None, site: str, how: Compute) -> float:
    """How much more five predecessors by slope carry of a unit than five at random."""
    if before is None:
        return float("nan")
    generator = torch.Generator().manual_seed(how.seed)
    probe = Question(model, x, unit(site, 0), at=before, compute=how)
    point = probe.point
    if point.ndim < 2:
        return float("nan")
    axis = unit_axis(model, point, before)
    total = point.shape[axis]
    top = min(TOP, total // 4)
    shape = probe.seen(site).shape[1:]
    count = int(shape[0]) if shape else 1
    if top < 1 or len(shape) not in (1, 3):
        return float("nan")
    away = point - point.mean([k for k in range(point.ndim) if k != axis], keepdim=True)
    gains: list[float] = []
    for number in torch.linspace(0, count - 1, min(UNITS, count)).long().tolist():
        question = Question(model, x, unit(site, int(number)), at=before, compute=how)
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
