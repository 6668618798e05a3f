"""Which layers a pass reaches, and the untrained twin that stands beside them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from pellucid._core import (
    Batch,
    Compute,
    InputSpec,
    Reached,
    activations,
    sites,
    untouched,
    untrained,
)
from pellucid._core._units import unit_axis
from pellucid.errors import InputError, MethodError, SiteError, near_misses
from pellucid.inputs import TextSpec

CALIBRATE = 500


def count_of(inputs: Tensor | Batch) -> int:
    """Number of rows."""
    if isinstance(inputs, Batch):
        return inputs.rows
    if not isinstance(inputs, Tensor):
        raise InputError(f"Expected a tensor [N, …] or a Batch, got {type(inputs).__name__}.")
    return len(inputs)


def refuse_answers(answers: Tensor, count: int) -> None:
    """Raise :class:`InputError` where answers are no class numbers, one for each row."""
    if not isinstance(answers, Tensor):
        raise InputError(
            f"answers: expected class numbers int64 [{count}], got {type(answers).__name__}. "
            "Say torch.as_tensor(answers)."
        )
    if answers.is_floating_point() or answers.shape != (count,):
        raise InputError(
            f"answers: expected class numbers int64 [{count}], got {answers.dtype} {list(answers.shape)}."
        )


def refuse_sets(sets: object) -> None:
    """Raise :class:`InputError` where these are no concepts by name, or none."""
    if not isinstance(sets, Mapping) or not sets:
        got = "none" if isinstance(sets, Mapping) else type(sets).__name__
        raise InputError(
            f'sets: expected inputs for at least one concept, such as {{"striped": inputs}}, got {got}.'
        )


def rows_of(inputs: Tensor | Batch, index: Tensor | slice) -> Tensor | Batch:
    """The rows that a bool or int64 index or a slice names."""
    if isinstance(inputs, Tensor):
        return inputs[index.to(inputs.device) if isinstance(index, Tensor) else index]
    return Batch(
        {name: part[index] for name, part in inputs.varied.items()},
        {name: part[index] for name, part in inputs.held.items()},
        inputs.shared,
    )


def along(inputs: Tensor | Batch, spec: InputSpec | None) -> Tensor | Batch:
    """Inputs with what the spec says the network wants beside them, such as an attention mask.

    Example:
        >>> from pellucid.inputs import ImageSpec
        >>> along(torch.zeros(2, 1, 3, 3), ImageSpec()).shape
        torch.Size([2, 1, 3, 3])
    """
    if spec is None or isinstance(inputs, Batch):
        return inputs
    name, beside = spec.companions(inputs)
    return Batch({name: inputs}, beside) if name else inputs


def tokens_of(inputs: Tensor | Batch, spec: InputSpec | None) -> Tensor | None:
    """Where texts hold a token and no padding, bool ``[N, T]``; ``None`` for what is no text."""
    if not isinstance(spec, TextSpec) or spec.pad is None:
        return None
    ids = inputs if isinstance(inputs, Tensor) else next(iter(inputs.varied.values()))
    real = (ids != spec.pad).cpu()
    real[:, 0] |= ~real.any(1)  # an empty text is its first padding
    return real


def flat(model: nn.Module, activation: Tensor, real: Tensor | None, site: str = "") -> Tensor:
    """One row of numbers per input; of texts the mean over their tokens, whatever their length.

    ``real`` bool ``[b, T]`` says of these rows where tokens are; a layer with another number of positions is
    averaged over all of them.

    Example:
        >>> flat(nn.Identity(), torch.ones(2, 5, 3), None).shape
        torch.Size([2, 15])
    """
    if real is None or activation.ndim != 3:
        return activation.reshape(len(activation), -1)
    axis = unit_axis(model, activation, site)
    steps = activation.movedim(axis, 2)
    if steps.shape[1] != real.shape[1]:
        return steps.mean(1)
    weight = real.to(activation)[:, :, None]
    return (steps * weight).sum(1) / weight.sum(1)


def largest(found: Tensor, real: Tensor | None) -> Tensor:
    """The largest value over positions of ``[b, units, positions]``; of texts over their tokens alone."""
    if real is not None and found.shape[2] == real.shape[1]:
        found = found.masked_fill(~real.to(found.device)[:, None], float("-inf"))
    return found.amax(2)


def calls(model: nn.Module, inputs: Tensor | Batch, how: Compute) -> tuple[Reached, ...]:
    """Every call while two rows pass; their number tells the row axis."""
    few = rows_of(inputs, slice(0, 2))

    def run() -> None:
        for _ in activations(model, few, (), compute=Compute(2, how.seed, how.device)):
            pass

    with untouched(model):
        return sites(model, run, called=True)


def leaves(found: Sequence[Reached]) -> tuple[list[Reached], list[str]]:
    """Calls of modules that call no other, and of functions; and what is left out, in words.

    Of recurrent layers the output, the last state and the last cell are listed, of attention the output.
    """
    found = [call for call in found if ".parametrizations." not in f".{call.site}"]
    reached = {id(call.module) for call in found if not is_function(call)}
    last = [call for call in found if _is_last(call, reached, whole=found[-1].module if found else None)]
    plain: list[Reached] = []
    other: set[str] = set()
    for call in last:
        parts = [call] if call.shape is not None else _parts(call)
        # rows of measures need a row axis and at least one number per row
        some = [part for part in parts if part.shape and math.prod(part.shape)]
        plain += some
        # what gives no tensor at all is no layer
        other |= set() if some or not (call.shape or call.items) else {call.site}
    if not plain:
        raise InputError(
            "The network is one piece that lets nobody look inside (scripted or traced: open it as it was "
            "before), or it has no hidden layers (what an additive one adds up: pellucid shapes)."
        )
    notes = [f"Not listed, for they give more than one tensor: {_counted(other)}."] if other else []
    packed = [call.site for call in last if isinstance(call.module, nn.RNNBase) and 0 not in call.items]
    if packed:
        notes.append(
            f"Only the last state of {', '.join(packed)} is listed: the output is a packed sequence."
        )
    return plain, notes


def _counted(names: set[str]) -> str:
    """Modules by name, and how many of their calls where there are several."""
    times = Counter(name.partition("#")[0] for name in names)
    return ", ".join(f"{name} ({n} calls)" if n > 1 else name for name, n in sorted(times.items()))


def repeating(found: Sequence[Reached]) -> set[str]:
    """Functions that give what the module they are in gives, such as ``relu()`` of an ``nn.ReLU``."""
    reached = {id(call.module) for call in found if not is_function(call)}
    whole = found[-1].module if found else None
    return {call.site for call in found if is_function(call) and not _is_last(call, reached, whole)}


def _is_last(call: Reached, reached: set[int], whole: nn.Module | None) -> bool:
    """Whether nothing inside has a line of its own, and it is not all that the line of a module says."""
    calls_none = not any(id(m) in reached for m in call.module.modules() if m is not call.module)
    if not is_function(call):
        return calls_none
    return not calls_none or call.module is whole or "heads()" in call.site


def is_function(call: Reached) -> bool:
    """Whether it is a function that a forward calls, and no module."""
    return call.kind.endswith("()")


def _parts(call: Reached) -> list[Reached]:
    """What a recurrent or attention layer gives, part by part."""
    if not isinstance(call.module, nn.RNNBase | nn.MultiheadAttention):
        return []
    keys = [0] if isinstance(call.module, nn.MultiheadAttention) else [0, "h", "c"]
    return [
        replace(call, site=f"{call.site}[{key}]", shape=call.items[key]) for key in keys if key in call.items
    ]


def chosen_sites(
    model: nn.Module, inputs: Tensor | Batch, wanted: Sequence[str] | None, how: Compute
) -> tuple[dict[str, int], list[str]]:
    """Layers with the numbers that each gives per row, in the order asked or of the pass; and notes."""
    found = calls(model, inputs, how)
    if wanted is None:
        plain, notes = leaves(found)
        return {call.site: math.prod((call.shape or ())[1:]) for call in plain}, notes
    if isinstance(wanted, str) or not wanted:
        raise SiteError(f"sites: expected layer names, such as ['conv1', 'fc'], got {wanted!r}.")
    sizes = {call.site: math.prod((call.shape or ())[1:]) for call in found}
    bare = {site.split(":")[0].split("#")[0].split("[")[0] for site in sizes}
    for site in wanted:
        if site.split(":")[0].split("#")[0].split("[")[0] not in bare:
            raise SiteError(f"No pass reaches a layer {site!r}. {near_misses(site, list(sizes)[:-1])}")
    return {site: sizes.get(site, 0) for site in dict.fromkeys(wanted)}, []


def twin_of(model: nn.Module, inputs: Tensor | Batch, how: Compute, notes: list[str]) -> nn.Module | None:
    """An untrained copy with statistics from these inputs; ``None`` and a note where there can be none."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    calibrate = inputs[:CALIBRATE].to(device) if isinstance(inputs, Tensor) else None
    try:
        return untrained(model, seed=how.seed, calibrate=calibrate)
    except MethodError as error:
        notes.append(f"No untrained twin: {error}")
        return None


def part_of(how: Compute, number: int, of: int) -> Compute:
    """Progress of one of several passes of equal length."""
    return replace(how, progress=lambda done, total: how.progress(number * total + done, of * total))
