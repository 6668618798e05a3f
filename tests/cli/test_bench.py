import json

import pytest
import torch
from torch import nn

from pellucid import attribution, evidence, tasks


def test_methods_find_what_was_planted_and_noise_does_not(call):
    code, out, err = call(
        "bench", "truth", "planted", "--method", "saliency,integrated_gradients", "--budget", 2000,
        "--no-twin", "--json",
    )  # fmt: skip
    assert code == 0, err
    for found in json.loads(out)["results"]:
        assert found["target"] == "log-odds"
        rows = {row["method"]: row for row in found["table"]}
        for name in ("saliency", "integrated_gradients"):
            assert rows[name]["magnitude"]["gain"]["low"] > 2
            assert rows[name]["magnitude"]["auc"]["low"] > 0.85
        assert rows["random"]["magnitude"]["gain"]["value"] < 1.4
        assert rows["random"]["baseline"]


def test_tables_for_people_and_for_documents(call, monkeypatch):
    network, x = nn.Linear(6, 2), torch.rand(30, 6, generator=torch.Generator().manual_seed(0))
    network.weight.data[:, 2:] = 0
    truth = torch.arange(6).expand(30, 6) < 2
    names = ("saliency", "grad_cam", "hires_cam", "kernel_shap")
    methods = {name: getattr(attribution, name) for name in names}

    def made(task, *, watch, compute, **rest):
        classes = torch.zeros(30, dtype=torch.int64)
        return (
            evidence.ground_truth(network, x, truth, classes, methods, task=task, budget=200, watch=watch),
        )

    monkeypatch.setattr(tasks, "truth", made)
    code, out, err = call("bench", "truth", "planted", "--markdown")
    assert code == 0, err
    assert "| saliency | 3.00 [3.00, 3.00] | 1.00 [0.89, 1.00] |" in out
    assert "| (random) |" in out
    assert "- Not measured. Needs pictures [N, C, H, W], got [1, 6]: `grad_cam`, `hires_cam`." in out
    assert "- Not measured. Too dear, in network rows an input, for a budget of 200: `kernel_shap` (6" in out
    assert "30 inputs, 2 network rows each" in err
    code, out, err = call("bench", "truth", "planted")
    assert code == 0, err
    assert "3.00 [3.00, 3.00]" in out
    assert "got [1, 6]: grad_cam, hires_cam." in out


def test_the_leaderboard_for_people_documents_and_programs(call, tmp_path):
    asked = ("bench", "truth", "suppressor", "--method", "saliency,occlusion,grad_cam", "--no-peers")
    asked = (*asked, "--seeds", 1, "--inputs", 8, "--out", tmp_path / "board")
    code, out, err = call(*asked)
    assert code == 0, err
    assert "1 of 1: suppressor, seed 0" in err
    assert "Not measured on suppressor: grad_cam (needs pictures [N, C, H, W])." in out
    assert "(label correlation)" in out
    assert "Chance: suppressor .17." in out
    code, out, err = call(*asked, "--json")
    assert (code, err) == (0, "")  # nothing is measured again
    found = json.loads(out)["results"]
    rows = {row["method"]: row for row in found["table"]}
    assert rows["saliency"]["rank"]["value"] == 1
    assert rows["chance"]["rank"]["value"] == pytest.approx(2 / 12)
    assert rows["label correlation"]["source"] == "no network"
    assert found == json.loads((tmp_path / "board" / "leaderboard.json").read_text(encoding="utf-8"))
    code, out, _ = call(*asked, "--markdown")
    assert code == 0
    assert "| saliency | 1.00 [1.00, 1.00] | 1.00 |" in out
    assert out == (tmp_path / "board" / "leaderboard.md").read_text(encoding="utf-8")
    code, _, err = call(*asked, "--inputs", 9)
    assert (code, "other settings (--inputs)" in err) == (2, True)


def test_an_estimate_of_the_leaderboard(call):
    asked = ("bench", "truth", "suppressor", "--method", "saliency", "--no-peers", "--seeds", 2)
    code, out, err = call(*asked, "--inputs", 4, "--estimate", "--json")
    assert code == 0, err
    plan = json.loads(out)["results"]
    assert (plan["forward"], plan["backward"]) == (10, 10)


def test_what_is_wrong_is_told(call, tmp_path):
    assert call("bench", "truth", "plantd")[0] == 2
    assert "Did you mean border" in call("bench", "truth", "xor,bordr")[2]
    assert "measured in one go" in call("bench", "truth", "planted", "--out", tmp_path)[2]
    assert "they take no data" in call("bench", "truth", "xor", "--data", tmp_path)[2]
    code, _, err = call("bench", "truth", "davis")
    assert code == 2
    assert "imagenet_ok" in err
    assert call("bench", "truth", "--method", "salency")[0] == 4
    assert call("bench", "truth", "--budget", 0)[0] == 2
