"""The address of a tensor inside a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core._guard import eagerly
from pellucid.errors import InputError, SiteError, near_misses

Side = Literal["in", "out"]
GRAMMAR = re.compile(r"(?P<module>[^:#\[\]]*)(?::(?P<side>in|out))?(?:#(?P<call>\d+))?(?:\[(?P<item>\w+)\])?")
ROOT = "."


@dataclass(frozen=True, slots=True)
class Site:
    """One tensor of a pass: ``"encoder.3:in#1[0]"`` is item 0 of what entered ``encoder.3`` in its 2nd call.

    Args:
        module: dotted name as in ``model.named_modules()``; ``"."`` is the network itself.
        side: what goes in, or what comes out.
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
        found = GRAMMAR.fullmatch(text)
        if found is None or not found["module"]:
            raise SiteError(
                f"{text!r} is not a layer address. Expected NAME, NAME:in, NAME#CALL or NAME[ITEM], "
                "such as 'encoder.3:in#1[0]'."
            )
        item = found["item"]
        return cls(
            found["module"],
            "in" if found["side"] == "in" else "out",
            None if found["call"] is None else int(found["call"]),
            int(item) if item is not None and item.isdigit() else item,
        )

    def __str__(self) -> str:
        side = ":in" if self.side == "in" else ""
        call = "" if self.call is None else f"#{self.call}"
        item = "" if self.item is None else f"[{self.item}]"
        return f"{self.module}{side}{call}{item}"

    def matches(self, module: str, side: Side, call: int) -> bool:
        """Whether this address covers the given call of a module."""
        return self.module == module and self.side == side and self.call in (None, call)


@dataclass(frozen=True, slots=True)
class Reached:
    """One call of a module in a pass: its address, the module, and the shape that came out.

    ``shape`` is ``None`` where the output is not one tensor.
    """

    site: str
    module: nn.Module
    shape: tuple[int, ...] | None


def names_of(model: nn.Module) -> dict[str, nn.Module]:
    """Every name of every module, also the second name of a shared one; the network itself is ``"."``."""
    return {name or ROOT: module for name, module in model.named_modules(remove_duplicate=False)}


def _module(model: object) -> nn.Module:
    if isinstance(model, nn.Module):
        return model
    raise InputError(f"Expected a torch.nn.Module, got {type(model).__name__}.")


def named(model: nn.Module, name: str) -> nn.Module:
    """The module of that name; raises :class:`SiteError` with near misses."""
    if name == ROOT:
        return _module(model)
    try:
        return _module(model).get_submodule(name)
    except AttributeError:
        near = near_misses(name, list(names_of(model))[1:])
        raise SiteError(f"{type(model).__name__} has no layer {name!r}. {near}") from None


def sites(model: nn.Module, run: Callable[[], object]) -> tuple[Reached, ...]:
    """Every call of every module while ``run`` passes inputs through the network, in order of completion.

    A module that is called more than once is listed once per call, as ``name#0``, ``name#1``. A module that
    has several names is listed under the first. Scripted modules let nobody look on and are left out.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [(r.site, r.shape) for r in sites(net, lambda: net(torch.zeros(1, 2)))]
        [('0', (1, 3)), ('1', (1, 3)), ('.', (1, 3))]
    """
    _module(model)
    calls: list[tuple[str, nn.Module, tuple[int, ...] | None]] = []

    def note(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, _: object, output: object) -> None:
            calls.append((name, module, tuple(output.shape) if isinstance(output, Tensor) else None))

        return hook

    seen = [(n, m) for n, m in model.named_modules() if not isinstance(m, torch.jit.ScriptModule)]
    handles = [m.register_forward_hook(note(name or ROOT)) for name, m in seen]
    try:
        with eagerly():
            run()
    finally:
        for handle in handles:
            handle.remove()
    return _numbered(calls)


def _numbered(calls: list[tuple[str, nn.Module, tuple[int, ...] | None]]) -> tuple[Reached, ...]:
    total = {name: sum(name == other for other, _, _ in calls) for name, _, _ in calls}
    seen: dict[str, int] = {}
    found: list[Reached] = []
    for name, module, shape in calls:
        call = seen.get(name, 0)
        seen[name] = call + 1
        found.append(Reached(str(Site(name, call=call if total[name] > 1 else None)), module, shape))
    return tuple(found)
