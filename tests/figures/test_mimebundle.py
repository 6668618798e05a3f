import io

import pytest
import torch
from rich.console import Console

from figures import made
from pellucid import figures
from pellucid._core import Subject

VALUES = {
    "explanation of a picture": made.explained_picture,
    "explanation of a row": made.explained_row,
    "card": made.card,
    "check": lambda: made.check("Is it stable?", "mixed"),
    "layers": made.summary,
    "features": made.pictures,
    "rules": made.rules,
    "training": made.record,
    "subject": lambda: Subject(
        torch.nn.Linear(30, 2),
        made.table_data(),
        made.table_data().spec,
        ("malignant", "benign"),
        "<i>net</i>",
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_value_shows_itself_in_a_notebook_and_a_terminal(name):
    value = VALUES[name]()
    bundle = figures.mimebundle(value)
    assert "<table" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert "<svg" not in bundle["text/html"]
    assert len(bundle["text/plain"]) > 40
    out = io.StringIO()
    Console(file=out, width=100).print(figures.text(value))
    assert len(out.getvalue().splitlines()) >= 3


def test_values_draw_themselves():
    explanation = made.explained_picture()
    bundle = explanation._repr_mimebundle_()
    assert bundle["text/html"].count("<img alt=") == 2  # maps, then evidence
    assert "Half of what speaks for class 3" in bundle["text/plain"]


def test_print_shows_what_a_notebook_says_in_text():
    explanation = made.explained_row()
    shown = str(explanation)
    assert shown == explanation._repr_mimebundle_()["text/plain"]
    assert shown.startswith(repr(explanation))
    assert set(explanation._repr_mimebundle_(include=("text/plain",))) == {"text/plain"}


def test_a_subject_is_described_without_running_it():
    html = figures.mimebundle(VALUES["subject"]())["text/html"]
    assert "&lt;i&gt;net" in html
    assert "62" in html  # 30 x 2 weights and 2 offsets


def test_many_rows_are_cut_and_it_is_said():
    import dataclasses

    one = made.explained_row()
    many = dataclasses.replace(
        one,
        values=one.map.repeat(6, 1),
        inputs=one.point.repeat(6, 1),
        scores=one.scores.repeat(6),
        gap=None,
        reference=None,
        stderr=None,
        cards=(),
        classes=None,
    )
    assert "4 of 6 rows shown" in figures.mimebundle(many)["text/html"]


def test_what_is_no_value_of_ours_is_its_repr():
    assert figures.mimebundle({"a": 1}) == {"text/plain": "{'a': 1}"}
    assert figures.text([1]) == "[1]"


def test_long_tables_are_cut_in_the_terminal_and_it_is_said():
    table = figures.Table(("n",), tuple((i,) for i in range(100)))
    out = io.StringIO()
    Console(file=out, width=80).print(figures.text(figures.Figure("t", "Counts.", None, None, table)))
    assert "24 of 100 lines shown" in out.getvalue()


def drawn(table, width):
    out = io.StringIO()
    figure = figures.Figure("Title", "Words.", None, None, table)
    Console(file=out, width=width).print(figures.text(figure))
    return out.getvalue()


def test_columns_that_say_nothing_go_before_a_table_is_told_row_by_row():
    table = figures.Table(("layer", "saturated", "rank"), (("conv1", "–", 3.0), ("conv2", None, 4.0)))
    assert "saturated" in drawn(table, 40)
    narrow = drawn(table, 22)
    assert "saturated" not in narrow
    assert any(line.split() == ["layer", "rank"] for line in narrow.splitlines())


def test_a_table_too_wide_for_the_terminal_is_told_row_by_row():
    columns = ("question", "number", "what the control is", "test", "note")
    words = ("Is it stable?", 0.5, "the same method's map", "worst rank correlation of four", "Median 1.00.")
    table = figures.Table(columns, (words, ("Does it add up?", None, "", "share", "–")))
    assert "note" in drawn(table, 120).splitlines()[3]
    narrow = drawn(table, 60).splitlines()
    assert "  what the control is: the same method's map" in narrow
    assert narrow[narrow.index("Does it add up?") + 1 :][:2] == ["  test: share", ""]
    # no column is squeezed until its words lie one letter below the other
    assert all(
        len(line.strip()) > 3
        for width in (30, 60, 120)
        for line in drawn(table, width).split("\n")
        if line.strip()
    )
