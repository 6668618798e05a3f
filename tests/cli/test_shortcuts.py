import json


def test_every_part_is_named_and_a_page_is_written(call, run, tmp_path):
    page = tmp_path / "shortcuts.html"
    code, out, err = call("shortcuts", run, "--part", "all", "--pairs", 40, "--out", page)
    assert code == 0, err
    assert "What decides alone?" in out
    assert "smoker" in out
    html = page.read_text()
    assert "What it does not say" in html
    assert "<script" not in html


def test_one_document(call, run):
    code, out, err = call("shortcuts", run, "--part", "all", "--pairs", 40, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["command"] == "shortcuts"
    first = found["results"]["suspicions"][0]
    assert {"word", "name", "follows", "control", "without", "alone", "n", "p"} <= set(first)
    assert first["cases"] is None or first["cases"]["rest"] == []


def test_wrong_words_are_told(call, run):
    code, _, err = call("shortcuts", run, "--part", "tset")
    assert code == 2
    assert "test" in err
    assert call("shortcuts", run, "--part", "all", "--method", "salience")[0] == 4
    code, _, err = call("shortcuts", run, "--rows", 10)
    assert code == 2
    assert "at least 40" in err


def test_an_audit_takes_it_along(call, run, tmp_path):
    page = tmp_path / "audit.html"
    code, out, err = call(
        "audit", run, "--method", "saliency", "--rows", 24, "--fill", "mean", "--metric", "sparseness",
        "--shortcuts", "--out", page,
    )  # fmt: skip
    assert code == 0, err
    assert "What decides alone?" in out
    assert 'id="shortcuts-0"' in page.read_text()
