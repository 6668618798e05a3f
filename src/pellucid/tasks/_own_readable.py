"""What concept bottlenecks and prototype networks say of themselves, on the held-out rows of a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid._core import Dataset, Subject
from pellucid.errors import InputError
from pellucid.networks import ConceptBottleneck, PrototypeNetwork
from pellucid.tasks._rows import sample

MOST_ROWS = 2_000  # held out, on which a network says what it does: pictures pass many times

if TYPE_CHECKING:
    from pellucid.readable import ConceptEvidence, LooksLike, PrototypeEvidence


def own_concepts(subject: Subject) -> ConceptEvidence:
    """How well a concept bottleneck tells its concepts, what leaks past them and what correcting them brings,
    on the rows that were held out.

    Raises:
        InputError: unless the network is a concept bottleneck.

    Example:
        >>> import pellucid
        >>> found = own_concepts(pellucid.train("breast-cancer", network="concepts"))
        >>> found.leaks
        False
    """
    from pellucid.readable import concept_evidence  # scikit-learn takes a second to import

    network = subject.model
    if not isinstance(network, ConceptBottleneck):
        raise InputError("This network has no concepts of its own. Train one with network='concepts'.")
    data = subject.needs_data("own_concepts")
    held, train = _held(data), data.part("train")
    return concept_evidence(
        network,
        held.inputs,
        held.answers,
        training=(train.inputs, train.answers, None),
        classes=subject.classes,
    )


def own_prototypes(subject: Subject, *, most: int = 3) -> tuple[PrototypeEvidence, LooksLike]:
    """How far the pairs of a prototype network may be believed, and those of the first held-out rows.

    Raises:
        InputError: unless the network is a prototype network.

    Example:
        >>> import pellucid
        >>> found, pairs = own_prototypes(pellucid.train("breast-cancer", network="prototypes", epochs=2))
        >>> found.total, len(pairs)
        (16, 4)
    """
    from pellucid.readable import looks_like, prototype_evidence

    network = subject.model
    if not isinstance(network, PrototypeNetwork):
        raise InputError("This network has no prototypes of its own. Train one with network='prototypes'.")
    data = subject.needs_data("own_prototypes")
    held = _held(data)
    found = prototype_evidence(network, held.inputs, held.answers, subject.classes)
    return found, looks_like(network, held.inputs[:4], data.spec, subject.classes, most=most)


def _held(data: Dataset) -> Dataset:
    """Test rows, or where there are none those for validation, or all; at most 2,000 of them at random."""
    found = data
    for part in (2, 1):
        if bool((data.parts == part).any()):
            found = data.rows(data.parts == part)
            break
    return found.rows(sample(len(found), MOST_ROWS))
