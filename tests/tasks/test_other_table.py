"""Another table for a trained network: read as the network learned to read, or a sentence."""

import csv

import pytest
import torch

import pellucid
from pellucid.errors import InputError
from pellucid.tasks import train

HEAD = ("age", "job", "paid")


def written(path, rows, head=HEAD):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("other")
    rows = [(20 + k % 50, "abc"[k % 3], "yes" if k % 50 > 25 else "no") for k in range(200)]
    train(written(place / "train.csv", rows), answer="paid", epochs=1, out=place / "run")
    return place / "run"


def test_rows_are_coded_as_in_training_whatever_the_table_holds(run, tmp_path):
    rows = [(30 + k % 40, "ab"[k % 2], "yes" if k % 3 else "no") for k in range(60)]
    straight = pellucid.open(run, data=written(tmp_path / "new.csv", rows), answer="paid")
    turned = written(
        tmp_path / "turned.csv", [(c, "z", b, a) for a, b, c in rows], ("paid", "x", "job", "age")
    )
    again = pellucid.open(run, data=turned)  # the run knows what it predicts
    spec = pellucid.open_run(run).spec
    slow = spec.encode([{"age": a, "job": b} for a, b, _ in rows])
    assert torch.equal(straight.data.inputs, slow)
    assert torch.equal(again.data.inputs, slow)
    assert again.classes == ("no", "yes")
    assert [again.classes[k] for k in again.data.answers] == [c for *_, c in rows]


def test_what_training_never_saw_is_left_out_and_said(run, tmp_path):
    rows = [(30 + k, "a", "yes" if k % 2 else "no") for k in range(20)]
    odd = [(50, "zebra", "no"), ("", "b", "yes")]
    found = pellucid.open(run, data=written(tmp_path / "odd.csv", [*odd, *rows]))
    assert len(found.data) == 20
    assert "2 of 22 rows" in found.data.notes[-1]
    assert "job = zebra" in found.data.notes[-1]
    with pytest.raises(InputError, match="no row can be read"):
        pellucid.open(run, data=written(tmp_path / "none.csv", odd))


@pytest.mark.parametrize(
    ("head", "row", "word"),
    [
        (("age", "work", "paid"), (30, "a", "yes"), "no column 'job'"),
        (HEAD, (30, "a", "perhaps"), "no class of the network"),
        (HEAD, ("old", "a", "yes"), "holds numbers in training"),
    ],
)
def test_tables_that_do_not_fit_are_refused_in_words(run, tmp_path, head, row, word):
    with pytest.raises(InputError, match=word):
        pellucid.open(run, data=written(tmp_path / "bad.csv", [row], head))
