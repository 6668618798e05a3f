"""What a network keeps in its buffers, put back where a pass wrote into them."""

from __future__ import annotations

from collections.abc import Iterable
from operator import is_

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase  # pyright: ignore[reportPrivateUsage]


class Buffers:
    """The buffers of some modules and what is in them.

    Args:
        modules: whose buffers; each module is named once.
    """

    __slots__ = ("_alike", "_buffers", "_homes", "_names")

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._homes: list[dict[str, Tensor | None]] = []
        self._names: list[str] = []
        self._buffers: list[Tensor] = []
        groups: dict[object, _Alike] = {}
        for module in modules:
            home = module._buffers
            if not home:
                continue
            norm = isinstance(module, _NormBase)
            for name, buffer in home.items():
                if buffer is None:
                    continue
                self._homes.append(home)
                self._names.append(name)
                self._buffers.append(buffer)
                # the many small ones of norms go together, the others one by one
                key = (buffer.device, buffer.ndim) if norm and buffer.ndim < 2 else id(buffer)
                if key not in groups:
                    groups[key] = _Alike(counted=not norm or not buffer.ndim)
                groups[key].tensors.append(buffer)
        self._alike = list(groups.values())

    def keep(self) -> None:
        """Remember what is in them now; copied once, and again only where somebody wrote meanwhile."""
        for some in self._alike:
            some.keep()

    def restore(self) -> None:
        """Put back what :meth:`keep` found."""
        now = [home.get(name) for home, name in zip(self._homes, self._names, strict=True)]
        if not all(map(is_, now, self._buffers)):
            for home, name, buffer in zip(self._homes, self._names, self._buffers, strict=True):
                home[name] = buffer
        for some in self._alike:
            some.restore()


class _Alike:
    """Buffers of one kind, with what was in them in one piece.

    Args:
        counted: whether what is written into them is counted; norms write their statistics without that.
    """

    __slots__ = ("content", "counted", "tensors", "versions")

    def __init__(self, *, counted: bool) -> None:
        self.counted = counted
        self.tensors: list[Tensor] = []
        self.content: Tensor | None = None
        self.versions: list[int] = []

    def keep(self) -> None:
        now = self._now()
        if self.content is None or now != self.versions:
            self.content, self.versions = self._together(), now

    def restore(self) -> None:
        content, now = self.content, self._now()
        if content is None or (
            now and now == self.versions and (self.counted or torch.equal(self._together(), content))
        ):
            return
        parts = (
            [content]
            if len(self.tensors) == 1
            else content.split([tensor.numel() for tensor in self.tensors])
        )
        for tensor, part in zip(self.tensors, parts, strict=True):
            before = part.view(tensor.shape) if len(parts) > 1 else part
            if not torch.equal(tensor, before.to(tensor.dtype)):
                with torch.inference_mode() if tensor.is_inference() else torch.no_grad():
                    tensor.copy_(before)
        self.versions = self._now()

    def _now(self) -> list[int]:
        """How often each was written into; nothing where nobody counts."""
        if self.tensors[0].is_inference():
            return []
        return [tensor._version for tensor in self.tensors]

    def _together(self) -> Tensor:
        with torch.no_grad():
            if len(self.tensors) == 1:
                return self.tensors[0].clone()
            # what norms hold is a number, or a number for each channel
            return torch.cat(self.tensors) if self.tensors[0].ndim else torch.stack(self.tensors)
