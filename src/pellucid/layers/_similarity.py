"""How alike two layers see the same inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, activations, brief
from pellucid.errors import InputError
from pellucid.layers._reach import along, chosen_sites, count_of, flat, rows_of, tokens_of, twin_of

FEWEST = 8
ELEMENTS = 2**26  # numbers of a block of rows that are held at once


@dataclass(frozen=True, slots=True, eq=False)
class RepresentationSimilarity:
    """Unbiased linear CKA of layers.

    Args:
        sites: layers of the network, in rows.
        other_sites: layers of the same or of the other network, in columns.
        values: ``[A, B]``: 1 where one layer is a rotation and scaling of the other, about 0 where the two
            have nothing in common; ``NaN`` for a layer that says the same of every input.
        null: ``[A, B]``, what 95 % of random pairings of the rows stay below in size: smaller values say
            nothing.
        references: by name, ``[A]``: each layer with the same layer of another network, ``"untrained"`` or
            ``"second seed"``. What two networks share without having learned the same is at least the first.
        n: inputs used.
        block: rows compared with one another at a time.
        note: what was left out.
        shrunk: ``[A, B]``, the values less what chance pairings give, never below 0: nearer to the truth
            where that is nothing, and the same where it is much. Figures and pages show these.
        shrunk_references: the reference lines, treated alike.
        between: whether the columns are layers of another network, whatever their names.
    """

    sites: tuple[str, ...]
    other_sites: tuple[str, ...]
    values: Tensor
    null: Tensor
    references: Mapping[str, Tensor]
    n: int
    block: int
    note: str = ""
    shrunk: Tensor | None = None
    shrunk_references: Mapping[str, Tensor] | None = None
    between: bool = False

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def representation_similarity(
    model: nn.Module,
    inputs: Tensor | Batch,
    sites: Sequence[str] | None = None,
    *,
    other: nn.Module | None = None,
    other_sites: Sequence[str] | None = None,
    second: nn.Module | None = None,
    untrained_copy: bool = True,
    block: int = 256,
    draws: int = 100,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> RepresentationSimilarity:
    """How alike layers see the same inputs, within a network or between two, from about 0 to 1.

    ``CKA = H(K, L) / √(H(K, K) H(L, L))`` with ``K = X Xᵀ`` of the flattened activations
    (of texts: their means over tokens) and ``H`` the
    unbiased estimate of the Hilbert-Schmidt independence criterion, averaged over blocks of rows::

        H(K, L) = Σᵢⱼ Ũᵢⱼ Ṽᵢⱼ / (n (n − 3))
        Ũᵢⱼ = Kᵢⱼ − (Σₖ Kᵢₖ + Σₖ Kₖⱼ) / (n − 2) + Σ K / ((n − 1)(n − 2))

    with zero diagonals. ``shrunk = max(0, CKA) · max(0, 1 − s² / CKA²)`` with s² the mean square of the same
    for random pairings of the rows. Unlike the usual estimate it does not rise towards 1 where a layer has
    more units than there are rows.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``, or a :class:`~pellucid._core.Batch`; 256 rows or more.
        sites: layers; ``None`` for all that call no other.
        other: a network to compare with; ``None`` compares the network's layers with one another.
        other_sites: its layers, or those of the network itself where there is no other.
        second: the same architecture trained from another seed, for a reference line.
        untrained_copy: whether to draw the reference line of an untrained copy.
        block: rows compared with one another at a time; with fewer inputs, all of them.
        draws: random pairings for the null band.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        A :class:`RepresentationSimilarity`.

    Raises:
        SiteError: if a layer does not exist or is not reached.
        InputError: if there are fewer than 8 rows.

    Cost:
        One pass over the rows for each network, and for each block layers² · block² · draws multiplications.
        Kept are block² numbers per layer, whatever N is. Rows that fill no block are left out.

    Limits:
        Similar is not equal: CKA hardly sees what lies in directions of small variance, a few outlying
        inputs can move it at will, and it knows nothing of what the layer is used for. Compare with the
        reference lines, never with 1. With n rows a block and B blocks, unrelated layers of many units
        still scatter by about √(2/B) / n: at 32 rows in one block seven values of ten lie within ±0.05, of
        the shrunk ones 96 of 100; from 64 rows on 98 of 100 do as they are.

    Source:
        Kornblith et al. 2019, Similarity of neural network representations revisited, arXiv 1905.00414;
        Song et al. 2012, Feature selection via dependence maximization (the unbiased estimate); Nguyen et
        al. 2021, arXiv 2010.15327 (blocks); Davari et al. 2022, arXiv 2210.16156 (the limits).

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 6))
        >>> found = representation_similarity(net, torch.randn(64, 4), draws=10)
        >>> found.sites, [round(v, 6) for v in found.values.diagonal().tolist()]
        (('0', '1'), [1.0, 1.0])
    """
    how = compute or Compute()
    total = count_of(inputs)
    n = min(block, total)
    if n < FEWEST or draws < 1:
        raise InputError(
            f"Expected at least {FEWEST} rows, a block of as many and one draw; "
            f"got {total} rows, block={block}, draws={draws}."
        )
    real, inputs = tokens_of(inputs, spec), along(inputs, spec)
    rows_sizes, notes = chosen_sites(model, inputs, sites, how)
    one = other is None and other_sites is None
    columns = rows_sizes if one else chosen_sites(other or model, inputs, other_sites, how)[0]
    twins = {"second seed": second} if second is not None else {}
    if untrained_copy and (twin := twin_of(model, inputs, how, notes)) is not None:
        twins["untrained"] = twin
    sums = _Sums(len(rows_sizes), len(columns), tuple(twins), draws)
    generator = torch.Generator().manual_seed(how.seed)
    order = torch.randperm(total, generator=generator)
    blocks = [order[k * n : (k + 1) * n].sort().values for k in range(total // n)]
    for k, index in enumerate(blocks):
        some, here = rows_of(inputs, index), None if real is None else real[index]
        within = how.at(k, len(blocks))
        own = _centred(model, some, rows_sizes, here, within)
        beside = own if one else _centred(other or model, some, columns, here, within)
        controls = {name: _centred(net, some, rows_sizes, here, within) for name, net in twins.items()}
        sums.add(own, beside, controls, generator, within)
        how.progress(k + 1, len(blocks))
    values, null, shrunk = sums.result()
    references, less = sums.references()
    used, said = n * len(blocks), " ".join(notes)
    return RepresentationSimilarity(
        tuple(rows_sizes),
        tuple(columns),
        values,
        null,
        references,
        used,
        n,
        said,
        shrunk,
        less,
        between=other is not None,
    )


def _centred(
    model: nn.Module, inputs: Tensor | Batch, sites: Mapping[str, int], real: Tensor | None, how: Compute
) -> Tensor:
    """U-centred Gram matrices ``[sites, n, n]`` of a block."""
    n = count_of(inputs)
    found: dict[str, Tensor] = {}
    for group in _groups(sites, n):
        parts: dict[str, list[Tensor]] = {site: [] for site in group}
        stop = group[0] if len(group) == 1 else None
        # layers with NaN have no number, the others do
        for rows, seen in activations(model, inputs, group, stop=stop, compute=how, finite=False):
            for site in group:
                if len(seen[site]) != rows.stop - rows.start:
                    raise InputError(f"The activation at {site!r} does not keep the row axis first.")
                here = None if real is None else real[rows]
                parts[site].append(flat(model, seen[site], here, site).float().cpu())
        found |= {site: u_centred(torch.cat(part)) for site, part in parts.items()}
    return torch.stack([found[site] for site in sites])


def _groups(sites: Mapping[str, int], n: int) -> Iterator[list[str]]:
    """Layers whose activations fit into memory together."""
    group: list[str] = []
    held = 0
    for site, size in sites.items():
        if group and held + size * n > ELEMENTS:
            yield group
            group, held = [], 0
        group.append(site)
        held += size * n
    yield group


def u_centred(x: Tensor) -> Tensor:
    """The U-centred Gram matrix ``[n, n]`` of rows ``[n, D]``; its rows sum to zero, its diagonal is zero."""
    n = len(x)
    x = x - x.mean(0)
    gram = (x @ x.T).double()
    gram.fill_diagonal_(0)
    sums = gram.sum(1)
    centred = gram - (sums[:, None] + sums) / (n - 2) + gram.sum() / ((n - 1) * (n - 2))
    return centred.fill_diagonal_(0)


class _Sums:
    """HSIC of all pairs, summed over blocks, and under random pairings."""

    def __init__(self, a: int, b: int, names: tuple[str, ...], draws: int) -> None:
        self._both = torch.zeros(a, b, dtype=torch.float64)
        self._own, self._beside = (torch.zeros(size, dtype=torch.float64) for size in (a, b))
        self._shuffled = torch.zeros(draws, a, b, dtype=torch.float64)
        self._cross = {name: torch.zeros(a, dtype=torch.float64) for name in names}
        self._controls = {name: torch.zeros(a, dtype=torch.float64) for name in names}
        self._crossed = {name: torch.zeros(draws, a, dtype=torch.float64) for name in names}

    def add(
        self,
        own: Tensor,
        beside: Tensor,
        controls: Mapping[str, Tensor],
        generator: torch.Generator,
        how: Compute,
    ) -> None:
        n = own.shape[1]
        scale = n * (n - 3)
        flat = own.flatten(1)
        self._both += flat @ beside.flatten(1).T / scale
        self._own += flat.square().sum(1) / scale
        self._beside += beside.flatten(1).square().sum(1) / scale
        for name, control in controls.items():
            self._cross[name] += (own * control).sum((1, 2)) / scale
            self._controls[name] += control.square().sum((1, 2)) / scale
        for k in range(len(self._shuffled)):
            how.progress(k, len(self._shuffled))
            order = torch.randperm(n, generator=generator)
            self._shuffled[k] += flat @ beside[:, order][:, :, order].flatten(1).T / scale
            for name, control in controls.items():
                self._crossed[name][k] += (own * control[:, order][:, :, order]).sum((1, 2)) / scale

    def result(self) -> tuple[Tensor, Tensor, Tensor]:
        """Values, what chance stays below, and the values less chance."""
        length = (self._own[:, None] * self._beside).sqrt()
        chance = self._shuffled / length
        null = chance.abs().quantile(0.95, dim=0)
        values = self._both / length
        return values, null, _less(values, chance)

    def references(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Each layer with its counterpart, and the same less chance."""
        lengths = {name: (self._own * own).sqrt() for name, own in self._controls.items()}
        lines = {name: cross / lengths[name] for name, cross in self._cross.items()}
        return lines, {name: _less(line, self._crossed[name] / lengths[name]) for name, line in lines.items()}


def _less(values: Tensor, chance: Tensor) -> Tensor:
    """Values less what random pairings ``[draws, …]`` give."""
    kept = (1 - chance.square().mean(0) / values.square()).clamp_min(0)
    return torch.where(values > 0, values * kept, torch.where(values.isnan(), values, 0.0))
