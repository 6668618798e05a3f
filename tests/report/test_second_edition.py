"""The dossier's second edition: order of parts, readers, the author's card, probabilities, simple models."""

import dataclasses
import json
import re

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid.errors import InputError, StoreError
from pellucid.evidence import Measure, Shortcuts, Suspicion
from pellucid.report import READERS, ModelCard, card_template, findings, machine, read_card, render
from pellucid.report._card import ASKED
from pellucid.report._dossier import DETAILS
from pellucid.report._law import law
from pellucid.report._leaks import copies_html
from pellucid.report._page import CONTENTS, NAMES
from pellucid.tasks import SimpleModel, SimpleModels, Slice
from pellucid.tasks._simple import _paired
from report import dossiers

EVIL = "<script>alert(1)</script>\x1b"


def small():
    """Little to draw, so that it is drawn quickly."""
    return dataclasses.replace(dossiers.digits(1), pages=(), layers=None, record=None)


@pytest.fixture(scope="module")
def page():
    return render(small())


def lean_table():
    return dataclasses.replace(dossiers.table(), cases=(), pages=(), layers=None, record=None)


def compared(lead=0.0, low=-0.02, high=0.02):
    model = SimpleModel("logistic regression", "650 numbers", 0.97, 0.95, 0.98, lead, low, high)
    return SimpleModels("accuracy", 0.97, 9000, (model,), 712, 1000, "the 64 numbers of an input")


def searched(word):
    share = Measure(0.9, 0.8, 0.95)
    why = ("column", "age", "every column", word, share, share, "another", (0.5, 0.6), 80, 0.001)
    one = Suspicion(*why, share, share, share)
    return Shortcuts(word, (one,), None, (), share, 0.6, 200, "drawn", "rows", (), 100, 0, None)


def test_parts_come_in_the_declared_order(page):
    places = [page.index(f'<section class="part" id="{anchor}"') for _, anchor, _ in CONTENTS]
    assert places == sorted(places)
    numbers = [number for number, _, _ in CONTENTS]
    assert numbers == ["2", "3", "4", "5", "5 a", "5 b", "6", "7", "8", "9", "10", "11", "12"]


def test_a_reader_changes_what_is_open_and_nothing_that_failed():
    whole = small()
    pages = {name: render(dataclasses.replace(whole, reader=name)) for name in ("everyone", *READERS)}
    for name, each in pages.items():
        assert re.findall(r'id="reader-(\w+)" value="\w+" checked', each) == [name]
    # apart from the choice itself and the document for machines the pages are the same
    bodies = {
        re.sub(r'id="pellucid-dossier">.*', "", each, flags=re.DOTALL).replace(" checked", "")
        for each in pages.values()
    }
    assert len(bodies) == 1


def test_what_failed_stands_above_the_fold_of_its_part(page):
    for found in findings(small()):
        part = page[page.index(f'id="{found.section}"') :]
        above = part[: part.index('class="body"')]
        assert (found.word != "passed") == (f"<span>{pellucid._visible.escaped(found.text)}</span>" in above)


def test_readers_name_parts_that_there_are():
    for reader in READERS.values():
        assert set(reader.first) <= set(NAMES)
        assert set(reader.words) == set(reader.first)
    for text in law()["text"]:
        assert all(set(item["where"]) <= set(NAMES) for item in text["items"])


def test_no_word_of_compliance(page):
    part = page[page.index('id="rebuild"') : page.index('id="glossary"')].lower()
    assert "annex iv" in part
    assert not re.search(r"compliant|complies|conforms|fulfil", part)


def test_the_card_is_printed_and_blanks_are_named(page):
    assert page.count("not stated by the author") == len(ASKED)
    card = ModelCard(purpose=f"Reads digits {EVIL}", limits=("cheques",), threshold="0.9")
    said = render(dataclasses.replace(small(), card=card))
    assert said.count("not stated by the author") == len(ASKED) - 3
    assert "3 of 12 fields of the card" in said
    assert "Reads digits &lt;script&gt;" in said
    front = said[: said.index("<nav")]
    assert "cheques" in front
    assert "\x1b" not in said


def test_a_card_says_what_is_wrong_with_it(tmp_path):
    path = tmp_path / "card.toml"
    path.write_text(card_template())
    assert read_card(path) == ModelCard()
    assert re.findall(r"^(\w+) = ", card_template(), re.MULTILINE) == [name for name, _, _ in ASKED]
    for text, told in (
        ('purpos = "x"', "Did you mean purpose"),
        ('limits = "x"', "limits is a list of texts"),
        ("users = 3", "users is a text"),
        ("users = ", "is no TOML"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=told):
            read_card(path)
    with pytest.raises(InputError, match="Cannot read the card"):
        read_card(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("ends", "word", "said"),
    [
        ((0.0, -0.02, 0.02), "mixed", "Less does as well here"),
        ((-0.05, -0.08, -0.01), "failed", "Less does better here"),
        ((0.05, 0.01, 0.08), "passed", "better than each simple model"),
    ],
)
def test_a_simple_model_that_does_as_well_is_named_plainly(ends, word, said):
    whole = dataclasses.replace(small(), simple=compared(*ends))
    assert said in render(whole)
    assert [f.word for f in findings(whole) if f.section == "simple"] == [word]


@pytest.mark.parametrize(
    ("word", "said"), [("found", "failed"), ("suspected", "mixed"), ("no alarm", "passed")]
)
def test_shortcuts_reach_the_first_page(word, said):
    whole = dataclasses.replace(lean_table(), shortcuts=searched(word))
    assert next(f for f in findings(whole) if "hortcut" in f.text).word == said
    assert "No training rows to compare with" in copies_html(whole.shortcuts)


def test_all_parts_of_the_rows_can_be_seen():
    parts = tuple(Slice(f"age {k}", 0.5 + k / 100, 0.4, 0.6 + k / 100, 30, 40) for k in range(40))
    page = render(dataclasses.replace(lean_table(), slices=parts))
    assert all(f"age {k}<" in page for k in range(40))
    assert "The other 30 of 42 parts" in page
    assert "40 parts by column hold together" in page


def test_the_hard_stop_is_above_the_budget():
    whole = small()
    least = len(render(whole, details=DETAILS[-1:]).encode())
    assert len(render(whole, budget=1000, most=least).encode()) == least
    with pytest.raises(StoreError, match="at its smallest"):
        render(whole, budget=1000, most=least - 1)


def test_the_document_in_the_page_is_the_one_for_machines(page):
    code = re.search(r'id="pellucid-dossier">(.*?)</script>', page, re.DOTALL).group(1)
    assert json.loads(code) == json.loads(json.dumps(machine(small())))


@pytest.fixture(scope="module")
def subject():
    return pellucid.train("breast-cancer", epochs=4, seed=0)


def test_probabilities_against_a_slow_count(subject):
    found = tasks.certainty(subject)
    held = tasks.held_out(subject.data)
    p = subject.model(held.inputs).detach().softmax(1).double()
    sure, right = p.max(1).values, p.argmax(1) == held.answers
    assert found.n == len(held)
    half = sorted(range(len(held)), key=lambda i: -float(sure[i]))[: round(len(held) / 2)]
    assert found.abstention[-1].right.value == pytest.approx(sum(bool(right[i]) for i in half) / len(half))
    k = subject.classes.index(found.answer)
    at = next(each for each in found.thresholds if each.at == 0.3)
    hits = [bool(held.answers[i] == k) for i in range(len(held)) if float(p[i, k]) >= 0.3]
    assert (at.right.n, at.right.value) == (len(hits), pytest.approx(sum(hits) / len(hits)))
    assert at.found.low <= at.found.value <= at.found.high


def test_parts_of_the_rows_against_a_slow_count(subject):
    found = tasks.parts_scored(subject)
    held = tasks.held_out(subject.data)
    right = subject.model(held.inputs).argmax(1) == held.answers
    assert found
    assert [part.value for part in found] == sorted(part.value for part in found)
    # quarters of one column cover every row once
    name = subject.spec.columns[0].name
    own = [part for part in found if re.search(rf"(?<!\w){name} [<≥]|≤ {name} <", part.name)]
    assert sum(part.n for part in own) == len(held)
    assert sum(part.value * part.n for part in own) == pytest.approx(int(right.sum()))


def test_simple_models_see_the_same_rows(subject):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    found = tasks.simple_models(subject)
    train, held = subject.data.rows(subject.data.parts == 0), tasks.held_out(subject.data)
    scale = StandardScaler().fit(train.inputs.numpy())
    line = LogisticRegression(max_iter=500).fit(scale.transform(train.inputs.numpy()), train.answers.numpy())
    score = line.score(scale.transform(held.inputs.numpy()), held.answers.numpy())
    one = next(model for model in found.models if model.name == "logistic regression")
    assert one.value == pytest.approx(score)
    assert one.lead == pytest.approx(found.network - score)
    assert one.lead_low < one.lead < one.lead_high


def test_paired_intervals_are_as_wide_as_chance():
    # of two models alike, the interval of their difference holds 0 at least as often as it says
    generator = torch.Generator().manual_seed(0)
    kept = 0
    for _ in range(400):
        draws = torch.rand(60, generator=generator)
        b, c = int((draws < 0.1).sum()), int((draws > 0.9).sum())
        low, high = _paired(b, c, 60)
        kept += low <= 0 <= high
    assert kept >= 370
