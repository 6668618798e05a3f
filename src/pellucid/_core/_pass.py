"""One chunk of points through a network: its scores and their slopes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pellucid._core._beside import Again, Beside, agree
from pellucid._core._chunk import Chunk, Variants, central, own_memory
from pellucid._core._feed import ALONE, Feed, out_of_memory, to_be_told
from pellucid._core._fold import Fold
from pellucid._core._guard import eagerly, inference_made
from pellucid._core._instead import instead
from pellucid._core._mixed import Mixing
from pellucid._core._nearby import Nearby
from pellucid._core._probe import probe
from pellucid._core._refusals import counted, ended, scored, too_few
from pellucid._core._sharing import Apart, Back, Sharers, Slope, shares, slope_of
from pellucid._core._stand_in import StandIn
from pellucid._core._target import Picked, Target, the_output
from pellucid.errors import MethodError, PellucidError, SiteError, TargetError

HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Pass:
    """How points become scores: what goes along, what is explained, and where the points are put."""

    feed: Feed
    target: Target
    at: str | None
    fold: Fold | None = None
    sharers: Sharers | None = None  # where points pass once for several targets

    def run(
        self,
        point: Tensor,
        variants: Variants | None,
        chunk: Chunk,
        weights: Tensor | None,
        *,
        gradients: bool,
        by: Slope | None = None,
        most: int = 0,
        beside: Beside | Mixing | None = None,
    ) -> tuple[Tensor | None, Tensor, int]:
        """Gradient ``[c * n, *shape]`` (times ``weights[k]`` if given), scores ``[c * n]``, rows gone back.

        Rows that share an input are passed once; ``most`` is how many rows may be passed where they do not.
        Whoever cannot be differentiated is told which methods would work.
        """
        found = partial(
            self._run, point, variants, chunk, weights, gradients=gradients, by=by, most=most, beside=beside
        )
        if not gradients:
            return self._tried(found)
        model, parameters = self.feed.model, self.feed.guard.parameters
        try:
            # one stands for all: rules of propagation would not notice, and flags could not be put back
            if parameters and parameters[0].is_inference():
                raise MethodError(inference_made(model))
            return self._tried(found)
        except MethodError as error:
            words = self._inferred or str(error)
            if words.endswith(ALONE):
                raise
            raise type(error)(f"{ended(words)}{self._instead(point, chunk)}") from error
        except (PellucidError, Apart, Again):
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            if self._inferred:
                raise MethodError(f"{self._inferred}{self._instead(point, chunk)}") from error
            words = (str(error).splitlines() or [""])[0]
            raise MethodError(
                f"{type(error).__name__} while {type(model).__name__} was differentiated: {ended(words)}"
                f"{self._instead(point, chunk)}"
            ) from error

    @property
    def picks(self) -> bool:
        """Whether the target is one output of each row, whose number is known."""
        return isinstance(self.target.score, Picked)

    @property
    def _inferred(self) -> str:
        """Why nothing can be differentiated, where the network holds tensors without a history."""
        return inference_made(self.feed.model) if self.feed.guard.inferred else ""

    def _instead(self, point: Tensor, chunk: Chunk) -> str:
        return instead(self, point[chunk.r0 : chunk.r0 + 1], slice(chunk.r0, chunk.r0 + 1))

    def _tried(
        self, found: Callable[[], tuple[Tensor | None, Tensor, int]]
    ) -> tuple[Tensor | None, Tensor, int]:
        """What is found; raises :class:`Again` where rows with their channels last met an error."""
        layout = self.feed.layout
        layout.used = False
        try:
            return found()
        except (Apart, Again):
            raise
        except Exception as error:
            if not layout.used or to_be_told(error):
                raise
            # what is wrong with the network itself will be wrong again, and is told then
            layout.open = False
            raise Again from error

    def _run(
        self,
        point: Tensor,
        variants: Variants | None,
        chunk: Chunk,
        weights: Tensor | None,
        *,
        gradients: bool,
        by: Slope | None,
        most: int,
        beside: Beside | Mixing | None = None,
    ) -> tuple[Tensor | None, Tensor, int]:
        rows, shape = chunk.rows, point.shape[1:]
        c, n = chunk.k1 - chunk.k0, chunk.r1 - chunk.r0
        weight = None if weights is None else weights[chunk.k0 : chunk.k1]
        if beside is not None and beside.open and beside.variants is not None:
            score = self._unmade(beside, beside.variants, chunk)
            if score is not None:
                return None, score, 0
        if variants is None:
            made = point if n == point.shape[0] else point[rows]
        else:
            with torch.no_grad():
                made = variants(chunk.ks, rows)
        if self.fold is not None and shares(by):
            found = self.fold.shared(made.expand(c, n, *shape), rows)
            if found is not None:
                with suppress(Apart):
                    return self._once(self.fold, chunk, *found, weight, gradients=gradients, by=by)
            if chunk.size > most:
                raise Apart
        points = made if variants is None else made.expand(c, n, *shape).reshape(c * n, *shape)
        if not gradients:
            with torch.no_grad():
                score = None
                if isinstance(beside, Beside) and beside.variants is None:
                    make = partial(beside.boxed, points, point[rows], self._last(beside, points))
                    score = self._stood(make, beside, partial(points.__getitem__, central(rows, c)), rows, c)
                if score is None:
                    fed = self.laid(points, rows, c) if self._turns(points) else own_memory(points, made)
                    score = self.score(fed, rows, c)
                # a network may differentiate inside itself
                return None, score.detach(), 0
        if by is not None:
            every = points if len(points) == c * n else points.repeat(c, *[1] * len(shape))
            with torch.enable_grad():
                grad, score = by(self, own_memory(every, made), chunk.ks, rows)
            return grad.contiguous(), score, c * n
        del made
        with torch.enable_grad():
            return *self.slope(points, rows, c, weight), c * n

    def _turns(self, points: Tensor) -> bool:
        """Whether channels last in memory pays for these points."""
        layout, guard = self.feed.layout, self.feed.guard
        return self.sharers is None and layout.pays(guard.modules, guard.parameters, points)

    def laid(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        """A copy of points ``[copies * n, *shape]`` that the network may write into, as it passes fastest."""
        layout = self.feed.layout
        turned = self._turns(points) and (layout.checked or self._bears(points.detach(), rows, copies))
        layout.used = layout.used or turned
        return points.clone(memory_format=torch.channels_last if turned else torch.preserve_format)

    def _bears(self, points: Tensor, rows: slice, copies: int) -> bool:
        """Whether two rows may lie with their channels last in memory."""
        layout, n = self.feed.layout, rows.stop - rows.start
        two, rows, copies = (
            (points[-n:][:2], slice(rows.start, rows.start + 2), 1) if n > 1 else (points[-2:], rows, 2)
        )
        random = torch.default_generator.get_state()
        try:
            with torch.no_grad():
                score = self.score(two.clone(memory_format=torch.channels_last), rows, copies)
            self._same(score, two[central(rows, copies)], rows, copies)
        except Exception as error:
            if to_be_told(error):
                raise
            layout.open = False
        finally:
            torch.default_generator.set_state(random)
        layout.checked = layout.open is True
        return layout.checked

    def _same(self, score: Tensor, row: Tensor, rows: slice, copies: int) -> None:
        """Raise :class:`Again` where a row ``[1, *shape]``, that in the middle, has another score in a plain
        pass of itself."""
        with torch.no_grad(), eagerly():  # nothing is compiled for the sake of one row
            plain = self.score(row.clone(), slice(rows.start, rows.start + 1), 1)
        if not agree(score[central(rows, copies)], plain, score):
            raise Again

    def _last(self, beside: Beside | Mixing, points: Tensor) -> bool:
        """Whether what stands for points seems to lie with its channels last in memory."""
        layout = self.feed.layout
        last = self._turns(points) and layout.checked
        layout.used, beside.checked = layout.used or last, beside.checked or layout.known
        return last

    def _unmade(self, beside: Beside | Mixing, variants: Nearby, chunk: Chunk) -> Tensor | None:
        """As :meth:`score`, of variants that need not be made; ``None`` where they must be."""
        rows, ks, point = chunk.rows, chunk.ks, variants.point
        with torch.no_grad():
            last = self._last(beside, point[:1].expand(chunk.size, *point.shape[1:]))
            middle, first = ks[len(ks) // 2, None], slice(rows.start, rows.start + 1)
            make = partial(beside.known, ks, rows, last)
            return self._stood(make, beside, lambda: variants(middle, first)[0], rows, len(ks))

    def _stood(
        self,
        make: Callable[[], StandIn | None],
        beside: Beside | Mixing,
        row: Callable[[], Tensor],
        rows: slice,
        copies: int,
    ) -> Tensor | None:
        """As :meth:`score`, of what stands for points, if anything does; ``row`` gives that in the middle."""
        one = make()
        if one is None:
            return None
        run = one.run
        try:
            with torch.no_grad(), eagerly(), beside.measured(run):
                score = self.score(one, rows, copies).detach()
            del one
            # a network that keeps what passes through it, as a cache, must be left with plain tensors
            same = not run.end() and not run.left
            if same and not beside.checked:
                self._same(score, row(), rows, copies)
                beside.checked = True
            beside.open = run.saved and same
        except Exception as error:
            run.end()
            if to_be_told(error):
                raise
            # what is wrong with the network itself will be wrong again, and is told then
            beside.open = False
            raise Again from error
        if not same:
            raise Again
        return score

    def _once(
        self,
        fold: Fold,
        chunk: Chunk,
        points: Tensor,
        place: Tensor,
        each: Tensor | None,
        *,
        gradients: bool,
        by: Slope | None,
    ) -> tuple[Tensor | None, Tensor, int]:
        """As :meth:`run`, where row ``i`` has the points ``place[i]`` of ``[c, g, *shape]``."""
        c, g = points.shape[:2]
        rows, sharers = fold.inputs(chunk.rows), Sharers.of(chunk.rows, c, g, place)
        work = Pass(fold.feed, self.target, self.at, None, sharers)
        start, gone = points.reshape(c * g, *points.shape[2:]), sharers.turns * c * g
        with torch.set_grad_enabled(gradients):
            if by is not None:
                grad, score = by(work, start.clone(), chunk.ks, rows)
                return grad.contiguous(), score, gone
            start = start.requires_grad_() if gradients else start
            score = work.score(start.clone() if gradients else start, rows, c)
        if not gradients:
            return None, score.detach(), 0
        grad = work.back(score, lambda outer, keep: self.differentiated(score, start, outer, keep=keep))
        if each is not None:
            grad *= each.to(grad).repeat_interleave(len(place)).view(-1, *[1] * (grad.ndim - 1))
        return grad, score.detach(), gone

    def back(self, score: Tensor, back: Back) -> Tensor:
        """What goes back from every score to its own point: ``[c * n, *anything]``."""
        return back(torch.ones_like(score), False) if self.sharers is None else self.sharers.back(score, back)

    def each(self, passed: Tensor) -> Tensor:
        """What belongs to the points that pass, for every score: ``[c * n, …]``."""
        return passed if self.sharers is None else self.sharers.each(passed)

    def asks(self, rows: slice) -> slice:
        """Rows of the question whose points pass."""
        return rows if self.sharers is None else self.sharers.rows

    def once(self, values: Callable[[slice], Tensor], rows: slice) -> Tensor:
        """``values`` of rows of the question ``[c * n, …]``, for the points that pass.

        Raises:
            Apart: where targets of one point have other values.
        """
        return values(rows) if self.sharers is None else self.sharers.once(values(self.sharers.rows))

    def slope(self, points: Tensor, rows: slice, copies: int, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Gradient of the scores of points ``[copies * n, *shape]``, in single precision at least."""
        start = (points.clone() if points.is_inference() else points.detach()).requires_grad_()
        # a copy: networks may write into what they are given, which is forbidden on a leaf
        fed, n = self.laid(start, rows, copies), rows.stop - rows.start
        with self.feed.layout.kept_by_flatten(self.feed.guard.modules):
            score = self.score(fed, rows, copies)
        each = None if weight is None else weight.to(score.device).repeat_interleave(n)
        return self.differentiated(score, start, torch.ones_like(score), each).contiguous(), score.detach()

    def differentiated(
        self,
        score: Tensor,
        start: Tensor,
        outer: Tensor,
        each: Tensor | None = None,
        *,
        keep: bool = False,
        of: str | None = None,
    ) -> Tensor:
        """Slope of ``outer · each · score`` by ``start``, in single precision at least.

        ``of`` is the site where that lies, if not where points are put; ``keep`` leaves the graph for more.
        """
        if each is not None and score.dtype not in HALF:
            outer, each = each * outer, None
        grad = slope_of(score, start, outer if outer.dtype == score.dtype else outer.to(score), keep=keep)
        if grad is None:
            raise MethodError(
                f"{self.target.label} does not depend on {of or self.at or 'the input'} "
                "in a differentiable way."
            )
        grad = grad.float() if grad.dtype in HALF else grad
        return grad if each is None else grad * each.to(grad).view(-1, *[1] * (grad.ndim - 1))

    def score(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        """The target's value for points ``[copies * n, *shape]``."""
        return self.scored(self.output(points, rows, copies), rows, copies)

    def output(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        """What the target speaks of, for points ``[copies * n, *shape]``."""
        if self.at is None and self.target.site is None:
            return the_output(self.feed.run(points, rows, copies), self.target.output)
        return self._probed(points, rows, copies)

    def scored(self, output: Tensor, rows: slice, copies: int) -> Tensor:
        """The target's value for an output of ``copies * n`` rows."""
        output, rows = self.each(output), self.asks(rows)
        count = (rows.stop - rows.start) * copies
        if isinstance(self.target.score, Picked) and output.ndim and len(output) < count:
            raise TargetError(too_few(output, count))
        if isinstance(self.target.score, Picked):
            score = self.target.score.among(output, rows, copies)
        else:
            index = torch.arange(rows.start, rows.stop, device=output.device)
            score = scored(self.target, output, index if copies == 1 else index.repeat(copies))
        if score.shape != (count,):
            if score.ndim == 1 and output.ndim and len(output) == len(score):
                raise TargetError(too_few(output, count))
            raise TargetError(
                f"{self.target.label} must give one number per row: expected the shape ({count},), "
                f"got {tuple(score.shape)}."
            )
        return score if score.is_floating_point() else counted(score, self.target.label)

    def _probed(self, points: Tensor, rows: slice, copies: int) -> Tensor:
        target, raw, written = self.target, None, False

        def put(_: Tensor) -> Tensor:
            nonlocal written
            written = True
            return points

        fed = points
        if self.at is not None:
            fed = self.feed.packed[rows].repeat(copies, *[1] * (self.feed.packed.ndim - 1))
        write = {} if self.at is None else {self.at: put}
        read = [] if target.site is None else [target.site]
        with probe(self.feed.model, read=read, write=write, stop=target.site) as seen:
            raw = self.feed.run(fed, rows, copies)
        if self.at is not None and not written:
            raise SiteError(
                f"{target.label} is settled before the pass reaches {self.at!r}; explain an earlier layer."
            )
        return the_output(raw, target.output) if target.site is None else seen[target.site]
