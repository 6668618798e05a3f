"""What the network was asked about some rows: once, for every method and target that is tested on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Target, TargetLike, as_target, brief, predict, untrained
from pellucid._core._fold import together
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank
from pellucid.evidence._responses import Responses, responses

KEPT = 2**28  # bytes of untrained copies that are kept; more are made again when they are asked for


@dataclass(slots=True)
class _Known:
    """Answers that came in, to be given again: inputs with outputs, fills with responses."""

    outputs: list[tuple[int | str | None, Tensor, Tensor]] = field(default_factory=list)
    near: dict[tuple[int, int | str | None], Tensor] = field(
        default_factory=dict[tuple[int, int | str | None], Tensor]
    )
    drops: list[tuple[Tensor, tuple[Responses, ...]]] = field(default_factory=list)
    filled: dict[str, tuple[Tensor | None, tuple[Responses, ...]]] = field(default_factory=dict)
    twins: dict[int, nn.Module] = field(default_factory=dict[int, nn.Module])

    def predicted(
        self,
        model: nn.Module,
        inputs: Tensor,
        item: int | str | None,
        spec: InputSpec | None,
        compute: Compute,
    ) -> Tensor:
        for name, seen, outputs in self.outputs:
            if name == item and seen.shape == inputs.shape and torch.equal(seen, inputs):
                return outputs
        outputs = predict(model, inputs, output=item, spec=spec, compute=compute)
        self.outputs.append((item, inputs, outputs))
        return outputs


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Where several explanations of the same rows are tested, so that no pass is made twice. Made by
    :func:`benches`, one for each target; given to :func:`cards` of each method.

    Args:
        model, x, spec, compute: as given.
        targets: all that are explained; ``number`` is this one's place.
        masks: how many, or a bank.
    """

    model: nn.Module
    x: Tensor
    targets: tuple[Target, ...]
    number: int
    spec: InputSpec | None
    masks: int | Bank
    compute: Compute
    known: _Known

    __repr__ = brief

    @property
    def target(self) -> Target:
        """What is explained here."""
        return self.targets[self.number]

    def predicted(self, inputs: Tensor, item: int | str | None) -> Tensor:
        """The network's outputs, as :func:`pellucid._core.predict` gives them."""
        return self.known.predicted(self.model, inputs, item, self.spec, self.compute)

    def near(self, number: int, model: nn.Module, item: int | str | None) -> Tensor:
        """Outputs of a copy of the network that is slightly moved, the same one for each number."""
        if (number, item) not in self.known.near:
            made = predict(model, self.x, output=item, spec=self.spec, compute=self.compute)
            self.known.near[number, item] = made
        return self.known.near[number, item]

    def twin(self, seed: int, calibrate: Tensor) -> nn.Module:
        """An untrained copy, as :func:`pellucid._core.untrained` makes it; kept where there is room."""
        if seed in self.known.twins:
            return self.known.twins[seed]
        made = untrained(self.model, seed=seed, calibrate=calibrate)
        size = sum(one.numel() * one.element_size() for one in made.parameters())
        if size * (len(self.known.twins) + 1) <= KEPT:
            self.known.twins[seed] = made
        return made

    def responses(self, content: Tensor, words: str) -> Responses:
        """The drops when removed parts hold ``content``, measured for all targets at once."""
        for seen, found in self.known.drops:
            if torch.equal(seen, content):
                return dataclasses.replace(found[self.number], fill=words)
        found = self._measured(content)
        self.known.drops.append((content, found))
        return dataclasses.replace(found[self.number], fill=words)

    @property
    def bank(self) -> Bank | None:
        """The masks that were drawn, once drops were measured."""
        return self.known.drops[0][1][0].bank if self.known.drops else None

    def filled(self, fill: str, others: Tensor | None) -> Responses:
        """The drops under a fill by its name, which takes parts from the inputs ``others``."""
        donors, found = self.known.filled.get(fill, (None, ()))
        if not found or not _same(donors, others):
            found = self._measured(fill, others)
            self.known.filled[fill] = others, found
        return found[self.number]

    def _measured(self, fill: str | Tensor, others: Tensor | None = None) -> tuple[Responses, ...]:
        count, n = len(self.targets), len(self.x)
        masks = self.bank or self.masks
        if isinstance(masks, Bank) and count > 1:
            masks = masks.rows(torch.arange(n).repeat_interleave(count))
        each = fill.repeat_interleave(count, 0) if isinstance(fill, Tensor) and count > 1 else fill
        asked = self.target if count == 1 else together(self.targets)
        whole = responses(
            self.model,
            self.x,
            asked,
            spec=self.spec,
            fill=each,
            masks=masks,
            others=others,
            compute=self.compute,
        )
        rows = n * (whole.drops.shape[1] + 1)
        return tuple(
            dataclasses.replace(
                whole,
                bank=whole.bank if count == 1 else whole.bank.rows(torch.arange(k, n * count, count)),
                drops=whole.drops[k::count],
                scores=whole.scores[k::count],
                target=one.label,
                rows=rows,
                lasting=None if whole.lasting is None else whole.lasting[k::count],
            )
            for k, one in enumerate(self.targets)
        )


def benches(
    model: nn.Module,
    inputs: Tensor,
    targets: Sequence[TargetLike],
    *,
    spec: InputSpec | None = None,
    masks: int | Bank = 64,
    compute: Compute | None = None,
) -> tuple[Bench, ...]:
    """A place for each target where any number of methods are tested on the same rows and masks.

    Args:
        model: any network.
        inputs: ``[N, *shape]``.
        targets: what is explained.
        spec: what the inputs mean.
        masks: how many, or a bank.
        compute: how to run; the same for all that is tested here.

    Returns:
        One for each target, in their order.

    Raises:
        InputError: for no target.

    Cost:
        A pass where a target must be settled, such as "the top class"; else nothing yet. What is asked later
        is asked once, for all targets in one pass.

    Example:
        >>> place, _ = benches(nn.Linear(8, 2), torch.randn(3, 8), [0, 1], masks=40)
        >>> place.responses(torch.zeros(3, 8), "zeros").drops.shape
        torch.Size([3, 40])
    """
    how, known = compute or Compute(batch_size=256), _Known()

    def settled(target: Target) -> Target:
        if target.settle is None:
            return target
        return target.settle(known.predicted(model, inputs, target.output, spec, how))

    asked = tuple(settled(as_target(one)) for one in targets)
    if not asked:
        raise InputError("Expected at least one target, got none.")
    return tuple(Bench(model, inputs, asked, k, spec, masks, how, known) for k in range(len(asked)))


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))
