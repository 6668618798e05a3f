"""A dossier about a network that hears: sounds are drawn, named and heard in every part of the page."""

import torch

from pellucid._core import Dataset, split
from pellucid.attribution import input_x_gradient
from pellucid.inputs import AudioSpec, mel_frequencies
from pellucid.networks import spectrogram_cnn
from pellucid.report import Case, Dossier
from pellucid.report._page import render


def test_a_page_about_sounds():
    spec = AudioSpec(
        8000, "spectrogram", frequencies=mel_frequencies(8, 50, 4000), hop=80, mean=(-40.0,), std=(20.0,)
    )
    x = torch.randn(20, 1, 8, 20, generator=torch.Generator().manual_seed(0))
    y = torch.arange(20) % 2
    data = Dataset("calls", x, y, spec, ("owl", "frog"), split(y, classes=True), answer="animal")
    network = spectrogram_cnn(8, 20, 2, widths=(4,)).eval()
    cases = tuple(
        Case(
            i,
            x[i : i + 1],
            "owl",
            "frog",
            "worst",
            (input_x_gradient(network, x[i : i + 1], 1, spec=spec),),
            0.8,
        )
        for i in range(2)
    )
    page = render(
        Dossier("calls", "classification", spec, "animal", classes=data.classes, data=data, cases=cases)
    )
    assert page.count("Input x gradient: Strongest for") >= 2
    assert "1 kHz" in page
    assert "20 example inputs" in page
    assert "0.00–0.02 s" in page
