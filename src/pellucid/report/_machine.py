"""The same facts for machines, inside the page."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor

from pellucid._core import Dataset, Explanation, Fingerprint, InputSpec, Json
from pellucid.report._dossier import Dossier

SCHEMA = "pellucid/dossier/2"
FEW = 400


def script(dossier: Dossier) -> str:
    """A JSON document that no browser runs; ``<`` is written so that nothing can end it early."""
    code = json.dumps(machine(dossier), ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )
    return f'<script type="application/json" id="pellucid-dossier">{code}</script>'


def machine(dossier: Dossier) -> dict[str, Json]:
    """All that the page tells, as JSON; ``pellucid report --json`` prints the same."""
    return {"schema": SCHEMA, "dossier": as_json(dossier)}


def as_json(value: object) -> Json:
    """A value as JSON; large tensors as their shape, data and explanations as what they say.

    Example:
        >>> as_json({"a": (1, float("nan"))})
        {'a': [1, None]}
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Tensor):
        return as_json(value.tolist()) if value.numel() <= FEW else {"shape": list(value.shape)}
    if isinstance(value, Dataset):
        kept = {"name": value.name, "rows": len(value), "classes": value.classes, "answer": value.answer}
        return as_json({**kept, "unit": value.unit, "notes": value.notes, "source": value.source})
    if isinstance(value, Explanation):
        return _explanation(value)
    if isinstance(value, InputSpec):
        return type(value).__name__
    if isinstance(value, Fingerprint):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): as_json(part) for name, part in cast("Mapping[object, object]", value).items()}
    if dataclasses.is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Sequence):
        return [as_json(part) for part in cast("Sequence[object]", value)]
    return str(value)


def _explanation(value: Explanation) -> Json:
    made = value.provenance
    return as_json(
        {
            "method": made.method,
            "target": made.target,
            "at": made.at,
            "params": made.params,
            "scores": value.scores,
            "gap": value.gap,
            "values": value.values,
            "cards": value.cards,
        }
    )
