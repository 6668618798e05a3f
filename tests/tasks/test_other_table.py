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
    rows = [(30.5 + k % 40, "ab"[k % 2], "yes" if k % 3 else "no") for k in range(60)]
    straight = pellucid.open(run, data=written(tmp_path / "new.csv", rows), answer="paid")
    turned = written(
        tmp_path / "turned.csv", [(c, "z", b, a) for a, b, c in rows], ("paid", "x", "job", "age")
    )
    again = pellucid.open(run, data=turned)  # the run knows what it predicts
    spec = pellucid.open_run(run).spec
    slow = spec.encode([{"age": a, "job": b} for a, b, _ in rows])
    for found in (straight, again):
        held = found.data.part("test")
        assert torch.equal(held.inputs, slow)
        assert found.classes == ("no", "yes")
        assert [found.classes[k] for k in held.answers] == [c for *_, c in rows]


def test_the_network_keeps_the_rows_it_learned_from(run, tmp_path):
    """What is trained anew, compared with or drawn comes from these, never from the rows in question."""
    own = pellucid.open_run(run).data
    found = pellucid.open(run, data=written(tmp_path / "one.csv", [(31.5, "a", "no")]))
    (row,) = found.data.part("test").inputs
    assert torch.equal(row, found.spec.encode([{"age": 31.5, "job": "a"}])[0])
    for part in ("train", "validation"):
        assert torch.equal(found.data.part(part).inputs, own.part(part).inputs)
        assert torch.equal(found.data.part(part).answers, own.part(part).answers)


def test_rows_that_were_learned_from_are_not_held_out(run, tmp_path):
    own = pellucid.open_run(run).data
    again = pellucid.open(run, data=run.parent / "train.csv").data
    learned = {tuple(row.tolist()) for row in own.rows(own.parts != 2).inputs}
    kept = [row for row in own.part("test").inputs if tuple(row.tolist()) not in learned]
    assert torch.equal(again.part("test").inputs, torch.stack(kept))
    assert f"{200 - len(kept)} of 200 rows are those that the network learned from" in again.notes[-1]
    table = [(20 + k % 50, "abc"[k % 3], "yes" if k % 50 > 25 else "no") for k in range(200)]
    some = [table[k] for k in (own.parts != 2).nonzero().flatten()[:5]]
    assert len(some) == 5
    all_known = pellucid.open(run, data=written(tmp_path / "known.csv", some)).data
    assert len(all_known.part("test")) == 5
    assert "all of these rows" in all_known.notes[-1]


def test_what_training_never_saw_is_left_out_and_said(run, tmp_path):
    rows = [(30.5 + k, "a", "yes" if k % 2 else "no") for k in range(20)]
    odd = [(50, "zebra", "no"), ("", "b", "yes")]
    found = pellucid.open(run, data=written(tmp_path / "odd.csv", [*odd, *rows]))
    assert len(found.data.part("test")) == 20
    assert "2 of 22 rows" in found.data.notes[-1]
    assert "(such as job = zebra): rows 0, 1; the others are counted from 0" in found.data.notes[-1]
    with pytest.raises(InputError, match="no row can be read"):
        pellucid.open(run, data=written(tmp_path / "none.csv", odd))


@pytest.mark.parametrize(
    ("head", "row", "word"),
    [
        (("age", "work", "paid"), (30, "a", "yes"), "no column 'job'"),
        (("age", "job", "pays"), (30, "a", "yes"), "no column 'paid', the true answers"),
        (HEAD, (30, "a", "perhaps"), "no class of the network"),
        (HEAD, ("old", "a", "yes"), "holds numbers in training"),
    ],
)
def test_tables_that_do_not_fit_are_refused_in_words(run, tmp_path, head, row, word):
    with pytest.raises(InputError, match=word):
        pellucid.open(run, data=written(tmp_path / "bad.csv", [row], head))
