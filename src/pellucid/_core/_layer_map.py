"""A network as the list of its layers: what each is, gives, holds and costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from pellucid._core._brief import brief
from pellucid._core._compute import Compute
from pellucid._core._interrupt import Held
from pellucid._core._outputs import activations
from pellucid._core._site import Reached, sites
from pellucid._core._spec import Batch, InputSpec
from pellucid.errors import MethodError


@dataclass(frozen=True, slots=True)
class MappedLayer:
    """One call of one layer.

    Args:
        site: its address.
        kind: class of the module.
        shape: of what comes out for one input, the first where it gives several; ``None`` where it was not
            run.
        parameters: learned numbers of the module; 0 from its second call on.
        cost: multiplications with additions for one input; ``None`` where it was not run.
        shared: whether an earlier call already used these parameters.
    """

    site: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    cost: int | None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class LayerMap:
    """Every layer of a network in the order of the pass.

    Args:
        layers: one per call of each module that calls no other.
        parameters: of the whole network.
        cost: multiplications with additions of a whole pass, also between layers; ``None`` if it was not run.
        note: what is missing and why; empty where nothing is.
    """

    layers: tuple[MappedLayer, ...]
    parameters: int
    cost: int | None
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def layer_map(
    model: nn.Module, inputs: Tensor | Batch | None = None, *, spec: InputSpec | None = None
) -> LayerMap:
    """Every layer in the order of the pass, with shapes and its share of the work.

    Args:
        model: any network; it comes back as it was.
        inputs: one input ``[1, *shape]``; ``None`` lists the modules as they were made, without shapes.
        spec: what goes along with the inputs, such as a mask.

    Returns:
        A :class:`LayerMap`.

    Cost:
        One row through the network.

    Limits:
        Counted are products of matrices, convolutions and attention; sums, activations and pools cost time
        too but are not counted. Work done in no module of its own belongs to the whole only.

    Example:
        >>> import torch
        >>> made = layer_map(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.zeros(1, 3))
        >>> [(layer.site, layer.shape, layer.cost) for layer in made.layers], made.cost
        ([('0', (4,), 12), ('1', (4,), 0)], 12)
    """
    whole = sum(p.numel() for p in model.parameters())
    if inputs is None:
        said = "No input was given: layers stand as they were made, without shapes and costs."
        return LayerMap(_unrun(model), whole, None, said)
    try:
        # whatever it gives: a network of several outputs has layers too
        passing = activations(model, inputs, (), spec=spec, compute=Compute(1))
        calls, cost = _counted(model, lambda: list(passing))
    except MethodError as error:
        said = f"The network could not be run, so layers stand as they were made: {error}"
        return LayerMap(_unrun(model), whole, None, said)
    calls = [found for found in calls if ".parametrizations." not in found[0].site]
    called = {id(call.module) for call, _, _ in calls}
    seen: set[int] = set()
    rows: list[MappedLayer] = []
    for call, shape, worked in calls:
        if any(id(part) in called for part in call.module.modules() if part is not call.module):
            continue
        own = list(call.module.parameters())
        again = bool(own) and all(id(p) in seen for p in own)
        seen |= {id(p) for p in own}
        held = 0 if again else sum(p.numel() for p in own)
        worked = worked or _recurrent(call.module, shape)
        rows.append(MappedLayer(call.site, type(call.module).__name__, shape, held, worked, again))
    reached = {id(part) for call, _, _ in calls if call.site != "." for part in call.module.modules()}
    missed = [name for name, m in model.named_modules() if _is_leaf(m) and id(m) not in reached and name]
    # a module that holds others is reached without them where it does their work itself
    said = f"Not reached by the pass: {_few(missed)}." if missed else ""
    return LayerMap(tuple(rows), whole, max(cost, sum(row.cost or 0 for row in rows)), said)


Shape = tuple[int, ...] | None


def _counted(model: nn.Module, run: Callable[[], object]) -> tuple[list[tuple[Reached, Shape, int]], int]:
    """Every call with its shape and cost, those inside it included; and the cost of the whole."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    begun: list[int] = []
    ended: list[tuple[Shape, int]] = []

    def before(_: nn.Module, __: object) -> None:
        begun.append(counter.get_total_flops())

    def after(_: nn.Module, __: object, output: object) -> None:
        ended.append((_shape(output), counter.get_total_flops() - begun.pop()))

    seen = [m for m in model.modules() if not isinstance(m, torch.jit.ScriptModule)]
    fast = torch.backends.mha.get_fastpath_enabled()
    with Held(), ExitStack() as stack:
        # fused kernels are single operations that torch does not count on every device
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        torch.backends.mha.set_fastpath_enabled(False)
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        for module in seen:
            stack.callback(module.register_forward_pre_hook(before).remove)
            stack.callback(module.register_forward_hook(after).remove)

        def counted() -> None:
            with counter:
                run()

        reached = sites(model, counted)
    calls = [(call, shape, flops // 2) for call, (shape, flops) in zip(reached, ended, strict=True)]
    return calls, counter.get_total_flops() // 2


def _shape(output: object) -> Shape:
    """Without the row, of the first tensor."""
    while isinstance(output, tuple | list) and output:
        output = cast("Sequence[object]", output)[0]
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else None


def _recurrent(module: nn.Module, shape: Shape) -> int:
    """A fused recurrent pass is not counted by torch: each weight is used once per time step."""
    if not isinstance(module, nn.RNNBase):
        return 0
    weights = sum(p.numel() for p in module.parameters() if p.ndim > 1)
    return weights * math.prod((shape or ())[:-1])


def _unrun(model: nn.Module) -> tuple[MappedLayer, ...]:
    found = [(name, m) for name, m in model.named_modules() if _is_leaf(m)]
    return tuple(
        MappedLayer(name or ".", type(m).__name__, None, sum(p.numel() for p in m.parameters()), None)
        for name, m in found
    )


def _is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None


def _few(names: list[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
