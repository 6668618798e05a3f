"""Networks of one's own on texts and sounds of one's own, by the command line alone."""

import json
import wave

import numpy as np
import pytest
import torch
from torch import nn
from typer.main import get_command

import pellucid
from pellucid import tasks
from pellucid.cli._app import app
from pellucid.errors import InputError
from pellucid.inputs import TextSpec
from pellucid.loading import open_program

WORDS = ("fine", "warm", "dull", "cold", "film", "plot", "scene", "end")
CODE = '''
import torch
from torch import nn
from pellucid.inputs import TextSpec
WORDS = {words}
class Net(nn.Module):
    """Counts fine words against dull ones."""
    def __init__(self):
        super().__init__()
        self.embed, self.act, self.last = nn.Embedding(10, 2), nn.ReLU(), nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.embed.weight.zero_()
            self.embed.weight[2:4, 0] = 1.0
            self.embed.weight[4:6, 1] = 1.0
            self.last.weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    def forward(self, input_ids, attention_mask=None):
        return self.last(self.act(self.embed(input_ids)).sum(1))
class Tone(nn.Module):
    """Quick changes against slow ones."""
    def __init__(self):
        super().__init__()
        self.same = nn.Identity()
    def forward(self, x):
        quick = (x[..., 1:] - x[..., :-1]).square().mean((1, 2))
        slow = self.same(x).square().mean((1, 2))
        return torch.stack([quick - 0.2 * slow, 0.2 * slow - quick], 1)
def net(): return Net()
tone = Tone()
def split(text): return text.split()
spec = TextSpec(split, vocabulary=("<pad>", "<unk>", *WORDS), pad=0, unk=1)
def numbers(text): return [2 + WORDS.index(w) if w in WORDS else 1 for w in text.split()]
def rows(): return torch.rand(12, 1, 160), torch.arange(12) % 2
def needy(x): return x
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A file of code and a table of texts that it answers rightly."""
    root = tmp_path_factory.mktemp("own")
    (root / "my.py").write_text(CODE.format(words=WORDS))
    draw = torch.Generator().manual_seed(0)
    lines = ["review,label"]
    for k in range(60):
        count = int(torch.randint(4, 7, (), generator=draw))
        words = [WORDS[4 + int(i)] for i in torch.randint(4, (count,), generator=draw)]
        words[int(torch.randint(count, (), generator=draw))] = WORDS[(0 if k % 2 else 2) + k % 4 // 2]
        lines.append(f"{' '.join(words)},{'good' if k % 2 else 'bad'}")
    (root / "texts.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Low and high tones of half full scale."""
    root = tmp_path_factory.mktemp("tones")
    for k in range(12):
        with wave.open(str(root / f"{('low', 'high')[k % 2]}_{k}.wav"), "wb") as file:
            file.setparams((1, 2, 1600, 0, "NONE", ""))
            tone = np.sin(2 * np.pi * (40, 500)[k % 2] * np.arange(160 + k % 3) / 1600 + k)
            file.writeframes((tone * 16384).astype("<i2").tobytes())
    return root


def texts(place, *, tokenizer="my.py:spec", answer="label"):
    return (f"{place}/my.py:net", "--data", place / "texts.csv", "--text", "review", "--answer", answer,
            "--tokenizer", f"{place}/{tokenizer}")  # fmt: skip


def test_texts_are_explained_by_their_words(call, place):
    code, out, err = call("explain", *texts(place), "--method", "occlusion", "--json", "--no-evidence")
    assert code == 0
    assert "Of 60 rows it answers 60 rightly. Its outputs are taken in the order bad, good." in err
    subject = pellucid.open(f"{place}/my.py:net", data=place / "texts.csv", text="review", answer="label",
                            tokenizer=f"{place}/my.py:spec")  # fmt: skip
    first = tasks.held_out(subject.data).inputs[:1]
    values = torch.tensor(json.loads(out)["results"][0]["values"])
    deciding = subject.spec.tokens(first)[0][int(values[0].abs().argmax())]
    assert deciding in WORDS[:4]


def test_outputs_in_another_order(call, place):
    _, _, err = call("explain", *texts(place, answer="label=good,bad"), "--no-evidence")
    assert "Of 60 rows it answers 0 rightly" in err
    assert "are taken in the order" not in err


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("features act --units 0 --steps 2", "unit 0"),
        ("layer embed", "embed"),
        ("layers", "embed"),
        ("influence", "Training rows behind"),
        ("nearest --at embed", "Nearest in embed"),
        ("anchor --row 1", "If fine = there"),
        ("rules --site act --regrown 0", "act unit"),
        ("decision", "What holds the answer"),
    ],
)
def test_other_commands_read_them_alike(call, place, command, word):
    name, *rest = command.split()
    model, *data = texts(place)
    code, out, err = call(name, model, *rest, *data)
    assert (code, "answers 60 rightly" in err, word in out) == (0, True, True), out + err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("rules", "this network reads texts: a rule about single words would say little. Say --site"),
        ("counterfactual", "this network reads texts. Look at the nearest real inputs"),
        ("reasons", "otherwise: pellucid explain."),
        ("nearest", "another one (--at): embed, act"),
        ("dissect act --masks m.zip", "this network reads texts."),
        ("atlas act", "this network reads texts."),
    ],
)
def test_what_is_not_for_texts_says_what_is(call, place, command, words):
    name, *rest = command.split()
    model, *data = texts(place)
    code, _, err = call(name, model, *rest, *data)
    assert (code, words in " ".join(err.split())) == (2, True), err


def test_a_decision_says_what_it_left_out_as_it_is_typed(call, place):
    _, _, err = call("decision", *texts(place))
    assert "with another answer: pellucid nearest." in err
    assert "pellucid nearest takes the name of another one (site= in Python): embed, act" in err


def _leaves(command):
    inner = getattr(command, "commands", None)
    return [command] if inner is None else [leaf for each in inner.values() for leaf in _leaves(each)]


def test_a_command_that_takes_data_takes_texts_and_sounds_too():
    spelled = [{opt for each in leaf.params for opt in each.opts} for leaf in _leaves(get_command(app))]
    examining = [opts for opts in spelled if {"--data", "--answer"} <= opts]
    assert len(examining) >= 20
    assert all({"--text", "--tokenizer", "--sound"} <= opts for opts in examining)


EXPECTED = """
[[expect]]
kind = "accuracy"
at_least = 0.5
"""


def test_a_file_of_expectations_names_texts_and_their_tokenizer(call, place, monkeypatch):
    said = 'model = "my.py:net"\ndata = "texts.csv"\ntext = "review"\ntokenizer = "my.py:spec"\n'
    (place / "texts.toml").write_text(f'{said}answer = "label"\n{EXPECTED}')
    code, out, err = call("check", place / "texts.toml")  # its paths start at the file
    assert (code, "answers 60 rightly" in err, "1 passed" in out) == (0, True, True), err
    code, _, err = call("check", place / "texts.toml", "--answer", "label=good,bad")
    assert (code, "answers 0 rightly" in err) == (5, True), err


def test_a_file_of_expectations_names_sounds(call, place, sounds, tmp_path):
    said = f'model = "{place}/my.py:tone"\ndata = "{sounds}"\n'
    read = 'sound = ["front=waveform", "pattern={label}_{take}", "scale=none"]\n'
    (tmp_path / "tones.toml").write_text(f"{said}{read}{EXPECTED.replace('0.5', '0.1')}")
    code, out, err = call("check", tmp_path / "tones.toml")
    assert (code, "answers 12 rightly" in err, "1 passed" in out) == (0, True, True), err
    (tmp_path / "tones.toml").write_text(f"{said}{read.replace('front', 'fromt')}{EXPECTED}")
    code, _, err = call("check", tmp_path / "tones.toml")
    assert (code, "knows no 'fromt'. Did you mean front?" in err) == (2, True), err


def test_a_report(call, place, tmp_path):
    code, _, err = call("report", *texts(place), "--out", tmp_path / "page.html")
    assert code == 0, err
    page = (tmp_path / "page.html").read_text()
    assert "film" in page
    assert f"--tokenizer {place}/my.py:spec --out" in page  # what makes the page again says all that was said


def test_a_saved_program_is_read_alike(call, place, tmp_path):
    net = nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.Linear(18, 2))
    file = tmp_path / "net.pt2"
    rows = {0: torch.export.Dim("n", min=1)}
    torch.export.save(torch.export.export(net, (torch.ones(4, 6).long(),), dynamic_shapes=(rows,)), file)
    ids = torch.randint(10, (5, 6), generator=torch.Generator().manual_seed(1))
    assert torch.allclose(open_program(file)(ids), net(ids))
    code, _, err = call("explain", file, *texts(place)[1:], "--method", "saliency,lrp", "--no-evidence")
    assert code == 0, err


def test_tied_tables_keep_their_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(6, 3)
            self.own = nn.Parameter(torch.rand(6, 3))

        def forward(self, ids):
            vectors = self.table(ids) + nn.functional.embedding(ids, self.own) + self.own[:1]
            return vectors.sum(1) @ self.table.weight.T

    from pellucid.loading._program_tables import with_tables

    net, ids = Tied(), torch.randint(6, (4, 3))
    program = with_tables(torch.export.export(net, (ids,)).module())
    assert torch.allclose(program(ids), net(ids))
    tables = {name for name, module in program.named_modules() if isinstance(module, nn.Embedding)}
    assert tables == {"table", "own_table"}
    assert program.table.weight is program.get_parameter("table.weight")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--tokenizer": None}, "(--tokenizer): a folder of Hugging Face"),
        ({"--tokenizer": "my.py:spce"}, "Did you mean spec?"),
        ({"--tokenizer": "my.py:numbers"}, "TextSpec(numbers, pad=0, unk=1)"),
        ({"--tokenizer": "my.py:WORDS"}, "it is of type tuple"),
        ({"--tokenizer": "my.json"}, "is no tokenizer"),
        ({"--tokenizer": "."}, "holds no tokenizer"),
        ({"--text": "reviw"}, "no column 'reviw' for --text. Did you mean review?"),
        ({"--text": None}, "which column holds the text to read"),
        ({"--answer": "label=good,bda"}, "'bad' is none of the classes of the network (good, bda)"),
        ({"--data": None}, "give --data too"),
        ({"--sound": "rate=8000"}, "Texts and sounds were asked for at once"),
    ],
)
def test_mistakes_with_texts(call, place, change, words):
    model, *rest = texts(place)
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    name, value = next(iter(change.items()))
    options[name] = f"{place}/{value}" if name == "--tokenizer" and value else value
    given = [part for pair in options.items() if pair[1] is not None for part in pair]
    code, _, err = call("explain", model, *given)
    assert (code != 0, words in " ".join(err.split())) == (True, True), err


def test_a_tokenizer_of_hugging_face(call, place, tmp_path):
    library = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    known = {word: k for k, word in enumerate(("[PAD]", "[UNK]", *WORDS))}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    library.PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(tmp_path / "folder")
    for given in (tmp_path / "tokenizer.json", tmp_path / "folder"):
        code, _, err = call("explain", *texts(place)[:-1], given, "--method", "occlusion", "--no-evidence")
        assert (code, "answers 60 rightly" in err) == (0, True), err
    subject = pellucid.open(f"{place}/my.py:net", data=place / "texts.csv", text="review", answer="label",
                            tokenizer=tmp_path / "folder")  # fmt: skip
    assert (subject.spec.ids_name, subject.spec.mask_name) == ("input_ids", "attention_mask")


def test_a_run_reads_other_texts_as_it_learned_to(call, place, tmp_path):
    run = tmp_path / "run"
    own = tasks.train(place / "texts.csv", answer="label", text="review", epochs=1, out=run)
    other = tmp_path / "other.csv"
    long = "plot fine plot fine fine plot end end end end"
    other.write_text(f"review,label\n{long},good\nzebra dull,bad\n")
    found = pellucid.open(run, data=other, text="review").data.part("test")
    assert found.spec.tokenizer == own.spec.tokenizer
    assert [found.classes[k] for k in found.answers] == ["good", "bad"]
    assert found.spec.decode(found.inputs) == [
        " ".join(long.split()[: own.spec.length]), "⟨?⟩ dull"
    ]  # fmt: skip
    code, _, err = call("explain", f"{place}/my.py:net", "--data", other, "--text", "review", "--answer",
                        "label", "--tokenizer", run, "--method", "occlusion", "--no-evidence")  # fmt: skip
    assert code in (0, 4), err  # a vocabulary of the run's own fits this table by chance only


def test_sounds_go_in_as_they_lie_in_the_file(call, place, sounds):
    settings = ("--sound", "front=waveform", "--sound", "pattern={label}_{take}", "--sound", "scale=none")
    model = f"{place}/my.py:tone"
    code, _, err = call(
        "explain", model, "--data", sounds, *settings, "--method", "occlusion", "--no-evidence"
    )
    assert code == 0, err
    assert "Sounds go into the network as they lie in the file, ±1. Of 12 rows it answers 12 rightly." in err
    heard = tasks.Heard("{label}_{take}", None, "waveform", scale="none")
    subject = pellucid.open(model, data=sounds, heard=heard)
    assert 0.45 < float(subject.data.inputs.abs().max()) < 0.51
    assert subject.classes == ("high", "low")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("nearest --at same", "Nearest in same"),
        ("rules --regrown 0", "mean level of a stretch of sound"),
        ("anchor", "What holds the answer"),
        ("influence", "Tone has no dense layer"),
    ],
)
def test_other_commands_hear_alike(call, place, sounds, command, words):
    name, *rest = command.split()
    settings = ("--sound", "front=waveform", "--sound", "pattern={label}_{take}", "--sound", "scale=none")
    _, out, err = call(name, f"{place}/my.py:tone", *rest, "--data", sounds, *settings)
    assert words in out + err


def test_what_the_network_cannot_take_is_named(call, place, sounds, tmp_path):
    (tmp_path / "flat.py").write_text("from torch import nn\nnet = nn.Conv1d(1, 2, 3)\n")
    given = ("--data", sounds, "--sound", "pattern={label}_{take}")
    code, _, err = call("explain", tmp_path / "flat.py:net", *given)
    assert code == 4
    assert "Its inputs here are spectrograms of 1 × 40 × 11" in " ".join(err.split())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["rte=3"], "--sound knows no 'rte'. Did you mean rate?"),
        (["rate=fast"], "--sound rate= takes a number"),
        (["rate"], "such as --sound rate=16000"),
        (["front=wave"], "--sound front='wave' is not known. Did you mean waveform?"),
        ([], '--sound pattern="{label}_{speaker}_{take}"'),
    ],
)
def test_mistakes_with_sounds(call, place, sounds, settings, words):
    given = [part for setting in settings for part in ("--sound", setting)]
    code, _, err = call("explain", f"{place}/my.py:tone", "--data", sounds, *given)
    assert (code, words in " ".join(err.split())) == (2, True), err


def test_a_run_reads_other_sounds_as_it_learned_to(sounds, tmp_path):
    heard = tasks.Heard("{label}_{take}", front="waveform", seconds=0.1)
    own = tasks.train(tasks.dataset_of(sounds, heard=heard), epochs=1, out=tmp_path / "run")
    other = tmp_path / "other"
    for name in ("low_0", "high_1", "low_2", "high_3", "low_4", "high_5"):
        (other / name.partition("_")[0]).mkdir(parents=True, exist_ok=True)
        (other / name.partition("_")[0] / f"{name}.wav").write_bytes((sounds / f"{name}.wav").read_bytes())
    found = pellucid.open(tmp_path / "run", data=other).data
    assert found.spec.std == own.spec.std
    peaks = found.inputs.abs().amax((1, 2)) * own.spec.std[0]
    assert torch.allclose(peaks, torch.ones(len(peaks)), atol=1e-4)


def test_data_named_in_code(call, place):
    code, _, err = call("explain", f"{place}/my.py:tone", "--data", f"{place}/my.py:needy")
    assert code == 2
    assert "needs x" in err
    code, _, err = call("explain", f"{place}/my.py:tone", "--data", f"{place}/my.py:rws")
    assert "Did you mean rows?" in err
    x, y = torch.ones(4, 3, dtype=torch.int64), torch.tensor([0, 1, 0, 1])
    spec = TextSpec(str.split, vocabulary=("<pad>", "<unk>", *WORDS), pad=0, unk=1)
    found = pellucid.data.arrays(x, y, spec=spec)
    assert found.inputs.dtype == torch.int64


def test_data_of_another_kind_are_a_sentence(call, patients, run, tmp_path):
    digits = tmp_path / "digits"
    tasks.train("digits", epochs=1, out=digits)
    code, _, err = call("explain", digits, "--data", patients, "--answer", "outcome")
    assert code == 2
    assert "The network reads pictures, and patients holds rows of a table of 3 columns" in err
    code, _, err = call("explain", run, "--data", "wine")
    assert "The network reads the columns age, smoker, pressure; wine holds alcohol" in err
    code, _, err = call("explain", run, "--data", patients, "--text", "smoker")
    assert "leave --text away" in err
    code, _, err = call("explain", digits, "--data", patients, "--sound", "rate=3")
    assert "leave --sound rate= away" in err
    with pytest.raises(InputError, match="reads pictures"):
        pellucid.open(digits, data=pellucid.open(run).data)


def test_pictures_go_in_on_the_scale_that_was_learned(tmp_path):
    from PIL import Image

    def folder(root, shades):
        for k in range(8):
            place = root / ("dark", "light")[k % 2]
            place.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), shades[k % 2] + k).save(place / f"{k}.png")
        return root

    own = tasks.train(folder(tmp_path / "a", (20, 200)), epochs=1, out=tmp_path / "run")
    found = pellucid.open(tmp_path / "run", data=folder(tmp_path / "b", (100, 140))).data.part("test")
    pixels = own.spec.to_pixels(found.inputs)[:, 0, 0, 0] * 255
    assert sorted(pixels.round().int().tolist()) == [100, 102, 104, 106, 141, 143, 145, 147]
