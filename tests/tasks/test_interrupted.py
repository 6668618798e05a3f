"""Ctrl-C while a verb says how far it is leaves nothing behind."""

import pytest
import torch

import pellucid
from pellucid import Compute, expect, tasks


@pytest.fixture(scope="module")
def subject():
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(240, 6, generator=draw)
    y = (x[:, 0] + x[:, 1] > 1).long()
    names = pellucid.data.arrays(x, y, classes=["low", "high"], name="planted")
    made = pellucid.train(names, epochs=3, patience=None)
    # as nobody would leave it by chance
    made.model.train()
    made.model.get_submodule("activation1").eval()
    next(made.model.parameters()).requires_grad_(False)
    return made


WORK = {
    "anchor": lambda s, c: tasks.anchor(s, 0, compute=c),
    "audit": lambda s, c: tasks.audit(s, rows=30, keep=False, compute=c),
    "best_method": lambda s, c: tasks.best_method(s, compute=c),
    "certainty": lambda s, c: tasks.certainty(s, compute=c),
    "challengers": lambda s, c: tasks.challengers(s, compute=c),
    "check": lambda s, c: tasks.check(s, [expect.Accuracy(0.5)], compute=c),
    "compare": lambda s, c: tasks.compare(s, s, rows=8, compute=c),
    "concept_rules": lambda s, c: tasks.concept_rules(s, "x1", compute=c),
    "concepts": lambda s, c: tasks.concepts(s, 1, "x1", ["dense1"], draws=99, compute=c),
    "counterfactual": lambda s, c: tasks.counterfactual(s, 0, compute=c),
    "decision": lambda s, c: tasks.decision(s, 0, compute=c),
    "dictionary_of": lambda s, c: tasks.dictionary_of(s, "dense1", steps=8, compute=c),
    "explain": lambda s, c: tasks.explain(s, 0, method="integrated_gradients", compute=c),
    "explain_several": lambda s, c: tasks.explain_several(s, [0, 1], methods=["saliency"], compute=c),
    "features": lambda s, c: tasks.features(s, "dense1", units=[0], steps=8, compute=c),
    "frontier": lambda s, c: tasks.frontier(s, compute=c),
    "hierarchy": lambda s, c: tasks.hierarchy(s, sites=["dense1"], rows=64, seeds=1, compute=c),
    "importance, by exchange": lambda s, c: tasks.importance_of(s, compute=c),
    "importance, of pairs": lambda s, c: tasks.importance_of(s, "interactions", compute=c),
    "influence": lambda s, c: tasks.influence(s, 0, layers="all", compute=c),
    "influence, last": lambda s, c: tasks.influence(s, 0, method="representer_points", compute=c),
    "layer": lambda s, c: tasks.layer(s, "dense1", steps=8, compute=c),
    "layers": lambda s, c: tasks.layers(s, compute=c),
    "learned_dictionary": lambda s, c: tasks.learned_dictionary(s, "dense1", "topk", compute=c),
    "nearest": lambda s, c: tasks.nearest(s, 0, compute=c),
    "parts_scored": lambda s, c: tasks.parts_scored(s, compute=c),
    "patch": lambda s, c: tasks.patch(s, 0, 1, compute=c),
    "performance": lambda s, c: tasks.performance(s, compute=c),
    "reason_codes": lambda s, c: tasks.reason_codes(s, 0, compute=c),
    "rules": lambda s, c: tasks.rules(s, compute=c),
    "shortcuts": lambda s, c: tasks.shortcuts(s, rows=40, pairs=10, compute=c),
    "survey": lambda s, c: tasks.survey(s, compute=c),
    "trace": lambda s, c: tasks.trace(s, 0, compute=c),
    "unit_of": lambda s, c: tasks.unit_of(s, "dense1", 0, steps=8, compute=c),
    "unit_rules": lambda s, c: tasks.unit_rules(s, "dense1", compute=c),
}


def state(model):
    flags = [part.training for part in model.modules()]
    hooks = [
        len(p._forward_hooks) + len(p._forward_pre_hooks) + len(p._backward_hooks) for p in model.modules()
    ]
    wants = [(p.requires_grad, p.grad is None) for p in model.parameters()]
    values = {name: value.tolist() for name, value in model.state_dict().items()}
    return flags, hooks, wants, values, torch.get_rng_state().tolist(), torch.is_grad_enabled()


@pytest.mark.parametrize("name", WORK)
def test_a_network_comes_back_as_it_was(name, subject):
    before, calls = state(subject.model), []

    def stop(done, total):
        calls.append(done)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        WORK[name](subject, Compute(16, progress=stop))
    assert len(calls) == 2
    assert state(subject.model) == before
    assert not torch.overrides._get_current_function_mode_stack()
