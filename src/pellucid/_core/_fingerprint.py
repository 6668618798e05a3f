"""Which network and which inputs an answer belongs to."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from pellucid._core._guard import state_of

CHANGED = "unknown: it changed before the hash was taken"


def sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hex digest over names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()


class Fingerprint:
    """A hash taken when it is first asked for, because hashing can cost more than the explanation.

    It notices when a tensor was changed meanwhile, or dropped where it holds them weakly; then it says so
    instead of giving the hash of something else.

    Args:
        tensors: what is hashed, by name.
        keep: whether the tensors stay alive until the hash is taken.
    """

    __slots__ = ("_digest", "_tensors")

    def __init__(self, tensors: Mapping[str, Tensor], *, keep: bool = False) -> None:
        self._digest: str | None = None
        self._tensors: dict[str, tuple[Callable[[], Tensor | None], int]] = {}
        if any(t.is_inference() for t in tensors.values()):
            # inference tensors do not count their changes
            self._digest = sha256(tensors)
            return
        for name, tensor in tensors.items():
            self._tensors[name] = (partial(_same, tensor) if keep else weakref.ref(tensor), tensor._version)

    @classmethod
    def of_model(cls, model: nn.Module) -> Fingerprint:
        """All parameters and buffers."""
        return cls(state_of(list(model.named_modules())))

    @classmethod
    def known(cls, digest: str) -> Fingerprint:
        """A hash that was taken earlier."""
        made = cls({})
        made._digest = digest
        return made

    def __str__(self) -> str:
        if self._digest is None:
            held = {name: (ref(), version) for name, (ref, version) in self._tensors.items()}
            alive = {
                name: t for name, (t, version) in held.items() if t is not None and t._version == version
            }
            self._digest = sha256(alive) if len(alive) == len(self._tensors) else CHANGED
            self._tensors = {}
        return self._digest

    def __eq__(self, other: object) -> bool:
        return self is other or (str(self) == str(other) and str(self) != CHANGED)

    def __reduce__(self) -> tuple[Callable[[str], Fingerprint], tuple[str]]:
        return Fingerprint.known, (str(self),)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"Fingerprint({str(self)[:12]})"


def _same(tensor: Tensor) -> Tensor:
    return tensor


def short(digest: object, letters: int = 12) -> str:
    """The first letters of a digest, as people compare them."""
    return str(digest)[:letters]


def model_hash(model: nn.Module) -> str:
    """Hash of all parameters and buffers, taken now."""
    return sha256(state_of(list(model.named_modules())))


def inputs_hash(parts: Iterable[Tensor]) -> str:
    """Hash of inputs in their order."""
    return sha256({str(i): part for i, part in enumerate(parts)})
