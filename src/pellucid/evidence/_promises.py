"""What every attribution method promises: one function for each promise, raising where it is broken."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, load, percent, predict, save
from pellucid.errors import CancelledError, InputError, MethodError, SiteError, TargetError
from pellucid.evidence._specimens import Specimen, linear_network, no_trace, refused, require, two_inputs

Method = Callable[..., Explanation]
Linear = Literal["slope", "contribution", "either", "none"]
CLOSE = 1e-9


def is_plain(method: Method) -> None:
    """``(model, inputs, target, *, …, compute=…)`` with a docstring, nothing caught by ``**``."""
    parameters = inspect.signature(method).parameters
    names, kinds = list(parameters), [p.kind for p in parameters.values()]
    require(
        names[:3] == ["model", "inputs", "target"], f"expected (model, inputs, target, *, …), got {names}"
    )
    require(
        all(kind is inspect.Parameter.KEYWORD_ONLY for kind in kinds[3:]), "arguments after target need names"
    )
    require("compute" in names, "there is no compute=")
    require(inspect.getdoc(method), "there is no docstring")


def answers(method: Method, case: Specimen) -> None:
    """Finite values like the inputs, scores of the target, and its own name in the provenance."""
    found = _ask(method, case)
    require(isinstance(found, Explanation), f"expected an Explanation, got {type(found).__name__}")
    require(found.map.shape == case.inputs.shape, f"values have the shape {tuple(found.map.shape)}")
    require(found.map.dtype == case.inputs.dtype, f"values are {found.map.dtype}")
    require(torch.isfinite(found.map).all(), "values are not finite")
    require(not found.map.requires_grad, "values hang on a graph")
    wanted = predict(case.model, case.inputs)[torch.arange(len(case.inputs)), list(case.target)]
    require(torch.allclose(found.scores, wanted), "scores are not the target's values")
    require(torch.equal(found.point, case.inputs), "the inputs inside are not those that were given")
    require(found.provenance.method == method.__name__, f"the provenance names {found.provenance.method!r}")
    require(found.provenance.forward > 0, "the provenance counts no passes")
    if isinstance(found.stderr, Tensor):
        require(bool((found.stderr >= 0).all()), "the standard error is not a number above zero")


def leaves_no_trace(method: Method, case: Specimen) -> None:
    """Flags, weights, buffers, gradients, hooks, random state and inputs stay to the bit."""
    for wants in (False, True):
        case.inputs.requires_grad_(wants)
        with no_trace(case):
            _ask(method, case)


def survives_errors(method: Method, case: Specimen) -> None:
    """A network that raises ends in a MethodError with its words, and everything is put back."""
    for fatal in (1, 2, 3):
        seen = [0]

        def fail(module: nn.Module, args: object, seen: list[int] = seen, fatal: int = fatal) -> None:
            seen[0] += 1
            if seen[0] == fatal:
                raise ValueError("broken in the middle")

        handle = case.last.register_forward_pre_hook(fail)
        try:
            with no_trace(case):
                if fatal == 1:
                    refused(MethodError, lambda: _ask(method, case), "broken in the middle")
                else:
                    _may_fail(lambda: _ask(method, case, batch_size=2))
        finally:
            handle.remove()


def any_batch_size(method: Method, case: Specimen) -> None:
    """The chunk never shows."""
    whole = _ask(method, case)
    for size in (1, 3, 7):
        _equal(whole, _ask(method, case, batch_size=size), f"batch_size={size}")


def goes_on_in_halves(method: Method, case: Specimen) -> None:
    """Where more than three rows do not fit, the answer is the same."""
    whole = _ask(method, case)

    def fits(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if len(args[0]) > 3:
            raise torch.OutOfMemoryError("simulated: out of memory")

    handle = case.last.register_forward_pre_hook(fits)
    try:
        with no_trace(case):
            _equal(whole, _ask(method, case), "running out of memory")
    finally:
        handle.remove()


def any_row_order(method: Method, case: Specimen) -> None:
    """A row's explanation depends on that row alone."""
    whole, order = _ask(method, case), torch.tensor([3, 0, 4, 2, 1])
    turned = method(case.model, case.inputs[order], [case.target[i] for i in order.tolist()])
    _equal(whole.rows(order), turned, "another order of rows")
    single = method(case.model, case.inputs[2:3], case.target[2])
    _equal(whole.row(2), single, "explaining one row alone")


def repeats(method: Method, case: Specimen) -> None:
    """The seed is the only source of chance, and it is written down."""
    first = _ask(method, case, seed=5)
    require(torch.equal(first.map, _ask(method, case, seed=5).map), "two runs under one seed differ")
    require(first.provenance.seed == 5, f"the provenance says seed {first.provenance.seed}")


def replays(method: Method, case: Specimen) -> None:
    """Called with what its provenance holds, it gives the same values."""
    first = _ask(method, case, seed=3)
    made, known = first.provenance, inspect.signature(method).parameters
    unknown = set(made.params) - set(known)
    require(not unknown, f"the provenance has params that the method does not take: {sorted(unknown)}")
    again = method(case.model, case.inputs, list(case.target), compute=Compute(seed=made.seed), **made.params)
    require(torch.equal(first.map, again.map), "calling it with its provenance gives other values")
    require(made.model == again.provenance.model, "the network's hash differs between two runs")
    require(made.inputs == again.provenance.inputs, "the inputs' hash differs between two runs")


def is_stored(method: Method, case: Specimen) -> None:
    """Written and read back equal to the bit."""
    first = _ask(method, case)
    with tempfile.TemporaryDirectory() as folder:
        read = load(save(first, Path(folder) / "why.safetensors"))
    require(isinstance(read, Explanation), f"it came back as {type(read).__name__}")
    require(torch.equal(first.map, cast("Explanation", read).map), "values differ after storing")


def any_grad_mode(method: Method, case: Specimen) -> None:
    """Under ``no_grad`` and ``inference_mode`` of the caller the answer is the same."""
    modes: tuple[AbstractContextManager[object], ...] = (torch.no_grad(), torch.inference_mode())
    whole = _ask(method, case)
    for mode in modes:
        with mode:
            inside = method(case.model, case.inputs.clone(), list(case.target))
        _equal(whole, inside, type(mode).__name__)


def adds_up(method: Method, case: Specimen) -> None:
    """The gap, where there is one, is ``score - reference - sum of values``."""
    found = _ask(method, case)
    if found.gap is None or found.reference is None:
        require(found.gap is None and found.reference is None, "gap and reference go together")
        return
    left = found.scores - found.reference - found.map.flatten(1).sum(1)
    require(torch.allclose(found.gap, left), "the gap is not what the sum leaves over")


def small_gap(method: Method, case: Specimen, gap: float) -> None:
    """The gap is a small share of the differences it explains."""
    found = _ask(method, case)
    if found.gap is None or found.reference is None:
        return
    share = float(found.gap.abs().max() / (found.scores - found.reference).abs().max())
    require(
        share <= gap, f"the gap is {percent(share)} of the largest difference, allowed are {percent(gap)}"
    )


def refuses_inputs(method: Method, case: Specimen) -> None:
    """No rows, NaN, another number type, no network: each an InputError, and nothing changed."""
    broken = case.inputs.clone()
    broken[1] = float("nan")
    wrong: tuple[object, ...] = (case.inputs[:0], broken, case.inputs.float(), case.inputs.tolist())
    with no_trace(case):
        for inputs in wrong:
            refused(InputError, lambda inputs=inputs: method(case.model, inputs, 0))
        refused(InputError, lambda: method(len, case.inputs, 0))
        narrow = case.inputs[:, :1]
        refused((InputError, MethodError), lambda: method(case.model, narrow, 0))


def refuses_targets(method: Method, case: Specimen) -> None:
    """Outputs and layers that do not exist, with near misses for layers."""
    wrong: tuple[object, ...] = (99, -1, "cat", None, [0, 1], [0, 1, 2, 0, 99])
    with no_trace(case):
        for target in wrong:
            refused(TargetError, lambda target=target: method(case.model, case.inputs, target))
        if "at" in inspect.signature(method).parameters:
            refused(SiteError, lambda: method(case.model, case.inputs, 0, at="nowhere"), "nowhere")


def cancels(method: Method, case: Specimen) -> None:
    """Progress runs up to its total; raising in it ends the work and leaves no trace."""
    seen: list[tuple[int, int]] = []
    method(case.model, case.inputs, 0, compute=Compute(2, progress=lambda d, t: seen.append((d, t))))
    require(seen and seen[-1][0] == seen[-1][1], f"progress ended at {seen[-1:]}")
    require(all(0 < done <= total for done, total in seen), "progress counts beyond its total")

    def stop(done: int, total: int) -> None:
        raise CancelledError("enough")

    with no_trace(case):
        refused(
            CancelledError,
            lambda: method(case.model, case.inputs, 0, compute=Compute(2, progress=stop)),
            "enough",
        )


def explains_hidden(method: Method, case: Specimen) -> None:
    """With ``at=`` values are like the activation there, or like the inputs if a map was laid over them."""
    if "at" not in inspect.signature(method).parameters:
        return
    with no_trace(case):
        found = method(case.model, case.inputs, list(case.target), at=case.hidden)
    require(
        found.map.shape == found.point.shape,
        f"values {tuple(found.map.shape)} for {tuple(found.point.shape)}",
    )
    require(torch.isfinite(found.map).all(), "values are not finite")
    named = (found.provenance.at, found.provenance.params.get("at"))
    require(case.hidden in named, f"the provenance does not name {case.hidden!r}")


def exact_on_linear(method: Method, linear: Linear) -> None:
    """On ``w · x + c`` values are the slope or the contribution."""
    model, x = linear_network()
    try:
        found = method(model, x, 1)
    except MethodError:
        return
    slope = model.weight.detach()[1].expand_as(x)
    far = {"slope": _far(slope, found.map), "contribution": _far(slope * x, found.map)}
    if found.gap is not None:
        require(far["contribution"] < CLOSE, f"it reports a gap but is {far['contribution']:.1e} off w · x")
    if linear == "none":
        return
    wanted = min(far.values()) if linear == "either" else far[linear]
    require(
        wanted < CLOSE,
        f"values are {wanted:.1e} off the {linear if linear != 'either' else 'slope and w · x'}",
    )


def explains_several(method: Method) -> None:
    """Values of a Batch come back under its names, row by row with what goes along."""
    model, batch = two_inputs()
    try:
        found = method(model, batch, 1)
    except MethodError:
        return
    values = found.values
    if not isinstance(values, Mapping):
        raise AssertionError(f"values of a Batch came back as a {type(values).__name__}")
    shapes = {name: part.shape for name, part in values.items()}
    require(
        shapes == {name: part.shape for name, part in batch.varied.items()}, f"values have shapes {shapes}"
    )
    order = torch.tensor([4, 2, 0, 1, 3])
    varied = {name: part[order] for name, part in batch.varied.items()}
    turned = method(model, Batch(varied, {name: part[order] for name, part in batch.held.items()}), 1)
    _equal(found.rows(order), turned, "another order of rows")


def _ask(method: Method, case: Specimen, *, batch_size: int = 64, seed: int = 0) -> Explanation:
    return method(case.model, case.inputs, list(case.target), compute=Compute(batch_size, seed=seed))


def _far(wanted: Tensor, got: Tensor) -> float:
    return float((wanted - got).abs().max()) / (float(wanted.abs().max()) or 1.0)


def _flat(found: Explanation) -> Tensor:
    parts = [found.values] if isinstance(found.values, Tensor) else list(found.values.values())
    return torch.cat([part.flatten(1) for part in parts], 1)


def _equal(a: Explanation, b: Explanation, what: str) -> None:
    far = _far(_flat(a), _flat(b))
    require(far < CLOSE, f"{what} changes values by {far:.1e} of the largest")


def _may_fail(call: Callable[[], object]) -> None:
    try:
        call()
    except MethodError as error:
        require(
            "broken in the middle" in str(error), f"the MethodError hides the network's own words: {error}"
        )
