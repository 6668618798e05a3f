"""Addresses round-trip, and unknown ones are answered with near misses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import zoo
from pellucid._core import Site, named, names_of, sites
from pellucid.errors import InputError, SiteError

names = st.from_regex(r"[a-z_][a-z0-9_]*(\.[a-z0-9_]+){0,3}", fullmatch=True) | st.just(".")
calls = st.none() | st.integers(0, 99)
items = st.none() | st.integers(0, 9) | st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True)


@given(names, st.sampled_from(["in", "out"]), calls, items)
def test_round_trip(module, side, call, item):
    site = Site(module, side, call, item)
    assert Site.parse(str(site)) == site


@given(st.text(max_size=12))
def test_any_text_is_an_address_or_an_error(text):
    try:
        site = Site.parse(text)
    except SiteError:
        return
    assert Site.parse(str(site)) == site


@pytest.mark.parametrize("text", ["", ":in", "a:up", "a#x", "a#-1", "a[0", "a[]", "a[0]#1", "a b[c d]"])
def test_what_is_no_address(text):
    with pytest.raises(SiteError, match="Expected NAME, NAME:in, NAME#CALL or NAME"):
        Site.parse(text)


def test_a_layer_itself_is_no_address():
    with pytest.raises(SiteError, match=r"given by name, such as 'encoder.3', got ReLU. .* if each is layer"):
        Site.parse(nn.ReLU())


def test_unknown_names_come_with_near_misses():
    with pytest.raises(SiteError, match=r"Modules has no layer 'conv3'. Did you mean conv2 or conv1\?"):
        named(zoo.reference(), "conv3")
    with pytest.raises(SiteError, match=r"There are: conv1, relu1, pool"):
        named(zoo.reference(), "xyz")
    with pytest.raises(InputError, match=r"Expected a torch.nn.Module, got str"):
        named("model", "xyz")


def test_a_shared_module_has_all_its_names():
    shared = nn.ReLU()
    net = nn.Sequential(shared, nn.Linear(2, 2), shared)
    assert [name for name, module in names_of(net).items() if module is shared] == ["0", "2"]


def test_sites_lists_each_call_in_order():
    (shared,) = [t.model for t in zoo.twins() if t.name == "SharedRelu"]
    found = sites(shared, lambda: shared(zoo.inputs(2)))
    assert [r.site for r in found] == ["conv1", "relu1#0", "pool", "conv2", "relu1#1", "head", "."]
    assert found[0].shape == (2, 4, 8, 8)
    assert found[0].module is shared.conv1


def test_sites_leaves_no_hook_when_the_pass_raises():
    net = nn.Linear(2, 2)
    with pytest.raises(RuntimeError):
        sites(net, lambda: net(torch.zeros(1, 3)))
    assert not net._forward_hooks


def test_outputs_that_are_no_tensor_have_no_shape():
    net = zoo.seeded(lambda: nn.LSTM(2, 3))
    assert [r.shape for r in sites(net, lambda: net(torch.zeros(4, 1, 2)))] == [None]
