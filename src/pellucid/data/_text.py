"""Texts with their answers: a column of a table, or a folder of text files per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid._core import Dataset, Task, split
from pellucid.data._answers import Answers, read_answers
from pellucid.data._build import PART_WORDS, with_validation
from pellucid.data._csv import decoded, read_csv
from pellucid.data._frame import read_parquet
from pellucid.data._paths import existing, names_in
from pellucid.data._raw import Cell, RawTable, text_of
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TextSpec, WordTokenizer

LONGEST = 256  # tokens of a text where nobody says otherwise
SHARE = 0.99  # of the training texts that are kept whole
NUMBERS = {word: k for k, words in enumerate(PART_WORDS) for word in words}


@dataclass(frozen=True, slots=True)
class Found:
    """Texts as they were read: with answers as cells, parts where a source gives them, and notes."""

    name: str
    texts: list[str]
    answers: list[Cell]
    parts: list[int]
    answer: str
    source: str
    notes: list[str]


def texts(
    path: str | Path,
    *,
    text: str | None = None,
    target: str | None = None,
    parts: str | None = None,
    task: Task | None = None,
    tokenizer: object = None,
    length: int | None = None,
    lower: bool = True,
    separator: str | None = None,
    encoding: str | None = None,
    seed: int = 0,
) -> Dataset:
    """Read texts and their answers: a column of a table, or a folder per class of ``.txt`` files.

    A text that comes more than once belongs to one part only, so that no test text was learned by heart; how
    many were there stands in ``notes``, with everything else that was decided.

    Args:
        path: ``.csv``, ``.tsv``, ``.txt`` (also ``.gz``) or ``.parquet`` with names in the first line; or a
            folder with a folder per class, or ``train`` and ``test`` with a folder per class each.
        text, target: the columns to read and to learn, of a table.
        parts: a column that says train, validation or test; ``None`` splits 70 : 15 : 15, classes alike.
        task: ``"classification"`` or ``"regression"``; ``None`` decides by the target's values.
        tokenizer: what a :class:`~pellucid.inputs.TextSpec` takes, or a whole ``TextSpec``; ``None`` learns a
            vocabulary of words from the training rows (words that occur twice or more).
        length: most tokens of a text; ``None`` keeps 99 of 100 training texts whole, up to 256 tokens.
        lower: whether letters are made small, where the vocabulary is learned.
        separator, encoding: of a text table, where they should not be found by themselves, see :func:`table`.
        seed: of the split.

    Returns:
        Token numbers ``[N, T]`` with a :class:`pellucid.inputs.TextSpec`.

    Raises:
        LoadError: if nothing is there.
        InputError: if a column is missing, a file is no text, or there is nothing to learn.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "reviews.csv"
        >>> _ = file.write_text("review,label\\n" + "a fine film,good\\na dull film,bad\\n" * 20)
        >>> data = texts(file, text="review", target="label")
        >>> data.classes, data.spec.text(data.inputs[0])
        (('bad', 'good'), 'a fine film')
    """
    place = existing(path)
    if place.is_dir():
        found = _folder(place, text, target, parts, encoding)
    else:
        found = _column(place, text, target, parts, separator, encoding)
    answers = read_answers(found.answer, found.answers, task)
    divided, keep = _divided(found, answers, seed)
    found.notes.extend(answers.notes)
    kept = [t for t, inside in zip(found.texts, keep.tolist(), strict=True) if inside]
    spec = _spec(tokenizer, kept, divided[keep] == 0, length, lower, found.notes)
    return Dataset(
        found.name,
        spec.encode(kept),
        answers.values[keep],
        spec,
        answers.classes,
        divided[keep],
        answer=found.answer,
        notes=tuple(found.notes),
        source=found.source,
    )


def holds_texts(folder: Path) -> bool:
    """Whether the first file inside a folder per class is a text file."""
    inside = [f for f in sorted(folder.rglob("*")) if f.is_file() and not f.name.startswith(".")]
    return bool(inside) and inside[0].suffix.lower() == ".txt"


def _column(
    place: Path,
    text: str | None,
    target: str | None,
    parts: str | None,
    separator: str | None,
    encoding: str | None,
) -> Found:
    parquet = place.name.lower().endswith((".parquet", ".pq"))
    raw = (
        read_parquet(place, ("",))
        if parquet
        else read_csv(place, separator=separator, encoding=encoding, missing=("",))
    )
    if text is None or target is None:
        what = "text to read" if text is None else "answer to learn"
        raise InputError(f"{place.name} is a table: say which column holds the {what}. {_columns(raw)}")
    for what, name in (("text", text), ("target", target), ("parts", parts)):
        if name is not None and name not in raw.columns:
            raise InputError(
                f"{raw.name} has no column {name!r} for {what}. {near_misses(name, raw.columns)}"
            )
    if text == target:
        raise InputError(f"Column {text!r} cannot be both the text and the answer.")
    notes = list(raw.notes)
    rows = range(raw.rows)
    have = [k for k in rows if raw.columns[text][k] is not None and raw.columns[target][k] is not None]
    if not have:
        raise InputError(f"{raw.name}: no row has both {text!r} and {target!r}.")
    if len(have) < raw.rows:
        notes.append(
            f"{raw.rows - len(have)} of {raw.rows} rows lack {text!r} or {target!r} and were left out."
        )
    others = [name for name in raw.columns if name not in (text, target, parts)]
    if others:
        notes.append(f"Only {text!r} is read; left out: {', '.join(others)}.")
    read = [text_of(raw.columns[text][k] or "") for k in have]
    given = [] if parts is None else [_part(raw.columns[parts][k], parts, k) for k in have]
    return Found(raw.name, read, [raw.columns[target][k] for k in have], given, target, raw.source, notes)


def _columns(raw: RawTable) -> str:
    """Columns, the one with the longest texts named first."""

    def words(name: str) -> float:
        cells = [text_of(cell).count(" ") for cell in raw.columns[name][:200] if cell is not None]
        return sum(cells) / max(1, len(cells))

    order = sorted(raw.columns, key=words, reverse=True)
    return f"Columns: {', '.join(order)}."


def _part(cell: Cell, name: str, row: int) -> int:
    word = "" if cell is None else text_of(cell).casefold()
    if word not in NUMBERS:
        raise InputError(f"{name}: row {row + 1} says {word!r}; expected one of train, validation, test.")
    return NUMBERS[word]


def _folder(
    place: Path, text: str | None, target: str | None, parts: str | None, encoding: str | None
) -> Found:
    if text or target or parts:
        raise InputError(
            f"{place.name} is a folder: its folders are the classes; text=, target=, parts= are of tables."
        )
    tops = [place / name for name in names_in(place) if (place / name).is_dir()]
    by_part = any(top.name.casefold() in NUMBERS and NUMBERS[top.name.casefold()] == 0 for top in tops)
    found = Found(place.resolve().name, [], [], [], "class", str(place), [])
    strange: list[str] = []
    for top in tops:
        if by_part and top.name.casefold() not in NUMBERS:
            found.notes.append(f"Folder {top.name!r} beside train and test was not read.")
            continue
        for label in [top / n for n in names_in(top) if (top / n).is_dir()] if by_part else [top]:
            files = [label / name for name in names_in(label) if name.lower().endswith(".txt")]
            for file in files:
                read, assumed = decoded(file.read_bytes(), encoding, str(file))
                found.texts.append(read)
                strange += [f"{file.name}: {note}" for note in assumed]
                found.answers.append(label.name)
            found.parts.extend([NUMBERS[top.name.casefold()]] * len(files) if by_part else [])
    if strange:
        found.notes.append(f"{len(strange):,} of {len(found.texts):,} files, such as {strange[0]}")
    if not found.texts:
        raise InputError(f"{place} holds no .txt files in a folder per class.")
    return found


def _divided(found: Found, answers: Answers, seed: int) -> tuple[Tensor, Tensor]:
    """Parts int8 ``[N]`` in which equal texts lie together, and which rows are kept."""
    first: dict[str, int] = {}
    owner = [first.setdefault(" ".join(t.casefold().split()), k) for k, t in enumerate(found.texts)]
    keep = torch.ones(len(owner), dtype=torch.bool)
    again, classes = len(owner) - len(first), bool(answers.classes)
    if not found.parts:
        one = torch.tensor(sorted(first.values()))
        parts = torch.zeros(len(owner), dtype=torch.int8)
        parts[one] = split(answers.values[one], classes=classes, seed=seed)
        if again:
            found.notes.append(
                f"{again} of {len(owner)} rows repeat a text; equal texts lie in the same part."
            )
        return parts[owner], keep
    parts = torch.tensor(found.parts, dtype=torch.int8)
    held = {own for own, part in zip(owner, found.parts, strict=True) if part}
    twice = [k for k, own in enumerate(owner) if found.parts[k] == 0 and own in held]
    keep[twice] = False
    if twice:
        found.notes.append(
            f"{len(twice)} training rows were left out: their text is in validation or test as well."
        )
    parts[keep] = with_validation(parts[keep], answers.values[keep], classes=classes, seed=seed)
    return torch.where(keep, parts, -1), keep


def _spec(
    tokenizer: object, texts: Sequence[str], train: Tensor, length: int | None, lower: bool, notes: list[str]
) -> TextSpec:
    """What the token numbers mean; the vocabulary and the length are settled by the training texts."""
    if isinstance(tokenizer, TextSpec):
        return tokenizer
    if tokenizer is None:
        learned = [text for text, inside in zip(texts, train.tolist(), strict=True) if inside]
        tokenizer = WordTokenizer.learn(learned, lower=lower)
        known = len(tokenizer.vocabulary) - 2
        notes.append(f"Vocabulary: {known} words that occur twice or more in training.")
    if length is not None:
        return TextSpec(tokenizer, length=length)
    spec = TextSpec(tokenizer)
    x = spec.encode(list(texts))
    counts = x.shape[1] - (x.flip(1) == spec.pad).long().cumprod(1).sum(1)
    kept = int(counts[train].double().quantile(SHARE).ceil().clamp(1, LONGEST))
    cut = int((counts > kept).sum())
    if cut:
        notes.append(f"Texts are read up to {kept} tokens; {cut} of {len(texts)} are longer.")
    return TextSpec(tokenizer, length=kept)
