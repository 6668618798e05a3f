"""Every method on every network: a value that is right, or a sentence that says what stands in the way."""

import functools
import importlib.util
import re
import warnings

import pytest
import torch

from models.case import ATTENTION, MAPS, RELUS
from models.forms import FORMS
from models.hugging import HUGGING
from models.operations import ACTIVATIONS, LAYERS
from models.sequences import SEQUENCES
from pellucid import attribution
from pellucid._core import Batch, predict
from pellucid.errors import MethodError

CASES = [*FORMS, *ACTIVATIONS, *LAYERS, *SEQUENCES, *HUGGING]
SMALL = {
    "smoothgrad": {"samples": 4},
    "smoothgrad_squared": {"samples": 4},
    "vargrad": {"samples": 4},
    "integrated_gradients": {"steps": 15},
    "guided_integrated_gradients": {"steps": 4},
    "idgi": {"steps": 5},
    "expected_gradients": {"rounds": 1},
    "layer_conductance": {"steps": 4},
    "internal_influence": {"steps": 4},
    "xrai": {"steps": 15},
    "rise": {"samples": 16, "cells": 3},
    "kernel_shap": {"budget": 64},
    "odd_regression": {"budget": 64},
    "shapley_sampling": {"budget": 64},
    "lime": {"budget": 32},
}
GROUPED = ("exact_shapley", "kernel_shap", "odd_regression", "shapley_sampling", "lime", "feature_ablation")


def given(case):
    inputs = case.inputs()
    return inputs if isinstance(inputs, torch.Tensor) else next(iter(inputs.varied.values()))


@functools.cache
def network(case, plain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (case.plain if plain else case.make)()


def asked(name, case, *, plain=False, rows=None):
    """The method on the case, or on its plain form, or on one of its rows."""
    inputs, target, options = case.inputs(), 1 if plain else case.target, dict(SMALL.get(name, {}))
    if plain and isinstance(inputs, torch.Tensor):
        inputs = inputs.double()
    if rows is not None:
        inputs = some(inputs, rows)
    shape = given(case).shape[1:]
    if name in GROUPED and given(case).is_floating_point():
        shape = shape if isinstance(inputs, torch.Tensor) else torch.Size([shape.numel()])
        options["groups"] = torch.arange(shape.numel()).remainder(4).view(shape)
    if name in MAPS and case.layer:
        options["at"] = case.layer
    with warnings.catch_warnings():
        # reentrant checkpoints, packed sequences and batch norms in half precision warn of themselves
        warnings.simplefilter("ignore")
        return getattr(attribution, name)(network(case, plain), inputs, target, **options)


def some(inputs, rows):
    if isinstance(inputs, torch.Tensor):
        return inputs[rows]
    held = {name: part[rows] for name, part in inputs.held.items()}
    return Batch({name: part[rows] for name, part in inputs.varied.items()}, held, inputs.shared)


def flat(values):
    parts = [values] if isinstance(values, torch.Tensor) else list(values.values())
    return torch.cat([part.double().flatten(1) for part in parts], 1)


def expected_refusals(case):
    """By the shape of the inputs, by the kind of the network, and by what the case says."""
    found = {}
    if given(case).ndim != 4:
        found |= dict.fromkeys([*MAPS, "full_grad", "xrai"], "needs pictures") | {
            "rise": "rise lets patches of a picture"
        }
    elif not isinstance(case.inputs(), torch.Tensor):
        found["rise"] = "rise lets patches of a picture"
    if not case.relus:
        found |= dict.fromkeys(RELUS, "no ReLU")
    if not case.attends:
        found |= dict.fromkeys(ATTENTION, "attention_")
    return found | {
        name: words
        for name, words in case.refused.items()
        if found.get(name) in (None, "no ReLU", "attention_")
    }


def state(model):
    kept = [torch.get_rng_state().tolist(), [module.training for module in model.modules()]]
    kept += [[p.requires_grad for p in model.parameters()], [p.grad is None for p in model.parameters()]]
    kept.append(
        [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()]
    )
    return kept, [tensor.detach().clone() for tensor in model.state_dict().values()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_right_or_refused(case):
    if case in HUGGING and importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed (extra: text)")
    model, refused, wrong = network(case, plain=False), expected_refusals(case), []
    before = state(model)
    for name in attribution.__all__:
        try:
            if name in refused:
                is_refused(name, case, refused)
            else:
                right(name, case, asked(name, case))
            unchanged(before, state(model))
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


def unchanged(before, after):
    assert after[0] == before[0], "flags, gradients, hooks or random states differ"
    assert all(torch.equal(a, b) for a, b in zip(after[1], before[1], strict=True)), "weights differ"


def is_refused(name, case, refused):
    """By the words that are expected, with methods that do work here."""
    with pytest.raises(MethodError, match=re.escape(refused[name])) as caught:
        asked(name, case)
    promised = recommended(str(caught.value))
    assert promised
    assert not set(promised) & set(refused), f"recommended, but refused: {caught.value}"


def recommended(text):
    """Methods that a sentence names as working."""
    assert "What would work here: " in text, text
    return [
        word
        for word in re.findall(r"[a-z_]+", text.split("What would work here: ")[1])
        if word in attribution.__all__
    ]


def right(name, case, found):
    values = flat(found.values)
    assert values.shape[1] == given(case)[0].numel()
    assert torch.isfinite(values).all()
    if case.plain is not None and name not in case.apart:
        same(values, flat(asked(name, case, plain=True).values), case.tolerance)
        return
    one = asked(name, case, rows=slice(1, 2))
    same(values[1:], flat(one.values), max(case.tolerance, 1e-6))
    if name in ("deep_lift", "deep_lift_shap", "exact_shapley"):
        size = values.abs().sum(1) + found.scores.abs()
        assert float((found.gap.abs() / size).max()) < 1e-6
    if name in ("saliency", "input_x_gradient") and given(case).is_floating_point():
        same(values, by_hand(case, name == "input_x_gradient"), 1e-9)


def by_hand(case, times_input):
    """The slope that torch finds, without us."""
    inputs = case.inputs()
    x = given(case).clone().requires_grad_()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        out = (
            network(case, False)(x)
            if isinstance(inputs, torch.Tensor)
            else network(case, False)(**dict.fromkeys(inputs.varied, x), **inputs.held)
        )
    out = out if isinstance(out, torch.Tensor) else out[0] if isinstance(out, list) else out["logits"]
    score = out.reshape(len(x), -1)[:, case.target].sum()
    (slope,) = torch.autograd.grad(score, x)
    return flat(slope * x.detach() if times_input else slope)


def same(a, b, tolerance):
    assert float((a - b).abs().max()) <= tolerance * max(float(b.abs().max()), 1e-12)


def test_plain_forms_give_the_same_scores():
    for case in CASES:
        if case.plain is None or (case in HUGGING and importlib.util.find_spec("transformers") is None):
            continue
        output = getattr(case.target, "output", None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = predict(network(case, False), case.inputs(), output=output).double()
        x = case.inputs()
        theirs = predict(network(case, True), x.double() if isinstance(x, torch.Tensor) else x).double()
        torch.testing.assert_close(ours, theirs, rtol=case.tolerance, atol=case.tolerance)
