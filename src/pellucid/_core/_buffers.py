"""What a network keeps in its buffers, put back where a pass wrote into them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter, is_

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase  # pyright: ignore[reportPrivateUsage]

version: Callable[[Tensor], int] = attrgetter("_version")


class Buffers:
    """The buffers of some modules and what is in them.

    Args:
        modules: those that hold buffers; each is named once.
    """

    __slots__ = ("_alike", "_homes")

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._homes: list[tuple[dict[str, Tensor | None], dict[str, Tensor | None]]] = []
        groups: dict[object, _Alike] = {}
        for module in modules:
            home = module._buffers
            norm = isinstance(module, _NormBase)
            self._homes.append((home, dict(home)))
            for buffer in home.values():
                if buffer is None:
                    continue
                # the many small ones of norms go together, the others one by one
                key: object = id(buffer)
                if norm and buffer.ndim < 2:
                    key = buffer.ndim < 1 if buffer.is_cpu else (buffer.device, buffer.ndim)
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
        for home, before in self._homes:
            if not all(map(is_, home.values(), before.values())) or len(home) != len(before):
                home.update({name: buffer for name, buffer in before.items() if buffer is not None})
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
        content = self.content
        if content is None or self._same(content):
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

    def _same(self, content: Tensor) -> bool:
        if not self.counted:
            return torch.equal(self._together(), content)
        now = self._now()
        return bool(now) and now == self.versions

    def _now(self) -> list[int]:
        """How often each was written into; nothing where nobody counts."""
        if self.tensors[0].is_inference():
            return []
        return list(map(version, self.tensors))

    def _together(self) -> Tensor:
        with torch.no_grad():
            if len(self.tensors) == 1:
                return self.tensors[0].clone()
            # what norms hold is a number, or a number for each channel
            return torch.cat(self.tensors) if self.tensors[0].ndim else torch.stack(self.tensors)
