"""Texts on the command line: from a table to a run folder, and every command on it."""

import json

import pytest
import torch

import pellucid
from pellucid import tasks

GOOD, BAD = ["fine", "warm", "funny", "bright"], ["dull", "cold", "flat", "dreary"]
REST = ["film", "story", "actor", "scene", "end", "plot", "music", "camera", "town", "summer"]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """Texts of eight to twelve words, told apart by two of them."""
    path = tmp_path_factory.mktemp("texts") / "reviews.csv"
    draw = torch.Generator().manual_seed(0)
    lines = ["review,label"]
    for k in range(160):
        count = int(torch.randint(8, 13, (), generator=draw))
        words = [REST[int(i)] for i in torch.randint(10, (count,), generator=draw)]
        for place in torch.randperm(count, generator=draw)[:2].tolist():
            words[place] = (GOOD if k % 2 else BAD)[int(torch.randint(4, (), generator=draw))]
        lines.append(f"{' '.join(words)},{'good' if k % 2 else 'bad'}")
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def folder(reviews, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "reviews"
    tasks.train(reviews, answer="label", text="review", network=None, epochs=15, learning_rate=5e-3, out=run)
    return run


def test_train(call, reviews, tmp_path):
    code, out, err = call(
        "train", reviews, "--text", "review", "--target", "label", "--network", "gru", "--epochs", 1,
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert (code, out.strip()) == (0, str(tmp_path / "run"))
    assert "Vocabulary: 18 words" in err
    assert pellucid.open(tmp_path / "run").model.architecture.kind == "gru"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--target", "label"], "--text 'review'"),
        (["--text", "review"], "which column holds the answer"),
        (["--text", "review", "--target", "label", "--network", "grue"], "Did you mean gru?"),
        (["--text", "review", "--target", "label", "--activation", "gelu"], "has no activation to choose"),
    ],
)
def test_mistakes(call, reviews, tmp_path, given, words):
    code, _, err = call("train", reviews, *given, "--out", tmp_path / "run")
    assert code != 0
    assert words in " ".join(err.split())


def test_a_run_is_opened_as_it_was(folder):
    subject = pellucid.open(folder)
    x = subject.spec.encode(["fine warm film", "a dreary plot"])
    assert [subject.classes[k] for k in subject.model(x).argmax(1)] == ["good", "bad"]
    assert subject.spec.text(x[1]) == "⟨?⟩ dreary plot"


def test_explain(call, folder, tmp_path):
    code, out, _ = call("explain", folder, "--input", "0", "--method", "integrated_gradients,occlusion",
                        "--out", tmp_path / "why.png")  # fmt: skip
    assert code == 0
    assert (tmp_path / "why.png").stat().st_size > 2000
    subject = pellucid.open(folder)
    text = subject.spec.text(tasks.held_out(subject.data).inputs[0])
    deciding = next(word for word in text.split() if word in GOOD + BAD)
    assert deciding in out
    code, out, _ = call("explain", folder, "--input", "0,1", "--method", "deep_lift", "--json")
    assert code == 0
    assert json.loads(out)["command"] == "explain"


def test_rows_are_numbers_and_texts_are_inputs(folder):
    subject = pellucid.open(folder)
    x = subject.spec.encode(["fine warm film story end plot scene"])
    why = tasks.explain(subject, x, method="occlusion", cards=False)
    assert torch.equal(why.inputs, x)
    assert int(why.values[0].abs().argmax()) in (0, 1)
    assert len(tasks.explain(subject, [2, 3], method="occlusion", cards=False)) == 2


def test_layers(call, folder):
    code, out, _ = call("layers", folder)
    assert code == 0
    assert "embedding" in out
    assert "pixels" not in out


def test_what_does_not_suit_texts_says_what_does(call, folder):
    code, _, err = call("rules", folder)
    assert code != 0
    assert "pellucid explain" in " ".join(err.split())


def test_features_of_texts_are_lists_of_real_words(call, folder):
    code, out, _ = call("features", folder, "--units", "0", "--steps", "4")
    assert code == 0
    assert "real texts" in out or "real words" in out


def test_report(folder, tmp_path):
    page = pellucid.report(pellucid.open(folder), tmp_path / "reviews.html").read_text()
    assert "What it looks at in single cases was not computed" not in page
    assert "as the network reads them" in page
