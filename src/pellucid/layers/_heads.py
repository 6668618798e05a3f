"""Where the heads of an attention layer look, and what the network loses without each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Site, activations, brief, predict, probe
from pellucid._core._functions import ATTENTION, HEADS
from pellucid.errors import InputError
from pellucid.layers._effects import UnitEffects, unit_effects
from pellucid.layers._reach import count_of, part_of, rows_of, twin_of

Z95 = 1.959964


@dataclass(frozen=True, slots=True, eq=False)
class AttentionHeads:
    """The heads of one attention layer.

    Args:
        site: the layer.
        weights: ``[R, heads, T, S]``, how much each query takes of each key, for the first R inputs; rows add
            up to 1.
        keys: ``[heads]``, to how many keys a query attends, mean over inputs and queries: 1 is one alone, S
            is all alike (the exponential of the entropy).
        untrained_keys: ``[heads]``, the same in an untrained copy; ``NaN`` where none was run.
        moved: ``[heads]``, how far the output moves without the head, as a share of how far outputs of
            different inputs lie from their mean; 0 is not at all.
        low, high: ``[heads]``, its 95 % interval, over inputs.
        effects: accuracy lost without each head; ``None`` where no answers were given.
        n: inputs.
        note: what was left out.
    """

    site: str
    weights: Tensor
    keys: Tensor
    untrained_keys: Tensor
    moved: Tensor
    low: Tensor
    high: Tensor
    effects: UnitEffects | None
    n: int
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def attention_heads(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    answers: Tensor | None = None,
    *,
    shown: int = 4,
    untrained_copy: bool = True,
    compute: Compute | None = None,
) -> AttentionHeads:
    """Attention of each head, beside what the network's answers lose when the head is taken away.

    ``A = softmax(Q Kᵀ / √d + mask)``, read where it is written out, recomputed where it is fused; recomputed
    attention must give the layer's own output, or it is refused. Without a head means: each of its features
    held at its mean over inputs and queries.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``, or a :class:`~pellucid._core.Batch`.
        site: the module in whose forward attention happens, as ``pellucid.layers`` lists it before
            ``:heads()``.
        answers: class numbers int64 ``[N]``, for the accuracy lost.
        shown: inputs whose maps are kept.
        untrained_copy: whether to look at an untrained copy too.
        compute: how to run.

    Returns:
        :class:`AttentionHeads`.

    Raises:
        SiteError: if the layer does not exist, or its own forward does no attention.
        MethodError: if rows cannot be told from windows, or recomputed attention gives another output.
        InputError: if answers do not fit, or there are fewer than 2 inputs.

    Cost:
        Three passes and one for each head; with answers one and one for each head more, with the copy one.

    Limits:
        A map shows where a head looks, not what for: values that it takes may be small, and what it writes
        may be ignored. The effect beside it is what counts. Heads that stand in for each other each look
        useless alone. Padding counts as queries too.

    Source:
        Abnar & Zuidema 2020, Quantifying attention flow in transformers, arXiv 2005.00928; Michel et al.
        2019, Are sixteen heads really better than one?, arXiv 1905.10650 (taking heads away).

    Example:
        >>> net = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        >>> attention_heads(net, torch.randn(20, 3, 4), "self_attn").weights.shape
        torch.Size([4, 2, 3, 3])
    """
    how = compute or Compute(batch_size=128)
    n = count_of(inputs)
    if n < 2 or shown < 1:
        raise InputError(f"Expected at least 2 inputs and to show at least 1, got {n} and {shown}.")
    notes: list[str] = []
    twin = twin_of(model, inputs, how, notes) if untrained_copy else None
    heads = str(replace(Site.parse(site), side=f"{HEADS}()", item=None))
    weights = str(replace(Site.parse(site), side=f"{ATTENTION}()", item=None))
    parts = 3 + (answers is not None)
    keys = _keys(model, inputs, weights, part_of(how, 0, parts))
    before = torch.full_like(keys, torch.nan)
    if twin is not None:
        before = _keys(twin, inputs, weights, part_of(how, 1, parts))
    some = rows_of(inputs, slice(0, min(shown, n)))
    one = Compute(min(shown, n), how.seed, how.device)
    maps = torch.cat([seen[weights].cpu() for _, seen in activations(model, some, [weights], compute=one)])
    moved, low, high = _moved(model, inputs, heads, part_of(how, 2, parts))
    effects = None
    if answers is not None:
        effects = unit_effects(model, inputs, answers, heads, compute=part_of(how, 3, parts))
    return AttentionHeads(site, maps, keys, before, moved, low, high, effects, n, " ".join(notes))


def _keys(model: nn.Module, inputs: Tensor | Batch, site: str, how: Compute) -> Tensor:
    """To how many keys a query of each head attends ``[heads]``."""

    def attended(weights: Tensor) -> Tensor:
        return torch.special.entr(weights.double()).sum(-1).exp().mean(2)

    found = [seen[site].cpu() for _, seen in activations(model, inputs, {site: attended}, compute=how)]
    return torch.cat(found).mean(0)


def _moved(
    model: nn.Module, inputs: Tensor | Batch, site: str, how: Compute
) -> tuple[Tensor, Tensor, Tensor]:
    """How far the output moves without each head, with its interval."""
    start = how.at(0, 1)
    sums = [
        seen[site]
        for _, seen in activations(model, inputs, {site: lambda found: found.mean(2)}, compute=start)
    ]
    mean = torch.cat(sums).double().mean(0)
    plain = predict(model, inputs, compute=start).double().flatten(1)
    spread = float((plain - plain.mean(0)).norm(dim=1).mean())
    lost: list[Tensor] = []
    for head in range(len(mean)):

        def without(found: Tensor, head: int = head) -> Tensor:
            made = found.clone()
            made[:, head] = mean[head].to(made)
            return made

        with probe(model, write={site: without}):
            left = predict(model, inputs, compute=how.at(head, len(mean))).double().flatten(1)
        lost.append((plain - left).norm(dim=1).cpu() / max(spread, 1e-300))
        how.progress(head + 1, len(mean))
    each = torch.stack(lost)
    reach = Z95 * each.std(1) / each.shape[1] ** 0.5
    return each.mean(1), (each.mean(1) - reach).clamp_min(0), each.mean(1) + reach
