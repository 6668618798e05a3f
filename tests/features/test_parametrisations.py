"""Parametrisations against slow loops written from their recipes, and what they promise of their pictures."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import InputError
from pellucid.features import activation_maximization
from pellucid.features._choice import statistics_of
from pellucid.features._colour import Colour
from pellucid.features._covariance import Covariance
from pellucid.features._fourier import Fourier
from pellucid.features._phase import Phase
from pellucid.features._spectrum import Spectrum
from pellucid.features._statistics import quantiles
from pellucid.inputs import AudioSpec

SHAPES = [(3, 8, 8), (1, 9, 6), (2, 24), (13, 6, 6), (1, 4, 6, 8)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(count: int, *shape: int) -> Tensor:
    """Pictures whose channels go together and whose neighbours are alike."""
    data = noise(count, *shape)
    for axis in range(2, data.ndim):
        data = data + data.roll(1, axis) + data.roll(-1, axis)
    return data + data.mean(1, keepdim=True) * 2


def slow_colour(plain: Tensor, data: Tensor) -> Tensor:
    """Plain channels ``[C, P]`` as values, pixel by pixel, in the colours of flat data ``[n, C, P]``."""
    low, high = data.amin((0, 2)), data.amax((0, 2))
    share = ((data - low[:, None]) / (high - low)[:, None]).clamp(0.02, 0.98)
    bent = (share / (1 - share)).log().movedim(1, 2).flatten(0, 1)
    mean = bent.mean(0)
    values, vectors = torch.linalg.eigh(((bent - mean).T @ (bent - mean) / len(bent)).double())
    root = (vectors @ values.sqrt().diag()).float()
    made = torch.empty_like(plain)
    for pixel in range(plain.shape[1]):
        coloured = mean + root @ plain[:, pixel]
        made[:, pixel] = low + (high - low) / (1 + (-coloured).exp())
    return made


def slow_inverse(waves: Tensor, space: tuple[int, ...]) -> Tensor:
    """Sum of waves ``[C, *half]`` and their mirror images at every pixel ``[C, P]``, as defined."""
    axes = [torch.arange(side, dtype=torch.float64) for side in space]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)
    made = torch.zeros(len(waves), grid.shape[1], dtype=torch.float64)
    for index in torch.cartesian_prod(*(torch.arange(side) for side in waves.shape[1:])).view(-1, len(space)):
        angle = 2 * math.pi * sum(grid[k] * float(index[k]) / side for k, side in enumerate(space))
        value = waves[(slice(None), *index.tolist())].to(torch.complex128)
        last, side = int(index[-1]), space[-1]
        # the half of the frequencies that is left out mirrors the other
        twice = 1.0 if last == 0 or 2 * last == side else 2.0
        made += twice * (value.real[:, None] * angle.cos() - value.imag[:, None] * angle.sin())
    return (made / math.sqrt(math.prod(space))).float()


def hermitian(waves: Tensor, space: tuple[int, ...]) -> Tensor:
    """The part of ``[C, *half]`` that a real picture can have."""
    axes = tuple(range(-len(space), 0))
    return torch.fft.rfftn(torch.fft.irfftn(waves, s=space, dim=axes), dim=axes)


@pytest.mark.parametrize("shape", SHAPES)
def test_fourier_is_the_sum_of_weighed_waves_in_the_colours_of_the_data(shape: tuple[int, ...]) -> None:
    data, space = smooth(40, *shape), shape[1:]
    kept = Fourier.of(data)
    latents = noise(2, *kept.latent, seed=1)
    half = [torch.fft.fftfreq(side) for side in space[:-1]] + [torch.fft.rfftfreq(space[-1])]
    weight = torch.zeros(*(len(axis) for axis in half))
    for index in torch.cartesian_prod(*(torch.arange(len(axis)) for axis in half)).view(-1, len(space)):
        length = math.sqrt(sum(float(half[k][i]) ** 2 for k, i in enumerate(index)))
        weight[tuple(index.tolist())] = 1 / max(length, 1 / max(space))
    weight /= float(weight.flatten()[0] / kept.weight.flatten()[0])  # the gain is tested below
    for one, made in zip(latents, kept.make(latents), strict=True):
        waves = hermitian(torch.complex(one[..., 0], one[..., 1]) * weight, space)
        plain = slow_inverse(waves, space)
        assert torch.allclose(slow_colour(plain, data.flatten(2)), made.flatten(1), atol=2e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_phase_is_the_recipe_of_magnitude_constrained_pictures(shape: tuple[int, ...]) -> None:
    data, space = smooth(40, *shape), shape[1:]
    kept = Phase.of(data)
    latents = noise(2, *kept.latent, seed=2)
    for one, made in zip(latents, kept.make(latents), strict=True):
        angle = torch.atan2(one[..., 1], one[..., 0])
        waves = torch.complex(kept.magnitude * angle.cos(), kept.magnitude * angle.sin())
        plain = slow_inverse(hermitian(waves, space), space)
        plain = (plain - plain.mean()) / plain.std(correction=0)
        assert torch.allclose(slow_colour(plain, data.flatten(2)), made.flatten(1), atol=2e-4)


def test_the_magnitude_of_phase_is_the_mean_over_the_data() -> None:
    data = smooth(30, 1, 8, 8)
    kept = Phase.of(data)
    low, high = data.min(), data.max()
    share = ((data - low) / (high - low)).clamp(0.02, 0.98)
    bent = (share / (1 - share)).log()
    plain = (bent - bent.mean()) / bent.std(correction=0)
    slow = torch.stack([torch.fft.rfft2(one[0]).abs() / 8 for one in plain]).mean(0)
    assert torch.allclose(kept.magnitude[0], slow, rtol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_fourier_latents_of_variance_one_give_plain_pixels_of_variance_one(shape: tuple[int, ...]) -> None:
    kept = Fourier.of(smooth(30, *shape))
    plain = kept.colour.plain(kept.make(noise(400, *kept.latent)))
    # values at the ends of the range lose some
    assert 0.7 < float(plain.var()) < 1.15


@pytest.mark.parametrize("channels", [1, 2, 3, 13])
@pytest.mark.parametrize("kind", [Fourier, Phase])
def test_made_pictures_have_the_colours_of_the_data(kind: type[Fourier | Phase], channels: int) -> None:
    data = smooth(300, channels, 8, 8)
    kept = kind.of(data)
    made = kept.make(noise(300, *kept.latent, seed=4))
    assert (made >= data.amin((0, 2, 3))[:, None, None]).all()
    assert (made <= data.amax((0, 2, 3))[:, None, None]).all()
    one, other = (torch.cov(x.movedim(1, 0).flatten(1)).view(channels, channels) for x in (made, data))
    assert float((one - other).norm() / other.norm()) < 0.25
    assert ((made.mean((0, 2, 3)) - data.mean((0, 2, 3))).abs() < 0.25 * data.std((0, 2, 3))).all()


@pytest.mark.parametrize("kind", [Fourier, Phase])
@pytest.mark.parametrize("shape", SHAPES)
def test_real_inputs_are_found(kind: type[Fourier | Phase], shape: tuple[int, ...]) -> None:
    data = smooth(60, *shape)
    kept = kind.of(data)
    away, found = (
        (x - data.mean(0)).flatten(1) for x in (data[:20], kept.make(kept.find(data[:20])).detach())
    )
    alike = torch.cosine_similarity(away, found)
    # the phase alone gives the shape of a picture, the waves all of it but its very ends
    assert alike.min() > (0.98 if kind is Fourier else 0.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_frequency_of_the_spectrum_stays_inside_its_band(shape: tuple[int, ...]) -> None:
    data, space = smooth(200, *shape), shape[1:]
    kept = Spectrum.of(data)
    made = kept.make(3 * noise(60, *kept.latent))
    whole = ((made > kept.low) & (made < kept.high)).flatten(1).all(1)
    away = made[whole] - kept.mean
    axes = tuple(range(2, made.ndim))
    waves = torch.fft.rfftn(torch.einsum("kc,nc...->nk...", torch.linalg.inv(kept.mix), away), dim=axes)
    assert len(waves) >= 5
    # a wave that is its own mirror image is real, so its phase is no longer free and it may be shorter
    assert (waves.abs() / math.sqrt(math.prod(space)) <= kept.large * 1.01 + 1e-5).all()
    reach = (data - data.mean(0)).flatten(1).norm(dim=1).quantile(0.95)
    assert away.flatten(1).norm(dim=1).max() <= reach * 1.001


def test_the_covariance_of_few_rows_is_that_of_the_products_of_the_rows() -> None:
    data = smooth(40, 1, 10, 10)
    few, many = Covariance.of(data), Covariance.of(torch.cat([data] * 3))  # 40 < 100 < 120
    shared = min(len(few.scale), len(many.scale), 30)
    assert torch.allclose(few.scale[:shared], many.scale[:shared], rtol=1e-3)
    latents = noise(5, 20)
    padded = [torch.nn.functional.pad(latents, (0, len(each.scale) - 20)) for each in (few, many)]
    signs = (few.basis[:, :20] * many.basis[:, :20]).sum(0).sign()
    padded[1] = torch.cat([latents * signs, padded[1][:, 20:]], 1)
    assert torch.allclose(few.make(padded[0]), many.make(padded[1]), atol=0.05)


def test_quantiles_are_taken_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    values = noise(9, 3, 50)
    module = sys.modules["pellucid.features._statistics"]
    assert vars(module)["PORTION"] < 2**24  # torch takes no quantile of more numbers at once
    monkeypatch.setattr(module, "PORTION", 40)
    found = quantiles(values, (0.05, 0.95))
    for quantile, share in zip(found, (0.05, 0.95), strict=True):
        slow = [torch.quantile(values[:, k, j], share) for k in range(3) for j in range(50)]
        assert torch.allclose(quantile.flatten(), torch.stack(slow))


def test_colours_survive_a_channel_that_never_changes() -> None:
    data = smooth(30, 2, 6, 6)
    data[:, 1] = 3.0
    made = Colour.of(data).paint(noise(4, 2, 6, 6))
    assert made.isfinite().all()
    assert torch.allclose(made[:, 1], torch.full_like(made[:, 1], 3.0))


def test_auto_takes_what_can_be_estimated() -> None:
    small, large = noise(20, 1, 8, 8), noise(20, 1, 40, 40)
    sound = AudioSpec(8000, front="spectrogram", frequencies=tuple(range(100, 4100, 100)), hop=80)
    assert statistics_of(small, "auto", None).kind == "covariance"
    assert statistics_of(large, "auto", None).kind == "spectrum"
    assert statistics_of(large, "auto", sound).kind == "covariance"
    assert statistics_of(noise(20, 5), "auto", None).kind == "marginals"


@pytest.mark.parametrize("kind", ["fourier", "phase", "spectrum", "covariance"])
@pytest.mark.parametrize("shape", [(2, 10, 10), (13, 10, 10), (1, 40), (1, 6, 6, 6)])
def test_every_parametrisation_climbs_on_any_shape(kind, shape: tuple[int, ...]) -> None:
    convolution = {2: nn.Conv1d, 3: nn.Conv2d, 4: nn.Conv3d}[len(shape)]
    torch.manual_seed(0)
    net = nn.Sequential(convolution(shape[0], 3, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    data = smooth(40, *shape)
    net(data[:1])
    made = activation_maximization(net, "3", data=data, statistics=kind, steps=20, untrained_control=False)
    assert made.pictures.shape == (2, 2, *shape)
    assert made.params["statistics"] == kind
    with torch.no_grad():
        typical = net(data).mean(0)
    assert (made.reached > typical[:, None]).all()


def test_the_free_one_shows_why_not() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    data = smooth(200, 1, 8, 8)
    free, kept = (
        activation_maximization(net, "1", data=data, statistics=kind, steps=128, untrained_control=False)
        for kind in ("free", "covariance")
    )
    assert free.ratio.median() > 5 * kept.ratio.median()
    assert free.distance.median() > 5 * kept.distance.median()
    assert "supported" not in free.words


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (noise(20, 5), "fourier", "does not go with rows of a table"),
        (noise(20, 1, 5, 5), "marginals", "does not go with pictures and signals"),
        (noise(20, 1, 5, 5), "fourrier", "Did you mean fourier"),
    ],
)
def test_what_does_not_go_is_refused(data: Tensor, kind: str, text: str) -> None:
    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(2))
    net(data[:1])
    with pytest.raises(InputError, match=text):
        activation_maximization(net, "1", data=data, statistics=kind, steps=1)  # pyright: ignore
