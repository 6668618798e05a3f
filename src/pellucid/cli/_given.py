"""The data that a command is given and how they are read: five options, one value."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli._arguments import Answer, Data, Sound, Text, Tokenizer
from pellucid.cli._say import narrate

if TYPE_CHECKING:
    from pellucid._core import Dataset, Subject
    from pellucid.inputs import AudioSpec, ImageSpec
    from pellucid.tasks import Told

LOOKED = 64  # rows that a network of one's own answers before all else


@dataclass(frozen=True, slots=True)
class GivenData:
    """What is examined on, as it was typed: of a command that takes one, each field is an option."""

    data: Data = None
    answer: Answer = None
    text: Text = None
    tokenizer: Tokenizer = None
    sound: Sound = None

    def told(self) -> Told:
        """The same for those who open it."""
        from pellucid.tasks import Told

        return Told(self.data, self.answer, self.text, self.tokenizer, tuple(self.sound or ()))

    def subject(self, model: str, weights: Path | None = None) -> Subject:
        """Open what the command line names."""
        told = self.told()
        return described(lambda: told.open(model, weights), told)


NO_DATA = GivenData()


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each field of ``GivenData`` where it takes one, as typer reads it."""
    signature = inspect.signature(command, eval_str=True)
    taken = next((name for name, each in signature.parameters.items() if each.annotation is GivenData), None)
    if taken is None:
        return command
    options = inspect.signature(GivenData, eval_str=True).parameters

    @functools.wraps(command)
    def gathered(**typed: object) -> None:
        given = GivenData(**{name: typed.pop(name) for name in options})  # pyright: ignore[reportArgumentType]
        command(**typed, **{taken: given})

    spread = [
        option
        for name, each in signature.parameters.items()
        for option in (options.values() if name == taken else [each])
    ]
    gathered.__signature__ = signature.replace(parameters=spread)  # pyright: ignore[reportAttributeAccessIssue]
    return gathered


def described(open_it: Callable[[], Subject], told: Told) -> Subject:
    """A subject, and on stderr what a person should know of the data that were named for it."""
    from contextlib import redirect_stdout

    # what a user's own module prints must not mix with results
    with redirect_stdout(sys.stderr):
        subject = open_it()
    if told.data is not None and subject.data is not None:
        for note in subject.data.notes:  # such as rows that the network cannot read
            narrate(f"{subject.data.name}: {note}")
        own = not Path(subject.origin).is_dir()
        if own and (said := _fed(subject, subject.data, ordered=bool(told.order))):
            narrate(said)
    return subject


def _fed(subject: Subject, data: Dataset, *, ordered: bool) -> str:
    """What goes into a network of the user's own, which may have learned from something else."""
    import torch

    from pellucid._core import each_class, predict
    from pellucid.inputs import AudioSpec, ImageSpec, TextSpec

    spec = data.spec
    if not isinstance(spec, ImageSpec | TextSpec | AudioSpec) or not data.classes:
        return ""
    some = data.rows(torch.arange(0, len(data), max(1, len(data) // LOOKED))[:LOOKED])
    told = each_class(predict(subject.model, some.inputs, spec=spec)).argmax(-1)
    right = int((told.cpu() == some.answers).sum()) if told.shape == some.answers.shape else None
    if isinstance(spec, TextSpec):
        length = f", up to {spec.length} of them" if spec.length else ""
        said = f"Texts go into the network as numbers of tokens{length}."
    else:
        said = _scaled(spec)
    if right is not None:
        said += f" Of {len(some)} rows it answers {right} rightly."
    if not ordered:
        said += f" Its outputs are taken in the order {', '.join(data.classes[:6])}"
        said += ", …." if len(data.classes) > 6 else "."
    return said + (
        ""
        if isinstance(spec, TextSpec)
        else " If it learned on other numbers, name data that you made yourself: --data file.py:attr."
    )


def _scaled(spec: ImageSpec | AudioSpec) -> str:
    from pellucid.inputs import ImageSpec

    if not isinstance(spec, ImageSpec) and set(spec.mean) == {0.0} and set(spec.std) == {1.0}:
        return (
            f"Sounds go into the network as {'levels in dB' if spec.pitched else 'they lie in the file, ±1'}."
        )
    mean, sd = (", ".join(f"{v:.3g}" for v in each[:3]) for each in (spec.mean, spec.std))
    more = ", …" if len(spec.mean) > 3 else ""
    what = "Pixels 0..1" if isinstance(spec, ImageSpec) else "Levels in dB" if spec.pitched else "Samples ±1"
    one = "pixel" if isinstance(spec, ImageSpec) else "level" if spec.pitched else "sample"
    return (
        f"{what} go into the network as ({one} − mean) ÷ sd, mean {mean}{more} and sd {sd}{more}, "
        "the data's own."
    )
