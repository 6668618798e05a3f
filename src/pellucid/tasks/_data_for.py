"""Data at a path, read for one network: as its spec says, or as the person who wrote it says."""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from pellucid import loading
from pellucid._core import Dataset, InputSpec, Subject
from pellucid.data import texts
from pellucid.data._as_trained import held_out_of, table_as_trained
from pellucid.data._names import TABLES, refuse_both
from pellucid.data._read_as import as_named, read_as, rescaled, same_kind
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.inputs._tokenizer import is_hugging_face
from pellucid.tasks._runs import open_run
from pellucid.tasks._train import Heard, dataset_of

CODE = re.compile(r".+\.py:[A-Za-z_][\w.]*|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True, slots=True)
class Reading:
    """How data at a path are read, where the network does not say it itself.

    Args:
        answer: the column to predict, of a table.
        text: the column to read, of a table of texts.
        tokenizer: what makes numbers of texts: see :func:`pellucid.loading.tokenizer_named`, or the thing
            itself.
        heard: how sounds are read.
    """

    answer: str | None = None
    text: str | None = None
    tokenizer: object = None
    heard: Heard | None = None


def names_code(data: object) -> bool:
    """Whether data are named as ``file.py:attr`` or ``package.module:attr``.

    Example:
        >>> names_code("net.py:rows"), names_code("rows.csv")
        (True, False)
    """
    return isinstance(data, str) and CODE.fullmatch(data) is not None and not Path(data).exists()


def data_in_code(name: str) -> object:
    """A data set, or inputs with their answers, from a name in somebody's code."""
    found = loading.object_named(name, "data")
    if callable(found) and not isinstance(found, type):
        arguments = loading.needed(found)
        if arguments:
            raise InputError(
                f"{name} needs {', '.join(arguments)}, and there is nobody to give them. Write a function of "
                "no arguments that returns a Dataset or (inputs, answers)."
            )
        found = loading.called(found, name)
    if not isinstance(found, Dataset | tuple):
        raise InputError(
            f"{name} should be a pellucid.Dataset or (inputs, answers), it is of type {type(found).__name__}."
        )
    return found


def data_for(
    source: str | Path,
    reading: Reading,
    *,
    spec: InputSpec | None = None,
    classes: tuple[str, ...] = (),
    network: nn.Module | None = None,
    run: Subject | None = None,
) -> Dataset:
    """Rows of a path or a bundled name, for a network whose ``spec`` and ``classes`` are known or not.

    Args:
        source: path or name.
        reading: what the person says of it.
        spec: what the network's inputs mean, where that is settled; then ``reading`` cannot say otherwise.
        classes: names of its outputs, in order.
        network: of the person's own, whose forward says by which names it takes tokens.
        run: the subject of a run folder: all rows of another file are held out, behind those it learned from.

    Raises:
        LoadError, InputError: where nothing can be read, or it is not what the network reads.
    """
    refuse_both(source)
    place = Path(source)
    known = place.exists()
    learned = None if run is None else run.data
    if known and isinstance(spec, TabularSpec) and place.is_file() and place.name.lower().endswith(TABLES):
        _nothing_of_texts(reading, spec)
        target = reading.answer or (learned.answer if learned is not None else None)
        if target is None:
            raise InputError(f"{place.name} is a table: say which column holds the answers (answer).")
        # another table's own means and levels would be another language than the network's
        alike = learned is not None and (learned.answer, learned.classes) == (target, classes)
        own = learned if run is not None and spec is run.spec and alike else None
        return table_as_trained(place, target, spec, classes, own)
    if not known or (spec is None and not _texts(place, reading)):
        found = dataset_of(source, answer=reading.answer, text=reading.text, heard=reading.heard)
        if spec is not None:
            found = rescaled(found, spec) if known else same_kind(found, spec)
        return as_named(found, classes)
    heard = reading.heard or Heard()
    if spec is not None:
        _settled(reading, heard, spec)
        answer = reading.answer or (learned.answer if isinstance(spec, TextSpec) and learned else None)
        target = None if place.is_dir() else answer
        found = read_as(
            place, spec, target=target, text=reading.text, pattern=heard.pattern, held_out=heard.held_out
        )
        found = as_named(found, classes)
        return found if learned is None else held_out_of(found, learned)
    tokenizer = reading.tokenizer
    if tokenizer is None:
        raise InputError(
            f"{place.name} holds texts, and a network of your own reads numbers of tokens: say what makes "
            "them (tokenizer): a folder of Hugging Face, a tokenizer.json, or file.py:attr, which names a "
            "tokenizer, a function from a text to its tokens, or a pellucid.inputs.TextSpec."
        )
    if isinstance(tokenizer, str | Path):
        tokenizer = loading.tokenizer_named(tokenizer, run=open_run)
    found = texts(place, text=reading.text, target=reading.answer, tokenizer=tokenizer)
    return as_named(_taken(found, network, named=isinstance(tokenizer, TextSpec)), classes)


def _texts(place: Path, reading: Reading) -> bool:
    if reading.text is None and reading.tokenizer is None:
        return place.is_dir() and next(place.rglob("*.txt"), None) is not None and reading.heard is None
    if reading.heard is not None and reading.heard != Heard():
        raise InputError(
            "Texts and sounds were asked for at once; leave text and tokenizer, or the sounds, away."
        )
    return True


def _settled(reading: Reading, heard: Heard, spec: InputSpec) -> None:
    """The network knows how its inputs are made."""
    if reading.tokenizer is not None:
        raise InputError("The network brings its own tokenizer or reads no texts; leave tokenizer= away.")
    for name in ("front", "rate", "seconds", "scale"):
        if getattr(heard, name) is not None:
            raise InputError(f"The network says itself how its inputs are made: leave {name}= away.")


def _nothing_of_texts(reading: Reading, spec: InputSpec) -> None:
    for name in ("text", "tokenizer"):
        if getattr(reading, name) is not None:
            raise InputError(f"The network reads rows of a table, no texts; leave {name}= away.")
    _settled(reading, reading.heard or Heard(), spec)


def _taken(found: Dataset, network: nn.Module | None, *, named: bool) -> Dataset:
    """By which names the network takes tokens and their mask, as its forward is written."""
    spec = found.spec
    if named or network is None or not isinstance(spec, TextSpec) or not is_hugging_face(_reader(spec)):
        return found
    takes = inspect.signature(network.forward).parameters
    if "input_ids" not in takes:
        return found
    mask = "attention_mask" if "attention_mask" in takes and spec.pad is not None else ""
    return dataclasses.replace(found, spec=dataclasses.replace(spec, ids_name="input_ids", mask_name=mask))


def _reader(spec: TextSpec) -> object:
    return getattr(spec.tokenizer, "reader", None)
