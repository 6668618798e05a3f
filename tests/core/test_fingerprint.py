"""A hash belongs to what was explained, or says that it does not know."""

import copy
import gc

import pytest
import torch
from torch import nn

import zoo
from pellucid._core import Fingerprint, inputs_hash, model_hash
from pellucid.attribution import saliency


def test_equal_networks_have_equal_hashes_and_one_weight_changes_them():
    model = zoo.reference()
    twin = copy.deepcopy(model)
    assert model_hash(model) == model_hash(twin)
    with torch.no_grad():
        twin.head.bias[0] += 1e-9
    assert model_hash(model) != model_hash(twin)


def test_the_short_form_of_what_is_not_known_is_a_word():
    why = saliency(nn.Linear(3, 2), torch.ones(1, 3), 0)
    gc.collect()
    assert repr(why).endswith("model unknown)")


@pytest.mark.parametrize(
    "change", [lambda x: x.float(), lambda x: x.flatten(1), lambda x: x.flip(0), lambda x: x + 1e-12]
)
def test_type_shape_order_and_content_count(change):
    x = zoo.inputs()
    assert inputs_hash([x]) != inputs_hash([change(x)])


def test_memory_layout_does_not_count():
    x = zoo.inputs()
    assert inputs_hash([x]) == inputs_hash([x.to(memory_format=torch.channels_last)])


def test_training_after_explaining_is_noticed():
    model = zoo.reference()
    kept = saliency(model, zoo.inputs(), 0).provenance.model
    with torch.no_grad():
        model.head.bias += 1
    assert "unknown" in str(kept)
    other = saliency(model, zoo.inputs(), 0).provenance.model
    with torch.no_grad():
        model.head.bias += 1
    # two that are unknown are not the same
    assert kept != other


def test_a_hash_taken_in_time_stays():
    model = zoo.reference()
    kept = saliency(model, zoo.inputs(), 0).provenance.model
    digest = str(kept)
    with torch.no_grad():
        model.head.bias += 1
    assert str(kept) == digest


def test_a_network_that_is_gone_is_noticed():
    model = nn.Linear(2, 2)
    kept = Fingerprint.of_model(model)
    del model
    gc.collect()
    assert "unknown" in str(kept)


@pytest.mark.parametrize("at", [None, "conv1"])
def test_inputs_are_known_although_only_the_explanation_remains(at):
    found = saliency(zoo.reference(), zoo.inputs(), 0, at=at).row(1)
    gc.collect()
    assert str(found.provenance.inputs) == str(Fingerprint({"inputs": zoo.inputs()}, keep=True))


def test_inputs_written_over_are_noticed():
    x = zoo.inputs()
    found = saliency(zoo.reference(), x, 0)
    x += 1
    assert "unknown" in str(found.provenance.inputs)


def test_inference_tensors_are_hashed_at_once():
    with torch.inference_mode():
        x = zoo.inputs().clone()
        assert str(Fingerprint({"x": x})) == str(Fingerprint({"x": zoo.inputs()}, keep=True))


def test_networks_that_write_into_buffers_are_known():
    (counting,) = [t.model for t in zoo.twins() if t.name == "Counting"]
    found = saliency(counting, zoo.inputs(), 0)
    assert str(found.provenance.model) == model_hash(counting)
