"""How many rows are explained at once, so that a kill loses seconds: by work that is counted, not timed."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pellucid._core import Compute, Subject, TargetLike, predict, several_targets
from pellucid.tasks._explain import Method, method_named, usual_target

BYTES = 64_000_000  # of inputs that one shard may hold
LEAST, MOST = 32, 256  # below, evidence lacks maps of other inputs; above, nothing is saved any more
SECONDS = 10.0  # of work that a shard takes about, on one processor core
ROW, SPEED = 20e-6, 1.5e10  # seconds of a network row beside its arithmetic; operations in a second
USUAL = (50, 50)  # passes of a method that is not chosen yet
EVIDENCE, AGAIN = 78, 8  # network rows for the masks of a row, and how often a card explains it again


def shard_of(inputs: Tensor, seconds: float = 0.0) -> int:
    """Rows of a shard whose inputs take so much memory and whose rows so much time each.

    A power of two, so that what is close gets the same.

    Example:
        >>> import torch
        >>> shard_of(torch.zeros(2, 3, 224, 224)), shard_of(torch.zeros(2, 5), 0.3)
        (106, 32)
    """
    row = inputs[:1].numel() * inputs.element_size()
    held = max(LEAST, min(MOST, BYTES // max(1, row)))
    size = MOST
    while size > LEAST and size * seconds > SECONDS:
        size //= 2
    return min(held, size)


def work_of(
    subject: Subject,
    inputs: Tensor,
    *,
    methods: Sequence[str | Method] = (),
    targets: Sequence[TargetLike] = (),
    cards: bool = True,
    compute: Compute | None = None,
) -> float:
    """Seconds that explaining one row takes about, counted and not measured: the same on any machine.

    Each method explains the first row, and its passes are counted.
    """
    one, how = inputs[:1], compute or Compute()
    asked = list(targets)[:1] or [usual_target(subject, one)]
    rows = EVIDENCE if cards else 0
    for method in methods:
        function = method_named(method) if isinstance(method, str) else method
        made = several_targets(function, subject.model, one, asked, spec=subject.spec, compute=how)
        rows += _passes(made[0].provenance.forward, made[0].provenance.backward, cards)
    rows += 0 if methods else _passes(*USUAL, cards)
    return rows * max(1, len(targets)) * (ROW + operations(subject, one) / SPEED)


def _passes(forward: int, backward: int, cards: bool) -> int:
    return (forward + backward) * (1 + AGAIN * cards)


def operations(subject: Subject, one: Tensor) -> float:
    """Floating-point operations of one row through the network, as far as they are products.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(8, 4), torch.tensor([0, 1] * 4))
        >>> operations(pellucid.open(nn.Linear(4, 2), data=data), torch.rand(1, 4))
        16.0
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        predict(subject.model, one, spec=subject.spec)
    steps = sum(
        2 * sum(p.numel() for p in module.parameters()) * one.shape[-1]
        for module in subject.model.modules()
        if isinstance(module, nn.RNNBase)  # one operation of its own, which torch does not count
    )
    return float(max(counter.get_total_flops(), steps))
