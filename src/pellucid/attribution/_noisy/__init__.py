"""A method under noise: pairs of noisy copies, and what their values have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from pellucid._core import Batch, Compute, Question
from pellucid.attribution._noisy._frames import Frames
from pellucid.attribution._noisy._moments import Thirds
from pellucid.attribution._noisy._within import Method, within
from pellucid.errors import InputError, near_misses

__all__ = ["Frames", "Method", "Thirds", "name_of", "pairs"]

# of a token these give the length along its vector; other methods' values of a token are summed
SLOPES = ("saliency", "guided_backpropagation", "deconvnet")
Pair = tuple[int, slice, Tensor, Tensor]


def pairs(
    q: Question,
    inputs: Tensor | Batch,
    of: str | Method,
    samples: int,
    noise: float,
    draw: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[Pair]:
    """One pair of noisy copies after the other: ``(number, rows, mean, half the difference)``.

    Of tokens each copy gives one number, as the method does alone.
    ``draw`` makes the noise; ``None`` draws it independently.
    """
    if samples < 4 or samples % 2:
        raise InputError(f"samples must be even and at least 4 (noise comes in pairs), got {samples}.")
    if not noise > 0:
        raise InputError(f"noise must be above 0, got {noise}. Without noise use saliency.")
    sigma, drawn = noise * _range(q), draw or q.noise

    def noisy(ks: Tensor, rows: slice) -> Tensor:
        sign = (1 - 2 * (ks % 2)).to(q.point).view(-1, *[1] * q.point.ndim)
        return torch.addcmul(q.point[rows], sigma[rows], sign * drawn(ks // 2))

    method = _method(of)
    if method is None:
        found = q.gradients(noisy, samples)
    elif q.at is not None or not q.packed.is_floating_point():
        found = q.gradients(noisy, samples, by=within(q, method))
    else:
        found = _asked(q, inputs, method, lambda k: noisy(torch.tensor([k]), slice(0, q.rows))[0], samples)
    yield from _paired(q, found, lengths=name_of(of) in SLOPES)


def name_of(of: str | Method) -> str:
    """What a method is called."""
    return of if isinstance(of, str) else of.__name__


def _paired(q: Question, found: Iterator[tuple[Tensor, slice, Tensor]], *, lengths: bool) -> Iterator[Pair]:
    exact = torch.promote_types(q.point.dtype, torch.float32)
    first = torch.zeros_like(q.folded(q.point), dtype=exact)
    for ks, rows, values in found:
        for k, copy in zip(ks.tolist(), values, strict=True):
            value = q.folded(copy, lengths=lengths)
            if k % 2 == 0:
                first[rows] = value
                continue
            yield k // 2, rows, (first[rows] + value) / 2, (first[rows] - value) / 2


def _asked(
    q: Question, inputs: Tensor | Batch, method: Method, noisy: Callable[[int], Tensor], samples: int
) -> Iterator[tuple[Tensor, slice, Tensor]]:
    quiet = dataclasses.replace(q.compute, progress=Compute().progress)
    for k in range(samples):
        points = q.unpacked(noisy(k))
        if isinstance(points, Tensor):
            given: Tensor | Batch = points
        else:
            held = inputs if isinstance(inputs, Batch) else Batch(points)
            given = Batch(points, held.held, held.shared)
        found = method(q.model, given, q.target, compute=quiet)
        q.also(found)
        values = found.values
        if not isinstance(values, Tensor):
            values = torch.cat([part.reshape(q.rows, -1) for part in values.values()], 1)
        yield torch.tensor([k]), slice(0, q.rows), values.reshape(1, *q.point.shape)
        q.compute.progress(k + 1, samples)


def _method(of: str | Method) -> Method | None:
    """The method that is meant; ``None`` for plain slopes, which the engine packs into chunks."""
    from pellucid import attribution

    if of == "saliency":
        return None
    if not isinstance(of, str):
        return of
    if of not in attribution.__all__:
        raise InputError(f"No method is called {of!r}. {near_misses(of, attribution.__all__)}")
    return getattr(attribution, of)


def _range(q: Question) -> Tensor:
    """Largest minus smallest element of each row, for each input apart, in the shape of the point."""
    q.needs_slopes()
    flat = q.point.reshape(q.rows, -1)
    wide = torch.empty_like(flat)
    for part in q.parts:
        wide[:, part] = (flat[:, part].amax(1) - flat[:, part].amin(1))[:, None]
    return wide.view(q.point.shape)
