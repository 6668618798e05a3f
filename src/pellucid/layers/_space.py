"""A layer's space on a plane, and how far the plane can be believed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, brief, wilson
from pellucid.errors import InputError
from pellucid.layers._reach import along, count_of, part_of, refuse_answers, rows_of, tokens_of, twin_of
from pellucid.layers._sketch import Sketch, sketches

NEAR = 12
FEWEST = 40
WIDTH = 1024  # numbers per row in which distances are taken
COMPONENTS, PERPLEXITY = 50, 30


@dataclass(frozen=True, slots=True, eq=False)
class PlaneMap:
    """One map of the inputs.

    Args:
        name: what was mapped, and how.
        places: ``[n, 2]``.
        trustworthiness: 0 to 1; below 1 by how far the 12 neighbours on the map were no neighbours before.
        continuity: 0 to 1; below 1 by how far the 12 neighbours before are none on the map.
        same_class: share of an input's 12 neighbours on the map that are of its class, mean over inputs;
            ``NaN`` where no answers were given.
        low, high: its 95 % interval over inputs (Wilson, each input counted once).
        same_class_before: the same share among the 12 neighbours before mapping.
    """

    name: str
    places: Tensor
    trustworthiness: float
    continuity: float
    same_class: float
    low: float
    high: float
    same_class_before: float

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class SpaceMap:
    """A layer's space on a plane, beside the maps that it has to be better than.

    Args:
        site: the layer.
        rows: int64 ``[n]``, which inputs.
        answers: class numbers int64 ``[n]``; empty where none were given, or no two are alike.
        maps: t-SNE of the layer; its two principal components; t-SNE of an untrained copy and of the inputs.
        chance: share of the same class among inputs at random; ``NaN`` without answers.
        total: inputs there were, of which ``rows`` may be a part.
        note: what was left out.
    """

    site: str
    rows: Tensor
    answers: Tensor
    maps: tuple[PlaneMap, ...]
    chance: float
    total: int
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def space_map(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    answers: Tensor | None = None,
    *,
    most: int = 1000,
    untrained_copy: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> SpaceMap:
    """Inputs on a plane, near where a layer says alike of them (t-SNE), with the plane's trustworthiness.

    With ``r(i, j)`` the place of j among the neighbours of i in the layer, and U the inputs that are among
    the k = 12 nearest of i on the map but not in the layer::

        trustworthiness = 1 − 2 / (n k (2n − 3k − 1)) · Σᵢ Σ_{j in U} (r(i, j) − k)

    Continuity is the same with map and layer exchanged. Activations are flattened (of texts: the mean over
    tokens), wide ones cut to 1,024 numbers by a random projection that keeps distances on average, then to 50
    principal components, then t-SNE with perplexity 30 from the first two components.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``, or a :class:`~pellucid._core.Batch`; 40 rows or more.
        site: the layer.
        answers: class numbers int64 ``[N]``, for the colours and the shares of the same class.
        most: inputs mapped, at random.
        untrained_copy: whether to map the same layer of an untrained copy.
        spec: what an input means; says what goes along with it, and where texts end.
        compute: how to run.

    Returns:
        :class:`SpaceMap`, the same for the same seed.

    Raises:
        SiteError: if the layer does not exist or is not reached.
        InputError: if there are fewer than 40 rows, answers do not fit, or the layer says the same of all.

    Cost:
        One pass ended at the layer, one more on the untrained copy, and a t-SNE for each map: about three
        seconds of one core for 1,000 inputs each.

    Limits:
        Distances between far clusters, their sizes and shapes mean nothing; t-SNE draws clusters even into
        one even cloud. Raw inputs of easy data make clear clusters too: the claim is the distance to the
        controls.

    Source:
        van der Maaten & Hinton 2008, Visualizing data using t-SNE; Venna & Kaski 2001, Neighborhood
        preservation in nonlinear projection methods (trustworthiness, continuity).

    Example:
        >>> x = torch.randn(60, 5)
        >>> found = space_map(nn.Sequential(nn.Linear(5, 8), nn.ReLU()), x, "1", (x[:, 0] > 0).long())
        >>> [each.name for each in found.maps][:2], found.maps[0].places.shape
        (['t-SNE of the layer', 'two principal components'], torch.Size([60, 2]))
    """
    how = compute or Compute(batch_size=256)
    total = count_of(inputs)
    if total < FEWEST or most < FEWEST:
        got = total if total < FEWEST else f"most={most}"
        raise InputError(f"A map needs at least {FEWEST} inputs, got {got}.")
    if answers is not None:
        refuse_answers(answers, total)
    picked = torch.randperm(total, generator=torch.Generator().manual_seed(how.seed))[:most].sort().values
    some = rows_of(inputs, picked)
    real = tokens_of(some, spec)
    fed = along(some, spec)
    notes: list[str] = []
    twin = twin_of(model, fed, how, notes) if untrained_copy else None
    passes = 1 if twin is None else 2
    own = sketches(model, fed, [site], WIDTH, part_of(how, 0, passes), real)[site]
    if not bool((own.max(0).values > own.min(0).values).any()):
        raise InputError(f"{site!r} says the same of every input: there is nothing to map.")
    known = torch.empty(0, dtype=torch.int64) if answers is None else answers.cpu()[picked]
    if len(known) and len(known.unique()) == len(known):
        known = known[:0]
        notes.append("No two inputs are of the same class, so classes are left out.")
    maps = [_plane("t-SNE of the layer", own, known, how.seed)]
    maps.append(_plane("two principal components", own, known, how.seed, plain=True))
    if twin is not None:
        other = sketches(twin, fed, [site], WIDTH, part_of(how, 1, passes), real)[site]
        maps.append(_plane("t-SNE, untrained copy", other, known, how.seed))
    maps.append(_plane("t-SNE of the raw inputs", _raw(fed, how.seed), known, how.seed))
    chance = float("nan")
    if len(known):
        sizes = known.unique(return_counts=True)[1].double()
        chance = float((sizes * (sizes - 1)).sum() / (len(known) * (len(known) - 1)))
    return SpaceMap(site, picked, known, tuple(maps), chance, total, " ".join(notes))


def _raw(inputs: Tensor | Batch, seed: int) -> Tensor:
    """Inputs as numbers whose distances mean something: token numbers as counts of tokens."""
    parts = [inputs] if isinstance(inputs, Tensor) else list(inputs.varied.values())
    made: list[Tensor] = []
    for part in parts:
        rows = part.detach().cpu().flatten(1)
        if not rows.is_floating_point():
            used, place = rows.unique(return_inverse=True)
            rows = torch.zeros(len(rows), len(used)).scatter_add_(1, place, torch.ones_like(rows).float())
        made.append(rows.float())
    return Sketch(WIDTH, seed)(torch.cat(made, 1))


def _plane(name: str, space: Tensor, answers: Tensor, seed: int, *, plain: bool = False) -> PlaneMap:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness

    rows = space.double().numpy()
    parts = min(COMPONENTS, *rows.shape)
    first = PCA(parts, svd_solver="randomized", random_state=seed).fit_transform(rows)
    if plain or parts < 2:
        made = torch.zeros(len(rows), 2, dtype=torch.float64)
        made[:, : min(2, parts)] = torch.from_numpy(first[:, :2].copy())
    else:
        near = min(PERPLEXITY, (len(rows) - 1) / 3)
        search = TSNE(2, perplexity=near, init="pca", random_state=seed)
        made = torch.from_numpy(search.fit_transform(first)).double()
    drawn = made.numpy()
    same = _same_class(made, answers)
    mean = float(same.mean())
    # as if each input told one thing, not twelve: on the careful side, and no interval of no width
    ends = wilson(round(mean * len(same)), len(same)) if len(answers) else (mean, mean)
    return PlaneMap(
        name,
        made,
        float(trustworthiness(rows, drawn, n_neighbors=NEAR)),
        float(trustworthiness(drawn, rows, n_neighbors=NEAR)),
        mean,
        *ends,
        float(_same_class(space.double(), answers).mean()),
    )


def _same_class(points: Tensor, answers: Tensor) -> Tensor:
    """Share ``[n]`` of each point's nearest that are of its class; ``NaN`` without answers."""
    if not len(answers):
        return torch.full((len(points),), torch.nan, dtype=torch.float64)
    away = torch.cdist(points, points).fill_diagonal_(torch.inf)
    near = away.topk(NEAR, dim=1, largest=False).indices
    return (answers[near] == answers[:, None]).double().mean(1)
