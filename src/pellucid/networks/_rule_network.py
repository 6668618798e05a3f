"""A network whose every answer is a sum over rules that can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core import Dataset, Json
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks._architecture import Architecture
from pellucid.networks._parts import positive
from pellucid.networks._readable import Readable, Recipe
from pellucid.networks._rules._directions import refuse_unless_kept
from pellucid.networks._rules._grid import Literal, fit_grid
from pellucid.networks._rules._search import Found, Settings, search
from pellucid.networks._wide import telling_columns, told_of

POINTS = 100  # weights are whole hundredths: sums are exact, and what is printed is what is computed
WIDTH, BANK = 32, 16  # rules that are learned by gradient, cut points of each number that they choose from
COLUMNS = 64  # most columns that these rules speak of
STEEP, POWER, ROOT = 0.9, 3.0, 3.0  # of the soft conjunction
DECAY, SPARE = 3e-4, 1e-4  # pull on memberships and on weights while learning


class Conditions(nn.Module):
    """Which conditions hold: bit ``[N, L]`` is 1 where a slot of the row is above its threshold (or not)."""

    slots: Tensor
    thresholds: Tensor
    above: Tensor

    def __init__(self, literals: int) -> None:
        super().__init__()
        self.register_buffer("slots", torch.zeros(literals, dtype=torch.int64))
        self.register_buffer("thresholds", torch.zeros(literals))
        self.register_buffer("above", torch.zeros(literals, dtype=torch.bool))

    def forward(self, x: Tensor) -> Tensor:
        """Encoded rows to bits."""
        return ((x[:, self.slots] > self.thresholds) == self.above).to(x.dtype)

    def put(self, literals: Sequence[Literal]) -> None:
        """Ask for these."""
        self.slots = torch.tensor([each.slot for each in literals], dtype=torch.int64)
        self.thresholds = torch.tensor([each.threshold for each in literals], dtype=torch.float32)
        self.above = torch.tensor([each.above for each in literals], dtype=torch.bool)


class Conjunctions(nn.Module):
    """Which rules hold: 1 where all conditions that belong to a rule do (its membership is above one half).

    In training the value is that of the hard rule and the gradient that of a soft one (gradient grafting), so
    that the network never computes anything but rules.
    """

    def __init__(self, rules: int, literals: int, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self.membership = nn.Parameter(torch.zeros(rules, literals))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Memberships up to one half: no rule has a condition yet."""
        chance = torch.Generator().manual_seed(self._seed)
        with torch.no_grad():
            self.membership.copy_(torch.rand(self.membership.shape, generator=chance) / 2)

    def forward(self, bits: Tensor) -> Tensor:
        """Bits ``[N, L]`` to rules ``[N, R]``."""
        broken = 1 - bits
        hard = (broken @ (self.membership > 0.5).to(bits.dtype).T < 0.5).to(bits.dtype)
        if not (self.training and torch.is_grad_enabled()):
            return hard
        with torch.no_grad():
            self.membership.clamp_(0, 1)
        counted = _steep(torch.ones((), dtype=bits.dtype)) * broken @ _steep(self.membership).T
        soft = (1 + counted) ** -ROOT
        return hard + soft - soft.detach()


class FirstThatHolds(nn.Module):
    """Of the rules that hold, only the first: ``[N, R]`` with at most one 1 in a row."""

    def forward(self, rules: Tensor) -> Tensor:
        """Rules that hold to the one that decides."""
        none_before = torch.cumprod(1 - rules, 1).roll(1, 1)
        if rules.shape[1]:
            none_before = torch.cat([torch.ones_like(rules[:, :1]), none_before[:, 1:]], 1)
        return rules * none_before


class Weights(nn.Module):
    """What each rule adds to each logit, in whole hundredths."""

    def __init__(self, rules: int, outputs: int, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self.weight = nn.Parameter(torch.zeros(outputs, rules))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Small weights either way."""
        chance = torch.Generator().manual_seed(self._seed + 1)
        with torch.no_grad():
            self.weight.copy_(torch.randn(self.weight.shape, generator=chance) / 10)
            self.bias.zero_()

    def forward(self, rules: Tensor) -> Tensor:
        """Rules ``[N, R]`` to logits ``[N, K]``."""
        if self.training and torch.is_grad_enabled():
            return rules @ self.weight.T + self.bias
        return (rules @ _whole(self.weight).T + _whole(self.bias)) / POINTS


class RuleNetwork(Readable):
    """Encoded rows ``[N, D]`` to logits ``[N, K]``: conditions, rules, (the first that holds), weights.

    Made by :func:`rule_network`, or by :func:`~pellucid.networks.default_network` with ``kind="rules"``.
    """

    def __init__(self, architecture: Architecture, settings: Settings) -> None:
        super().__init__()
        self.architecture, self.settings = architecture, settings
        sizes = {name: _int(architecture.params[name]) for name in ("rules", "literals", "outputs")}
        self._build(sizes["rules"], sizes["literals"], sizes["outputs"])

    def _build(self, rules: int, literals: int, outputs: int) -> None:
        seed = self.settings.seed
        self.conditions = Conditions(literals)
        self.rules = Conjunctions(rules, literals, seed)
        self.first = FirstThatHolds() if self.settings.ordered else nn.Identity()
        self.weights = Weights(rules, outputs, seed)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of encoded rows."""
        return self.weights(self.first(self.rules(self.conditions(x))))

    def training_loss(self, plain: Tensor, inputs: Tensor, outputs: Tensor, answers: Tensor) -> Tensor:
        """Cross-entropy with a pull on memberships and weights, so that rules stay short and few."""
        pull = DECAY * self.rules.membership.square().sum() + SPARE * self.weights.weight.abs().sum()
        return plain + pull

    def advance(self, dataset: Dataset) -> bool:
        """Choose the rules that stay, learned ones and others, and fit their weights anew."""
        spec, x, answers = _table(dataset)
        self.become(search(spec, x, answers, len(dataset.classes), self.settings, self.bits()))
        return False

    def bits(self) -> tuple[tuple[Literal, ...], ...]:
        """The conditions of each rule that has some, as bits of the encoded row."""
        every = [
            Literal(int(slot), float(at), bool(above))
            for slot, at, above in zip(
                self.conditions.slots, self.conditions.thresholds, self.conditions.above, strict=True
            )
        ]
        members = (self.rules.membership > 0.5).tolist()
        kept = [tuple(each for each, of in zip(every, row, strict=True) if of) for row in members]
        return tuple(rule for rule in kept if rule)

    def become(self, found: Found) -> None:
        """Take these rules and weights in the place of what was there."""
        every = tuple(dict.fromkeys(literal for rule in found.rules for literal in rule))
        device = self.weights.weight.device
        self._build(len(found.rules), len(every), len(found.bias))
        self.conditions.put(every)
        place = {literal: k for k, literal in enumerate(every)}
        with torch.no_grad():
            self.rules.membership.zero_()
            for k, rule in enumerate(found.rules):
                self.rules.membership[k, [place[literal] for literal in rule]] = 1
            self.weights.weight.copy_(_whole(torch.from_numpy(found.weight)) / POINTS)
            self.weights.bias.copy_(_whole(torch.from_numpy(found.bias)) / POINTS)
        sizes: dict[str, Json] = {"rules": len(found.rules), "literals": len(every)}
        self.architecture = replace(self.architecture, params={**self.architecture.params, **sizes})
        self.to(device)


def rule_network(
    inputs: int,
    outputs: int,
    *,
    rules: int = WIDTH,
    literals: int = 0,
    max_rules: int = 20,
    max_conditions: int = 4,
    ordered: bool = False,
    soft: bool = True,
    seed: int = 0,
) -> RuleNetwork:
    """A decision-rule network ``[N, inputs] -> [N, outputs]``: a logit for each class.

    ``logit_k = bias_k + Σ_r weight_kr · [all conditions of rule r hold]``; ordered, only the first rule that
    holds counts. Weights and biases are whole hundredths of a log-odds.

    Args:
        inputs: width of an encoded row.
        outputs: number of classes.
        rules: rules there are now.
        literals: bits of the encoded row that they choose from; what these are is part of the weights.
        max_rules: most rules that stay when training is over.
        max_conditions: most conditions of one of them.
        ordered: whether the first rule that holds decides.
        soft: whether the rules that stay are chosen by how sure stronger models are of each row, too (those
            judge rows that they were not fitted to, and are forgotten).
        seed: decides the memberships to begin with, and all chance in the choice of rules.

    Returns:
        The network in training mode, on the CPU, with its ``architecture``.

    Raises:
        InputError: if a size cannot be.

    Limits:
        A number within single precision of a threshold counts as not above it. A missing number is read as
        the training median.

    Source:
        One logical layer with gradient grafting: Wang et al., "Scalable rule-based representation learning",
        NeurIPS 2021.

    Example:
        >>> [name for name, _ in rule_network(4, 2, rules=3, literals=8).named_children()]
        ['conditions', 'rules', 'first', 'weights']
    """
    positive({"inputs": [inputs], "outputs": [outputs], "max_rules": [max_rules],
              "max_conditions": [max_conditions]})  # fmt: skip
    params: dict[str, Json] = {
        "inputs": inputs,
        "outputs": outputs,
        "rules": rules,
        "literals": literals,
        "max_rules": max_rules,
        "max_conditions": max_conditions,
        "ordered": ordered,
        "soft": soft,
        "seed": seed,
    }
    settings = Settings(max_rules, max_conditions, ordered, soft, seed)
    return RuleNetwork(Architecture("rule_network", params), settings)


def rules_for(
    dataset: Dataset,
    *,
    max_rules: int = 20,
    max_conditions: int = 4,
    ordered: bool = False,
    soft: bool = True,
    seed: int = 0,
) -> RuleNetwork:
    """An untrained rule network whose conditions are cut points and levels of a table.

    Where a column has a direction (``monotone``), the trained network keeps it for all rows there could be:
    of a number of which more can only raise the answer, a rule that asks for more of it has a weight of at
    least 0, one that asks for less of it a weight of at most 0.

    Raises:
        InputError: if the data is no table or predicts a number, and where it declares directions, if there
            are more than two classes or the rules are a list.
    """
    spec, x, answers = _table(dataset)
    refuse_unless_kept(spec, dataset.outputs, ordered=ordered)
    kept = telling_columns(spec, x, np.eye(dataset.outputs)[answers])
    grid = fit_grid(spec, x, answers.astype(np.float64), bins=BANK, among=kept)
    every: list[Literal] = []
    for axis in grid.axes[:COLUMNS]:
        for at in axis.cuts:
            every += [Literal(axis.start, float(at), above) for above in (True, False)]
        for slots in axis.levels:
            every += [Literal(slot, 0.5, above) for slot in slots for above in (True, False)]
    network = rule_network(
        x.shape[1], dataset.outputs, rules=WIDTH, literals=len(every), max_rules=max_rules,
        max_conditions=max_conditions, ordered=ordered, soft=soft, seed=seed,
    )  # fmt: skip
    network.conditions.put(every)
    steps = max(1, len(x) // 64)
    epochs = max(10, min(60, math.ceil(600 / steps)))
    network.recipe = Recipe(epochs=epochs, batch_size=64 if len(x) < 5000 else 256)
    network.told = told_of(spec, kept)
    return network


def _table(dataset: Dataset) -> tuple[TabularSpec, np.ndarray, np.ndarray]:
    """What a row means, rows to learn from and their classes; a row that is there twice over counts once."""
    if not isinstance(dataset.spec, TabularSpec) or dataset.task != "classification":
        raise InputError(
            f"{dataset.name}: rules need a table and classes to tell apart, got "
            f"{dataset.spec.reads} and {dataset.task}."
        )
    train, other = dataset.part("train"), dataset.part("validation")
    again = train.inputs.shape == other.inputs.shape and torch.equal(train.inputs, other.inputs)
    used = train if again else dataset.rows(dataset.parts != 2)
    return dataset.spec, used.inputs.cpu().float().numpy(), used.answers.cpu().numpy().astype(np.int64)


def _steep(x: Tensor) -> Tensor:
    raised = (STEEP * x) ** POWER
    return raised / (1 - raised)


def _whole(weights: Tensor) -> Tensor:
    return torch.round(weights * POINTS)


def _int(value: Json) -> int:
    return int(value) if isinstance(value, int | float) else 0
