import json
import re

import altair
import pytest
import torch

from figures import made
from pellucid import figures
from pellucid.errors import InputError, StoreError
from pellucid.figures import Figure, Table, Word, save_together

ALL = {
    "saliency": lambda: figures.saliency([made.explained_picture(), made.explained_picture("saliency")]),
    "bars": lambda: figures.bars(made.explained_row()),
    "explanations": lambda: figures.explanations([made.explained_row(), made.explained_row("saliency")]),
    "layer_strip": lambda: figures.layer_strip(made.summary()),
    "feature_tiles": lambda: figures.feature_tiles(made.pictures(), made.found(), made.digits()),
    "feature_tiles of columns": lambda: figures.feature_tiles(made.pictures(tabular=True)),
    "exemplars": lambda: figures.exemplars(made.found(), made.digits()),
    "exemplars of columns": lambda: figures.exemplars(made.found(), made.table_data()),
    "training_curves": lambda: figures.training_curves(made.record()),
    "training_health": lambda: figures.training_health(made.record()),
    "rules_table": lambda: figures.rules_table(made.rules()),
    "tree": lambda: figures.tree(made.rules()),
    "evidence": lambda: figures.evidence(made.card()),
    "confusion": lambda: figures.confusion(made.matrix(), tuple("0123456789")),
    "picture": lambda: figures.picture(made.digits().inputs[0], made.digits().spec),
    "row": lambda: figures.picture(made.table_data().inputs[0], made.table_data().spec),
}
UNTRUSTED = {"p", "img", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "span"}


@pytest.fixture(params=ALL, scope="module")
def figure(request):
    return ALL[request.param]()


def test_every_figure_says_what_it_shows(figure):
    assert len(figure.alt) > 10
    assert figure.table.columns
    assert all(len(row) == len(figure.table.columns) for row in figure.table.rows)


def test_every_chart_is_valid_vega_lite(figure):
    if figure.chart is not None:
        altair.Chart.from_dict(figure.spec(), validate=True)


def test_drawings_take_the_colour_of_the_page(figure):
    if figure.chart is not None:
        for svg in figure.panels():
            assert "currentColor" in svg
            assert figures.THEME.ink not in svg
            assert "http" not in svg.replace("http://www.w3.org/", "")


def test_the_notebook_layer_is_made_of_what_untrusted_notebooks_keep(figure):
    html = figure.static()
    assert set(re.findall(r"<([a-z]+)", html)) <= UNTRUSTED
    if figure.chart is not None or figure.raster is not None:
        assert html.index("<img") < html.index("<table")
        assert re.search(r'alt="[^"]{10,}"', html)


def test_png_is_drawn(figure):
    assert figure.png(scale=1).startswith(b"\x89PNG")


@pytest.mark.parametrize("ending", ["svg", "png", "html", "json"])
def test_save_writes_what_the_ending_says(tmp_path, ending):
    figure = figures.confusion(made.matrix(2), ("a", "b"))
    content = figure.save(tmp_path / f"out.{ending}").read_bytes()
    starts = {"svg": b"<svg", "png": b"\x89PNG", "html": b"<!doctype", "json": b"{"}
    assert content.startswith(starts[ending])
    if ending == "json":
        assert "layer" in json.loads(content)


def test_save_refuses_other_endings_and_unwritable_places(tmp_path):
    figure = Figure("n", "Three.", None, None, Table(("n",), ((3,),)))
    with pytest.raises(StoreError, match=r"\.svg, \.pdf, \.png, \.html, \.json; got out\.gif"):
        figure.save(tmp_path / "out.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Cannot write"):
        figure.save(tmp_path / "file" / "out.html")


def test_names_cannot_inject_html():
    evil = '<script>alert(1)</script>"onerror="x'
    figure = Figure(evil, evil, None, None, Table((evil,), ((evil,), (Word(evil),)), evil), evil)
    for html in (figure.html(), figure.static()):
        assert "<script" not in html
        assert '"onerror' not in html
    chart = figures.confusion(torch.tensor([[1, 0], [0, 1]]), (evil, "b"))
    assert "<script" not in chart.html() + chart.static() + chart.svg()


def test_a_table_without_headings_has_no_empty_line_in_a_terminal():
    assert Table(("", ""), (("answer", "good"), ("drawn", "rows"))).text().splitlines()[0] == "answer  good"
    assert Table(("", ""), ()).text() == ""


def test_a_narrow_screen_gets_the_narrow_drawing_and_no_other_page_does():
    wide, slim = (
        {"width": 660, "mark": "point", "data": {"values": [{}]}},
        {"mark": "bar", "data": {"values": []}},
    )
    both = Figure("Way", "One way.", wide, None, Table(("n",), ((1,),)), narrow=slim)
    page = both.html()
    assert page.count("<svg") == 2
    assert page.index('class="broad"') < page.index('class="slim" style="display:none"')
    alone = Figure("Way", "One way.", wide, None, Table(("n",), ((1,),)))
    assert alone.html().count("<svg") == 1
    assert both.svg() == alone.svg()


def test_a_figure_as_html_is_a_page_that_says_what_it_shows(tmp_path):
    page = (
        Figure("Counts", "One bar.", None, None, Table(("n",), ((1,),))).save(tmp_path / "a.html").read_text()
    )
    assert '<html lang="en">' in page
    assert "width=device-width" in page
    assert "One bar." in page


def test_figures_in_one_file_are_whole_on_a_page_and_side_by_side_in_a_drawing(tmp_path):
    chart = {"data": {"values": [{"x": 1}]}, "mark": "bar", "encoding": {"x": {"field": "x"}}}
    drawn = [Figure(name, f"{name} rises.", chart, None, Table((name,), ()), f"of {name}") for name in "ab"]
    page = save_together(drawn, tmp_path / "out.html").read_text()
    for name in "ab":
        assert all(f">{said}<" in page for said in (name, f"{name} rises.", f"of {name}"))
        assert page.index(f">{name}</p>") < page.index(f">of {name}<")
    drawing = save_together(drawn, tmp_path / "out.svg").read_text()
    assert "<title>a; b</title><desc>a rises. b rises.</desc>" in drawing
    with pytest.raises(InputError, match="no figure"):
        save_together([], tmp_path / "out.svg")
