"""What builds up from layer to layer, on the command line."""

from __future__ import annotations

import json

from pellucid import tasks


def test_curves_and_a_trace_on_a_page(call, run, patients, tmp_path):
    other = tmp_path / "other"
    tasks.train(patients, answer="outcome", epochs=2, seed=1, out=other)
    page = tmp_path / "depth.html"
    drawings = tmp_path / "drawn"
    code, out, err = call(
        "layers", run, "--hierarchy", "--beside", other, "--trace", 1, "--out", page, "--svg", drawings
    )
    assert code == 0
    assert "From layer to layer" in out
    assert "The way to" in out
    assert "untrained copies" in out
    assert "Page written" in err
    text = page.read_text()
    assert text.count('<section class="part" id="figure-') == 3
    assert "2 trained seeds" in text
    assert "at random" in text
    assert len(list(drawings.glob("*.svg"))) == 3


def test_json_holds_what_was_asked_for(call, run):
    code, out, _ = call("layers", run, "--trace", 0, "--swap", "--json")
    assert code == 0
    found = json.loads(out)["results"]
    assert set(found) == {"layers", "trace"}
    assert found["trace"]["instead"] == "swap"
    assert found["trace"]["arrows"]


def test_json_leaves_the_page_too_and_the_estimate_comes_alone(call, run, tmp_path):
    code, out, _ = call("layers", run, "--json", "--out", tmp_path / "layers.html")
    assert code == 0
    assert len(json.loads(out)["results"]["rows"]) > 2
    assert (tmp_path / "layers.html").is_file()
    code, out, _ = call("layers", run, "--estimate", "--hierarchy", "--json")
    assert [step["name"] for step in json.loads(out)["results"]["steps"]] == [
        "every layer",
        "curves of depth",
    ]


def test_wrong_uses_end_in_a_sentence_before_the_work(call, run, monkeypatch):
    monkeypatch.setattr(tasks, "layers", None)
    for asked, words in (
        (["--trace", 9999], "Held-out rows are numbered"),
        (["--beside", run], "say --hierarchy as well"),
        (["--hierarchy", "--beside", run], "stands here twice"),
        (["--hierarchy", "--beside", f"{run},{run}"], "stands here twice"),
        (["--estimate", "--trace", 9999], "Held-out rows are numbered"),
        (["--swap"], "say --trace ROW as well"),
    ):
        code, _, err = call("layers", run, *asked)
        assert code == 2
        assert words in err
