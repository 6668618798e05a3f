"""From an architecture, or from data, to a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import MappingProxyType

from pellucid._core import Dataset
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TextSpec
from pellucid.networks._additive_for import additive, additive_for
from pellucid.networks._architecture import Architecture
from pellucid.networks._attention_for import attention_for
from pellucid.networks._attention_gate import attention
from pellucid.networks._attention_patches import attention_patches
from pellucid.networks._attention_words import attention_words
from pellucid.networks._concept_bottleneck import concept_bottleneck, concepts_for
from pellucid.networks._mobilenet import mobilenet_v2
from pellucid.networks._plain import Plain, cnn, mlp
from pellucid.networks._prototypes import prototype_network, prototypes_for
from pellucid.networks._readable import Readable
from pellucid.networks._rule_network import rule_network, rules_for
from pellucid.networks._sound import spectrogram_cnn, waveform_cnn
from pellucid.networks._text import PAD, Reader, gru, text_cnn, transformer
from pellucid.networks._vision import vit

Network = Plain | Reader | Readable
ForData = Callable[..., Readable]  # (dataset, *, seed)
KINDS: MappingProxyType[str, Callable[..., Network]] = MappingProxyType(
    {
        "mlp": mlp,
        "cnn": cnn,
        "mobilenet_v2": mobilenet_v2,
        "spectrogram_cnn": spectrogram_cnn,
        "waveform_cnn": waveform_cnn,
        "text_cnn": text_cnn,
        "transformer": transformer,
        "gru": gru,
        "vit": vit,
        "rule_network": rule_network,
        "additive": additive,
        "attention": attention,
        "attention_patches": attention_patches,
        "attention_words": attention_words,
        "concepts": concept_bottleneck,
        "prototypes": prototype_network,
    }
)
DIRECTED = ("additive", "rules")  # networks that keep directions
OF_TEXTS = ("text_cnn", "transformer", "gru")
# networks that are readable by design: by the name that users give, how one is made for a data set
FOR_DATA: MappingProxyType[str, ForData] = MappingProxyType(
    {
        "additive": additive_for,
        "attention": attention_for,
        "rules": rules_for,
        "concepts": concepts_for,
        "prototypes": prototypes_for,
    }
)


def refuse_directions(dataset: Dataset, kind: str | None) -> None:
    """Say which columns have a direction, where the network of this kind keeps none."""
    if kind in DIRECTED:
        return
    columns = getattr(dataset.spec, "columns", ())
    names = [column.name for column in columns if column.monotone]
    if names:
        raise InputError(
            f"{', '.join(names)} should only raise or lower the answer, and "
            f"{'a plain network' if kind is None else f'network {kind!r}'} keeps no directions: take network "
            "'additive' or 'rules', or declare none."
        )


def build(architecture: Architecture) -> Network:
    """The network that ``architecture`` describes, with the weights of its seed.

    Args:
        architecture: kind and parameters, as ``network.architecture`` holds them.

    Returns:
        A fresh network, equal to the bit to the one that the architecture came from when that was new.

    Raises:
        InputError: if the kind or a parameter is unknown, or a needed one is missing.

    Example:
        >>> import torch
        >>> network = mlp(3, 2)
        >>> torch.equal(build(network.architecture).output.weight, network.output.weight)
        True
    """
    if architecture.kind not in KINDS:
        raise InputError(
            f"No network is of kind {architecture.kind!r}. {near_misses(architecture.kind, KINDS)}"
        )
    make = KINDS[architecture.kind]
    known = inspect.signature(make).parameters
    for name in architecture.params:
        if name not in known:
            raise InputError(f"{architecture.kind} has no parameter {name!r}. {near_misses(name, known)}")
    missing = [n for n, p in known.items() if p.default is p.empty and n not in architecture.params]
    if missing:
        raise InputError(f"{architecture.kind} needs {', '.join(missing)}; the architecture does not say.")
    given = {n: tuple(v) if isinstance(v, list) else v for n, v in architecture.params.items()}
    try:
        return make(**given)
    except TypeError as error:
        raise InputError(f"A parameter of {architecture.kind} has the wrong type: {error}.") from error


def default_network(dataset: Dataset, *, kind: str | None = None, seed: int = 0) -> Network:
    """A plain network that suits ``dataset``: :func:`mlp` for tables, :func:`cnn` for pictures,
    :func:`spectrogram_cnn` or :func:`waveform_cnn` for sounds, :func:`text_cnn` for texts.

    Pictures are halved until at most 8 pixels a side remain, at least twice where 4 pixels allow it, with
    16, 32, 64, 64, … channels; a quarter of the dense layer drops out in training. Regression gets the mean
    and sd of the training answers as its last layer.

    Networks for sounds have three convolutions, or as many as the sound is long enough for; a quarter of what
    they end in drops out in training, in which spectrograms are moved by up to 8 % of time
    and pitch and get a random smooth gain over pitch.

    Args:
        dataset: its spec's axes decide: ``("D",)`` is a table, ``("C", "H", "W")`` are pictures,
            ``("C", "F", "T")`` spectrograms, ``("C", "T")`` waveforms, ``("T",)`` texts.
        kind: another network: for texts ``"transformer"`` or ``"gru"``, for pictures ``"vit"``; one that is
            readable by design by its name in ``FOR_DATA``.
        seed: decides the weights.

    Returns:
        An untrained network with ``dataset.outputs`` outputs.

    Raises:
        InputError: if the inputs are neither, nothing can be learned from the answers, or columns have a
            direction and the network keeps none.
    """
    refuse_directions(dataset, kind)
    if kind is not None and kind in FOR_DATA:
        return FOR_DATA[kind](dataset, seed=seed)
    axes, shape = dataset.spec.axes, dataset.inputs.shape[1:]
    answers = _answer_scale(dataset) if dataset.task == "regression" else None
    if axes == ("T",) and isinstance(dataset.spec, TextSpec):
        return _reader(dataset, dataset.spec, kind or OF_TEXTS[0], seed, answers)
    if kind == "vit" and axes == ("C", "H", "W") and len(shape) == 3:
        return vit(shape[0], (shape[1], shape[2]), dataset.outputs, seed=seed, answers=answers)
    if kind is not None:
        reads = {"vit": "pictures"} | dict.fromkeys(OF_TEXTS, "texts")
        wanted = reads.get(kind.replace("-", "_"))
        if wanted is None:
            known = [*reads, *FOR_DATA]
            raise InputError(f"No network to train is called {kind!r}. {near_misses(kind, known)}")
        raise InputError(
            f"network={kind!r} reads {wanted}, and {dataset.name} holds none. Leave it out: the network "
            "follows the data."
        )
    if axes == ("D",) and len(shape) == 1:
        return mlp(shape[0], dataset.outputs, seed=seed, answers=answers)
    if axes == ("C", "H", "W") and len(shape) == 3:
        channels, height, width = shape
        widths = _widths(min(height, width))
        return cnn(
            channels,
            (height, width),
            dataset.outputs,
            widths=widths,
            seed=seed,
            dropout=0.25,
            answers=answers,
        )
    if axes in (("C", "F", "T"), ("C", "T")) and len(shape) == len(axes):
        return _for_sounds(shape, dataset.outputs, seed, answers)
    raise InputError(
        f"{dataset.name}: a default network needs rows [N, D], pictures [N, C, H, W] or sounds, got "
        f"{tuple(dataset.inputs.shape)} with axes {axes}. Build a network and give it to train()."
    )


def _for_sounds(shape: Sequence[int], outputs: int, seed: int, answers: tuple[float, float] | None) -> Plain:
    if len(shape) == 2:
        widths = tuple(w for k, w in enumerate((32, 32, 64), start=1) if shape[1] >= 4 * 4**k)
        return waveform_cnn(
            shape[1], outputs, channels=shape[0], widths=widths, seed=seed, dropout=0.25, answers=answers
        )
    channels, bins, frames = shape
    widths = tuple(w for k, w in enumerate((16, 32, 64), start=1) if min(bins, frames) >= 2**k)
    return spectrogram_cnn(
        bins,
        frames,
        outputs,
        channels=channels,
        widths=widths,
        seed=seed,
        dropout=0.25,
        blur=0.08,
        gain=0.4,
        answers=answers,
    )


def _reader(
    dataset: Dataset, spec: TextSpec, kind: str, seed: int, answers: tuple[float, float] | None
) -> Reader:
    kind = kind.replace("-", "_")
    if kind not in OF_TEXTS:
        raise InputError(f"No network for texts is called {kind!r}. {near_misses(kind, OF_TEXTS)}")
    size = spec.size or int(dataset.inputs.max()) + 1
    if spec.pad not in (None, PAD):
        raise InputError(
            f"The networks here take token {PAD} as padding, this tokenizer pads with {spec.pad}. Build a "
            "network of your own and give it to train()."
        )
    if kind == "gru":
        return gru(dataset.outputs, vocabulary=size, seed=seed, answers=answers)
    make = transformer if kind == "transformer" else text_cnn
    return make(size, dataset.outputs, seed=seed, answers=answers)


def _widths(side: int) -> tuple[int, ...]:
    pools = 0
    while side >= 2 and (side > 8 or pools < 2):
        side, pools = side // 2, pools + 1
    return (16, 32, 64, 64, 64, 64, 64, 64, 64)[:pools]


def _answer_scale(dataset: Dataset) -> tuple[float, float]:
    answers = dataset.part("train").answers.double()
    if len(answers) < 2 or not float(answers.std()) > 0:
        raise InputError(f"{dataset.name}: all training answers are the same, there is nothing to learn.")
    return float(answers.mean()), float(answers.std())
