"""Each mistake ends in one clear sentence and a documented exit code."""

import csv
import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
import torch

USAGE, LOAD, METHOD, STORE, TRAINING, INTERRUPTED = 2, 3, 4, 7, 8, 130


def sentence(err):
    (line,) = [line for line in err.strip().splitlines() if line.startswith("pellucid: ")]
    assert "Traceback" not in err
    assert "bug of ours" not in line
    return line


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["layers", "no/such/run"], LOAD, "no/such/run"),
        (["train", "patient.csv", "--target", "outcome"], LOAD, "patients.csv"),
        (["train", "patients.csv", "--target", "outcom"], USAGE, "outcome"),
        (["train", "patients.csv"], USAGE, "target"),
        (["explain", "{run}", "--method", "integrated_gradient"], METHOD, "integrated_gradients"),
        (["explain", "{run}", "--input", "9999"], USAGE, "0 to"),
        (["explain", "{run}", "--input", "three"], USAGE, "three"),
        (["explain", "{run}", "--target", "7", "--method", "saliency"], USAGE, "0 to 1"),
        (["features", "{run}", "dense11"], USAGE, "dense1"),
        (["features", "{run}", "dense1", "--units", "99999"], USAGE, "99999"),
        (["train", "patients.csv", "--target", "outcome", "--type", "age"], USAGE, "COLUMN=TYPE"),
        (["train", "patients.csv", "--target", "outcome", "--activation", "rellu"], USAGE, "relu"),
        (["train", "patients.csv", "--target", "outcome", "--optimizer", "adam"], USAGE, "adamw"),
        (["train", "bresst-cancer"], LOAD, "breast-cancer"),
        (["importance", "{run}", "--method", "permutaton"], USAGE, "Did you mean permutation"),
        (["importance", "{run}", "--method", "partial-dependence", "--column", "agee"], USAGE, "mean age"),
        (["importance", "{run}", "--method", "interactions", "--input", "9999"], USAGE, "0 to"),
        (["importance", "{run}", "--method", "mean", "--target", "ill,well"], USAGE, "one class"),
        (["demo", "digit"], USAGE, "digits"),
        (["demo", "digits", "--out", "page.html"], USAGE, "name a folder, such as page"),
        (["demo", "digits", "--data", "patients.csv"], USAGE, "pellucid train PATH"),
        (
            ["demo", "speech", "--data", "patients.csv"],
            USAGE,
            "patients.csv is not known as one of the sounds",
        ),
        (["demo", "photos", "--data", "patient.jpg"], LOAD, "does not exist"),
        (["demo", "text", "--data", "patients.csv"], USAGE, "--text COLUMN. Columns: age"),
        (["demo", "text", "--topics", "a,b"], USAGE, "--data"),
        (["demo", "photos", "--text", "age"], USAGE, "belong to the demo text"),
        (["explain", "{run}", "--target", "il", "--method", "saliency"], USAGE, "Did you mean ill"),
        (["explain", "{run}", "--method", "saliency", "--rows", "al", "--out", "a.parquet"], USAGE, "all"),
        (["explain", "{run}", "--rows", "all"], USAGE, "--out FILE.parquet"),
        (["explain", "{run}", "--rows", "all", "--out", "why.png"], USAGE, "--out FILE.parquet"),
        (["explain", "{run}", "--method", "saliency", "--out", "why.parquet"], USAGE, "--rows all"),
        (["explain", "{run}", "--method", "saliency", "--rows", "9999", "--out", "x"], USAGE, "0 to"),
        (
            ["explain", "{run}", "--method", "saliency", "--rows", "0-9", "--out", "patients.csv"],
            USAGE,
            "csv",
        ),
        (["layers", "nowhere:net"], LOAD, "nowhere"),
    ],
)
def test_one_sentence_and_an_exit_code(call, patients, run, monkeypatch, arguments, code, words):
    monkeypatch.chdir(patients.parent)
    got, _, err = call(*[a.format(run=run) for a in arguments])
    assert got == code, err
    assert words in sentence(err)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("age,outcome\n", "no rows"),
        ("age,age,outcome\n1,2,a\n3,4,b\n", "age"),
        ("age,outcome\n" + "1,same\n" * 30, "same answer"),
    ],
)
def test_tables_that_cannot_be_learned_from(call, tmp_path, content, words):
    path = tmp_path / "table.csv"
    path.write_text(content)
    got, _, err = call("train", path, "--target", "outcome", "--out", tmp_path / "run")
    assert got == USAGE, err
    assert words in sentence(err).lower()
    assert not (tmp_path / "run" / "run.json").exists()


def test_text_among_numbers_is_named(call, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("age,outcome\n" + "30,a\n40,b\n" * 20 + "forty,a\n")
    got, _, err = call(
        "train", path, "--target", "outcome", "--type", "age=number", "--out", tmp_path / "run"
    )
    assert got == USAGE
    assert "forty" in sentence(err)


def test_a_byte_order_mark_is_no_part_of_a_name(call, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("\ufeffoutcome,age\n" + "a,30\nb,60\n" * 40)
    got, _, err = call("train", path, "--target", "outcome", "--epochs", 1, "--out", tmp_path / "run")
    assert got == 0, err


def test_a_picture_that_is_none(call, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        (tmp_path / "pictures" / name / "1.png").write_bytes(b"not a picture")
    got, _, err = call("train", tmp_path / "pictures", "--out", tmp_path / "run")
    assert got == USAGE, err
    assert "1.png" in sentence(err)


def test_output_that_cannot_be_written(call, run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    got, _, err = call("report", run, "--out", tmp_path / "file" / "page.html")
    assert got == STORE, err
    assert "page.html" in sentence(err)


def test_a_network_that_raises_in_the_middle(call, patients, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text(
        "from torch import nn\n\n"
        "class Broken(nn.Module):\n    def forward(self, x):\n        raise ValueError('no')\n\n"
        "net = Broken()\n"
    )
    got, _, err = call("layers", "broken:net", "--data", patients, "--answer", "outcome")
    assert got == METHOD, err
    assert "ValueError" in sentence(err)


def test_a_full_disk_behind_the_result_is_no_bug(call, run, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pellucid.tasks.layers", full)
    got, _, err = call("layers", run)
    assert got == STORE
    assert "No space left on device. Choose a place that has room." in sentence(err)


def test_an_unforeseen_error_is_called_a_bug(call, run, monkeypatch):
    monkeypatch.setattr("pellucid.tasks.layers", lambda *_, **__: 1 / 0)
    got, _, err = call("layers", run)
    assert got == 1
    assert "bug of ours" in err
    assert "ZeroDivisionError" in err
    with pytest.raises(ZeroDivisionError):
        call("layers", run, "--traceback")


def test_interrupted_training_goes_on_where_it_stopped(patients, tmp_path):
    command = [sys.executable, "-m", "pellucid", "train", str(patients), "--target", "outcome"]
    command += ["--out", str(tmp_path / "run"), "--epochs", "400", "--batch-size", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("epoch   2"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, err
    assert "Traceback" not in err
    assert (tmp_path / "run" / "checkpoint.safetensors").is_file()
    assert not (tmp_path / "run" / "run.json").exists()
    resumed = subprocess.run(
        [*command[:-4], "--epochs", "3", *command[-2:]], capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr.count("epoch   1 ") == 1


def on_a_terminal(command, wait_for, then):
    """Run a command in a pseudo-terminal; act when its screen shows some words: (exit code, screen)."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, close_fds=True, start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(slave)
    screen = ""
    while True:
        try:
            screen += os.read(master, 4096).decode(errors="replace")
        except OSError:
            break
        if wait_for and re.search(wait_for, screen):
            wait_for = ""
            then(process)
    os.close(master)
    return process.wait(timeout=60), screen


def test_one_bar_with_rate_and_time_left_and_a_clean_end(run, tmp_path):
    out = tmp_path / "why.parquet"
    command = [sys.executable, "-m", "pellucid", "explain", str(run), "--rows", "all"]
    command += ["--method", "rise", "--out", str(out)]
    code, screen = on_a_terminal(
        command, r"240.*rows/s|explaining", lambda process: process.send_signal(signal.SIGINT)
    )
    assert code == INTERRUPTED, screen
    assert "explaining" in screen
    assert "the same command goes on" in screen
    assert "Traceback" not in screen
    assert not out.exists()
    faster = [part if part != "rise" else "saliency" for part in command]
    code, screen = on_a_terminal([*faster[:-1], str(tmp_path / "other.parquet"), "--no-evidence"], "", None)
    assert code == 0, screen
    assert "240/240" in screen
    assert "rows/s" in screen
    assert re.search(r"\d:\d\d:\d\d", screen)


def test_interrupted_report_leaves_the_earlier_page(run, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("earlier")
    command = [sys.executable, "-m", "pellucid", "report", str(run), "--out", str(page)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stderr is not None
    told = process.stderr.readline()  # it is at work, on a busy machine too
    assert re.match(r"report: [\d,]+ network rows", told), told
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, err
    assert page.read_text() == "earlier"
    assert "Traceback" not in err


def rewritten(source, path, change):
    """Another table: the rows of one, each changed."""
    with source.open() as file:
        rows = [change(dict(row)) for row in csv.DictReader(file)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"smoker": "pipe"}, "smoker = pipe. It knows"),
        ({"age": ""}, "age missing. Training had no missing value there"),
    ],
)
def test_a_table_that_training_never_saw_the_like_of(call, patients, run, tmp_path, change, words):
    other = rewritten(patients, tmp_path / "other.csv", lambda row: row | change)
    got, _, err = call("anchor", run, "--data", other, "--answer", "outcome")
    assert got == USAGE, err
    assert words in sentence(err)
    few = iter(range(1000))
    some = rewritten(patients, tmp_path / "some.csv", lambda row: row | change if next(few) < 9 else row)
    got, _, err = call("anchor", run, "--data", some, "--answer", "outcome")
    assert got == 0, err
    assert "9 of 240 rows have values that training never saw and were left out" in err


def test_columns_in_another_order_are_found_by_name(call, patients, run, tmp_path):
    turned = rewritten(patients, tmp_path / "patients.csv", lambda row: dict(reversed(row.items())))
    told = [
        json.loads(call("anchor", run, "--data", table, "--answer", "outcome", "--json")[1])["results"]
        for table in (patients, turned)
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["counterfactual", "{run}", "--immutable", "age", "--up", "age"], "told to move and to stay"),
        (["counterfactual", "{run}", "--immutable", "age", "--actionable", "age"], "both"),
        (["counterfactual", "{run}", "--up", "age", "--down", "age"], "age"),
        (["counterfactual", "{run}", "--immutable", "agee"], "Did you mean age"),
        (["counterfactual", "{run}", "--wanted", "il"], "ill"),
        (["decision", "{run}", "--protected", "agee", "--refits", "0"], "Did you mean age"),
        (["rules", "{run}", "--fidelity", "95"], "share above 0 and up to 1"),
        (["rules", "{run}", "--conditions", "0"], "the shortest take"),
        (["rules", "{run}", "--site", "dense1", "--queries", "50"], "leave it out with --site"),
        (["rules", "{run}", "--site", "dense1", "--conditions", "0"], "the shortest take"),
    ],
)
def test_what_is_asked_of_one_case_contradicts_itself(call, run, arguments, words):
    got, _, err = call(*[a.format(run=run) for a in arguments])
    assert got == USAGE, err
    assert words in sentence(err)


def test_a_change_that_does_not_exist_shows_the_nearest_attempt(call, run):
    got, out, err = call("counterfactual", run, "--actionable", "pressure", "--least", 0.99, "--refits", 0)
    assert got == 0, err
    assert "No allowed change brings about that answer; the nearest attempt is shown." in " ".join(
        (out + err).split()
    )


def test_a_fidelity_that_cannot_be_reached_gives_the_closest_rules(call, run):
    got, out, err = call("rules", run, "--fidelity", 1, "--conditions", 2, "--regrown", 0)
    assert got == 0, err
    assert "Fidelity 100 % was asked for and is not reached within 2 conditions: the best is" in " ".join(
        (out + err).split()
    )


def test_a_change_among_thousands_of_columns_asks_for_fewer(call, tmp_path):
    (tmp_path / "wide.py").write_text(
        "import torch\nfrom torch import nn\n\ntorch.manual_seed(0)\nnet = nn.Linear(600, 2)\n"
    )
    names = [f"g{k}" for k in range(600)]
    draw = torch.Generator().manual_seed(0)
    values = torch.randn(40, 600, generator=draw)
    lines = [",".join([*map("{:.2f}".format, row.tolist()), "ab"[k % 2]]) for k, row in enumerate(values)]
    (tmp_path / "wide.csv").write_text("\n".join([",".join([*names, "y"]), *lines]) + "\n")
    given = [tmp_path / "wide.py:net", "--data", tmp_path / "wide.csv", "--answer", "y", "--refits", 0]
    got, _, err = call("counterfactual", *given)
    assert got == METHOD, err
    assert "600 columns are free to change" in sentence(err)
    assert "--actionable" in sentence(err)
    got, _, err = call("counterfactual", *given, "--actionable", "g1,g2,g3")
    assert got == 0, err
