import dataclasses
import math
from dataclasses import replace

import pytest
import torch

from figures import made
from pellucid import figures
from pellucid.errors import InputError
from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._evidence import check_table
from pellucid.figures._features import made_tiles
from pellucid.figures._numbers import number
from pellucid.rules import Condition


def test_layer_strip_plots_shares_beside_the_untrained_ones():
    figure = figures.layer_strip(made.summary())
    values = figure.chart["concat"][0]["data"]["values"]
    assert values[0]["rank"] == pytest.approx(5.2 / 8)
    assert values[0]["rank0"] == pytest.approx(0.6 * 5.2 / 8)
    assert values[1]["dead"] == 0.19
    assert "conv2 has the most dead units (19\u00a0%)" in figure.alt


def test_layer_strip_draws_no_panel_for_what_was_not_measured():
    titles = [panel["title"] for panel in figures.layer_strip(made.summary()).chart["concat"]]
    assert "saturated units" not in titles
    assert "dead units" in titles


def test_layers_that_begin_alike_are_told_apart_by_the_ends_of_their_names():
    known = made.summary()
    sites = [f"encoder.encoder.layer.{i}.attention.output.dense" for i in range(3)]
    rows = tuple(replace(row, site=site) for row, site in zip(known.rows[:3], sites, strict=True))
    drawn = figures.layer_strip(replace(known, rows=rows)).svg()
    for i in range(3):
        assert f"…ayer.{i}.attention.output.dense<" in drawn


def test_many_layers_are_several_figures_on_the_same_scale():
    known = made.summary()
    rows = tuple(replace(known.rows[i % 3], site=f"{i}", mean=float(i)) for i in range(130))
    drawn = figures.layer_strips(replace(known, rows=rows))
    assert [each.title for each in drawn] == [
        "Layers 1 to 60 of 130",
        "Layers 61 to 120 of 130",
        "Layers 121 to 130 of 130",
    ]
    assert [row[0] for each in drawn for row in each.table.rows] == [row.site for row in rows]
    spreads = [each.chart["concat"][-1]["layer"][0]["encoding"]["x"]["scale"] for each in drawn]
    assert spreads == [{"domain": [-0.8, 129.8]}] * 3
    assert [each.title for each in figures.layer_strips(known)] == ["Inside, layer by layer"]


def test_feature_tiles_say_how_many_of_how_many():
    figure = figures.feature_tiles(made.pictures(), made.found(), made.digits(), limit=2)
    assert len(figure.chart["concat"]) == 2
    assert figure.note.startswith("2 of 16 units shown.")
    assert len(figure.table.rows) == 6
    assert "2 supported, 2 weak" in figure.alt


def test_feature_tiles_show_numbers_beside_the_untrained_ones():
    panel = figures.feature_tiles(made.pictures()).chart["concat"][0]
    drawn = " ".join(layer["mark"].get("text", "") for layer in panel["layer"])
    assert "reached 0.80 × the largest real, untrained 1.1 ×" in drawn
    assert "seeds agree 0.30, untrained 0.40" in drawn


def test_one_seed_has_nothing_to_agree_with():
    pictures = made.pictures()
    alone = dataclasses.replace(pictures, agreement=torch.full_like(pictures.agreement, float("nan")))
    drawn = str(figures.feature_tiles(alone).chart)
    assert "one seed · distance to data" in drawn
    assert "seeds agree" not in drawn


def test_a_share_of_nothing_is_not_written():
    pictures = made.pictures()
    ratio = pictures.ratio.clone()
    ratio[0] = float("inf")
    beside = torch.full_like(pictures.untrained_ratio, float("inf"))
    figure = figures.feature_tiles(dataclasses.replace(pictures, ratio=ratio, untrained_ratio=beside))
    drawn = str(figure.chart)
    assert "∞" not in drawn
    assert "no real input moves it above zero" in drawn
    assert "∞" not in figure.alt


def test_made_inputs_are_faint_where_nothing_mattered():
    pictures = made.pictures()
    importance = torch.zeros(6, 3, 8, 8)
    importance[..., :4] = 1.0
    pictures = dataclasses.replace(pictures, importance=importance)
    plain, faded = made_tiles(pictures, 0, fade=False)[0], made_tiles(pictures, 0)[0]
    assert (faded[:, :3] == plain[:, :3]).all()
    # a quarter of what was there, on grey paper
    assert faded[:, 6:] == pytest.approx(0.6 + 0.25 * (plain[:, 6:] - 0.6))
    assert "faint where nothing mattered" in figures.feature_tiles(pictures).note
    assert "faint" not in figures.feature_tiles(pictures, fade=False).note
    assert "faint" not in figures.feature_tiles(made.pictures()).note


def test_objectives_go_by_their_names_and_origins_stand_first():
    pictures = dataclasses.replace(
        made.pictures(2),
        site=".",
        units=torch.tensor([-1, -1]),
        labels=("cat − dog", "cat − dog"),
        origins=torch.rand(2, 1, 8, 8),
        origin_values=torch.tensor([0.25, 0.5]),
        moved=torch.full((2, 3), 0.4),
        params={"method": "accentuation"},
    )
    figure = figures.feature_tiles(pictures)
    assert (figure.title, figure.note[:23]) == (
        "Inputs changed to move the output more",
        "2 of 2 inputs shown. Fi",
    )
    drawn = " ".join(layer["mark"].get("text", "") for layer in figure.chart["concat"][0]["layer"])
    assert "cat − dog" in drawn
    assert "from 0.25 × to 0.80 × the largest, untrained 1.1 ×" in drawn
    assert "0.40 away from it" in drawn
    # the input, the made ones, the real ones
    assert sum("url" in layer["mark"] for layer in figure.chart["concat"][0]["layer"]) == 3
    assert figure.table.rows[0][0] == "cat − dog"
    assert figure.table.rows[1][-2:] == (0.5, pytest.approx(0.4))


def test_feature_tiles_of_columns_plot_the_mean_over_seeds():
    pictures = made.pictures(tabular=True)
    cells = figures.feature_tiles(pictures).chart["data"]["values"]
    assert [cell["words"] for cell in cells if cell["column"] == "evidence"] == [*"●◐○–●◐"]
    rows = {cell["column"]: cell["words"] for cell in cells if cell["unit"] == "unit 0"}
    assert rows["reached ÷ largest real"] == number(float(pictures.ratio[0]), 2)
    assert rows["starts agree, untrained"] == number(float(pictures.untrained_agreement[0]), 2)
    values = [cell for cell in cells if cell["value"] is not None]
    index = [c.name for c in pictures.spec.columns].index("mean radius")
    drawn = {cell["unit"]: cell["value"] for cell in values if cell["column"] == "mean radius"}
    if drawn:
        assert drawn["unit 0"] == pytest.approx(float(pictures.pictures[0, :, index].mean()), abs=1e-6)
    assert max(abs(cell["value"]) for cell in values) == pytest.approx(
        float(pictures.pictures.mean(1).abs().max()), abs=1e-6
    )


def test_exemplars_of_another_layer_are_refused():
    with pytest.raises(InputError, match="make both for one layer"):
        figures.feature_tiles(made.pictures(), dataclasses.replace(made.found(), site="conv1"), made.digits())


def test_exemplars_list_rows_with_answers_and_activations():
    figure = figures.exemplars(made.found(), made.digits(), limit=1, k=2)
    assert [row[:4] for row in figure.table.rows] == [(0, 1, 0, "0"), (0, 2, 1, "1")]
    assert figure.table.rows[0][4] == 3.0


def test_training_curves_plot_every_epoch_and_mark_the_kept_one():
    record = made.record(6)
    loss = figures.training_curves(record).chart["concat"][0]
    held = [p["loss"] for p in loss["data"]["values"] if p["rows"] == "held out"]
    assert held == [epoch.validation_loss for epoch in record.epochs]
    assert loss["layer"][1]["data"]["values"] == [{"epoch": record.best_epoch + 1}]  # counted from 1


def test_training_curves_leave_gaps_for_numbers_that_are_not_finite():
    epoch = dataclasses.replace(made.record(1).epochs[0], train_loss=math.nan)
    record = dataclasses.replace(made.record(1), epochs=(epoch,), best_epoch=0)
    points = figures.training_curves(record).chart["concat"][0]["data"]["values"]
    assert points[0]["loss"] is None
    figures.training_curves(record).svg()


def test_training_of_no_epoch_is_said():
    record = dataclasses.replace(made.record(1), epochs=(), best_epoch=-1)
    assert figures.training_curves(record).alt == "No epoch was run."
    assert figures.training_health(record).chart is None


def test_training_health_plots_each_layer():
    health = figures.training_health(made.record(3))
    dead = next(panel for panel in health.chart["concat"] if "dead" in panel["title"])
    assert {point["layer"] for point in dead["data"]["values"]} == {"conv1", "conv2", "hidden"}
    assert not any("saturated" in panel["title"] for panel in health.chart["concat"])


def test_rules_are_told_with_their_controls():
    figure = figures.rules_table(made.rules())
    assert figure.table.rows[0] == (
        "worst area ≤ 884.75 AND worst concave points ≤ 0.135",
        "benign",
        240,
        "99\u00a0%",
    )
    assert [row[2] for row in figure.table.rows] == [240, 118, 31, 9]
    assert "95\u00a0% of 85 held-out rows [89\u00a0%, 98\u00a0%]" in figure.alt
    assert "never saw the network: 93\u00a0%" in figure.alt


def test_a_rule_that_speaks_for_no_row_is_drawn_with_a_gap():
    first, *rest = made.rules().rules
    rules = dataclasses.replace(
        made.rules(), rules=(dataclasses.replace(first, support=0, precision=math.nan), *rest)
    )
    figure = figures.rules_table(rules)
    assert figure.table.rows[-1][2:] == (0, "–")
    assert "agrees –" in figure.svg()


def test_long_rules_are_wrapped_not_cut():
    conditions = tuple(made.condition(f"a column with a long name {i}", "<=", i) for i in range(6))
    rule = dataclasses.replace(made.rules().rules[0], conditions=conditions)
    chart = figures.rules_table(dataclasses.replace(made.rules(), rules=(rule,))).chart
    drawn = " ".join(layer["mark"].get("text", "") for layer in chart["layer"])
    for condition in conditions:
        assert condition.column.split()[-1] in drawn
    assert "a column with a long name 5 ≤ 5" in " ".join(drawn.split())


def test_a_colour_means_the_same_answer_in_the_list_and_in_the_tree():
    def colours(figure, key):
        return {layer["mark"][key] for layer in figure.chart["layer"] if layer["mark"]["type"] == "rect"}

    benign = dataclasses.replace(made.rules(), rules=made.rules().rules[:1])
    assert colours(figures.rules_table(benign), "color") == {OKABE_ITO[1]}
    leaf = [
        layer["mark"]["color"] for layer in figures.tree(benign).chart["layer"] if "color" in layer["mark"]
    ]
    assert OKABE_ITO[1] in leaf


def test_the_tree_draws_common_beginnings_once():
    layers = figures.tree(made.rules()).chart["layer"]
    drawn = [layer["mark"]["text"] for layer in layers if "text" in layer["mark"]]
    assert drawn.count("worst area ≤ 884.75") == 1
    assert "→ malignant (118)" in drawn


def test_questions_of_the_tree_part_its_rules_in_two_where_rules_tell_bounds_together():
    def asked(*conditions):
        return tuple(Condition(*condition) for condition in conditions)

    few, many = ("own", "rent"), ("free",)
    paths = (
        asked(("x", ">", 0.3), ("y", "<=", 0.0)),
        asked(("x", ">", 0.1), ("x", "<=", 0.3), ("y", "<=", 0.0), ("home", "in", few, "", many)),
        asked(("x", ">", 0.1), ("x", "<=", 0.3), ("y", "<=", 0.0), ("home", "in", many, "", few)),
        asked(("x", ">", 0.1), ("y", ">", 0.0)),
        asked(("x", "<=", 0.1)),
    )
    first = made.rules().rules[0]
    rules = tuple(dataclasses.replace(first, conditions=path, support=9 - k) for k, path in enumerate(paths))
    chart = figures.tree(dataclasses.replace(made.rules(), rules=rules)).chart
    words = [layer for layer in chart["layer"] if "text" in layer["mark"]]
    lines = [
        "  " * int(layer["encoding"]["x"]["value"] // 24) + layer["mark"]["text"]
        for layer in words
        if not layer["mark"]["text"].startswith("→")
    ]
    assert lines == [
        "x ≤ 0.1",
        "x > 0.1",
        "  y ≤ 0",
        "    x ≤ 0.3",
        "      home is not free",
        "      home = free",
        "    x > 0.3",
        "  y > 0",
    ]
    assert sum(layer["mark"]["text"].startswith("→") for layer in words) == len(paths)


def test_evidence_draws_value_interval_and_control():
    card = made.card("not supported", made.FAILED)
    figure = figures.evidence(card)
    values = [
        layer["data"]["values"][0]["value"]
        for layer in figure.chart["concat"][0]["layer"]
        if layer["data"]["values"][0].get("value") is not None
    ]
    assert values == [card.checks[0].value]
    assert "failed, 0.750 [0.680, 0.800]" in figure.alt
    assert figure.table.rows[0][5] == 64


def test_evidence_can_put_the_worst_first():
    order = figures.evidence(made.card("not supported", made.FAILED), worst_first=True).table.rows
    assert [row[1].text for row in order] == ["failed", "mixed", "not run", "passed"]


def test_words_of_evidence_differ_in_shape_and_are_never_red_or_green():
    looks = [figures.look(word) for word in ("passed", "mixed", "failed", "not run")]
    assert len({look.shape for look in looks}) == 4
    for look in looks:
        red, green, blue = (int(look.colour[i : i + 2], 16) for i in (1, 3, 5))
        assert not (green > red and green > blue)
        assert not (red > 180 and green < 80 and blue < 80)


def test_evidence_cards_escape_what_they_are_told():
    check = dataclasses.replace(made.check("<b>?</b>", "failed"), note="<script>x</script>")
    assert "<script" not in figures.cards_html([check])
    assert "is good" in figures.cards_html([check])
    assert "is good" not in figures.cards_html([dataclasses.replace(check, word="not run")])
    assert "<b>?" not in figures.cards_html([check]) + check_table([check]).html()


def test_confusion_counts_and_names_the_commonest_mistake():
    figure = figures.confusion(torch.tensor([[8, 2], [1, 9]]), ("cat", "dog"))
    cells = {(c["true"], c["answer"]): (c["count"], c["share"]) for c in figure.chart["data"]["values"]}
    assert cells["cat", "dog"] == (2, 0.2)
    assert "cat taken for dog (2 of 10)" in figure.alt
    with pytest.raises(InputError, match="got \\(2, 2\\)"):
        figures.confusion(torch.zeros(2, 2), ("a", "b", "c"))


def test_a_field_that_was_not_measured_is_not_said_to_be_all():
    found = made.summary()
    rows = tuple(dataclasses.replace(row, field=None) for row in found.rows)
    table = figures.layer_strip(dataclasses.replace(found, rows=rows)).table
    assert {row[table.columns.index("sees")] for row in table.rows} <= {"–"}


def test_of_many_calls_the_outer_ones_are_drawn_and_the_table_has_all():
    row = made.summary().rows[0]
    names = ["first", *(f"again#{k}" for k in range(30)), "last"]
    summary = dataclasses.replace(
        made.summary(), rows=tuple(dataclasses.replace(row, site=name) for name in names)
    )
    figure = figures.layer_strip(summary, most=6)
    drawn = figures.layer_strip(
        dataclasses.replace(summary, rows=tuple(r for r in summary.rows if r.site in
        ("first", "again#0", "again#1", "again#28", "again#29", "last")))
    )  # fmt: skip
    assert figure.chart == drawn.chart
    assert len(figure.table.rows) == 32
    assert figure.note.startswith("Drawn: 6 of 32 layers")
    assert figures.layer_strip(summary, most=32).chart == figures.layer_strip(summary).chart
    some = figures.layer_strip(summary, most=3)
    assert some.note.startswith("Drawn: 3 of 32")
    assert "again#29" not in str(some.chart)


def test_a_sparse_unit_shows_only_inputs_that_move_it():
    found = made.found()
    k = found.rows.shape[1]
    one = dataclasses.replace(
        found,
        units=found.units[:1],
        rows=found.rows[:1],
        values=torch.tensor([[0.8, 0.7, *[0.0] * (k - 2)]]),
        boxes=None if found.boxes is None else found.boxes[:1],
    )
    middle = dataclasses.replace(one, rows=one.rows[:, :2], values=torch.zeros(1, 2),
        boxes=None if one.boxes is None else one.boxes[:, :2])  # fmt: skip
    figure = figures.unit_inputs(one, middle, made.digits())
    assert figure.alt.startswith(f"The 2 inputs of {one.n:,} that move unit")
    assert len(figure.table.rows) == 4


def test_what_a_word_rests_on_stands_beside_it():
    known = {"steadiness": torch.linspace(0.25, 0.95, 6), "steadiness_bar": 0.4}
    figure = figures.feature_tiles(dataclasses.replace(made.pictures(), **known))
    first = [layer["mark"].get("text", "") for layer in figure.chart["concat"][0]["layer"]]
    (facts,) = [said for said in first if said.startswith("agree ")]
    assert facts == "agree 0.30 ÷ distance 0.90 = 0.25, untrained ≤ 0.40"
    assert len(facts) < 54  # else the narrowest card clips it
    assert "95 % of untrained ones stay below" in figure.note
    at = figure.table.columns.index("agreement ÷ distance")
    assert figure.table.rows[0][at : at + 2] == pytest.approx((0.25, 0.4))
    rows = dataclasses.replace(made.pictures(tabular=True), **known)
    cells = figures.feature_tiles(rows).chart["data"]["values"]
    told = {cell["column"]: cell["words"] for cell in cells if cell["unit"] == "unit 0"}
    assert (told["agreement ÷ distance"], told["untrained up to"]) == ("0.25", "0.40")
    plain = figures.feature_tiles(made.pictures())
    assert "stay below" not in plain.note
    assert plain.table.rows[0][at] is None
