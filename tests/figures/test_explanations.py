import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from figures import made
from pellucid import attribution, figures
from pellucid._core import Batch
from pellucid.attribution import input_x_gradient
from pellucid.errors import InputError
from pellucid.figures._parts import shares
from pellucid.figures._pixels import limit_of, overlay, seen
from pellucid.figures._saliency import displaced
from pellucid.figures._words import flat, where
from pellucid.inputs import TextSpec, WordTokenizer
from pellucid.networks import text_cnn


def texts(chart):
    """All words drawn in a panel."""
    return [layer["mark"]["text"] for layer in chart["layer"] if "text" in layer["mark"]]


def pixels(chart):
    """The first picture of a panel."""
    import base64

    url = next(layer["mark"]["url"] for layer in chart["layer"] if "url" in layer["mark"])
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def test_own_limits_are_each_maps_and_shared_limits_are_the_largest():
    small = made.explained_picture()
    large = dataclasses.replace(small, values=small.values * 10, provenance=made.provenance("occlusion"))
    own = figures.saliency([small, large], limits="own").table.rows
    shared = figures.saliency([small, large], limits="shared").table.rows
    assert own[1][2] == pytest.approx(10 * own[0][2])
    assert shared[0][2] == shared[1][2] == own[1][2]


def test_ends_of_the_scale_are_printed_and_zero_is_between():
    figure = figures.saliency(made.explained_picture(), control=False)
    end = figures.number(limit_of(flat(made.explained_picture(), 0)))
    written = texts(figure.chart["concat"][1])
    assert any(end in text for text in written)
    assert "0" in written


def test_a_failed_map_is_hatched_and_stands_last():
    failed = made.explained_picture("saliency", "not supported", made.FAILED)
    figure = figures.saliency([failed, made.explained_picture()], limits="own", control=False)
    panels = figure.chart["concat"]
    assert texts(panels[-1])[0] == "saliency"
    clean = figures.saliency(dataclasses.replace(failed, cards=()), control=False).chart["concat"][-1]
    assert not np.array_equal(pixels(panels[-1]), pixels(clean))
    assert "Evidence: not supported." in figure.alt


def test_the_control_holds_the_same_values_elsewhere():
    values = np.random.default_rng(0).normal(size=(9, 7))
    moved = displaced(values, seed=3)
    assert np.array_equal(np.sort(moved.ravel()), np.sort(values.ravel()))
    assert not np.array_equal(moved, values)
    assert np.array_equal(moved, displaced(values, seed=3))


def test_the_control_is_always_on_screen_by_default():
    assert texts(figures.saliency(made.explained_picture()).chart["concat"][-1])[0].startswith("control")


def test_the_table_adds_up():
    explanation = made.explained_picture()
    row = figures.saliency(explanation).table.rows[0]
    assert row[3] + row[4] == pytest.approx(float(explanation.map.sum()), abs=1e-4)
    assert row[5] == pytest.approx(float(explanation.scores[0]))


def test_zero_is_drawn_as_paper_and_signs_as_blue_and_brown():
    base = np.ones((3, 3, 3))
    drawn = overlay(np.diag([-1.0, 0.0, 1.0]), 1.0, base)
    assert drawn[0, 0, 2] > drawn[0, 0, 0]
    assert drawn[2, 2, 0] > drawn[2, 2, 2]
    assert np.ptp(drawn[1, 1]) < 0.1


def test_a_coarser_map_is_laid_over_the_whole_input():
    drawn = overlay(np.array([[1.0, 0.0], [0.0, 0.0]]), 1.0, np.ones((4, 4, 3)))
    assert np.array_equal(drawn[0, 0], drawn[1, 1])
    assert not np.array_equal(drawn[0, 0], drawn[2, 2])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_number_of_channels_is_shown(channels):
    shown = seen(torch.rand(channels, 5, 6), None)
    assert shown.shape == (5, 6, 3)
    assert 0 <= shown.min() <= shown.max() <= 1


def test_a_constant_picture_is_shown():
    assert seen(torch.full((1, 2, 2), 7.0), None).max() == 0


def test_where_names_the_place_and_the_share():
    values = np.zeros((30, 30))
    values[1:4, 25:28] = 1.0
    values[20, 20] = -1.0
    said = where(values, "seven")
    assert "upper right" in said
    assert said.startswith("Half of what speaks for seven lies on 0.6")
    assert "10\u00a0% of the weight speaks against" in said
    assert "empty" in where(np.zeros((4, 4)), "seven")
    assert "Nothing" in where(-np.ones((4, 4)), "seven")
    mostly = -np.ones((20, 20))
    mostly[0, 0] = 1
    assert "Hardly anything in the picture speaks for seven" in where(mostly, "seven")
    mostly[:2] = 1
    assert "90\xa0% of the weight speaks against" in where(mostly, "seven")


def test_saliency_refuses_columns_and_missing_rows():
    with pytest.raises(InputError, match="Use bars"):
        figures.saliency(made.explained_row())
    with pytest.raises(InputError, match="row must be 0 to 0, got 4"):
        figures.saliency(made.explained_picture(), row=4)
    with pytest.raises(InputError, match="no explanation"):
        figures.saliency([])


def bar_values(figure):
    (chart, *_) = figure.chart.get("concat", [figure.chart])
    return chart["data"]["values"]


def test_bars_show_the_largest_and_the_rest_so_that_they_add_up():
    explanation = made.explained_row()
    drawn = bar_values(figures.bars(explanation, top=5))
    assert len(drawn) == 6
    assert drawn[-1]["name"] == "25 other columns together"
    assert sum(each["value"] for each in drawn) == pytest.approx(float(explanation.map.sum()), abs=1e-4)
    sizes = [abs(each["value"]) for each in drawn[:-1]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(float(explanation.map.abs().max()))


def test_bars_speak_in_units_of_the_user():
    drawn = bar_values(figures.bars(made.explained_row(), top=30))
    radius = next(each for each in drawn if each["name"] == "mean radius")
    assert radius["label"] == "mean radius = 17.99 µm"


def test_long_labels_lose_their_name_not_their_value():
    drawn = bar_values(figures.bars(made.explained_row(), top=30, width=160))
    dimension = next(each for each in drawn if each["name"] == "mean fractal dimension")
    assert dimension["label"].endswith("… = 0.07871")
    assert len(dimension["label"]) <= 17


def test_bars_end_where_the_standard_errors_say():
    explanation = made.explained_row()
    first = bar_values(figures.bars(explanation))[0]
    assert first["high"] - first["low"] == pytest.approx(4 * first["stderr"])
    assert first["stderr"] == pytest.approx(0.1 * abs(first["value"]), rel=1e-4)


def test_the_table_of_bars_leads_from_the_reference_to_the_score():
    explanation = made.explained_row()
    rows = {row[0]: row[2] for row in figures.bars(explanation).table.rows}
    total = sum(v for name, v in rows.items() if name != "score")
    assert total == pytest.approx(rows["score"], abs=1e-4)


def test_failed_bars_are_hollow():
    failed = figures.bars(made.explained_row("saliency", "not supported", made.FAILED))
    assert failed.chart["layer"][0]["mark"]["filled"] is False
    assert figures.bars(made.explained_row()).chart["layer"][0]["mark"]["filled"] is True


def test_elements_of_steps_and_of_several_inputs_are_named_by_their_place():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 1))
    steps = attribution.smoothgrad(net, torch.rand(1, 3, 2), 0, samples=4)
    found = {part.name: (part.value, part.stderr) for part in shares(steps, 0)}
    assert list(found)[:3] == ["input[0, 0]", "input[0, 1]", "input[1, 0]"]
    assert found["input[2, 1]"] == pytest.approx((float(steps.map[0, 2, 1]), float(steps.stderr[0, 2, 1])))

    class Both(torch.nn.Module):
        def forward(self, grid, meta):
            return grid.sum((1, 2), keepdim=True)[:, 0] + meta**2

    batch = Batch({"grid": torch.rand(1, 2, 2), "meta": torch.rand(1, 1)})
    both = attribution.smoothgrad(Both(), batch, 0, samples=4)
    names = {part.name: part.stderr for part in shares(both, 0)}
    assert list(names) == ["grid[0, 0]", "grid[0, 1]", "grid[1, 0]", "grid[1, 1]", "meta[0]"]
    assert names["meta[0]"] == pytest.approx(float(both.stderr["meta"]))


def test_a_column_that_says_nothing_is_left_out():
    plain, sampled = made.explained_row("saliency"), made.explained_row()
    sampled = dataclasses.replace(sampled, stderr=sampled.map.abs())
    plain = dataclasses.replace(plain, stderr=None)
    assert "standard error" not in figures.explanations(plain).table.columns
    assert "standard error" in figures.explanations([plain, sampled]).table.columns


def test_bars_without_a_spec_number_the_inputs():
    explanation = dataclasses.replace(made.explained_row(), spec=None, classes=None)
    figure = figures.bars(explanation, top=1)
    assert bar_values(figure)[0]["name"].startswith("input ")
    assert figure.title == "Why logit of malignant"


def test_several_inputs_are_shown_part_by_part():
    explanation = made.explained_row()
    several = dataclasses.replace(
        explanation,
        values={"numbers": explanation.map, "flags": torch.tensor([[0.5]])},
        inputs={"numbers": explanation.point, "flags": torch.tensor([[1.0]])},
        stderr=None,
    )
    drawn = bar_values(figures.explanations(several))
    assert sum(each["value"] for each in drawn) == pytest.approx(float(explanation.map.sum()) + 0.5, abs=1e-4)


def test_words_name_what_speaks_for_and_against():
    explanation = made.explained_row()
    said = figures.words(explanation)
    largest = int(explanation.map.abs().argmax())
    assert explanation.spec.columns[largest].name in said
    assert said.startswith("For malignant: ")
    assert "; against malignant: " in said


def test_bars_stand_beside_the_same_values_on_random_columns():
    figure = figures.explanations([made.explained_row(), made.explained_row()])
    first, _, control = figure.chart["concat"]
    assert "control: values on random columns" in texts(control)
    own, moved = ([bar["value"] for bar in part["data"]["values"]][:-1] for part in (first, control))
    assert own == pytest.approx(moved)
    names = ([bar["name"] for bar in part["data"]["values"]][:-1] for part in (first, control))
    assert next(names) != next(names)


def test_methods_side_by_side_show_their_evidence_and_failed_ones_stand_last():
    good = dataclasses.replace(made.explained_row(), cards=(made.card(),))
    bad = dataclasses.replace(made.explained_row(), cards=(made.card("not supported", made.FAILED),))
    figure = figures.explanations([bad, good])
    first, second, _ = figure.chart["concat"]
    assert "supported" in texts(first)
    assert "not supported" in texts(second)
    assert "matters 0.85 [0.78, 0.90]" in texts(first)
    assert "adds up not run" in texts(second)
    alone = figures.explanations(good)
    assert not any("matters" in words for words in texts(alone.chart["concat"][0]))


def test_several_targets_are_named_over_their_panels():
    one = made.explained_row()
    other = dataclasses.replace(one, provenance=dataclasses.replace(one.provenance, target="logit of 8"))
    figure = figures.explanations(
        [dataclasses.replace(one, classes=None), dataclasses.replace(other, classes=None)]
    )
    assert figure.title == f"Why {one.provenance.target} or logit of 8"
    assert {row[0] for row in figure.table.rows} == {
        f"integrated gradients: {one.provenance.target}",
        "integrated gradients: logit of 8",
    }


def test_panels_of_several_targets_name_them():
    net = torch.nn.Linear(5, 2)
    whys = [input_x_gradient(net, torch.ones(1, 5), k) for k in (0, 1)]
    drawn = str(figures.explanations(whys).chart)
    assert "input x gradient: class 0" in drawn
    assert "input x gradient: class 1" in drawn
    alone = str(figures.explanations(whys[:1]).chart)
    assert "input x gradient: class" not in alone
    assert "why class 0?" in alone
    numbered = [dataclasses.replace(why, class_names=("3", "5")) for why in whys]
    assert "input x gradient: class 5" in str(figures.explanations(numbered).chart)
    assert figures.explanations(numbered[:1]).title == "Why class 3"


def test_strips_of_several_targets_name_them():
    spec = TextSpec(WordTokenizer.learn(["a fine film"], least=1))
    net, x = text_cnn(spec.size, 2, width=8, channels=4).eval(), spec.encode(["a fine film"])
    figure = figures.explanations([input_x_gradient(net, x, k, spec=spec) for k in (0, 1)])
    said = [texts(panel)[0] for panel in figure.chart["concat"]]
    assert said[:2] == ["input x gradient: class 0", "input x gradient: class 1"]
    assert figure.title == "Why class 0 or class 1"


def axes(figure):
    """The domain of each panel of bars, the control last."""
    return [panel["layer"][0]["encoding"]["x"]["scale"]["domain"] for panel in figure.chart["concat"]]


def of_target(explained, name, factor, method="integrated_gradients"):
    told = dataclasses.replace(made.provenance(method), target=name)
    return dataclasses.replace(
        explained, values=explained.values * factor, provenance=told, classes=None, stderr=None
    )


def test_bars_of_several_targets_share_one_symmetric_scale_that_holds_all():
    one = made.explained_row()
    first, second = of_target(one, "logit(0)", 1.0), of_target(one, "logit(1)", -7.0)
    domains = axes(figures.explanations([first, second]))
    assert len(domains) == 3
    assert domains[0] == domains[1] == domains[2]
    low, high = domains[0]
    assert low == -high
    assert high >= 7 * float(one.map[0].abs().max()) * (1 - 1e-6)
    # another method has other units
    other = of_target(one, "logit(0)", 100.0, method="saliency")
    mixed = axes(figures.explanations([first, second, other]))
    assert mixed[0] == mixed[1] == mixed[3]
    assert mixed[2][1] > 10 * high


def test_maps_of_several_targets_share_a_scale_and_methods_do_not():
    small = made.explained_picture()
    large = dataclasses.replace(small, values=small.values * 10)
    other = dataclasses.replace(large, provenance=made.provenance("saliency"))
    rows = figures.saliency([small, large, other], limits="own").table.rows
    assert rows[0][2] == rows[1][2] == pytest.approx(limit_of(flat(large, 0)))
    alone = figures.saliency([small, other], limits="own").table.rows
    assert alone[1][2] == pytest.approx(10 * alone[0][2])


def test_what_maps_are_in_is_said_where_they_add_up():
    from pellucid.figures._meant import meaning
    from pellucid.figures._parts import unit

    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    x = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    adds, slopes = (method(net, x, 0) for method in (attribution.deep_lift, attribution.saliency))
    assert unit([adds]) == "in units of logit(0)"
    named = dataclasses.replace(adds, class_names=("ham", "7"))
    assert unit([named]) == "in units of the logit of ham"
    assert "Contributions in units of the logit of ham" in meaning([named])
    assert unit([slopes]) == ""
    assert unit([slopes, adds]) == "in units of logit(0) where they add up"
    assert "in units of logit(0)" in str(figures.explanations(adds).chart)
    # a small map has its unit on two lines, whole
    small = str(figures.saliency([slopes, adds], size=108).chart)
    assert "in units of logit(0)" in small
    assert "where they add up" in small
