"""Compiled and scripted networks: looked into although they ran compiled before, or named as closed."""

import pytest
import torch

import zoo
from models.forms import scripted, scripted_part
from pellucid import attribution
from pellucid._core import probe, sites
from pellucid.errors import SiteError

LOOKING = [
    ("saliency", {"at": "conv2"}),
    ("occlusion", {"at": "conv2"}),
    ("layer_conductance", {"at": "conv2", "steps": 4}),
    ("grad_cam", {}),
    ("deep_lift", {}),
    ("lrp", {}),
    ("guided_backpropagation", {}),
    ("full_grad", {}),
]


def whole():
    return torch.compile(zoo.reference(), backend="eager")


def in_place():
    model = zoo.reference()
    model.compile(backend="eager")
    return model


def inside():
    model = zoo.reference()
    model.features = torch.compile(model.features, backend="eager")
    return model


@pytest.mark.parametrize("make", [whole, in_place, inside])
def test_what_ran_compiled_before_is_looked_into(make):
    model, x = make(), zoo.inputs(2)
    prefix = "_orig_mod." if make is whole else ""
    with torch.no_grad():
        model(x)
    for name, options in LOOKING:
        method, there = getattr(attribution, name), dict(options)
        if "at" in there:
            there["at"] = prefix + there["at"]
        wanted = method(zoo.reference(), x, 1, **options).values
        torch.testing.assert_close(method(model, x, 1, **there).values, wanted, rtol=1e-10, atol=1e-12)


def test_nobody_reads_inside_a_scripted_module():
    model, x = scripted_part(), zoo.inputs(2)
    with pytest.raises(SiteError, match="'conv2' is scripted"), probe(model, read=["conv2"]):
        model(x)
    with pytest.raises(SiteError, match="'conv2' is scripted"):
        attribution.saliency(model, x, 1, at="conv2")
    assert "conv1" in [reached.site for reached in sites(model, lambda: model(x))]
    assert sites(scripted(), lambda: None) == ()
