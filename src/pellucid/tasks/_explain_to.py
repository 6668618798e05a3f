"""A whole data set explained into a Parquet file: bounded memory, and going on where it was stopped."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from pellucid._core import (
    Compute,
    Explanation,
    Json,
    Subject,
    TargetLike,
    inputs_hash,
    model_hash,
    only_subject,
)
from pellucid._core._store import write_bytes
from pellucid._version import __version__
from pellucid.errors import InputError, StoreError
from pellucid.tasks._explain import Method, best_method
from pellucid.tasks._records import Arrow, about_of, described, explanation_of, table_of
from pellucid.tasks._rows import rows_named
from pellucid.tasks._several import explain_several, target_named
from pellucid.tasks._shards import shard_of, work_of

PLAN = "plan.json"


def explain_to(
    path: str | Path,
    subject: Subject,
    rows: str | Sequence[int] | Tensor = "all",
    *,
    methods: Sequence[str | Method] = (),
    targets: Sequence[TargetLike | str] = (),
    cards: bool = True,
    shard: int | None = None,
    compute: Compute | None = None,
) -> Path:
    """Explain many rows of the subject's data into a Parquet file, shard by shard.

    Stopped in the middle, even by force, the same call goes on after the last finished shard and ends with
    the same bytes as an uninterrupted one.

    Args:
        path: ``….parquet`` for one file, else a folder of shards.
        subject: a network with data.
        rows: ``"all"``, ``"train"``, ``"validation"``, ``"test"``, ranges such as ``"0-99,200"``, or numbers;
            those of the data set.
        methods: names or functions; left out, the one that evidence supports best.
        targets: class numbers or names, targets or functions; left out, each row's top class.
        cards: whether to test each explanation.
        shard: rows that are explained and kept at once: what a kill loses. ``None`` is about ten seconds of
            work, 32 to 256 rows, fewer where inputs are large; counted, not measured, so that the same call
            has the same shards everywhere. It shapes the cards, whose maps of other inputs are those of the
            shard.
        compute: how to run; its ``progress`` counts rows of the data set.

    Returns:
        The path. :func:`load_explanations` reads it back.

    Raises:
        InputError, MethodError, TargetError: where rows, methods or targets do not fit.
        StoreError: where pyarrow is missing, the file cannot be written, or what lies there was made with
            other settings.
        CancelledError: where ``compute.progress`` raises it; finished shards are kept.

    Cost:
        That of :func:`explain_several` for each shard. Memory: one shard.

    Limits:
        The batch size is no setting: where it changes between two parts, values may differ by rounding.

    Example:
        >>> import pellucid, tempfile
        >>> data = (torch.rand(80, 4), torch.tensor([0, 1] * 40))
        >>> subject = pellucid.open(torch.nn.Linear(4, 2), data=data)
        >>> file = tempfile.mkdtemp() + "/why.parquet"
        >>> file = pellucid.explain_to(file, subject, "0-9", methods=["saliency"], cards=False)
        >>> [(numbers.tolist()[-1], len(why)) for numbers, why in pellucid.load_explanations(file)]
        [(9, 10)]
    """
    only_subject(subject)
    _arrow()
    data, out, how = subject.needs_data("explain_to"), Path(path), compute or Compute()
    chosen = rows_named(data, rows)
    asked = [target_named(subject, one) if isinstance(one, str) else one for one in targets]
    start = how.at(0, len(chosen))
    start.progress(0, 1)
    size = shard
    if size is None:
        each = work_of(
            subject, data.inputs[chosen], methods=methods, targets=asked, cards=cards, compute=start
        )
        size = shard_of(data.inputs, each)
    if size < 1:
        raise InputError(f"shard must be at least 1, got {size}.")
    settings = _settings(subject, chosen, methods, asked, cards, size, how.seed)
    if _finished(out, settings):
        return out
    folder = _folder(out)
    plan = _plan(folder, settings)
    names: Sequence[str | Method] = methods
    if not methods:
        if not plan.get("chosen"):
            best, why = best_method(subject, compute=start)
            plan = {**plan, "chosen": best, "why": why}
        names = [str(plan["chosen"])]
    write_bytes(json.dumps(plan, indent=1).encode(), folder / PLAN)
    files = [folder / f"part-{number:06}.parquet" for number in range(-(-len(chosen) // size))]
    left = [(file, part) for file, part in zip(files, chosen.split(size), strict=True) if not file.exists()]
    done = len(chosen) - sum(len(part) for _, part in left)
    how.progress(done, len(chosen))
    for file, part in left:
        found = explain_several(
            subject,
            data.inputs[part],
            methods=names,
            targets=asked,
            cards=cards,
            compute=how.at(done, len(chosen)),
        )
        _write(file, subject, part, found, plan)
        done += len(part)
        how.progress(done, len(chosen))
    if folder != out:
        _join(folder, out)
        shutil.rmtree(folder)
    return out


def load_explanations(
    path: str | Path, *, damaged: Callable[[str], None] | None = None
) -> Iterator[tuple[Tensor, Explanation]]:
    """Read what :func:`explain_to` wrote, one shard, method and target after the other.

    Args:
        path: the file or folder.
        damaged: where given, shards that are missing or damaged are passed over, and each is told to it in
            one sentence; what survives is read. Left out, the first of them raises.

    Returns:
        Pairs of row numbers of the data set, int64 ``[n]``, and their :class:`Explanation`.

    Raises:
        StoreError: where pyarrow is missing, there is nothing of ours, or a part is missing or damaged.

    Example:
        >>> load_explanations("no/such.parquet")
        Traceback (most recent call last):
        pellucid.errors.StoreError: no/such.parquet does not exist.
    """
    files = [Path(path)] if not Path(path).is_dir() else sorted(Path(path).glob("part-*.parquet"))
    if not files or not files[0].exists():
        raise StoreError(f"{path} does not exist." if not Path(path).is_dir() else f"{path} holds no shards.")
    absent = _absent(Path(path), files)
    if absent and damaged is None:
        raise StoreError(
            f"{absent} Run explain_to again to make them anew, or read the rest with damaged=print."
        )
    return _read(files, absent, damaged)


def _absent(path: Path, files: Sequence[Path]) -> str:
    """Which shards of a folder are missing; ``""`` where none is."""
    if not path.is_dir():
        return ""
    wanted = int(files[-1].stem.removeprefix("part-")) + 1
    with contextlib.suppress(OSError, ValueError, KeyError, AttributeError):
        plan = json.loads((path / PLAN).read_text())
        wanted = max(wanted, -(-int(str(plan["rows"]).split()[0]) // int(plan["shard"])))
    held = {file.name for file in files}
    names = [name for k in range(wanted) if (name := f"part-{k:06}.parquet") not in held]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{path} lacks {', '.join(names[:3])}{more}: {len(names)} of {wanted} shards." if names else ""


def _read(
    files: Sequence[Path], absent: str, damaged: Callable[[str], None] | None
) -> Iterator[tuple[Tensor, Explanation]]:
    if absent and damaged is not None:
        damaged(absent)
    for file in files:
        try:
            opened = _opened(file)
            about_of(opened.schema_arrow, str(file))
            groups = opened.num_row_groups
        except StoreError as error:
            if damaged is None:
                raise
            damaged(f"{error} Passed over.")
            continue
        for group in range(groups):
            try:
                found = _group(opened, group, file)
            except StoreError as error:
                if damaged is None:
                    raise
                damaged(f"{error} Passed over.")
                continue
            yield found


def _group(opened: Arrow, group: int, file: Path) -> tuple[Tensor, Explanation]:
    import pyarrow as pa

    try:
        table = opened.read_row_group(group)
        return torch.tensor(table.column("row").to_pylist()), explanation_of(table, str(file))
    except (pa.ArrowException, OSError) as error:
        words = (str(error).splitlines() or [""])[0]
        raise StoreError(
            f"{file} is damaged in part {group + 1} of {opened.num_row_groups}: {words}."
        ) from error


def _opened(file: Path) -> Arrow:
    _arrow()
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{file} is damaged or no Parquet file: {error}") from error


def _arrow() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise StoreError("Parquet files need pyarrow: pip install 'pellucid[parquet]'.")


def _settings(
    subject: Subject,
    rows: Tensor,
    methods: Sequence[str | Method],
    targets: Sequence[TargetLike],
    cards: bool,
    shard: int,
    seed: int,
) -> dict[str, Json]:
    """Everything that shapes the content, in words that can be compared."""
    data = subject.needs_data("explain_to")
    named: list[Json] = [
        one if isinstance(one, str) else getattr(one, "__name__", "a function") for one in methods
    ]
    return {
        "model": model_hash(subject.model),
        "data": inputs_hash([data.inputs, data.parts]),
        "rows": f"{len(rows)} ({hashlib.sha256(rows.numpy().tobytes()).hexdigest()[:12]})",
        "methods": named or ["best supported"],
        "targets": [getattr(one, "label", str(one)) for one in targets] or ["each row's top class"],
        "evidence": cards,
        "shard": shard,
        "seed": seed,
        "version": __version__,
    }


def _folder(out: Path) -> Path:
    return out.with_name(out.name + ".parts") if out.suffix == ".parquet" else out


def _finished(out: Path, settings: dict[str, Json]) -> bool:
    """Whether the one file lies there, made with the same settings."""
    if out.suffix != ".parquet" or not out.is_file():
        return False
    about = cast("dict[str, Json]", about_of(_opened(out).schema_arrow, str(out))["settings"])
    _same(out, about, settings)
    return True


def _plan(folder: Path, settings: dict[str, Json]) -> dict[str, Json]:
    """The plan of an earlier run that is gone on with, or a new one."""
    file = folder / PLAN
    if folder.is_file():
        raise StoreError(f"{folder} is a file. Name a folder for shards, or a file ending in .parquet.")
    if not file.exists():
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(f"{folder} is not empty and holds no explanations. Name another place.")
        return dict(settings)
    if not any(folder.glob("part-*.parquet")):
        return dict(settings)  # what was begun failed before its first shard
    try:
        plan = cast("dict[str, Json]", json.loads(file.read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise StoreError(f"{file} cannot be read: {error}. Remove the folder to begin anew.") from error
    _same(folder, plan, settings)
    return plan


def _same(place: Path, before: dict[str, Json], now: dict[str, Json]) -> None:
    changed = [name for name in now if before.get(name) != now[name]]
    if changed:
        told = "; ".join(f"{name} {_short(before.get(name))}, now {_short(now[name])}" for name in changed)
        raise StoreError(
            f"{place} was made with other settings: {told}. "
            "Use the same ones, name another place, or remove it."
        )


def _short(value: Json) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


def _write(
    file: Path, subject: Subject, rows: Tensor, found: Sequence[Explanation], plan: dict[str, Json]
) -> None:
    data, held = subject.needs_data("explain_to"), io.BytesIO()
    first = described(table_of(data, rows, found[0]), plan, found)
    with _writer(held, first.schema) as writer:
        for why in found:
            # a row group for each, so that each is read back as one value
            writer.write_table(table_of(data, rows, why).cast(first.schema), row_group_size=len(rows))
    write_bytes(held.getvalue(), file)


def _writer(to: object, schema: object) -> Arrow:
    import pyarrow.parquet as pq

    # values hardly repeat, so a dictionary of them would only be larger
    return pq.ParquetWriter(to, schema, compression="zstd", use_dictionary=False, write_page_checksum=True)


def _join(folder: Path, out: Path) -> None:
    """One file of all shards, group by group; it appears whole or not at all."""
    shards = sorted(folder.glob("part-*.parquet"))
    whole = folder / "whole"
    try:
        with _writer(whole, _opened(shards[0]).schema_arrow) as writer:
            for shard in shards:
                opened = _opened(shard)
                for group in range(opened.num_row_groups):
                    table = opened.read_row_group(group)
                    writer.write_table(table.cast(writer.schema), row_group_size=len(table))
        whole.replace(out)
    except OSError as error:
        with contextlib.suppress(OSError):
            whole.unlink(missing_ok=True)
        raise StoreError(f"Cannot write {out}: {error.strerror or error}.") from error
