"""What the attention of a trained network is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.networks import Gated
from pellucid.tasks._rows import held_out

if TYPE_CHECKING:
    from pellucid.readable import AttentionCertificate


def certificate(subject: Subject, *, swaps: int = 50, seed: int = 0) -> AttentionCertificate:
    """How far the weights of an attention network may be believed, on its held-out rows.

    Args:
        subject: an attention network of classes with the data that it came from.
        swaps: draws of other rows.
        seed: decides them.

    Returns:
        The certificate; ``agreement`` is ``None``, for that other fits are needed
        (:meth:`pellucid.readable.AttentionClassifier.certificate`).

    Raises:
        InputError: if the network has no attention that gates its path, or a class is not among the held-out
            rows.

    Cost:
        ``swaps`` + 3 passes over the held-out rows.
    """
    from pellucid.readable import certify, part_names  # scikit-learn takes a second to import

    network = subject.model
    if not isinstance(network, Gated):
        raise InputError(
            f"{type(network).__name__} has no attention that gates its only path, so there is nothing to "
            "certify. Train one with network='attention'."
        )
    held = held_out(subject.needs_data("certificate"))
    names = part_names(network, subject.spec)
    return certify(network, held.inputs, held.answers, names, classes=subject.classes, swaps=swaps, seed=seed)
