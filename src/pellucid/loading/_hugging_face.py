"""A model folder of Hugging Face: configuration, safetensors, tokenizer; offline, and no code in it runs."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import nn

from pellucid._core import InputSpec
from pellucid.errors import LoadError, near_misses
from pellucid.inputs import ImageSpec, TextSpec
from pellucid.loading._quiet import quietly

TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")
MOST = 100_000  # lengths beyond are how a tokenizer says that it knows none


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """What a folder holds.

    Args:
        model: in evaluation mode.
        spec: what its inputs mean; ``None`` where the folder does not say.
        classes: names of its outputs; empty where it has none.
        name: of the architecture.
    """

    model: nn.Module
    spec: InputSpec | None
    classes: tuple[str, ...]
    name: str


def is_pretrained(folder: str | Path) -> bool:
    """Whether a folder is a model folder of Hugging Face."""
    file = Path(folder) / "config.json"
    return file.is_file() and '"architectures"' in file.read_text(encoding="utf-8", errors="replace")


def open_pretrained(folder: str | Path) -> Pretrained:
    """Open what ``save_pretrained`` wrote, without a network connection.

    Args:
        folder: with ``config.json`` and ``*.safetensors``; the files of a tokenizer or a preprocessor beside
            them say what the inputs mean.

    Returns:
        The network, what its inputs mean and its classes.

    Raises:
        LoadError: where transformers is not installed, the architecture is not one of its own (code in the
            folder is never run), weights are pickled, do not fit the architecture, lie elsewhere or are
            compressed, or the configuration asks for code from elsewhere (adapters, kernels).
    """
    place = Path(folder)
    settings = _read(place / "config.json")
    if importlib.util.find_spec("transformers") is None:
        raise LoadError(f"{place} is a model of Hugging Face; install transformers to open it.")
    library = importlib.import_module("transformers")
    kind = _architecture(library, settings, place)
    _refuse_elsewhere(place, settings)
    if not list(place.glob("*.safetensors")):
        raise LoadError(
            f"{place} holds no safetensors. Pickled weights could run code when opened, so they are refused; "
            "save them anew with save_pretrained(…, safe_serialization=True)."
        )
    with quietly(library):
        model, spec = _loaded(library, kind, place), _spec(library, place, settings)
    labels = cast("Mapping[str, str]", settings.get("id2label") or {})
    names = [labels[k] for k in sorted(labels, key=int)] if _classifies(kind) else []
    return Pretrained(model, spec, tuple(names), kind)


def _read(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"Cannot read {file}: {error}.") from error
    if not isinstance(found, dict):
        raise LoadError(f"{file} holds a {type(found).__name__}, expected an object of settings.")
    return cast("dict[str, object]", found)


def _architecture(library: object, settings: Mapping[str, object], place: Path) -> str:
    named = settings.get("architectures")
    kind = str(cast("list[object]", named)[0]) if isinstance(named, list) and named else ""
    known = getattr(library, kind, None) if kind.isidentifier() else None
    if not isinstance(known, type) or not issubclass(known, getattr(library, "PreTrainedModel")):  # noqa: B009
        models = [name for name in dir(library) if name.endswith(("Classification", "LM", "Model"))]
        raise LoadError(
            f"{place} names the architecture {kind!r}, which transformers does not have; code that came "
            f"with a folder is never run. {near_misses(kind, models)}"
        )
    return kind


def _refuse_elsewhere(place: Path, settings: Mapping[str, object]) -> None:
    """Refuse what would make transformers look outside the folder, for weights or for code."""
    if (place / "adapter_config.json").exists():
        raise LoadError(
            f"{place} holds an adapter, whose network lies elsewhere; merge them with merge_and_unload() and "
            "save the whole network."
        )
    if settings.get("quantization_config"):
        raise LoadError(
            f"{place} holds compressed weights (quantization_config), through which no gradient flows; save "
            "the network uncompressed."
        )
    named = [value for key, value in _pairs(settings) if key.endswith("implementation")]
    foreign = [value for value in named if isinstance(value, str) and not value.isidentifier()]
    if foreign:
        raise LoadError(f"{place} asks for code from elsewhere ({foreign[0]!r}), which is never run.")
    index = place / "model.safetensors.index.json"
    files = _read(index).get("weight_map") if index.is_file() else None
    for name in cast("Mapping[str, object]", files).values() if isinstance(files, Mapping) else ():
        if Path(str(name)).name != name or not str(name).endswith(".safetensors"):
            raise LoadError(f"{index} names {name!r}, expected a safetensors file in the same folder.")


def _pairs(tree: object) -> Iterator[tuple[str, object]]:
    """All keys and values in nested objects."""
    if isinstance(tree, Mapping):
        for key, value in cast("Mapping[str, object]", tree).items():
            yield key, value
            yield from _pairs(value)
    elif isinstance(tree, list):
        for item in cast("list[object]", tree):
            yield from _pairs(item)


def _classifies(kind: str) -> bool:
    return kind.endswith(("SequenceClassification", "ImageClassification", "AudioClassification"))


def _loaded(library: object, kind: str, place: Path) -> nn.Module:
    try:
        model, told = getattr(library, kind).from_pretrained(
            str(place), local_files_only=True, use_safetensors=True, trust_remote_code=False,
            output_loading_info=True,
        )  # fmt: skip
    except Exception as error:
        raise unopened(kind, place, error) from error
    missing = sorted(told.get("missing_keys", ()))
    if missing:
        raise LoadError(
            f"{place} lacks weights that {kind} needs, which would be drawn by chance: "
            f"{', '.join(missing[:3])}{f' and {len(missing) - 3} more' if len(missing) > 3 else ''}."
        )
    return model.eval()


def unopened(what: str, place: Path, error: Exception) -> LoadError:
    """What a library said when it could not open a folder, in one sentence."""
    words = (str(error).strip().splitlines() or [""])[0].strip(" :.")
    return LoadError(f"{what} cannot be opened from {place}: {type(error).__name__}: {words}.")


def _spec(library: object, place: Path, settings: Mapping[str, object]) -> InputSpec | None:
    if any((place / name).is_file() for name in TOKENIZERS):
        try:  # told not to trust, transformers refuses a tokenizer with code of its own instead of asking
            tokenizer = getattr(library, "AutoTokenizer").from_pretrained(  # noqa: B009
                str(place), local_files_only=True, trust_remote_code=False
            )
        except Exception as error:
            raise unopened("The tokenizer", place, error) from error
        lengths = [tokenizer.model_max_length, settings.get("max_position_embeddings")]
        length = min((n for n in lengths if isinstance(n, int) and 0 < n < MOST), default=0)
        mask = "attention_mask" if tokenizer.pad_token_id is not None else ""
        return TextSpec(tokenizer, length=length, ids_name="input_ids", mask_name=mask)
    if (place / "preprocessor_config.json").is_file():
        return _pictures(_read(place / "preprocessor_config.json"))
    return None


def _pictures(settings: Mapping[str, object]) -> ImageSpec | None:
    mean, std = settings.get("image_mean"), settings.get("image_std")
    if not isinstance(mean, list) or not isinstance(std, list):
        return None
    size = settings.get("crop_size") or settings.get("size")
    sides = cast("Mapping[str, int]", size) if isinstance(size, Mapping) else {}
    shape = (sides["height"], sides["width"]) if {"height", "width"} <= set(sides) else None
    of = (tuple(map(float, cast("list[float]", t))) for t in (mean, std))
    return ImageSpec(mean=next(of), std=next(of), size=shape)
