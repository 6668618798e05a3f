"""Regions ranked by density: a slow twin, sums, and a picture whose truth is known."""

import pytest
import torch
from torch import nn

import zoo
from pellucid.attribution import integrated_gradients, xrai
from pellucid.attribution._regions import grown, overlapping
from pellucid.errors import InputError, MethodError
from pellucid.inputs import ImageSpec

SCALES = (3, 6, 12)


def network():
    return zoo.seeded(
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(108, 3))
    ).double()


def pictures(rows=2):
    return torch.rand(rows, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def by_definition(density, regions):
    """Kapishnikov's greedy rule with sets and loops."""
    left, value = set(range(len(density))), [0.0] * len(density)
    sets = [{i for i, inside in enumerate(region) if inside} for region in regions.tolist()]
    while left:
        parts = [part & left for part in sets if part & left]
        best = max(parts, key=lambda part: sum(density[i] for i in part) / len(part))
        mean = sum(density[i] for i in best) / len(best)
        for i in best:
            value[i] = mean
        left -= best
    return torch.tensor(value, dtype=torch.float64)


def test_regions_are_taken_by_density():
    model, x = network(), pictures()
    found = xrai(model, x, 1, scales=SCALES, low=0.1, high=0.9, steps=20)
    ends = [integrated_gradients(model, x, 1, baseline=end, steps=20).values for end in (0.1, 0.9)]
    density = (ends[0] + ends[1]).sum(1) / 2
    for row in range(2):
        regions = overlapping(x[row], SCALES).flatten(1)
        wanted = by_definition(density[row].flatten().tolist(), regions)
        torch.testing.assert_close(found.values[row].sum(0).flatten(), wanted, rtol=1e-9, atol=1e-12)


def test_values_add_up_to_the_score_above_black_and_white():
    model, x = network(), pictures()
    spec = ImageSpec(channels=2, mean=(0.5, 0.4), std=(0.3, 0.2))
    encoded = spec.from_pixels(x)
    found = xrai(model, encoded, 2, spec=spec, scales=SCALES)
    black, white = (spec.from_pixels(torch.full_like(x, v)) for v in (0.0, 1.0))
    reference = (model(black) + model(white))[:, 2].detach() / 2
    torch.testing.assert_close(found.reference, reference)
    total = model(encoded)[:, 2].detach() - reference
    torch.testing.assert_close(found.values.flatten(1).sum(1), total, rtol=1e-3, atol=1e-3)


def test_without_a_spec_the_ends_are_each_pictures_own():
    model, x = network(), pictures()
    found = xrai(model, x, 0, scales=SCALES)
    ends = [end(x.flatten(1), 1).view(-1, 1, 1, 1).expand_as(x) for end in (torch.amin, torch.amax)]
    reference = sum(model(end)[:, 0].detach() for end in ends) / 2
    torch.testing.assert_close(found.reference, reference)


def test_every_pixel_is_taken_once_and_coarse_regions_reach_over_their_edge():
    x = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    regions = overlapping(x, (4, 9))
    assert bool(regions.any(0).all())
    assert bool((regions.sum(0) > 2).any())
    mean, turn = grown(torch.rand(4096, dtype=torch.float64), regions.flatten(1))
    assert int(turn.min()) == 0
    for step in range(int(turn.max()) + 1):
        assert len(mean[turn == step].unique()) == 1


def test_it_finds_the_square_that_decides():
    spec = ImageSpec(channels=1)

    class Square(nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 0, 4:10, 4:10].mean((1, 2)), x.mean((1, 2, 3))], 1)

    x = torch.full((1, 1, 28, 28), 0.4)
    x[..., 4:10, 4:10] = 0.9
    x[..., 15:24, 15:24] = 0.9
    found = xrai(Square(), x, 0, spec=spec)
    inside = torch.zeros(28, 28, dtype=torch.bool)
    inside[4:10, 4:10] = True
    near = torch.zeros(28, 28, dtype=torch.bool)
    near[3:11, 3:11] = True
    # regions reach one pixel over their edge
    assert float(found.values[0, 0][inside].min()) > 10 * float(found.values[0, 0][~near].max())
    assert "10\u00a0% of the area" in found.note


def test_wrong_words_are_refused():
    with pytest.raises(MethodError, match="pictures"):
        xrai(nn.Linear(3, 2), torch.rand(2, 3), 0)
    for scales in ((), (0,), ("a",)):
        with pytest.raises(InputError, match="numbers of regions"):
            xrai(network(), pictures(), 0, scales=scales)


def test_at_a_layer_it_is_xrai_of_what_follows():
    """The layer's activation is a picture to the rest of the network."""
    model, x = network(), pictures()
    rest, seen = model[1:], model[0](x).detach()
    found = xrai(model, x, 1, at="0", scales=SCALES, steps=20, spec=ImageSpec(channels=2))
    alone = xrai(rest, seen, 1, scales=SCALES, steps=20)
    torch.testing.assert_close(found.values, alone.values)
    torch.testing.assert_close(found.reference, alone.reference)
    assert found.provenance.at == "0"
    with pytest.raises(MethodError, match="nothing there has a place"):
        xrai(model, x, 1, at="2")
