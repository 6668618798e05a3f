"""What matters over a data set, drawn: the numbers in the figure are those of the value."""

import pytest
import torch
from torch import nn

from pellucid import figures
from pellucid.importance import partial_dependence, permutation_importance
from pellucid.inputs import Column, TabularSpec

SPEC = TabularSpec((Column("age"), Column("weight"), Column("noise")))


def network():
    net = nn.Linear(3, 1, bias=False)
    net.weight.data.copy_(torch.tensor([[2.0, -1.0, 0.0]]))
    return net


def rows():
    return torch.randn(80, 3, generator=torch.Generator().manual_seed(0))


def test_importance_names_the_largest_part_and_its_interval():
    found = permutation_importance(network(), rows(), network()(rows())[:, 0].detach(), spec=SPEC)
    figure = figures.importance(found)
    assert figure.alt.startswith("age matters most")
    assert "2 of 3 parts lies above 0" in figure.alt
    assert [line[0] for line in figure.table.rows] == ["age", "weight", "noise"]
    drawn = figure.chart["data"]["values"]
    assert [point["value"] for point in drawn] == [line[1] for line in figure.table.rows]
    assert all(point["low"] <= point["value"] <= point["high"] for point in drawn)
    few = figures.importance(found, limit=2)
    assert len(few.chart["data"]["values"]) == 2
    assert len(few.table.rows) == 3
    assert "2 of 3 parts drawn" in few.note


def test_dependence_shows_the_mean_and_single_curves():
    found = partial_dependence(network(), rows(), 0, "weight", spec=SPEC, points=7)
    figure = figures.dependence(found)
    assert "weight" in figure.title
    assert "0" in figure.alt
    assert "80 rows" in figure.alt
    single, band, line = figure.chart["layer"]
    assert [point["y"] for point in line["data"]["values"]] == pytest.approx(found.mean.tolist())
    assert band["data"]["values"][0]["low"] == pytest.approx(float(found.low[0]))
    assert len({point["row"] for point in single["data"]["values"]}) == 40
    assert "40 single curves of 80 rows drawn" in figure.note


def test_both_draw_themselves_in_a_notebook():
    found = permutation_importance(network(), rows(), network()(rows())[:, 0].detach(), spec=SPEC)
    for value in (found, partial_dependence(network(), rows(), 0, "age", spec=SPEC, points=5)):
        shown = value._repr_mimebundle_()
        assert "age" in shown["text/plain"]
        assert "<img" in shown["text/html"] or "<svg" in shown["text/html"]
