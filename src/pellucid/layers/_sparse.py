"""Sparse autoencoders: three ways to keep few codes, one way to learn them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, activations, shuffled
from pellucid.errors import InputError, MethodError, near_misses
from pellucid.layers._dictionary import (
    Dictionary,
    DictionaryQuality,
    Kind,
    halves,
    kept,
    quality_of,
    vectors_of,
)
from pellucid.layers._reach import CALIBRATE, along, count_of, tokens_of

SAMPLE = 2**16  # activation vectors that are learned from
HELD = 512
EACH = 4  # elements to each unit, where nothing else is said
FEWEST = 50
BATCH = 512
DEAD_AFTER = 100  # steps without use
AUXILIARY = 1 / 32
BANDWIDTH = 0.1
NOTHING = DictionaryQuality(math.nan, math.nan, math.nan, math.nan, 0)


def sparse_autoencoder(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    *,
    kind: Literal["topk", "batchtopk", "jumprelu"] = "topk",
    width: int | None = None,
    k: int | None = None,
    steps: int = 1000,
    rate: float = 2e-3,
    shuffled_control: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Dictionary:
    """Directions of a layer of which few at a time rebuild its activations, learned by a sparse autoencoder.

    ``codes = keep(relu((x − mean) / scale · encoder + bias))``, ``x ≈ mean + scale · codes · decoder``, with
    rows of the decoder of length one. ``keep`` is, by ``kind``:

    - ``topk``: the k largest codes of each vector;
    - ``batchtopk``: the k · n largest of a batch of n, so that hard inputs may use more; later, those above
      the threshold that this came to;
    - ``jumprelu``: those above a learned threshold each; the mean number in use is drawn to k.

    The loss is the squared error ÷ variance, plus 1/32 of the same for the residual rebuilt by elements that
    have not been in use for 100 steps, which brings them back. Activations are centred first.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``; a fifth is held out to measure on.
        site: the layer; every position of a map or sequence is one vector.
        kind: how codes are kept few.
        width: number of elements; ``None`` for 4 times the layer's units.
        k: elements per vector; ``None`` for an eighth of the units, from 4 to 32.
        steps: of Adam, 512 vectors each.
        rate: its step size.
        shuffled_control: whether to do it all again on the network with shuffled weights.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        A :class:`Dictionary`; its ``quality`` is that of the held-out inputs.

    Raises:
        InputError: if there are fewer than 50 inputs or a number cannot be.
        SiteError: if the layer does not exist or is not reached.

    Cost:
        One pass to collect at most 65,536 vectors, ``steps`` small steps, three passes over at most 512
        held-out inputs; twice with the control.

    Limits:
        Sparse autoencoders rebuild the layers of untrained networks about as well: what counts is the
        distance to the shuffled control, above all in what is ``recovered``. Another seed finds other
        elements. A direction found is not a direction used; ablate it to know.

    Source:
        Gao et al. 2024, Scaling and evaluating sparse autoencoders, arXiv 2406.04093 (TopK, auxiliary loss);
        Bussmann et al. 2024, BatchTopK, arXiv 2412.06410; Rajamanoharan et al. 2024, JumpReLU, arXiv
        2407.14435; Heap et al. 2025, arXiv 2501.17727 (the control).

    Example:
        >>> made = sparse_autoencoder(nn.Identity(), torch.rand(80, 4), ".", width=8, k=2, steps=20)
        >>> made.decoder.shape, made.quality.active <= 2
        (torch.Size([8, 4]), True)
    """
    how = compute or Compute(batch_size=256)
    known = ("topk", "batchtopk", "jumprelu")
    if kind not in known:
        raise InputError(f"kind={kind!r} is not known. {near_misses(kind, known)}")
    if steps < 1 or not rate > 0 or any(each is not None and each < 1 for each in (width, k)):
        raise InputError(f"width, k, steps and rate must be positive, got {width}, {k}, {steps} and {rate}.")

    def learn(x: Tensor) -> Dictionary:
        return _learned(x, site, kind, width, k, steps, rate, how)

    return with_quality(model, inputs, site, learn, how, control=shuffled_control, spec=spec)


def with_quality(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    learn: Callable[[Tensor], Dictionary],
    how: Compute,
    *,
    control: bool,
    spec: InputSpec | None = None,
) -> Dictionary:
    """Learn from most inputs, measure on the rest, and do the same with shuffled weights."""
    n = count_of(inputs)
    if n < FEWEST:
        raise InputError(f"A dictionary needs at least {FEWEST} inputs, got {n}.")
    some, others = halves(inputs, n, 0.2, HELD, how.seed)
    real, apart = tokens_of(some, spec), tokens_of(others, spec)
    fit, held = along(some, spec), along(others, spec)
    made = learn(sampled(model, fit, site, how, real))
    own = quality_of(model, held, made, how, apart)
    beside, note = None, made.note
    if control:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        calibrate = (
            some[:CALIBRATE].to(device) if isinstance(fit, Tensor) and isinstance(some, Tensor) else None
        )
        try:
            other = shuffled(model, seed=how.seed, calibrate=calibrate)
            beside = quality_of(other, held, learn(sampled(other, fit, site, how, real)), how, apart)
        except MethodError as error:
            note = f"{note} No shuffled control: {error}".strip()
    return replace(made, quality=own, shuffled=beside, n=count_of(fit), note=note)


def _places(share: Tensor, real: Tensor) -> Tensor:
    """Random tokens int64 ``[b, m]`` of texts, drawn by shares in 0..1."""
    tokens_first = (~real).int().argsort(dim=1, stable=True)
    return tokens_first.gather(1, (share * real.sum(1, keepdim=True)).long())


def sampled(
    model: nn.Module, inputs: Tensor | Batch, site: str, how: Compute, real: Tensor | None = None
) -> Tensor:
    """At most 65,536 activation vectors ``[S, C]``, as many from each input, positions at random."""
    n = count_of(inputs)
    each = max(1, SAMPLE // n)
    # drawn for all inputs at once, so that the batch size does not matter
    share = torch.rand(n, min(each, 256), generator=torch.Generator().manual_seed(how.seed))
    parts: list[Tensor] = []
    for rows, seen in activations(model, inputs, [site], stop=site, compute=how):
        found = vectors_of(model, seen[site].detach(), site)
        if found.ndim < 2 or len(found) != rows.stop - rows.start:
            raise InputError(f"{site!r} gives {list(found.shape)}; a dictionary needs [rows, …, units].")
        flat = found.flatten(1, -2) if found.ndim > 2 else found[:, None]
        if real is not None and real.shape[1] == flat.shape[1]:
            here = real[rows].to(flat.device)
            kept = torch.zeros_like(here).scatter_(1, _places(share[rows].to(flat.device), here), 1)
            parts.append(flat[kept if flat.shape[1] > share.shape[1] else here].float().cpu())
            continue
        if flat.shape[1] > share.shape[1]:
            place = (share[rows] * flat.shape[1]).long().to(flat.device)
            flat = flat.gather(1, place[..., None].expand(-1, -1, flat.shape[2]))
        parts.append(flat.flatten(0, 1).float().cpu())
    found = torch.cat(parts)
    if len(found) <= SAMPLE:
        return found
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(how.seed))
    return found[order[:SAMPLE]]


def _learned(
    x: Tensor, site: str, kind: Kind, width: int | None, k: int | None, steps: int, rate: float, how: Compute
) -> Dictionary:
    units = x.shape[1]
    size = width or EACH * units
    if k is not None and k > size:
        raise InputError(f"k: expected at most as many as there are elements, width={size}; got {k}.")
    few = k or min(32, max(4, units // 8), size)
    mean = x.mean(0)
    scale = float((x - mean).square().mean().sqrt()) or 1.0
    maker = _Maker((x - mean) / scale, kind, size, few, rate, how.seed)
    for step in range(steps):
        maker.step(share=step / steps)
        how.progress(step + 1, steps)
    encoder, bias, decoder, threshold = maker.finished()
    params: dict[str, int | float | str] = {"steps": steps, "rate": rate, "seed": how.seed, "vectors": len(x)}
    return Dictionary(
        site, kind, encoder, bias, threshold, decoder, mean, scale, few, NOTHING, None, 0, params
    )


class _Maker:
    """Weights of one autoencoder while it learns."""

    def __init__(self, x: Tensor, kind: Kind, size: int, k: int, rate: float, seed: int) -> None:
        self.x, self.kind, self.k = x, kind, k
        self.generator = torch.Generator().manual_seed(seed)
        decoder = torch.randn(size, x.shape[1], generator=self.generator, dtype=x.dtype)
        self.decoder = (decoder / decoder.norm(dim=1, keepdim=True)).requires_grad_()
        self.encoder = self.decoder.detach().T.clone().requires_grad_()
        self.bias = x.new_zeros(size, requires_grad=True)
        self.level = x.new_full((size,), math.log(BANDWIDTH), requires_grad=kind == "jumprelu")
        # a level is a logarithm and has further to go than a weight
        groups = [([self.decoder, self.encoder, self.bias], rate), ([self.level], 10 * rate)]
        self.rates = [size for _, size in groups]
        self.adam = torch.optim.Adam(
            [{"params": params, "lr": size} for params, size in groups], rate, eps=6.25e-10
        )
        self.unused = torch.zeros(size, dtype=torch.int64)
        self.threshold = 0.0

    def step(self, *, share: float) -> None:
        """One step on a batch; the last fifth of all steps slows down to nothing."""
        for group, rate in zip(self.adam.param_groups, self.rates, strict=True):
            group["lr"] = rate * min(1.0, 5 * (1 - share))
        picked = torch.randint(len(self.x), (min(BATCH, len(self.x)),), generator=self.generator)
        x = self.x[picked]
        with torch.enable_grad():
            before = x @ self.encoder + self.bias
            codes, sparse = self.keep(before)
            left = x - codes @ self.decoder
            variance = (x - x.mean(0)).square().sum().clamp_min(1e-12)
            loss = left.square().sum() / variance + sparse + AUXILIARY * self._revive(before, left.detach())
            self.adam.zero_grad()
            loss.backward()
        self._keep_length()
        fired = (codes.detach() > 0).any(0)
        self.unused = torch.where(fired, 0, self.unused + 1)

    def keep(self, before: Tensor) -> tuple[Tensor, Tensor]:
        """Codes, and what being too many costs."""
        codes = before.relu()
        free = before.new_zeros(())
        if self.kind == "topk":
            return kept(codes, self.k), free
        if self.kind == "batchtopk":
            flat = codes.flatten()
            top = flat.topk(min(self.k * len(codes), len(flat)))
            smallest = float(top.values.detach()[-1])
            # the cut of single batches is noisy: later inputs meet its running mean
            self.threshold = 0.99 * self.threshold + 0.01 * smallest if self.threshold else smallest
            return torch.zeros_like(flat).scatter(0, top.indices, top.values).view_as(codes), free
        jumped, count = _jumped(codes, self.level.exp())
        return jumped, (count.sum(1).mean() / self.k - 1).square()

    def _revive(self, before: Tensor, left: Tensor) -> Tensor:
        """Squared error of the residual rebuilt by elements out of use ÷ its variance."""
        dead = self.unused >= DEAD_AFTER
        count = int(dead.sum())
        if not count:
            return before.new_zeros(())
        many = min(count, max(1, before.shape[1] // 2), max(self.k, self.x.shape[1] // 2))
        again = kept(before[:, dead].relu(), many) @ self.decoder[dead]
        variance = (left - left.mean(0)).square().sum().clamp_min(1e-12)
        return ((left - again).square().sum() / variance).nan_to_num(0.0)

    def _keep_length(self) -> None:
        """A step along the sphere: directions have length one."""
        grad = self.decoder.grad
        with torch.no_grad():
            if grad is not None:
                grad -= (grad * self.decoder).sum(1, keepdim=True) * self.decoder
            self.adam.step()
            self.decoder /= self.decoder.norm(dim=1, keepdim=True).clamp_min(1e-12)

    def finished(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encoder, bias, decoder, threshold."""
        level = (
            self.level.detach().exp()
            if self.kind == "jumprelu"
            else torch.full_like(self.bias, self.threshold)
        )
        return self.encoder.detach(), self.bias.detach(), self.decoder.detach(), level.detach()


def _jumped(x: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """``x`` above the level, else zero, and whether it is; the level learns from what lies close to it."""
    above = (x > level).to(x)
    near = ((x - level).abs() < BANDWIDTH / 2).to(x) / BANDWIDTH
    # adds nothing to the values, and to the slope what a smoothed step would have
    moved = level - level.detach()
    return x * above - level.detach() * near.detach() * moved, above - near.detach() * moved
