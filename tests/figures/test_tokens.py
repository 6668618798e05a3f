"""Strips of words: what is drawn where, in which colour, and what is said of it."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from pellucid import attribution, figures
from pellucid._core import Card
from pellucid.errors import InputError
from pellucid.figures._colour import hexadecimal, paint_signed
from pellucid.figures._tokens import drawn_width
from pellucid.inputs import TextSpec, WordTokenizer
from pellucid.networks import text_cnn

TEXT = "a fine film with a dull end and strange turns"


@pytest.fixture(scope="module")
def spec():
    return TextSpec(WordTokenizer.learn([TEXT], least=1))


@pytest.fixture(scope="module")
def why(spec):
    net = text_cnn(spec.size, 2, width=8, channels=4).eval()
    x = torch.nn.functional.pad(spec.encode([TEXT, "fine"]), (0, 3))
    return attribution.integrated_gradients(net, x, 1, spec=spec)


def with_card(why, verdict):
    return dataclasses.replace(why, cards=(Card(verdict, "", (), "", 0),) * len(why))


def boxes(panel):
    return next(layer["data"]["values"] for layer in panel["layer"] if layer["mark"]["type"] == "rect")


def test_every_word_stands_on_its_colour(why):
    figure = figures.tokens(why, control=False)
    drawn = boxes(figure.chart)
    assert [box["words"] for box in drawn] == TEXT.split()
    values = why.values[0, :10].double().numpy()
    end = float(np.quantile(np.abs(values), 0.995))
    wanted = [hexadecimal(paint_signed(np.array([v]), end)[0]) for v in values]
    assert [box["colour"] for box in drawn] == wanted


def test_lines_wrap_and_nothing_overlaps(why):
    drawn = boxes(figures.tokens(why, control=False, width=150).chart)
    assert len({box["y"] for box in drawn}) > 2
    for a, b in itertools.pairwise(drawn):
        assert b["y"] > a["y"] or b["x"] >= a["x2"]
        assert a["x2"] <= 150


def test_methods_stand_below_each_other_failed_ones_hatched_and_last(why):
    failed, fine = with_card(why, "not supported"), with_card(why, "supported")
    figure = figures.explanations([failed, fine])
    panels = figure.chart["concat"]
    assert len(panels) == 3  # two methods and the control
    hatches = [sum(layer["mark"]["type"] == "rule" for layer in panel["layer"]) for panel in panels]
    assert hatches == [0, 1, 0]
    assert "Evidence: supported." in figure.alt
    assert "Evidence: not supported." in figure.alt
    colours = [sorted(box["colour"] for box in boxes(panel)) for panel in panels]
    assert colours[2] == colours[0]  # the control has the same numbers elsewhere


def test_words_and_table(why):
    figure = figures.tokens(why)
    strongest = TEXT.split()[int(why.values[0, :10].abs().argmax())]
    assert strongest in str(figure.table.rows[0][0])
    assert f"“{TEXT}”" in figure.alt
    assert strongest in figure.alt
    named = {str(row[0]): row[2] for row in figure.table.rows}
    assert named["score"] == pytest.approx(float(why.scores[0]))
    words = sum(v for row, v in named.items() if row not in ("score", "evidence", "score at the reference",
                                                             "not accounted for (gap)"))  # fmt: skip
    total = words + named["score at the reference"] + named["not accounted for (gap)"]
    assert total == pytest.approx(named["score"], abs=1e-5)


def test_held_tokens_are_grey_and_pieces_touch():
    vocabulary = ("[PAD]", "[UNK]", "[CLS]", "film", "##ly")
    spec = TextSpec(str.split, vocabulary=vocabulary, pad=0, unk=1, special=(2,))
    net = text_cnn(5, 2, width=8, channels=4).eval()
    x = torch.tensor([[2, 3, 4, 3, 0]])
    figure = figures.tokens(attribution.occlusion(net, x, 0, spec=spec), control=False)
    cls, film, ly, other = boxes(figure.chart)
    assert cls["colour"] == "#ededed"
    assert film["x2"] == ly["x"]
    # their letters stand close, and away from other words
    assert film["x2"] - film["xm"] < film["xm"] - film["x"]
    assert ly["xm"] - ly["x"] < ly["x2"] - ly["xm"]
    assert film["colour"] == ly["colour"]
    assert other["x"] > ly["x2"]


def test_it_is_drawn(why, tmp_path):
    assert figures.explanations(why).save(tmp_path / "strip.png").stat().st_size > 2000
    assert "<svg" in figures.explanations(why, row=1).html()


def test_a_text_by_itself(spec):
    figure = figures.picture(spec.encode(TEXT), spec)
    assert figure.alt == f"A text: “{TEXT}”"


def test_a_strip_names_its_target_whole_and_what_its_numbers_are(spec, why):
    why = dataclasses.replace(why, class_names=("no", "something quite long"))
    told = {
        layer["mark"]["text"]: layer["mark"].get("limit", 999)
        for layer in figures.tokens(why, control=False, width=260).chart["layer"]
        if "text" in layer["mark"]
    }
    assert told["why something quite long?"] > drawn_width("why something quite long?")
    assert "in units of the target" not in told
    falls = attribution.occlusion(text_cnn(spec.size, 2).eval(), spec.encode([TEXT]), 1, spec=spec)
    assert "'text': 'fall'" in str(figures.tokens(falls, control=False).chart)


def test_a_full_stop_among_words_is_quoted():
    spec = TextSpec(str.split, vocabulary=("[PAD]", "[UNK]", "film", "."), pad=0, unk=1)
    net = text_cnn(4, 2, width=8, channels=4).eval()
    said = figures.words(attribution.occlusion(net, torch.tensor([[2, 3]]), 0, spec=spec))
    assert "“.” (" in said
    assert "“film”" not in said


def test_what_is_no_text_is_refused():
    rows = attribution.saliency(torch.nn.Linear(3, 2), torch.rand(1, 3), 0)
    with pytest.raises(InputError, match="explains no text"):
        figures.tokens(rows)


def test_untested_strips_say_so_and_stand_before_the_failed(why):
    why = dataclasses.replace(why, note="", row_notes=())
    failed, fine = with_card(why, "not supported"), with_card(why, "supported")
    plain = dataclasses.replace(
        why, note="a note", provenance=dataclasses.replace(why.provenance, method="kernel_shap")
    )
    figure = figures.explanations([failed, plain, fine])
    drawn = [str(panel) for panel in figure.chart["concat"]]
    assert "'supported'" in drawn[0]
    assert "'not tested'" in drawn[1]
    assert "'not supported'" in drawn[2]
    assert figure.note == "Kernel shap: a note"
    assert "not tested" not in str(figures.explanations([plain]).chart)


def test_ranks_are_for_nothing_and_have_no_amounts(why):
    rollout = dataclasses.replace(
        why, provenance=dataclasses.replace(why.provenance, method="attention_rollout")
    )
    said = figures.words(rollout)
    assert said.startswith("Attended most, by rank: ")
    assert "+" not in said
