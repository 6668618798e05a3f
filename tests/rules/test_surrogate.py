import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from pellucid._core import Compute, Dataset, load, save
from pellucid.errors import CancelledError, InputError, MethodError
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.rules import readable_rows, surrogate_tree
from rules.made import Decides, Gives, age, dataset, people


def good(x):
    """Owners above 30, and everybody above 50."""
    return ((age(x) > 30.5) & (x[:, 3] == 1)) | (age(x) > 50.5)


def test_a_network_that_is_a_rule_is_found_to_the_letter():
    found = surrogate_tree(Decides(good), people())
    told = {str(rule) for rule in found.rules}
    assert told == {
        "IF age <= 50 years AND housing is not own THEN bad",
        "IF age <= 30 years AND housing = own THEN bad",
        "IF 30 < age <= 50 years AND housing = own THEN good",
        "IF age > 50 years THEN good",
    }
    assert found.fidelity == 1
    assert found.fidelity_low > 0.95
    assert found.coverage == 1
    assert found.network_accuracy == found.accuracy
    assert (found.n_train, found.n_test) == (420, 180)
    assert sum(rule.support for rule in found.rules) == 180
    assert all(rule.precision == 1 for rule in found.rules)


def test_answers_that_are_coin_tosses_give_a_null_that_knows_nothing():
    found = surrogate_tree(Decides(good), people())
    assert found.excess_low > 0.2
    assert 0.3 < found.null_fidelity < 0.7
    assert "true answers" not in found.note


def test_where_the_labels_are_what_the_network_says_the_null_is_as_good_and_it_is_said():
    data = people()
    same = replace(data, answers=good(data.inputs).long())
    found = surrogate_tree(Decides(good), same)
    assert found.null_fidelity == found.fidelity == 1
    assert found.excess_low <= 0 <= found.excess_high
    assert "may show the data more than the network" in found.note


def test_what_is_printed_is_what_was_scored():
    data = people()
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 2))
    network[0].weight.data *= 3
    found = surrogate_tree(network, data, leaves=6)
    held = data.rows(data.parts != 0)
    said = found.predict(readable_rows(held.spec, held.inputs))
    with torch.no_grad():
        answers = [data.classes[k] for k in network(held.inputs).argmax(1)]
        truth = [data.classes[k] for k in held.answers]
    share = lambda a, b: sum(x == y for x, y in zip(a, b, strict=True)) / len(b)  # noqa: E731
    assert found.fidelity == pytest.approx(share(said, answers), abs=1e-12)
    assert found.accuracy == pytest.approx(share(said, truth), abs=1e-12)
    assert found.network_accuracy == pytest.approx(share(answers, truth), abs=1e-12)
    rows = readable_rows(held.spec, held.inputs)
    for rule in found.rules:
        here = [answer for row, answer in zip(rows, answers, strict=True) if found.fired(row) == rule]
        assert rule.support == len(here)
        if here:
            assert rule.precision == pytest.approx(here.count(rule.outcome) / len(here))
            assert rule.precision_low <= rule.precision <= rule.precision_high


def test_thresholds_are_short_at_any_scale():
    data = people()
    found = surrogate_tree(Decides(lambda x: x[:, 1] > 0.31415), data)
    cuts = {c.value for rule in found.rules for c in rule.conditions}
    assert len(cuts) == 1
    (cut,) = cuts
    assert cut == pytest.approx(1e-5 + 0.31415 * 2e-6, rel=0.02)
    assert len(repr(cut).partition("e")[0].replace(".", "")) <= 4
    assert found.fidelity > 0.98


def test_large_numbers_that_differ_late_are_told_apart():
    stamps = Column("time", "s", mean=1.7e9, std=1.0)
    x = torch.linspace(-3, 3, 400)[:, None][torch.randperm(400, generator=torch.Generator().manual_seed(0))]
    data = dataset(x, torch.arange(400) % 2, TabularSpec((stamps,)), ("a", "b"))
    found = surrogate_tree(Decides(lambda x: x[:, 0] > 0.5), data)
    assert found.fidelity == 1
    assert found.rules[0].conditions[0].value == pytest.approx(1_700_000_000.5, abs=0.02)


def test_leaves_bound_the_rules_and_support_bounds_each():
    data = people(300)
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 2))
    for leaves in (2, 5, 12):
        found = surrogate_tree(network, data, leaves=leaves, minimum_support=10)
        assert 1 <= len(found) <= leaves
    train = data.part("train")
    rows = readable_rows(train.spec, train.inputs)
    counts = [found.rules.index(found.fired(row)) for row in rows]
    assert min(counts.count(k) for k in range(len(found))) >= 8  # rounding may move a row or two


def test_missing_numbers_are_read_as_the_network_reads_them():
    data = people(missing=True)
    found = surrogate_tree(Decides(lambda x: (age(x) > 30.5) & (x[:, 1] == 0)), data)
    assert found.fidelity == 1
    assert any("age is missing" in str(rule) for rule in found.rules)
    assert found.predict([{"age": None}, {"age": 31}, {"age": 30}]) == ["bad", "good", "bad"]
    assert "A missing age is read as 33 years." in found.note


def test_regression_is_told_in_the_unit_of_the_answer():
    data = people()
    line = replace(data, answers=torch.rand(600), classes=(), unit="points", answer="score")
    found = surrogate_tree(Gives(lambda x: torch.where(age(x) > 45.5, 250.0, 100.0)[:, None]), line)
    assert [str(rule) for rule in found.rules] == [
        "IF age <= 45 years THEN 100 points",
        "IF age > 45 years THEN 250 points",
    ]
    assert found.fidelity == 1
    assert found.predict([{"age": 60}, {"age": 20}]) == [250.0, 100.0]
    assert found.null_fidelity < 0.5
    assert abs(found.majority) < 0.05
    assert found.rules[0].error == 0


def test_regression_fidelity_is_r_squared_with_a_bootstrap_interval():
    data = people()
    line = replace(data, answers=torch.rand(600), classes=())
    network = Gives(lambda x: age(x))
    found = surrogate_tree(network, line, leaves=4)
    held = data.rows(data.parts != 0)
    truth = age(held.inputs).double()
    told = torch.tensor(found.predict(readable_rows(held.spec, held.inputs)), dtype=torch.float64)
    expected = 1 - float(((truth - told) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
    assert found.fidelity == pytest.approx(expected, abs=1e-9)
    assert found.fidelity_low < found.fidelity < found.fidelity_high
    assert 0.85 < found.fidelity < 0.99  # a uniform number cut in four keeps 1 - 1/16 of its variance


def test_pictures_are_told_by_cells():
    x = torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    spec = ImageSpec(mean=(0.5,), std=(0.25,), size=(8, 8))
    lit = lambda x: spec.to_pixels(x)[:, 0, 2:4, 4:6].mean((1, 2)) > 0.5  # noqa: E731
    data = dataset(spec.from_pixels(x), torch.arange(300) % 2, spec, ("dark", "lit"))
    found = surrogate_tree(Decides(lit), data)
    assert len(found.columns) == 16
    assert {c.column for rule in found.rules for c in rule.conditions} == {"row 2, column 3"}
    assert found.fidelity > 0.97
    assert "mean brightness of one cell" in found.note
    assert len(readable_rows(spec, torch.zeros(1, 1, 28, 28))[0]) == 49
    assert len(readable_rows(spec, torch.zeros(1, 1, 3, 9))[0]) == 12


def test_low_fidelity_is_said_plainly():
    x = torch.rand(400, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    data = dataset(x, torch.arange(400) % 2, ImageSpec(size=(8, 8)), ("even", "odd"))
    parity = Decides(lambda x: (x[:, 0] > 0.5).flatten(1).sum(1) % 2 == 1)
    found = surrogate_tree(parity, data)
    assert found.fidelity < 0.65
    assert "they contradict it on" in found.note
    assert "always giving its commonest answer" in found.note


def test_a_constant_network_has_one_rule():
    found = surrogate_tree(Decides(lambda x: x[:, 0] < 99), people())
    assert [str(rule) for rule in found.rules] == ["ALWAYS good"]
    assert found.fidelity == found.majority == 1
    assert found.note.startswith("The network gives every training row the same answer")
    flat = replace(people(), classes=(), answers=torch.rand(600))
    level = surrogate_tree(Gives(lambda x: torch.full((len(x), 1), 7.015625)), flat)
    assert level.predict([{}]) == [7.015625]
    assert level.fidelity == 1


def test_synthetic_queries_are_answered_by_the_network():
    asked: list[int] = []

    def counts(x):
        asked.append(len(x))
        assert bool((x[:, 2:].sum(1) == 1).all())  # one level each, never between two
        years = age(x).double()
        assert bool((years - years.round()).abs().max() < 1e-4)  # whole numbers stay whole
        return good(x)

    found = surrogate_tree(Decides(counts), people(), synthetic=1000)
    assert sum(asked) == 600 + 1000
    assert found.synthetic == 1000
    assert found.n_train == 420
    assert found.fidelity > 0.99
    assert "1000 rows between training rows" in found.note


def test_the_same_seed_gives_the_same_rules_and_another_batch_size_too():
    data = people()
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 2))
    first, second = (
        surrogate_tree(network, data, seed=3, synthetic=50, compute=Compute(batch_size=size))
        for size in (7, 256)
    )
    assert first.to_json() == second.to_json()


def test_the_network_is_left_as_it_was_also_when_cancelled():
    network = nn.Sequential(nn.Linear(5, 4), nn.Dropout(), nn.Linear(4, 2)).train()
    before = {name: part.clone() for name, part in network.state_dict().items()}

    def stop(done, total):
        raise CancelledError("enough")

    surrogate_tree(network, people())
    with pytest.raises(CancelledError):
        surrogate_tree(network, people(), compute=Compute(progress=stop))
    assert all(module.training for module in network.modules())
    assert all(torch.equal(part, before[name]) for name, part in network.state_dict().items())


def test_outputs_that_are_probabilities_already_are_taken_as_such():
    data = people()
    rule = Decides(good)
    one = surrogate_tree(nn.Sequential(rule, nn.Softmax(1)), data)
    assert one.to_json()["rules"] == surrogate_tree(rule, data).to_json()["rules"]


def test_a_rule_set_is_stored_and_read_back(tmp_path):
    found = surrogate_tree(Decides(good), people())
    again = load(save(found, tmp_path / "rules.safetensors"))
    assert again.to_json() == found.to_json()
    assert again.columns == found.columns


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": torch.zeros(600, dtype=torch.int8)}, "there are 600 and 0 rows"),
        ({"parts": torch.ones(600, dtype=torch.int8)}, "there are 0 and 600 rows"),
        ({"classes": ("a", "b", "c")}, "3 classes are named, so each row needs as many outputs"),
        ({"classes": ()}, "Regression needs one output a row"),
    ],
)
def test_data_that_does_not_fit_is_told(change, words):
    with pytest.raises(InputError, match=words):
        surrogate_tree(Decides(good), replace(people(), **change))


def test_arguments_and_answers_that_cannot_be():
    data = people()
    for wrong in ({"leaves": 1}, {"minimum_support": 0}, {"synthetic": -1}):
        with pytest.raises(InputError, match="at least"):
            surrogate_tree(Decides(good), data, **wrong)
    with pytest.raises(MethodError, match="NaN or infinity"):
        surrogate_tree(Gives(lambda x: torch.full((len(x), 2), math.nan)), data)


def test_breast_cancer_reaches_the_published_level():
    from sklearn.datasets import load_breast_cancer

    held = load_breast_cancer()
    numbers = torch.tensor(held.data)
    mean, std = numbers.mean(0), numbers.std(0)
    columns = tuple(
        Column(str(name), mean=float(m), std=float(s))
        for name, m, s in zip(held.feature_names, mean, std, strict=True)
    )
    answers = torch.tensor(held.target)
    data: Dataset = dataset(
        ((numbers - mean) / std).float(), answers, TabularSpec(columns), tuple(map(str, held.target_names))
    )
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    train = data.part("train")
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(train.inputs), train.answers).backward()
        optimizer.step()
    found = surrogate_tree(network, data)
    assert found.network_accuracy > 0.94
    assert found.fidelity > 0.92
    assert found.fidelity_low > found.majority
    assert len(found) <= 8
