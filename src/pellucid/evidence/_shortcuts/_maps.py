"""What attribution maps suspect: places where clusters of them gather, and small spots that wander."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core import percent
from pellucid.evidence._shortcuts._contest import Mix, Rows, Suspect
from pellucid.evidence._shortcuts._pictures import CONTENT, place
from pellucid.evidence._shortcuts._value import MapCluster

SIZE = 10  # cells of a downsized map along its longer side
NEIGHBOURS = 10
MOST = 6  # clusters of a class
FEW = 8  # rows of a cluster below which nothing is tested
SMALL = 0.12  # of the picture: half of a map in less is worth a test
TESTED = 6  # clusters that are tested, the most concentrated first
STEPS = 20  # of k-means


def map_clusters(
    maps: Tensor, given: Tensor, names: tuple[str, ...]
) -> list[tuple[MapCluster, Tensor, Tensor]]:
    """Clusters of maps ``[N, H, W]`` within each answer: each with its rows, bool ``[N]``, and its place.

    Source:
        Lapuschkin et al. 2019, Unmasking Clever Hans predictors, arXiv 1902.10178 (SpRAy).
    """
    sizes = maps.abs()
    shares = sizes / sizes.flatten(1).sum(1).clamp(min=1e-12)[:, None, None]
    found: list[tuple[MapCluster, Tensor, Tensor]] = []
    for label in given.unique().tolist():
        rows = (given == label).nonzero().flatten()
        member, values = spectral_clusters(_downsized(shares[rows]))
        for k in range(int(member.max()) + 1):
            mine = torch.zeros(len(maps), dtype=torch.bool)
            mine[rows[member == k]] = True
            mean = shares[mine].mean(0)
            taken = _half(mean)
            area = float(taken.double().mean())
            found.append(
                (MapCluster(names[label], int(mine.sum()), len(rows), mean, area, values), mine, taken)
            )
    return found


def cluster_suspects(rows: Rows, found: list[tuple[MapCluster, Tensor, Tensor]]) -> list[Suspect]:
    """The place of each cluster whose maps gather in a small one, tested on its own rows."""
    small = [(one, mine, taken) for one, mine, taken in found if one.n >= FEW and one.area <= SMALL]
    small.sort(key=lambda each: each[0].area)
    return [
        place(
            rows,
            "place",
            f"{percent(float(taken.double().mean()), 0)} of the picture, {_where(taken)}",
            f"half of the maps of {one.n} of {one.of} rows answered {one.answer} lies there",
            taken,
            CONTENT,
            mine,
        )
        for one, mine, taken in small[:TESTED]
    ]


def spot_suspect(rows: Rows, maps: Tensor, seed: int) -> Suspect:
    """The small square of each row where its map is strongest, wherever that is.

    A mixed row takes over both squares: its own is overwritten, and the donor's put in.
    """
    x = rows.x
    height, width = x.shape[-2:]
    side = max(2, round(min(height, width) / 4))
    dense = F.avg_pool2d(maps.abs()[:, None], side, 1)
    best = _squares(dense.flatten(1).argmax(1), dense.shape[-1], side, (height, width)).to(x.device)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 67_867_967)
    lots = torch.randint(dense[0].numel(), (len(x),), generator=generator)
    drawn = _squares(lots, dense.shape[-1], side, (height, width)).to(x.device)
    return Suspect(
        "spot",
        f"the {side} × {side} pixels that matter most, wherever they are",
        "attribution maps peak there",
        _both(x, best),
        _both(x, drawn),
        "squares of that size at places drawn at random",
        CONTENT,
        marked=lambda rest, donor: (best[rest] | best[donor])[:, None].expand(-1, x.shape[1], -1, -1),
    )


def spectral_clusters(points: Tensor) -> tuple[Tensor, tuple[float, ...]]:
    """Cluster numbers int64 ``[n]`` and the first eigenvalues of the normalised graph Laplacian.

    Each point is tied to its nearest neighbours; the largest gap between eigenvalues says how many clusters.

    Source:
        von Luxburg 2007, A tutorial on spectral clustering, arXiv 0711.0189.

    Example:
        >>> points = torch.cat([torch.zeros(12, 2), torch.ones(12, 2)]) + 0.01 * torch.rand(24, 2)
        >>> member, _ = spectral_clusters(points)
        >>> member.bincount().tolist(), int(member[:12].unique().numel())
        ([12, 12], 1)
    """
    n = len(points)
    if n < 2 * FEW:
        return torch.zeros(n, dtype=torch.int64), ()
    apart = torch.cdist(points.double(), points.double())
    near = apart.topk(min(NEIGHBOURS, n - 1) + 1, largest=False)
    scale = near.values[:, -1].median().clamp(min=1e-12)
    tie = torch.zeros(n, n, dtype=torch.float64)
    tie.scatter_(1, near.indices, torch.exp(-(near.values / scale).square()))
    tie = torch.maximum(tie, tie.T).fill_diagonal_(0)
    root = tie.sum(1).clamp(min=1e-12).rsqrt()
    values, vectors = torch.linalg.eigh(torch.eye(n, dtype=torch.float64) - root[:, None] * tie * root)
    first = values[: MOST + 1]
    count = int(first.diff().argmax()) + 1
    if count == 1:
        return torch.zeros(n, dtype=torch.int64), tuple(first.tolist())
    member = _k_means(F.normalize(vectors[:, :count], dim=1), count)
    return member, tuple(first.tolist())


def _k_means(points: Tensor, count: int) -> Tensor:
    """Lloyd's steps from centres that lie farthest apart; the same points give the same clusters."""
    centres = points[:1]
    while len(centres) < count:
        far = torch.cdist(points, centres).amin(1).argmax()
        centres = torch.cat([centres, points[far][None]])
    member = torch.zeros(len(points), dtype=torch.int64)
    for _ in range(STEPS):
        member = torch.cdist(points, centres).argmin(1)
        kept = [
            points[member == k].mean(0) if bool((member == k).any()) else centres[k] for k in range(count)
        ]
        centres = torch.stack(kept)
    return member.unique(return_inverse=True)[1]


def _downsized(shares: Tensor) -> Tensor:
    height, width = shares.shape[-2:]
    scale = SIZE / max(height, width, SIZE)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    # roots of shares: their distance is Hellinger's, which a few large cells do not rule
    return F.adaptive_avg_pool2d(shares[:, None], size).flatten(1).sqrt()


def _half(mean: Tensor) -> Tensor:
    """The fewest elements that hold half of a smoothed map: bool ``[H, W]``."""
    smooth = F.avg_pool2d(mean[None, None], 3, 1, 1)[0, 0] if min(mean.shape) >= 3 else mean
    order = smooth.flatten().argsort(descending=True)
    total = smooth.flatten()[order].cumsum(0)
    count = int((total < total[-1] / 2).sum()) + 1
    taken = torch.zeros(mean.numel(), dtype=torch.bool)
    taken[order[:count]] = True
    return taken.view(mean.shape)


def _squares(corner: Tensor, columns: int, side: int, grid: tuple[int, int]) -> Tensor:
    top, left = (corner // columns)[:, None], (corner % columns)[:, None]
    down, across = torch.arange(grid[0]), torch.arange(grid[1])
    tall = (down >= top) & (down < top + side)
    broad = (across >= left) & (across < left + side)
    return tall[:, :, None] & broad[:, None, :]


def _both(x: Tensor, squares: Tensor) -> Mix:
    return lambda rest, donor: torch.where((squares[rest] | squares[donor])[:, None], x[donor], x[rest])


def _where(taken: Tensor) -> str:
    rows, columns = taken.nonzero().double().mean(0).tolist()
    down = ("upper", "middle", "lower")[min(2, int(3 * rows / taken.shape[0]))]
    across = ("left", "middle", "right")[min(2, int(3 * columns / taken.shape[1]))]
    return "in the middle" if down == across == "middle" else f"{down} {across}"
