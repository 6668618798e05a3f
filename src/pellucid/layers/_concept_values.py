"""How much each input shows concepts that people name, as numbers that rules can ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, activations, brief
from pellucid._core._feed import feed
from pellucid._core._field import fields
from pellucid._core._units import by_unit, position_shape
from pellucid.errors import InputError
from pellucid.layers._concepts import FEWEST, some_of
from pellucid.layers._exemplars import Exemplars
from pellucid.layers._permuted import TOLD, told_apart
from pellucid.layers._reach import count_of, refuse_sets, rows_of, tokens_of

Shown = Mapping[str, Tensor | Batch]


@dataclass(frozen=True, slots=True, eq=False)
class ConceptValues:
    """Each input along the direction of each concept; no unit: 0 as other inputs, 1 as those that show it.

    Args:
        site: the layer.
        concepts: names.
        values: ``[N, C]``.
        told: ``[C]``, balanced accuracy with which held-out concept inputs are told from others, 0 to 1.
        told_null: ``[C]``, what directions of inputs drawn at random stay below in 95 % of the draws.
        n_concept: ``[C]``, inputs behind each direction.
        n_random: other inputs.
        directions: ``[C, units, positions]`` as ``values`` uses them; of texts ``[C, units, 1]``.
        centre: ``[units, positions]``, the mean of the other inputs.
    """

    site: str
    concepts: tuple[str, ...]
    values: Tensor
    told: Tensor
    told_null: Tensor
    n_concept: Tensor
    n_random: int
    directions: Tensor
    centre: Tensor

    __repr__ = brief


def concept_values(
    model: nn.Module,
    inputs: Tensor | Batch,
    sets: Shown,
    site: str,
    *,
    random: Tensor | Batch,
    most: int = 200,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> ConceptValues:
    """Inputs along concept directions, ``v = mean a(concept) − mean a(random)`` as in :func:`concepts`.

    ``value = (a(input) − mean a(random)) · v / |v|²``: no unit, 0 on average over the other inputs, 1 on
    average over those that show the concept.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``, what is measured.
        sets: inputs that show a concept, by its name.
        site: the layer.
        random: inputs without regard to any concept.
        most: inputs used of each set, at random.
        spec: what an input means; says where texts end.
        compute: how to run.

    Returns:
        :class:`ConceptValues`.

    Raises:
        InputError: if a set has fewer than 30 inputs, or shows nothing that the layer tells from others.
        SiteError: if the layer does not exist.

    Cost:
        One pass over ``inputs`` and one over the sets, ended at the layer.

    Limits:
        A direction holds all that its inputs have in common and the others lack, the background too. Look at
        ``told`` beside ``told_null`` before believing a name. Values of several concepts are not independent.

    Source:
        Kim et al. 2018, Interpretability beyond feature attribution: TCAV, arXiv 1711.11279; Schmalwasser et
        al. 2025, FastCAV, arXiv 2505.17883 (differences of means).

    Example:
        >>> x = torch.randn(90, 2, generator=torch.Generator().manual_seed(0))
        >>> shown = {"first is large": x[:30] + torch.tensor([8.0, 0.0])}
        >>> asked = torch.tensor([[0.0, 0.0], [8.0, 0.0]])
        >>> found = concept_values(nn.Identity(), asked, shown, ".", random=x)
        >>> [round(value) for value in found.values[:, 0].tolist()]
        [0, 1]
    """
    how = compute or Compute(batch_size=128)
    refuse_sets(sets)
    for name, rows in {**sets, "random": random}.items():
        if count_of(rows) < FEWEST:
            raise InputError(
                f"{name}: expected at least {FEWEST} inputs, got {count_of(rows)}; "
                "with fewer a direction is mostly noise."
            )
    plain = _means(model, some_of(random, most, how.seed + 2), site, spec, how)
    centre = plain.mean(0)
    directions: list[Tensor] = []
    told: list[tuple[float, float]] = []
    counts: list[int] = []
    for name, rows in sets.items():
        shown = _means(model, some_of(rows, most, how.seed + 1), site, spec, how)
        way = shown.mean(0) - centre
        length = float(way.square().sum())
        if not length > 0:
            raise InputError(f"At {site} the inputs of {name!r} look exactly like the others on average.")
        directions.append(way / length)
        counts.append(len(shown))
        told.append(told_apart((shown - centre).flatten(1), (plain - centre).flatten(1), TOLD, how.seed))
    ways = torch.stack(directions)
    values = torch.cat([part.sum(2) for part in _parts(model, inputs, site, ways, centre, spec, how)])
    ends = torch.tensor(told, dtype=torch.float64)
    return ConceptValues(
        site, tuple(sets), values, ends[:, 0], ends[:, 1], torch.tensor(counts), len(plain), ways, centre
    )


def concept_exemplars(
    model: nn.Module,
    inputs: Tensor | Batch,
    found: ConceptValues,
    concepts: Sequence[int],
    *,
    k: int = 9,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Exemplars:
    """The inputs with the largest value of some concepts, and where in them it comes from.

    Args:
        model: the network that ``found`` is of.
        inputs: what ``found`` measured.
        found: from :func:`concept_values`.
        concepts: numbers of the concepts.
        k: how many; all N where there are fewer.
        spec: what an input means.
        compute: how to run.

    Returns:
        :class:`Exemplars` whose units are numbers of concepts; ``positions`` and ``boxes`` are where most of
        the value comes from, ``maps`` what each position adds.

    Cost:
        One pass, ended at the layer, of the inputs that are named.

    Example:
        >>> x = torch.randn(90, 2, generator=torch.Generator().manual_seed(0))
        >>> shown = {"first is large": x[:30] + torch.tensor([8.0, 0.0])}
        >>> found = concept_values(nn.Identity(), x, shown, ".", random=x)
        >>> concept_exemplars(nn.Identity(), x, found, [0], k=1).rows.item() == int(x[:, 0].argmax())
        True
    """
    how = compute or Compute(batch_size=128)
    asked = list(concepts)
    order = found.values[:, asked].T.argsort(dim=1, descending=True, stable=True)[:, :k]
    values = found.values[:, asked].T.gather(1, order)
    named, place = order.unique(return_inverse=True)
    some = rows_of(inputs, named)
    parts = torch.cat([*_parts(model, some, found.site, found.directions[asked], found.centre, spec, how)])
    own = parts[place, torch.arange(len(asked))[:, None]]  # [C, k, positions]
    shape = _shape_at(model, some, found.site, spec, how)
    if not shape:
        return Exemplars(
            found.site, torch.tensor(asked), values, order, None, len(found.concepts), len(found.values)
        )
    best = own.argmax(2)
    positions = torch.stack(torch.unravel_index(best, shape), -1)
    fed = feed(model, inputs, spec=spec, check=False, compute=how)
    plain = fed.single and not fed.names
    field = fields(model, fed.packed[:1], [found.site], compute=how)[found.site] if plain else None
    return Exemplars(
        found.site,
        torch.tensor(asked),
        values,
        order,
        None if field is None else field.boxes(positions),
        len(found.concepts),
        len(found.values),
        positions,
        own.reshape(*order.shape, *shape),
    )


def _means(model: nn.Module, rows: Tensor | Batch, site: str, spec: InputSpec | None, how: Compute) -> Tensor:
    """Activations ``[n, units, positions]``; of texts their means over tokens ``[n, units, 1]``."""
    real = tokens_of(rows, spec)
    found: list[Tensor] = []
    for some, seen in activations(model, rows, [site], stop=site, spec=spec, compute=how):
        each = by_unit(model, seen[site].detach(), site).float().cpu()
        found.append(each if real is None else (each * _shares(each, real[some])).sum(2, keepdim=True))
    return torch.cat(found)


def _parts(
    model: nn.Module,
    rows: Tensor | Batch,
    site: str,
    ways: Tensor,
    centre: Tensor,
    spec: InputSpec | None,
    how: Compute,
) -> list[Tensor]:
    """What each position adds to each value ``[b, C, positions]``, batch by batch."""
    real = tokens_of(rows, spec)
    found: list[Tensor] = []
    for some, seen in activations(model, rows, [site], stop=site, spec=spec, compute=how):
        each = by_unit(model, seen[site].detach(), site).float().cpu() - centre
        if real is not None:
            each = each * _shares(each, real[some])
            found.append(torch.einsum("bup,cu->bcp", each, ways[:, :, 0]))
        else:
            found.append(torch.einsum("bup,cup->bcp", each, ways))
    return found


def _shares(each: Tensor, real: Tensor) -> Tensor:
    """The share that each position has in the mean of a text ``[b, 1, positions]``."""
    if each.shape[2] != real.shape[1]:
        return each.new_full((1, 1, 1), 1 / each.shape[2])
    weight = real.to(each)[:, None]
    return weight / weight.sum(2, keepdim=True)


def _shape_at(
    model: nn.Module, rows: Tensor | Batch, site: str, spec: InputSpec | None, how: Compute
) -> tuple[int, ...]:
    """Axes of the positions of a layer; none where it gives single numbers."""
    one = rows_of(rows, slice(0, 1))
    for _, seen in activations(model, one, [site], stop=site, spec=spec, compute=how):
        return tuple(position_shape(model, seen[site], site))
    return ()
