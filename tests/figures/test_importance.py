"""Charts of importance say what their numbers say."""

import dataclasses
import json

import pytest
import torch

from pellucid import figures
from pellucid.errors import InputError
from pellucid.figures._figure import written
from pellucid.importance import (
    Importance,
    mean_attribution,
    partial_dependence,
    shapley_interactions,
)
from pellucid.inputs import Column, TabularSpec


def doubles(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def ranking(parts=20):
    values = torch.linspace(0, 1, parts, dtype=torch.float64)
    names = tuple(f"part {k}" for k in range(parts))
    return Importance(names, values, values - 0.2, values + 0.1, 0.95, "fall of accuracy", 50)


def bars(figure):
    return figure.chart["data"]["values"]


def test_long_names_stand_whole_in_lines():
    name = "mean fractal dimension of the largest nucleus_measured_at_the_second_visit_of_the_patient"
    one = doubles(1.0)
    figure = figures.importance(
        Importance((name, "age"), doubles(2, 1), doubles(1, 0), doubles(3, 2), 0.95, "fall", 9)
    )
    assert bars(figure)[0]["said"].split("\n") == [
        "mean fractal dimension of",
        "the largest nucleus_measur",
        "ed_at_the_second_visit_of_",
        "the_patient",
    ]
    assert bars(figure)[1]["said"] == "age"
    assert "limit" not in written(figure.spec())
    plain = figures.importance(Importance(("age",), one, one, one, 0.95, "fall", 9))
    assert figure.chart["height"] > 2 * plain.chart["height"]
    drawn = figure.svg()
    assert "mean fractal dimension of<" in drawn
    assert "the_patient<" in drawn


def test_the_largest_come_first_with_their_intervals():
    figure = figures.importance(ranking(), top=6)
    drawn = bars(figure)
    assert [entry["name"] for entry in drawn] == [f"part {k}" for k in range(19, 13, -1)]
    assert drawn[0]["low"] == pytest.approx(0.8)
    assert len(figure.table.rows) == 20
    assert "6 of 20 parts drawn" in figure.note
    assert "part 19 matters most: 1 [0.800, 1.10] fall of accuracy" in figure.alt


def test_what_reaches_zero_is_hollow():
    sure = {entry["name"]: entry["sure"] for entry in bars(figures.importance(ranking()))}
    assert sure["part 19"]
    small = figures.importance(
        Importance(("a", "b"), doubles(1, -1), doubles(-1, -2), doubles(2, -0.5), 0.95, "x", 9)
    )
    assert [entry["sure"] for entry in bars(small)] == [False, True]
    shapes = [layer["mark"].get("filled") for layer in small.chart["layer"][:2]]
    assert shapes == [True, False]


def table_net():
    spec = TabularSpec((Column("age", "years", mean=40, std=10), Column("home", levels=("own", "rent"))))
    net = torch.nn.Linear(3, 1)
    net.weight.data.copy_(torch.tensor([[2.0, 0.0, 1.0]]))
    x = spec.encode([{"age": 20 + 5 * k, "home": ("own", "rent")[k % 2]} for k in range(9)])
    return net, x, spec


def test_curves_are_drawn_in_units_of_people():
    net, x, spec = table_net()
    found = partial_dependence(net, x, 0, "age", spec=spec, points=9)
    assert found.shown == tuple(float(20 + 5 * k) for k in range(9))
    figure = figures.partial_dependence(found)
    thin, band, line = figure.chart["layer"]
    assert [p["x"] for p in line["data"]["values"]] == list(found.shown)
    assert [p["y"] for p in line["data"]["values"]] == pytest.approx(found.mean.tolist())
    assert len(thin["data"]["values"]) == 9 * 9
    assert band["encoding"]["y2"]["field"] == "high"
    assert figure.table.columns[0] == "age in years"
    assert "lowest" in figure.alt
    assert "at 60" in figure.alt


def test_levels_are_named():
    net, x, spec = table_net()
    found = partial_dependence(net, x, 0, "home", spec=spec)
    assert set(found.shown) == {"own", "rent"}
    figure = figures.partial_dependence(found)
    assert figure.chart["layer"][2]["encoding"]["x"]["type"] == "ordinal"
    plain = figures.partial_dependence(partial_dependence(net, x, 0, 0, grid=doubles(0, 1)))
    assert [row[0] for row in plain.table.rows] == [0.0, 1.0]


class Product(torch.nn.Module):
    def forward(self, x):
        return 5 * x[:, :1] * x[:, 1:2] - x[:, 2:]


def test_pairs_stand_off_the_diagonal_on_a_scale_with_zero_in_the_middle():
    found = shapley_interactions(Product(), torch.ones(2, 3), 0)
    figure = figures.interactions(found)
    cells = {(c["y"], c["x"]): c for c in figure.chart["data"]["values"]}
    assert cells[0, 1]["shown"] == cells[1, 0]["shown"] == "+5.00"
    assert cells[2, 2]["shown"] == "−1.00"
    assert cells[0, 1]["colour"] != cells[2, 2]["colour"]
    assert figure.alt == "Strongest: part 3 alone −1.00; part 1 and part 2 together +5.00."
    assert figure.table.rows[0][:2] == ("part 1", "part 2")
    assert len(figures.interactions(found, top=2).chart["data"]["values"]) == 4
    fine = dataclasses.replace(found, values=found.values / 5e4)
    assert {len(c["shown"].strip("+−")) for c in figures.interactions(fine).chart["data"]["values"]} == {8}
    assert figures.interactions(fine).chart["width"] > 3 * 9 * 5.5 > figure.chart["width"]
    with pytest.raises(InputError, match="0 to 1"):
        figures.interactions(found, row=2)


def test_each_draws_itself_in_a_notebook_and_as_a_picture():
    net, x, spec = table_net()
    from pellucid.attribution import input_x_gradient

    values = (
        ranking(),
        mean_attribution(input_x_gradient(net, x, 0, spec=spec)),
        partial_dependence(net, x, 0, "home", spec=spec),
        shapley_interactions(net, x, 0, spec=spec),
    )
    for value in values:
        assert "<img" in value._repr_mimebundle_()["text/html"]
        (figure,) = figures.figures_of(value)
        json.loads(written(figure.spec()))
        assert figure.png().startswith(b"\x89PNG")
