"""Methods beside baselines where the truth is known: a network that looks at one corner only."""

import pytest
import torch
from torch import nn

from pellucid import Compute, attribution
from pellucid.errors import InputError
from pellucid.evidence import ground_truth
from pellucid.evidence._ground_truth import centre, noise

SLOPE = {"saliency": attribution.saliency}
METHODS = {name: getattr(attribution, name) for name in ("saliency", "occlusion", "grad_cam")}


class Corner(nn.Module):
    """Class 0 is the brightness of the upper left quarter; nothing else counts."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        bright = self.weight * x[:, :, :4, :4].sum((1, 2, 3))
        return torch.stack([bright, -bright], 1)


@pytest.fixture
def corner():
    x = torch.rand(12, 2, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.1
    truth = torch.zeros(12, 1, 8, 8, dtype=torch.bool)
    truth[..., :4, :4] = True
    return Corner(), x, truth, torch.zeros(12, dtype=torch.int64)


def named(found):
    return {row.method: row for row in found.table}


def test_methods_that_see_it_are_perfect_and_baselines_are_not(corner):
    found = ground_truth(*corner, METHODS, task="corner", twin=False)
    rows = named(found)
    for name in ("saliency", "occlusion"):
        for read in (rows[name].magnitude, rows[name].positive):
            assert read.gain.value == pytest.approx(4)
            assert read.pointing.value == read.auc.value == read.precision.value == 1
    assert found.area == pytest.approx(0.25)
    assert rows["centre"].magnitude.gain.value == pytest.approx(1, abs=1e-6)
    assert rows["random"].magnitude.gain.low <= 1 <= rows["random"].magnitude.gain.high
    assert {row.method for row in found.table if row.baseline} == {"centre", "random", "|x - b|", "edges"}
    gains = [row.magnitude.gain.value for row in found.table]
    assert gains == sorted(gains, reverse=True)


def test_a_method_that_cannot_answer_is_listed_with_its_reason(corner):
    found = ground_truth(*corner, METHODS, twin=False)
    assert set(found.refused) == {"grad_cam"}
    assert found.refused["grad_cam"]


def test_dear_methods_are_measured_on_fewer_inputs(corner):
    found = ground_truth(*corner, METHODS, budget=400, twin=False)
    rows = named(found)
    assert rows["saliency"].magnitude.n == 12
    assert rows["occlusion"].rows == 65
    assert rows["occlusion"].magnitude.n == 400 // 65
    assert ground_truth(*corner, METHODS, budget=100, twin=False).dear == {"occlusion": 65}


def test_the_untrained_copy_and_the_watcher(corner):
    seen = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(128, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.zeros(2, 2, 8, 8).index_fill_(2, torch.arange(4), 1.0).flatten(1))
    found = ground_truth(model, *corner[1:], SLOPE, target="logit", watch=seen.append)
    (row,) = seen
    assert row.method == "saliency"
    assert row.magnitude.gain.value == pytest.approx(2)
    # fresh weights look everywhere alike
    assert row.untrained.value == pytest.approx(1, abs=0.2)
    assert named(found)["centre"].untrained is None


def test_rows_without_a_place_are_left_out_and_misfits_told(corner):
    model, x, truth, classes = corner
    truth = truth.clone()
    truth[:5] = False
    assert ground_truth(model, x, truth, classes, METHODS, twin=False).n == 7
    with pytest.raises(InputError, match="as many inputs"):
        ground_truth(model, x, truth[:3], classes, METHODS)
    with pytest.raises(InputError, match="0 with one"):
        ground_truth(model, x, torch.zeros_like(truth), classes, METHODS)


def test_the_answer_does_not_depend_on_the_batch_size(corner):
    model, x, truth, classes = corner
    small, large = (
        named(ground_truth(model, x, truth, classes, METHODS, compute=Compute(batch_size=size)))
        for size in (1, 64)
    )
    for name, row in small.items():
        assert torch.allclose(row.magnitude.rows, large[name].magnitude.rows, atol=1e-6)


def test_baselines_are_what_they_are_called():
    x = torch.zeros(3, 2, 9, 9)
    bell = centre(x)
    assert bell.shape == x.shape
    assert bell[0, 0].argmax() == 40
    smooth = noise(x, seed=1)
    assert torch.equal(smooth[:, 0], smooth[:, 1])
    rough = noise(torch.zeros(3, 9), seed=1)
    assert rough.shape == (3, 9)
