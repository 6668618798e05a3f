import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest
import torch

from figures import made
from pellucid._core import wilson
from pellucid.errors import StoreError
from pellucid.figures import word_rank
from pellucid.report import Dossier, findings, render
from pellucid.report._belief import Answer, beliefs, best_method
from pellucid.report._dossier import DETAILS
from pellucid.report._front import advice, first_of_each
from pellucid.report._slices import slices
from report import dossiers

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"
PARTS = (
    "purpose",
    "data",
    "performance",
    "inside",
    "uses",
    "training",
    "cases",
    "rules",
    "whatif",
    "trust",
    "simple",
    "rebuild",
    "glossary",
)


@pytest.fixture(scope="module")
def page():
    return render(dossiers.digits())


@pytest.fixture(scope="module")
def table_page():
    return render(dossiers.table())


def test_one_file_that_asks_nothing_of_the_network(page, table_page):
    for each in (page, table_page):
        outside = re.findall(r"""(?:src|href|url\()=?["']?(https?:)?//""", each)
        assert not outside
        assert "<link" not in each
        assert re.findall(r"<script[^>]*>", each) == [
            '<script type="application/json" id="pellucid-dossier">'
        ]
        assert "default-src 'none'" in each
        assert len(each.encode()) < 5_000_000


def test_time_that_is_no_time_is_not_told_in_powers_of_ten(page):
    assert "under 0.01 s" in page
    assert "9.60 s" in page


def test_the_skeleton_can_be_navigated(page):
    assert '<html lang="en">' in page
    assert '<a class="skip" href="#main">' in page
    assert page.count("<h1>") == 1
    for part in PARTS:
        assert f'id="{part}"' in page
        assert f'href="#{part}"' in page
    assert set(re.findall(r'href="#([a-z]+)"', page)) <= {*PARTS, "main"}


def test_every_picture_has_words(page, table_page):
    for each in (page, table_page):
        assert not re.findall(r'role="img" aria-label=""', each)
        assert not re.findall(r"<img(?![^>]*alt=)", each)


def test_the_first_page_has_the_numbers_with_their_baseline(page):
    first = page[: page.index("<nav")]
    for told in (
        "98.3\u00a0%",
        "11.4\u00a0%",
        "always &#x27;1&#x27;",
        "31 of 32",
        "row 0: answer 1",
        "Do not use it for",
    ):
        assert told in first
    assert "3 of 6 cases shown here" in first


def test_the_worst_news_comes_first():
    found = findings(dossiers.digits())
    ranks = [word_rank(finding.word) for finding in found]
    assert ranks == sorted(ranks)
    assert found[0].word == "failed"
    texts = " ".join(finding.text for finding in found)
    assert "Worse for digit 8: 92.1\u00a0% [79\u00a0%, 97.3\u00a0%] of 76 rows." in texts
    assert "saliency (2 of 32)" in texts


def test_a_network_no_better_than_a_trivial_answer_is_called_that():
    whole = dossiers.digits()
    poor = dataclasses.replace(whole.performance, value=0.12, low=0.10, high=0.14)
    found = findings(dataclasses.replace(whole, performance=poor))
    assert "not shown to be better than no network at all" in found[0].text
    use, avoid = advice(dataclasses.replace(whole, performance=poor))
    assert not any("digit" in line for line in use)
    assert any("any decision" in line for line in avoid)
    assert not any(line.startswith("reading") for line in use)  # only what it does, right or wrong
    _, unscored = advice(dataclasses.replace(whole, performance=None))
    assert any("was not scored here" in line for line in unscored)


def test_rows_picked_for_a_showcase_recommend_nothing():
    picked = dataclasses.replace(dossiers.digits(), picked=True)
    use, avoid = advice(picked)
    assert not any(line.startswith(("telling", "reading")) for line in use)
    assert not any("any decision" in line for line in avoid)


def test_a_network_that_ranks_is_not_called_no_better_than_none():
    """Where one class is common, its name is often right; ranking is what such a network is for."""
    whole = dossiers.digits()
    poor = dataclasses.replace(whole.performance, value=0.12, low=0.10, high=0.14)
    ranked = dataclasses.replace(whole, performance=poor, ranks=True)
    (said,) = (each for each in findings(ranked) if "trivial" in each.text)
    assert said.word == "mixed"
    assert "does rank rows of one class before others" in said.text
    use, avoid = advice(ranked)
    assert any(line.startswith("ranking rows") for line in use)
    assert any(line.startswith("taking its answers as they come") for line in avoid)
    assert not any("any decision" in line for line in avoid)


def test_learning_by_heart_and_dead_layers_are_found():
    whole = dossiers.digits()
    epochs = tuple(dataclasses.replace(e, train_score=1.0, validation_score=0.7) for e in whole.record.epochs)
    rows = tuple(dataclasses.replace(row, dead=0.5) for row in whole.layers.rows)
    ill = dataclasses.replace(
        whole,
        record=dataclasses.replace(whole.record, epochs=epochs),
        layers=dataclasses.replace(whole.layers, rows=rows),
    )
    texts = " ".join(finding.text for finding in findings(ill))
    assert "by heart: 100\u00a0% on rows it learned from, 70\u00a0% on others" in texts
    assert "50\u00a0% of the units of conv1 do nothing" in texts


def test_layers_as_dead_without_training_are_no_finding():
    whole = dossiers.digits()
    rows = tuple(dataclasses.replace(row, dead=1.0, untrained_dead=1.0) for row in whole.layers.rows)
    found = findings(dataclasses.replace(whole, layers=dataclasses.replace(whole.layers, rows=rows)))
    assert not [each for each in found if "do nothing" in each.text]


def test_the_worst_of_many_answers_is_not_called_worse_by_chance():
    matrix = torch.diag(torch.full((6,), 6))
    matrix[3], matrix[5] = torch.tensor([1, 0, 0, 5, 0, 0]), torch.tensor([1, 0, 0, 0, 1, 4])
    score = dataclasses.replace(dossiers.digits().performance, value=33 / 36, confusion=matrix)
    whole = Dossier("topics", "classification", answer="topic", classes=tuple("abcdef"), performance=score)
    low, high = wilson(4, 6, 1 - 0.05 / 6)
    assert (slices(whole)[0].low, slices(whole)[0].high) == (low, high)
    assert wilson(4, 6)[1] < score.value < high
    assert not [each for each in findings(whole) if "Worse" in each.text]
    assert "Intervals of the 6 answers hold together at 95 %" in render(whole)


def test_rules_that_say_no_more_than_their_control_are_not_praised():
    rules = dossiers.digits().rules
    weak = next(f for f in findings(dossiers.digits()) if f.section == "rules")
    assert weak.word == "mixed"
    good = dataclasses.replace(rules, excess_low=0.01)
    strong = next(
        f for f in findings(dataclasses.replace(dossiers.digits(), rules=good)) if f.section == "rules"
    )
    assert strong.word == "passed"


def test_beliefs_count_what_the_survey_and_the_cards_say():
    found = {each.method: each for each in beliefs(dossiers.digits())}
    assert (found["saliency"].supported, found["saliency"].n, found["saliency"].word) == (
        2,
        32,
        "not supported",
    )
    assert found["integrated gradients"].word == "supported"
    about = next(a for a in found["saliency"].answers if a.question == "Is it about this model?")
    assert (about.failed, about.asked, about.word) == (6, 6, "failed")
    assert best_method(dossiers.digits()) == "integrated gradients"
    assert "input alone" not in found


def test_a_count_of_none_says_how_many_may_stand_out():
    whole = dossiers.digits()
    method = next(each for each in whole.survey.methods if each.method == "saliency")
    none = dataclasses.replace(
        method, supported=torch.zeros(32, dtype=torch.bool), share=0.0, low=0.0, high=0.45
    )
    methods = tuple(none if each is method else each for each in whole.survey.methods)
    bad = dataclasses.replace(whole, survey=dataclasses.replace(whole.survey, methods=methods))
    assert any("saliency (0 of 32, at most 45\xa0%)" in finding.text for finding in findings(bad))
    assert "Where 0 are supported, some may stand out" in render(bad)
    assert "Where 0 are supported" not in render(whole)


def test_without_a_survey_the_cards_decide():
    found = beliefs(dataclasses.replace(dossiers.digits(), survey=None))
    assert [(each.method, each.supported, each.n) for each in found] == [
        ("grad cam", 0, 6),
        ("saliency", 0, 6),
        ("integrated gradients", 6, 6),
    ]


def test_slices_are_the_recalls_of_the_classes_worst_first():
    worst = slices(dossiers.digits())[0]
    assert (worst.name, worst.n) == ("digit 8", 76)
    assert worst.value == pytest.approx(70 / 76)


def test_the_front_takes_one_case_of_each_rule():
    cases = dossiers.cases(6)
    assert [case.chosen for case in first_of_each(cases)[:3]] == [case.chosen for case in cases[:3]]
    same = tuple(dataclasses.replace(case, chosen="worst") for case in cases)
    assert first_of_each(same) == list(same)


def test_answers_without_a_name_of_their_own_are_given_not_told():
    assert "It gives one of 2 answers (a, b)." in render(Dossier("net", "classification", classes=("a", "b")))
    named = render(Dossier("net", "classification", answer="topic", classes=("a", "b")))
    assert "It tells the topic: one of 2 answers (a, b)." in named


def test_rules_that_were_judged_on_validation_rows_too_say_so():
    whole = dossiers.digits()
    tested = len(whole.data.part("test"))
    more, same = (
        render(dataclasses.replace(whole, rules=dataclasses.replace(made.rules(), n_test=n)))
        for n in (tested + 1, tested)
    )
    assert "Held-out rows of rules are the validation and the test rows." in more
    assert "Held-out rows of rules" not in same


def test_what_is_missing_is_said():
    page = render(Dossier("net", "classification", classes=("a", "b")))
    assert page.count("was not computed for this dossier") >= 8
    assert "not stated by the author" in page
    assert findings(Dossier("net", "regression"))[0].word == "not run"


@pytest.mark.parametrize("part", ["performance", "record", "layers", "survey", "rules", "data"])
def test_every_part_may_be_missing_alone(part):
    less = dataclasses.replace(dossiers.digits(0), pages=(), **{part: None})
    assert "was not computed for this dossier" in render(less)


def test_regression_is_told_in_its_own_words():
    whole = dossiers.table()
    numbers = {"value": 0.45, "low": 0.3, "high": 0.55, "baseline": -0.01, "error": 54.0}
    score = dataclasses.replace(whole.performance, metric="R²", confusion=None, **numbers)
    words = {"task": "regression", "answer": "progression", "unit": "points"}
    less = dataclasses.replace(whole, classes=(), performance=score, cases=(), pages=(), data=None, **words)
    page = render(less)
    assert "It estimates the progression in points." in page
    assert "0.45 [0.30, 0.55]" in page
    assert "Typical error: 54 points" in page


class Elements(HTMLParser):
    """Names of elements and attributes of a page."""

    def __init__(self):
        super().__init__()
        self.elements, self.attributes = [], set()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}


def evil_dossier():
    whole = dossiers.table()
    columns = (dataclasses.replace(whole.spec.columns[0], name=EVIL), *whole.spec.columns[1:])
    spec, names = dataclasses.replace(whole.spec, columns=columns), (EVIL, "b")
    explained = tuple(
        dataclasses.replace(each, spec=spec, class_names=names, note=EVIL)
        for each in whole.cases[0].explanations
    )
    case = dataclasses.replace(whole.cases[0], true=EVIL, given=EVIL, chosen=EVIL, explanations=explained)
    told = {"name": EVIL, "notes": (EVIL,), "source": EVIL, "classes": names}
    data = dataclasses.replace(whole.data, spec=spec, **told)
    origin = dataclasses.replace(whole.origin, command=EVIL, place=EVIL)
    said = {"name": EVIL, "answer": EVIL, "classes": names, "purpose": EVIL, "limits": (EVIL,)}
    return dataclasses.replace(
        whole, data=data, spec=spec, cases=(case,), origin=origin, notes=(EVIL,), **said
    )


def test_names_from_outside_are_escaped():
    found = Elements()
    page = render(evil_dossier())
    found.feed(page)
    assert found.elements.count("script") == 1
    assert "img" not in found.elements
    assert "onerror" not in found.attributes
    assert "&lt;script&gt;alert" in page


def test_machines_read_the_same_facts(page):
    code = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    document = json.loads(code.group(1))
    told = document["dossier"]
    assert document["schema"] == "pellucid/dossier/2"
    assert told["performance"]["n"] == 712
    assert told["performance"]["confusion"][8][1] == 6
    assert told["cases"][0]["explanations"][0]["cards"][0]["checks"][0]["value"] == 0.85
    assert len(told["rules"]["rules"]) == 4


def test_a_page_that_would_be_too_large_is_drawn_smaller_and_says_so():
    whole = dataclasses.replace(dossiers.digits(5), pages=(), record=None, layers=None)
    least = len(render(whole, budget=1_000_000, details=DETAILS[-1:]).encode())
    small = render(whole, budget=least)
    assert len(small.encode()) == least
    assert "4 of 5 cases shown, the others left out to keep the file small" in small
    assert "5 of 5 cases shown" in render(whole, details=DETAILS[:1])


def test_a_page_that_cannot_be_small_enough_is_refused():
    with pytest.raises(StoreError, match=r"at its smallest, the budget is 0\.0 MB"):
        render(Dossier("net", "regression"), budget=1_000)


def test_one_word_is_shown_for_nine_in_ten_only():
    assert Answer("?", 9, 0, 1, 10).word == "passed"
    assert Answer("?", 8, 0, 2, 10).word == "mixed"
    assert Answer("?", 0, 1, 9, 10).word == "failed"
    assert Answer("?", 0, 0, 0, 10).word == "not run"


def test_failed_evidence_is_named_in_the_open(page):
    case = page[page.index('id="cases"') : page.index('id="rules"')]
    assert "Evidence for saliency: not supported" in case
    assert made.FAILED[1] == "failed"


def test_what_a_table_network_uses_is_drawn_and_said(page):
    from pellucid.importance import Importance, PartialDependence

    ends = torch.tensor([0.3, 0.1], dtype=torch.float64)
    ranking = Importance(("mean radius", "texture"), ends, ends - 0.2, ends + 0.2, 0.95, "fall", 86)
    grid = torch.tensor([[0.0], [1.0]])
    curves = torch.zeros(2, 5, dtype=torch.float64)
    curve = PartialDependence("texture", grid, curves, ends, ends, ends, 0.95, "log-odds", (3.0, 4.0), "mm")
    whole = dossiers.table()
    plain = render(whole)
    assert "The importance of each column was not computed" in plain
    found = render(dataclasses.replace(whole, importance=ranking, dependence=(curve,)))
    part = found[found.index('id="uses"') :]
    assert "mean radius matters most" in part
    assert "lowest 0.100 at 4, highest 0.300 at 3" in part
    assert "this part is for tables" in page
