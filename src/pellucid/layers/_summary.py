"""One row per call of each layer: what it is, what it sees, what it does over the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, LayerMap, Reached, activations, brief, layer_map
from pellucid._core._feed import feed
from pellucid._core._field import Field, fields
from pellucid.layers._reach import along, calls, leaves, part_of, rows_of, tokens_of, twin_of
from pellucid.layers._tally import RANK_UNITS, Measures, Tally

ENOUGH = 500


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One call of one layer.

    Args:
        site: its address.
        kind: class of the module.
        shape: of what comes out for one input.
        parameters: learned numbers of the module, or those that a function is given, as in an exported
            program; the same again for each further call of it.
        field: receptive field in input pixels along each axis; ``None`` where there is none.
        stride: input pixels between neighbouring positions; ``None`` where it has no positions.
        mean, sd: over all rows, units and positions.
        dead: share of units, 0 to 1, that give the same number for every row and position.
        saturated: share of values, 0 to 1, close to the bounds of a bounded activation (beyond ±0.97 for
            tanh, outside 0.03 to 0.97 for sigmoid); ``None`` for others.
        rank: effective rank, from 1 (all units say one thing) to ``rank_units``.
        units: channels of a map, features of a token, numbers of a row.
        rank_units: units that the rank rests on: all, or a random sample where there are many.
        untrained_mean, untrained_sd, untrained_dead, untrained_saturated, untrained_rank: the same on an
            untrained twin of the network; ``None`` where none was run.
        gamma, untrained_gamma: length of the mean activation vector ÷ length of the vector of standard
            deviations: how far from zero the layer works. Above about 1 sparse autoencoders lose elements
            unless activations are centred first. ``NaN`` for a layer that never changes.
        share: of the multiplications of a pass, 0 to 1; ``None`` where they were not counted.
    """

    site: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    field: tuple[int, ...] | None
    stride: tuple[int, ...] | None
    mean: float
    sd: float
    dead: float
    saturated: float | None
    rank: float
    units: int
    rank_units: int
    untrained_mean: float | None = None
    untrained_sd: float | None = None
    untrained_dead: float | None = None
    untrained_saturated: float | None = None
    untrained_rank: float | None = None
    gamma: float | None = None
    untrained_gamma: float | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """Every layer of a network over some data.

    Args:
        rows: one per call, in order of execution.
        n: inputs that the numbers rest on.
        note: what was sampled, left out or could not be measured; empty where nothing was.
    """

    rows: tuple[LayerRow, ...]
    n: int
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def summary(
    model: nn.Module,
    inputs: Tensor | Batch,
    *,
    compute: Compute | None = None,
    untrained_copy: bool = True,
    spec: InputSpec | None = None,
) -> LayerSummary:
    """What every layer is, sees and does, beside the same numbers on an untrained twin.

    ``dead`` is the share of units whose largest and smallest value over all rows and positions differ by at
    most 1e-6 of the layer's largest absolute value: for a ReLU, units that are never active. ``rank`` is
    ``exp(-Σ p log p)`` with ``p`` the eigenvalues of the covariance of the units (centred, over rows and at
    most 64 evenly spaced positions) divided by their sum.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]`` as the network takes them, or a :class:`~pellucid._core.Batch`.
        compute: how to run.
        untrained_copy: whether to measure the same on a twin with fresh weights.
        spec: what an input means; says what goes along with texts, and where they end.

    Returns:
        A :class:`LayerSummary`; layers are modules that call no other module.

    Raises:
        InputError: if the inputs do not fit the network.

    Cost:
        One pass over the inputs, a second one on the twin, and H + W rows for the receptive fields of
        pictures. Kept are sums, one number per unit and one covariance of at most 256 units per layer.

    Limits:
        Of functions in a ``forward`` only activations and the heads of attention have rows; others can be
        read by name, such as ``"block:add()"``. With few inputs a rarely active unit looks dead. A rank above
        or below the untrained one is not better by itself.

    Source:
        Roy & Vetterli 2007, The effective rank, EUSIPCO (there of singular values, here of the covariance).

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [(row.site, row.kind, row.shape) for row in summary(net, torch.randn(10, 2)).rows]
        [('0', 'Linear', (3,)), ('1', 'ReLU', (3,))]
    """
    how = compute or Compute()
    real, inputs = tokens_of(inputs, spec), along(inputs, spec)
    fed = feed(model, inputs, compute=how)
    reached, notes = leaves(calls(model, inputs, how))
    names = [leaf.site for leaf in reached]
    twin = twin_of(model, inputs, how, notes) if untrained_copy else None
    passes = 2 if twin is not None else 1
    own = _measured(model, inputs, reached, real, part_of(how, 0, passes))
    control = None if twin is None else _measured(twin, inputs, reached, real, part_of(how, 1, passes))
    seen = fields(model, fed.packed[:1], names, compute=how) if fed.single else dict.fromkeys(names)
    shares = _shares(layer_map(model, rows_of(inputs, slice(0, 1))))
    rows = tuple(
        _row(
            leaf,
            seen[leaf.site],
            own[leaf.site],
            control[leaf.site] if control else None,
            shares.get(leaf.site.removesuffix("[0]")),
        )
        for leaf in reached
    )
    odd = [row.site for row in rows if not math.isfinite(row.mean)]
    if odd:
        more = f", and so {'does' if len(odd) == 2 else 'do'} {len(odd) - 1} after it" if odd[1:] else ""
        notes.append(f"{odd[0]} gives NaN or infinity{more}: what cannot be measured there is left open.")
    if any(row.units > row.rank_units for row in rows):
        notes.append(
            f"The effective rank of layers with more units rests on {RANK_UNITS} of them, drawn at random."
        )
    if fed.rows < ENOUGH:
        notes.append(
            f"With {fed.rows} inputs a rarely active unit may look dead; {ENOUGH} or more tell better."
        )
    return LayerSummary(rows, fed.rows, " ".join(notes))


def row_of(
    model: nn.Module,
    inputs: Tensor | Batch,
    leaf: Reached,
    field: Field | None,
    *,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> LayerRow:
    """As :func:`summary` of one layer that :func:`leaves` lists; ``field`` is what its positions see."""
    how = compute or Compute()
    real, inputs = tokens_of(inputs, spec), along(inputs, spec)
    feed(model, inputs, compute=how)
    twin = twin_of(model, inputs, how, [])
    passes = 2 if twin is not None else 1
    own = _measured(model, inputs, [leaf], real, part_of(how, 0, passes))
    control = None if twin is None else _measured(twin, inputs, [leaf], real, part_of(how, 1, passes))
    shares = _shares(layer_map(model, rows_of(inputs, slice(0, 1))))
    share = shares.get(leaf.site.removesuffix("[0]"))
    return _row(leaf, field, own[leaf.site], control[leaf.site] if control else None, share)


def _measured(
    model: nn.Module, inputs: Tensor | Batch, reached: Sequence[Reached], real: Tensor | None, how: Compute
) -> dict[str, Measures]:
    tallies = {leaf.site: Tally(model, leaf, how.seed, real) for leaf in reached}
    looks = {site: tally.look for site, tally in tallies.items()}
    stop = reached[0].site if len(reached) == 1 else None
    for rows, seen in activations(model, inputs, looks, stop=stop, compute=how):
        for site, tally in tallies.items():
            tally.add(seen[site], rows)
    return {site: tally.result() for site, tally in tallies.items()}


def _shares(found: LayerMap) -> dict[str, float]:
    """Share of the multiplications by site."""
    if not found.cost:
        return {}
    return {layer.site: (layer.cost or 0) / found.cost for layer in found.layers}


def _row(
    leaf: Reached, field: Field | None, own: Measures, control: Measures | None, share: float | None
) -> LayerRow:
    return LayerRow(
        leaf.site,
        leaf.kind,
        (leaf.shape or ())[1:],
        leaf.parameters,
        None if field is None else field.size,
        None if field is None else field.stride,
        own.mean,
        own.sd,
        own.dead,
        own.saturated,
        own.rank,
        own.units,
        own.rank_units,
        *(
            ()
            if control is None
            else (control.mean, control.sd, control.dead, control.saturated, control.rank)
        ),
        gamma=own.gamma,
        untrained_gamma=None if control is None else control.gamma,
        share=share,
    )
