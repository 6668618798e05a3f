"""An exported program (``.pt2``): what is known to be harmless is copied, torch opens the copy alone.

Opening such a file as it is would run code that it holds: pickles in five places, Python put together from
names in it, modules imported by name. So nothing passes that the rules of ``_program_rules`` do not know.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pellucid.errors import LoadError
from pellucid.loading._program_rules import RefusedError, harmless, payloads
from pellucid.loading._program_tables import with_tables

MODEL = "models/model.json"
WEIGHTS = "data/weights/"
CONSTANTS = "data/constants/"
CONFIGS = {
    f"{WEIGHTS}model_weights_config.json": r"weight_\d+",
    f"{CONSTANTS}model_constants_config.json": r"tensor_\d+",
}
FRAME = ("archive_format", "archive_version", "byteorder", ".data/version")
# what torch also writes and nothing here needs: sample inputs are a pickle, the rest is about the file
LEFT_OUT = re.compile(r"data/sample_inputs/model\.pt|\.data/serialization_id|\.format_version"
                      r"|\.storage_alignment|extra/?")  # fmt: skip
TENSORS = re.compile(rf"{WEIGHTS}weight_\d+|{CONSTANTS}tensor_\d+")


def open_program(path: str | Path) -> nn.Module:
    """Open what ``torch.export.save`` wrote.

    Args:
        path: a ``.pt2`` file.

    Returns:
        The program as a module: its operations can be explained, its layers are not modules any more, but for
        tables that tokens are looked up in.

    Raises:
        LoadError: where the file is absent, damaged or of another kind, or holds anything that could run code
            when opened: pickles, compiled libraries, operations outside torch's own, names that are none.

    Limits:
        The operations are torch's own, but run in an order that the file's author chose: a hostile program
        can still compute for hours or fill the memory. Programs with tensors of other kinds than plain ones,
        custom classes or operations of other packages are refused.

    Example:
        >>> import tempfile
        >>> net, file = nn.Linear(2, 3), Path(tempfile.mkdtemp()) / "net.pt2"
        >>> torch.export.save(torch.export.export(net, (torch.ones(4, 2),)), file)
        >>> open_program(file)(torch.ones(4, 2)).shape
        torch.Size([4, 3])
    """
    file = Path(path)
    if not file.is_file():
        raise LoadError(f"The program {file} does not exist.")
    try:
        with zipfile.ZipFile(file) as archive:
            room = file.stat().st_size
            copy = _copied(_entries(archive, room), archive, room)
        # guards are Python written by whoever exported it; sizes are checked by the operations themselves
        return with_tables(torch.export.load(copy).module(check_guards=False))
    except RefusedError as error:
        raise LoadError(f"{file} {error}: not opened.") from None
    except Exception as error:
        words = (str(error).splitlines() or [""])[0]
        raise LoadError(
            f"{file} is no program that torch {torch.__version__} can open ({type(error).__name__}: "
            f"{words}). Export the network anew with torch.export.save."
        ) from error


def _entries(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Entries by name without the folder that all lie in, all known, none twice or compressed."""
    infos = archive.infolist()
    roots = {info.filename.partition("/")[0] for info in infos}
    found = {info.filename.partition("/")[2]: info for info in infos}
    if MODEL not in found:
        raise RefusedError(f"lacks {MODEL} (torch before 2.9 wrote other files; export it anew)")
    if len(roots) > 1 or len({name.lower() for name in found}) < len(infos):
        raise RefusedError("holds two entries of one name")  # which different readers read differently
    known = {MODEL, *CONFIGS, *FRAME}
    for name in found:
        if name not in known and not TENSORS.fullmatch(name) and not LEFT_OUT.fullmatch(name):
            raise RefusedError(f"holds {name!r}, which no exported program needs")
    packed = any(info.compress_type != zipfile.ZIP_STORED for info in infos)
    if packed or sum(info.file_size for info in infos) > size:
        raise RefusedError("is packed to be larger than its file, which exported programs are not")
    return found


def _copied(entries: dict[str, zipfile.ZipInfo], archive: zipfile.ZipFile, room: int) -> io.BytesIO:
    """An archive of ours, so that torch reads exactly what was checked."""
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as made:
        for name in FRAME:
            if name in entries:
                made.writestr(f"net/{name}", archive.read(entries[name]))
        for name, pattern in CONFIGS.items():
            table = payloads(_json(archive, entries, name), pattern, room)
            made.writestr(f"net/{name}", json.dumps(table))
        made.writestr(f"net/{MODEL}", json.dumps(harmless(_json(archive, entries, MODEL))))
        made.writestr("net/data/sample_inputs/model.pt", b"")
        for name, info in entries.items():
            if TENSORS.fullmatch(name):
                made.writestr(f"net/{name}", archive.read(info))
    copy.seek(0)
    return copy


def _json(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str) -> Any:
    if name not in entries:
        raise RefusedError(f"lacks {name}")
    return json.loads(archive.read(entries[name]))
