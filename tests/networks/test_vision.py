"""The vision transformer: built again to the bit, patches in their places, explained like any other."""

import pytest
import torch

from pellucid import attribution, data
from pellucid._core import log_odds
from pellucid.errors import InputError
from pellucid.networks import build, default_network, vit


@pytest.fixture(scope="module")
def net():
    return vit(2, (8, 12), 3, width=8, heads=2, seed=3).double().eval()


def test_built_again_from_its_architecture(net):
    again = build(net.architecture).double()
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_patches_are_read_row_by_row_and_know_their_places():
    net = vit(1, (4, 6), 2, patch=2, width=4, heads=1, blocks=1, dropout=0.0).double().eval()
    seen = {}
    net.block1.register_forward_pre_hook(lambda _, given: seen.update(x=given[0]))
    x = torch.rand(1, 1, 4, 6, dtype=torch.float64)
    net(x)
    weight, bias = net.patches.weight, net.patches.bias
    for place, (down, across) in enumerate((i, j) for i in range(2) for j in range(3)):
        piece = x[0, :, 2 * down : 2 * down + 2, 2 * across : 2 * across + 2]
        told = torch.tensor([down, across], dtype=torch.float64)
        where = torch.stack([told.sin(), told.cos()], 1).flatten() / 2**0.5
        wanted = (weight * piece).flatten(1).sum(1) + bias + where
        assert torch.allclose(seen["x"][0, place], wanted, atol=1e-6)


def test_sides_that_patches_do_not_fill_end_in_nothing():
    net = vit(1, 7, 2, patch=3, width=8, heads=2).eval()
    x = torch.rand(2, 1, 7, 7)
    padded = torch.nn.functional.pad(x, (0, 2, 0, 2))
    assert torch.equal(net(x), net(padded))


@pytest.mark.parametrize(
    ("given", "words"),
    [({"width": 6}, "multiple of 4"), ({"width": 8, "heads": 3}, "heads=3"), ({"patch": 9}, "1 to 8 pixels")],
)
def test_sizes_that_cannot_be(given, words):
    with pytest.raises(InputError, match=words):
        vit(1, 8, 2, **given)


def test_pictures_take_it_by_name_and_tables_refuse():
    digits = data.digits()
    made = default_network(digits, kind="vit")
    assert made.architecture.params["patch"] == 2
    assert made(digits.inputs[:2]).shape == (2, 10)
    with pytest.raises(InputError, match="reads pictures"):
        default_network(data.breast_cancer(), kind="vit")
    with pytest.raises(InputError, match="mean vit"):
        default_network(digits, kind="vits")


@pytest.mark.parametrize("name", ["integrated_gradients", "deep_lift", "lrp", "occlusion"])
def test_explained_by_every_kind_of_method(net, name):
    x = torch.rand(2, 2, 8, 12, dtype=torch.float64)
    why = getattr(attribution, name)(net, x, log_odds(net(x).argmax(1)))
    assert why.values.shape == x.shape
    assert bool((why.values != 0).any())
