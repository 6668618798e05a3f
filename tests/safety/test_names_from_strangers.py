"""Column names, classes and words that are meant as code for whoever shows them: they are shown as text."""

import ast
import csv
import html.parser
import random

import pytest
import torch

import pellucid
from pellucid import data, figures
from pellucid._visible import visible
from pellucid.cli._say import narrate, result, show

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
FORMULA = '=cmd|"/C calc"!A0'
ESCAPE = "a\x1b[2Jb\x07"
MARKUP = "[red]x[/nope]"
QUOTES = '\'; import os  # """'
NAMES = (SCRIPT, IMAGE, FORMULA, ESCAPE, MARKUP, QUOTES, "@SUM(1)", "${alert(1)}", "x\n\ny")
CLASSES = ("=1+1\x1b[31m", "<svg onload=alert(1)>")


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    file = tmp_path_factory.mktemp("names") / "evil.csv"
    draw = random.Random(0)
    with file.open("w", newline="") as opened:
        written = csv.writer(opened)
        written.writerow([*NAMES, "y"])
        for _ in range(120):
            row = [round(draw.gauss(0, 1), 3) for _ in NAMES]
            written.writerow([*row, CLASSES[row[0] + row[1] > 0]])
    return pellucid.train(data.table(file, "y"), epochs=1)


class Reader(html.parser.HTMLParser):
    """The tags and attributes of a page, and the words between them."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words = set(), set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, text):
        self.words.append(text)


def test_a_report_shows_them_as_text(subject, tmp_path):
    page = pellucid.report(subject, tmp_path / "page.html").read_text(encoding="utf-8")
    read = Reader(page)
    assert not any(name.startswith("on") for name in read.attributes)
    assert "alert(1)" in "".join(read.words)
    assert SCRIPT not in page
    assert "<img src=x" not in page
    assert "<svg onload" not in page
    assert "\x1b" not in page


def test_figures_with_control_characters_are_drawn(subject):
    why = pellucid.explain(subject, 0, method="input_x_gradient")
    for drawn in figures.figures_of(why):
        svg = drawn.svg()
        assert "\x1b" not in svg
        assert "<script>alert" not in svg
        assert "<script>alert" not in drawn.static()


def test_the_terminal_is_not_steered(subject, capsys):
    why = pellucid.explain(subject, 0, method="input_x_gradient")
    for drawn in figures.figures_of(why):
        show(figures.text(drawn))
    narrate(f"Read as numbers: {', '.join(NAMES)}")
    result(CLASSES[0])
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert "\x1b" not in text
        assert "\x07" not in text
    assert "[red]x[/nope]" in said.out
    assert "a\N{REPLACEMENT CHARACTER}[2Jb" in said.out


def test_rules_as_python_are_text_not_code(subject):
    source = pellucid.rules(subject).to_python()
    tree = ast.parse(source)
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))


def test_tables_for_machines_hold_them_unchanged_and_no_formula_leaves_for_a_spreadsheet(subject, tmp_path):
    """Parquet and JSON hold text as text: nothing evaluates it, so it is not changed either."""
    pytest.importorskip("pyarrow")
    file = pellucid.explain_to(tmp_path / "why.parquet", subject, "0-4", methods=["saliency"], cards=False)
    ((_, why),) = pellucid.load_explanations(file)
    assert why.class_names == subject.classes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("größer\tals\n10 µm", "größer\tals\n10 µm"),
        ("\x00\x1b\x7f\x9b", "����"),
        ("user\u202egnp.exe", "user�gnp.exe"),
        ("\ud800", "�"),
        ("\uffff", "�"),
        ("日本 🙂 é", "日本 🙂 é"),
    ],
)
def test_what_is_marked(text, shown):
    assert visible(text) == shown


class Bag(torch.nn.Module):
    """Mean of word vectors."""

    def __init__(self, words):
        super().__init__()
        self.table = torch.nn.Embedding(words, 4)
        self.out = torch.nn.Linear(4, 2)

    def forward(self, tokens):
        return self.out(self.table(tokens).mean(1))


def test_words_of_markup_are_shown_as_text(tmp_path):
    file = tmp_path / "texts.csv"
    with file.open("w", newline="") as opened:
        written = csv.writer(opened)
        written.writerow(["text", "y"])
        for k in range(40):
            written.writerow([f"{SCRIPT} {IMAGE} \x1b[2J word{k % 5}", CLASSES[k % 2]])
    read = data.texts(file, text="text", target="y")
    network = Bag(int(read.inputs.max()) + 2)
    why = pellucid.explain(pellucid.open(network, data=read), 0, method="occlusion", cards=False)
    for drawn in figures.figures_of(why):
        page = drawn.static() + drawn.svg()
        assert "<script" not in page
        assert "<img src=x" not in page
        assert "\x1b" not in page
