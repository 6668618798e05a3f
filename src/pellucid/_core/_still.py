"""Whether a pass can change anything of a network, or is heard by anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MethodType, SimpleNamespace
from typing import Any, cast

from torch import Tensor, nn

from pellucid._core._beside import unheard, watched
from pellucid._core._composed import Taken, called_plainly, chained, composed, taken_by
from pellucid._core._layout import KNOWN

# what torch's own layers did when this was imported: somebody may exchange it
FORWARDS: dict[type[nn.Module], object] = {kind: kind.forward for kind in KNOWN}
PLAIN = frozenset({Tensor, nn.Parameter})


def still(modules: Sequence[nn.Module], tensors: Sequence[Tensor]) -> bool:
    """Whether networks of these modules and tensors pass in evaluation mode without changing themselves.

    They draw no random numbers then, write into no buffer, set no flag and take one way for all inputs:
    torch's own layers, and forwards that only call their parts and add up what they give.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        >>> still(list(net.modules()), list(net.parameters()))
        True
        >>> still([nn.RReLU()], [])
        False
    """
    return (
        not watched()
        and PLAIN.issuperset(map(type, tensors))
        and unheard(map(vars, modules))
        and composed(modules, KNOWN)  # scripted and compiled modules are not
        and all(map(_as_torch_has_it, set(map(type, modules))))
    )


def apart(modules: Iterable[nn.Module]) -> bool:
    """Whether no module of a network that is :func:`still` mixes rows: each passes as if it were alone.

    Example:
        >>> apart([nn.Softmax(1)]), apart([nn.Softmax(0)])
        (True, False)
    """
    return not any(map(_mixes, modules))


def _mixes(module: nn.Module) -> bool:
    if isinstance(module, nn.Softmax | nn.LogSoftmax):
        return module.dim is None or module.dim < -1 or module.dim == 0
    if isinstance(module, nn.Flatten):
        return module.start_dim < 1
    # without statistics of its own it takes those of the rows
    return isinstance(module, nn.BatchNorm2d) and module.running_mean is None


def _as_torch_has_it(kind: type[nn.Module]) -> bool:
    """Whether nobody has exchanged how torch calls modules of a kind."""
    return kind.forward is FORWARDS.get(kind, kind.forward) and called_plainly(kind)


def by_hand(
    model: nn.Module,
    modules: Iterable[nn.Module],
    layer: nn.Module | None = None,
    cut: Callable[[object], Tensor] | None = None,
) -> Callable[..., Any]:
    """What calls a network that is still as it would be called, but nobody asks each part who listens to it.

    Nobody does, and on a small network that takes longer than all else beside its pass. What ``layer`` gives
    goes on as ``cut`` gives it.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 2), nn.ReLU()))
        >>> x = torch.rand(3, 2, 2)
        >>> bool((by_hand(net, net.modules())(x) == net(x)).all())
        True
    """
    return _ByHand(_own(modules), layer, cut).call_of(model)


@dataclass(frozen=True, slots=True)
class _ByHand:
    """What stands for the modules of one network."""

    own: Mapping[type[nn.Module], Taken | None]
    layer: nn.Module | None
    cut: Callable[[object], Tensor] | None

    def call_of(self, module: nn.Module) -> Callable[..., Any]:
        kind, cut = type(module), self.cut
        if kind is nn.Sequential or (kind in self.own and chained(kind)):
            call = _in_turn(list(map(self.call_of, cast("nn.Sequential", module))))
        elif kind in self.own:
            call = self._with_parts(module)
        else:
            call = module.forward
        return call if cut is None or module is not self.layer else lambda *given: cut(call(*given))

    def _with_parts(self, module: nn.Module) -> Callable[..., Any]:
        """A forward that takes nothing of its module but the parts that it calls: it is given these alone."""
        held, parts, taken = vars(module), module._modules, self.own[type(module)]
        assert taken is not None
        given = SimpleNamespace()
        for name in taken.names:
            part = None if name in held else parts[name]
            setattr(given, name, None if part is None else self.call_of(part))
        return MethodType(type(module).forward, given)


def _in_turn(parts: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        for part in parts:
            x = part(x)
        return x

    return call


def _own(modules: Iterable[nn.Module]) -> dict[type[nn.Module], Taken | None]:
    """What forwards that are not torch's own take of their modules."""
    return {kind: taken_by(kind) for kind in set(map(type, modules)) - KNOWN}


def may_write(modules: Sequence[nn.Module]) -> bool:
    """Whether a network that is still may write into what it is given: a layer that is told to, or a forward.

    Example:
        >>> may_write([nn.ReLU()]), may_write([nn.ReLU(inplace=True)])
        (False, True)
    """
    told = any(map(dict.get, map(vars, modules), repeat("inplace")))
    return told or any(taken is None or taken.written for taken in _own(modules).values())
