"""What the network would answer if it stopped at an earlier layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import (
    Batch,
    Compute,
    InputSpec,
    Reached,
    Site,
    activations,
    brief,
    each_class,
    predict,
    probe,
    wilson,
)
from pellucid._core._chunk import at_once
from pellucid._core._feed import feed
from pellucid._core._interrupt import Held
from pellucid._core._target import the_output
from pellucid.errors import MethodError, SiteError, near_misses
from pellucid.layers._reach import (
    along,
    calls,
    count_of,
    is_function,
    leaves,
    part_of,
    refuse_answers,
    repeating,
    rows_of,
    tokens_of,
    twin_of,
)

ALIKE = 1e-3
NAME = "Name another head=."
FEW = 16  # inputs that tell where the last part begins


@dataclass(frozen=True, slots=True, eq=False)
class EarlyExit:
    """The network's own last part, fed with what earlier layers give.

    Args:
        sites: layers in the order of the pass, the last feeds the last part in any case.
        head: where the last part begins.
        agreement: ``[S]``, share of inputs, 0 to 1, whose answer is that of the whole network already.
        low, high: ``[S]``, its 95 % interval (Wilson).
        divergence: ``[S]``, Kullback-Leibler divergence of the early answer from the final one, in nats.
        accuracy: ``[S]``, share of right answers; ``NaN`` where no answers were given.
        changes: ``[S]``, share of inputs whose answer is another one than at the layer before; ``NaN`` first.
        untrained: ``[S]``, the agreement in an untrained copy; ``NaN`` where none was run.
        check: largest relative difference in the self-check.
        n: inputs.
        note: what was left out.
    """

    sites: tuple[str, ...]
    head: str
    agreement: Tensor
    low: Tensor
    high: Tensor
    divergence: Tensor
    accuracy: Tensor
    changes: Tensor
    untrained: Tensor
    check: float
    n: int
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def early_exit(
    model: nn.Module,
    inputs: Tensor | Batch,
    answers: Tensor | None = None,
    sites: Sequence[str] | None = None,
    *,
    head: str | None = None,
    untrained_copy: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> EarlyExit:
    """Answers read off earlier layers by the network's own last part (the logit lens).

    What enters the last part is replaced by the output of an earlier layer of the same shape, and the pass
    goes on. The last part begins at the last layer that some earlier one could feed; where a normalisation
    stands before it, with that, so that each layer is normalised by its own statistics.

    Before anything is read, a self-check: with the rows entering the last part exchanged, the answers must be
    exchanged alike. Where they are not, something goes past the last part and no reading could be trusted:
    an earlier beginning is tried, and if none passes, it is refused. Layers are those through which
    everything goes, by the same check: of a residual network what its blocks give, not what they add.

    Args:
        model: any network of layers of equal shape, such as a transformer or residual network; it comes back
            as it was. A single output is the log-odds of the second of two classes.
        inputs: ``[N, *shape]``, or a :class:`~pellucid._core.Batch`.
        answers: class numbers int64 ``[N]``, for the accuracy.
        sites: layers; ``None`` for those of the shape that the last part takes through which everything goes.
        head: the layer with which the last part begins; ``None`` to find it.
        untrained_copy: whether to read an untrained copy too.
        spec: what an input means; says what goes along with texts.
        compute: how to run.

    Returns:
        :class:`EarlyExit`.

    Raises:
        MethodError: if no earlier layer fits, or the self-check fails.
        SiteError: if a layer does not exist or does not fit.
        InputError: where ``answers`` are no class numbers, one for each row.

    Cost:
        Two passes and one more for each layer; the same for the untrained copy. Looking for layers takes a
        pass of 32 rows for each.

    Limits:
        Earlier layers may write in another basis than the last part reads: a low agreement does not say
        that they do not know. A linear probe learns the basis and bounds what is there from below.

    Source:
        nostalgebraist 2020, Interpreting GPT: the logit lens; Belrose et al. 2023, Eliciting latent
        predictions with the tuned lens, arXiv 2303.08112 (the limits).

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> found = early_exit(net, torch.randn(50, 3), untrained_copy=False)
        >>> found.head, found.sites[-1], float(found.agreement[-1])
        ('4', '3', 1.0)
    """
    how = compute or Compute(batch_size=256)
    n = count_of(inputs)
    if answers is not None:
        refuse_answers(answers, n)
    real, inputs = tokens_of(inputs, spec), along(inputs, spec)
    start, names, apart, check = _places(model, inputs, real, head, sites, how)
    if sites is None:
        names = [site for site in names if check.apart(site) <= ALIKE] or names
    notes: list[str] = []
    twin = twin_of(model, inputs, how, notes) if untrained_copy else None
    passes = 1 if twin is None else 2
    final, early = _read(model, inputs, start, names, part_of(how, 0, passes))
    untrained = torch.full((len(names),), torch.nan, dtype=torch.float64)
    if twin is not None:
        last, others = _read(twin, inputs, start, names, part_of(how, 1, passes))
        untrained = _agreement(last, others)
    tops = early.argmax(-1)
    same = (tops == final.argmax(-1)).double().flatten(1)
    hits, total = same.sum(1), same.shape[1]
    low, high = (torch.tensor([wilson(int(h), total)[end] for h in hits]) for end in (0, 1))
    changes = torch.cat(
        [untrained.new_full((1,), torch.nan), (tops[1:] != tops[:-1]).double().flatten(1).mean(1)]
    )
    right = torch.full_like(hits, torch.nan)
    if answers is not None and final.ndim == 2:
        right = (tops == answers.cpu()).double().mean(1)
    elif answers is not None:
        notes.append("No accuracy: the network answers more than once per input.")
    logs = final.double().log_softmax(-1)
    divergence = (logs.exp() * (logs - early.double().log_softmax(-1))).sum(-1).flatten(1).mean(1)
    said = " ".join(notes)
    return EarlyExit(
        tuple(names), start, same.mean(1), low, high, divergence, right, changes, untrained, apart, n, said
    )


def exit_near(
    model: nn.Module,
    inputs: Tensor | Batch,
    answers: Tensor,
    site: str,
    *,
    spec: InputSpec | None = None,
    compute: Compute,
) -> EarlyExit:
    """As :func:`early_exit` of one layer and the nearest before it, few others being tried."""
    few = rows_of(inputs, slice(0, FEW))
    try:
        start, fitting, _, check = _places(model, along(few, spec), tokens_of(few, spec), None, None, compute)
    except MethodError as error:
        # where it begins cannot be named on a page
        raise MethodError(str(error).replace(NAME, "The linear probes read it.")) from error

    def passes(name: str) -> bool:
        return check.apart(name) <= ALIKE

    alone = site in fitting and passes(site)
    # where everything goes through none of them, all are read
    if not alone and (site not in fitting or any(map(passes, fitting))):
        raise MethodError(
            f"the network's last part, from {start} on, does not take what {site} gives; "
            "the linear probes read it."
        )
    place = fitting.index(site)
    before = next((name for name in reversed(fitting[:place]) if not alone or passes(name)), site)
    pair = list(dict.fromkeys([before, site]))
    return early_exit(model, inputs, answers, pair, head=start, spec=spec, compute=compute)


def _agreement(final: Tensor, early: Tensor) -> Tensor:
    return (early.argmax(-1) == final.argmax(-1)).double().flatten(1).mean(1)


def _places(
    model: nn.Module,
    inputs: Tensor | Batch,
    real: Tensor | None,
    head: str | None,
    sites: Sequence[str] | None,
    how: Compute,
) -> tuple[str, list[str], float, _Exchange]:
    """Where the last part begins, the layers that can feed it, in the order of the pass, and the self-check.

    Layers that nobody named are only of the right shape: whether everything goes through each is not asked.

    Looked for from the end, past parts that fail the self-check: inside a block something goes around them.
    """
    found = calls(model, inputs, how)
    last = [leaf for leaf in leaves(found)[0] if not is_function(leaf)]
    if head is not None and head not in {call.site for call in found}:
        raise SiteError(f"head: no pass reaches {head!r}. {near_misses(head, [leaf.site for leaf in last])}")
    check = _Exchange(model, rows_of(inputs, slice(0, min(count_of(inputs), 32))), real, how)
    failed: MethodError | None = None
    for place in range(len(last) - 1, 0, -1) if head is None else [-1]:
        start = head or last[place].site
        shape = _entering(model, inputs, start, how)
        fitting = _before(found, start, shape)
        if sites is not None:
            wrong = [site for site in sites if site not in fitting]
            if not wrong:
                return start, [site for site in fitting if site in sites], check.passed(start), check
            if head is not None:
                raise SiteError(
                    f"{wrong[0]!r} does not give what {start!r} takes, {shape}. Fitting: {fitting}."
                )
        elif _learned(last, fitting) > 1:
            before = last[place - 1]
            if head is None and "Norm" in type(before.module).__name__ and before.shape == shape:
                start = before.site
                fitting = _before(found, start, shape)
            try:
                return start, fitting, check.passed(start), check
            except MethodError as error:
                failed = failed or error
    raise failed or MethodError(
        "No earlier layer gives what the last part of this network takes, as an early exit would have to. "
        "linear_probes reads layers of any shape."
    )


def _before(found: Sequence[Reached], start: str, shape: tuple[int, ...] | None) -> list[str]:
    """Calls of that shape that are over before ``start``."""
    names: list[str] = []
    twice = repeating(found)
    for call in found:
        if call.site == start:
            break
        if call.shape == shape and call.site not in twice:
            names.append(call.site)
    return names


def _learned(last: Sequence[Reached], names: Sequence[str]) -> int:
    """How many of the layers have weights; others only pass on what they were given."""
    return sum(any(True for _ in leaf.module.parameters()) for leaf in last if leaf.site in names)


def _entering(model: nn.Module, inputs: Tensor | Batch, start: str, how: Compute) -> tuple[int, ...] | None:
    few = rows_of(inputs, slice(0, 2))
    site = _side(start)
    try:
        quiet = Compute(2, how.seed, how.device)
        # only its shape is asked, and masks may give infinity
        for _, seen in activations(model, few, [site], stop=site, finite=False, compute=quiet):
            return tuple(seen[site].shape)
    except SiteError:
        # several tensors enter: nothing that one layer could stand in for
        return None
    return None


def _side(site: str) -> str:
    """The same call's input: ``norm#1`` is ``norm:in#1``."""
    return str(replace(Site.parse(site), side="in", item=None))


class _Exchange:
    """Exchanges rows somewhere in a pass, to see whether the answers depend on what is there alone."""

    def __init__(self, model: nn.Module, inputs: Tensor | Batch, real: Tensor | None, how: Compute) -> None:
        self.fed = feed(model, inputs, check=False, compute=how)
        # all at once, or rows of different chunks would be exchanged
        n = self.n = min(self.fed.rows, max(2, at_once(self.fed.rows, self.fed.packed)))
        self.seed, self.order = how.seed, torch.arange(n)
        # where a text ends goes around every layer, so texts of one length are exchanged
        lengths = torch.zeros(n) if real is None else real[:n].sum(1)
        for length in lengths.unique():
            alike = (lengths == length).nonzero()[:, 0]
            self.order[alike] = alike.roll(1)
        self.plain = self._answers()
        if self.plain.ndim < 2 or self.plain.shape[-1] < 2:
            raise MethodError(
                f"Early exits compare answers of classes; this network gives {list(self.plain.shape)}."
            )

    def _answers(self) -> Tensor:
        with self.fed.guard.pass_by(seed=self.seed), torch.no_grad():
            raw = self.fed.run(self.fed.packed[: self.n].clone(), slice(0, self.n), 1)
        return each_class(the_output(raw, None))

    def apart(self, site: str) -> float:
        """Largest relative difference between exchanged answers and answers to exchanged rows."""
        with Held(), probe(self.fed.model, write={site: lambda here: here[self.order.to(here.device)]}):
            exchanged = self._answers()
        wanted = self.plain[self.order.to(self.plain.device)]
        return float((exchanged - wanted).abs().max() / self.plain.abs().max().clamp_min(1e-12))

    def passed(self, start: str) -> float:
        """The same of what enters a layer; raises where it is too large."""
        apart = self.apart(_side(start))
        if not apart <= ALIKE:
            raise MethodError(
                f"The self-check failed: answers do not depend on what enters {start!r} alone "
                f"(difference {apart:.2g} of the largest output). {NAME}"
            )
        return apart


def _read(
    model: nn.Module, inputs: Tensor | Batch, start: str, sites: Sequence[str], how: Compute
) -> tuple[Tensor, Tensor]:
    """Final answers ``[N, …, K]`` and early ones ``[S, N, …, K]``."""
    final: list[Tensor] = []
    early: list[list[Tensor]] = [[] for _ in sites]
    for rows, seen in activations(model, inputs, sites, compute=how):
        some = rows_of(inputs, rows)
        one = Compute(rows.stop - rows.start, how.seed, how.device)
        final.append(each_class(predict(model, some, compute=one)).cpu())
        for kept, site in zip(early, sites, strict=True):
            here = seen[site]
            with probe(model, write={_side(start): lambda _, here=here: here}):
                kept.append(each_class(predict(model, some, compute=one)).cpu())
    return torch.cat(final), torch.stack([torch.cat(kept) for kept in early])
