"""A network of probabilities as a network of log-odds, and how to know one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid._core import the_output
from pellucid.errors import InputError, near_misses

Ending = Literal["sigmoid", "softmax"]
# as PyTorch calls them
_CALLED: Mapping[str, Ending] = MappingProxyType(
    {"sigmoid": "sigmoid", "sigmoid_": "sigmoid", "_softmax": "softmax"}
)


class LogOdds(nn.Module):
    """A network that ends in a sigmoid or softmax, read as what went into that step.

    ``log(p / (1 - p))`` behind a sigmoid, ``log(p)`` behind a softmax, which is its input up to a number that
    all classes share. Probabilities so near 0 or 1 that they are rounded there are taken as the nearest other
    number, where slopes are 0. The network's own layers are addressed below ``network``.

    Args:
        network: returns probabilities ``[N]`` or ``[N, K]``.
        ends_in: the step it ends in.

    Raises:
        InputError: for another step.

    Example:
        >>> x = torch.tensor([[-2.0], [0.5]])
        >>> LogOdds(nn.Sigmoid(), "sigmoid")(x)
        tensor([[-2.0000],
                [ 0.5000]])
    """

    def __init__(self, network: nn.Module, ends_in: Ending) -> None:
        super().__init__()
        if ends_in not in get_args(Ending):
            raise InputError(
                f"ends_in is 'sigmoid' or 'softmax'. {near_misses(str(ends_in), get_args(Ending))}"
            )
        self.training = network.training
        self.network, self.ends_in = network, ends_in

    def forward(self, *inputs: object) -> Tensor:
        """Whatever the network takes, by position."""
        p = the_output(self.network(*inputs), None)
        kind = torch.finfo(p.dtype)
        if self.ends_in == "softmax":
            return p.clamp(min=kind.tiny).log()
        p = p.clamp(kind.eps, 1 - kind.eps)
        return p.log() - (-p).log1p()


def ending(run: Callable[[], Tensor]) -> tuple[Tensor, Ending | None]:
    """What a network gives, and whether a sigmoid or softmax was the last step to it."""
    seen = _Endings()
    with seen:
        outputs = run()
    last: list[Ending] = [what for what, p in seen.found if _same(p, outputs)]
    return outputs, last[-1] if last else None


def _same(p: Tensor, outputs: Tensor) -> bool:
    return p.numel() == outputs.numel() and torch.equal(p.flatten().to(outputs), outputs.flatten())


class _Endings(TorchDispatchMode):
    """Hears of sigmoids and softmaxes at PyTorch's own level, so in exported and scripted networks too."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Ending, Tensor]] = []

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        out = func(*args, **(kwargs or {}))
        what = _CALLED.get(func.overloadpacket.__name__)
        if what is not None and isinstance(out, Tensor):
            self.found.append((what, out.detach()))
        return out
