"""What modules do themselves, beside calling other modules: functions, and attention head by head."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid._core._attention import attention_weights, recomputed
from pellucid._core._spoken import Func, opened, plain, written
from pellucid.errors import MethodError

# functions that bend what goes through them, one number at a time
ACTIVATIONS = frozenset(
    [
        "relu",
        "relu6",
        "gelu",
        "silu",
        "mish",
        "elu",
        "selu",
        "celu",
        "leaky_relu",
        "prelu",
        "hardtanh",
        "hardswish",
        "hardsigmoid",
        "sigmoid",
        "tanh",
        "softplus",
        "softsign",
    ]
)
LAYERS = ("linear", "conv1d", "conv2d", "conv3d")
HEADS, ATTENTION = "heads", "attention"
FUSED = "scaled_dot_product_attention"
PRODUCTS = ("matmul", "bmm")
# a softmax stays one of these later
CARRIED = frozenset(
    [
        "reshape",
        "view",
        "transpose",
        "permute",
        "unsqueeze",
        "squeeze",
        "expand",
        "contiguous",
        "to",
        "type",
        "type_as",
        "float",
        "half",
        "bfloat16",
        "flatten",
        "unflatten",
        "clone",
        "dropout",
        "mul",
        "div",
        "nan_to_num",
        "masked_fill",
        "where",
    ]
)

# (module whose forward calls it, name of the function, what it was given and what it gave) -> what goes on
Hear = Callable[[nn.Module, str, Sequence[object], Tensor], Tensor]
Wants = Callable[[nn.Module, str], bool]


class Functions(TorchFunctionMode):
    """Hears of functions that a module calls itself, and of attention as heads and weights.

    ``heads`` is what each head makes of the values, ``[N, heads, T, d]``, before heads are joined;
    ``attention`` is how much each query takes of each key, ``[N, heads, T, S]``. Fused attention is then
    computed in its parts and compared with what it gives itself.

    Args:
        wants: whether a function of a module is heard of.
        hear: hears of it, and says what goes on.
    """

    def __init__(self, wants: Wants, hear: Hear) -> None:
        super().__init__()
        self._wants, self._hear = wants, hear
        self._inside: list[nn.Module] = []
        self._softmaxes: dict[int, Tensor] = {}
        self._opened: dict[Func, Func | None] = {}
        self._rows = 0

    def enter(self, module: nn.Module, given: Iterable[object]) -> None:
        """A module's forward begins."""
        if not self._inside:
            self._softmaxes.clear()
            self._rows = next((len(part) for part in given if isinstance(part, Tensor) and part.ndim), 0)
        self._inside.append(module)

    def leave(self, module: nn.Module) -> None:
        """A module's forward is over, and that of all it called."""
        if module in self._inside:
            while self._inside.pop() is not module:
                pass

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Do one operation, and hear of what it gave."""
        named, name = kwargs or {}, plain(func)
        if not self._inside:
            return func(*args, **named)
        in_place, name = written(name), name[:-1] if written(name) else name
        owner = self._inside[-1]
        if self._attends(owner):
            if name == "multi_head_attention_forward":
                return self._open(func, args, named)
            if name == FUSED:
                return self._fused(owner, func, args, named)
            if name in PRODUCTS and args and id(args[0]) in self._softmaxes:
                return self._product(owner, func, args, named)
        carries = name in CARRIED and any(id(part) in self._softmaxes for part in args)
        wanted = self._wants(owner, name)
        in_place = (
            in_place
            or named.get("inplace") is True
            or (name in ACTIVATIONS and any(given is True for given in args[1:]))
        )
        if wanted and in_place and isinstance(args[0], Tensor):
            # done on a copy, which nobody overwrites, and then written where the network looks for it
            apart = cast("Tensor", func(args[0].clone(), *args[1:], **named))
            return args[0].copy_(self._hear(owner, name, [*args, *named.values()], apart))
        result = func(*args, **named)
        if isinstance(result, Tensor) and (name == "softmax" or carries):
            self._softmaxes[id(result)] = result
        if not wanted or not isinstance(result, Tensor):
            return result
        return self._hear(owner, name, [*args, *named.values()], result)

    def _attends(self, owner: nn.Module) -> bool:
        return self._wants(owner, HEADS) or self._wants(owner, ATTENTION)

    def _open(self, func: Func, args: tuple[object, ...], named: Mapping[str, object]) -> object:
        if func not in self._opened:
            self._opened[func] = opened(func)
        with self:
            return (self._opened[func] or func)(*args, **named)

    def _fused(
        self, owner: nn.Module, func: Func, args: tuple[object, ...], named: Mapping[str, object]
    ) -> Tensor:
        made = cast("Tensor", func(*args, **named))
        if self._wants(owner, ATTENTION):
            names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")
            given = {**dict(zip(names, args, strict=False)), **named}
            value = cast("Tensor", given.pop("value"))
            given.pop("dropout_p", None)
            weights = attention_weights(**given)  # pyright: ignore[reportArgumentType]
            value = value.repeat_interleave(made.shape[-3] // value.shape[-3], -3) if made.ndim > 3 else value
            recomputed(weights @ value, made, type(owner).__name__)
            made = self._by_head(owner, ATTENTION, weights) @ value
        return self._by_head(owner, HEADS, made)

    def _product(
        self, owner: nn.Module, func: Func, args: tuple[object, ...], named: Mapping[str, object]
    ) -> Tensor:
        weights, *rest = args
        used = self._by_head(owner, ATTENTION, cast("Tensor", weights))
        return self._by_head(owner, HEADS, cast("Tensor", func(used, *rest, **named)))

    def _by_head(self, owner: nn.Module, name: str, found: Tensor) -> Tensor:
        if not self._wants(owner, name):
            return found
        first = found.shape[0]
        if (
            found.ndim < 3
            or not self._rows
            or (first != self._rows and (found.ndim > 3 or first % self._rows))
        ):
            raise MethodError(
                f"Rows cannot be told from windows in the attention of {type(owner).__name__}: it gives "
                f"{list(found.shape)} for {self._rows} rows. Read the layers around it."
            )
        split = found.reshape(self._rows, -1, *found.shape[-2:])
        return self._hear(owner, name, (), split).reshape(found.shape)


@contextmanager
def functions(model: nn.Module, wants: Wants, hear: Hear) -> Generator[None]:
    """Hear of functions inside; hooks are on the network only meanwhile.

    Example:
        >>> class Net(nn.Module):
        ...     def forward(self, x):
        ...         return torch.relu(x).tanh()
        >>> heard = []
        >>> net = Net()
        >>> def hear(module, name, given, found):
        ...     heard.append(name)
        ...     return found
        >>> with functions(net, lambda module, name: True, hear):
        ...     _ = net(torch.zeros(1))
        >>> heard
        ['relu', 'tanh']
    """
    mode = Functions(wants, hear)

    def entering(module: nn.Module, args: tuple[object, ...], named: dict[str, object]) -> None:
        mode.enter(module, [*args, *named.values()])

    with ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            stack.callback(module.register_forward_pre_hook(entering, with_kwargs=True).remove)
            done = module.register_forward_hook(lambda m, _, __: mode.leave(m), always_call=True)
            stack.callback(done.remove)
        stack.enter_context(mode)
        yield
