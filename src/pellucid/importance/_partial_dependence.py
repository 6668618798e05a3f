"""How the score goes with one column, for each row and on average."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Question, TargetLike, brief
from pellucid._core._parts import numbered
from pellucid._core._student import interval_of_mean
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TabularSpec


@dataclass(frozen=True, slots=True, eq=False)
class PartialDependence:
    """The score as a function of one column.

    Args:
        name: of the column.
        grid: ``[G, S]``, what its slots were set to.
        curves: float64 ``[G, N]``, each row's score there (individual conditional expectation).
        mean, low, high: float64 ``[G]``, their mean and its interval over rows.
        level: of the interval, 0 to 1.
        what: what the score is.
        shown: the grid in people's units: numbers, or names of levels; empty where no spec says.
        unit: of those numbers.
    """

    name: str
    grid: Tensor
    curves: Tensor
    mean: Tensor
    low: Tensor
    high: Tensor
    level: float
    what: str
    shown: tuple[float | str, ...] = ()
    unit: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def partial_dependence(
    model: nn.Module,
    inputs: Tensor,
    target: TargetLike,
    column: int | str,
    *,
    spec: InputSpec | None = None,
    grid: Tensor | None = None,
    points: int = 20,
    level: float = 0.95,
    compute: Compute | None = None,
) -> PartialDependence:
    """Mean score, in units of the target, when one column is set to each value of a grid; each row's curve.

    Formula: ``mean[g] = mean over rows of score(x with the column set to g)``; ``curves`` are the terms.

    Args:
        model: any network.
        inputs: rows ``[N, D]``.
        target: what is explained: a class number, one for each row, or a ``Target``.
        column: its number or, with a spec, its name; all slots of the column move together.
        spec: what the inputs mean.
        grid: values ``[G]`` or ``[G, S]`` of the column's slots as the network takes them; ``None`` takes
            what the rows hold: every combination of the slots where there are at most ``points``, else
            quantiles.
        points: size of a grid made here.
        level: of the interval over rows.
        compute: how to run.

    Returns:
        A ``PartialDependence``.

    Raises:
        InputError: where there is no such column, or the grid does not fit it.
        TargetError: where the target does not fit the network.

    Cost:
        One forward pass of every row for each point of the grid.

    Limits:
        Sets a column without regard to the others, so rows may arise that could not be; the mean hides curves
        that cross: look at ``curves`` too.

    Source:
        Friedman 2001, Greedy Function Approximation; Goldstein et al. 2015, Peeking Inside the Black Box,
        arXiv 1309.6392.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> found = partial_dependence(net, torch.zeros(4, 2), 0, 0, grid=torch.tensor([0.0, 1.0]))
        >>> found.mean.tolist()
        [0.0, 3.0]
    """
    if points < 2 or not 0 < level < 1:
        raise InputError(f"Expected 2 points or more and a level between 0 and 1, got {points} and {level}.")
    q = Question(model, inputs, target, spec=spec, compute=compute)
    if q.point.ndim != 2:
        raise InputError(f"Expected rows [N, D], got {list(q.point.shape)}.")
    name, slots = _column(q, column)
    values = _grid(q.point[:, slots], points) if grid is None else grid.to(q.point)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != len(slots) or not len(values):
        raise InputError(f"grid: expected [G, {len(slots)}] for {name}, got {list(values.shape)}.")

    def moved(ks: Tensor, rows: slice) -> Tensor:
        made = q.point[rows].expand(len(ks), -1, -1).clone()
        made[:, :, slots] = values[ks.to(values.device)][:, None]
        return made

    curves = q.scores(moved, len(values)).double().cpu()
    low, high = interval_of_mean(curves.T, level)
    shown, unit = _shown(spec, name, values.cpu())
    return PartialDependence(
        name, values.cpu(), curves, curves.mean(1), low, high, level, q.target.label, shown, unit
    )


def _shown(spec: InputSpec | None, name: str, values: Tensor) -> tuple[tuple[float | str, ...], str]:
    """Values of a column's slots in people's units."""
    if not isinstance(spec, TabularSpec):
        return (), ""
    column = spec.column(name)
    known = column.decode(values.numpy())
    if all(isinstance(value, int | float) for value in known):
        return tuple(float(str(value)) for value in known), column.unit
    return tuple(column.text(value) for value in known), column.unit


def _column(q: Question, column: int | str) -> tuple[str, Tensor]:
    """Its name and the numbers of its slots."""
    width = q.point.shape[1]
    found = torch.arange(width) if q.spec is None else q.spec.groups(q.point)
    groups = numbered(found, q.point)[0].expand(width).cpu()
    count = int(groups.max()) + 1
    names = tuple(f"column {k}" for k in range(count)) if q.spec is None else q.spec.group_names(q.point)
    if isinstance(column, str):
        if column not in names:
            raise InputError(f"No column is called {column!r}. {near_misses(column, names)}")
        column = names.index(column)
    if not 0 <= column < count:
        raise InputError(f"Columns run from 0 to {count - 1}, got {column}.")
    return names[column], (groups == column).nonzero().flatten()


def _grid(held: Tensor, points: int) -> Tensor:
    known = held.unique(dim=0)
    if len(known) <= points:
        return known
    if held.shape[1] == 1:
        share = torch.linspace(0, 1, points, dtype=torch.float64)
        place = (share * (len(held) - 1)).round().long()
        return held.sort(dim=0).values[place.to(held.device)].unique(dim=0)
    # slots that move together keep to combinations that some row holds
    order = held[:, 0].argsort(stable=True)
    place = torch.linspace(0, len(held) - 1, points).round().long()
    return held[order[place.to(held.device)]].unique(dim=0)
