"""Watching a pass: every operation on what depends on the explained point goes through a rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid._core import Pass, eagerly
from pellucid._core._spoken import opened, plain, written
from pellucid.attribution._operations import _parts
from pellucid.attribution._operations._choices import Choices, tensors
from pellucid.attribution._operations._kept import Kept
from pellucid.attribution._operations._names import MAXIMA, QUESTIONS, STRUCTURE
from pellucid.errors import MethodError

Func = Callable[..., object]
HOOK = "BackwardHookFunction"
ASKED = ("__get__", "__len__")


@dataclass(frozen=True, slots=True)
class Form:
    """An operation with holes where tensors depend on the explained point; holds no part of the graph."""

    func: Func
    args: tuple[object, ...]
    kwargs: Mapping[str, object]

    def of(self, *new: Tensor) -> Tensor:
        """Do it with these tensors in the holes."""
        waiting = list(new)
        args, kwargs = cast(
            "tuple[list[object], dict[str, object]]", _filled((self.args, self.kwargs), waiting)
        )
        return cast("Tensor", self.func(*args, **kwargs))


class Call:
    """One operation under its plain name.

    Args:
        name, func, args, kwargs: the operation and what it is given.
        tensors: all tensors among what it is given, in order; ``active`` are those of them that depend on the
            explained point.
    """

    __slots__ = ("active", "args", "func", "kwargs", "name", "tensors")

    def __init__(self, name: str, func: Func, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        self.name, self.func, self.args, self.kwargs = name, func, args, kwargs
        self.tensors: tuple[Tensor, ...] = tuple(tensors((args, kwargs) if kwargs else args))
        self.active: tuple[Tensor, ...] = tuple([t for t in self.tensors if t.requires_grad])

    def plainly(self) -> object:
        """Do it."""
        return self.func(*self.args, **self.kwargs)

    def form(self) -> Form:
        """What is done, without the tensors that depend on the explained point."""
        args, kwargs = cast(
            "tuple[tuple[object, ...], dict[str, object]]", _emptied((self.args, self.kwargs))
        )
        return Form(self.func, args, kwargs)

    def given(self, place: int, name: str, default: object = None) -> object:
        """An argument by its place or its name."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name, default)


class Watch(TorchFunctionMode, ABC):
    """Sees functional calls, methods, operators, in-place writes and re-used modules alike.

    What is built of smaller operations (recurrent layers, attention, norms) is taken apart; an operation for
    which there is neither rule nor parts raises.

    Args:
        method: who watches, for error texts.
    """

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method
        self.kept = Kept()
        self._choices = Choices()

    @abstractmethod
    def rule(self, call: Call) -> object:
        """The operation with the method's own backward; ``NotImplemented`` where there is no rule."""

    def chooses(self, name: str, chosen: tuple[Tensor, ...]) -> None:
        """Hear that an operation is steered by tensors that were made of the point without a slope."""

    def __torch_function__(
        self,
        func: Func,
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Do one operation the method's way."""
        called, name, writes = named(func)
        if called in ASKED:
            # half of what a small network does; only a tensor may lead on
            told = func(*args, **(kwargs or {}))
            if not isinstance(told, Tensor):
                return told
        call = Call(called, func, args, kwargs or {})
        transforms(called, call.tensors, self.method)
        if writes and isinstance(args[0], Tensor):
            self.kept.before_writing(args[0])
        chosen = self._choices.among(call)
        if name in STRUCTURE or name in QUESTIONS or not call.active:
            return self._plainly(call, chosen)
        if chosen:
            self.chooses(name, chosen)
        if call.kwargs.get("out") is not None:
            raise MethodError(f"{self.method} cannot follow {name!r} into out=….")
        if not writes:
            result = self._done(call)
            if not torch.is_grad_enabled():
                self._choices.add(result)
            return result
        first = cast("Tensor", args[0])
        # the rule keeps what it saw; the write comes after
        result = self._done(Call(name, _unwritten(name, self.method), args, call.kwargs))
        self.kept.before_writing(first)
        return first.copy_(cast("Tensor", result))

    def _plainly(self, call: Call, chosen: tuple[Tensor, ...]) -> object:
        result = call.plainly()
        if call.active and chosen:
            self.chooses(call.name, chosen)
        if call.active or chosen:
            self._choices.add(result)
        return result

    def _done(self, call: Call) -> object:
        refuse_inner_slopes(call.func, self.method)
        if call.func is F.relu and len(call.args) == 1 and not call.kwargs.get("inplace"):
            call = Call(call.name, torch.relu, call.args, {})  # so that it is not seen twice
        parts = None if call.name in MAXIMA else _opened(call.func)
        if parts is None:
            result = self.rule(call)
            if result is not NotImplemented:
                return result
            parts = getattr(_parts, call.name) if call.name in _parts.__all__ else None
        if parts is None:
            raise MethodError(f"{self.method} has no rule for the operation {call.name!r}.")
        with self:
            return parts(*call.args, **call.kwargs)


@contextmanager
def frozen(work: Pass, method: str) -> Generator[None]:
    """Only what depends on the point carries a graph inside, and every operation can be seen."""
    work.feed.guard.hold()
    with visible(work.feed.model, work.feed.guard.modules, method):
        yield


@contextmanager
def visible(model: nn.Module, modules: Iterable[nn.Module], method: str) -> Generator[None]:
    """Compiled parts run operation by operation inside; a scripted part raises, for nobody sees into it."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in modules):
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                raise MethodError(
                    f"{method} cannot look into the scripted {f'module {name!r}' if name else 'network'}."
                )
    # what is computed again on the way back would not be seen there
    again = f"{method} cannot follow parts that torch.utils.checkpoint computes again"
    with eagerly(), torch.autograd.graph.disable_saved_tensors_hooks(again):
        yield


def unseen(output: Tensor, method: str) -> None:
    """Raise where a network's own autograd function, which no rule can look into, made the output."""
    nodes = [] if output.grad_fn is None else [output.grad_fn]
    known, kinds = set[object](nodes), dict[type, None]()
    for node in nodes:
        kinds[type(node)] = None
        for parent, _ in node.next_functions:
            if parent is not None and parent not in known:
                known.add(parent)
                nodes.append(parent)
    for kind in kinds:
        made = getattr(kind, "_forward_cls", None)
        # torch wraps what a module with a backward hook takes and gives; that changes nothing
        harmless = made is None or made.__module__.startswith("pellucid.") or made.__name__ == HOOK
        if made is not None and not harmless:
            raise MethodError(f"{method} has no rule for the operation {made.__name__!r}.")


def transforms(name: str, given: tuple[Tensor, ...], method: str) -> None:
    """Raise inside a transform of ``torch.func``, where tensors do not tell whether they have a slope."""
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor  # pyright: ignore[reportAttributeAccessIssue]
    for tensor in given:
        if not wrapped(tensor):
            continue
        raise MethodError(
            f"{method} cannot follow {name!r} inside a transform of torch.func (vmap, grad, jvp …)."
        )


def refuse_inner_slopes(func: Func, method: str) -> None:
    """Raise where a network takes slopes of its own on the way, which the method's rules would change."""
    if func is torch.autograd.grad:
        raise MethodError(f"{method} cannot follow a network that calls torch.autograd.grad itself.")


def transposed(f: Callable[..., Tensor], *at: Tensor) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """Vector-Jacobian product of ``f`` at a point."""
    found = cast("tuple[object, Callable[[Tensor], tuple[Tensor, ...]]]", torch.func.vjp(f, *at))
    return found[1]


@lru_cache
def named(func: Func) -> tuple[str, str, bool]:
    """What an operation is called, the same without the mark of what writes, and whether it writes."""
    called = plain(func)
    marked = written(called)
    return called, called[:-1] if marked else called, marked or called == "__setitem__"


class _Hole:
    """Stands where a tensor was."""


def _emptied(value: object) -> object:
    if isinstance(value, Tensor):
        return _Hole() if value.requires_grad else value
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, tuple | list):
        return tuple(_emptied(item) for item in cast("list[object]", value))
    if isinstance(value, Mapping):
        return {key: _emptied(item) for key, item in cast("Mapping[str, object]", value).items()}
    return value


def _filled(value: object, new: list[Tensor]) -> object:
    if isinstance(value, _Hole):
        return new.pop(0)
    if isinstance(value, tuple):
        return tuple(_filled(item, new) for item in cast("tuple[object]", value))
    if isinstance(value, dict):
        return {key: _filled(item, new) for key, item in cast("dict[str, object]", value).items()}
    return value


def _unwritten(name: str, method: str) -> Func:
    """The operation that does the same without writing."""
    for place in (torch.Tensor, torch, torch._C._nn, F):  # pyright: ignore[reportAttributeAccessIssue]
        found = getattr(place, name, None)
        if callable(found):
            return found
    raise MethodError(f"{method} has no rule for the in-place operation '{name}_'.")


@lru_cache
def _opened(func: Func) -> Func | None:
    """The operation written out in smaller ones, which are seen one by one; ``None`` where it is none."""
    return opened(func)
