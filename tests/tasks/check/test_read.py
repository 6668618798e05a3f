"""Files of expectations: what they say, and one sentence for every mistake."""

import dataclasses
import tomllib

import pytest

import pellucid
from pellucid import expect
from pellucid.errors import InputError, LoadError
from pellucid.tasks._check import KINDS, expectations_of
from tasks.check.made import of, scorer

WHOLE = """
rows = 128
seed = 3
undecided = "fail"

[[expect]]
kind = "accuracy"
at_least = 0.7
by = "age"
cuts = [30, 45]

[[expect]]
name = "sex hardly counts"
kind = "attribution-share"
of = "sex"
at_most = 0.02
methods = ["saliency"]

[[expect]]
kind = "swap"
of = {columns = ["sex", "age"]}
at_most = 0.5

[[expect]]
kind = "monotone"
column = "income"
direction = "up"
between = [20, 80]
"""


def test_a_file_says_the_same_as_values(data, tmp_path):
    path = tmp_path / "expectations.toml"
    path.write_text(WHOLE)
    read = expect.read_expectations(path)
    assert read.expectations == (
        expect.Accuracy(0.7, by="age", cuts=(30.0, 45.0)),
        expect.AttributionShare("sex", 0.02, methods=("saliency",), name="sex hardly counts"),
        expect.Swap(expect.Part(columns=("sex", "age")), 0.5),
        expect.Monotone("income", "up", between=(20.0, 80.0)),
    )
    assert (read.rows, read.seed, read.undecided) == (128, 3, "fail")
    found = pellucid.check(of(scorer(), data), path)
    assert (found.looked, found.seed, found.source) == (128, 3, str(path))
    assert all(outcome.broken for outcome in found.outcomes if outcome.word == "undecided")


def test_every_kind_is_published_and_reads_from_a_file():
    assert {made.__name__ for made in KINDS.values()} <= set(expect.__all__)
    for kind, made in KINDS.items():
        needed = {
            each.name: {"at_least": 0.5, "at_most": 0, "of": "x", "column": "x", "direction": "up"}[each.name]
            for each in dataclasses.fields(made)
            if each.default is dataclasses.MISSING
        }
        (read,) = expectations_of({"expect": [{"kind": kind, **needed}]}).expectations
        assert isinstance(read, made)
        assert read.expected()


def one(text):
    return "[[expect]]\n" + text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expects nothing"),
        ("row = 3", "no setting 'row'. Did you mean rows"),
        ("expect = 3", "[[expect]]"),
        ("rows = 'many'\n" + one("kind='accuracy'\nat_least=0.5"), "rows is a whole number, got 'many'"),
        ("rows = true\n" + one("kind='accuracy'\nat_least=0.5"), "rows is a whole number, got True"),
        ("undecided = 'fails'\n" + one("kind='accuracy'\nat_least=0.5"), "told, fail"),
        (one("at_least = 0.5"), "expectation 1: kind is a text"),
        (one("kind = 'acuracy'"), "no kind 'acuracy'. Did you mean accuracy"),
        (one("kind = 'accuracy'"), "at_least is missing"),
        (one("kind = 'accuracy'\nat_last = 0.5"), "no key 'at_last'. Did you mean at_least"),
        (one("kind = 'accuracy'\nat_least = '70 %'"), "at_least is a number, got '70 %'"),
        (one("kind = 'accuracy'\nat_least = nan"), "got nan"),
        (one("kind = 'accuracy'\nat_least = true"), "at_least is a number, got True"),
        (one("kind = 'accuracy'\nat_least = 0.5\ncuts = 3"), "cuts is a list"),
        (one("kind = 'accuracy'\nat_least = 0.5\ncuts = ['a']"), "cuts is a number, got 'a'"),
        (one("kind = 'monotone'\ncolumn='a'\ndirection='upp'"), "up, down; got 'upp'. Did you mean up"),
        (one("kind = 'swap'\nof = 3\nat_most = 0.1"), "of is a name, or a table"),
        (one("kind = 'swap'\nof = {regoin = [1]}\nat_most = 0.1"), "Did you mean region"),
        (one("kind = 'swap'\nof = {region = [1]}\nat_most = 0.1"), "region takes 4 numbers"),
        (one("kind='accuracy'\nat_least=0.5\n") * 2, "Two expectations are called"),
        ("x = ", "no TOML"),
    ],
)
def test_one_sentence_for_every_mistake_in_a_file(tmp_path, text, words):
    path = tmp_path / "e.toml"
    path.write_text(text)
    with pytest.raises((InputError, LoadError)) as told:
        expect.read_expectations(path)
    assert words in str(told.value)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value).replace(str(path), "") or "TOML" in str(told.value)


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (expect.Accuracy(70), "at_least is a share from 0 to 1, got 70. Did you mean 0.7?"),
        (expect.Accuracy(0.7, by="agee"), "Did you mean age"),
        (expect.Accuracy(0.7, cuts=(1.0,)), "by= names the column"),
        (expect.Accuracy(0.7, by="sex", cuts=(1.0,)), "cuts belong to numbers"),
        (expect.Accuracy(0.7, by="age", cuts=(3.0, 1.0)), "cuts rise"),
        (expect.Auc(0.7, of="yess"), "Did you mean yes"),
        (expect.Auc(0.7, by="answer"), "no AUC"),
        (expect.Calibration(0.1, by="answer"), "frequency is 1"),
        (expect.Calibration(0.1, bins=1), "bins is 2 or more"),
        (expect.AttributionShare("incom", 0.1), "Did you mean income"),
        (expect.AttributionShare("sex", 0.1, methods=("salience",)), "Did you mean saliency"),
        (expect.AttributionShare("sex", 0.1, methods=()), "at least one"),
        (expect.AttributionShare(expect.Part(border=1), 0.1), "belongs to pictures"),
        (expect.AttributionShare(expect.Part(band=(1.0, 2.0)), 0.1), "belongs to spectrograms"),
        (expect.AttributionShare(expect.Part(token="good"), 0.1), "names a word"),
        (expect.Swap("sex", 0.1, repeats=0), "repeats is 1"),
        (expect.Swap("sex", 0.1, more_than=3.0), "answers here are classes"),
        (expect.Monotone("income", "up", between=(3.0, 1.0)), "a lower and a higher"),
        (expect.Monotone("income", "up", tolerance=-1.0), "tolerance is 0"),
        (expect.Stability(3.0), "-1 to 1"),
        (expect.SurrogateFidelity(0.5, leaves=1), "leaves 2"),
        (expect.DeadUnits(-1), "0 or more"),
        (expect.EvidenceShare(0.5, rows=3), "21 or more"),
        (expect.NoWorse(margin=-1.0), "margin"),
    ],
)  # fmt: skip
def test_one_sentence_before_anything_is_run(data, expectation, words):
    def never(*_):
        raise AssertionError("the network ran")

    net = scorer()
    subject = of(net, data)
    net.register_forward_hook(never)
    with pytest.raises(InputError) as told:
        pellucid.check(subject, [expectation])
    assert words in str(told.value)
    assert str(told.value).startswith("expectation 1, ")


def test_what_is_no_expectation_is_refused(data):
    with pytest.raises(InputError, match=r"pellucid\.expect"):
        pellucid.check(of(scorer(), data), ["accuracy"])


def test_the_documented_examples_are_files_that_read():
    from pathlib import Path

    folder = Path(__file__).parents[3] / "docs" / "examples"
    files = sorted(folder.glob("*.toml"))
    assert files
    for path in files:
        assert tomllib.loads(path.read_text())
        assert expect.read_expectations(path).expectations
