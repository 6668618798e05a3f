"""From a network, a run folder or a name to a subject."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from pellucid import loading
from pellucid._core import Batch, Dataset, InputSpec, Subject, predict
from pellucid.data import arrays
from pellucid.data._read_as import held_as, same_kind
from pellucid.errors import InputError, LoadError, MethodError, near_misses
from pellucid.networks import Plain
from pellucid.tasks._data_for import Reading, data_for, data_in_code, names_code
from pellucid.tasks._runs import open_run
from pellucid.tasks._train import Heard, dataset_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    Rows = Tensor | np.ndarray | Sequence[object]
    Pair = tuple[Rows, Rows]


@runtime_checkable
class Fitted(Protocol):
    """An estimator of :mod:`pellucid.readable` after ``fit``."""

    network_: nn.Module

    def subject(self, X: object = None, y: object = None, *, name: str = "") -> Subject:
        """Its network with some rows."""
        ...


def open(  # noqa: A001
    model: nn.Module | Fitted | str | Path,
    *,
    data: Dataset | Pair | str | Path | None = None,
    spec: InputSpec | None = None,
    classes: Sequence[str] = (),
    answer: str | None = None,
    text: str | None = None,
    tokenizer: object = None,
    heard: Heard | None = None,
    weights: str | Path | None = None,
    output: int | str | None = None,
    ends_in: loading.Ending | None = None,
    name: str = "",
) -> Subject:
    """Put a trained network under examination.

    Args:
        model: a module; a fitted estimator of :mod:`pellucid.readable`, whose data are raw rows with their
            answers; a run folder that training left; a model folder of Hugging Face (``config.json`` and
            safetensors), which says what its inputs and classes are; an exported program (``.pt2``); or
            ``"package.module:attr"`` or
            ``"file.py:attr"``, which names a module or a function of no arguments that returns one.
        data: what it is examined on: a :class:`Dataset`, ``(inputs, answers)``, a path, the name of a bundled
            data set, or ``"file.py:attr"`` for one of these two in code. A run folder brings its own, and
            reads other files as it learned to; all of their rows are held out.
        spec: what an input means; guessed from the shape of the data where it is left out.
        classes: names of the outputs; numbers where left out.
        answer: the column to predict, where ``data`` is a table's path.
        text: the column to read, where that table holds texts.
        tokenizer: what makes numbers of texts for a network of one's own: a tokenizer, a ``TextSpec``, or
            where one lies (a folder of Hugging Face, a ``tokenizer.json``, a run folder, ``"file.py:attr"``).
        heard: how a folder of sounds is read for such a network.
        weights: a safetensors file or a ``weights_only`` checkpoint that is loaded into the network.
        output: where the network returns several tensors, the number or name of the one that is examined;
            its layers are then addressed below ``network``. ``"logits"`` is found without.
        ends_in: ``"sigmoid"`` or ``"softmax"``, where the network gives probabilities of classes: what went
            into that step is then read from them, and its layers are addressed below ``network``.
        name: short name for people.

    Returns:
        A frozen :class:`Subject`. The network is never changed.

    Raises:
        LoadError: where the network, its weights or its data cannot be opened.
        InputError: where network, data, spec and class names do not fit each other.
        MethodError: where the network raises on the first rows.

    Cost:
        One forward pass of two rows, to see that network and data fit.

    Limits:
        A subject takes one tensor of inputs; for a network of several, give ``pellucid.Batch`` to the
        functions of ``pellucid.attribution``. A single output of two classes is read as the log-odds of
        the second. With ``ends_in=`` probabilities that are rounded to 0 or 1 have slope 0: where the network
        is sure, open it without its last step instead.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 2))
        >>> pellucid.open(network, data=(torch.rand(8, 3), torch.tensor([0, 1] * 4)), classes=["no", "yes"])
        Subject(Sequential: Sequential, classification, 8 rows)
    """
    if spec is not None and not isinstance(spec, InputSpec):
        raise InputError(f"spec: expected a value such as TabularSpec(columns), got {spec!r}.")
    if isinstance(classes, str):
        raise InputError(f"classes: expected a name for each output, such as ['no', 'yes'], got {classes!r}.")
    if names_code(data):
        data = cast("Dataset | Pair", data_in_code(str(data)))
    reading = Reading(answer, text, tokenizer, heard)
    if isinstance(model, Fitted):
        return _fitted(model, data, answer, name)
    if isinstance(model, str | Path) and loading.is_pretrained(model):
        return _pretrained(Path(model), data, spec, tuple(classes), reading, weights, name)
    if isinstance(model, str | Path) and Path(model).is_dir():
        subject = open_run(model)
        return subject if data is None else _with_data(subject, data, spec, classes, reading)
    network = _network(model, weights)
    # our own networks in a row are all of one class, whose name says nothing
    kind = network.architecture.kind if isinstance(network, Plain) else type(network).__name__
    if isinstance(model, str | Path) and Path(model).suffix == ".pt2":
        kind = Path(model).stem
    if output is not None:
        network = loading.OneOutput(network, output)
    if ends_in is not None:
        network = loading.LogOdds(network, ends_in)
    found = _dataset(data, spec, tuple(classes), reading, network)
    means = spec or (found.spec if found is not None else None)
    if means is None:
        raise InputError(
            "What do the inputs mean? Give data=(inputs, answers), or in Python spec=ImageSpec(…) alone."
        )
    labels = tuple(classes) or (found.classes if found is not None else ())
    origin = model if isinstance(model, str) else f"a {kind} given in Python"
    title = name or kind
    subject = Subject(network, found, means, labels, title, None, str(origin))
    outputs = _fits(
        subject,
        data[0] if isinstance(data, tuple) and spec is None else None,
        counted=isinstance(data, tuple) and not classes,
    )
    return _named_by_number(subject, outputs) if outputs > len(subject.classes) > 0 else subject


def _named_by_number(subject: Subject, outputs: int) -> Subject:
    """The subject with a class for each output, where answers were numbers and did not show all of them."""
    names = tuple(str(k) for k in range(outputs))
    data = None if subject.data is None else dataclasses.replace(subject.data, classes=names)
    return dataclasses.replace(subject, data=data, classes=names)


def _fitted(
    model: Fitted, data: Dataset | Pair | str | Path | None, answer: str | None, name: str
) -> Subject:
    if data is None:
        return model.subject(name=name)
    if isinstance(data, tuple) and len(data) == 2:
        return model.subject(data[0], data[1], name=name)
    if isinstance(data, Dataset | str | Path):
        rows = data if isinstance(data, Dataset) else dataset_of(data, answer=answer)
        return model.subject(rows, name=name)
    raise InputError(f"data of a fitted estimator are (raw rows, answers), got {type(data).__name__}.")


def _pretrained(
    folder: Path,
    data: Dataset | Pair | str | Path | None,
    spec: InputSpec | None,
    classes: tuple[str, ...],
    reading: Reading,
    weights: str | Path | None,
    name: str,
) -> Subject:
    found = loading.open_pretrained(folder)
    means, named = spec or found.spec, classes or found.classes
    if weights is not None:
        loading.load_weights(found.model, weights)
    rows = _dataset(data, means, named, reading, found.model)
    means = means or (rows.spec if rows is not None else None)
    if means is None:
        raise InputError(f"{folder} does not say what its inputs mean; give spec= or data=(inputs, answers).")
    subject = Subject(found.model, rows, means, named, name or found.name, None, str(folder))
    _fits(subject)
    return subject


def _other_meaning(inputs: Tensor) -> str:
    """What inputs without a spec may have meant instead."""
    if inputs.ndim == 3:
        return (
            "Inputs [N, H, W] without spec= are taken as pictures [N, 1, H, W]. For steps [N, T, D] there is "
            "no spec: the functions of pellucid.attribution and pellucid.layers take them as they are. For "
            "the verbs give them as rows, data=(x.flatten(1), y), and open a module whose forward calls the "
            f"network on x.unflatten(1, ({inputs.shape[1]}, {inputs.shape[2]})): docs/methods.md, Steps."
        )
    if not inputs.is_floating_point() and inputs.ndim == 2:
        return (
            "Whole numbers without spec= are taken as a table of floating numbers; "
            "for numbers of tokens say spec=TextSpec(tokenizer, …)."
        )
    return ""


def _network(model: nn.Module | str | Path, weights: str | Path | None) -> nn.Module:
    if isinstance(model, nn.Module):
        network = model
    elif isinstance(model, str | Path) and Path(model).suffix == ".pt2":
        network = loading.open_program(model)
    elif isinstance(model, str | Path) and ":" in str(model):
        network = loading.module_attr(str(model))
    elif isinstance(model, str | Path):
        raise LoadError(
            f"{model} is neither a run folder nor names a network as package.module:attr or file.py:attr. "
            f"{_runs_beside(Path(model))}"
        )
    else:
        raise InputError(
            f"Expected a torch.nn.Module, a run folder or 'module:attr', got {type(model).__name__}."
        )
    if weights is not None:
        loading.load_weights(network, weights)
    return network


def _runs_beside(place: Path) -> str:
    runs = sorted(str(p.parent) for p in place.parent.glob("*/run.json"))
    return near_misses(str(place), runs) if runs else f"No run folder lies in {place.parent.absolute()}."


def _dataset(
    data: Dataset | Pair | str | Path | None,
    spec: InputSpec | None,
    classes: tuple[str, ...],
    reading: Reading,
    network: nn.Module | None = None,
) -> Dataset | None:
    if data is None or isinstance(data, Dataset):
        return data
    if isinstance(data, str | Path):
        return data_for(data, reading, spec=spec, classes=classes, network=network)
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], Batch | Mapping):
        return arrays(data[0], data[1], spec=spec, classes=classes)
    raise InputError(
        f"data must be a Dataset, (inputs, answers), a path or a name; got {_said(data)}.{_instead(data)}"
    )


def _said(data: object) -> str:
    """What was given as data, in words."""
    if not isinstance(data, tuple):
        return type(data).__name__
    return f"a tuple of {', '.join(type(part).__name__ for part in cast('tuple[object, ...]', data))}"


def _instead(data: object) -> str:
    """What serves data that are no subject's."""
    first: object = cast("tuple[object, ...]", data)[0] if isinstance(data, tuple) and data else data
    if isinstance(first, Batch | Mapping) or (isinstance(data, tuple) and len(cast("Sized", data)) > 2):
        return (
            " A subject takes one tensor of inputs. For a network of several give a pellucid.Batch to the "
            "functions of pellucid.attribution: integrated_gradients(model, pellucid.Batch({'left': a, "
            "'right': b}), 1); to examine one input here, open a module that holds the others still."
        )
    if hasattr(data, "columns"):
        return (
            " Of a DataFrame pellucid.data.frame(data, 'answer') makes a Dataset; a run folder reads a .csv "
            "of these rows as it learned to."
        )
    if hasattr(data, "shape"):
        return " Answers are what networks are judged by: give data=(inputs, answers)."
    return ""


def _with_data(
    subject: Subject,
    data: Dataset | Pair | str | Path,
    spec: InputSpec | None,
    classes: Sequence[str],
    reading: Reading,
) -> Subject:
    labels = tuple(classes) or subject.classes
    own = spec or subject.spec
    if isinstance(data, str | Path):
        found = data_for(data, reading, spec=own, classes=labels, run=subject)
    else:
        found = _dataset(data, own, labels, reading)
        if found is not None:
            same_kind(found, own)
    other = Subject(
        subject.model, found, subject.spec, subject.classes, subject.name, subject.record, subject.origin
    )
    _fits(other)
    return other


def _fits(subject: Subject, guessed: Rows | None = None, *, counted: bool = False) -> int:
    """Number of outputs, found by passing two rows, so that what does not fit is said now; 0 without rows.

    ``guessed`` came without a spec; ``counted`` says that classes are numbers as far as answers go.
    """
    if subject.data is None or not len(subject.data):
        return 0
    rows = subject.data.inputs[:2]
    try:
        outputs, last = loading.ending(lambda: predict(subject.model, rows, spec=subject.spec))
    except MethodError as error:
        hint = "" if guessed is None else _other_meaning(torch.as_tensor(guessed))
        said = str(error) if str(error).endswith(".") else f"{error}."
        given = f"Its inputs here are {held_as(subject.data)} ({subject.data.name})."
        raise MethodError(f"{said} {hint or given}".rstrip()) from error.__cause__
    if last is not None and subject.data.classes:
        raise InputError(
            f"The network ends in a {last}: it gives probabilities, where what goes into that step is "
            f"expected; shares and log-odds would be wrong. Say pellucid.open(…, ends_in={last!r}), or open "
            "the network without that step."
        )
    count = outputs.shape[1] if outputs.ndim == 2 else 1
    known, answers = len(subject.classes), subject.data.answers
    if not known and count > 1 and torch.equal(answers, answers.round().clamp(0, count - 1)):
        raise InputError(
            f"The network has {count} outputs, and answers are floating numbers, as if a number were "
            "predicted. Where they number classes, as they seem to, give whole ones: y.long()."
        )
    numbers = counted and subject.classes == tuple(str(k) for k in range(known))
    if numbers and count > 1 and known > count:
        raise InputError(f"The network has {count} outputs, and answers go up to {known - 1}.")
    if known and outputs.ndim == 2 and count > 1 and count != known and not numbers:
        raise InputError(
            f"The network has {count} outputs, {known} classes are named "
            f"({', '.join(subject.classes[:5])}…). Give one name per output."
        )
    return count
