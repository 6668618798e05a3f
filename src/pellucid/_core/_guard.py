"""A user's network is handed back exactly as it came."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from pellucid.errors import MethodError


class Guard:
    """One look at a network, and as many passes as wanted that leave no trace on it.

    Args:
        model: any network, whose modules stay the same ones meanwhile.
    """

    __slots__ = ("_buffers", "_kept", "_modules", "_parameters", "inferred", "state")

    def __init__(self, model: nn.Module) -> None:
        named = list(model.named_modules())
        self.state: dict[str, Tensor] = state_of(named)
        self.inferred: bool = any(tensor.is_inference() for tensor in self.state.values())
        self._modules = [module for _, module in named]
        self._parameters = [p for m in self._modules for p in m._parameters.values() if p is not None]
        self._buffers = [(m, n, b) for m in self._modules for n, b in m._buffers.items() if b is not None]
        self._kept: list[tuple[int, Tensor]] = []

    @contextmanager
    def pass_by(self, *, seed: int = 0) -> Generator[None]:
        """As :func:`untouched`."""
        modes = [module.training for module in self._modules]
        wants = [parameter.requires_grad for parameter in self._parameters]
        self._keep_buffers()
        state = torch.get_rng_state()
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        try:
            self._set_modes([False] * len(modes))
            torch.default_generator.manual_seed(seed)
            if cuda:
                torch.cuda.manual_seed_all(seed)
            if torch.is_inference_mode_enabled():
                with torch.inference_mode(mode=False):
                    yield
            else:
                yield
        finally:
            self._set_modes(modes)
            for parameter, want in zip(self._parameters, wants, strict=True):
                if parameter.requires_grad != want:
                    parameter.requires_grad_(want)
            self._restore_buffers()
            torch.set_rng_state(state)
            if cuda:
                torch.cuda.set_rng_state_all(cuda)

    def _set_modes(self, modes: list[bool]) -> None:
        # set by hand: a network may override train() with work of its own
        for module, mode in zip(self._modules, modes, strict=True):
            if module.training != mode:
                # past Module.__setattr__, which looks for parameters first
                module.__dict__["training"] = mode

    def _keep_buffers(self) -> None:
        """Copies of the buffers, made once and again only where somebody wrote meanwhile."""
        if not self._kept:
            self._kept = [(_version(buffer), buffer.detach().clone()) for _, _, buffer in self._buffers]
        for i, (_, _, buffer) in enumerate(self._buffers):
            if self._kept[i][0] != _version(buffer):
                self._kept[i] = (_version(buffer), buffer.detach().clone())

    def _restore_buffers(self) -> None:
        for i, (module, name, buffer) in enumerate(self._buffers):
            version, kept = self._kept[i]
            if module._buffers.get(name) is not buffer:
                module._buffers[name] = buffer
            # norms write their statistics without counting it as a change
            uncounted = version < 0 or isinstance(module, nn.modules.batchnorm._NormBase)
            if _version(buffer) != version or (uncounted and not torch.equal(buffer, kept)):
                with torch.inference_mode() if buffer.is_inference() else torch.no_grad():
                    buffer.copy_(kept)
                self._kept[i] = (_version(buffer), kept)


def untouched(model: nn.Module, *, seed: int = 0) -> AbstractContextManager[None]:
    """Evaluation mode inside; afterwards every flag and random state is as before, also when it raises.

    Restored are the training flag of every module, ``requires_grad`` of every parameter, buffers that the
    network wrote into, and the random states of the processor and of every accelerator that was in use.
    Inside, the seed is fixed, so that a network which draws random numbers even in evaluation mode answers
    alike each time, and the caller's inference mode is off, because a network could keep its tensors.
    """
    return Guard(model).pass_by(seed=seed)


def hold_parameters(model: nn.Module) -> None:
    """Only what depends on the inputs carries a graph; inside :func:`untouched`, which puts the flags back.

    Raises:
        MethodError: where the network was made in inference mode.
    """
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise MethodError(inference_made(model))
    for parameter in model.parameters():
        # a scripted part may hold copies that are no leaves
        if parameter.is_leaf:
            parameter.requires_grad_(False)


def inference_made(model: nn.Module) -> str:
    """Why a network made in inference mode cannot be differentiated."""
    return (
        f"{type(model).__name__} was made under torch.inference_mode(), and what is made there "
        "cannot be differentiated. Make it outside."
    )


def eagerly() -> AbstractContextManager[object]:
    """Compiled parts run operation by operation inside, so that hooks and modes see what they do."""
    # who has compiled nothing does not wait for torch's compiler to be imported
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


def state_of(named: list[tuple[str, nn.Module]]) -> dict[str, Tensor]:
    """Every parameter and buffer once, by its first name."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for prefix, module in named:
        for stored in (module._parameters, module._buffers):
            for name, tensor in stored.items():
                if tensor is not None and id(tensor) not in seen:
                    seen.add(id(tensor))
                    found[f"{prefix}.{name}" if prefix else name] = tensor
    return found


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version
