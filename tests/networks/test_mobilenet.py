import pytest
import torch

from pellucid.errors import InputError
from pellucid.networks import build, mobilenet_v2


def test_shapes_and_sizes_are_those_of_the_paper():
    network = mobilenet_v2(10, channels=1).eval()
    seen = []
    for block in network.features:
        block.register_forward_hook(lambda module, args, out: seen.append(tuple(out.shape[1:])))
    assert network(torch.zeros(2, 1, 64, 64)).shape == (2, 10)
    assert [shape[0] for shape in seen] == [
        32,
        16,
        24,
        24,
        32,
        32,
        32,
        *[64] * 4,
        *[96] * 3,
        *[160] * 3,
        320,
        1280,
    ]
    # the side is halved five times
    assert [seen[k][1] for k in (0, 2, 4, 7, 14, 18)] == [32, 16, 8, 4, 2, 2]
    assert sum(p.numel() for p in mobilenet_v2().parameters()) == 3_504_872


def test_a_block_adds_its_input_only_where_shapes_allow():
    adds = [getattr(block, "adds", False) for block in mobilenet_v2(2).features]
    assert sum(adds) == 10
    block = mobilenet_v2(2).eval().features[3]
    x = torch.rand(1, 24, 8, 8)
    torch.testing.assert_close(block(x), x + block.conv(x))


def test_it_is_built_again_from_its_architecture():
    network = mobilenet_v2(3, seed=5)
    again = build(network.architecture)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    other = mobilenet_v2(3, seed=6)
    assert not torch.equal(other.classifier[1].weight, network.classifier[1].weight)


def test_the_random_state_stays():
    before = torch.get_rng_state()
    mobilenet_v2(2)
    assert torch.equal(before, torch.get_rng_state())


def test_sizes_below_one_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        mobilenet_v2(0)
