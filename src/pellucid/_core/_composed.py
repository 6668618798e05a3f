"""Whether a network's own forward does nothing but call its parts and add up what they give."""

from __future__ import annotations

import dis
from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from operator import is_
from types import CodeType, FunctionType
from typing import Any

from torch import nn

# all that such a forward consists of, whatever the version of Python; anything unknown speaks against it
PASSING = frozenset(
    {"RESUME", "NOP", "CACHE", "PRECALL", "CALL", "PUSH_NULL", "RETURN_VALUE", "NOT_TAKEN"}
    | {"LOAD_CONST", "STORE_FAST", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST", "LOAD_FAST"}
    | {"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"}
    | {"POP_JUMP_FORWARD_IF_NONE", "POP_JUMP_FORWARD_IF_NOT_NONE", "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE"}
)
TAKING = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
SUMS = frozenset({"+", "-", "*", "/"})
# as torch has them: somebody may exchange them
CHAIN, TURN = nn.Sequential.forward, nn.Sequential.__iter__
CALL, CALL_IMPL = nn.Module.__call__, nn.Module._call_impl
WRITTEN = frozenset({"+=", "-=", "*=", "/="})


def composed(modules: Iterable[nn.Module], known: frozenset[type[nn.Module]]) -> bool:
    """Whether these modules of one network are known, or only call their parts and add up what they give.

    Nothing then asks how a tensor lies in memory, and nobody sees whether a view of it has become a copy:
    where one that flattens and one that writes into what it is given meet, the answer is no.

    Example:
        >>> class Twice(nn.Module):
        ...     def __init__(self, part):
        ...         super().__init__()
        ...         self.part = part
        ...     def forward(self, x):
        ...         return self.part(x) + self.part(x)
        >>> known = frozenset({nn.Conv2d, nn.ReLU})
        >>> composed(Twice(nn.ReLU()).modules(), known), composed(nn.Linear(1, 1).modules(), known)
        (True, False)
    """
    modules = list(modules)
    kinds = set(map(type, modules))
    own = {kind: taken_by(kind) for kind in kinds - known}
    everything = list(map(vars, modules))
    if not none_has(everything, "forward"):
        return False
    if not own:
        return True
    for module in [module for module in modules if type(module) in own]:
        taken, held, parts = own[type(module)], module.__dict__, module._modules
        # what is None stands in the way of nothing
        if taken is None or not all(
            held[name] is None if name in held else name in parts for name in taken.names
        ):
            return False
    if not any(issubclass(kind, nn.Flatten) for kind in kinds):
        return True
    written = any(taken is not None and taken.written for taken in own.values())
    return not written and not any(map(dict.get, everything, repeat("inplace")))


def none_has(held: Iterable[dict[str, Any]], name: str) -> bool:
    """Whether none of these attributes of modules has this one, or it is ``None`` everywhere.

    Example:
        >>> none_has([{"a": 1}], "b"), none_has([{"a": 1}], "a")
        (True, False)
    """
    # a loop in C
    return all(map(is_, map(dict.get, held, repeat(name)), repeat(None)))


def chained(kind: type[nn.Module]) -> bool:
    """Whether such a module does nothing but call its parts in turn.

    Example:
        >>> chained(nn.Sequential), chained(nn.Linear)
        (True, False)
    """
    return (
        issubclass(kind, nn.Sequential)
        and kind.forward is CHAIN
        and kind.__iter__ is TURN
        and called_plainly(kind)
    )


def called_plainly(kind: type[nn.Module]) -> bool:
    """Whether torch's own way leads into the forward, and to attributes.

    Example:
        >>> called_plainly(nn.Linear)
        True
    """
    return (
        kind.__call__ is CALL
        and kind._call_impl is CALL_IMPL
        and kind.__getattr__ is nn.Module.__getattr__
        and kind.__getattribute__ is nn.Module.__getattribute__
    )


def taken_by(kind: type[nn.Module]) -> Taken | None:
    """What a call of such a module takes of it; ``None`` where more goes on."""
    # as it stands in the class, by hand: a look-up that calls nothing takes long
    forward: object = next((vars(c)["forward"] for c in kind.__mro__ if "forward" in vars(c)), None)
    if chained(kind):
        return Taken()
    # what a function was defined with may be anything
    if (
        not called_plainly(kind)
        or not isinstance(forward, FunctionType)
        or forward.__defaults__
        or forward.__kwdefaults__
    ):
        return None
    taken = _taken(forward.__code__)
    # an attribute of the class comes before a part of that name
    return None if taken is None or any(hasattr(kind, name) for name in taken.names) else taken


class Taken:
    """What a forward takes of its module, and whether it writes into what it is given."""

    __slots__ = ("names", "written")

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.written = False


@lru_cache  # of code, which never changes
def _taken(code: CodeType) -> Taken | None:
    """``None`` where a forward does anything beyond."""
    if not code.co_argcount:
        return None
    found, itself, before = Taken(), code.co_varnames[0], None
    for step in dis.get_instructions(code):
        held = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if step.opname in TAKING:
            # of itself alone: a tensor could be asked about its strides
            if before != itself:
                return None
            found.names.add(str(step.argval))
        elif step.opname == "BINARY_OP" and step.argrepr in SUMS | WRITTEN:
            found.written = found.written or step.argrepr in WRITTEN
        elif step.opname not in PASSING or ("STORE" in step.opname and itself in held):
            return None
        before = held[-1] if "LOAD_FAST" in step.opname else None
    return found
