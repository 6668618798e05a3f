"""The verb ``dictionary_of``: a layer's activations as few learned directions, each looked at as a unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from pellucid._core import Compute, Dataset, Subject, activations, only_subject
from pellucid._core._site import ELEMENTS
from pellucid.errors import InputError, TargetError, near_misses
from pellucid.layers import Dictionary, matrix_factorisation, sparse_autoencoder, with_elements
from pellucid.layers._dictionary import vectors_of
from pellucid.layers._factorisation import without_negatives
from pellucid.layers._sparse import EACH
from pellucid.tasks._rows import held_out, sample
from pellucid.tasks._units import CALIBRATE, Notes, UnitsSeen, units_seen

if TYPE_CHECKING:
    from pellucid.figures import Figure

Kind = Literal["topk", "batchtopk", "jumprelu", "nmf"]
KINDS = ("topk", "batchtopk", "jumprelu", "nmf")
LEARNED = 5000  # rows that a dictionary is learned from
FACTORS = 10  # of a factorisation, where nothing else is said
LOOKED_AT = 64  # rows that show at once whether a layer has negative values


@dataclass(frozen=True, slots=True, eq=False)
class DictionaryPage:
    """A dictionary of a layer, what it keeps beside its control, and its elements as units.

    Args:
        made: the dictionary.
        units: its elements.
        real: the data that the elements' rows name.
        seed: of every chance.
        notes: what could not be computed, and why.
    """

    made: Dictionary
    units: UnitsSeen
    real: Dataset
    seed: int = 0
    notes: tuple[str, ...] = ()

    def figures(self) -> list[Figure]:
        """What it keeps, and its elements."""
        from pellucid import figures

        seen = self.units
        return [
            figures.dictionary(self.made),
            figures.unit_grid(
                seen.strongest,
                seen.middle,
                self.real,
                seen.selectivity,
                seen.untrained_selectivity,
                seen.effects,
                seen.pictures,
                seen.values,
                noun="element",
                place=f"the {self.made.kind} dictionary of {self.made.site}",
            ),
        ]

    def __repr__(self) -> str:
        return f"DictionaryPage({self.made.site}, {len(self.real)} inputs)"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        drawn = self.figures()
        plain = "\n\n".join(f"{each.title}\n{each.alt}\n{each.table.text()}" for each in drawn)
        return {"text/plain": plain, "text/html": "".join(each.static() for each in drawn)}


def dictionary_of(
    subject: Subject,
    site: str,
    kind: str = "topk",
    *,
    width: int | None = None,
    steps: int = 128,
    rows: int = 1000,
    compute: Compute | None = None,
) -> DictionaryPage:
    """Learn a dictionary of a layer and look at its elements as at units.

    Args:
        subject: a network with data.
        site: the layer, as :func:`pellucid.layers` names it.
        kind: a sparse autoencoder (``"topk"``, ``"batchtopk"``, ``"jumprelu"``), or ``"nmf"`` for few inputs.
        width: number of elements; left out, four per unit, 10 for ``"nmf"``.
        steps: of activation maximization for the elements drawn; 0 makes no pictures.
        rows: most held-out inputs to look at.
        compute: how to run.

    Returns:
        A :class:`DictionaryPage`; ``pellucid.unit_of(subject, site, 3, dictionary=page.made)`` is the page of
        one element.

    Raises:
        SiteError: where the layer does not exist.
        InputError: where the kind does not exist, or the subject has too few data.
        MethodError: where ``"nmf"`` meets negative values.

    Cost:
        Learning, twice (the network with shuffled weights is the control), and as for
        :func:`pellucid.layer` without its probes.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(200, 3), torch.tensor([0, 1] * 100)))
        >>> pellucid.dictionary_of(subject, "1", "nmf", width=3, steps=0).units.strongest.units.tolist()
        [0, 1, 2]
    """
    only_subject(subject)
    how = compute or Compute(batch_size=256)
    made = learned_dictionary(subject, site, kind, width=width, compute=how)
    data = held_out(subject.needs_data("dictionary_of"))
    looked = data.rows(sample(len(data), rows, seed=how.seed))
    notes = Notes()
    whole = with_elements(subject.model, made, looked.inputs[:CALIBRATE], spec=subject.spec)
    seen = units_seen(subject, whole, ELEMENTS, looked, None, steps, notes, how)
    return DictionaryPage(made, seen, looked, how.seed, tuple(notes.lines))


def checked_kind(kind: str) -> None:
    """Say so before any work where there is no such dictionary."""
    if kind not in KINDS:
        raise InputError(f"There is no dictionary {kind!r}. {near_misses(kind, KINDS)}")


def refuse_negatives(subject: Subject, site: str, kind: str, inputs: Tensor, how: Compute) -> None:
    """Say so before any work where some inputs show that a layer's values are no sums of parts."""
    if kind != "nmf":
        return
    few = inputs[:LOOKED_AT]
    for _, seen in activations(subject.model, few, [site], stop=site, spec=subject.spec, compute=how):
        without_negatives(seen[site], site)


def _units(subject: Subject, row: Tensor, site: str) -> int:
    """How many units a layer has."""
    seen = activations(subject.model, row, [site], stop=site, spec=subject.spec)
    return next(vectors_of(subject.model, found[site], site).shape[-1] for _, found in seen)


def checked_element(element: int, size: int) -> None:
    """Raise where a dictionary of so many elements has no such one."""
    if not 0 <= element < size:
        raise TargetError(f"Elements of the dictionary are numbered 0 to {size - 1}, got {element}.")


def learned_dictionary(
    subject: Subject,
    site: str,
    kind: str,
    *,
    width: int | None = None,
    element: int | None = None,
    compute: Compute | None = None,
) -> Dictionary:
    """A dictionary of one kind, from rows that the network was trained on.

    Where it will have no such ``element``, that is said before it is learned.
    """
    how = compute or Compute(batch_size=256)
    checked_kind(kind)
    data = subject.needs_data("dictionary_of").part("train")
    if element is not None:
        size = width or (FACTORS if kind == "nmf" else EACH * _units(subject, data.inputs[:1], site))
        checked_element(element, size)
    some = data.inputs[sample(len(data), LEARNED, seed=how.seed)]
    if kind == "topk" or kind == "batchtopk" or kind == "jumprelu":
        return sparse_autoencoder(
            subject.model, some, site, kind=kind, width=width, spec=subject.spec, compute=how
        )
    return matrix_factorisation(
        subject.model, some, site, width=width or FACTORS, spec=subject.spec, compute=how
    )
