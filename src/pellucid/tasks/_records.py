"""Explanations as rows of a table, and back: one record per explained row, method and target."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from pellucid._core import PARTS, Card, Dataset, Explanation, Json, Provenance
from pellucid._core._explanation import note_of_all
from pellucid._core._store import packed, unpacked
from pellucid.errors import StoreError

Arrow = Any  # pyarrow has no types, and is an extra
NAMED = 512  # parts that get a column of their own each
ABOUT, VALUE = b"pellucid", b"pellucid.explanations"


def table_of(data: Dataset, rows: Tensor, why: Explanation) -> Arrow:
    """Explanations of some rows of a data set as a table; its rows are ``rows`` of the data set.

    Columns: ``row``, ``part`` of the data, ``method``, ``target``, ``class``, ``class_name``, ``score``,
    ``reference``, ``gap``, ``bound``, ``verdict``, ``agreement`` with ``low``, ``high`` and ``p``, ``note``,
    ``forward`` and ``backward`` rows of the network for this row's group, ``values``, ``stderr``, ``inputs``
    (flat lists), ``value: NAME`` for each named part of a table row, and ``card`` (JSON).
    """
    import pyarrow as pa

    n, made = len(why), why.provenance
    first = [card.checks[0] if card.checks else None for card in why.cards] or [None] * n
    columns: dict[str, Arrow] = {
        "row": pa.array(rows.tolist(), pa.int64()),
        "part": pa.array([PARTS[int(part)] for part in data.parts[rows]], pa.string()),
        "method": pa.array([made.method] * n, pa.string()),
        "target": pa.array([made.target] * n, pa.string()),
        "class": pa.array(_classes(why), pa.int64()),
        "class_name": pa.array(_class_names(why), pa.string()),
        **{name: _numbers(getattr(why, name), n) for name in ("scores", "reference", "gap", "bound")},
        "verdict": pa.array([card.verdict for card in why.cards] or [None] * n, pa.string()),
        "agreement": pa.array([c and c.value for c in first], pa.float64()),
        "low": pa.array([c and c.low for c in first], pa.float64()),
        "high": pa.array([c and c.high for c in first], pa.float64()),
        "p": pa.array([c and c.p for c in first], pa.float64()),
        "note": pa.array([why.note_of(i) for i in range(n)], pa.string()),
        "forward": pa.array([made.forward] * n, pa.int64()),
        "backward": pa.array([made.backward] * n, pa.int64()),
        **_by_part(why),
        "values": _lists(why.map),
        "stderr": _lists(why.stderr) if isinstance(why.stderr, Tensor) else pa.nulls(n, _list_type(why.map)),
        "inputs": _lists(why.point),
        "card": pa.array([json.dumps(dataclasses.asdict(c)) for c in why.cards] or [None] * n, pa.string()),
    }
    return pa.table(columns).rename_columns(["score" if n == "scores" else n for n in columns])


def described(table: Arrow, settings: Mapping[str, Json], found: Sequence[Explanation]) -> Arrow:
    """The table with what its rows have in common, from which :func:`explanation_of` makes values again."""
    common = {_key(why.provenance): _common(why) for why in found}
    about = json.dumps({"settings": dict(settings)}).encode()
    return table.replace_schema_metadata({ABOUT: about, VALUE: base64.b64encode(packed(common))})


def _key(made: Provenance) -> str:
    return f"{made.method} of {made.target}"


def _common(why: Explanation) -> Explanation:
    """The explanation without rows and without what differs from one time to the next."""
    timeless = dataclasses.replace(why.provenance, seconds=0.0)
    nothing = dataclasses.replace(why.rows(torch.arange(0)), provenance=timeless, note="", cards=())
    try:
        packed(nothing.spec)
    except StoreError:
        # a spec may hold a function of the user's, such as a tokenizer
        return dataclasses.replace(nothing, spec=None)
    return nothing


def explanation_of(table: Arrow, name: str) -> Explanation:
    """The value that rows of one method and target came from; ``name`` says in errors where from."""
    about_of(table.schema, name)
    common = cast("dict[str, object]", unpacked(base64.b64decode(table.schema.metadata[VALUE]), name))
    first = {field: table.column(field)[0].as_py() for field in ("method", "target", "forward", "backward")}
    nothing = common.get(f"{first['method']} of {first['target']}")
    if not isinstance(nothing, Explanation):
        raise StoreError(f"{name} holds no explanation by {first['method']} of {first['target']}.")
    n, like = len(table), nothing.scores
    provenance = dataclasses.replace(nothing.provenance, forward=first["forward"], backward=first["backward"])

    def numbers(field: str) -> Tensor | None:
        column = table.column(field)
        return None if column.null_count == n else torch.tensor(column.to_pylist(), dtype=like.dtype)

    def block(field: str, like: Tensor) -> Tensor | None:
        column = table.column(field)
        if column.null_count == n:
            return None
        flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return torch.from_numpy(flat.copy()).to(like.dtype).view(n, *like.shape[1:])

    classes, notes = table.column("class"), table.column("note").to_pylist()
    cards = [card_of(text) for text in table.column("card").to_pylist() if text is not None]
    return dataclasses.replace(
        nothing,
        values=block("values", nothing.map),
        inputs=block("inputs", nothing.point),
        stderr=block("stderr", nothing.map),
        scores=numbers("score"),
        reference=numbers("reference"),
        gap=numbers("gap"),
        bound=numbers("bound"),
        classes=None if classes.null_count == n else torch.tensor(classes.to_pylist()),
        cards=tuple(cards),
        note=note_of_all(notes),
        row_notes=tuple(notes) if len(set(notes)) > 1 else (),
        provenance=provenance,
    )


def about_of(schema: Arrow, name: str) -> dict[str, Json]:
    """The settings; raises :class:`StoreError` where the file is not ours."""
    held = schema.metadata or {}
    if ABOUT not in held or VALUE not in held:
        raise StoreError(f"{name} is a Parquet file but not one of explanations that pellucid wrote.")
    return cast("dict[str, Json]", json.loads(held[ABOUT]))


def card_of(text: str) -> Card:
    """A card from its JSON."""
    from pellucid._core import Check

    held = json.loads(text)
    checks = tuple(Check(**check) for check in held.pop("checks"))
    return Card(checks=checks, **held)


def _classes(why: Explanation) -> list[int | None]:
    if why.classes is None:
        return [None] * len(why)
    return [None if k < 0 else k for k in why.classes.tolist()]


def _class_names(why: Explanation) -> list[str | None]:
    names = why.class_names
    return [names[k] if k is not None and k < len(names) else None for k in _classes(why)]


def _numbers(column: Tensor | None, n: int) -> Arrow:
    import pyarrow as pa

    return pa.array([None] * n if column is None else column.double().tolist(), pa.float64())


def _list_type(block: Tensor) -> Arrow:
    import pyarrow as pa

    kinds = {torch.float64: pa.float64(), torch.int64: pa.int64(), torch.int32: pa.int32()}
    return pa.list_(kinds.get(block.dtype, pa.float32()), block[0].numel())


def _lists(block: Tensor) -> Arrow:
    import pyarrow as pa

    kind = _list_type(block)
    exact = block.float() if block.dtype in (torch.float16, torch.bfloat16, torch.bool) else block
    return pa.FixedSizeListArray.from_arrays(exact.detach().cpu().flatten().numpy(), type=kind)


def _by_part(why: Explanation) -> dict[str, Arrow]:
    """What each named part of a row of a table was worth."""
    spec, shape = why.spec, why.map.shape
    if spec is None or len(shape) != 2 or why.point.shape != shape or not why.point.is_floating_point():
        return {}
    names, groups = spec.group_names(why.point), spec.groups(why.point)
    if not 0 < len(names) <= NAMED or groups.shape != shape[1:]:
        return {}
    summed = why.map.new_zeros(len(why), len(names), dtype=torch.float64)
    summed.index_add_(1, groups.to(summed.device), why.map.double())
    return {f"value: {name}": _numbers(summed[:, k], len(why)) for k, name in enumerate(names)}
