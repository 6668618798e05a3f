"""Values as JSON: fields by name, tensors as nested lists, numbers that are not finite as null."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pellucid._core import Json


def to_json(value: object) -> Json:
    """A JSON twin of any value of ours.

    Example:
        >>> import torch
        >>> to_json({"scores": torch.tensor([1.0, float("nan")])})
        {'scores': [1.0, None]}
    """
    from torch import Tensor

    from pellucid._core import Fingerprint, InputSpec

    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Tensor):
        return to_json(value.tolist())
    if isinstance(value, Fingerprint):
        return str(value)
    if isinstance(value, InputSpec):
        # background rows and normalisation belong to the run folder, not to every result
        return {"kind": type(value).__name__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Iterable):
        return [to_json(part) for part in cast("Iterable[object]", value)]
    return str(value)
