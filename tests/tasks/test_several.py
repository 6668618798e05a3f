"""Several methods and targets at once: the same answers and cards as one by one, for fewer rows."""

import dataclasses
from contextlib import contextmanager

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid.errors import MethodError, TargetError

METHODS = ("saliency", "input_x_gradient", "integrated_gradients")


@pytest.fixture(scope="module")
def subject():
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(220, 10, generator=draw)
    y = (x[:, 0] > 0.6).long() + (x[:, 0] > 0.3).long()
    data = pellucid.data.arrays(x, y, classes=["low", "middle", "high"], name="planted")
    return pellucid.train(data, epochs=8, patience=None)


@contextmanager
def counting(model):
    rows = [0]
    handle = model.register_forward_pre_hook(lambda _, given: rows.__setitem__(0, rows[0] + len(given[0])))
    yield rows
    handle.remove()


def same(a, b):
    timeless = [dataclasses.replace(each.provenance, seconds=0.0) for each in (a, b)]
    for field in ("forward", "backward", "shared", "model", "inputs"):
        timeless = [dataclasses.replace(each, **{field: 0}) for each in timeless]
    return torch.equal(a.map, b.map) and a.cards == b.cards and timeless[0] == timeless[1]


def test_methods_side_by_side_are_those_of_separate_calls(subject):
    with counting(subject.model) as alone:
        one_by_one = [pellucid.explain(subject, [0, 1, 2], method=name) for name in METHODS]
    with counting(subject.model) as together:
        found = pellucid.explain_several(subject, [0, 1, 2], methods=METHODS)
    assert all(same(a, b) for a, b in zip(found, one_by_one, strict=True))
    # 64 masks, the outputs and the noisy outputs are asked once
    assert alone[0] - together[0] >= 2 * 3 * 69
    assert found[0].class_names == ("low", "middle", "high")


def test_targets_share_masks_and_passes(subject):
    with counting(subject.model) as alone:
        one_by_one = [
            pellucid.explain(subject, [0, 1], target=k, method=name) for k in (0, 2) for name in METHODS[:2]
        ]
    with counting(subject.model) as together:
        found = pellucid.explain_several(subject, [0, 1], methods=METHODS[:2], targets=["low", 2])
    for a, b in zip(found, one_by_one, strict=True):
        assert torch.allclose(a.map, b.map)
        assert [card.verdict for card in a.cards] == [card.verdict for card in b.cards]
        assert a.provenance.target == b.provenance.target
    assert together[0] < 0.6 * alone[0]


def test_a_baseline_of_its_own_has_its_own_masks(subject):
    def lighter(model, inputs, target, *, spec=None, compute=None):
        return pellucid.attribution.occlusion(model, inputs, target, baseline=1.0, spec=spec, compute=compute)

    first, second = pellucid.explain_several(subject, 0, methods=["occlusion", lighter])
    assert first.cards[0].fill != second.cards[0].fill
    assert first.cards[0].checks[0].value != second.cards[0].checks[0].value


def test_nothing_named_takes_the_best(subject):
    (found,) = pellucid.explain_several(subject, 0)
    assert found.provenance.method in found.note
    (plain,) = pellucid.explain_several(subject, 0, methods=["saliency"], cards=False)
    assert plain.cards == ()


def test_targets_by_name(subject):
    assert [tasks.target_named(subject, text) for text in ("high", "1", " low ")] == [2, 1, 0]
    with pytest.raises(TargetError, match="Did you mean middle"):
        tasks.target_named(subject, "midle")
    with pytest.raises(TargetError, match="numbered 0 to 2"):
        tasks.target_named(subject, "3")
    with pytest.raises(MethodError, match="saliency"):
        pellucid.explain_several(subject, 0, methods=["salience"])
