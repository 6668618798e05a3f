"""Every method's numbers are named with their unit, and summed only where a sum means something."""

from pathlib import Path

import pytest
import torch
from torch import nn

from pellucid import attribution, figures
from pellucid.figures._meant import AVERAGED, MEANT, meaning, meant
from pellucid.inputs import Column, ImageSpec, TabularSpec

SHARES = "add up to the score less that of the reference, but for the gap"


def pictures():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2)).double()
    return net, torch.rand(1, 1, 8, 8, dtype=torch.float64), ImageSpec(channels=1, cell=2)


def test_every_method_has_its_words():
    assert set(MEANT) | set(AVERAGED) == set(attribution.__all__)
    table = Path("docs/methods.md").read_text().partition("## Units and sums")[2].partition("\n## ")[0]
    assert [name for name in attribution.__all__ if f"`{name}`" not in table] == []


@pytest.mark.parametrize("name", sorted(MEANT))
def test_what_is_said_to_add_up_does(name):
    """A gap stands beside what adds up to the score or its difference, and nowhere else."""
    if name.startswith("attention") or name == "exact_shapley":
        return
    net, x, spec = pictures()
    found = getattr(attribution, name)(net, x, 1, spec=spec)
    said = MEANT[name]
    assert ("but for the gap" in said.total) == (found.gap is not None)
    if said.total == SHARES:
        assert found.reference is not None
    elif found.gap is not None:
        assert not found.reference.any()


@pytest.mark.parametrize(
    ("name", "summed"), [("rise", False), ("saliency", False), ("integrated_gradients", True)]
)
def test_pictures_show_sums_where_they_mean_something(name, summed):
    net, x, spec = pictures()
    table = figures.saliency(getattr(attribution, name)(net, x, 1, spec=spec)).table
    place = table.columns.index("sum for")
    assert (table.rows[0][place] is not None) == summed
    assert (table.rows[0][place + 1] is not None) == summed
    assert ("do not add up to anything" in table.note) != summed
    assert "in units of the target." not in table.note


def test_a_part_of_a_picture_has_its_fall_shared_out():
    net, x, spec = pictures()
    said = [meaning([attribution.occlusion(net, x, 1, spec=spec, window=window)]) for window in (None, 2)]
    assert ["each shared out evenly over its part" in one for one in said] == [True, False]


def test_columns_are_headed_by_what_they_are():
    spec = TabularSpec(tuple(Column(f"c{k}") for k in range(12)), torch.zeros(2, 12))
    net, x = nn.Sequential(nn.Linear(12, 2)), torch.rand(1, 12)
    slopes = figures.bars(attribution.saliency(net, x, 1, spec=spec), top=5)
    assert slopes.table.columns[2] == "slope"
    assert slopes.table.rows[5] == ("7 other columns, each weaker", "", None, None)
    assert len(slopes.chart["data"]["values"]) == 5
    shares = figures.bars(attribution.integrated_gradients(net, x, 1, spec=spec), top=5)
    assert shares.table.columns[2] == "contribution"
    assert shares.table.rows[5][0] == "7 other columns together"
    shown = sum(row[2] for row in shares.table.rows[:6])
    assert shown == pytest.approx(float((net(x) - net(torch.zeros(1, 12)))[0, 1].detach()), abs=1e-5)


def test_averages_mean_what_they_average():
    net, x, _ = pictures()
    of_sums = attribution.smoothgrad(net, x, 1, samples=4, of="input_x_gradient")
    assert meant(of_sums).adds
    assert not meant(attribution.smoothgrad(net, x, 1, samples=4)).adds
    assert not meant(attribution.vargrad(net, x, 1, samples=4)).adds
    said = meaning([attribution.saliency(net, x, 1), attribution.rise(net, x, 1, samples=64)])
    assert said.startswith("Saliency: slopes: how much logit(1) changes")
    assert "Rise: how far the mean of logit(1) lies" in said


def test_slopes_of_words_are_lengths():
    net = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    found = attribution.saliency(net, torch.ones(1, 2, dtype=torch.int64), 1)
    assert meant(found).one.startswith("lengths of slopes")
