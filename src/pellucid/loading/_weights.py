"""Weights from a file, put onto a network; no code in the file is ever run."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pellucid.errors import LoadError, near_misses

WRAPPERS = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before each name
NESTED = ("state_dict", "model_state_dict", "model")  # where training scripts keep weights in a checkpoint
SHOWN = 3
SLACK = 2**26  # bytes beyond its own size that an archive may unpack to; programs pack their source


def read_weights(path: str | Path, *, run_code_in_file: bool = False) -> dict[str, Tensor]:
    """The tensors by name in a file of weights, on the CPU.

    Args:
        path: ``.safetensors``; or what ``torch.save(model.state_dict(), …)`` wrote, also inside a checkpoint
            under ``state_dict``, ``model_state_dict`` or ``model``. The prefixes that ``DataParallel`` and
            ``torch.compile`` put before every name are taken off.
        run_code_in_file: open a pickle that holds more than tensors, which **runs whatever code its author
            put there**, with all your rights. Only for files that you made yourself. Never done unasked.

    Returns:
        Tensors by name.

    Raises:
        LoadError: if the file is absent, damaged, of another format, or holds more than tensors: such a
            pickle could run code when opened, so it is refused.
    """
    file = Path(path)
    if not file.is_file():
        siblings = (
            [p.name for p in sorted(file.parent.glob(f"*{file.suffix}"))] if file.parent.is_dir() else []
        )
        raise LoadError(f"The weights {file} do not exist. {near_misses(file.name, siblings)}")
    try:
        held = (
            load_file(file) if file.suffix == ".safetensors" else _torch_file(file, run_code=run_code_in_file)
        )
    except SafetensorError as error:
        raise LoadError(f"{file} is damaged or no safetensors file: {error}.") from error
    except OSError as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError(f"Cannot read {file}: {error.strerror or error}.") from error
    return _unwrapped(held)


def load_weights(model: nn.Module, path: str | Path, *, run_code_in_file: bool = False) -> nn.Module:
    """Put the weights of a file onto a network.

    All names and shapes are compared first, so that a file which does not fit changes nothing.

    Args:
        model: the network; its parameters and buffers are overwritten, keeping their device and type.
        path, run_code_in_file: as for :func:`read_weights`.

    Returns:
        The same network.

    Raises:
        LoadError: if the file cannot be read, or its names or shapes are not the network's.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "weights.pt"
        >>> torch.save(nn.Linear(2, 3).state_dict(), file)
        >>> load_weights(nn.Linear(2, 3), file)
        Linear(in_features=2, out_features=3, bias=True)
    """
    weights = read_weights(path, run_code_in_file=run_code_in_file)
    refuse_misfit(model, weights, Path(path).name)
    model.load_state_dict(weights)
    return model


def refuse_misfit(model: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Raise :class:`LoadError` unless names and shapes are those of the network."""
    own = cast("dict[str, object]", model.state_dict())
    faults = [
        f"{name} is {list(weights[name].shape)}, the network's is {list(tensor.shape)}"
        for name, tensor in own.items()
        if isinstance(tensor, Tensor)
        and name in weights
        and not is_lazy(tensor)
        and weights[name].shape != tensor.shape
    ]
    missing, unknown = own.keys() - weights.keys(), weights.keys() - own.keys()
    told = [_few(faults, "; ")] if faults else []
    if missing:
        told.append(f"it lacks {_few(sorted(missing), ', ')}")
    if unknown:
        told.append(f"it has {_few(sorted(unknown), ', ')}, which the network does not know")
    if told:
        raise LoadError(f"{what} does not fit {type(model).__name__}: {'; '.join(told)}.")


def _few(texts: list[str], comma: str) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return comma.join(texts[:SHOWN]) + more


def _torch_file(file: Path, *, run_code: bool) -> dict[str, Tensor]:
    _refuse_packed(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch warns about here is told below, or harmless
            held: object = torch.load(file, map_location="cpu", weights_only=not run_code)
    except pickle.UnpicklingError as error:
        raise LoadError(_refused(file, str(error))) from error
    except (
        RuntimeError,
        EOFError,
        ValueError,
        LookupError,
        AssertionError,
        ImportError,
        AttributeError,
    ) as error:
        if "TorchScript" in str(error):
            raise LoadError(
                f"{file} is a TorchScript program, not a file of weights. Save them with "
                "torch.save(model.state_dict(), 'weights.pt')."
            ) from error
        raise LoadError(f"{file} is damaged or no file of weights: {_first_line(error)}.") from error
    found = _state(held.state_dict() if isinstance(held, nn.Module) else held)
    if found is None:
        raise LoadError(
            f"{file} holds no tensors by name but {_described(held)}. Save the weights with "
            "torch.save(model.state_dict(), 'weights.pt')."
        )
    return found


def _refuse_packed(file: Path) -> None:
    """Refuse an archive that unpacks to much more than its own size: torch packs no numbers."""
    if not zipfile.is_zipfile(file):
        return
    try:
        with zipfile.ZipFile(file) as archive:
            whole = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise LoadError(f"{file} is damaged or no file of weights: {error}.") from error
    if whole > file.stat().st_size + SLACK:
        raise LoadError(
            f"{file} would unpack from {file.stat().st_size:,} to {whole:,} bytes, which torch.save never "
            "does: not opened. Save the weights anew with torch.save(model.state_dict(), 'weights.pt')."
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _refused(file: Path, message: str) -> str:
    # a builtin such as getattr has no dot in its name
    wants = re.search(r"GLOBAL\s+([\w.]*\w)", message) or re.search(
        r"(?:global:?|class|type)\s+`?((?:\w+\.)+\w+)", message
    )
    if wants is None and "unrecognized" not in message:
        return f"{file} is damaged or no file of weights."
    held = "more than that" if wants is None else wants.group(1)
    return (
        f"{file} was not opened: it holds {held}, and a pickle that needs more than tensors can "
        "run code. Save its weights alone: torch.save(model.state_dict(), 'weights.pt'); or, if you made the "
        "file yourself, pellucid.loading.read_weights(…, run_code_in_file=True) runs what is in it."
    )


def _state(held: object) -> dict[str, Tensor] | None:
    if not isinstance(held, Mapping):
        return None
    table = cast("Mapping[object, object]", held)
    if table and all(isinstance(value, Tensor) for value in table.values()):
        return {str(name): cast("Tensor", value) for name, value in table.items()}
    inner = [found for name in NESTED if (found := _state(table.get(name))) is not None]
    return inner[0] if len(inner) == 1 else None


def _described(held: object) -> str:
    if isinstance(held, Mapping):
        names = ", ".join(map(str, cast("Mapping[object, object]", held)))
        return f"a table of {names}" if names else "an empty table"
    return f"a {type(held).__name__}"


def _unwrapped(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in WRAPPERS:
        if weights and all(name.startswith(prefix) for name in weights):
            return _unwrapped({name.removeprefix(prefix): value for name, value in weights.items()})
    return weights
