"""What is examined: a network with what its inputs and outputs mean."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from pellucid._core._dataset import Dataset, Task
from pellucid._core._layer_map import LayerMap, layer_map
from pellucid._core._spec import InputSpec
from pellucid.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A network under examination.

    Args:
        model: the network, never changed.
        data: inputs and answers; ``None`` when only the network is known.
        spec: what an input means.
        classes: names of the outputs; empty for regression.
        name: short name for people.
        record: what was watched while it trained (:class:`pellucid.training.TrainingRecord`); ``None`` for
            a network that pellucid did not train.
        origin: where it came from: a run folder, ``module:attr``, or words.

    Example:
        >>> import pellucid, torch
        >>> x, y = torch.rand(8, 2), torch.tensor([0, 1] * 4)
        >>> subject = pellucid.open(torch.nn.Linear(2, 2), data=(x, y))
        >>> subject.classes
        ('0', '1')
    """

    model: nn.Module
    data: Dataset | None
    spec: InputSpec
    classes: tuple[str, ...]
    name: str = "network"
    record: object | None = None
    origin: str = ""

    @property
    def task(self) -> Task:
        """Classification where classes are named, else regression."""
        return "classification" if self.classes else "regression"

    def needs_data(self, verb: str) -> Dataset:
        """The data, or an error that says how to give some."""
        if self.data is None:
            raise InputError(
                f"{verb} needs data, this subject has none. Open it with data=(inputs, answers)."
            )
        return self.data

    def layer_map(self) -> LayerMap:
        """Every layer in the order of the pass, from one row of the data; without data as it was made.

        Example:
            >>> import pellucid, torch
            >>> data = (torch.rand(8, 2), torch.tensor([0, 1] * 4))
            >>> subject = pellucid.open(torch.nn.Linear(2, 2), data=data)
            >>> subject.layer_map().layers[0].shape
            (2,)
        """
        one = None if self.data is None or not len(self.data) else self.data.inputs[:1]
        return layer_map(self.model, one, spec=self.spec)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)

    def __repr__(self) -> str:
        rows = "no data" if self.data is None else f"{len(self.data)} rows"
        return f"Subject({self.name}: {type(self.model).__name__}, {self.task}, {rows})"


def only_subject(given: object) -> None:
    """Raise :class:`InputError` where a verb got something else, most often the network itself.

    Example:
        >>> only_subject(nn.Linear(2, 2))
        Traceback (most recent call last):
        ...
        pellucid.errors.InputError: Expected a Subject, got Linear. Make one: pellucid.open(…).
    """
    if not isinstance(given, Subject):
        raise InputError(f"Expected a Subject, got {type(given).__name__}. Make one: pellucid.open(…).")
