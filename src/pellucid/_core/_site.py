"""The address of a tensor inside a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import cast

import torch
from torch import Tensor, nn

from pellucid._core._functions import ACTIVATIONS, HEADS, LAYERS, functions
from pellucid._core._guard import eagerly
from pellucid._core._interrupt import Held
from pellucid._core._misfit import not_a_network
from pellucid._core._sequences import Recurrent, rows_first
from pellucid.errors import SiteError, near_misses

Side = str  # "in", "out", or the name of a function with brackets
GRAMMAR = re.compile(
    r"(?P<module>[^:#\[\]]*)(?::(?P<side>in|out|[A-Za-z]\w*\(\)))?(?:#(?P<call>\d+))?(?:\[(?P<item>\w+)\])?"
)
ROOT = "."
ELEMENTS = "elements"  # the layer that a dictionary becomes in a network


@dataclass(frozen=True, slots=True)
class Site:
    """One tensor of a pass: ``"encoder.3:in#1[0]"`` is item 0 of what entered ``encoder.3`` in its 2nd call.

    ``"block:relu()#1"`` is what the second ``relu`` gives that the forward of ``block`` calls as a function.
    Two of them are of attention, whatever it is written with: ``"attn:heads()"`` is what each head makes of
    the values ``[N, heads, T, d]``, ``"attn:attention()"`` how much each query takes of each key
    ``[N, heads, T, S]``. What recurrent layers give is read rows first: ``"lstm[0]"`` is the output
    ``[N, T, H]``, ``"lstm[h]"`` the last state ``[N, layers, H]``, ``"lstm[c]"`` the last cell.

    Args:
        module: dotted name as in ``model.named_modules()``; ``"."`` is the network itself.
        side: ``"in"`` what goes in, ``"out"`` what comes out, ``"relu()"`` what a function gives inside.
        call: which call of the module in one pass, from 0; ``None`` where it is called once.
        item: which item of a tuple (a number) or mapping (a name); ``None`` where it is a plain tensor.

    Example:
        >>> str(Site.parse("encoder.3:in#1[0]"))
        'encoder.3:in#1[0]'
    """

    module: str
    side: Side = "out"
    call: int | None = None
    item: int | str | None = None

    @classmethod
    def parse(cls, text: str) -> Site:
        """Read an address; raises :class:`SiteError` where it is not one."""
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SiteError(
                f"Layers are given by name, such as 'encoder.3', got {type(text).__name__}. Its name is "
                "next(name for name, each in model.named_modules() if each is layer)."
            )
        found = GRAMMAR.fullmatch(text)
        if found is None or not found["module"]:
            raise SiteError(
                f"{text!r} is not a layer address. Expected NAME, NAME:in, NAME#CALL or NAME[ITEM], "
                "such as 'encoder.3:in#1[0]', or NAME:FUNCTION(), such as 'block:relu()'."
            )
        item = found["item"]
        return cls(
            found["module"],
            found["side"] or "out",
            None if found["call"] is None else int(found["call"]),
            int(item) if item is not None and item.isdigit() else item,
        )

    def __str__(self) -> str:
        side = "" if self.side == "out" else f":{self.side}"
        call = "" if self.call is None else f"#{self.call}"
        item = "" if self.item is None else f"[{self.item}]"
        return f"{self.module}{side}{call}{item}"

    @property
    def function(self) -> str | None:
        """Name of the function whose result it is; ``None`` where it is what goes in or comes out."""
        return self.side[:-2] if self.side.endswith("()") else None

    def matches(self, module: str, side: Side, call: int) -> bool:
        """Whether this address covers the given call of a module."""
        return self.module == module and self.side == side and self.call in (None, call)


@dataclass(frozen=True, slots=True)
class Reached:
    """One call of a module in a pass, or of a function in its forward.

    Args:
        site: its address.
        module: the module.
        shape: of what came out; ``None`` where that is not one tensor.
        items: shapes of the tensors in it, where it is a tuple or mapping.
        parameters: learned numbers of the module, or those that the function was given.
    """

    site: str
    module: nn.Module
    shape: tuple[int, ...] | None
    items: Mapping[int | str, tuple[int, ...]] = field(default_factory=dict[int | str, tuple[int, ...]])
    parameters: int = 0

    @property
    def kind(self) -> str:
        """Class of the module, or the function with its brackets."""
        side = Site.parse(self.site).side
        return side if side.endswith("()") else type(self.module).__name__


def names_of(model: nn.Module) -> dict[str, nn.Module]:
    """Every name of every module, also the second name of a shared one; the network itself is ``"."``."""
    return {name or ROOT: module for name, module in model.named_modules(remove_duplicate=False)}


def _module(model: object) -> nn.Module:
    if isinstance(model, nn.Module):
        return model
    raise not_a_network(model)


def named(model: nn.Module, name: str) -> nn.Module:
    """The module of that name; raises :class:`SiteError` with near misses."""
    if name == ROOT:
        return _module(model)
    try:
        return _module(model).get_submodule(name)
    except AttributeError:
        near = near_misses(name, list(names_of(model))[1:])
        raise SiteError(f"{type(model).__name__} has no layer {name!r}. {near}") from None


def sites(model: nn.Module, run: Callable[[], object], *, called: bool = False) -> tuple[Reached, ...]:
    """Every call of every module while ``run`` passes inputs through the network, in order of completion.

    A module that is called more than once is listed once per call, as ``name#0``, ``name#1``. A module that
    has several names is listed under the first. Scripted modules let nobody look on and are left out.
    ``called`` also lists activations that a forward calls as functions, and the heads of attention.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [(r.site, r.shape) for r in sites(net, lambda: net(torch.zeros(1, 2)))]
        [('0', (1, 3)), ('1', (1, 3)), ('.', (1, 3))]
    """
    _module(model)
    calls: list[Reached] = []

    def note(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, _: object, output: object) -> None:
            shape = tuple(output.shape) if isinstance(output, Tensor) else None
            items, held = _items(module, output), _learned(module.parameters())
            calls.append(Reached(str(Site(name)), module, shape, items, held))

        return hook

    seen = [(n, m) for n, m in model.named_modules() if not isinstance(m, torch.jit.ScriptModule)]
    names = {id(m): name or ROOT for name, m in seen}

    def hear(module: nn.Module, function: str, given: Sequence[object], found: Tensor) -> Tensor:
        site = str(Site(names[id(module)], f"{function}()"))
        calls.append(Reached(site, module, tuple(found.shape), parameters=_learned(given)))
        return found

    with Held(), ExitStack() as stack:
        for name, module in seen:
            stack.callback(module.register_forward_hook(note(name or ROOT)).remove)
        if called:
            stack.enter_context(functions(model, _listed, hear))
        stack.enter_context(eagerly())
        run()
    return _numbered(calls)


def _learned(parts: Iterable[object]) -> int:
    return sum(part.numel() for part in parts if isinstance(part, nn.Parameter))


def _listed(module: nn.Module, function: str) -> bool:
    """Whether a function is worth a line: activations and heads, and in a traced graph what layers became."""
    if isinstance(module, torch.fx.GraphModule) and function in LAYERS:
        return True
    return function in ACTIVATIONS or function == HEADS


def _items(module: nn.Module, output: object) -> dict[int | str, tuple[int, ...]]:
    output = rows_first(module, output)
    if isinstance(output, Recurrent):
        output = {0: output[0], "h": output.state("h"), "c": output.state("c")}
    if isinstance(output, Mapping):
        found = cast("Mapping[int | str, object]", output).items()
    elif isinstance(output, tuple | list):
        found = enumerate(cast("tuple[object, ...]", output))
    else:
        return {}
    return {key: tuple(part.shape) for key, part in found if isinstance(part, Tensor)}


def _numbered(calls: list[Reached]) -> tuple[Reached, ...]:
    total = Counter(call.site for call in calls)
    seen = Counter[str]()
    found: list[Reached] = []
    for call in calls:
        number = seen[call.site]
        seen[call.site] += 1
        site = replace(Site.parse(call.site), call=number if total[call.site] > 1 else None)
        found.append(replace(call, site=str(site)))
    return tuple(found)
