"""Each command, as a user runs it: what comes out, in words and as one JSON document."""

import json
import re
import subprocess
import sys

import pytest


def one_document(out):
    whole = json.loads(out)
    assert whole["schema"] == "pellucid/1"
    return whole["results"]


def test_train_says_what_was_inferred_and_leaves_a_run(call, patients, tmp_path):
    code, out, err = call("train", patients, "--target", "outcome", "--out", tmp_path / "run", "--epochs", 3)
    assert code == 0, err
    assert out.strip() == str(tmp_path / "run")
    assert "240 rows" in err
    assert "missing" in err
    assert "always" in err
    assert (tmp_path / "run" / "weights.safetensors").is_file()


def test_train_as_json(call, patients, tmp_path):
    code, out, err = call(
        "train", patients, "--target", "outcome", "--out", tmp_path / "r", "--epochs", 2, "--json",
        "--hidden", "8,4", "--activation", "tanh", "--type", "age=number",
    )  # fmt: skip
    assert code == 0, err
    results = one_document(out)
    assert results["performance"]["n"] > 0
    assert len(results["record"]["epochs"]) == 2
    assert results["record"]["snapshots"] == []
    written = json.loads((tmp_path / "r" / "run.json").read_text())
    assert written["architecture"]["params"]["hidden"] == [8, 4]
    assert written["architecture"]["params"]["activation"] == "tanh"


def test_layers(call, run):
    code, out, _ = call("layers", run)
    assert code == 0
    assert "dense1" in out
    code, out, _ = call("layers", run, "--json")
    sites = [row["site"] for row in one_document(out)["rows"]]
    assert sites[-1] == "output"


def test_explain_chooses_a_method_and_says_why(call, run):
    code, out, err = call("explain", run, "--json")
    assert code == 0, err
    (why,) = one_document(out)
    assert why["provenance"]["method"] in why["note"]
    assert why["cards"][0]["verdict"]


def test_explain_several_methods_side_by_side(call, run, tmp_path):
    picture = tmp_path / "why.png"
    code, out, err = call(
        "explain", run, "--method", "saliency,integrated_gradients", "--input", "0,1", "--out", picture
    )
    assert code == 0, err
    # a picture for each row: none is left out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["why-0.png", "why-1.png"]
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
    assert "saliency" in out.lower()
    assert "integrated" in out.lower()


def test_explain_several_targets_by_name_and_number(call, run):
    code, out, err = call(
        "explain", run, "--method", "saliency,occlusion", "--target", "ill,1", "--no-evidence", "--json"
    )
    assert code == 0, err
    found = one_document(out)
    assert [why["provenance"]["target"] for why in found] == ["logit(0)"] * 2 + ["logit(1)"] * 2
    assert found[0]["provenance"]["shared"] == 2
    assert found[0]["cards"] == []


def test_explain_a_data_set_into_parquet(call, run, tmp_path):
    out = tmp_path / "why.parquet"
    command = ["explain", run, "--rows", "test", "--method", "saliency", "--out", out]
    code, shown, err = call(*command)
    assert code == 0, err
    assert shown.strip() == str(out)
    code, shown, err = call(*command, "--json")
    assert one_document(shown) == {"path": str(out), "rows": 36}
    code, _, err = call(*command, "--seed", 1)
    assert code == 7
    assert "seed 0, now 1" in err


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("permutation", "matters most"),
        ("mean", "matters most"),
        ("partial-dependence", "log-odds of well"),
        ("interactions", "together"),
    ],
)
def test_importance(call, run, tmp_path, method, words):
    picture = tmp_path / "uses.png"
    code, out, err = call("importance", run, "--method", method, "--rows", 40, "--out", picture)
    assert code == 0, err
    assert words in " ".join(out.split())
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_importance_as_json(call, run):
    code, out, err = call(
        "importance", run, "--method", "partial-dependence", "--column", "age", "--rows", 20, "--json"
    )
    assert code == 0, err
    (curve,) = one_document(out)
    assert curve["name"] == "age"
    assert len(curve["shown"]) == len(curve["mean"])


def test_features(call, run, tmp_path):
    code, out, err = call("features", run, "dense1", "--units", "0,3", "--steps", 8, "--json")
    assert code == 0, err
    assert one_document(out)["pictures"]["units"] == [0, 3]
    code, out, err = call(
        "features", run, "dense1", "--units", "0", "--steps", 8, "--out", tmp_path / "f.svg"
    )
    assert code == 0, err
    assert b"<svg" in (tmp_path / "f.svg").read_bytes()


def test_features_as_a_page_begin_with_the_words_of_the_pictures(call, run, tmp_path):
    code, _, err = call("features", run, "dense1", "--units", "0", "--steps", 8, "--out", tmp_path / "f.html")
    assert code == 0, err
    page = (tmp_path / "f.html").read_text()
    assert page.index("1 unit of dense1") < page.index("What units of dense1 respond to")


def test_features_of_classes_directions_and_rows(call, run, tmp_path):
    kept = ("--steps", 4, "--seeds", 2, "--json")
    first = ("features", run, "--class", "1", "--keep", tmp_path / "kept", *kept)
    code, out, _ = call(*first)
    found = json.loads(out)["results"]["pictures"]
    assert (code, found["site"], len(found["labels"])) == (0, ".", 1)
    again = json.loads(call(*first)[1])["results"]["pictures"]
    assert again["reached"] == found["reached"]
    code, _, err = call("features", run, "--class", "0", "--keep", tmp_path / "kept", *kept)
    assert code == 7
    assert "other settings" in err
    code, out, _ = call("features", run, "--difference", "0,1", "--estimate", *kept)
    assert json.loads(out)["results"]["backward"] > 0
    code, out, _ = call("features", run, "--accentuate", "3", *kept)
    assert json.loads(out)["results"]["pictures"]["labels"][0].startswith("row 3: ")
    code, out, _ = call(
        "features", run, "dense1", "--caricature", "3", "--out", tmp_path / "c.svg", *kept[:-1]
    )
    assert code == 0
    assert (tmp_path / "c.svg").exists()
    code, _, err = call("features", run, "dense1", "--unit", "1", "--class", "0")
    assert code == 2
    assert "nothing else" in err


def test_rules_as_text_python_and_json(call, run):
    code, text, _ = call("rules", run)
    assert code == 0
    assert "fidelity" in text.lower()
    code, source, _ = call("rules", run, "--as", "python")
    compile(source, "rules.py", "exec")
    code, out, _ = call("rules", run, "--as", "json")
    assert one_document(out)["fidelity"] > 0.5


def test_rules_as_json_go_into_a_file(call, run, tmp_path):
    code, out, err = call("rules", run, "--as", "json", "--regrown", 0, "--out", tmp_path / "rules.json")
    assert (code, out) == (0, ""), err
    assert json.loads((tmp_path / "rules.json").read_text())["rules"]


def test_a_page_of_picked_rules_grows_the_frontier_once(call, run, tmp_path, monkeypatch):
    from pellucid.tasks import _rules

    picked = ("rules", run, "--conditions", 4, "--regrown", 0, "--json")
    alone = json.loads(call(*picked)[1])["results"]
    grown = []
    once = _rules.rule_frontier
    monkeypatch.setattr(_rules, "rule_frontier", lambda *a, **k: grown.append(k) or once(*a, **k))
    code, out, err = call(*picked, "--out", tmp_path / "page.html")
    assert code == 0, err
    assert len(grown) == 1
    assert json.loads(out)["results"]["rules"] == alone["rules"]


def test_influence(call, run, tmp_path):
    code, out, err = call("influence", run, "--input", "1,2", "--out", tmp_path / "rows.svg")
    assert (code, "training row" in out, "held-out row 2" in err) == (0, True, True)
    code, out, _ = call("influence", run, "--method", "representer_points", "--json")
    found = json.loads(out)["results"]
    assert (code, found["method"], len(found["values"])) == (0, "representer_points", 1)
    code, _, err = call("influence", run, "--input", "99999")
    assert (code, "numbered 0 to" in err) == (2, True)


@pytest.mark.usefixtures("hard_answers")
def test_the_report_prints_the_document_that_its_page_holds(call, run, tmp_path):
    card = tmp_path / "card.toml"
    code, out, _ = call("report", "--card-template")
    assert code == 0
    card.write_text(out.replace('purpose = ""', 'purpose = "To learn from."'))
    path = tmp_path / "page.html"
    code, out, err = call("report", run, "--out", path, "--card", card, "--reader", "auditor", "--json")
    assert code == 0, err
    held = re.search(r'id="pellucid-dossier">(.*?)</script>', path.read_text(), re.DOTALL).group(1)
    assert json.loads(held) == one_document(out)
    assert "To learn from." in path.read_text()
    assert 'id="reader-auditor" value="auditor" checked' in path.read_text()
    assert one_document(out)["dossier"]["simple"]["table"]
    assert one_document(out)["dossier"]["recourse"]["cases"]


@pytest.mark.parametrize(
    ("option", "said"),
    [(["--reader", "auditr"], "auditor"), (["--card", "none.toml"], "card"), (["--max-mb", "0"], "max_mb")],
)
def test_a_report_refuses_before_the_work(call, run, tmp_path, option, said):
    code, _, err = call("report", run, "--out", tmp_path / "page.html", *option)
    assert (code, said in err) == (2, True)
    assert not (tmp_path / "page.html").exists()


def test_a_users_own_network(call, patients, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\n"
        "def network():\n    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))\n"
    )
    code, out, err = call("layers", "mine:network", "--data", patients, "--answer", "outcome", "--json")
    assert code == 0, err
    assert [row["site"] for row in one_document(out)["rows"]] == ["0", "1", "2"]


def test_help_is_quick_and_shows_examples():
    code = "import sys, pellucid.cli; sys.stdout.write('torch' if 'torch' in sys.modules else 'light')"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "light", "the command line imports torch before it needs it"
    shown = subprocess.run(
        [sys.executable, "-m", "pellucid", "--help"], capture_output=True, text=True, check=True
    )
    assert "pellucid train data.csv --target outcome" in shown.stdout


@pytest.mark.parametrize(
    "command",
    ["train", "explain", "layers", "layer", "features", "rules", "concepts", "influence", "report", "demo"],
)
def test_every_command_has_help(call, command):
    code, out, _ = call(command, "--help")
    assert code == 0
    assert "Usage" in out


@pytest.mark.parametrize(
    "command",
    [
        ["explain", "--method", "saliency", "--input", "0,1"],
        ["explain", "--method", "saliency", "--rows", "all", "--no-evidence"],
        ["features", "dense1", "--units", "0", "--steps", "8"],
    ],
)
def test_an_estimate_says_what_it_takes_and_does_nothing(call, run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    name, *rest = command
    code, out, err = call(name, run, *rest, "--estimate")
    assert code == 0, err
    assert "through the network" in " ".join(out.split())
    code, out, err = call(name, run, *rest, "--estimate", "--json")
    told = one_document(out)
    assert told["exact"]
    assert told["forward"] == sum(step["forward"] for step in told["steps"]) > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ["importance", "--out", "a.png"],
        ["rules", "--site", "dense1", "--leaves", "3", "--regrown", "0", "--out", "a.html"],
        ["influence", "--input", "1", "--out", "a.png"],
        ["concepts", "age", "--target", "ill", "--at", "dense1", "--draws", "49", "--out", "a.html"],
        ["compare", "{run}", "--method", "saliency", "--rows", "8", "--out", "a.html"],
    ],
)
def test_an_estimate_over_rows_writes_nothing(call, run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    name, *rest = [part.format(run=run) for part in command]
    code, out, err = call(name, run, *rest, "--estimate", "--json")
    assert code == 0, err
    whole = json.loads(out)
    assert (whole["command"], whole["inputs"]["estimate"]) == (name, True)
    assert whole["results"]["forward"] > 0
    assert list(tmp_path.iterdir()) == []


def test_rules_that_are_there_already_need_no_estimate(call, run):
    code, _, err = call("rules", run, "--own", "--estimate")
    assert (code, "leave out --estimate" in err) == (2, True)


def test_layer(call, run, tmp_path):
    out_file = tmp_path / "layer.html"
    code, out, err = call("layer", run, "dense1", "--out", out_file)
    assert code == 0, err
    assert "Units of dense1" in out
    assert "<h1>" in out_file.read_text()
    code, out, _ = call("layer", run, "dense1", "--json", "--units", "0,1")
    assert one_document(out)["strongest"]["units"] == [0, 1]


def test_one_unit_and_one_element_have_pages_and_drawings(call, run, tmp_path):
    page, drawings = tmp_path / "unit.html", tmp_path / "svg"
    code, out, err = call(
        "features", run, "dense1", "--unit", 3, "--steps", 4, "--out", page, "--svg", drawings
    )
    assert code == 0, err
    assert "Without unit 3 of dense1" in out
    assert "Does it matter to the model?" in out
    assert "<h1>Unit 3</h1>" in page.read_text()
    files = sorted(path.name for path in drawings.iterdir())
    assert files[0] == "01-real-inputs-of-unit-3-of-dense1.svg"
    assert all((drawings / name).read_text().startswith("<svg") for name in files)
    code, out, err = call(
        "layer", run, "dense1", "--dictionary", "topk", "--element", 1, "--steps", 0, "--out", page
    )
    assert code == 0, err
    assert "<h1>Element 1</h1>" in page.read_text()
    code, _, err = call("layer", run, "dense1", "--element", 1)
    assert (code, "--dictionary topk" in err) == (2, True)
    code, _, err = call("layer", run, "dense1", "--out", tmp_path / "page.svg")
    assert (code, "--svg FOLDER" in err) == (7, True)
    code, _, err = call("report", run, "--layers", "dense9", "--out", page)
    assert (code, "dense1" in err) == (2, True)


def test_concepts(call, run):
    code, out, err = call("concepts", run, "age", "--target", "ill", "--draws", "99", "--at", "dense1")
    assert code == 0, err
    assert "high age" in out
    code, out, _ = call("concepts", run, "smoker", "--target", "ill", "--draws", "99", "--json")
    assert one_document(out)["concepts"][0].startswith("smoker ")


def test_rules_of_every_kind_and_form(call, run, tmp_path):
    for kind in ("optimal", "list", "clauses", "layers"):
        code, out, err = call("rules", run, "--kind", kind, "--json", "--regrown", 1)
        assert code == 0, err
        assert one_document(out)["kind"] == kind
    code, out, _ = call("rules", run, "--as", "sql")
    assert (code, out.startswith("SELECT")) == (0, True)
    code, _, err = call("rules", run, "--as", "pmml", "--out", tmp_path / "rules.pmml")
    assert code == 0
    assert "Rules written" in err
    assert "<RuleSetModel" in (tmp_path / "rules.pmml").read_text()
    code, out, _ = call("rules", run, "--as", "markdown")
    assert "| if | then |" in out


def test_rules_within_conditions_for_a_fidelity_and_on_a_page(call, run, tmp_path):
    page = tmp_path / "rules.html"
    code, out, err = call(
        "rules", run, "--conditions", 8, "--queries", 200, "--regrown", 2, "--out", page, "--json"
    )
    assert code == 0, err
    found = one_document(out)
    assert found["conditions"] <= 8
    assert found["regrown"] == 2
    assert found["n_test"] == found["frontier"]["points"][0]["held_out_rows"]
    html = page.read_text()
    assert "Fidelity against length" in html
    assert "PMML" in html
    code, out, _ = call("rules", run, "--fidelity", 1, "--kind", "optimal", "--conditions", 2, "--regrown", 0)
    assert "100\u00a0% was asked for and is not reached within 2 conditions: the best is" in out
    code, _, err = call("rules", run, "--fidelity", 95)
    assert (code, "share above 0" in err) == (2, True)
    code, _, err = call("rules", run, "--conditions", 0)
    assert (code, "the shortest take" in err) == (2, True)


def test_rules_over_the_units_of_a_layer_come_with_their_inputs(call, run, tmp_path):
    page = tmp_path / "units.html"
    code, out, err = call("rules", run, "--site", "dense1", "--leaves", 4, "--regrown", 1, "--out", page)
    assert code == 0, err
    assert "dense1 unit" in out
    assert "What they speak of" in page.read_text()
    assert "Fidelity against length" in page.read_text()
    asked = ("--site", "dense1", "--conditions", 3, "--regrown", 0, "--json")
    code, out, err = call("rules", run, *asked)
    assert code == 0, err
    told = json.loads(out)["results"]
    assert sum(len(rule["conditions"]) for rule in told["rules"]) <= 3
    assert min(point["conditions"] for point in told["frontier"]["points"]) <= 3
    code, _, err = call("rules", run, "--site", "dens1")
    assert (code, "dense1" in err) == (2, True)


def test_rules_over_concepts_come_with_their_inputs_and_how_well_each_is_told(call, run, tmp_path):
    page = tmp_path / "concepts.html"
    asked = ["--concepts", "smoker", "--concepts", "old: age > 60"]
    code, out, err = call("rules", run, *asked, "--leaves", 3, "--regrown", 1, "--out", page)
    assert code == 0, err
    assert "told from other inputs in" in out
    assert "old" in page.read_text()
    code, out, _ = call("rules", run, *asked, "--leaves", 3, "--regrown", 0, "--json")
    told = json.loads(out)
    assert told["inputs"]["concepts"] == ["smoker", "old: age > 60"]
    assert "untrained copy" in told["results"]["note"]
    code, _, err = call("rules", run, "--concepts", "smokr")
    assert (code, "smoker" in err) == (2, True)
    code, out, err = call("rules", run, *asked, "--fidelity", "0.999999", "--leaves", 3, "--regrown", 0)
    assert code == 0, err
    assert "was asked for and is not reached" in out
    code, _, err = call("rules", run, *asked, "--queries", 50)
    assert (code, "leave it out with --concepts" in err) == (2, True)
