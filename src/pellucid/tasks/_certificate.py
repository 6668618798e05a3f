"""What the attention of a trained network is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.networks import Gated
from pellucid.tasks._refits import trained_anew
from pellucid.tasks._rows import held_out
from pellucid.training import TrainingRecord

if TYPE_CHECKING:
    from pellucid.readable import AttentionCertificate

FIRST = 1000  # added to seeds of other fits, so that none is the one of the network itself


def certificate(subject: Subject, *, swaps: int = 50, seeds: int = 1, seed: int = 0) -> AttentionCertificate:
    """How far the weights of an attention network may be believed, on its held-out rows.

    Args:
        subject: an attention network of classes with the data that it came from.
        swaps: draws of other rows.
        seeds: fits to compare: with 2 or more the network is trained ``seeds`` − 1 times more on the same
            rows, from other seeds; with 1 ``agreement`` is ``None``.
        seed: decides draws and fits.

    Returns:
        The certificate.

    Raises:
        InputError: if the network has no attention that gates its path, or a class is not among the held-out
            rows.

    Cost:
        ``swaps`` + 3 passes over the held-out rows, and ``seeds`` − 1 trainings.
    """
    from pellucid.readable import certify, part_names  # scikit-learn takes a second to import

    network = subject.model
    if not isinstance(network, Gated):
        raise InputError(
            f"{type(network).__name__} has no attention that gates its only path, so there is nothing to "
            "certify. Train one with network='attention'."
        )
    data = subject.needs_data("certificate")
    held, names = held_out(data), part_names(network, subject.spec)
    options = subject.record.options if isinstance(subject.record, TrainingRecord) else {}
    others: list[NDArray[np.float64]] = []
    for k in range(1, seeds):
        other = cast("Gated", trained_anew(network, data, options, seed + k + FIRST))
        with torch.no_grad():
            others.append(other.attention(held.inputs).double().numpy())
    return certify(
        network, held.inputs, held.answers, names,
        classes=subject.classes, others=others, swaps=swaps, seed=seed,
    )  # fmt: skip
