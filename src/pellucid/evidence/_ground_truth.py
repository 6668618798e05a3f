"""Which methods find what is known to be true: localisation of all of them beside maps that know nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Explanation, InputSpec, Target, log_odds, logits, untrained
from pellucid.errors import InputError, MethodError
from pellucid.evidence._case import Method, fitted, out_of_reach
from pellucid.evidence._fill import absent
from pellucid.evidence._free import free_maps
from pellucid.evidence._localisation import Localisation, Measure, Reading, localisation
from pellucid.inputs._image import blurred

LEAST = 4  # rows below which even a dear method is not measured
TWINS = 4  # rows explained on the untrained copy
CENTRE, NOISE = "centre", "random"


@dataclass(frozen=True, slots=True, eq=False)
class TruthRow:
    """How well one method finds the true places.

    Args:
        method: its name, or that of a baseline.
        baseline: whether its maps are made without the network.
        magnitude, positive: by |value|, and by what lies above 0.
        untrained: gain by |value| of the same method on an untrained copy, over up to 4 rows; ``None`` for
            baselines and where it was not asked for.
        rows: network rows per input, forward and backward.
        note: what the method says of itself, such as the layer it read.
    """

    method: str
    baseline: bool
    magnitude: Localisation
    positive: Localisation
    untrained: Measure | None
    rows: int
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """Methods beside baselines on inputs whose true places are known.

    Args:
        task: what was explained, in words.
        target: the number explained.
        table: the best gain by |value| first, methods and baselines together.
        refused: methods that cannot answer here, with the reason.
        dear: methods whose cost allows fewer than 4 inputs, with their network rows per input.
        n: inputs with a true place; ``area`` is the mean share of it.
        budget: network rows that one method may spend on all inputs; dear ones are measured on fewer.
    """

    task: str
    target: str
    table: tuple[TruthRow, ...]
    refused: Mapping[str, str]
    dear: Mapping[str, int]
    n: int
    area: float
    budget: int


def ground_truth(
    model: nn.Module,
    inputs: Tensor,
    truth: Tensor,
    classes: Tensor,
    methods: Mapping[str, Method],
    *,
    task: str = "",
    target: Literal["log_odds", "logit"] = "log_odds",
    spec: InputSpec | None = None,
    clusters: Tensor | None = None,
    budget: int = 6_000,
    twin: bool = True,
    watch: Callable[[TruthRow], None] | None = None,
    compute: Compute | None = None,
) -> GroundTruth:
    """How well each method finds what is known to matter, beside maps that know nothing.

    The baselines: ``centre``, a Gaussian in the middle; ``random``, smooth noise; ``|x - b|`` and ``edges``,
    which know the input and not the network. The column *untrained* is the method on a copy with fresh
    weights: what is not lost there was never learned.

    Args:
        model: any network.
        inputs: ``[N, *shape]``.
        truth: bool ``[N, *shape]``, 1 along axes where it is the same; see :func:`localisation`.
        classes: int64 ``[N]``, the class explained in each row.
        methods: name to ``(model, inputs, target, *, spec, compute) -> Explanation``.
        task: what this is, in words.
        target: explain ``log_odds`` or the bare ``logit`` of the class.
        spec: what the inputs mean.
        clusters: int64 ``[N]``, rows that belong together.
        budget: most network rows (forward + twice backward) that one method may spend; a method that would
            need more is measured on fewer rows, spread evenly, and says so by its n.
        twin: whether to explain up to 4 rows on an untrained copy too.
        watch: called with each finished row of the table.
        compute: how to run; progress counts the methods, with all baselines as one more.

    Returns:
        The table, best first; methods that cannot be measured stand beside it.

    Raises:
        InputError: where the parts do not fit each other, or no row has a true place.

    Cost:
        Each method on one row more than it is measured on.

    Limits:
        As for :func:`localisation`. Methods measured on different rows are not compared pair by pair; look at
        the intervals.

    Example:
        >>> from pellucid._core import Question
        >>> def slope(model, inputs, target, *, spec=None, compute=None):
        ...     q = Question(model, inputs, target, spec=spec, compute=compute)
        ...     return q.answer("input_x_gradient", q.gradient() * q.point, {})
        >>> net = nn.Linear(6, 2)
        >>> _ = net.weight.data[:, 2:].zero_()  # only the first two columns matter
        >>> truth = torch.zeros(20, 6, dtype=torch.bool).index_fill_(1, torch.arange(2), True)
        >>> classes = torch.zeros(20, dtype=torch.int64)
        >>> found = ground_truth(net, torch.randn(20, 6), truth, classes, {"slope": slope})
        >>> found.table[0].method, found.table[0].magnitude.gain.value
        ('slope', 3.0)
    """
    kept = truth.flatten(1).any(1) & ~truth.flatten(1).all(1)
    if len(inputs) != len(truth) or len(inputs) != len(classes) or not bool(kept.any()):
        raise InputError(
            f"Expected as many inputs as truths and classes, some with a true place; got {len(inputs)}, "
            f"{len(truth)} and {len(classes)}, {int(kept.sum())} with one."
        )
    groups = torch.arange(len(inputs)) if clusters is None else clusters
    known = _Known(inputs[kept], truth[kept], classes[kept], groups[kept], clusters is not None)
    how = compute or Compute()
    run = _Run(model, known, log_odds if target == "log_odds" else logits, spec, how)
    copy = untrained(model, seed=how.seed, calibrate=known.x[:32]) if twin else None
    table: list[TruthRow] = []
    refused: dict[str, str] = {}
    dear: dict[str, int] = {}
    every = len(methods) + 1
    for k, (name, method) in enumerate(methods.items()):
        run = replace(run, how=how.at(k, every))
        try:
            cost = run.cost(method)
            if budget // cost < LEAST:
                dear[name] = cost
                continue
            table.append(run.row(name, method, copy, budget // cost))
        except (MethodError, InputError) as error:
            refused[name] = str(error)
            continue
        if watch is not None:
            watch(table[-1])
    table += replace(run, how=how.at(every - 1, every)).baselines()
    how.progress(every, every)
    ordered = tuple(sorted(table, key=lambda row: -row.magnitude.gain.value))
    area = float(known.truth.flatten(1).double().mean(1).mean())
    return GroundTruth(task, target.replace("_", "-"), ordered, refused, dear, len(known.x), area, budget)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Inputs with their true places."""

    x: Tensor
    truth: Tensor
    classes: Tensor
    clusters: Tensor
    clustered: bool

    def spread(self, count: int) -> Tensor:
        """``count`` row numbers, spread evenly over all."""
        return torch.linspace(0, len(self.x) - 1, count).round().long()


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One network and task, on which every method is measured alike."""

    model: nn.Module
    known: _Known
    target: Callable[[Tensor], Target]
    spec: InputSpec | None
    how: Compute

    def cost(self, method: Method) -> int:
        """Network rows of one input, a slope counted as two."""
        first = self.explained(method, self.model, torch.tensor([0]))
        return max(1, first.provenance.forward + 2 * first.provenance.backward)

    def row(self, name: str, method: Method, copy: nn.Module | None, most: int) -> TruthRow:
        """Measure one method on at most so many inputs."""
        index = self.known.spread(min(most, len(self.known.x)))
        why = self.explained(method, self.model, index)
        blank = None
        if copy is not None:
            few = self.known.spread(min(TWINS, len(index)))
            blank = self.measured(self.explained(method, copy, few).map, few)[0].gain
        spent = (why.provenance.forward + why.provenance.backward) // len(index)
        return TruthRow(name, False, *self.measured(why.map, index), blank, spent, why.note)

    def explained(self, method: Method, model: nn.Module, index: Tensor) -> Explanation:
        """The method's maps of some rows."""
        target = self.target(self.known.classes[index])
        why = method(model, self.known.x[index], target, spec=self.spec, compute=self.how)
        hidden = out_of_reach(why)
        if hidden:
            raise MethodError(f"{hidden}.")
        return why

    def measured(self, maps: Tensor, index: Tensor) -> tuple[Localisation, Localisation]:
        """Both readings of the maps of some rows."""
        known = self.known
        maps, truth = fitted(maps, known.x[index]), known.truth[index]
        groups = known.clusters[index] if known.clustered else None

        def read(reading: Reading) -> Localisation:
            # sorting large maps takes seconds
            self.how.progress(0, 1)
            return localisation(maps, truth, reading=reading, clusters=groups, seed=self.how.seed)

        return read("magnitude"), read("positive")

    def baselines(self) -> list[TruthRow]:
        """Maps made without the network."""
        x, everything = self.known.x, torch.arange(len(self.known.x))
        grid = x.ndim == 4
        made = free_maps(x, absent(x, self.spec)[0], pictures=grid)
        made[NOISE] = noise(x, seed=self.how.seed)
        if grid:
            made[CENTRE] = centre(x)
        return [TruthRow(name, True, *self.measured(one, everything), None, 0) for name, one in made.items()]


def centre(x: Tensor) -> Tensor:
    """A Gaussian in the middle of each picture ``[N, C, H, W]``, a quarter of each side wide."""
    down, across = (torch.linspace(-2, 2, side, dtype=torch.float64) for side in x.shape[-2:])
    bell = torch.exp(-0.5 * (down[:, None].square() + across.square()))
    return bell.to(x.device).expand_as(x)


def noise(x: Tensor, *, seed: int = 0) -> Tensor:
    """Normal noise in the shape of ``x``; along two last axes of a picture as smooth as a sixteenth of it."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 15_485_867)
    if x.ndim != 4:
        return torch.randn(x.shape, generator=generator).to(x.device)
    plain = torch.randn((len(x), 1, *x.shape[-2:]), generator=generator)
    return blurred(plain, max(1.0, max(x.shape[-2:]) / 16)).to(x.device).expand_as(x)
