"""The real inputs that move each unit most, and where in them it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, activations, brief, finite_at
from pellucid._core._feed import feed
from pellucid._core._field import Field, fields
from pellucid._core._outputs import usual
from pellucid._core._strongest import Strongest, strongest
from pellucid._core._units import by_unit, position_shape
from pellucid.errors import InputError
from pellucid.layers._reach import count_of, rows_of, tokens_of

TIMES = 4  # as many small rows at once where several layers are looked at as in a plain pass


@dataclass(frozen=True, slots=True, eq=False)
class Exemplars:
    """Per unit the real inputs with its largest values, strongest first.

    Args:
        site: the layer.
        units: int64 ``[U]``, unit numbers.
        values: ``[U, k]``, the unit's largest value over the positions of a row, as the layer gives it.
        rows: int64 ``[U, k]``, which inputs.
        boxes: int64 ``[U, k, 4]``, the part of the picture that the unit saw there: top, left, and one past
            bottom and right, clipped at the border; ``[U, k, 2]`` for signals; ``None`` where inputs have no
            positions.
        total: units of the layer, of which ``units`` may be a part.
        n: inputs looked at.
        positions: int64 ``[U, k, axes]``, where in the layer the value stands.
        maps: ``[U, k, *positions]``, the unit's activations in each of these inputs, from
            :func:`exemplar_maps`; ``None`` where they were not asked for.
    """

    site: str
    units: Tensor
    values: Tensor
    rows: Tensor
    boxes: Tensor | None
    total: int
    n: int
    positions: Tensor | None = None
    maps: Tensor | None = None

    __repr__ = brief


def exemplars(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    *,
    k: int = 9,
    units: Sequence[int] | Tensor | None = None,
    spec: InputSpec | None = None,
    field: Field | None = None,
    compute: Compute | None = None,
) -> Exemplars:
    """The ``k`` inputs with the largest value of each unit of a layer; a channel's value is its largest one.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]`` as the network takes them, or a :class:`~pellucid._core.Batch`.
        site: the layer.
        k: how many; all N where there are fewer.
        units: which units; ``None`` for all.
        spec: what an input means; says what goes along with texts, and which positions are padding: these
            are not looked at.
        field: from :func:`field_of`, where it is known already.
        compute: how to run.

    Returns:
        :class:`Exemplars`. Of equal values the earlier row comes first.

    Raises:
        SiteError: if the layer does not exist or the pass does not reach it.
        TargetError: if a unit does not exist.
        InputError: if the inputs do not fit the network.
        MethodError: where a layer gives NaN or infinity.

    Cost:
        One pass, ended at the layer, and H + W rows for the boxes where these cannot be reckoned. Kept are
        ``k`` values and row numbers per unit, whatever N is.

    Limits:
        The strongest inputs show the top of a unit's range only; what it answers in between may be another
        thing. For a dead unit all values are equal and the rows say nothing.

    Source:
        Borowski et al. 2021, Exemplary natural images explain CNN activations better than state-of-the-art
        feature visualization, arXiv 2010.12606: people predict a unit from them better than from pictures
        made by maximization.

    Example:
        >>> import torch
        >>> exemplars(nn.ReLU(), torch.tensor([[1.0], [3.0], [2.0]]), ".", k=2).rows.tolist()
        [[1, 2]]
    """
    how = compute or usual(inputs)
    real = tokens_of(inputs, spec)
    found = strongest(model, inputs, [site], k=k, units=units, spec=spec, real=real, compute=how)[site]
    return _exemplars(site, found, field or field_of(model, inputs, site, spec=spec, compute=how))


def exemplars_of(
    model: nn.Module,
    inputs: Tensor | Batch,
    sites: Sequence[str],
    *,
    k: int = 9,
    units: Sequence[int] | Tensor | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> tuple[Exemplars, ...]:
    """As :func:`exemplars` for several layers in one pass; ``units`` are then taken of each.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [len(found.units) for found in exemplars_of(net, torch.zeros(5, 2), ["0", "1"])]
        [3, 3]
    """
    names = list(dict.fromkeys(sites))
    how = compute or usual(inputs, TIMES if len(names) > 1 else 1)
    real = tokens_of(inputs, spec)
    found = strongest(model, inputs, names, k=k, units=units, spec=spec, real=real, compute=how)
    seen = _fields(model, inputs, names, spec, how)
    return tuple(_exemplars(site, found[site], seen[site]) for site in sites)


def quantile_exemplars(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    *,
    quantiles: Sequence[float] = (0.9, 0.5),
    units: Sequence[int] | Tensor | None = None,
    most: int = 2048,
    spec: InputSpec | None = None,
    field: Field | None = None,
    compute: Compute | None = None,
) -> Exemplars:
    """Real inputs from the middle of each unit's range, which the strongest ones do not show.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``.
        site: the layer.
        quantiles: 0 to 1; the input whose value has that rank among all is taken.
        units: which units; ``None`` for all.
        most: inputs looked at, at random; they decide what is kept in memory, whatever N is.
        spec, field: as for :func:`exemplars`.
        compute: how to run.

    Returns:
        :class:`Exemplars` with one column per quantile, in the order given.

    Raises:
        InputError: if a quantile lies outside 0 to 1.
        SiteError, TargetError: if the layer or a unit does not exist.
        MethodError: where a layer gives NaN or infinity.

    Cost:
        One pass over at most ``most`` inputs, and H + W rows for the boxes where these cannot be reckoned.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0], [5.0], [3.0]])
        >>> quantile_exemplars(nn.Identity(), x, ".", quantiles=[0.5, 1.0]).rows.tolist()
        [[2, 1]]
    """
    if not isinstance(quantiles, Sequence) or not quantiles or not all(0 <= q <= 1 for q in quantiles):
        raise InputError(f"quantiles lie between 0 and 1, such as [0.9, 0.5]; got {quantiles!r}.")
    how = compute or usual(inputs)
    n = count_of(inputs)
    if min(n, most) < 1:
        raise InputError(f"Expected at least one input and most=1, got {n} inputs and most={most}.")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(how.seed))
    picked = order[:most].sort().values
    some = inputs if n <= most else rows_of(inputs, picked)
    # ranking all of them keeps the place of each unit's largest value too
    real = tokens_of(some, spec)
    ranked = strongest(model, some, [site], k=len(picked), units=units, spec=spec, real=real, compute=how)[
        site
    ]
    place = [len(picked) - 1 - round(q * (len(picked) - 1)) for q in quantiles]
    seen = field or field_of(model, inputs, site, spec=spec, compute=how)
    chosen = replace(
        ranked,
        values=ranked.values[:, place],
        rows=picked[ranked.rows[:, place]],
        positions=ranked.positions[:, place],
    )
    return _exemplars(site, chosen, seen)


def exemplars_by(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    of: Callable[[Tensor], Tensor],
    *,
    k: int,
    spec: InputSpec | None = None,
    compute: Compute,
) -> Exemplars:
    """Exemplars of what a function makes of an activation, position by position."""
    real = tokens_of(inputs, spec)
    found = strongest(model, inputs, [site], k=k, of=of, spec=spec, real=real, compute=compute)[site]
    seen = _fields(model, inputs, [site], spec, compute)[site]
    return _exemplars(site, found, seen)


def exemplar_maps(
    model: nn.Module,
    inputs: Tensor | Batch,
    found: Exemplars,
    *,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Exemplars:
    """The same exemplars with each unit's activation at every position of each of its inputs.

    Figures draw them as contours on pictures, and as grounds under the tokens of texts.

    Args:
        model: the network that the exemplars are of.
        inputs: the inputs that they name rows of.
        found: from :func:`exemplars` or :func:`quantile_exemplars`.
        spec: as for :func:`exemplars`.
        compute: how to run.

    Returns:
        :class:`Exemplars` with ``maps``; as they came where the layer has no positions.

    Cost:
        One pass, ended at the layer, of the inputs that are named. Kept are units · k · positions numbers.

    Example:
        >>> x = torch.rand(5, 1, 4, 4)
        >>> exemplar_maps(nn.Identity(), x, exemplars(nn.Identity(), x, ".", k=2)).maps.shape
        torch.Size([1, 2, 4, 4])
    """
    how = compute or Compute(batch_size=256)
    rows, place = found.rows.unique(return_inverse=True)
    maps: Tensor | None = None
    some = rows_of(inputs, rows)
    for taken, seen in activations(model, some, [found.site], stop=found.site, spec=spec, compute=how):
        shape = position_shape(model, seen[found.site], found.site)
        if not shape:
            return found
        activation = seen[found.site].detach()
        each = by_unit(model, activation, found.site)[:, found.units.to(activation.device)].cpu()
        if maps is None:
            maps = each.new_zeros(*found.rows.shape, *shape)
        # of all units of a row only those are kept whose exemplar it is
        unit, slot = ((place >= taken.start) & (place < taken.stop)).nonzero(as_tuple=True)
        maps[unit, slot] = each[place[unit, slot] - taken.start, unit].reshape(-1, *shape)
    return replace(found, maps=maps)


def field_of(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    *,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Field | None:
    """What each position of a layer sees of an input: H + W rows at most, asked once for several exemplars.

    Example:
        >>> field_of(nn.Conv2d(1, 1, 3), torch.rand(1, 1, 6, 6), ".").size
        (3, 3)
    """
    return _fields(model, inputs, [site], spec, compute or Compute(batch_size=256))[site]


def _fields(
    model: nn.Module, inputs: Tensor | Batch, sites: Sequence[str], spec: InputSpec | None, how: Compute
) -> Mapping[str, Field | None]:
    """What each position sees, where one plain tensor goes in."""
    fed = feed(model, inputs, spec=spec, check=False, compute=how)
    plain = fed.single and not fed.names
    return fields(model, fed.packed[:1], sites, compute=how) if plain else dict.fromkeys(sites)


def _exemplars(site: str, found: Strongest, field: Field | None) -> Exemplars:
    finite_at(found.values, site)
    boxes = None if field is None else field.boxes(found.positions)
    positions = found.positions if found.positions.shape[-1] else None
    return Exemplars(site, found.units, found.values, found.rows, boxes, found.total, found.n, positions)
