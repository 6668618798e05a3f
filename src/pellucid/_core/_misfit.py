"""What to do where what was given is no network, no inputs, or not as the network takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from torch import Tensor, nn

from pellucid.errors import InputError


def not_a_network(given: object) -> InputError:
    """The error for what is no module."""
    said = f"Expected a torch.nn.Module, got {type(given).__name__}."
    if isinstance(getattr(given, "model", None), nn.Module):
        return InputError(f"{said} Its network is its .model.")
    return InputError(f"{said} Put the function into the forward() of one." if callable(given) else said)


def not_inputs(given: object, model: nn.Module) -> InputError:
    """The error for what is neither a tensor nor a batch."""
    said = f"Expected a tensor [N, …] or a Batch, got {type(given).__name__}."
    if isinstance(given, Mapping):
        return InputError(f"{said}{_as_batch(cast('Mapping[str, object]', given))}")
    if isinstance(given, tuple | list):
        return InputError(f"{said}{_as_batch(_taken(model))}")
    if hasattr(given, "__array__"):
        return InputError(f"{said} Say torch.as_tensor(numpy.asarray(x), dtype=…) in the network's type.")
    return InputError(said)


def other_names(model: nn.Module, given: Iterable[str]) -> str:
    """What ``forward`` takes, where these names do not serve it; without names for one unnamed input."""
    taken, given = _taken(model), list(given)
    needed = [name for name, left_out in taken.items() if not left_out]
    if not given:
        return _as_batch(needed) if len(needed) > 1 else ""
    serve = set(needed) <= set(given) <= set(taken)
    return "" if serve or not taken else f" Its forward() takes {', '.join(taken)}."


def other_axes(x: Tensor, goes: Callable[[Tensor], bool]) -> str:
    """How ``x`` goes through a network after all; it is tried."""
    ways = {"x[None]": x[None], "x[:, None]": x[:1, None]}
    if x.ndim == 4:
        ways = {"x.permute(0, 3, 1, 2)": x[:1].permute(0, 3, 1, 2)}
    found = next((way for way, rows in ways.items() if goes(rows.clone())), None)
    return f" As {found} it goes through: rows come first, then channels." if found else ""


def _as_batch(names: Iterable[str]) -> str:
    first, *others = (f"{name!r}: …" for name in names) if names else ("'x': …",)
    held = f", held={{{', '.join(others)}}}" if others else ""
    return f" Name what is explained and what only goes along: pellucid.Batch({{{first}}}{held})."


def _taken(model: nn.Module) -> dict[str, bool]:
    """Names that ``forward`` takes, with whether each may be left out; empty where it takes any."""
    parameters = inspect.signature(model.forward).parameters.values()
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters):
        return {}
    return {each.name: each.default is not each.empty for each in parameters}
