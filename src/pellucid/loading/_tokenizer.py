"""From a folder, a ``tokenizer.json`` or a name in somebody's code to what turns texts into numbers."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pellucid._core import Subject
from pellucid.errors import InputError, LoadError, near_misses
from pellucid.inputs import TextSpec, WordTokenizer
from pellucid.inputs._tokenizer import is_hugging_face
from pellucid.loading._hugging_face import TOKENIZERS, unopened
from pellucid.loading._module_attr import called, needed, object_named
from pellucid.loading._quiet import quietly

# what these tokens are called where a file of words alone is given
USUAL = {
    "pad_token": ("[PAD]", "<pad>", "<|pad|>"),
    "unk_token": ("[UNK]", "<unk>", "<|unk|>"),
    "mask_token": ("[MASK]", "<mask>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
}


def tokenizer_named(name: str | Path, *, run: Callable[[Path], Subject] | None = None) -> object:
    """The tokenizer, or a whole :class:`~pellucid.inputs.TextSpec`, that a name stands for.

    Args:
        name: a folder of Hugging Face (``save_pretrained`` of a tokenizer or a model), a ``tokenizer.json``,
            a run folder that learned texts, or ``"package.module:attr"`` / ``"file.py:attr"``: a tokenizer, a
            ``TextSpec``, or a function of no arguments that returns one.
        run: opens a run folder.

    Returns:
        What :class:`~pellucid.inputs.TextSpec` takes as its tokenizer, or such a spec.

    Raises:
        LoadError: where nothing is there, it cannot be opened, or it makes no numbers of texts.

    Example:
        >>> tokenizer_named("no/such/folder")
        Traceback (most recent call last):
        pellucid.errors.LoadError: ...
    """
    place = Path(name)
    if (place / "run.json").is_file() and run is not None:
        spec = run(place).spec
        if not isinstance(spec, TextSpec):
            raise LoadError(f"The run {place} did not learn texts, so it has no tokenizer.")
        return spec
    if place.is_dir():
        if not any((place / file).is_file() for file in TOKENIZERS):
            raise LoadError(f"{place} holds no tokenizer; expected one of {', '.join(TOKENIZERS)}.")
        return _opened(place)
    if place.is_file() and place.suffix == ".json":
        return _opened(place)
    if ":" in str(name):
        return _theirs(str(name))
    beside = [str(p) for p in sorted(place.parent.glob("*")) if p.is_dir() or p.suffix in (".json", ".py")]
    raise LoadError(
        f"{name} is no tokenizer: expected a folder of Hugging Face, a tokenizer.json or file.py:attr. "
        + (near_misses(str(name), beside) if beside else f"Nothing of that kind lies in {place.parent}.")
    )


def _opened(place: Path) -> object:
    if importlib.util.find_spec("transformers") is None:
        raise LoadError(f"{place} is a tokenizer of Hugging Face; install transformers to open it.")
    library = importlib.import_module("transformers")
    with quietly(library):
        try:
            if place.is_dir():  # told not to trust, a tokenizer with code of its own is refused
                return library.AutoTokenizer.from_pretrained(
                    str(place), local_files_only=True, trust_remote_code=False
                )
            words = _words(place)
            special = {
                kind: next(one for one in known if one in words)
                for kind, known in USUAL.items()
                if any(one in words for one in known)
            }
            return library.PreTrainedTokenizerFast(tokenizer_file=str(place), **special)
        except LoadError:
            raise
        except Exception as error:
            raise unopened("The tokenizer", place, error) from error


def _words(file: Path) -> set[str]:
    """Every token that a ``tokenizer.json`` knows."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        model, added = found["model"], found.get("added_tokens") or []
        vocabulary = model["vocab"]
        named = vocabulary if isinstance(vocabulary, dict) else [pair[0] for pair in vocabulary]
        return {*map(str, cast("list[object]", named)), *(str(token["content"]) for token in added)}
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise LoadError(
            f"{file} is no tokenizer.json, which holds a model with its vocab: {type(error).__name__}: "
            f"{error}."
        ) from error


def _theirs(name: str) -> object:
    found = object_named(name, "tokenizer")
    ready = (TextSpec, WordTokenizer)
    if isinstance(found, ready) or is_hugging_face(found):
        return found
    if not callable(found):
        raise LoadError(f"{name} should be a tokenizer or a TextSpec, it is of type {type(found).__name__}.")
    made = found if needed(found) else called(found, name)
    if isinstance(made, ready) or is_hugging_face(made):
        return made
    if not callable(made):
        raise LoadError(
            f"{name}() should return a tokenizer or a TextSpec, it returned {type(made).__name__}. A "
            "function from a text to numbers of tokens takes the text as its argument."
        )
    try:
        TextSpec(made)
    except InputError as error:
        raise LoadError(
            f"{name} makes tokens of texts but does not say what stands where a word is taken away. Name a "
            "TextSpec instead, which does: in the same file spec = pellucid.inputs.TextSpec("
            f"{getattr(made, '__name__', 'tokenizer')}, pad=0, unk=1). ({error})"
        ) from error
    except Exception as error:
        raise LoadError(
            f"{name} raised {type(error).__name__} on a sentence: {error}. Expected a function from one text "
            "to its tokens."
        ) from error
    return made
