"""Reading, overwriting and differentiating sites in one pass; hooks live only inside the ``with``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from pellucid._core._functions import functions
from pellucid._core._guard import eagerly
from pellucid._core._sequences import Recurrent, as_given, refuse_packed, rows_first
from pellucid._core._site import Side, Site, named
from pellucid.errors import SiteError

T = TypeVar("T")
Write = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Knowing:
    """A function of what a module gave and of what it was given by place; read instead of the former."""

    of: Callable[[Tensor, tuple[object, ...]], Tensor]


Read = Write | Knowing
Reads = Iterable[str] | Mapping[str, Read]


class StopPassError(BaseException):
    """Ends a pass early. Not an Exception, so that no ``except Exception`` of a network swallows it."""


class Probe:
    """What was seen in the last pass.

    ``probe["conv1"]`` is the activation of that pass with its graph, so it can be differentiated; operations
    that change it in place afterwards do not reach it.
    """

    def __init__(self, wanted: Iterable[Site], model: nn.Module) -> None:
        self._wanted = dict.fromkeys(wanted)
        self._model = type(model).__name__
        self._seen: dict[Site, dict[int, Tensor]] = {}
        self._calls: dict[tuple[str, Side], int] = {}

    def __getitem__(self, site: str) -> Tensor:
        """The activation at a site; raises :class:`SiteError` where it is unread, unreached or ambiguous."""
        address = Site.parse(site)
        if address not in self._wanted:
            read = ", ".join(map(str, self._wanted)) or "nothing"
            raise SiteError(f"{site!r} was not read in this pass; read were: {read}. Name it in read=[…].")
        seen = self._seen.get(address, {})
        if not seen:
            raise SiteError(self._unreached(address))
        if len(seen) > 1:
            options = ", ".join(repr(str(Site(address.module, address.side, c, address.item))) for c in seen)
            raise SiteError(f"{site!r} was called {len(seen)} times in this pass; say which call: {options}.")
        return next(iter(seen.values()))

    def _unreached(self, address: Site) -> str:
        count = self._calls.get((address.module, address.side), 0)
        if address.function is not None and not count:
            return (
                f"No {address.side} was called by the forward of {address.module!r} itself in this pass. "
                "pellucid.layers lists what can be read."
            )
        if address.call is not None and count:
            return (
                f"{address.module!r} was called {count} times in this pass; there is no call #{address.call}."
            )
        return (
            f"The pass through {self._model} never reached {str(address)!r}: the layer exists, "
            "but this network's forward does not call it for these inputs."
        )

    def _begin(self) -> None:
        self._seen.clear()
        self._calls.clear()

    def _count(self, module: str, side: Side) -> int:
        call = self._calls.get((module, side), 0)
        self._calls[module, side] = call + 1
        return call


def pick(value: object, site: Site) -> Tensor:
    """The tensor that ``site.item`` names in what a module took or gave."""
    if isinstance(value, Tensor):
        if site.item is None:
            return value
        raise SiteError(
            f"{str(site)!r} names an item of a plain tensor, which has none. Leave [{site.item}] away."
        )
    whole = cast("Mapping[object, object] | tuple[object, ...] | object", value)
    if isinstance(whole, Mapping):
        value = whole.get(_key(whole, site))
    elif isinstance(whole, Recurrent) and whole.state(site.item) is not None:
        value = whole.state(site.item)
    elif isinstance(whole, tuple | list):
        index = 0 if site.item is None and len(whole) == 1 else site.item
        value = whole[index] if isinstance(index, int) and index < len(whole) else None
        refuse_packed(value, str(site))
    if isinstance(value, Tensor):
        return value
    such = "".join(f", such as '{replace(site, item=each)}'" for each in _tensors(whole)[:1])
    raise SiteError(
        f"{str(site)!r} is not one tensor but {_described(whole)}; "
        + (f"name an item{such}." if such else "choose a layer inside it.")
    )


def _tensors(whole: object) -> list[int | str]:
    """What the tensors of a mapping or a tuple are called."""
    if isinstance(whole, Mapping):
        items = cast("Iterable[tuple[str, object]]", whole.items())
    else:
        items = enumerate(cast("Sequence[object]", whole)) if isinstance(whole, tuple | list) else ()
    return [name for name, value in items if isinstance(value, Tensor)]


def _key(whole: Mapping[object, object], site: Site) -> int | str:
    """The item of a mapping that a site means: without a name the first argument, or the logits."""
    if site.item is not None:
        return site.item
    return 0 if 0 in whole else "logits"


def _outside(tensor: Tensor, site: Site) -> Tensor:
    """The tensor; raises inside a transform of ``torch.func``, which no tensor leaves."""
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):  # pyright: ignore[reportAttributeAccessIssue]
        raise SiteError(
            f"{str(site)!r} lies inside a transform of torch.func (vmap, grad, jvp …), out of which nothing "
            "can be read. Name a layer outside it."
        )
    return tensor


def _described(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(repr, value))}"
    if isinstance(value, tuple | list):
        return f"{len(value)} items ({', '.join(type(item).__name__ for item in value)})"
    return f"a {type(value).__name__}"


def _put(value: object, site: Site, tensor: Tensor) -> object:
    """``value`` with the tensor that ``site`` names exchanged."""
    if isinstance(value, Tensor):
        return tensor
    if isinstance(value, Mapping):
        changed = dict(cast("Mapping[object, object]", value))
        changed[_key(changed, site)] = tensor
        if type(value) is dict:
            return changed
        return type(value)(**cast("dict[str, object]", changed))  # pyright: ignore[reportCallIssue]
    index = site.item if site.item is not None else 0
    if isinstance(value, Recurrent):
        return value.put(index, tensor) if index in ("h", "c") else Recurrent((tensor, value[1]))
    if isinstance(value, tuple):
        items = [tensor if i == index else item for i, item in enumerate(value)]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return [tensor if i == index else item for i, item in enumerate(cast("list[object]", value))]


class _Hooks:
    """The hooks of one probe on one side of one module."""

    def __init__(
        self, seen: Probe, read: Mapping[Site, Read | None], write: Mapping[Site, Write], stop: Site | None
    ) -> None:
        self.seen, self.stop = seen, stop
        self.reads, self.writes = _by_place(read), _by_place(write)

    def visit(self, module: str, side: Side, value: object, given: tuple[object, ...] = ()) -> object:
        call, place = self.seen._count(module, side), (module, side)
        for site, change in self.writes.get(place, ()):
            if site.call in (None, call):
                value = _put(value, site, change(_outside(pick(value, site), site)))
        for site, of in self.reads.get(place, ()):
            if site.call in (None, call):
                tensor = _outside(pick(value, site), site)
                if of is not None:
                    found = of.of(tensor, given) if isinstance(of, Knowing) else of(tensor)
                    self.seen._seen.setdefault(site, {})[call] = found
                    continue
                self.seen._seen.setdefault(site, {})[call] = tensor
                # what follows may change its input in place: it gets a copy
                value = _put(value, site, tensor.clone()) if site != self.stop else value
        if self.stop is not None and self.stop.matches(module, side, call):
            raise StopPassError(self.seen)
        return value


def _by_place(sites: Mapping[Site, T]) -> dict[tuple[str, Side], list[tuple[Site, T]]]:
    """What is done at each side of each module: most of them have one thing, and a pass visits hundreds."""
    found: dict[tuple[str, Side], list[tuple[Site, T]]] = {}
    for site, of in sites.items():
        found.setdefault((site.module, site.side), []).append((site, of))
    return found


@contextmanager
def probe(
    model: nn.Module,
    *,
    read: Reads = (),
    write: Mapping[str, Write] | None = None,
    stop: str | None = None,
) -> Generator[Probe]:
    """Read and overwrite activations of any network in one pass.

    Args:
        model: any module; hooks are on it only inside the ``with``.
        read: sites whose activation is kept; or, by site, a function of the activation whose result is kept
            instead of it. That must be a tensor of its own, and saves the copy. Within :class:`Knowing` it is
            shown what went into the module too.
        write: for each site, what its activation is replaced by; applied before reading.
        stop: site at which the pass ends. Nothing in the ``with`` body after that pass runs.

    Yields:
        A :class:`Probe`, still readable after the ``with``.

    Raises:
        SiteError: if a layer does not exist; on reading, if it was not reached or is ambiguous.

    Cost:
        One forward pass, cut short by ``stop``; one copy of each activation read.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 1))
        >>> with probe(net, read=["0"], stop="1") as seen:
        ...     net(torch.ones(4, 2))
        >>> seen["0"].shape
        torch.Size([4, 3])
    """
    reads = {Site.parse(site): read[site] if isinstance(read, Mapping) else None for site in read}
    writes = {Site.parse(site): change for site, change in (write or {}).items()}
    last = None if stop is None else Site.parse(stop)
    seen = Probe(reads, model)
    hooks = _Hooks(seen, reads, writes, last)
    touched: set[tuple[str, Side]] = {
        (s.module, s.side) for s in [*reads, *writes, *([last] if last else [])]
    }
    with ExitStack() as stack:
        if touched:
            stack.enter_context(eagerly())
            stack.callback(model.register_forward_pre_hook(lambda _, __: seen._begin(), prepend=True).remove)
        inside: dict[tuple[int, str], list[str]] = {}
        for module, side in sorted(touched):
            target = named(model, module)
            if side.endswith("()"):
                inside.setdefault((id(_open(target, module)), side[:-2]), []).append(module)
            else:
                stack.callback(_attach(target, module, side, hooks).remove)
        if inside:
            stack.enter_context(_hearing(model, inside, hooks))
        try:
            yield seen
        except StopPassError as ended:
            if ended.args[0] is not seen:
                raise


def _hearing(
    model: nn.Module, inside: Mapping[tuple[int, str], list[str]], hooks: _Hooks
) -> AbstractContextManager[None]:
    """Visit what functions give that modules call themselves."""

    def hear(module: nn.Module, function: str, _: Sequence[object], found: Tensor) -> Tensor:
        value: object = found
        for name in inside[id(module), function]:
            value = hooks.visit(name, f"{function}()", value)
        return cast("Tensor", value)

    return functions(model, lambda module, function: (id(module), function) in inside, hear)


def _open(target: nn.Module, module: str) -> nn.Module:
    if isinstance(target, torch.jit.ScriptModule):
        raise SiteError(
            f"{module!r} is scripted, and a scripted module lets nobody read what passes through it. "
            "Name a layer outside it, or open the network as it was before it was scripted."
        )
    return target


def _attach(target: nn.Module, module: str, side: Side, hooks: _Hooks) -> RemovableHandle:
    _open(target, module)
    if side == "out":
        return target.register_forward_hook(
            lambda layer, given, output: as_given(
                layer, hooks.visit(module, side, rows_first(layer, output), given)
            )
        )

    def entering(
        _: nn.Module, args: tuple[object, ...], named_args: dict[str, object]
    ) -> tuple[object, dict[str, object]]:
        if not named_args:
            return hooks.visit(module, side, args), named_args
        # arguments by place and by name are items alike
        changed = hooks.visit(module, side, {**dict(enumerate(args)), **named_args})
        items = cast("dict[int | str, object]", changed)
        return tuple(items[i] for i in range(len(args))), {name: items[name] for name in named_args}

    return target.register_forward_pre_hook(entering, with_kwargs=True)
