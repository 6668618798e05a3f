"""A readable network made once more, for other rows: what learning it again starts from."""

from __future__ import annotations

import dataclasses

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.networks._additive import Additive
from pellucid.networks._additive_for import additive_for
from pellucid.networks._attention_for import attention_for
from pellucid.networks._attention_gate import AttentionGate
from pellucid.networks._build import build
from pellucid.networks._concept_bottleneck import ConceptBottleneck
from pellucid.networks._gated import Gated
from pellucid.networks._prototypes import PrototypeNetwork, prototypes_for
from pellucid.networks._readable import Readable
from pellucid.networks._rule_network import RuleNetwork, rules_for


def made_anew(network: Readable, dataset: Dataset, *, seed: int = 0) -> Readable:
    """An untrained network of the same make for these rows; ``network`` stays as it is.

    A trained readable network is no start for another training: its knots, tables or rules are what the first
    one ended in. What was chosen in it as a setting (the additive model's penalty) is kept.

    Args:
        network: readable by design, trained.
        dataset: with the rows to learn from.
        seed: decides the weights.

    Raises:
        InputError: for concepts that were learned from labels, which a trained network no longer has, and
            for networks of other makes.
    """
    if isinstance(network, Additive):
        plan = network.plan
        return additive_for(
            dataset,
            seed=seed,
            knots=plan.knots,
            penalties=plan.penalties,
            members=plan.members,
            most_pairs=plan.most_pairs if plan.pairs else 0,
            bend=plan.bend,
        )
    if isinstance(network, AttentionGate):
        gate, swap, penalty = network.gate, network.swap, network.penalty
        return attention_for(dataset, seed=seed, gate=gate, swap=swap, penalty=penalty)
    if isinstance(network, Gated):
        return attention_for(dataset, seed=seed, swap=network.swap)
    if isinstance(network, RuleNetwork):
        own = network.settings
        return rules_for(
            dataset,
            max_rules=own.rules,
            max_conditions=own.conditions,
            ordered=own.ordered,
            soft=own.soft,
            seed=seed,
        )
    if isinstance(network, PrototypeNetwork):
        return prototypes_for(dataset, seed=seed, each=network.each)
    if isinstance(network, ConceptBottleneck):
        return _bottleneck(network, seed)
    raise InputError(f"How a {type(network).__name__} is made for other rows is not known.")


def _bottleneck(network: ConceptBottleneck, seed: int) -> Readable:
    for name, tests, classes in zip(network.names, network.tests, network.members, strict=True):
        if not tests and not classes:
            raise InputError(
                f"Concept {name!r} was learned from labels, which a trained network no longer holds, so it "
                "cannot be trained anew. Pass refits=0."
            )
    architecture = network.architecture
    made = build(dataclasses.replace(architecture, params={**architecture.params, "seed": seed}))
    assert isinstance(made, Readable)  # its kind is the one it came from
    made.recipe = network.recipe
    return made
