"""Which network and which inputs an answer belongs to."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from pellucid._core._buffers import version
from pellucid._core._guard import Guard, joined, state_of

CHANGED = "unknown: it changed before the hash was taken"


def sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hex digest over names, types, shapes and bytes, in the order of the names.

    A tensor with several names is hashed once, under the first.
    """
    digest = hashlib.sha256()
    first = {id(tensor): name for name, tensor in list(tensors.items())[::-1]}
    for name in sorted(first.values()):
        tensor = tensors[name].detach().cpu()
        tensor = (tensor if tensor.layout is torch.strided else tensor.to_dense()).contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()


class Fingerprint:
    """A hash taken when it is first asked for, because hashing can cost more than the explanation.

    It notices when a tensor was changed meanwhile, or dropped where it holds them weakly; then it says so
    instead of giving the hash of something else.

    Args:
        tensors: what is hashed, by name, or all parameters and buffers of a network.
        keep: whether the tensors stay alive until the hash is taken.
    """

    __slots__ = ("_digest", "_kept", "_names", "_refs", "_versions")

    def __init__(self, tensors: Mapping[str, Tensor] | Guard, *, keep: bool = False) -> None:
        if isinstance(tensors, Guard):
            self._names, each = tensors.names, tensors.tensors
        else:
            self._names, each = [("", name) for name in tensors], list(tensors.values())
        self._digest: str | None = None
        self._kept: Sequence[Tensor] = each if keep else ()
        self._refs: list[weakref.ref[Tensor]] = []
        try:
            self._versions = list(map(version, each))
        except RuntimeError:
            # inference tensors do not count their changes
            self._digest = sha256(joined(self._names, each))
            self._kept = ()
            return
        if not keep:
            self._refs = list(map(weakref.ref, each))

    @classmethod
    def of_model(cls, model: nn.Module) -> Fingerprint:
        """All parameters and buffers."""
        return cls(Guard(model))

    @classmethod
    def known(cls, digest: str) -> Fingerprint:
        """A hash that was taken earlier."""
        made = cls({})
        made._digest = digest
        return made

    def __str__(self) -> str:
        if self._digest is None:
            each = [*self._kept, *[ref() for ref in self._refs]]
            alive = [t for t in each if t is not None]
            same = len(alive) == len(each) and list(map(version, alive)) == self._versions
            self._digest = sha256(joined(self._names, alive)) if same else CHANGED
            self._kept, self._refs = (), []
        return self._digest

    def __eq__(self, other: object) -> bool:
        return self is other or (str(self) == str(other) and str(self) != CHANGED)

    def __reduce__(self) -> tuple[Callable[[str], Fingerprint], tuple[str]]:
        return Fingerprint.known, (str(self),)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"Fingerprint({str(self)[:12]})"


def short(digest: object, letters: int = 12) -> str:
    """The first letters of a digest, as people compare them; the word where there is none."""
    return str(digest).partition(":")[0][:letters]


def model_hash(model: nn.Module) -> str:
    """Hash of all parameters and buffers, taken now."""
    return sha256(state_of(model))


def inputs_hash(parts: Iterable[Tensor]) -> str:
    """Hash of inputs in their order."""
    return sha256({str(i): part for i, part in enumerate(parts)})
