"""Any value of ours in one file: tensors as safetensors, the rest as JSON in its header. No pickle."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from pellucid._core._fingerprint import Fingerprint
from pellucid._core._subject import Subject
from pellucid.errors import PellucidError, StoreError

FORMAT = "pellucid 1"
PACKAGE = "pellucid."


def save(value: object, path: str | Path) -> Path:
    """Write one of our values to a file that any later version can read without running code from it.

    The file appears whole or not at all: an earlier one stays until the new one is complete.

    Args:
        value: a frozen dataclass of pellucid, or tensors, numbers, texts, tuples, lists and mappings of them.
        path: where to write.

    Returns:
        The path.

    Raises:
        StoreError: where the value holds something that cannot be stored, or the file cannot be written.

    Example:
        >>> import tempfile, torch
        >>> from pellucid._core import Compute
        >>> load(save({"numbers": torch.arange(3)}, Path(tempfile.mkdtemp()) / "some.safetensors"))
        {'numbers': tensor([0, 1, 2])}
    """
    tensors: dict[str, Tensor] = {}
    tree = _encode(value, tensors, "")
    text = json.dumps(tree, allow_nan=False)
    header = {"format": FORMAT, "value": text, "sha256": _digest(text, tensors)}
    write_bytes(to_bytes(tensors, metadata=header), path)
    return Path(path)


def packed(value: object) -> bytes:
    """A value for a place inside another file; the same value gives the same bytes."""
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_encode(value, tensors, ""), allow_nan=False).encode()
    # apart from the tensors, because safetensors writes its own header in random order
    return len(tree).to_bytes(8, "little") + tree + to_bytes(tensors)


def unpacked(content: bytes, name: str) -> object:
    """The value in what :func:`packed` gave; ``name`` says in errors where it came from."""
    try:
        end = 8 + int.from_bytes(content[:8], "little")
        tree, tensors = json.loads(content[8:end]), from_bytes(content[end:])
    except (SafetensorError, ValueError, RecursionError) as error:
        raise StoreError(f"{name} is damaged or not a pellucid file and was not read: {error}") from error
    return _value(tree, tensors, name)


def load(path: str | Path) -> object:
    """Read a value that :func:`save` wrote, equal to the bit.

    Raises:
        StoreError: where the file is absent, damaged, not ours, or names something that is no value of ours.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = cast("dict[str, str]", file.metadata() or {})
            if header.get("format") != FORMAT:
                raise StoreError(
                    f"{path} is a safetensors file but not one that pellucid wrote; cannot read it."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            # files from before there was a digest are read without
            if header.get("sha256", known := _digest(header["value"], tensors)) != known:
                raise StoreError(
                    f"{path} is damaged: its numbers are not those that were written. "
                    "Restore it, or make it anew."
                )
            tree = json.loads(header["value"])
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist.") from None
    except (SafetensorError, LookupError, ValueError, RecursionError, OSError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path} is damaged or not a pellucid file and was not read: {error}") from error
    return _value(tree, tensors, str(path))


def write_bytes(content: bytes, path: str | Path) -> None:
    """Put a file in place whole or not at all; raises :class:`StoreError` in one sentence."""
    target = Path(path)
    temporary = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except OSError as error:
        raise StoreError(
            f"Cannot write {target}: {error.strerror or error}. Nothing was changed; "
            "choose a folder that can be written and has room."
        ) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the words and the numbers: safetensors itself notices no changed number."""
    made = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        made.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        made.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return made.hexdigest()


def _encode(value: object, tensors: dict[str, Tensor], place: str) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, Fingerprint):
        return {"fingerprint": str(value)}
    if isinstance(value, Subject):
        raise StoreError("A subject holds a network; save it as a run folder with pellucid.save_run.")
    if dataclasses.is_dataclass(value) and type(value).__module__.startswith(PACKAGE):
        made = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        fields = {name: _encode(part, tensors, f"{place}.{name}") for name, part in made.items()}
        return {"type": f"{type(value).__module__}:{type(value).__qualname__}", "fields": fields}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {
            "mapping": [
                [_encode(k, tensors, place), _encode(v, tensors, f"{place}[{k!r}]")] for k, v in items
            ]
        }
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        parts = cast("Sequence[object]", value)
        return {kind: [_encode(part, tensors, f"{place}[{i}]") for i, part in enumerate(parts)]}
    raise StoreError(
        f"Cannot store a {type(value).__name__}{f' at {place}' if place else ''}; expected a value."
    )


def _value(tree: object, tensors: Mapping[str, Tensor], name: str) -> object:
    try:
        return _decode(tree, tensors, name)
    except StoreError:
        raise
    except (PellucidError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"{name} holds something that is no value of this version of pellucid; not read "
            f"({type(error).__name__}: {error})."
        ) from error


def _decode(tree: object, tensors: Mapping[str, Tensor], path: str) -> object:
    if not isinstance(tree, dict):
        return tree
    node = cast("dict[str, object]", tree)
    if "type" in node:
        kind = _value_type(str(node["type"]), path)
        fields = cast("dict[str, object]", node["fields"])
        return kind(**{name: _decode(part, tensors, path) for name, part in fields.items()})
    ((kind_name, content),) = node.items()
    if kind_name == "tensor":
        return tensors[str(content)]
    if kind_name == "float":
        return float(str(content))
    if kind_name == "fingerprint":
        return Fingerprint.known(str(content))
    items = cast("list[object]", content)
    if kind_name == "mapping":
        pairs = cast("list[list[object]]", items)
        return {cast("str", _decode(k, tensors, path)): _decode(v, tensors, path) for k, v in pairs}
    decoded = [_decode(part, tensors, path) for part in items]
    return {"tuple": tuple, "list": list}[kind_name](decoded)


def _value_type(name: str, path: str) -> type:
    """The dataclass of that name, looked up only inside this package."""
    module, _, qualified = name.partition(":")
    found: object = None
    if module.startswith(PACKAGE) and qualified.isidentifier():
        try:
            found = getattr(importlib.import_module(module), qualified, None)
        except ImportError:
            found = None
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module):
        raise StoreError(
            f"{path} names {name!r}, which is not a value of this version of pellucid; not read."
        )
    return found


__all__ = ["load", "packed", "save", "unpacked", "write_bytes"]
