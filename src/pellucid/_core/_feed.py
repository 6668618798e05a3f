"""How rows reach a network: one tensor, or several named ones; checked once, cut into chunks often."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pellucid._core._compute import Compute
from pellucid._core._fingerprint import Fingerprint
from pellucid._core._guard import Guard
from pellucid._core._layout import Layout
from pellucid._core._misfit import not_a_network, not_inputs, other_axes, other_names
from pellucid._core._probe import StopPassError
from pellucid._core._spec import Batch, InputSpec, finite
from pellucid.errors import CancelledError, InputError, MethodError, PellucidError, near_misses

Inputs = Tensor | Batch
Fill = float | Tensor | Mapping[str, float | Tensor] | None
ROOM = 31 * 2**20  # bytes; 32 MiB is the most that glibc learns from
VECTORS, WIDE = 512, 16384  # rows at once, and the longest of which so many are
SMALL = 256  # the same of anything else on a processor
ALONE = "One row alone goes through: where it cannot take several, say compute=Compute(batch_size=1)."
MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the chunk was too large."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in MEMORY)


def to_be_told(error: BaseException) -> bool:
    """Whether an error does not come from a shorter way through the network."""
    return out_of_memory(error) or isinstance(error, CancelledError)


def place_of(guard: Guard) -> tuple[torch.device | None, torch.dtype | None]:
    """Device and floating type in which a network computes; ``None`` where it has no parameters."""
    for tensor in guard.tensors:
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return None, None


@dataclass(frozen=True, slots=True)
class Feed:
    """Inputs of one question: what varies, packed into one tensor, and what goes along.

    ``single`` says whether one plain tensor came in; it may still have a name to the network, and companions.
    ``ran[0]`` counts the rows that went through the network; ``layout`` says how they lie in memory.
    """

    model: nn.Module
    guard: Guard
    packed: Tensor
    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    dtypes: tuple[torch.dtype, ...]
    held: Mapping[str, Tensor]
    shared: Mapping[str, object]
    single: bool
    ran: list[int] = field(default_factory=lambda: [0])
    layout: Layout = field(default_factory=Layout)

    @property
    def rows(self) -> int:
        """Number of rows N."""
        return self.packed.shape[0]

    @property
    def matrices(self) -> bool:
        """Whether no weight has more than two axes, as those of convolutions have."""
        return all(parameter.ndim < 3 for parameter in self.guard.parameters)

    @property
    def whole(self) -> dict[str, torch.dtype]:
        """Named inputs that hold whole numbers or flags, with their types."""
        named = zip(self.names, self.dtypes, strict=False)  # a single tensor has its type itself
        return {name: dtype for name, dtype in named if not dtype.is_floating_point}

    def given(self, points: Tensor) -> Tensor | dict[str, Tensor]:
        """The named tensors as the network takes them: whole numbers as whole numbers."""
        parts = self.unpack(points)
        if isinstance(parts, Tensor):
            return parts
        return parts | {name: _whole(name, parts[name], dtype) for name, dtype in self.whole.items()}

    def unpack(self, packed: Tensor) -> Tensor | dict[str, Tensor]:
        """The named tensors inside a packed one."""
        if self.single:
            return packed
        # slices and not split(), whose parts must not be changed in place
        described = zip(self.names, self.slices, self.shapes, self.dtypes, strict=True)
        # values of whole numbers are no whole numbers
        return {
            name: packed[:, part].reshape(-1, *shape).to(dtype if dtype.is_floating_point else packed.dtype)
            for name, part, shape, dtype in described
        }

    def pack(self, value: float | Tensor | Mapping[str, float | Tensor]) -> Tensor:
        """One tensor like the packed inputs from a number, a tensor, or one of them for each name."""
        if isinstance(value, Tensor) and value.ndim and not self.single:
            value = self._by_name(value)
        if not isinstance(value, Mapping):
            return like(self.packed, value, "for the inputs")
        self.named(value)
        parts: list[Tensor] = []
        for name, shape, part in zip(self.names, self.shapes, self.slices, strict=True):
            rows = self.packed[:, part].reshape(-1, *shape)
            parts.append(like(rows, value[name], f"for {name!r}").reshape(self.rows, -1))
        return torch.cat(parts, 1)

    def _by_name(self, value: Tensor) -> Tensor | dict[str, Tensor]:
        """A tensor that is packed already as it is; else that of the only varied input."""
        if value.shape[-1] == self.packed.shape[1]:
            return value
        if len(self.names) == 1:
            return {self.names[0]: value}
        wanted = ", ".join(f"{name!r}: …" for name in self.names)
        raise InputError(
            f"Expected a number, or one value for each varied input, {{{wanted}}}; got a tensor."
        )

    def named(self, value: Mapping[str, object]) -> None:
        """Raise unless a mapping names each varied input and nothing else."""
        if self.single:
            raise InputError(
                "Expected a number or a tensor like the inputs, got a mapping for a single input."
            )
        for name in value:
            if name not in self.names:
                raise InputError(f"No varied input is called {name!r}. {near_misses(name, self.names)}")
        for name in self.names:
            if name not in value:
                raise InputError(f"Expected a value for each varied input, got none for {name!r}.")

    @property
    def slices(self) -> tuple[slice, ...]:
        """Which elements of a packed row belong to each input."""
        if self.single:
            return (slice(None),)
        ends = list(itertools.accumulate(shape.numel() for shape in self.shapes))
        return tuple(slice(end - shape.numel(), end) for end, shape in zip(ends, self.shapes, strict=True))

    def fingerprint(self) -> Fingerprint:
        """Hash of everything that goes in row by row."""
        held = {f"held {name}": part for name, part in self.held.items()}
        return Fingerprint({"inputs": self.packed, **held}, keep=True)

    def run(self, points: Tensor, rows: slice, copies: int) -> object:
        """Pass points ``[copies * n, …]`` through the network, with what goes along row by row."""
        self.ran[0] += points.shape[0]
        try:
            return self._called(points, rows, copies)
        except (PellucidError, CancelledError):
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            varied = self.unpack(points)
            shapes = (
                tuple(points.shape)
                if isinstance(varied, Tensor)
                else {n: tuple(v.shape) for n, v in varied.items()}
            )
            raise MethodError(
                f"{type(self.model).__name__} raised {type(error).__name__} when given {shapes}: {error}"
                f"{self._otherwise(points, rows)}"
            ) from error

    def _called(self, points: Tensor, rows: slice, copies: int) -> object:
        varied = self.given(points)
        if isinstance(varied, Tensor):
            if not self.names:
                return self.model(varied)
            varied = {self.names[0]: varied}
        held = {name: _repeated(part[rows], copies) for name, part in self.held.items()}
        return self.model(**varied, **held, **self.shared)

    def _otherwise(self, points: Tensor, rows: slice) -> str:
        """What to do where a network does not take these rows; it is tried."""
        if advice := other_names(self.model, [*self.names, *self.held, *self.shared]):
            return f".{advice}"
        if type(points) is not Tensor:
            return ""
        first = slice(rows.start, rows.start + 1)
        if len(points) > 1 and _goes(lambda: self._called(points[:1].clone(), first, 1)):
            return f". {ALONE}"
        plain = self.single and not self.names and points.ndim in (3, 4)
        advice = other_axes(points, lambda x: _goes(lambda: self.model(x))) if plain else ""
        return f".{advice}" if advice else ""


def _goes(call: Callable[[], object]) -> bool:
    try:
        # a reader who has seen enough ends the pass
        with suppress(StopPassError):
            call()
    except Exception:
        return False
    return True


def _whole(name: str, part: Tensor, dtype: torch.dtype) -> Tensor:
    """Numbers of an input as the whole numbers that they are."""
    found = part.to(dtype)
    if not torch.equal(found.to(part.dtype), part):
        raise InputError(
            f"Input {name!r} takes whole numbers ({dtype}), and what was to be put there are none, such as a "
            "mean. Give whole numbers for it, or name it in held=."
        )
    return found


def _repeated(part: Tensor, copies: int) -> Tensor:
    # always a copy: networks may write into what they are given
    return part.repeat(copies, *[1] * (part.ndim - 1))


def feed(
    model: nn.Module,
    inputs: Inputs,
    *,
    spec: InputSpec | None = None,
    check: bool = True,
    compute: Compute,
) -> Feed:
    """Check inputs against the network and, where ``check`` says so, the spec, once."""
    if not isinstance(model, nn.Module):
        raise not_a_network(model)
    guard = Guard(model)
    device, dtype = place_of(guard)
    if device is None or device.type == "cpu":
        # glibc takes from it that blocks of this size come and go, and stops to give memory back and to fetch
        # it anew for every layer, which took a third of a network's time
        torch.empty(ROOM, dtype=torch.uint8)
    if compute.device is not None:
        if device is not None and torch.device(compute.device).type != device.type:
            raise InputError(
                f"The network lies on {device}, the computation was asked for on {compute.device}. "
                f"Move it there first: model.to({str(compute.device)!r})."
            )
        inputs = _moved(inputs, device or torch.device(compute.device))
    if isinstance(inputs, Tensor):
        x = _plain(inputs)
        _fits("inputs", x, device, dtype)
        if spec is not None and check:
            spec.check(x)
        name, along = ("", {}) if spec is None else spec.companions(x)
        return Feed(model, guard, x, (name,) if name else (), (), (), along, {}, single=True)
    if not isinstance(inputs, Batch):
        raise not_inputs(inputs, model)
    return _several(model, guard, inputs)


def at_once(fed: Feed) -> int:
    """How many rows should go through a network at once where nobody says so.

    Vectors through matrices hold little, and most of their time goes into reading the matrices. Of anything
    else many small rows cost less each on a processor; where they are large, fewer go (`_core/_chunk.py`).
    """
    vectors = fed.packed.ndim == 2 and fed.packed.is_floating_point() and not fed.held
    if vectors and fed.matrices and fed.packed.shape[1] <= WIDE:
        return VECTORS
    return SMALL if fed.packed.is_cpu else Compute().batch_size


def _several(model: nn.Module, guard: Guard, batch: Batch) -> Feed:
    device, dtype = place_of(guard)
    varied = {name: _plain(part) for name, part in batch.varied.items()}
    for name, part in varied.items():
        _fits(name, part, device, dtype)
    packed = torch.cat([part.reshape(len(part), -1) for part in varied.values()], 1)
    for name, part in varied.items():
        if not part.is_floating_point() and not torch.equal(part.to(packed.dtype).to(part.dtype), part):
            raise InputError(
                f"Input {name!r} holds whole numbers ({part.dtype}) that {packed.dtype}, in which the inputs "
                "are varied together, cannot tell apart. Name it in held=."
            )
    return Feed(
        model,
        guard,
        packed,
        tuple(varied),
        tuple(part.shape[1:] for part in varied.values()),
        tuple(part.dtype for part in varied.values()),
        batch.held,
        batch.shared,
        single=False,
    )


def like(place: Tensor, value: float | Tensor | object, what: str) -> Tensor:
    """``value`` broadcast to the shape of ``place``."""
    if not isinstance(value, int | float | Tensor):
        raise InputError(f"Expected a number or a tensor {what}, got {type(value).__name__}.")
    # a Python number is exact in any type; by way of the default type it would be rounded
    exact = torch.tensor(value, dtype=torch.float64) if isinstance(value, int | float) else value.detach()
    filled = exact.to(place)
    try:
        filled = filled.expand(place.shape)
    except RuntimeError:
        raise InputError(
            f"Expected a number or a tensor {what} that fits {list(place.shape)}, got {list(filled.shape)}."
        ) from None
    finite(filled, f"The value {what}")
    return filled


def _plain(x: Tensor) -> Tensor:
    """A tensor that autograd may use, apart from the caller's graph and class."""
    if not x.is_inference():
        x = x.detach()
    else:
        with torch.inference_mode(mode=False):
            x = x.clone()
    # one that does more than carry a name has other ways of being stored
    named = type(x) is not Tensor and not hasattr(x, "__tensor_flatten__")
    return x.as_subclass(Tensor) if named else x


def _moved(inputs: Inputs, device: torch.device) -> Inputs:
    if isinstance(inputs, Tensor):
        return inputs.to(device)
    varied = {name: part.to(device) for name, part in inputs.varied.items()}
    return Batch(varied, {name: part.to(device) for name, part in inputs.held.items()}, inputs.shared)


def _fits(what: str, x: Tensor, device: torch.device | None, dtype: torch.dtype | None) -> None:
    if odd := _odd(x):
        raise InputError(f"{what}: expected plain real numbers, got a {odd}.")
    if x.ndim < 1 or x.numel() == 0:
        raise InputError(f"{what}: expected at least one row [N, …], got the shape {tuple(x.shape)}.")
    if device is not None and x.device != device:
        raise InputError(
            f"{what} lie on {x.device}, the network on {device}. "
            f"Move them with .to({str(device)!r}) or say Compute(device={str(device)!r})."
        )
    if (
        dtype is not None
        and x.is_floating_point()
        and x.dtype != dtype
        and not torch.is_autocast_enabled(x.device.type)
    ):
        raise InputError(
            f"{what} are {x.dtype}, the network computes in {dtype}. "
            f"Convert the inputs with .to({dtype}), or the network."
        )
    finite(x, what)


def _odd(x: Tensor) -> str:
    """Of which kind a tensor is that no network here is asked about, and what to do; empty for others."""
    if x.is_nested:
        return "nested tensor; pad its rows to one length, x.to_padded_tensor(0)"
    if x.is_quantized:
        return "quantized tensor; say x.dequantize()"
    if x.layout is not torch.strided:
        return "sparse tensor; say x.to_dense()"
    if x.is_complex():
        return "complex tensor; give its real and imaginary parts, as torch.view_as_real does"
    if x.is_meta:
        return "tensor on the meta device, which holds no numbers"
    return ""
