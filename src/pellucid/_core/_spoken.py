"""What torch's operations are called, whichever way they are reached."""

from __future__ import annotations

import types
from collections.abc import Callable

Func = Callable[..., object]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def plain(func: Callable[..., object]) -> str:
    """What an operation is called, whichever way it is reached: ``torch.relu``, ``x.relu()``, ``F.relu`` …"""
    name = str(getattr(func, "__name__", type(func).__name__)).split(".")[0]
    wrapped = getattr(func, "_qualified_op_name", "")  # torch.ops
    return str(wrapped).split("::")[-1] if wrapped else _spoken(name)


def _spoken(name: str) -> str:
    if name.startswith("__") and name.endswith("__"):
        inner = name.strip("_")
        if inner in _words("iadd isub imul itruediv idiv ipow"):
            return f"{_arithmetic(inner[1:])}_"
        if inner in _words("add sub mul truediv div matmul neg pow abs radd rmul rsub rmatmul"):
            return _arithmetic(inner)
        return name
    return _arithmetic(name[:-1]) + "_" if written(name) else _arithmetic(name)


def _arithmetic(name: str) -> str:
    match name:
        case "truediv" | "true_divide" | "divide":
            return "div"
        case "multiply" | "rmul":
            return "mul"
        case "subtract":
            return "sub"
        case "negative":
            return "neg"
        case "absolute":
            return "abs"
        case "radd":
            return "add"
        case "clip":
            return "clamp"
        case "expit" | "special_expit":
            return "sigmoid"
        case "log_sigmoid":
            return "logsigmoid"
        case "concat" | "concatenate":
            return "cat"
        case _:
            return name


def written(name: str) -> bool:
    """Whether an operation writes into its first tensor: ``relu_``, not ``__getitem__``."""
    return name.endswith("_") and not name.endswith("__")


def opened(func: Func) -> Func | None:
    """A function of torch written in Python, such that modes see the operations inside it one by one."""
    if not isinstance(func, types.FunctionType):
        return None
    blind = {name: _no for name in func.__globals__ if name.startswith("has_torch_function")}
    copy = types.FunctionType(
        func.__code__, {**func.__globals__, **blind}, func.__name__, func.__defaults__, func.__closure__
    )
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


def _no(*_: object) -> bool:
    return False
