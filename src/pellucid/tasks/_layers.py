"""The verb ``layers``: every hidden layer in one table."""

from __future__ import annotations

from pellucid._core import Compute, Subject, only_subject
from pellucid.layers import LayerSummary, summary
from pellucid.tasks._rows import held_out, sample


def layers(subject: Subject, *, rows: int = 512, compute: Compute | None = None) -> LayerSummary:
    """What every layer is like on real data, beside the same numbers of an untrained copy.

    Args:
        subject: a network with data.
        rows: most held-out rows to look at.
        compute: how to run.

    Returns:
        One row per call of each layer: shape, parameters, receptive field, activation mean and sd, shares of
        dead and saturated units, effective rank.

    Raises:
        InputError: where the subject has no data.

    Cost:
        Two forward passes of ``rows`` rows (the network and its untrained copy), one backward pass per layer.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(40, 3), torch.tensor([0, 1] * 20)))
        >>> [row.site for row in pellucid.layers(subject).rows]
        ['0', '1', '2']
    """
    only_subject(subject)
    data = held_out(subject.needs_data("layers"))
    seed = (compute or Compute()).seed
    looked = data.inputs[sample(len(data), rows, seed=seed)]
    return summary(subject.model, looked, spec=subject.spec, compute=compute)
