"""Model folders of Hugging Face are opened offline and explained end to end; nothing in them runs."""

import json

import pytest
import torch

import pellucid
import zoo
from pellucid._core import predict
from pellucid.errors import LoadError
from pellucid.inputs import ImageSpec, TextSpec
from pellucid.loading import is_pretrained, open_pretrained

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "fine", "dull", "film"]


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers", reason="transformers is not installed (extra: text)")


@pytest.fixture
def bert(transformers, tmp_path):
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=9,
        max_position_embeddings=12, id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1},
    )  # fmt: skip
    model = zoo.seeded(lambda: transformers.BertForSequenceClassification(config))
    model.save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    return tmp_path, model


def test_a_text_model_is_explained_word_by_word(bert):
    folder, model = bert
    subject = pellucid.open(folder)
    assert subject.classes == ("bad", "good")
    assert isinstance(subject.spec, TextSpec)
    assert subject.spec.length == 12
    x = subject.spec.encode(["a fine film", "a dull dull film"])
    why = pellucid.explain(subject, x, method="integrated_gradients", cards=False)
    assert why.values.shape == x.shape
    # padding and special tokens are held
    assert not why.values[x == 0].any()
    mask = (x != 0).long()
    with torch.no_grad():
        wanted = model.eval()(input_ids=x, attention_mask=mask).logits
    torch.testing.assert_close(predict(subject.model, x, spec=subject.spec), wanted)


def test_a_picture_model_says_its_range_and_classes(transformers, tmp_path):
    config = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8,
        patch_size=4, id2label={0: "cat", 1: "dog", 2: "eel"},
    )  # fmt: skip
    zoo.seeded(lambda: transformers.ViTForImageClassification(config)).save_pretrained(tmp_path)
    settings = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": {"height": 8, "width": 8}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    subject = pellucid.open(str(tmp_path))
    assert isinstance(subject.spec, ImageSpec)
    assert subject.spec.mean == (0.5, 0.5, 0.5)
    assert subject.classes == ("cat", "dog", "eel")
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert pellucid.explain(subject, x, method="occlusion", cards=False).values.shape == x.shape


def test_what_cannot_be_opened_safely_is_refused(bert, tmp_path):
    folder, model = bert
    assert is_pretrained(folder)
    assert not is_pretrained(tmp_path / "nowhere")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "architectures": ["BertForMagic"]}))
    with pytest.raises(LoadError, match="never run"):
        open_pretrained(folder)
    other = {**settings, "architectures": ["BertForTokenClassification"], "num_labels": 5}
    other.pop("id2label")
    (folder / "config.json").write_text(json.dumps(other))
    with pytest.raises(LoadError, match="Bert"):
        open_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(LoadError, match="safetensors"):
        open_pretrained(folder)


ELSEWHERE = {
    "a kernel": ("config.json", {"_attn_implementation": "someone/kernel"}, "someone/kernel"),
    "a kernel of a part": ("config.json", {"text_config": {"attn_implementation": "a/b"}}, "a/b"),
    "a class that opens others": ("config.json", {"architectures": ["AutoModel"]}, "AutoModel"),
    "no list of architectures": ("config.json", {"architectures": 3}, "architecture"),
    "compressed weights": ("config.json", {"quantization_config": {"quant_method": "gptq"}}, "compressed"),
    "classes without numbers": ("config.json", {"id2label": {"x": "bad"}}, "cannot be opened"),
    "an adapter": ("adapter_config.json", {"base_model_name_or_path": "someone/net"}, "adapter"),
    "weights outside": (
        "model.safetensors.index.json",
        {"weight_map": {"w": "../x.safetensors"}},
        "same folder",
    ),
    "pickled parts": ("model.safetensors.index.json", {"weight_map": {"w": "x.bin"}}, "same folder"),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_would_look_outside_the_folder_is_refused(bert, kind):
    folder, _ = bert
    name, change, words = ELSEWHERE[kind]
    held = json.loads((folder / name).read_text()) if (folder / name).is_file() else {}
    (folder / name).write_text(json.dumps({**held, **change}))
    with pytest.raises(LoadError, match=words):
        open_pretrained(folder)


def test_the_code_of_a_folder_is_not_run(bert):
    folder, _ = bert
    flag = folder / "ran"
    (folder / "own.py").write_text(
        f"from pathlib import Path\nPath({str(flag)!r}).touch()\nclass Own: pass\n"
    )
    settings = json.loads((folder / "config.json").read_text())
    named = {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.Own"}
    (folder / "config.json").write_text(json.dumps({**settings, "auto_map": named}))
    own = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(own))
    (folder / "tokenizer.json").unlink(missing_ok=True)
    with pytest.raises(LoadError, match="tokenizer"):
        open_pretrained(folder)
    assert not flag.exists()


def test_nothing_is_drawn_while_a_model_loads_and_settings_stay(bert, transformers, capfd):
    logging = transformers.utils.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    assert before[1]
    capfd.readouterr()
    open_pretrained(bert[0])
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    (bert[0] / "model.safetensors").unlink()
    with pytest.raises(LoadError, match="no safetensors"):
        open_pretrained(bert[0])
    assert logging.is_progress_bar_enabled()
