"""Tensors that stand for others during one forward pass, because they are computed with less work."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

Args = tuple[Any, ...]
Rule = Callable[[Any, Args], Any]
aten: Any = torch.ops.aten


@dataclass(slots=True)
class Run:
    """One forward pass by stand-ins: whether an operation saved work, whether something was asked that only a
    plain tensor has, how many numbers the largest plain tensor holds that one was or became, every stand-in
    that was made, and the squares, by the id of a convolution's weight, that are probably pooled next."""

    saved: bool = False
    left: bool = False
    held: int = 0
    pooled: Mapping[int, int] = field(default_factory=dict[int, int])
    made: list[weakref.ref[StandIn]] = field(default_factory=list["weakref.ref[StandIn]"])

    def end(self) -> bool:
        """Whether the network has kept a stand-in for itself; each becomes a plain tensor where it lies."""
        kept = [one for ref in self.made if (one := ref()) is not None]
        self.made.clear()
        for one in kept:
            # fails where somebody else points at it too, as autograd does: then it stays
            with suppress(Exception):
                torch.utils.swap_tensors(one, one.whole().detach())
        return bool(kept)


def _leave(x: StandIn, *_: object) -> Any:
    """Give up the pass, even where the network catches this."""
    x.run.left = True
    raise RuntimeError("Only a plain tensor has this.")


NO_MEMORY: Any = property(_leave, _leave)


class StandIn(Tensor):
    """Lives inside one forward pass. Operations that a kind has a rule for may give a stand-in again; for any
    other it becomes a plain tensor, for good, so that views and changes in place stay what they are.

    Args:
        run: the pass that it lives in.
    """

    run: Run
    __torch_function__: Any = torch._C._disabled_torch_function_impl  # pyright: ignore[reportPrivateUsage]

    numpy: Any = NO_MEMORY
    tolist: Any = NO_MEMORY
    apply_: Any = NO_MEMORY
    map_: Any = NO_MEMORY
    data_ptr: Any = NO_MEMORY
    storage: Any = NO_MEMORY
    untyped_storage: Any = NO_MEMORY
    share_memory_: Any = NO_MEMORY
    __array__: Any = NO_MEMORY
    __dlpack__: Any = NO_MEMORY
    __deepcopy__: Any = NO_MEMORY
    __reduce_ex__: Any = NO_MEMORY
    data: Any = property(lambda self: self.whole().detach(), _leave)

    @classmethod
    def standing(cls, shape: Sequence[int], like: Tensor, run: Run, *, last: bool = False) -> Self:
        """One of a shape, with nothing in it yet, that seems to lie as the plain tensor will: with its
        channels last in memory or not."""
        make = cast("Callable[..., Self]", Tensor._make_wrapper_subclass)
        strides = None
        if last:
            _, channels, high, wide = shape
            strides = (channels * high * wide, 1, channels * wide, channels)
        made = make(cls, shape, strides, dtype=like.dtype, device=like.device)
        made.run = run
        # code in C that asks for its memory fails instead of reading nothing
        torch._C._set_throw_on_mutable_data_ptr(made)
        run.made.append(weakref.ref(made))
        return made

    @classmethod
    @abstractmethod
    def rule(cls, func: Any) -> Rule | None:
        """How an operation is done on stand-ins; a rule gives ``None`` where it does not pay."""

    @abstractmethod
    def whole(self) -> Tensor:
        """The plain tensor; from now on it is the only thing here."""

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Sequence[type], args: Args = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do one operation by a rule where there is one and it pays, else on plain tensors."""
        if torch.Tag.inplace_view in func.tags or func is aten.as_strided.default:
            # a new shape would not be seen from outside, and places in memory are not those of a plain pass
            _leave(next(x for x in tree_leaves(args) if isinstance(x, StandIn)))
        if not kwargs:
            rule = cls.rule(func)
            found = None if rule is None else rule(func, args)
            if found is not None:
                return found
        return func(*tree_map(_plain, args), **tree_map(_plain, dict(kwargs or {})))


def pointwise(func: Any) -> bool:
    """Whether an operation works on one number at a time and gives one tensor."""
    return torch.Tag.pointwise in func.tags and len(func._schema.returns) == 1


def _plain(value: object) -> object:
    return value.whole() if isinstance(value, StandIn) else value
