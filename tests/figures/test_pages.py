"""Figures of the layer page and the unit page: what they plot, and how they are written for a paper."""

import dataclasses
import io
import re

import pytest
import torch
from torch import nn

from figures import made
from pellucid import figures
from pellucid.errors import StoreError
from pellucid.evidence import unit_matters
from pellucid.figures import Figure, Table, save_all
from pellucid.figures._depth import depth_lines
from pellucid.figures._effects import LEAD
from pellucid.figures._marks import table_chart
from pellucid.figures._numbers import interval
from pellucid.layers import (
    CoActivation,
    LayerGain,
    LayerRow,
    Selectivity,
    UnitEffects,
    areas_by_class,
    unit_values,
)


def row(**changed):
    known = LayerRow("conv1", "ReLU", (8, 4, 4), 0, (3, 3), (1, 1), 0.5, 0.7, 0.02, None, 5.0, 8, 8)
    return dataclasses.replace(known, **changed)


def verdicts(figure):
    return {line[0]: line[3] for line in figure.table.rows}


def test_health_names_what_stands_out_with_its_threshold():
    fine = figures.layer_health(row(gamma=0.4), 600, update_ratio=1e-3, gradient_norm=0.2)
    assert "nothing stands out" in fine.alt
    assert set(verdicts(fine).values()) == {"fine", ""}
    ill = figures.layer_health(row(dead=0.6, saturated=0.5, gamma=3.0), 600, update_ratio=1e-6)
    found = verdicts(ill)
    assert found["dead units"] == "many units give nothing"
    assert found["saturated values"] == "slopes are nearly gone"
    assert found["mean ÷ spread (γ)"] == "far from zero"
    assert found["step ÷ weight"] == "too slow"
    assert "SageMaker" in ill.table.rows[0][4]
    few = figures.layer_health(row(dead=0.6), 40)
    assert "few inputs" in verdicts(few)["dead units"]


def test_gamma_and_share_of_the_work_are_those_of_the_definition():
    from pellucid.layers import summary

    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 3.0]) + 4
    net = nn.Sequential(nn.Identity(), nn.Linear(3, 5), nn.Linear(5, 2))
    found = summary(net, x, untrained_copy=False)
    gamma = float(x.mean(0).norm() / x.std(0, correction=0).norm())
    assert found.rows[0].gamma == pytest.approx(gamma, rel=1e-5)
    assert [each.share for each in found.rows] == [0.0, 15 / 25, 10 / 25]
    shares = [
        dict(figures.layer_facts(row(share=share)).table.rows)["share of the work"] for share in (0.0004, 0.0)
    ]
    assert shares == ["<\xa00.1\xa0%", "0\xa0%"]


def test_a_histogram_per_class_counts_every_input_once():
    values = torch.tensor([[0.0], [0.1], [0.9], [1.0], [0.5], [0.5]])
    answers = torch.tensor([0, 0, 1, 1, 2, 2])
    found = unit_values(nn.Identity(), values, ".")
    areas = areas_by_class(found, answers, 0)
    drawn = figures.unit_classes(values[:, 0], answers, ("a", "b", "c"), areas)
    left, right = drawn.chart["concat"]
    assert drawn.table.rows[0][0] == "b"
    assert drawn.table.rows[0][3] == 1.0
    assert [point["auc"] for point in right["data"]["values"]] == sorted(areas.auc.tolist(), reverse=True)
    bars = left["layer"][0]["data"]["values"]
    assert {bar["i"] for bar in bars if bar["best"]} == {0}
    assert max(bar["height"] for bar in bars) == 1.0
    assert "tells no class for certain, b best" in drawn.alt  # two of six inputs: AUC 1, and yet no proof
    sure = dataclasses.replace(areas, low=torch.full_like(areas.low, 0.6))
    assert "tells b best" in figures.unit_classes(values[:, 0], answers, ("a", "b", "c"), sure).alt
    assert "tells class 1 best" in figures.unit_classes(values[:, 0], answers, ("0", "1", "2"), sure).alt


def test_effects_without_a_changed_answer_are_drawn_by_the_lead():
    flat = torch.zeros(3, dtype=torch.float64)
    lead = torch.tensor([0.1, 0.5, 0.2], dtype=torch.float64)
    still = UnitEffects(
        "dense1", torch.arange(3), 1.0, flat, flat - 0.1, flat + 0.1, lead, lead - 0.1, lead + 0.1,
        torch.zeros(3, 2), torch.arange(2), 50,
    )  # fmt: skip
    drawn = figures.effects(still)
    assert drawn.chart["title"] == "lead of the right answer lost"
    assert drawn.chart["data"]["values"][0] == pytest.approx(
        {"unit": "unit 1", "drop": 0.5, "low": 0.4, "high": 0.6}
    )
    assert "No answer changed" in drawn.note
    assert "unit 1 costs most" not in drawn.alt
    lost = dataclasses.replace(still, drop=flat + 0.002, by_class=torch.full((3, 2), 0.1))
    matrix = figures.effects(lost, ("0", "1")).chart["concat"][1]
    assert matrix["encoding"]["color"]["legend"]["format"] == "%"
    assert matrix["encoding"]["x"]["axis"]["labelAngle"] == 0
    assert figures.effects(lost).table.rows[0][1:3] == ("0.2\xa0%", "[−10\xa0%, 10\xa0%]")


def test_of_many_classes_those_that_change_most_are_drawn():
    some = torch.zeros(2, dtype=torch.float64)
    by_class = torch.zeros(2, 60)
    by_class[1, 41], by_class[0, 57] = -0.5, 0.25
    lost = UnitEffects(
        "dense1", torch.arange(2), 1.0, some + 0.1, some, some + 0.2, some, some, some,
        by_class, torch.arange(60), 50,
    )  # fmt: skip
    drawn = figures.effects(lost, tuple(f"c{k}" for k in range(60)))
    cells = drawn.chart["concat"][1]["data"]["values"]
    assert len(cells) == 2 * 24
    assert {"c41", "c57"} <= {str(value) for cell in cells for value in cell.values()}
    assert "24 of 60 classes drawn" in drawn.note


def test_an_interval_is_written_in_one_way():
    assert interval(-0.0000378, 0.0158) == "[−0.00004, 0.0158]"
    assert interval(0.000852, 12.0) == "[0.0009, 12]"
    assert interval(1e-9, 0.5) == "[1.00e−9, 0.500]"
    assert interval(2e-5, 4e-5) == "[2.00e−5, 4.00e−5]"


def test_a_drawn_table_shows_its_sentences_whole():
    said = "above 1 sparse autoencoders lose elements unless centred (arXiv 2605.31518)"
    drawn = table_chart(Table(("threshold",), ((said,),)))
    assert drawn["width"] > 5 * len(said)


def test_every_layer_is_named_below_a_curve_where_there_is_room():
    for count, overlap in ((11, False), (37, False), (60, "greedy")):
        drawn = depth_lines([f"layer{k}" for k in range(count)], {"a": [0.5] * count}, "CKA")
        assert drawn["layer"][0]["encoding"]["x"]["axis"]["labelOverlap"] == overlap


def test_companions_are_signed_and_beside_the_untrained_number():
    found = CoActivation(
        "conv1", torch.tensor([[1], [0]]), torch.tensor([[-0.8], [-0.8]]), torch.tensor([0.3, 0.2]), 40
    )
    one = figures.co_activation(found, unit=0)
    assert one.table.rows == (("unit 1", pytest.approx(-0.8)),)
    assert "0.30" in one.alt
    every = figures.co_activation(found)
    assert every.chart["encoding"]["color"]["scale"]["domain"] == [-1, 1]
    assert "0.20 untrained" in every.alt


def test_a_unit_that_never_changes_goes_with_none_and_what_is_not_known_has_no_colour():
    found = CoActivation(
        "fc", torch.tensor([[1], [0], [0]]), torch.tensor([[0.9], [0.9], [0.0]]), torch.zeros(3), 40
    )
    every = figures.co_activation(found)
    assert [line[1] for line in every.table.rows] == ["1 (+0.90)", "0 (+0.90)", "never changes"]
    assert every.svg().count('opacity="0"') == 6  # of nine cells three are known


def test_no_bar_is_drawn_where_no_class_loses_and_the_lead_has_a_unit():
    flat, lead = torch.zeros(2, dtype=torch.float64), torch.tensor([0.5, 0.1], dtype=torch.float64)
    still = UnitEffects(
        "fc", torch.arange(2), 1.0, flat, flat - 0.1, flat + 0.1, lead, lead - 0.1, lead + 0.1,
        torch.zeros(2, 2), torch.arange(2), 50,
    )  # fmt: skip
    drawn = figures.unit_effect(still, ("a", "b"), name="unit 0")
    assert drawn.chart["title"] == "lead lost, place 1 of 2 units tried"
    assert drawn.chart["layer"][1]["encoding"]["x"]["title"] == LEAD
    assert "accuracy stays" in drawn.alt
    better = dataclasses.replace(still, drop=flat - 0.02, by_class=torch.full((2, 2), -0.02))
    assert "accuracy rises by 2\xa0%" in figures.unit_effect(better, ("a", "b")).alt
    assert len(figures.unit_effect(better, ("a", "b")).chart["concat"]) == 2
    card = unit_matters(still)
    assert "0.500 [0.400, 0.600] units of score" in figures.cards_html([card])


def test_what_a_layer_adds_has_its_numbers_where_nothing_changes():
    k = torch.zeros(4, dtype=torch.int64)
    found = LayerGain("fc", "fc:in", 1.0, 1.0, 0.0, -0.1, 0.1, 0.0, k, k, k, k, torch.ones(4), 50)
    assert [line[1] for line in figures.layer_gain(found).table.rows] == ["100\xa0%", "100\xa0%"]


def test_what_a_layer_adds_shows_inputs_that_are_read_otherwise():
    data = made.digits()
    rows = torch.arange(6)
    truth = data.answers[rows]
    before, after = truth.clone(), truth.clone()
    before[2] = (truth[2] + 1) % 10
    after[4] = (truth[4] + 1) % 10
    found = LayerGain(
        "conv1", "conv1:in", 5 / 6, 5 / 6, 0.0, -0.3, 0.3, 0.1, rows, truth, before, after, torch.ones(6), 50
    )
    assert found.changed().tolist() == [2, 4]
    drawn = figures.layer_gain(found, data)
    assert [line[0] for line in drawn.table.rows] == [2, 4]
    assert "No gain or loss is shown" in drawn.alt
    assert "2 of 2 changed readings drawn" in drawn.note
    assert ": 1 put right, 1 put wrong." in drawn.alt
    # as many that were put wrong as were put right, however many there are of the latter
    rows = torch.arange(20)
    truth = data.answers[rows]
    other = (truth + 1) % 10
    before, after = torch.where(rows < 14, other, truth), torch.where(rows < 14, truth, other)
    found = dataclasses.replace(
        found, rows=rows, truth=truth, read_before=before, read=after, sure=torch.ones(20)
    )
    said = [
        layer["mark"].get("text") for layer in figures.layer_gain(found, data).chart["concat"][1]["layer"]
    ]
    assert (said.count("put right"), said.count("put wrong")) == (6, 6)


def test_units_are_drawn_in_order_and_the_rest_is_counted():
    found = made.found()
    values = unit_values(nn.Flatten(), made.digits().inputs, ".", units=found.units)
    values = dataclasses.replace(values, site=found.site)
    middle = dataclasses.replace(found, values=found.values[:, :2], rows=found.rows[:, :2])
    first = figures.unit_grid(found, middle, made.digits(), values=values, limit=2)
    rest = figures.unit_grid(found, middle, made.digits(), values=values, limit=9, first=2)
    # what nobody measured has no column
    assert first.table.columns == ("unit", "largest", "rows")
    total = len(found.units)
    assert len(first.chart["concat"]) == 2
    assert len(rest.chart["concat"]) == total - 2
    assert first.note.startswith(f"2 of {found.total} units drawn")
    assert "after the first 2" in rest.note
    assert len(first.table.rows) == total


def test_the_unit_named_first_is_the_surest_and_not_the_one_with_the_largest_area():
    found, one = made.found(), torch.ones(6, dtype=torch.float64)
    low = torch.tensor([0.448, 0.9, 0.6, 0.6, 0.6, 0.6], dtype=torch.float64)
    area = torch.tensor([1.0, 0.95, 0.9, 0.9, 0.9, 0.9], dtype=torch.float64)
    best = Selectivity("conv2", found.units, torch.arange(6), area, low, one, 512)
    said = figures.unit_grid(found, None, made.digits(), best).alt
    assert "unit 1 tells class 1 most surely, AUC 0.950 [0.900, 1]" in said
    unsure = figures.unit_grid(found, None, made.digits(), dataclasses.replace(best, low=0.5 * low)).alt
    assert "no unit tells a class for certain, most surely unit 1 class 1" in unsure


def test_names_below_a_curve_keep_their_ends(tmp_path):
    names = [f"features.{k}.conv.{part}.0" for k in (10, 11) for part in (0, 1)]
    curve = Figure("", "", depth_lines(names, {"a": [0.5] * 4}, "CKA"), None, Table((), ()))
    assert re.findall(">(….*?)<", curve.svg()) == [
        f"…es.{k}.conv.{part}.0" for k in (10, 11) for part in (0, 1)
    ]


def test_drawings_for_a_paper_stand_alone(tmp_path):
    chart = {"mark": "bar", "data": {"values": [{"x": 1, "y": 2}]}}
    chart["encoding"] = {"x": {"field": "x", "type": "nominal"}, "y": {"field": "y", "type": "quantitative"}}
    one = Figure("Bars of A & B", "One bar < two.", chart, None, Table(("x",), ((1,),)))
    raster = Figure("Raster", "Grey.", None, figures.picture(torch.eye(4)[None]).raster, Table((), ()))
    svg, other = save_all([one, raster], tmp_path / "new")
    assert svg.name == "01-bars-of-a-b.svg"
    text = svg.read_text()
    assert "currentColor" not in text
    assert "inherit" not in text
    assert "Liberation Sans" in text
    assert "<title>Bars of A &amp; B</title><desc>One bar &lt; two.</desc>" in text
    assert "<image" not in text
    width = int(re.search(r'<image width="(\d+)"', other.read_text()).group(1))
    from PIL import Image

    assert width == Image.open(io.BytesIO(raster.raster)).width
    pdf = one.save(tmp_path / "one.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="no folder"):
        save_all([one], tmp_path / "file")
