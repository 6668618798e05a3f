"""How many inputs may climb at once without filling the memory."""

from __future__ import annotations

import os
from contextlib import suppress

import torch
from torch import Tensor, nn

from pellucid._core import probe, untouched
from pellucid._core._guard import hold_parameters

SHARE = 4  # of the free memory, one part of so many


def portion_size(model: nn.Module, site: str, like: Tensor, most: int) -> int:
    """At most ``most`` inputs such as ``like [1, *shape]``, fewer where their graphs need much memory."""
    free = _free(like.device)
    if free is None or most == 1:
        return most
    each = bytes_kept(model, site, like)
    return max(1, min(most, free // SHARE // max(each, 1)))


def bytes_kept(model: nn.Module, site: str, like: Tensor) -> int:
    """What a pass of one input up to a layer keeps for its way back."""
    sizes: dict[int, int] = {}
    # weights are there once, however many inputs climb
    own = {_place(part) for part in (*model.parameters(), *model.buffers())}

    def keep(tensor: Tensor) -> Tensor:
        # a sparse tensor has no storage of its own, and what a network keeps sparse is a weight
        if tensor.layout is torch.strided and tensor.untyped_storage().data_ptr() not in own:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        # a graph that holds its own result would never be freed
        return tensor.detach()

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with untouched(model), torch.inference_mode(mode=False), torch.enable_grad(), hooks:
        hold_parameters(model)
        with probe(model, read=[site], stop=site):
            model(like.detach().clone().requires_grad_().clone())
    return sum(sizes.values())


def _place(tensor: Tensor) -> int | None:
    """Where a tensor's numbers lie; ``None`` of sparse ones."""
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else None


def _free(device: torch.device) -> int | None:
    """Bytes, where they can be known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    with suppress(AttributeError, ValueError, OSError):
        return int(os.sysconf("SC_AVPHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    return None


__all__ = ["portion_size"]
