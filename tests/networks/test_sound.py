"""Networks that hear: shapes, rebuilding, what training does and evaluation does not."""

import pytest
import torch

from pellucid._core import Dataset, split, untrained
from pellucid.attribution import deep_lift, integrated_gradients, lrp, saliency
from pellucid.errors import InputError
from pellucid.evidence import cards
from pellucid.inputs import AudioSpec, log_mel, mel_frequencies
from pellucid.networks import Architecture, LogMel, build, default_network, spectrogram_cnn, waveform_cnn
from pellucid.networks._sound import Blur, Gain

HEARING = {
    "spectrogram": lambda: spectrogram_cnn(16, 20, 3, widths=(4, 8), dropout=0.25, blur=0.1, gain=0.4),
    "within": lambda: spectrogram_cnn(
        16, 20, 3, widths=(4, 8), rate=8000, levels=(-40.0, 20.0), blur=0.1, hidden=6
    ),
    "waveform": lambda: waveform_cnn(1600, 3, widths=(4, 8), dropout=0.25),
}
INPUTS = {"spectrogram": (1, 16, 20), "within": (1, 1600), "waveform": (1, 1600)}


@pytest.mark.parametrize("name", HEARING)
def test_a_network_is_built_again_to_the_bit(name):
    network = HEARING[name]().eval()
    again = build(network.architecture).eval()
    x = torch.rand(3, *INPUTS[name])
    assert network(x).shape == (3, 3)
    assert torch.equal(network(x), again(x))
    assert all(not torch.equal(a, b) for a, b in zip(network(x), network(x.flip(-1)), strict=True))


def test_inside_and_outside_the_spectrogram_is_the_same():
    x = torch.randn(2, 1, 1600) / 4
    inside = spectrogram_cnn(16, 20, 3, widths=(4, 8), rate=8000, levels=(-40.0, 20.0)).eval()
    outside = spectrogram_cnn(16, 20, 3, widths=(4, 8)).eval()
    assert torch.allclose(inside(x), outside((log_mel(x, 8000, bins=16) + 40) / 20), atol=1e-5)


def test_a_network_of_waveforms_is_explained_in_time_and_pitch():
    network = spectrogram_cnn(16, 20, 3, widths=(4, 8), rate=8000, levels=(-40.0, 20.0)).double().eval()
    x = torch.randn(2, 1, 1600, dtype=torch.float64) / 4
    x[:, :, 800:] = 0
    levels = network.mel(x)
    silent = network.mel(torch.zeros_like(x))
    at = integrated_gradients(network, x, 1, at="mel", baseline=silent)
    plain = integrated_gradients(network[1:], levels, 1, baseline=silent)
    assert at.values.shape == (2, 1, 16, 20)
    assert torch.allclose(at.values, plain.values, atol=1e-9)
    # the second half is silence: it may not be credited
    assert float(at.values[..., 12:].abs().max()) < 1e-9 * float(at.values.abs().max() + 1)
    assert bool(saliency(network, x, 1).values.isfinite().all())
    assert saliency(network, torch.zeros(1, 1, 1600, dtype=torch.float64), 1).values.abs().max() == 0


@pytest.mark.parametrize("name", HEARING)
@pytest.mark.parametrize("method", [deep_lift, lrp], ids=lambda m: m.__name__)
def test_propagation_knows_every_operation(name, method):
    network = HEARING[name]().double().eval()
    x = torch.rand(2, *INPUTS[name], dtype=torch.float64)
    why = method(network, x, 1)
    assert bool(why.values.isfinite().all())
    if method is deep_lift:
        assert float(why.gap.abs().max()) < 1e-8


def test_blur_moves_and_hides_in_training_only():
    x = torch.rand(64, 1, 10, 40) + 1
    blur = Blur(0.1)
    torch.manual_seed(0)
    moved = blur.train()(x)
    assert torch.equal(blur.eval()(x), x)
    assert moved.shape == x.shape
    hidden = (moved == 0).float().mean()
    assert 0.05 < float(hidden) < 0.35
    kept = {round(v, 6) for v in x[3].flatten().tolist()} | {0.0}
    assert {round(v, 6) for v in moved[3].flatten().tolist()} <= kept
    with pytest.raises(InputError, match="share"):
        Blur(0.5)


def test_gain_is_smooth_over_pitch_and_in_training_only():
    x, gain = torch.randn(400, 2, 13, 6), Gain(0.4)
    torch.manual_seed(0)
    given = gain.train()(x) - x
    assert torch.equal(gain.eval()(x), x)
    # the same at every moment and in every channel, other in every sound
    assert torch.allclose(given, given[:, :1, :, :1].expand_as(given), atol=1e-6)
    curve = given[:, 0, :, 0]
    assert len(curve[:, 0].unique()) == 400
    # straight lines between four levels, each of the sd asked for
    for low in (0, 4, 8):
        line = torch.lerp(curve[:, low, None], curve[:, low + 4, None], torch.linspace(0, 1, 5))
        assert torch.allclose(curve[:, low : low + 5], line, atol=1e-5)
    assert curve[:, ::4].std() == pytest.approx(0.4, rel=0.1)
    with pytest.raises(InputError, match="gain"):
        Gain(-1.0)


def test_gain_belongs_to_spectrograms_alone_and_is_recorded():
    pitched = AudioSpec(8000, "spectrogram", frequencies=mel_frequencies(16, 50, 4000), hop=80)
    network = default_network(heard(pitched, (1, 16, 20)))
    assert network.architecture.params["gain"] == 0.4
    assert torch.equal(build(network.architecture).output.weight, network.output.weight)
    assert "gain" not in default_network(heard(AudioSpec(8000), (1, 1600))).architecture.params
    # a run from before gains were known is built without one
    old = {name: value for name, value in network.architecture.params.items() if name != "gain"}
    assert not any(isinstance(m, Gain) for m in build(Architecture("spectrogram_cnn", old)).modules())


def heard(spec, shape):
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(40) % 2
    return Dataset(
        "some", torch.randn(40, *shape, generator=generator), y, spec, ("a", "b"), split(y, classes=True)
    )


def test_the_default_network_follows_the_axes():
    pitched = AudioSpec(8000, "spectrogram", frequencies=mel_frequencies(16, 50, 4000), hop=80)
    network = default_network(heard(pitched, (1, 16, 20)))
    assert network.architecture.kind == "spectrogram_cnn"
    assert network(torch.zeros(2, 1, 16, 20)).shape == (2, 2)
    assert default_network(heard(AudioSpec(8000), (1, 1600))).architecture.kind == "waveform_cnn"
    small = default_network(heard(pitched, (1, 16, 3)))
    assert small.architecture.params["widths"] == [16]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: spectrogram_cnn(4, 63, 10), "bins and frames"),
        (lambda: waveform_cnn(100, 10), "samples"),
        (lambda: spectrogram_cnn(16, 16, 0, widths=(4,)), "outputs"),
        (lambda: waveform_cnn(4000, 2, activation="rellu"), "relu"),
        (lambda: LogMel(50), "rate"),
    ],
)
def test_what_cannot_be_is_refused(make, text):
    with pytest.raises(InputError, match=text):
        make()


def test_a_twin_has_other_weights_and_the_same_ears():
    network = HEARING["within"]().eval()
    twin = untrained(network, seed=1)
    assert torch.equal(twin.mel.waves, network.mel.waves)
    assert not torch.equal(twin.conv1.weight, network.conv1.weight)


def test_a_sound_gets_a_card():
    spec = AudioSpec(8000, std=(0.5,))
    network = waveform_cnn(800, 2, widths=(4, 4)).eval()
    x = torch.randn(3, 1, 800, generator=torch.Generator().manual_seed(0)) / 2
    why = integrated_gradients(network, x, 1, spec=spec, steps=8)
    (card, *_) = cards(network, why, integrated_gradients, target=1, spec=spec)
    assert any(check.word != "not run" for check in card.checks)
