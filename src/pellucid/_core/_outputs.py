"""Plain passes over many rows: outputs and activations, streamed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from pellucid._core._beside import agree
from pellucid._core._chunk import EVEN, LARGE, LOOKED, at_once
from pellucid._core._compute import Compute
from pellucid._core._feed import Feed, Inputs, feed, out_of_memory, to_be_told
from pellucid._core._guard import Guard
from pellucid._core._layout import channelwise
from pellucid._core._probe import Probe, Reads, probe
from pellucid._core._spec import InputSpec, is_finite
from pellucid._core._target import the_output
from pellucid.errors import MethodError

T = TypeVar("T")
MOST, SMALL = 1024, 2**16  # rows of a chunk, and its numbers where it has more than 256 rows
MANY = 64  # rows for which it pays to compare two of them before, in two orders in memory
FIRST = 256  # rows of the first chunk of those that are looked at, where nothing is known to compare with


@contextmanager
def _quiet(guard: Guard, seed: int) -> Generator[None]:
    """No trace on the network and no graph."""
    with guard.pass_by(seed=seed), torch.no_grad():
        yield


def usual(inputs: Inputs, times: int = 1) -> Compute:
    """256 rows at once, and more where they are small: their activations stay in the cache all the same.

    ``times`` as many of these where much is done once a chunk, and :func:`listen` bounds the largest layer.
    """
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point() or not inputs.numel():
        return Compute(batch_size=256)
    small = times * SMALL // (inputs.numel() // len(inputs))
    return Compute(batch_size=min(times * MOST, max(256, small)))


def _in_chunks(
    fed: Feed,
    compute: Compute,
    run: Callable[[slice], T],
    more: Callable[[], int] | None = None,
    *,
    large: int = LARGE,
) -> Iterator[tuple[slice, T]]:
    """Pass all rows through in chunks, smaller ones where memory does not suffice: ``(rows, what came)``.

    ``large`` is how many numbers go in at once where no accelerator is; ``more`` says, once a chunk is
    through, how many rows the next may have.
    """
    most, start = compute.batch_size, 0
    size = at_once(most if more is None else min(FIRST, most), fed.packed, large)
    while start < fed.rows:
        rows = slice(start, min(start + size, fed.rows))
        try:
            with _quiet(fed.guard, compute.seed):
                made = run(rows)
        except Exception as error:
            if not out_of_memory(error):
                raise
            if rows.stop - rows.start == 1:
                raise MethodError(f"Memory does not suffice for a single row: {error}") from error
            size = most = (rows.stop - rows.start) // 2
            continue
        yield rows, made
        start = rows.stop
        if more is not None:
            size = max(1, min(most, more()))
        compute.progress(start, fed.rows)


def stream(
    fed: Feed,
    compute: Compute,
    *,
    read: Reads = (),
    stop: str | None = None,
    laid: torch.memory_format = torch.preserve_format,
) -> Iterator[tuple[slice, object, Probe]]:
    """Pass all rows through in chunks: ``(rows, what the network returned, what was read)``.

    What was returned is ``None`` where ``stop`` ended the pass. ``laid`` is how rows lie in memory.
    """

    def run(rows: slice) -> tuple[object, Probe]:
        raw: object = None
        with probe(fed.model, read=read, stop=stop) as seen:
            raw = fed.run(fed.packed[rows].clone(memory_format=laid), rows, 1)
        return raw, seen

    # nothing is copied where nothing is read
    for rows, (raw, seen) in _in_chunks(fed, compute, run, large=LARGE if read else 2 * LARGE):
        yield rows, raw, seen


def predict(
    model: nn.Module,
    inputs: Inputs,
    *,
    output: int | str | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Tensor:
    """The network's outputs ``[N, …]`` in evaluation mode, without gradients, in chunks.

    ``spec`` says what goes along with the inputs, such as an attention mask.

    Example:
        >>> predict(nn.Linear(2, 3), torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """
    how = compute or usual(inputs)
    fed = feed(model, inputs, spec=spec, check=False, compute=how)
    laid = _laid(fed, how) if fed.rows >= MANY else torch.preserve_format
    outputs = [the_output(raw, output) for _, raw, _ in stream(fed, how, laid=laid)]
    return torch.cat(outputs).contiguous()


def called(model: nn.Module, inputs: Tensor, spec: InputSpec) -> Tensor:
    """What a network gives for inputs, called as it stands with what the spec says goes along.

    Example:
        >>> from pellucid.inputs import ImageSpec
        >>> called(nn.Flatten(), torch.zeros(2, 1, 3, 3), ImageSpec()).shape
        torch.Size([2, 9])
    """
    name, along = spec.companions(inputs)
    raw: object = model(**{name: inputs}, **along) if name else model(inputs)
    return raw if isinstance(raw, Tensor) else the_output(raw, None)


def activations(
    model: nn.Module,
    inputs: Inputs,
    read: Reads,
    *,
    stop: str | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
    finite: bool = True,
) -> Iterator[tuple[slice, Probe]]:
    """Activations at several sites, chunk by chunk and never all at once: ``(rows, what was seen)``.

    ``read`` names sites, or gives for each a function of the activation, as for :func:`probe`;
    ``spec`` says what goes along with the inputs, as in :func:`predict`. Raises :class:`MethodError` where
    an activation that is named alone has NaN or infinity, for no number made of it would mean anything; with
    ``finite=False`` it is given as it is.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [seen["0"].shape for _, seen in activations(net, torch.zeros(5, 2), ["0"])]
        [torch.Size([5, 3])]
    """
    how = compute or Compute(batch_size=256)
    reads = read if isinstance(read, Mapping) else tuple(read)
    looked_at = reads if finite and isinstance(reads, tuple) else ()
    for rows, _, seen in stream(
        feed(model, inputs, spec=spec, check=False, compute=how), how, read=reads, stop=stop
    ):
        for site in looked_at:
            finite_at(seen[site], site)
        yield rows, seen


def finite_at(activation: Tensor, site: str) -> None:
    """Raise :class:`MethodError` where an activation has NaN or infinity.

    Example:
        >>> finite_at(torch.zeros(2, 3), "conv1")
    """
    if is_finite(activation):
        return
    if not bool(activation.isnan().any()):
        raise MethodError(
            f"{site!r} gives infinity, so nothing can be measured there. Where that is meant, as in masked "
            "scores of attention, ask what follows it, such as the softmax; else look there for divisions "
            "and logarithms."
        )
    raise MethodError(
        f"{site!r} gives NaN or infinity, so nothing can be measured there. Ask a layer before the "
        "first that does, which pellucid.layers names; look there for divisions and logarithms."
    )


def listen(
    model: nn.Module,
    inputs: Inputs,
    read: Reads,
    each: Callable[[slice, Probe], Sequence[int]],
    *,
    spec: InputSpec | None = None,
    compute: Compute,
) -> None:
    """As :func:`activations`, given to a function chunk by chunk; hooks are put on the network only once.

    The function says how many numbers a row has in each layer, which decides how many rows come next.
    """
    fed = feed(model, inputs, spec=spec, check=False, compute=compute)
    wide, laid = 1, _laid(fed, compute)

    def more() -> int:
        return LOOKED // wide if fed.packed.is_cpu else compute.batch_size

    def run(rows: slice) -> object:
        return fed.run(fed.packed[rows].clone(memory_format=laid), rows, 1)

    with probe(model, read=read) as seen:
        # many rows first: what they give is what the next ones are compared with
        for rows, _ in _in_chunks(fed, compute, run, more, large=4 * LARGE):
            sizes = each(rows, seen)
            wide = max(1, *sizes, EVEN * sum(sizes) // len(sizes))


def _laid(fed: Feed, compute: Compute) -> torch.memory_format:
    """Channels last in memory for networks whose convolutions go channel by channel, and which bear it.

    Those pass a quarter faster so; others gain or lose. Nothing but rounding changes.
    """
    guard, many = fed.guard, at_once(compute.batch_size, fed.packed, 2 * LARGE)
    if not channelwise(guard.modules) or not fed.layout.pays(
        guard.modules, guard.parameters, fed.packed[:many]
    ):
        return torch.preserve_format
    rows = slice(0, 2)
    points = fed.packed[rows]
    try:
        with _quiet(fed.guard, compute.seed):
            plain, last = (
                the_output(fed.run(points.clone(memory_format=how), rows, 1), None)
                for how in (torch.contiguous_format, torch.channels_last)
            )
    except Exception as error:
        if to_be_told(error):
            raise
        # what is wrong with the network itself will be wrong again, and is told then
        return torch.preserve_format
    return torch.channels_last if agree(last, plain, plain) else torch.preserve_format
