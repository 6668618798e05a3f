"""Several explanations in one table of tests, whole at any width of a terminal."""

import dataclasses
import io

import pytest
from rich.console import Console

from figures import made
from pellucid import figures
from pellucid.errors import InputError


def shown(value, width):
    out = io.StringIO()
    Console(file=out, width=width).print(figures.text(value))
    return out.getvalue()


def several():
    """Four explanations that differ in what was found."""
    one = made.explained_row()
    checks = tuple(
        dataclasses.replace(made.check(question, word), value=value)
        for question, word, value in (
            ("Does it matter to the model?", "passed", 0.931),
            ("Is it stable?", "failed", 0.12),
            ("Does it add up?", "not run", None),
        )
    )
    card = dataclasses.replace(one.cards[0], checks=checks, verdict="not supported")
    names = ("occlusion", "integrated_gradients", "kernel_shap")
    found = [
        dataclasses.replace(one, provenance=dataclasses.replace(one.provenance, method=name))
        for name in names
    ]
    worse = dataclasses.replace(one, cards=(card,) * len(one.cards))
    return [worse, *found]


@pytest.mark.parametrize("width", [80, 120])
def test_one_line_for_each_and_none_cut(width):
    found = several()
    text = shown(figures.tested(found), width)
    assert max(map(len, text.splitlines())) <= width
    lines = [line for line in text.splitlines() if line.startswith((" ●", " ◐", " ○"))]
    assert len(lines) == len(found)
    assert lines[-1].split()[0] == "○"  # what is not supported stands last
    assert "0.93 " in lines[-1]
    assert "0.12○" in lines[-1]


def test_its_headings_say_what_is_asked():
    figure = figures.tested(several())
    for head in figure.table.columns[2:]:
        assert f"{head}: " in figure.table.note
    with pytest.raises(InputError, match="at least one"):
        figures.tested([])


def test_few_words_of_a_card():
    card = made.card()
    text = shown(figures.evidence(card, whole=False), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "what the control is" not in text
    whole = shown(figures.evidence(card), 80)
    assert len(text.splitlines()) < len(whole.splitlines())


@pytest.mark.parametrize("width", range(60, 130, 7))
def test_no_column_is_cut_off(width):
    heads = ("method", "evidence", "scale ends at ±", "sum for", "sum against", "score", "gap")
    row = ("occlusion", figures.Word("not supported"), 0.218, 1.33, -0.975, -1.82, 0.5)
    text = shown(figures.Figure("a", "A.", None, None, figures.Table(heads, (row,))), width)
    assert max(map(len, text.splitlines())) <= width
    assert "gap" in text
    assert "0.500" in text
