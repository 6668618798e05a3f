"""One explanation on trial: everything the checks look at, and the way to explain again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import Compute, Explanation, InputSpec, Target, TargetLike, as_target, predict, untrained
from pellucid.errors import InputError
from pellucid.evidence._bench import Bench
from pellucid.evidence._responses import Responses
from pellucid.evidence._scalar import Scalar, scalar
from pellucid.evidence._statistics import differ

ENOUGH = 39  # other inputs whose maps are compared: one of them may do as well at p = .05
LEAST = 19  # of them, below which p cannot reach .05


class Method(Protocol):
    """How an explanation is made again: any function of :mod:`pellucid.attribution`, or one like it."""

    def __call__(
        self,
        model: nn.Module,
        inputs: Tensor,
        target: Target,
        *,
        spec: InputSpec | None,
        compute: Compute | None,
    ) -> Explanation:
        """Explain ``target`` of ``inputs``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """An explanation with its network and method.

    Args:
        model, method, spec, compute: as given.
        x: ``[N, *shape]``.
        maps: ``[N, *shape]``.
        scalar: the number explained.
        outputs: of the network for ``x``.
        others: further inputs ``[P, *shape]``, or ``None``.
        sampled: whether the method draws at random.
        bench: where answers of the network are kept for other methods.
    """

    model: nn.Module
    method: Method
    spec: InputSpec | None
    compute: Compute
    x: Tensor
    maps: Tensor
    scalar: Scalar
    outputs: Tensor
    others: Tensor | None
    sampled: bool
    bench: Bench | None = None

    def predicted(self, inputs: Tensor) -> Tensor:
        """The network's outputs."""
        item = self.scalar.target.output
        if self.bench is not None:
            return self.bench.predicted(inputs, item)
        return predict(self.model, inputs, output=item, spec=self.spec, compute=self.compute)

    def near(self, number: int, model: nn.Module) -> Tensor:
        """Outputs for ``x`` of a copy of the network that is slightly moved."""
        item = self.scalar.target.output
        if self.bench is not None:
            return self.bench.near(number, model, item)
        return predict(model, self.x, output=item, spec=self.spec, compute=self.compute)

    def twin(self, seed: int) -> nn.Module:
        """An untrained copy of the network."""
        if self.bench is not None:
            return self.bench.twin(seed, self.sample)
        return untrained(self.model, seed=seed, calibrate=self.sample)

    def again(self, model: nn.Module, inputs: Tensor, target: Target) -> tuple[Tensor, int]:
        """Maps of other inputs, targets or networks, and the rows of the network they cost."""
        made = self.method(model, inputs, target, spec=self.spec, compute=self.compute)
        return fitted(made.map, inputs), made.provenance.forward

    def reseeded(self) -> Case:
        """The same case with another seed."""
        return dataclasses.replace(
            self, compute=dataclasses.replace(self.compute, seed=self.compute.seed + 1)
        )

    @property
    def sample(self) -> Tensor:
        """All inputs that are known."""
        return self.x if self.others is None else torch.cat([self.x, self.others])


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Maps of other inputs by the same method.

    Args:
        units: ``[P, U]``.
        strangers: bool ``[N, P]``, which belong to another input than the row.
        rows: rows of the network that they cost.
    """

    units: Tensor
    strangers: Tensor
    rows: int

    @property
    def enough(self) -> bool:
        """Whether p can reach .05 for every row."""
        return bool((self.strangers.sum(1) >= LEAST).all())


def out_of_reach(explanation: Explanation) -> str:
    """Why no part of what was explained can be removed; ``""`` where it can."""
    if not isinstance(explanation.inputs, Tensor) or not isinstance(explanation.values, Tensor):
        return "several named inputs were explained; the test removes parts of one"
    at = explanation.provenance.at
    return (
        "" if at is None else f"the activation at {at!r} was explained; the test removes parts of the input"
    )


def case_of(
    model: nn.Module,
    explanation: Explanation,
    method: Method,
    *,
    target: TargetLike | None,
    spec: InputSpec | None,
    others: Tensor | None,
    bench: Bench | None = None,
    compute: Compute,
) -> Case:
    """Everything that the checks share."""
    x = explanation.point
    if others is not None and others.shape[1:] != x.shape[1:]:
        raise InputError(f"Expected others of the shape {['P', *x.shape[1:]]}, got {list(others.shape)}.")
    others = None if others is None else others.to(x)
    item = None if target is None else as_target(target).output
    outputs = (
        predict(model, x, output=item, spec=spec, compute=compute)
        if bench is None
        else bench.predicted(x, item)
    )
    what = scalar(explanation, target, outputs)
    maps, sampled = fitted(explanation.map.detach(), x), explanation.stderr is not None
    return Case(model, method, spec, compute, x, maps, what, outputs, others, sampled, bench)


def pool(case: Case, seen: Responses) -> Pool:
    """Maps of the other rows, and of as many further inputs as it takes."""
    units, inputs, rows = seen.bank.reduce(case.maps), case.x, 0
    missing = ENOUGH + 1 - len(case.x)
    if case.others is not None and missing > 0:
        fresh = case.others[differ(case.others, case.x).all(1)][:missing]
        if len(fresh):
            maps, cost = case.again(case.model, fresh, case.scalar.elsewhere(case.predicted(fresh)))
            more = seen.bank.reduce(maps, of=fresh).to(units)
            units, inputs = torch.cat([units, more]), torch.cat([inputs, fresh])
            rows = cost + len(fresh)
    return Pool(units, differ(case.x, inputs), rows)


def fitted(values: Tensor, x: Tensor) -> Tensor:
    """A map on the elements of ``x``: channels shared evenly, a coarser grid interpolated."""
    if values.shape == x.shape:
        return values
    if values.ndim == 4 and x.ndim == 4 and len(values) == len(x) and values.shape[1] in (1, x.shape[1]):
        if values.shape[2:] != x.shape[2:]:
            values = F.interpolate(values, size=x.shape[2:], mode="bilinear", align_corners=False)
        return values.expand_as(x) * (values.shape[1] / x.shape[1])
    raise InputError(
        f"Expected a map of the shape {list(x.shape)}, one number for each element of the inputs, "
        f"got {list(values.shape)}."
    )
