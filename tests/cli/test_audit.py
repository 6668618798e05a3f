import json

import pytest

from pellucid import tasks


def test_the_worst_comes_first_and_a_page_is_written(call, run, tmp_path):
    page = tmp_path / "audit.html"
    code, out, err = call(
        "audit", run, "--method", "saliency,input_x_gradient", "--rows", 30, "--fill", "mean", "--out", page
    )
    assert code == 0, err
    assert "On how many inputs is each map supported?" in out
    assert "untrained copy" in out
    assert "input_x_gradient: supported on" in err
    html = page.read_text()
    assert html.count("<figure") >= 5
    assert "What it does not say" in html
    assert "<script" not in html


def test_one_document(call, run):
    code, out, err = call(
        "audit", run, "--method", "saliency", "--rows", 24, "--fill", "mean", "--metric", "deletion", "--json"
    )
    assert code == 0, err
    found = json.loads(out)
    assert found["command"] == "audit"
    result = found["results"]
    assert [row["kind"] for row in result["rows"]] == [
        "method",
        "model-free",
        "control",
        "control",
        "control",
    ]
    assert result["rows"][0]["metrics"]["deletion"]["better"] == "low"
    assert len(result["sample"]) == 24


@pytest.mark.parametrize("long", [False, True])  # on a busy machine its length is told first
def test_what_is_wrong_is_told(call, run, monkeypatch, long):
    monkeypatch.setattr(tasks, "long_audit", lambda *_, **__: long)
    assert call("audit", run, "--method", "salience")[0] == 4
    code, _, err = call("audit", run, "--method", "saliency", "--metric", "fidelity")
    assert code == 2
    assert "infidelity" in err
    code, _, err = call("audit", run, "--method", "saliency", "--rows", 5)
    assert code == 2
    assert "20" in err
    code, _, err = call("audit", run, "--method", "grad_cam")
    assert code == 2, err
    assert "None of these methods fits this network: grad_cam." in err
