"""Whether a pass can change anything of a network, or is heard by anybody."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

from torch import Tensor, nn

from pellucid._core._beside import unheard, watched
from pellucid._core._composed import composed
from pellucid._core._layout import KNOWN

# what torch's own layers did when this was imported: somebody may exchange it
FORWARDS = {kind: kind.forward for kind in KNOWN}
CALL = nn.Module.__call__, nn.Module._call_impl  # the same
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
        and all(kind.forward is FORWARDS.get(kind, kind.forward) for kind in set(map(type, modules)))
    )


def passed(module: nn.Module, x: Tensor, heard: nn.Module | None = None) -> Tensor:
    """What a network that is still gives: chains by their parts' own forwards, because on a small network a
    twentieth of a pass goes into asking each part who listens to it. Nobody does, but to ``heard``.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 2), nn.ReLU()))
        >>> x = torch.rand(3, 2, 2)
        >>> bool((passed(net, x) == net(x)).all())
        True
    """
    kind = type(module)
    if module is heard or (kind.__call__, kind._call_impl) != CALL:
        return module(x)
    if kind is not nn.Sequential:
        return module.forward(x)
    for part in module:
        x = passed(part, x, heard)
    return x


def may_write(modules: Sequence[nn.Module]) -> bool:
    """Whether a network that is still may write into what it is given: where a layer is told to, or has a
    forward of its own.

    Example:
        >>> may_write([nn.ReLU()]), may_write([nn.ReLU(inplace=True)])
        (False, True)
    """
    return not KNOWN.issuperset(map(type, modules)) or any(
        map(dict.get, map(vars, modules), repeat("inplace"))
    )
