"""Maps of a spatial layer, laid over the picture."""

from __future__ import annotations

import dataclasses

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import (
    Batch,
    Compute,
    Explanation,
    InputSpec,
    Question,
    Straight,
    TargetLike,
    activations,
    not_inputs,
    sites,
)
from pellucid.errors import MethodError


def spatial(
    method: str,
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    at: str | None,
    spec: InputSpec | None,
) -> tuple[str, Tensor]:
    """The spatial layer that is meant and the picture that its map is laid over."""
    if not isinstance(inputs, Tensor | Batch):
        raise not_inputs(inputs, model)
    try:
        picture = the_picture(method, inputs if isinstance(inputs, Tensor) else dict(inputs.varied))
        return (_last_spatial(method, model, inputs) if at is None else at), picture.detach()
    except MethodError as error:
        raise MethodError(f"{error}{Question(model, inputs, target, spec=spec).instead}") from error


def picture_of(method: str, q: Question) -> Tensor:
    """The one picture among the varied inputs of a question."""
    try:
        return the_picture(method, q.given)
    except MethodError as error:
        raise MethodError(f"{error}{q.instead}") from error


def map_at(method: str, q: Question, at: str) -> Tensor:
    """The activation at a site, which has to be a map."""
    if q.point.ndim != 4 or q.point.shape[-2:].numel() < 2 or not q.point.is_floating_point():
        raise MethodError(
            f"{method} lays parts out over a map [N, C, h, w] larger than 1×1, and at {at!r} the activation "
            f"is {list(q.point.shape)}: nothing there has a place.{q.instead}"
        )
    return q.point


def the_picture(method: str, given: Tensor | dict[str, Tensor]) -> Tensor:
    """The one picture among the varied inputs."""
    if isinstance(given, dict):
        if len(given) > 1:
            raise MethodError(
                f"{method} lays its map over one picture, got {len(given)} varied inputs "
                f"({', '.join(given)}). Name the others in held= of the Batch."
            )
        (given,) = given.values()
    if given.ndim != 4:
        raise MethodError(f"{method} needs pictures [N, C, H, W], got {list(given.shape)}.")
    return given


def laid(
    method: str,
    q: Question | Straight,
    found: Tensor,
    picture: Tensor,
    layer: str,
    *,
    at: str | None,
    relu: bool,
) -> Explanation:
    """The answer whose values are the map ``[N, 1, h, w]``, enlarged; ``at`` is the layer that was named."""
    found = found.relu() if relu else found
    _, channels, *size = picture.shape
    values = F.interpolate(found, size, mode="bilinear", align_corners=False)
    if channels > 1:
        values = (values / channels).expand(-1, channels, -1, -1)
    values = values if values.shape == q.packed.shape else values.reshape(q.packed.shape)
    height, width = found.shape[-2:]
    note = f"Map of {layer!r} ({height}×{width}), enlarged to {size[0]}×{size[1]}."
    if not all(found.flatten(1).any(1).tolist()):
        note += " For some rows the map is empty: this layer gives no evidence for their target."
    why = q.answer(method, values, {"at": layer, "relu": relu}, note=note, over="inputs")
    if at is not None:
        return why
    # one row went through to find the layer
    counted = dataclasses.replace(why.provenance, forward=why.provenance.forward + 1)
    return dataclasses.replace(why, provenance=counted)


def is_map(method: str, layer: str, seen: Tensor) -> None:
    """Raise where an activation is no map."""
    if seen.ndim != 4 or seen.shape[-2:].numel() < 2:
        raise MethodError(
            f"{method} needs a layer with a map [N, C, h, w] larger than 1×1; at {layer!r} the activation "
            f"is {list(seen.shape)}. Leave at= away to take the last such layer."
        )


def _last_spatial(method: str, model: nn.Module, inputs: Tensor | Batch) -> str:
    """Site of the last activation that is a map; found by one pass of one row."""
    rows = activations(model, inputs, [], compute=Compute(batch_size=1))
    shapes = {r.site: r.shape or () for r in sites(model, lambda: next(rows)) if r.site != "."}
    found = [site for site, s in shapes.items() if len(s) == 4 and s[0] == 1 and min(s[-2:]) > 1]
    if not found:
        raise MethodError(f"{method} needs a layer with a map [N, C, h, w]; {type(model).__name__} has none.")
    return found[-1]
