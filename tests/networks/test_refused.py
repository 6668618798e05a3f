"""What concept bottlenecks and prototype networks cannot read, said with what to take in its place."""

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.inputs import AudioSpec, TextSpec, WordTokenizer

KINDS = ("concepts", "prototypes")


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_left_to_networks_that_predict_them(kind):
    with pytest.raises(InputError, match=r"predicts a number .* classes only.*plain network.*'additive'"):
        pellucid.train("diabetes", network=kind)
    assert pellucid.train("diabetes", network="additive", epochs=1).spec.columns


@pytest.mark.parametrize("kind", KINDS)
def test_texts_and_waveforms_are_refused_with_what_reads_them(kind):
    words = WordTokenizer(("<pad>", "<unk>", "good", "bad"))
    texts = Dataset(
        "said", torch.randint(2, 4, (40, 5)), torch.arange(40) % 2, TextSpec(words, pad=0), ("no", "yes"),
        torch.arange(40) % 3,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"holds texts, .* Take the plain network or 'transformer'"):
        tasks.network_for(texts, kind=kind)
    waves = Dataset(
        "heard", torch.zeros(40, 1, 400), torch.arange(40) % 2, AudioSpec(8000), ("no", "yes"),
        torch.arange(40) % 3,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"holds waveforms, .* spectrogram"):
        tasks.network_for(waves, kind=kind)
