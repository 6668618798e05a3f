"""``pellucid check``: exit codes, files written, words printed."""

import json
from xml.etree import ElementTree

import pytest

GOOD = """
[[expect]]
name = "better than a coin"
kind = "accuracy"
at_least = 0.5

[[expect]]
kind = "dead-units"
at_most = 500
"""
BAD = """
[[expect]]
name = "age <b>never</b> counts"
kind = "attribution-share"
of = "age"
at_most = 0.01
methods = ["saliency"]

[[expect]]
name = "more age is healthier"
kind = "monotone"
column = "age"
direction = "down"
of = "ill"
at_most = 0.05
"""
SHY = """
[[expect]]
kind = "accuracy"
at_least = 0.8
name = "who knows"
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="e.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_nothing_broken_is_exit_code_0(call, run, file):
    code, out, err = call("check", run, file(GOOD))
    assert code == 0, err
    assert "● passed: better than a coin" in out
    assert "2 expectations: 2 passed" in out


def test_broken_is_exit_code_5_with_number_interval_rows_and_a_bar(call, run, file):
    code, out, err = call("check", run, file(GOOD + BAD))
    assert code == 5, err
    assert "○ failed: age <b>never</b> counts" in out
    assert "saliency" in out
    assert "┃" in out
    assert "wanted ≤ 1" in out
    assert f"pellucid explain {run} --input" in out
    assert "age from" in out
    assert "4 expectations: 2 failed, 2 passed" in out


def test_undecided_is_told_and_breaks_on_demand(call, run, file):
    from pellucid import tasks

    subject = tasks.open_run(run)
    found = tasks.performance(subject)
    text = SHY.replace("0.8", f"{found.value:.3f}")
    code, out, _ = call("check", run, file(text))
    assert code == 0
    assert "◐ undecided: who knows" in out
    code, out, _ = call("check", run, file('undecided = "fail"\n' + text))
    assert code == 5


def test_one_document(call, run, file):
    code, out, err = call("check", run, file(GOOD + BAD), "--json")
    assert code == 5, err
    found = json.loads(out)
    assert found["command"] == "check"
    outcome = found["results"]["outcomes"][2]
    assert (outcome["word"], outcome["kind"], outcome["limit"]) == ("failed", "attribution-share", 0.01)
    assert outcome["lines"][0]["low"] > 0.01
    assert outcome["rows"]


def test_an_estimate_is_told_and_nothing_is_judged(call, run, file):
    code, out, err = call("check", run, file(GOOD + BAD), "--estimate")
    assert code == 0, err
    assert "rows forward" in out
    assert "more age is healthier" in out
    assert "failed" not in out
    code, out, _ = call("check", run, file(GOOD + BAD), "--estimate", "--json")
    assert code == 0
    assert json.loads(out)["results"]["steps"][0]["name"] == "outputs"


def test_a_build_server_gets_its_file(call, run, file, tmp_path):
    to = tmp_path / "out.xml"
    assert call("check", run, file(GOOD + BAD), "--junit", to)[0] == 5
    (suite,) = ElementTree.parse(to).getroot()
    assert suite.attrib["tests"] == "4"
    assert suite.attrib["failures"] == "2"
    names = {case.attrib["name"]: case for case in suite}
    failure = names["age <b>never</b> counts"].find("failure")
    assert "wanted ≤ 1" in failure.text
    assert names["better than a coin"].find("failure") is None


def test_a_page_shows_pictures_rows_and_escapes_names(call, run, file, tmp_path):
    to = tmp_path / "out.html"
    assert call("check", run, file(GOOD + BAD), "--html", to)[0] == 5
    html = to.read_text()
    assert "<b>never" not in html
    assert "&lt;b&gt;never" in html
    assert "<script" not in html
    assert html.count("<figure") >= 5
    assert "How the score goes with age" in html
    assert "the whole row" in html
    assert html.index("Failed (2)") < html.index("Passed (2)")


def test_approve_then_no_worse(call, run, file, tmp_path):
    text = GOOD + '[[expect]]\nkind = "no-worse"\nmargin = 0.01\nname = "no worse"\n'
    path = file('baseline = "kept.json"\n' + text)
    code, _, err = call("check", run, path)
    assert code == 3
    assert "--approve" in err
    code, out, err = call("check", run, path, "--approve")
    assert code == 0, err
    assert "first approved run" in err
    assert (tmp_path / "kept.json").is_file()
    code, out, err = call("check", run, path)
    assert code == 0, err
    assert "● passed: no worse" in out
    other = file(text, "other.toml")
    assert call("check", run, other, "--baseline", tmp_path / "kept.json")[0] == 0
    code, out, _ = call("check", run, other)
    assert code == 5
    assert "no approved run yet" in out


def test_a_file_may_name_its_network(call, run, file, monkeypatch, tmp_path):
    path = file(f'model = "{run}"\n' + GOOD)
    assert call("check", path)[0] == 0
    monkeypatch.chdir(tmp_path)
    file(GOOD, "expectations.toml")
    assert call("check", run)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "text", "code", "words"),
    [
        (["{run}", "{file}"], GOOD.replace("accuracy", "acuracy"), 2, "Did you mean accuracy"),
        (["{run}", "{file}"], BAD.replace('of = "age"', 'of = "agee"'), 2, "Did you mean age"),
        (["{run}", "{file}"], "[[expect", 3, "no TOML"),
        (["{run}", "{file}.x"], GOOD, 3, "e.toml"),
        (["no/such/run", "{file}"], GOOD, 3, "no/such/run"),
        (["{file}"], GOOD, 2, "names no network"),
        (["{file}", "{file}"], GOOD, 2, "network first"),
        (["{run}"], GOOD, 2, "docs/check.md"),
        (["{run}", "{file}", "--baseline", "none.json"], GOOD, 3, "none.json"),
        (["{run}", "{file}", "--html", "{file}/page.html"], GOOD, 7, "page.html"),
    ],
)
def test_mistakes_end_in_one_sentence(call, run, file, monkeypatch, tmp_path, arguments, text, code, words):
    monkeypatch.chdir(tmp_path)
    path = file(text)
    got, _, err = call("check", *[part.format(run=run, file=path) for part in arguments])
    assert got == code, err
    (line,) = [line for line in err.splitlines() if line.startswith("pellucid: ")]
    assert words in line
    assert "bug of ours" not in line
