"""An atlas of a layer: what its commonest activations stand for, laid out so that like lies beside like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, activations, brief
from pellucid._core._units import along, unit_axis
from pellucid.errors import InputError
from pellucid.features._canvas import canvas_of
from pellucid.features._maximization import activation_maximization
from pellucid.features._objectives import POWER, Direction
from pellucid.features._pictures import FeaturePictures
from pellucid.features._run import as_fed
from pellucid.features._views import Transforms

FEWEST = 100
COMPONENTS, PERPLEXITY, NEIGHBOURS = 50, 30, 12
SHRINK = 0.1  # of the mean variance, added to every direction before whitening
EDGE = 0.01  # quantile at which the map ends


@dataclass(frozen=True, slots=True, eq=False)
class ActivationAtlas:
    """Averaged real activations on a grid, each as the input that would give it.

    Args:
        site: the layer.
        grid: side of the grid.
        cells: int64 ``[K, 2]``, row and column of each cell that is filled.
        counts: int64 ``[K]``, activations averaged in it.
        pictures: one made input per cell, with the strongest real ones.
        found: ``[K]``, at which share of the cells, 0 to 1, the made input's own activation is more like
            theirs than like its own: 0 is the best, 0.5 chance.
        near: share of made inputs whose activation is most like that of their own cell or one touching it.
        near_chance: the same for a cell at random.
        trust: trustworthiness of the map, 0 to 1: whether neighbours on it are neighbours in the layer.
        n: activations on the map.
        note: what the map rests on.
    """

    site: str
    grid: int
    cells: Tensor
    counts: Tensor
    pictures: FeaturePictures
    found: Tensor
    near: float
    near_chance: float
    trust: float
    n: int
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def activation_atlas(
    model: nn.Module,
    site: str,
    *,
    spec: InputSpec | None = None,
    data: Tensor,
    grid: int = 8,
    positions: int = 16,
    least: int = 5,
    power: float = POWER,
    steps: int = 128,
    statistics: Literal["auto", "covariance", "spectrum"] = "auto",
    transforms: Transforms = "auto",
    keep: str | Path | None = None,
    compute: Compute | None = None,
) -> ActivationAtlas:
    """What a layer tells apart: real activations on a map, averaged cell by cell, and an input for each mean.

    Activations at some positions of every input are laid out by t-SNE on 50 principal components. The mean
    ``m_c`` of each cell becomes the direction ``(Σ + s I)⁻¹ (m_c − m)``, with ``m`` and ``Σ`` of all
    activations and ``s`` a tenth of the mean variance: what sets the cell apart, and not what all share. All
    directions climb in one batched run, as in :func:`~pellucid.features.activation_maximization`.

    Args:
        model: any network; it comes back as it was.
        site: the layer.
        spec: what an input means.
        data: real inputs ``[N, *shape]`` as the network takes them.
        grid: side of the grid.
        positions: positions of each input, drawn at random; 1 where the layer has none.
        least: cells with fewer activations stay empty.
        power: of the cosine, see :class:`~pellucid.features.Direction`.
        steps: most steps.
        statistics, transforms, keep: as for :func:`~pellucid.features.activation_maximization`.
        compute: how to run.

    Returns:
        :class:`ActivationAtlas`.

    Raises:
        SiteError: if the layer does not exist or the pass does not reach it.
        InputError: if there are fewer than 100 activations, or no cell holds ``least`` of them.

    Cost:
        One pass over the data, and what :func:`activation_maximization` of as many directions as there are
        cells takes without its control, at most grid² × steps rows backward; all ended at the layer. t-SNE of
        N × positions points, some seconds for a few thousand.

    Limits:
        The map shows what the *data* excite: what they lack is not on it. Distances between far cells mean
        nothing, and t-SNE makes islands of noise as well. Averages may fall between what really occurs. An
        untrained network has an atlas too; make it (``untrained(model)``) and look at both.

    Source:
        Carter et al. 2019, Activation atlas, Distill 4(3), doi:10.23915/distill.00015.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> net, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU()), torch.rand(400, 4) * 2 - 1
        >>> atlas = activation_atlas(net, "1", data=x, grid=2, steps=2)
        >>> atlas.cells.shape, atlas.pictures.pictures.shape
        (torch.Size([4, 2]), torch.Size([4, 1, 4]))
    """
    how = compute or Compute()
    if min(grid, positions, least, steps) < 1:
        raise InputError(
            f"grid, positions, least and steps must be at least 1, got {grid}, {positions}, {least}, {steps}."
        )
    real = as_fed(model, data, spec, how)
    points = _sampled(model, real, site, positions, how)
    if len(points) < FEWEST:
        raise InputError(
            f"An atlas needs {FEWEST} activations, got {len(points)}: {len(real)} inputs, up to {positions} "
            "positions each. Give more inputs."
        )
    layout, trust = _laid_out(points, how.seed)
    cells, means, counts = _gathered(points, layout, grid, least)
    centre = points.mean(0)
    away = points - centre
    covariance = away.T @ away / len(points)
    flat = covariance + SHRINK * covariance.diagonal().mean() * torch.eye(len(covariance)).double()
    directions = torch.linalg.solve(flat, (means - centre).T).T
    names = [f"cell {row}, {column}" for row, column in cells.tolist()]
    objectives = [
        Direction(line.float(), power=power, name=name)
        for line, name in zip(directions / directions.norm(dim=1, keepdim=True), names, strict=True)
    ]
    made = activation_maximization(
        model,
        site,
        spec=spec,
        data=data,
        objectives=objectives,
        steps=steps,
        seeds=1,
        statistics=statistics,
        transforms=transforms,
        untrained_control=False,
        keep=keep,
        compute=how,
    )
    place = canvas_of(model, real[:1], site, how).place
    reached = _at(model, made.pictures[:, 0].to(real), site, place, how)
    found, near, chance = _recognised(
        directions @ (reached - centre).T, directions @ (means - centre).T, cells
    )
    note = f"{len(points)} activations of {len(real)} inputs; cells with fewer than {least} are empty."
    return ActivationAtlas(site, grid, cells, counts, made, found, near, chance, trust, len(points), note)


def _sampled(model: nn.Module, data: Tensor, site: str, positions: int, how: Compute) -> Tensor:
    """Activations at random positions ``[n, units]``, the same for any batch size."""
    draws = torch.rand(len(data), positions, generator=torch.Generator().manual_seed(how.seed))
    parts: list[Tensor] = []
    quiet = Compute(how.batch_size, how.seed, how.device)
    for rows, seen in activations(model, data, [site], stop=site, compute=quiet):
        found = along(seen[site], unit_axis(model, seen[site], site)).double().cpu()
        taken = (draws[rows] * found.shape[2]).long()[:, : found.shape[2]]
        picked = found.gather(2, taken[:, None].expand(-1, found.shape[1], -1))
        parts.append(picked.movedim(1, 2).flatten(0, 1))
    return torch.cat(parts)


def _at(model: nn.Module, inputs: Tensor, site: str, place: int, how: Compute) -> Tensor:
    """The activation at one position ``[n, units]``."""
    quiet = Compute(how.batch_size, how.seed, how.device)
    return torch.cat(
        [
            along(seen[site], unit_axis(model, seen[site], site))[:, :, place].double().cpu()
            for _, seen in activations(model, inputs, [site], stop=site, compute=quiet)
        ]
    )


def _laid_out(points: Tensor, seed: int) -> tuple[Tensor, float]:
    """Places ``[n, 2]`` in 0 to 1, and how far their neighbours can be trusted."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness

    rows = points.numpy()
    kept = min(COMPONENTS, *rows.shape)
    rows = PCA(kept, random_state=seed).fit_transform(rows)
    perplexity = min(PERPLEXITY, len(rows) // 4)
    placed = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
    trust = float(trustworthiness(rows[:2000], placed[:2000], n_neighbors=NEIGHBOURS))
    layout = torch.from_numpy(placed).double()
    low, high = layout.quantile(torch.tensor([EDGE, 1 - EDGE]).double(), dim=0)
    return ((layout - low) / (high - low)).clamp(0, 1), trust


def _gathered(points: Tensor, layout: Tensor, grid: int, least: int) -> tuple[Tensor, Tensor, Tensor]:
    """Filled cells ``[K, 2]``, the mean activation in each ``[K, units]`` and how many it is of."""
    place = (layout * grid).long().clamp_max(grid - 1)
    number = place[:, 1] * grid + place[:, 0]
    counts = number.bincount(minlength=grid * grid)
    kept = (counts >= least).nonzero().flatten()
    if not len(kept):
        raise InputError(
            f"No cell of {grid} × {grid} holds {least} activations. Give more inputs, or a smaller grid=."
        )
    total = torch.zeros(grid * grid, points.shape[1], dtype=torch.float64).index_add_(0, number, points)
    means = total[kept] / counts[kept, None]
    return torch.stack([kept // grid, kept % grid], 1), means, counts[kept]


def _recognised(made: Tensor, means: Tensor, cells: Tensor) -> tuple[Tensor, float, float]:
    """How well made inputs are told by their activations: ``[cells, made inputs]`` along each direction."""
    # each direction on its own scale: how far the cell that it is of lies along it
    likeness = made / means.diagonal()[:, None]
    found = (likeness > likeness.diagonal()).double().sum(0) / max(1, len(cells) - 1)
    touching = (cells[:, None] - cells[None]).abs().amax(2) <= 1
    best = likeness.argmax(0)
    near = float(touching[torch.arange(len(cells)), best].double().mean())
    return found, near, float(touching.double().mean())


__all__ = ["ActivationAtlas", "activation_atlas"]
