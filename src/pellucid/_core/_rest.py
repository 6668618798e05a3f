"""The rest of a network, where many passes differ only behind one of its parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid._core._composed import chained
from pellucid._core._compute import Compute
from pellucid._core._feed import Inputs, feed
from pellucid._core._outputs import activations
from pellucid._core._site import ROOT, Site, named
from pellucid._core._spec import InputSpec


def rest(
    model: nn.Module, inputs: Inputs, site: str, *, spec: InputSpec | None = None, compute: Compute
) -> tuple[nn.Module, Inputs, InputSpec | None]:
    """The parts of a chain from the one that holds a site on, what goes into them, and what that means.

    Their names are those in the whole network, and they are the same modules. Network, inputs and spec come
    back as they are where the way to the site is no chain of parts, each fed with what the one before gives.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> behind, given, _ = rest(net, torch.ones(4, 2), "1", compute=Compute())
        >>> list(dict(behind.named_children())), given.shape
        (['1', '2'], torch.Size([4, 3]))
    """
    address = Site.parse(site)
    path = _way(model, address)
    if not path or not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        return model, inputs, spec
    fed = feed(model, inputs, spec=spec, compute=compute)
    if not fed.single or fed.names or fed.held or fed.shared:
        return model, inputs, spec
    begin = f"{'.'.join(path)}:in"
    quiet = Compute(compute.batch_size, compute.seed, compute.device)
    passed = activations(model, inputs, [begin], stop=begin, spec=spec, compute=quiet, finite=False)
    given = torch.cat([seen[begin] for _, seen in passed])
    # numbers that are none are told of the whole network
    if len(given) != len(inputs) or not given.is_floating_point() or not bool(given.isfinite().all()):
        return model, inputs, spec
    return _from(model, path), given, None


def _way(model: nn.Module, address: Site) -> Sequence[str]:
    """Names down to the last part of a chain on the way to a site; none where nothing lies before it."""
    own, module = named(model, address.module), model
    names: list[str] = []
    before: list[nn.Module] = []
    for name in [] if address.module == ROOT else address.module.split("."):
        if not _chained(module):
            break
        for other, part in module.named_children():
            if other == name:
                break
            before.append(part)
        names.append(name)
        module = module.get_submodule(name)
    # what is called before too is another call there
    shared = any(own is part for each in before for part in each.modules())
    return () if not before or shared or address.call is not None else names


def _chained(module: nn.Module) -> bool:
    """Whether a module does nothing but call its parts one after the other."""
    return (
        chained(type(module))
        and "forward" not in vars(module)
        and not module._forward_hooks
        and not module._forward_pre_hooks
    )


def _from(chain: nn.Module, path: Sequence[str]) -> nn.Module:
    """A chain from the named part on."""
    if not path:
        return chain
    parts = list(chain._modules.items())
    start = list(chain._modules).index(path[0])
    kept = OrderedDict((name, part) for name, part in parts[start:] if part is not None)
    kept[path[0]] = _from(kept[path[0]], path[1:])
    return nn.Sequential(kept)
