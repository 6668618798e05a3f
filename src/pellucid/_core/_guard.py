"""A user's network is handed back exactly as it came."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def untouched(model: nn.Module, *, seed: int = 0) -> Generator[None]:
    """Evaluation mode inside; afterwards every flag and random state is as before, also when it raises.

    Restored are the training flag of every module, ``requires_grad`` of every parameter, buffers that the
    network wrote into, and the random states of the processor and of every accelerator that was in use.
    Inside, the seed is fixed, so that a network which draws random numbers even in evaluation mode answers
    alike each time.
    """
    modes = [(module, module.training) for module in model.modules()]
    wants = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    buffers = [(buffer, _version(buffer), buffer.detach().clone()) for buffer in model.buffers()]
    state = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        # set by hand: a network may override train() with work of its own
        for module, _ in modes:
            module.training = False
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, want in wants:
            if parameter.requires_grad != want:
                parameter.requires_grad_(want)
        with torch.no_grad():
            for buffer, version, kept in buffers:
                if _version(buffer) != version or version < 0:
                    buffer.copy_(kept)
        torch.set_rng_state(state)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version
