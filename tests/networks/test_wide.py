"""Tables of hundreds of columns: readable networks read those that tell most, and say so."""

import numpy as np
import pandas as pd
import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid._core import Dataset, split
from pellucid._core._coalitions import pairs
from pellucid.errors import InputError, MethodError
from pellucid.inputs import Column, TabularSpec
from pellucid.networks import Additive, default_network, rules_for
from pellucid.networks._wide import LEAST, MOST, WIDE, columns_read, telling_columns
from pellucid.readable import AdditiveClassifier, shapes_of

KINDS = ("additive", "attention", "rules", "prototypes")


def table(columns=WIDE + 10, rows=240, seed=0):
    """The last column counts up, the one before in the middle, the one before that by its levels."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(rows, columns)).astype(np.float32)
    kinds = chance.integers(0, 3, rows)
    odds = 4 * x[:, -1] + 4 * (np.abs(x[:, -2]) < 0.7) - 2 + 4 * (kinds == 1)
    y = torch.from_numpy((odds > 0).astype(np.int64))
    spec = TabularSpec(
        tuple(Column(f"c{k}", levels=("a", "b", "c") if k == columns - 3 else ()) for k in range(columns))
    )
    coded = np.concatenate([x[:, :-3], np.eye(3, dtype=np.float32)[kinds], x[:, -2:]], 1)
    parts = split(y, classes=True, seed=0)
    return Dataset("wide", torch.from_numpy(coded), y, spec, ("no", "yes"), parts, answer="y")


def test_columns_that_tell_are_found_among_many():
    data = table(3000, rows=600)
    kept = columns_read(data)
    assert {2997, 2998, 2999} <= set(kept)
    assert kept == sorted(kept)
    assert LEAST <= len(kept) < 30


def test_where_all_tell_no_more_than_the_most_are_read_and_where_none_does_the_least():
    chance = np.random.default_rng(0)
    spec = TabularSpec(tuple(Column(f"c{k}") for k in range(300)))
    wanted = np.eye(2)[np.arange(200) % 2]
    x = chance.normal(size=(200, 300)).astype(np.float32)
    assert len(telling_columns(spec, x, wanted)) == LEAST
    assert len(telling_columns(spec, x + 2 * wanted[:, :1].astype(np.float32), wanted)) == MOST
    assert len(telling_columns(spec, np.zeros_like(x), wanted)) == LEAST  # constant columns are no error


def test_false_ones_are_few_where_many_columns_tell():
    chance = np.random.default_rng(1)
    answers = np.arange(300) % 2
    x = chance.normal(size=(300, 2000)).astype(np.float32)
    x[:, :50] += 0.8 * answers[:, None]
    spec = TabularSpec(tuple(Column(f"c{k}") for k in range(2000)))
    kept = np.array(telling_columns(spec, x, np.eye(2)[answers]))
    assert (kept < 50).sum() >= 45
    assert (kept >= 50).mean() < 0.35


def test_only_training_rows_choose():
    data = table()
    other = data.inputs.clone()
    other[data.parts != 0] = torch.randn_like(other[data.parts != 0])
    changed = Dataset("wide", other, data.answers, data.spec, data.classes, data.parts)
    assert columns_read(changed) == columns_read(data)


def test_up_to_the_limit_all_columns_are_read():
    data = table(20)
    assert columns_read(data) == list(range(20))
    assert columns_read(data, wide=19) != list(range(20))
    for kind in KINDS:
        assert default_network(data, kind=kind).told == ""


@pytest.fixture(scope="module", params=KINDS)
def trained(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param)
    data, epochs = table(), 120 if request.param == "attention" else 30
    made = rules_for(data, soft=False) if request.param == "rules" else request.param
    return pellucid.train(data, network=made, epochs=epochs, out=out / "run"), out / "run"


def test_what_is_read_is_said_and_nothing_else_is_read(trained):
    subject, run = trained
    data = subject.data
    note = data.notes[-1]
    assert note.startswith(f"Of {WIDE + 10} columns this network reads ")
    assert all(f"c{WIDE + 10 - back}" in note for back in (1, 2, 3))
    assert pellucid.open(run).data.notes[-1] == note

    names = set(note.split(": ")[1].split(". ")[0].split(", "))
    unread = [k for k, column in enumerate(data.spec.columns) if column.name not in names]
    slots = [s for s, k in enumerate(data.spec.column_of_slot) if k in unread]
    x = data.part("test").inputs
    other = x.clone()
    other[:, slots] = torch.randn(len(x), len(slots)) * 3
    with torch.no_grad():
        assert torch.equal(subject.model(x), subject.model(other))
        assert torch.equal(subject.model(x), pellucid.open(run).model(x))
        right = (subject.model(x).argmax(1) == data.part("test").answers).double().mean()
    assert right > 0.7


def test_unread_columns_have_no_shape_and_are_not_flattened():
    data = table()
    model = AdditiveClassifier(epochs=2, members=2, pairs=0).fit(data)
    assert isinstance(model.network_, Additive)
    shapes = shapes_of(model.network_, model.spec_, ("no", "yes"))
    assert LEAST <= len(shapes.shapes) <= MOST
    assert f"c{WIDE + 9}" in {shape.name for shape in shapes.shapes}
    unread = next(c.name for c in model.spec_.columns if c.name not in {s.name for s in shapes.shapes})
    with pytest.raises(InputError, match="does not read"):
        model.flatten(unread, 0.0, 1.0, who="me", why="a test")
    x = model._encoded(data)
    told = model.network_.contributions(x)
    assert torch.allclose(
        told.sum((1, 2)) + model.network_.constant, model.network_.every(x)[:, 0, 0], atol=1e-4
    )


def test_a_row_gate_and_numbers_read_the_same_columns():
    from pellucid.networks._attention_for import attention_for

    data = table()
    network = attention_for(data, gate="row").eval()
    x = data.inputs[:5]
    assert int((network.attention(x) > 0).sum(1).max()) == len(columns_read(data))
    assert bool(network.unread(x, network.attention(x)).sum(1).min() >= WIDE + 10 - MOST)
    numbers = Dataset("n", data.inputs, data.inputs[:, -1] * 3, data.spec, (), data.parts)
    assert len(data.spec.columns) - 1 in columns_read(numbers)


def test_the_estimator_reads_few_of_very_many():
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(120, 1500))).add_prefix("g")
    y = (frame["g7"] > 0).astype(int)
    model = AdditiveClassifier(epochs=20).fit(frame, y)
    assert "g7" in model.network_.told
    assert model.score(frame, y) > 0.85


def test_what_thousands_of_columns_cannot_give_is_said_at_once():
    wide = table(1100, rows=120)
    subject = pellucid.train(wide, network=rules_for(wide, soft=False), epochs=1)
    with pytest.raises(MethodError, match="1,100 columns are free to change"):
        pellucid.counterfactual(subject, 0)  # before networks are trained anew
    with pytest.raises(InputError, match="Shapley values of up to 500 columns"):
        tasks.reason_codes(subject, 0, refits=0)
    with pytest.raises(InputError, match="Name a method and pay for it"):
        tasks.survey(subject)


def test_pairs_of_very_many_parts_are_no_overflow():
    found = pairs(1100, 50, torch.Generator().manual_seed(0))
    assert found.sets.shape == (50, 1100)
    assert not found.exhaustive
    assert all(torch.isfinite(each).all() for each in found.weights(50))
