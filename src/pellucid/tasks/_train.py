"""The verb ``train``: from data to a network whose inner workings were watched."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, get_args

from torch import nn

from pellucid import training
from pellucid._core import Dataset, Subject
from pellucid.data import Kind, by_name, frame, from_path, sounds
from pellucid.data._names import refuse_both
from pellucid.errors import InputError, near_misses
from pellucid.networks import Architecture, Readable, build, concepts_for, default_network, rules_for
from pellucid.networks._build import refuse_directions
from pellucid.tasks._runs import save_run

EPOCHS, BATCH = 20, 64
SNAPSHOTS, SMALL = 5, 1_000_000  # epochs kept of a network of so many parameters: 20 MB at most
NORMED = ("spectrogram_cnn", "waveform_cnn")
NORMED_RATE = 4e-3
Watcher = Callable[["training.Epoch"], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """How a folder of sounds is read, as by :func:`pellucid.data.sounds`; ``None`` is its own choice."""

    pattern: str | None = None
    held_out: str | None = None
    front: Literal["waveform", "spectrogram"] | None = None
    rate: int | None = None
    seconds: float | None = None
    scale: Literal["standard", "none"] | None = None


class Frame(Protocol):
    """A DataFrame of pandas, polars, pyarrow or another library that narwhals knows."""

    @property
    def columns(self) -> object:
        """Its columns, or their names."""
        ...


def train(
    data: Dataset | Frame | str | Path,
    *,
    answer: str | None = None,
    text: str | None = None,
    pattern: str | None = None,
    held_out: str | None = None,
    network: nn.Module | str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: str = "adamw",
    learning_rate: float | None = None,
    patience: int | None = 5,
    seed: int = 0,
    snapshots: int | None = None,
    out: str | Path | None = None,
    watch: Watcher | None = None,
) -> Subject:
    """Train a network on data and open it.

    Args:
        data: a :class:`Dataset`, a DataFrame (read as by :func:`pellucid.data.frame`), a path (CSV, Parquet,
            ``.npz``, a folder of pictures or sounds with a folder per class) or the name of a bundled data
            set.
        answer: the column to predict, where ``data`` is a DataFrame or a table's path.
        text: the column to read, where that table holds texts.
        pattern, held_out: how files of sounds are named and which are for testing, where ``data`` is the path
            of a folder or ``.zip`` of them: see :func:`pellucid.data.sounds`, which takes more.
        network: what to train, in place; a plain network that suits the data where left out, or the name
            of another one (``"transformer"``, ``"gru"`` for texts, ``"vit"`` for pictures), or of one that is
            readable by design (``"additive"``, …).
        epochs, batch_size: see :func:`pellucid.training.train`; left out, 20 and 64, or what the recipe of a
            readable network says.
        optimizer, learning_rate, patience: see :func:`pellucid.training.train`; a readable network is
            trained by AdamW and stops as its recipe says.
        seed: the only source of chance.
        snapshots: most epochs whose weights are kept for :func:`~pellucid.influence`, evenly spaced; left
            out, 5 of networks of up to a million parameters, none of larger ones.
        out: run folder to leave behind; training that was killed resumes there.
        watch: called with each finished epoch, for displays.

    Returns:
        A :class:`Subject` with its ``record``.

    Raises:
        LoadError, InputError: where the data cannot be read or learned from.
        TrainingError: where the loss is no longer finite.
        StoreError: where ``out`` cannot be written.

    Cost:
        As :func:`pellucid.training.train`; some networks that are readable by design train in several rounds.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> subject.classes
        ('malignant', 'benign')
    """
    heard = Heard(pattern, held_out)
    if heard != Heard() and not isinstance(data, str | Path):
        raise InputError(
            "pattern and held_out say how files of sounds are named: give the path of their folder as data, "
            f"or leave them out; got a {type(data).__name__}."
        )
    dataset = data if isinstance(data, Dataset) else dataset_of(data, answer=answer, text=text, heard=heard)
    kind = network if isinstance(network, str) else None
    net = network if isinstance(network, nn.Module) else default_network(dataset, kind=kind, seed=seed)
    if isinstance(net, Readable):
        return _train_readable(net, dataset, epochs, batch_size, learning_rate, seed, out, watch)
    running = training.train(
        net,
        dataset,
        epochs=EPOCHS if epochs is None else epochs,
        batch_size=BATCH if batch_size is None else batch_size,
        optimizer=optimizer,
        learning_rate=_rate(net, optimizer) if learning_rate is None else learning_rate,
        patience=patience,
        seed=seed,
        snapshots=_kept(net) if snapshots is None else snapshots,
        checkpoint=None if out is None else Path(out) / "checkpoint.safetensors",
    )
    try:
        for epoch in running:
            if watch is not None:
                watch(epoch)
    finally:
        running.close()
    if net is not network:  # made here, so nobody's mode to keep: what it answers is not left to chance
        net.eval()
    subject = Subject(
        net, dataset, dataset.spec, dataset.classes, dataset.name, running.record, "trained here"
    )
    if out is not None:
        save_run(subject, out)
    return subject


def _train_readable(
    net: Readable,
    dataset: Dataset,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    seed: int,
    out: str | Path | None,
    watch: Watcher | None,
) -> Subject:
    """Readable networks have rounds of training and a recipe of their own; seconds, so nothing is resumed."""
    from pellucid.readable import train_readable  # scikit-learn takes a second to import

    own = net.recipe
    recipe = dataclasses.replace(
        own,
        epochs=own.epochs if epochs is None else epochs,
        batch_size=own.batch_size if batch_size is None else batch_size,
        learning_rate=own.learning_rate if learning_rate is None else learning_rate,
    )
    record = train_readable(net, dataset, recipe=recipe, seed=seed, watch=watch)
    if net.told:
        dataset = dataclasses.replace(dataset, notes=(*dataset.notes, net.told))
    subject = Subject(net, dataset, dataset.spec, dataset.classes, dataset.name, record, "trained here")
    if out is not None:
        save_run(subject, out)
    return subject


def _kept(network: nn.Module) -> int:
    return SNAPSHOTS if sum(p.numel() for p in network.parameters()) <= SMALL else 0


def _rate(network: nn.Module, optimizer: str) -> float | None:
    """Larger steps for our networks with batch norm, which bear them; else the optimizer's own."""
    kind = getattr(getattr(network, "architecture", None), "kind", "")
    return NORMED_RATE if optimizer == "adamw" and kind in NORMED else None


def dataset_of(
    source: Frame | str | Path,
    *,
    answer: str | None = None,
    types: Mapping[str, Kind] | None = None,
    text: str | None = None,
    parts: str | None = None,
    missing: Sequence[str] = (),
    encoding: str | None = None,
    skip: bool = False,
    heard: Heard | None = None,
    rises: Sequence[str] = (),
    falls: Sequence[str] = (),
) -> Dataset:
    """A data set from a path or the name of a bundled one; ``text`` and ``parts`` name columns of a table,
    ``heard`` says how to read sounds, the others are as in :func:`pellucid.data.from_path`.

    Of columns in ``rises`` more can only raise the answer (of two classes: the second), of those in ``falls``
    only lower it.

    Raises:
        InputError: where options do not go together, or the data do not fit them.
        LoadError: where nothing of that name or path can be read.

    Example:
        >>> dataset_of("digits").classes[3]
        '3'
    """
    if not isinstance(source, str | Path):
        return _of_frame(source, answer, text)
    refuse_both(source)
    place = Path(source)
    directed = _directions(rises, falls)
    if heard is not None and heard != Heard():
        for name, of_tables in (("target", answer), ("text", text), ("parts", parts), ("types", types)):
            if of_tables:
                raise InputError(f"{name}={of_tables!r} belongs to tables; the other options are of sounds.")
        if directed:
            raise InputError(f"Directions are for columns of a table; {source} is read as sounds.")
        given = {name: value for name, value in dataclasses.asdict(heard).items() if value is not None}
        return sounds(place, skip=skip, **given)
    if not place.exists() and len(place.parts) == 1 and not place.suffix:
        if directed:
            raise InputError(f"Directions are for columns of a table file; {source} brings its own columns.")
        return by_name(str(source))
    return from_path(
        place,
        answer,
        text=text,
        parts=parts,
        types=types or {},
        missing=missing,
        encoding=encoding,
        skip=skip,
        monotone=directed,
    )


def _of_frame(source: Frame, answer: str | None, text: str | None) -> Dataset:
    if not hasattr(source, "columns"):
        raise InputError(
            f"Expected a path, the name of a bundled data set, a Dataset or a DataFrame, got "
            f"{type(source).__name__}. Arrays: pellucid.data.arrays(x, y) makes a Dataset of them."
        )
    if text is not None:
        raise InputError(
            f"text={text!r}: texts are read from files. Write the DataFrame to a .csv and give its path."
        )
    if answer is None:
        raise InputError("Say which column of the DataFrame is to be learned: answer='NAME'.")
    return frame(source, answer)


def _directions(rises: Sequence[str], falls: Sequence[str]) -> dict[str, Literal[0, 1, -1]]:
    both = sorted({*rises} & {*falls})
    if both:
        raise InputError(
            f"{both[0]!r} is to rise and to fall, and only a column that changes nothing could do both. "
            "Leave one of the two out."
        )
    return {**dict.fromkeys(rises, 1), **dict.fromkeys(falls, -1)}  # pyright: ignore[reportReturnType]


def parsed_types(texts: Sequence[str]) -> dict[str, Kind]:
    """``["zip=category"]`` as ``{"zip": "category"}``.

    Raises:
        InputError: where a text is not COLUMN=TYPE, or there is no such type.

    Example:
        >>> parsed_types(["zip=category"])
        {'zip': 'category'}
    """
    pairs = [text.rpartition("=") for text in texts]
    wrong = [
        text for text, (name, sign, kind) in zip(texts, pairs, strict=True) if not (name and sign and kind)
    ]
    if wrong:
        raise InputError(f"--type takes COLUMN=TYPE, such as zip=category; got {wrong[0]!r}.")
    for _, _, kind in pairs:
        if kind not in get_args(Kind):
            raise InputError(f"There is no column type {kind!r}. {near_misses(kind, get_args(Kind))}")
    return {name: cast("Kind", kind) for name, _, kind in pairs}


def network_for(
    dataset: Dataset,
    *,
    kind: str | None = None,
    hidden: Sequence[int] | None = None,
    activation: str | None = None,
    concepts: Sequence[str] = (),
    ordered: bool = False,
    max_rules: int | None = None,
    max_conditions: int | None = None,
    seed: int = 0,
) -> nn.Module:
    """A plain network that suits the data, with other widths or another activation where they are given.

    ``ordered``, ``max_rules`` and ``max_conditions`` are those of :func:`pellucid.networks.rules_for`.

    Raises:
        InputError: where the kind of network does not exist or has no such choice.
    """
    refuse_directions(dataset, kind)
    budget = (20 if max_rules is None else max_rules, 4 if max_conditions is None else max_conditions)
    if kind == "rules" and hidden is None and activation is None and not concepts:
        return rules_for(dataset, max_rules=budget[0], max_conditions=budget[1], ordered=ordered, seed=seed)
    if ordered or max_rules is not None or max_conditions is not None:
        raise InputError(
            "Ordered, max rules and max conditions are for network 'rules' only, which has no other choices; "
            "leave them away, or ask for it."
        )
    if concepts:
        if kind != "concepts":
            raise InputError("Concepts are for network 'concepts' only; leave them away, or ask for it.")
        return concepts_for(dataset, seed=seed, concepts=concepts)
    usual = default_network(dataset, kind=kind, seed=seed)
    if isinstance(usual, Readable):  # made for this data: built anew it would know nothing of them
        if hidden is not None or activation is not None:
            raise InputError(
                f"{usual.architecture.kind} has no hidden or activation to choose; leave it away."
            )
        return usual
    for name, given in (("hidden", hidden), ("activation", activation)):
        if given is not None and name not in usual.architecture.params:
            raise InputError(f"A {usual.architecture.kind} has no {name} to choose; leave it away.")
    if hidden is None and activation is None:  # what a network took from the data is not in its architecture
        return usual
    params = dict(usual.architecture.params)
    if activation is not None:
        params["activation"] = activation
    if hidden is not None and "hidden" in params:
        params["hidden"] = list(hidden) if usual.architecture.kind == "mlp" else hidden[-1]
    return build(Architecture(usual.architecture.kind, params))
