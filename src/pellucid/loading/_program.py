"""An exported program (``.pt2``), read through before torch opens it: torch would run what it holds."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from pellucid.errors import LoadError

# what an archive of torch.export may hold; compiled libraries and other extras are none of it
ENTRIES = re.compile(
    r"[^/]+/(?:data/(?:weights|constants)/[\w.]+|data/sample_inputs/\w+\.pt|models/\w+\.json|archive_format"
    r"|archive_version|byteorder|\.data/\w+|\.format_version|\.storage_alignment|extra/?)"
)
NUMBERS = "add sub mul floordiv truediv mod pow neg getitem eq ne lt le gt ge and_ or_ not_ abs pos"
# an operation by name, which torch looks up and calls
CALLED = re.compile(
    r"torch\.ops\.(?:aten|prims|higher_order)\.(?!from_file)\w+(?:\.\w+)?|torch\.(?:_)?sym_\w+"
    rf"|_operator\.(?:{NUMBERS.replace(' ', '|')})|math\.(?:ceil|floor|trunc|sqrt|pow)"
)
# a size as a formula, which torch evaluates
SYMBOL = re.compile(r"Symbol\('[a-z]+\d+'(?:, \w+=(?:True|False))*\)")
WORDS = re.compile(r"[A-Za-z_]\w*")
SIZES = (
    "Integer Rational Max Min Mod PythonMod FloorDiv CeilDiv CleanDiv ModularIndexing IntTrueDiv Add Mul Pow"
    " Eq Ne Ge Gt Le Lt And Or Not True False oo int_oo evaluate"
)
FORMULA = frozenset(SIZES.split())


def open_program(path: str | Path) -> nn.Module:
    """Open what ``torch.export.save`` wrote.

    Args:
        path: a ``.pt2`` file.

    Returns:
        The program as a module: its operations can be explained, its layers are not modules any more.

    Raises:
        LoadError: where the file is absent, damaged or of another kind, or holds anything that could run code
            when opened: pickles, compiled libraries, operations outside torch's own.

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
            names = archive.namelist()
            # two entries of one name are read differently by different readers
            if len({name.lower() for name in names}) < len(names):
                raise LoadError(f"{file} holds two entries of one name; it is not opened.")
            for name in names:
                _examine(file, name, archive)
        # guards are Python written by whoever exported it; sizes are checked by the operations themselves
        return torch.export.load(file).module(check_guards=False)
    except LoadError:
        raise
    except Exception as error:
        words = (str(error).splitlines() or [""])[0]
        raise LoadError(
            f"{file} is no program that torch {torch.__version__} can open ({type(error).__name__}: "
            f"{words}). Export the network anew with torch.export.save."
        ) from error


def _examine(file: Path, name: str, archive: zipfile.ZipFile) -> None:
    if not ENTRIES.fullmatch(name):
        raise LoadError(f"{file} holds {name!r}, which no exported program needs; it is not opened.")
    if name.endswith(".json"):
        for key, value in _pairs(json.loads(archive.read(name))):
            _harmless(file, key, value)
    if "/sample_inputs/" in name and archive.getinfo(name).file_size:
        try:
            torch.load(io.BytesIO(archive.read(name)), weights_only=True)
        except Exception as error:
            raise LoadError(f"{file} holds sample inputs that are more than tensors: not opened.") from error


def _harmless(file: Path, key: str, value: object) -> None:
    if key == "use_pickle" and value:
        raise LoadError(f"{file} holds pickled tensors or objects, which could run code: not opened.")
    if key == "target" and isinstance(value, str) and not CALLED.fullmatch(value):
        raise LoadError(f"{file} calls {value!r}, which is no operation of torch's own: not opened.")
    if key == "expr_str" and isinstance(value, str):
        rest = SYMBOL.sub("1", value)
        if set(WORDS.findall(rest)) - FORMULA or not re.fullmatch(r"[\w\s()+\-*/,.<>=!&|~]*", rest):
            raise LoadError(f"{file} has a size given by {value!r}, which is no formula: not opened.")


def _pairs(tree: object) -> Iterator[tuple[str, object]]:
    """All keys and values in nested objects."""
    if isinstance(tree, dict):
        for key, value in cast("dict[str, Any]", tree).items():
            yield key, value
            yield from _pairs(value)
    elif isinstance(tree, list):
        for item in cast("list[object]", tree):
            yield from _pairs(item)
