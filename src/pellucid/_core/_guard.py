"""A user's network is handed back exactly as it came."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from operator import attrgetter

import torch
from torch import Tensor, nn

from pellucid._core._buffers import Buffers
from pellucid._core._interrupt import Held
from pellucid.errors import MethodError

# a network may have hundreds of parts, and most of a small pass goes into looking at them: loops in C
training: Callable[[nn.Module], bool] = attrgetter("training")
wants: Callable[[Tensor], bool] = attrgetter("requires_grad")


class Guard:
    """One look at a network, and as many passes as wanted that leave no trace on it.

    Args:
        model: any network, whose modules stay the same ones meanwhile.
    """

    __slots__ = ("_buffers", "_holders", "held", "modules", "names", "parameters", "tensors")

    def __init__(self, model: nn.Module) -> None:
        self.modules: list[nn.Module] = []  # every one once
        self.parameters: list[Tensor] = []
        self.tensors: list[Tensor] = []  # parameters and buffers; shared ones by all of their names
        self.names: list[tuple[str, str]] = []  # what each is called, in two parts
        self.held: list[Tensor] = []  # parameters that carry no graph for now
        self._holders: list[nn.Module] = self._walk(model)
        self._buffers: Buffers | None = None

    def _walk(self, model: nn.Module) -> list[nn.Module]:
        """Look at every module, and give those that hold buffers."""
        modules, parameters, tensors, names = self.modules, self.parameters, self.tensors, self.names
        met: set[nn.Module] = set()
        holders: list[nn.Module] = []
        # by hand: generators inside generators, as named_modules() has them, cost twice as much
        waiting: list[tuple[str, nn.Module | None]] = [("", model)]
        while waiting:
            start, module = waiting.pop()
            if module is None or module in met:
                continue
            met.add(module)
            modules.append(module)
            if module._parameters:
                for name, tensor in module._parameters.items():
                    if tensor is not None:
                        parameters.append(tensor)
                        tensors.append(tensor)
                        names.append((start, name))
            if module._buffers:
                holders.append(module)
                for name, tensor in module._buffers.items():
                    if tensor is not None:
                        tensors.append(tensor)
                        names.append((start, name))
            if module._modules:
                below = [(f"{start}{name}.", child) for name, child in module._modules.items()]
                waiting.extend(below[::-1])
        return holders

    @property
    def state(self) -> dict[str, Tensor]:
        """Every parameter and buffer by name."""
        return joined(self.names, self.tensors)

    @property
    def inferred(self) -> bool:
        """Whether anything was made under ``torch.inference_mode()``."""
        return any(tensor.is_inference() for tensor in self.tensors)

    @property
    def buffers(self) -> Buffers:
        """What the network keeps in its buffers."""
        if self._buffers is None:
            self._buffers = Buffers(self._holders)
        return self._buffers

    def hold(self) -> None:
        """Parameters carry no graph until the end of :meth:`pass_by`, inside which this is called."""
        for parameter in self.parameters:
            # a scripted part may hold copies that are no leaves
            if parameter.requires_grad and parameter.is_leaf:
                self.held.append(parameter)
                parameter.requires_grad_(False)

    def pass_by(self, *, seed: int = 0, still: bool = False) -> AbstractContextManager[None]:
        """As :func:`untouched`; what a network that is :func:`still` cannot change is not looked at."""
        return _Still(self) if still else _Visit(self, seed)


class _Still:
    """One pass through a network that changes nothing of itself, with what changes it from outside."""

    __slots__ = ("_guard", "_held", "_inferring", "_interrupts", "_modes")

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._interrupts = Held()

    def __enter__(self) -> None:
        self._interrupts.__enter__()
        try:
            self._begin()
        except BaseException:
            self._interrupts.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        try:
            self._end()
        finally:
            self._interrupts.__exit__()

    def _begin(self) -> None:
        self._held = len(self._guard.held)
        self._modes = list(map(training, self._guard.modules))
        if any(self._modes):
            _set_modes(self._guard.modules, [False] * len(self._modes))
        self._inferring = torch.inference_mode(mode=False) if torch.is_inference_mode_enabled() else None
        if self._inferring is not None:
            self._inferring.__enter__()

    def _end(self) -> None:
        guard = self._guard
        if self._inferring is not None:
            self._inferring.__exit__(None, None, None)
        if any(self._modes):
            _set_modes(guard.modules, self._modes)
        for parameter in guard.held[self._held :]:
            parameter.requires_grad_()
        del guard.held[self._held :]


class _Visit(_Still):
    """One pass through any network; a class, because the way into and out of a generator costs more."""

    __slots__ = ("_cuda", "_random", "_seed", "_wants")

    def __init__(self, guard: Guard, seed: int) -> None:
        super().__init__(guard)
        self._seed = seed

    def _begin(self) -> None:
        self._wants = list(map(wants, self._guard.parameters))
        self._guard.buffers.keep()
        self._random = torch.default_generator.get_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        torch.default_generator.manual_seed(self._seed)
        if self._cuda:
            torch.cuda.manual_seed_all(self._seed)
        super()._begin()

    def _end(self) -> None:
        super()._end()
        guard = self._guard
        if self._modes != list(map(training, guard.modules)):
            _set_modes(guard.modules, self._modes)
        if self._wants != list(map(wants, guard.parameters)):
            for parameter, want in zip(guard.parameters, self._wants, strict=True):
                if parameter.requires_grad != want:
                    parameter.requires_grad_(want)
        guard.buffers.restore()
        torch.default_generator.set_state(self._random)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)


def _set_modes(modules: list[nn.Module], modes: list[bool]) -> None:
    # set by hand: a network may override train() with work of its own
    for module, mode in zip(modules, modes, strict=True):
        if module.training != mode:
            # past Module.__setattr__, which looks for parameters first
            module.__dict__["training"] = mode


def untouched(model: nn.Module, *, seed: int = 0) -> AbstractContextManager[None]:
    """Evaluation mode inside; afterwards every flag and random state is as before, also when it raises.

    Restored are the training flag of every module, ``requires_grad`` of every parameter, buffers that the
    network wrote into, and the random states of the processor and of every accelerator that was in use.
    Inside, the seed is fixed, so that a network which draws random numbers even in evaluation mode answers
    alike each time, and the caller's inference mode is off, because a network could keep its tensors. Ctrl-C
    comes at the end; a second one at once.
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


def joined(names: Iterable[tuple[str, str]], tensors: Iterable[Tensor]) -> dict[str, Tensor]:
    """Tensors by name. Names come in two parts, because they are seldom asked for."""
    return {start + name: tensor for (start, name), tensor in zip(names, tensors, strict=True)}


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer by name; shared ones by all of their names."""
    return Guard(model).state
