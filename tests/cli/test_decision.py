"""One case on the command line: what would change it, what holds it, its reasons, its like."""

from __future__ import annotations

import json

import pytest

import pellucid
from pellucid import tasks


def test_a_counterfactual_on_a_page(call, run, tmp_path):
    page = tmp_path / "page.html"
    code, out, err = call(
        "counterfactual", run, "--row", "1,2", "--immutable", "age", "--refits", 1, "--out", page
    )
    assert code == 0
    assert "What would make it" in out or "was not reached" in out
    assert "Page written" in err
    text = page.read_text()
    assert "age cannot change" in text
    assert "Row 2" in text
    assert "<script" not in text


def test_json_holds_the_cases_and_keeps_to_the_constraints(call, run, tmp_path):
    file = tmp_path / "may.toml"
    file.write_text('immutable = ["smoker"]\n[column.age]\ndirection = "down"\n[reason]\nage = "Too old"\n')
    code, out, _ = call("counterfactual", run, "--row", 0, "--constraints", file, "--refits", 0, "--json")
    assert code == 0
    found = json.loads(out)["results"]
    assert found["constraints"] == ["smoker cannot change", "age can only fall"]
    for way in found["cases"][0]["found"]:
        assert all(c["column"] != "smoker" for c in way["changes"])
        assert all(c["after"] < c["before"] for c in way["changes"] if c["column"] == "age")


def test_anchor_reasons_and_nearest(call, run):
    code, out, _ = call("anchor", run, "--row", 1, "--json")
    assert code == 0
    assert 0 <= json.loads(out)["results"]["precision_low"] <= 1
    code, out, _ = call("reasons", run, "--row", "1", "--refits", 1)
    assert code == 0
    assert "rows answered" in out
    code, out, _ = call("nearest", run, "--row", "1", "--k", 2)
    assert code == 0
    assert "held-out inputs" in out


def test_wrong_uses_end_in_a_sentence(call, run, tmp_path):
    for asked, words in (
        (("--immutable", "aeg"), "Did you mean age"),
        (("--immutable", "age", "--up", "age"), "told to move and to stay"),
        (("--row", 9999), "Held-out rows are numbered"),
        (("--row", "three"), "whole numbers"),
        (("--wanted", "sick"), "No class is called"),
        (("--immutable", "age,smoker,pressure"), "nothing can be advised"),
    ):
        code, _, err = call("counterfactual", run, "--refits", 0, *asked)
        assert code == 2
        assert words in err
    code, _, err = call("counterfactual", run, "--constraints", tmp_path / "no.toml")
    assert code == 3
    assert "does not exist" in err


@pytest.mark.usefixtures("hard_answers")
def test_a_rule_network_gives_its_own_rules(call, patients, tmp_path):
    made = tmp_path / "made of rules"
    given = ("--target", "outcome", "--network", "rules", "--epochs", 1, "--out", made)
    code, _, err = call("train", patients, *given)
    assert code == 0, err
    code, out, _ = call("rules", made, "--own", "--as", "python")
    assert code == 0
    scope = {}
    exec(out, scope)
    assert callable(scope["predict"])
    code, out, _ = call("rules", made, "--own", "--as", "pmml")
    assert code == 0
    assert "<RegressionModel" in out
    code, out, err = call("rules", made, "--own", "--out", tmp_path / "own.html")
    assert code == 0, err
    html = (tmp_path / "own.html").read_text()
    assert html.startswith("<!doctype html>")
    assert "What each further rule is worth" in html
    code, out, _ = call("rules", made, "--own", "--json", "--out", tmp_path / "own.json")
    assert code == 0
    kept = json.loads((tmp_path / "own.json").read_text())
    assert kept["rules"]
    assert json.loads(out)["results"]["rules"] == kept["rules"]
    code, _, err = call("rules", made, "--own", "--out", tmp_path / "path.svg")
    assert code == 0, err
    assert "<svg" in (tmp_path / "path.svg").read_text()
    _, _, err = call("rules", made, "--regrown", 0)
    assert "--own writes these" in err


@pytest.mark.usefixtures("hard_answers")
def test_a_list_of_rules_is_trained_and_printed_as_it_is_computed(call, patients, tmp_path):
    made = tmp_path / "list"
    given = ("--target", "outcome", "--network", "rules", "--epochs", 1, "--out", made)
    budget = ("--ordered", "--max-rules", 3, "--max-conditions", 2)
    code, _, err = call("train", patients, *given, *budget)
    assert code == 0, err
    assert "1. IF " in err
    assert "   ELSE " in err
    subject = pellucid.open(made)
    found = tasks.own_rules(subject)
    assert found.ordered
    assert len(found) <= 3
    assert max(len(rule.conditions) for rule in found.rules) <= 2
    code, out, _ = call("rules", made, "--own", "--as", "python")
    assert code == 0
    scope = {}
    exec(out, scope)
    rows = subject.spec.decode(subject.data.inputs)
    best = subject.model(subject.data.inputs).argmax(1)
    for row, answer in zip(rows, best.tolist(), strict=True):
        scores = scope["predict"](row)
        assert max(scores, key=scores.get) == subject.classes[answer]
    code, out, _ = call("rules", made, "--own", "--json")
    assert json.loads(out)["results"]["otherwise"] == found.otherwise
    report = tmp_path / "list.html"
    code, out, err = call("report", made, "--out", report)
    assert code == 0, err
    assert out.strip() == str(report)
    page = report.read_text()
    assert "else if " in page
    assert "<script src" not in page
    assert "https://" not in page.split("</style>")[0]


def test_a_budget_of_rules_is_for_rules_only(call, patients, tmp_path):
    for asked in (("--ordered",), ("--max-rules", 3), ("--max-conditions", 2)):
        code, _, err = call("train", patients, "--target", "outcome", *asked, "--out", tmp_path / "x")
        assert code == 2
        assert "network 'rules' only" in err
    given = ("train", patients, "--target", "outcome", "--network", "rules", "--out", tmp_path / "x")
    code, _, err = call(*given, "--max-rules", 0)
    assert code == 2
    assert "--max-rules must be at least 1" in err


def test_accounts_of_a_case_say_what_they_will_take(call, run):
    for command in ("counterfactual", "anchor", "reasons", "nearest", "decision"):
        code, out, err = call(command, run, "--row", 1, "--estimate", "--json")
        assert code == 0, err
        told = json.loads(out)["results"]
        assert told["forward"] > 0
        assert told["memory"] > 0
        trained = [step for step in told["steps"] if step["name"] == "networks trained anew"]
        assert bool(trained) == (command in ("counterfactual", "reasons", "decision"))
    code, out, _ = call("decision", run, "--estimate", "--refits", 0)
    assert code == 0
    assert "anchor" in out
    code, _, err = call("anchor", run, "--row", 9999, "--estimate")
    assert code == 2
    assert "numbered 0 to" in err


def test_a_decision_as_json_holds_its_parts(call, run):
    code, out, err = call("decision", run, "--row", 1, "--refits", 0, "--json")
    assert code == 0, err
    told = json.loads(out)["results"]
    assert {"reasons", "anchor", "counterfactual", "nearest", "notes"} <= set(told)
    assert len(told["reasons"]["reasons"]) <= 4
    assert told["nearest"]["same_answer"]
    code, out, _ = call("reasons", run, "--row", 1, "--refits", 0, "--protected", "age", "--json")
    assert code == 0
    assert "rotected column" in json.loads(out)["results"][0]["note"]
    code, _, err = call("reasons", run, "--protected", "aeg", "--refits", 0)
    assert code == 2
    assert "Did you mean age" in err


@pytest.mark.parametrize("warning", ["", "On 9 held-out rows it is not shown to be better."])
def test_a_network_not_shown_to_be_better_says_so_in_the_document_too(call, run, monkeypatch, warning):
    monkeypatch.setattr("pellucid.tasks.no_better", lambda subject: warning)
    for command in ("reasons", "decision"):
        code, out, _ = call(command, run, "--row", 1, "--refits", 0, "--json")
        assert code == 0
        told = json.loads(out)["results"]
        (each,) = told if command == "reasons" else [told]
        assert each.get("warning", "") == warning
