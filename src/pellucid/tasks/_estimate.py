"""What a long piece of work will take, from short ones: passes, memory and time."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid import evidence
from pellucid._core import (
    Compute,
    Explanation,
    Subject,
    TargetLike,
    only_subject,
    predict,
    several_targets,
)
from pellucid._core._embedding import LOOKED_AT
from pellucid._core._question import Question
from pellucid.errors import MethodError
from pellucid.evidence._about import shares
from pellucid.evidence._statistics import differ
from pellucid.tasks._amounts import Estimate, Step, gathered
from pellucid.tasks._estimate_exchanges import exchanging, judging
from pellucid.tasks._explain import (
    Method,
    best_method,
    chosen_inputs,
    method_named,
    other_rows,
    usual_target,
)
from pellucid.tasks._several import target_named
from pellucid.tasks._stages import Stages

POINTS = 4  # copies of a chunk of inputs that are held while it is made
MASKS, NOISES, TWINS, OTHERS = 64, 4, 19, 40


@dataclass(frozen=True, slots=True)
class Line:
    """A cost that grows with the number of rows: passes ``fixed + slope · rows``.

    Args:
        forward, backward: fixed and slope, without the pass that finds the table of token numbers.
        tokens: whether there is such a pass.
        per_pass: seconds for each row of the network where chunks were full when it was tried, else 0.
        fixed: seconds beside the passes.
        exact: whether every row costs the same.
        chunked: whether every chunk costs something beside its rows.
        sampled: whether the method draws at random.
        referenced: whether its values are contributions against a reference.
        sample: its explanation of one row.
    """

    forward: tuple[int, int]
    backward: tuple[int, int]
    tokens: bool
    per_pass: float
    fixed: float
    exact: bool
    chunked: bool
    sampled: bool
    referenced: bool
    sample: Explanation

    def at(self, rows: int, pace: Pace) -> tuple[int, int, float]:
        """Passes in each direction, and seconds."""
        forward, backward = (a + b * rows for a, b in (self.forward, self.backward))
        forward += min(LOOKED_AT, rows) * self.tokens
        taken = self.per_pass * forward if self.per_pass else pace.both(forward, backward)
        return forward, backward, self.fixed + taken

    def same(self, rows: int, chunk: int) -> bool:
        """Whether so many rows take one chunk, or chunks make no difference."""
        background = self.sample.provenance.params.get("background")
        if isinstance(background, Tensor):
            # a chunk of as many rows as they are compared with takes one more
            return not self.chunked or (rows * len(background) <= chunk and len(background) != rows)
        return rows <= chunk or not self.chunked


def estimate(
    subject: Subject,
    x: Tensor | int | Sequence[int] | None = None,
    *,
    methods: Sequence[str | Method] = (),
    targets: Sequence[TargetLike | str] = (),
    cards: bool = True,
    shard: int | None = None,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.explain_several` (and ``explain``, ``explain_to``) will take.

    Each method explains one, two and three rows; what is beyond grows with the number of rows.

    Args:
        subject, x, methods, targets, cards: as for :func:`pellucid.explain_several`.
        shard: rows explained at once, as :func:`pellucid.explain_to` does; ``None`` is all.
        compute: how it will run.

    Returns:
        An :class:`Estimate`. Passes are exact, but for methods that take as many as a row needs or some more
        for each chunk of rows (marked so).

    Raises:
        MethodError, InputError, TargetError: as the work itself would.

    Cost:
        Each method on seven rows, or ten, and some passes of one chunk. Where no method is named, the choice
        of the best is made, which costs what it costs.

    Limits:
        Time holds for this machine and its load. Memory is the network's own activations for one chunk, and
        what is kept for all rows; what an allocator wastes is not in it.

    Example:
        >>> import pellucid
        >>> data = (torch.rand(80, 4), torch.tensor([0, 1] * 40))
        >>> subject = pellucid.open(torch.nn.Linear(4, 2), data=data)
        >>> plan = estimate(subject, [0, 1, 2], methods=["saliency"], cards=False)
        >>> plan.forward, plan.backward, plan.exact
        (6, 3, True)
    """
    only_subject(subject)
    began, how = time.perf_counter(), compute or Compute()
    inputs = chosen_inputs(subject, x)
    shares = {"choice": 10 * (not methods), "pace": 2} | {str(k): 4 for k in range(max(1, len(methods)))}
    stages = Stages(how, shares)
    names = list(methods) or [best_method(subject, compute=stages.pieces("choice"))[0]]
    functions = [method_named(one) if isinstance(one, str) else one for one in names]
    asked = [target_named(subject, one) if isinstance(one, str) else one for one in targets]
    pace, steps = Pace(subject, inputs, stages.pieces("pace")), list[Step]()
    parts = list(inputs.split(shard or len(inputs)))
    for part in parts:
        if not asked and subject.task != "regression":
            steps.append(Step("outputs", len(part), 0, pace.forward(len(part))))
        if cards:
            steps += _shared(subject, part, pace)
    for k, function in enumerate(functions):
        within = stages.of(str(k))
        alone = line_of(subject, function, inputs, asked[:1], within, pace)
        whole = alone if len(asked) < 2 else line_of(subject, function, inputs, asked, within, pace)
        for part in parts:
            count = max(1, len(asked))
            steps += _of_method(subject, function, part, alone, whole, count, cards, how.batch_size, pace)
    stages.end()
    memory = memory_of(subject, inputs, max(len(part) for part in parts), how, cards)
    return Estimate(gathered(steps), memory, time.perf_counter() - began)


class Pace:
    """How long one row takes in full chunks, with and without its gradient."""

    def __init__(self, subject: Subject, inputs: Tensor, how: Compute) -> None:
        size = min(how.batch_size, 8 * len(inputs), 64)
        rows = inputs[torch.arange(size) % len(inputs)]
        target = usual_target(subject, rows)
        q = Question(subject.model, rows, target, spec=subject.spec, compute=how)
        self._score = _timed(q.scores) / size
        try:
            self._both = _timed(q.gradient) / size
        except MethodError:
            self._both = self._score
        self._cards = [_of_cards(subject, inputs[torch.arange(n) % len(inputs)], how) for n in (1, 5)]

    def forward(self, rows: int) -> float:
        """Seconds of rows through the network."""
        return rows * self._score

    def cards(self, rows: int) -> float:
        """Seconds for cards without what the network takes."""
        slope = max(0.0, (self._cards[1] - self._cards[0]) / 4)
        return max(0.0, self._cards[0] - slope) + slope * rows

    def both(self, forward: int, backward: int) -> float:
        """Seconds of rows, some of them with a way back."""
        return max(0, forward - backward) * self._score + min(forward, backward) * self._both


def _timed(work: Callable[[], object]) -> float:
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _of_cards(subject: Subject, few: Tensor, how: Compute) -> float:
    """Seconds of all that cards compute without the network: those of a network that costs nothing."""
    outputs = predict(subject.model, few[:1], compute=how)
    if not few.is_floating_point():
        return 0.0
    free = _Free(few[0].numel(), outputs.shape[1] if outputs.ndim == 2 else 1).to(few)
    method, target = method_named("saliency"), usual_target(subject, few)
    why = method(free, few, target, spec=subject.spec, compute=how)
    others = other_rows(subject)
    return _timed(
        lambda: evidence.cards(
            free, why, method, target=target, spec=subject.spec, others=others, compute=how
        )
    )


class _Free(nn.Module):
    """A network that takes no time worth measuring."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(outputs, min(width, 4)))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, : self.weight.shape[1]] @ self.weight.T


def line_of(
    subject: Subject,
    method: Method,
    inputs: Tensor,
    targets: Sequence[TargetLike],
    how: Compute,
    pace: Pace,
) -> Line:
    """The method on one row, on two others, and on three."""
    rows = inputs[torch.arange(4) % len(inputs)]
    tokens = looked(subject, inputs, 1) > 0

    stages = Stages(how, {"first": 1, "one": 1, "two": 2, "three": 3, "single": 3})

    def asked(trial: str, some: Tensor, chunk: int = how.batch_size) -> tuple[int, int, float, Explanation]:
        run = dataclasses.replace(stages.pieces(trial), batch_size=chunk)
        wanted = list(targets) or [usual_target(subject, some)]
        began = time.perf_counter()
        found = several_targets(method, subject.model, some, wanted, spec=subject.spec, compute=run)
        made = found[0].provenance
        seconds = time.perf_counter() - began
        return made.forward - looked(subject, some, len(some)), made.backward, seconds, found[0]

    asked("first", rows[:1])
    one, two, three = asked("one", rows[:1]), asked("two", rows[2:]), asked("three", rows[:3])
    more = (three[0] - one[0], three[1] - one[1])
    even = three[0] - two[0] == two[0] - one[0] and three[1] - two[1] == two[1] - one[1]
    exact = even and not _as_needed(one[3])
    slopes = (math.ceil(more[0] / 2), math.ceil(more[1] / 2))
    forward, backward = (one[0] - slopes[0], slopes[0]), (one[1] - slopes[1], slopes[1])
    chunked = bool(forward[0]) and asked("single", rows[:3], 1)[0] != three[0]
    stages.end()
    full = exact and three[0] >= 2 * how.batch_size
    per_pass = three[2] / three[0] if full else 0.0
    fixed = 0.0 if full else max(0.0, one[2] - pace.both(*one[:2]))
    sampled, referenced = one[3].stderr is not None, evidence.is_contribution(one[3])
    return Line(forward, backward, tokens, per_pass, fixed, exact, chunked, sampled, referenced, one[3])


def _as_needed(why: Explanation) -> bool:
    """Whether the method goes on until it is precise enough, so that rows may take different passes."""
    made = why.provenance
    integrated = made.method == "xrai" or made.params.get("of") == "integrated_gradients"
    return integrated or why.bound is not None or made.params.get("precision") is not None


def _shared(subject: Subject, x: Tensor, pace: Pace) -> list[Step]:
    """What the evidence of all methods has in common."""
    outputs = predict(subject.model, x[:1])
    classes = outputs.shape[1] if outputs.ndim == 2 else 1
    masks = evidence.bank(x, subject.spec, masks=MASKS).count
    rows = len(x) * (masks + 1) + len(x) + _fresh(subject, x)
    rows += NOISES * len(x) if classes > 1 else 0
    rows += looked(subject, x, len(x))
    return [Step("evidence: masks and outputs", rows, 0, pace.forward(rows))]


def looked(subject: Subject, x: Tensor, rows: int) -> int:
    """Rows of the pass that finds the table which token numbers go through; none where there is no table."""
    tables = any(isinstance(module, nn.Embedding) for module in subject.model.modules())
    return min(LOOKED_AT, rows) if tables and not x.is_floating_point() else 0


def _fresh(subject: Subject, x: Tensor) -> int:
    others = other_rows(subject)
    if others is None:
        return 0
    return min(int(differ(others.to(x), x).all(1).sum()), max(0, OTHERS - len(x)))


def _of_method(
    subject: Subject,
    method: Method,
    x: Tensor,
    alone: Line,
    whole: Line,
    targets: int,
    cards: bool,
    chunk: int,
    pace: Pace,
) -> list[Step]:
    name = getattr(method, "__name__", "a function")
    # targets that are explained one by one each look for the table of token numbers
    sure = targets < 2 or not alone.tokens or len(x) <= LOOKED_AT
    steps = [Step(name, *whole.at(len(x), pace), whole.exact and whole.same(len(x), chunk) and sure)]
    if not cards:
        return steps
    n, fresh = len(x), _fresh(subject, x)
    outputs = predict(subject.model, x[:1])
    times = [*twin_shares(n, TWINS), *[n] * int(alone.sampled), *[fresh] * bool(fresh)]
    times += [n] if outputs.ndim == 2 and outputs.shape[1] > 1 else []
    # noise moves floating inputs, all in one call; for token numbers it moves the network, once for each
    times += [NOISES * n] if x.is_floating_point() else [n] * NOISES
    each = [alone.at(rows, pace) for rows in times]
    others = other_rows(subject)
    look = looked(subject, x, n + (0 if others is None else len(others)))
    forward, backward = targets * (look + sum(one[0] for one in each)), targets * sum(one[1] for one in each)
    seconds = targets * (sum(one[2] for one in each) + pace.cards(n))
    exact = alone.exact and all(alone.same(rows, chunk) for rows in times)
    steps.append(Step(f"evidence: {name} again", forward, backward, seconds, exact))
    dear, over = exchanging(subject, x, alone, pace), judging(subject, method, len(x), alone, pace)
    # how many different rows give is not known yet for the first
    counted = alone.exact and not alone.chunked
    for what, spent, known in (("exchanged", dear, False), ("again over many rows", over, counted)):
        if spent[0]:
            forward, backward, seconds = targets * spent[0], targets * spent[1], targets * spent[2]
            steps.append(Step(f"evidence: {name} {what}", forward, backward, seconds, known))
    return steps


def twin_shares(n: int, count: int) -> list[int]:
    """How many of ``n`` rows each untrained copy explains, but for those that explain none."""
    return [len(rows) for rows in shares(n, count) if len(rows)]


def memory_of(subject: Subject, inputs: Tensor, rows: int, how: Compute, cards: bool) -> int:
    """Bytes of one chunk with its graph, and of what is kept for the rows explained at once."""
    chunk = min(how.batch_size, rows * MASKS)
    row = inputs[:1].numel() * inputs.element_size()
    q = Question(subject.model, inputs[:1], usual_target(subject, inputs[:1]), spec=subject.spec)
    with _saved() as sizes:
        try:
            q.gradient()
        except MethodError:
            q.scores()
    kept = 4 + (2 * NOISES if cards else 0)
    return chunk * (sum(sizes.values()) + POINTS * row) + kept * rows * row


@contextmanager
def _saved() -> Generator[dict[int, int]]:
    """Bytes of each storage that a pass keeps for its way back."""
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        # a graph that holds its own result would never be freed
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield sizes
