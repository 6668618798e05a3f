"""Variants × rows through a network, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from pellucid._core._beside import FEW as SHARED
from pellucid._core._beside import ROOM, Again, Beside
from pellucid._core._chunk import LARGE, MATRICES, Chunk, at_once, chunks, smaller
from pellucid._core._compute import Compute
from pellucid._core._feed import out_of_memory
from pellucid._core._mixed import TOGETHER, Mixing, Mixture
from pellucid._core._nearby import Nearby
from pellucid._core._pass import Pass, Slope, Variants
from pellucid._core._shared import Apart, shares


def passes(
    work: Pass,
    point: Tensor,
    variants: Variants | None,
    count: int,
    compute: Compute,
    counted: list[int],
    *,
    gradients: bool,
    weights: Tensor | None = None,
    by: Slope | None = None,
    within: slice | None = None,
    near: bool = False,
) -> Iterator[tuple[Chunk, Tensor | None, Tensor]]:
    """Cut variants × rows into chunks, run each, and go on with halves where memory runs out.

    Yields each chunk with its gradient and scores as :meth:`Pass.run` gives them; rows that passed forward
    (those compared or passed in vain too) and backward are added to ``counted``. ``near`` says that variants
    differ from their row in a small part; what lies far from it is then computed once for the row, where
    that pays.
    """
    some = slice(0, point.shape[0]) if within is None else within
    total, done = count * (some.stop - some.start), 0
    vectors = point.ndim == 2 and work.feed.matrices
    most = at_once(compute.batch_size, point, MATRICES if vectors else LARGE)
    # rows that share an input go through the network once
    size = most * work.fold.columns if work.fold is not None and shares(by) else most
    beside = None if gradients or work.fold is not None else _beside(work, point, variants, near=near)
    alone, each = size, None
    growing = beside if isinstance(beside, Beside) else None
    if growing is not None:
        size = growing.at_once(size, compute.batch_size, point)
        each = _shared(count, size)
    elif beside is not None:
        # what is done once for a chunk and each row in it serves many variants
        size = max(size, min(compute.batch_size, ROOM // point[:1].numel()))
        each = max(TOGETHER, size // count)
    waiting = chunks(count, some.stop - some.start, size, first=some.start, each=each)[::-1]
    if growing is not None:
        growing.more_to_come = len(waiting) > 1
    while waiting:
        chunk = waiting.pop()
        if chunk.size > size:
            waiting.extend(chunk.halves()[::-1])
            continue
        ran = work.feed.ran[0]
        try:
            with work.feed.guard.pass_by(seed=compute.seed):
                grad, score, backward = work.run(
                    point, variants, chunk, weights, gradients=gradients, by=by, most=most, beside=beside
                )
        except Apart:
            size = most
            waiting.append(chunk)
            continue
        except Again:
            counted[0] += work.feed.ran[0] - ran
            size, growing = min(size, alone), None
            waiting.append(chunk)
            continue
        except Exception as error:
            if not out_of_memory(error):
                raise
            size, growing = smaller(chunk, error), None
            waiting.append(chunk)
            continue
        if beside is not None and not beside.open:
            size = min(size, alone)
        elif growing is not None and growing.more(alone) > size:
            size, growing = growing.more(alone), None
            begun = chunks(count, chunk.r1 - chunk.r0, size, begin=chunk.k1, first=chunk.r0, each=size)
            rest = some.stop - chunk.r1
            waiting = (begun + chunks(count, rest, size, first=chunk.r1, each=_shared(count, size)))[::-1]
        done += chunk.size
        counted[0] += work.feed.ran[0] - ran
        counted[1] += backward
        yield chunk, grad, score
        del grad, score
        compute.progress(done, total)


def _shared(count: int, size: int) -> int:
    """How many rows go together by boxes: as many as leave room for the variants that share each, because
    what is cut out for a variant is cut out for all its rows."""
    return max(1, size // -(-count // max(1, count // SHARED)))


def _beside(work: Pass, point: Tensor, variants: Variants | None, *, near: bool) -> Beside | Mixing | None:
    """What may compute variants with less work, if anything may."""
    guard = work.feed.guard
    if isinstance(variants, Mixture) and work.feed.matrices:
        mixing = Mixing(guard.modules, variants)
        if mixing.open:
            return mixing
    if not near:
        return None
    beside = Beside(guard.modules, point, variants if isinstance(variants, Nearby) else None)
    return beside if beside.open else None
