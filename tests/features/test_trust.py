"""What pictures tell, which way they go, and whether they hold elsewhere, against slow loops."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from pellucid import figures
from pellucid._core import Compute, load, save
from pellucid.errors import InputError
from pellucid.features import activation_maximization
from pellucid.features._nearness import Nearness
from pellucid.features._objectives import Logit, Unit
from pellucid.features._paths import before, paths
from pellucid.features._shifts import over_shifts
from pellucid.features._transfer import transfer
from pellucid.features._two_choice import Pairs
from pellucid.networks import cnn

HOW = Compute(7)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def near(sample: Tensor) -> Nearness:
    return Nearness.of(sample, torch.arange(len(sample)), standardised=False)


def test_two_choices_against_all_pairs() -> None:
    sample, values = noise(60, 5), noise(2, 60, seed=1).double()
    shown = noise(2, 3, 5, seed=2)
    pairs, alike = Pairs.of(values, 4), near(sample).likeness(shown)
    mean = sample.mean(0)
    for unit in range(2):
        ranked = values[unit].argsort(descending=True)
        strong, weak = ranked[4:14], (values[unit] <= values[unit].sort().values[29]).nonzero().flatten()
        assert pairs.models[unit].tolist() == ranked[:4].tolist()
        sure = torch.stack(
            [torch.cosine_similarity(sample - mean, each - mean) for each in shown[unit]]
        ).mean(0)
        won = [float(sure[a] > sure[b]) + float(sure[a] == sure[b]) / 2 for a, b in product(strong, weak)]
        assert pairs.told(alike)[unit] == pytest.approx(sum(won) / len(won))
    assert torch.allclose(pairs.others(alike), pairs.told(alike.roll(1, 0)))


def test_a_unit_without_strong_inputs_has_no_pairs() -> None:
    values = torch.zeros(1, 50).double()
    values[0, :12] = 1
    pairs = Pairs.of(values, 8)  # 4 are left above the median
    assert pairs.told(torch.zeros(1, 50)).isnan().all()
    assert all(end.isnan().all() for end in pairs.intervals(pairs.told(torch.zeros(1, 50))))


def test_the_direction_itself_tells_everything_and_one_across_it_nothing() -> None:
    sample = noise(400, 6)
    direction = noise(6, seed=3)
    pairs = Pairs.of((sample @ direction)[None].double(), 8)
    right = pairs.told(near(sample).likeness(direction[None, None]))
    assert right > 0.95
    low, high = pairs.intervals(right)
    assert low > 0.5
    assert high == pytest.approx(1, abs=0.05)
    across = noise(6, seed=4)
    across = across - (across @ direction) / direction.square().sum() * direction
    nothing = pairs.told(near(sample).likeness(across[None, None]))
    assert nothing == pytest.approx(0.5, abs=0.2)
    opposite = 2 * sample.mean(0) - across
    assert pairs.told(near(sample).likeness(opposite[None, None])) == pytest.approx(float(1 - nothing))


def slow_shift(a: Tensor, b: Tensor) -> float:
    """Largest product of ``[C, T]`` with another over shifts up to half of T, by a loop."""
    length = a.shape[1]
    found = []
    for shift in range(-(length // 2), length // 2 + 1):
        ends = range(max(0, -shift), min(length, length - shift))
        found.append(sum(float(a[:, t] @ b[:, t + shift]) for t in ends))
    return max(found)


@pytest.mark.parametrize("length", [1, 8, 9])
def test_signals_are_compared_at_the_best_shift(length: int) -> None:
    a, b = noise(3, 2, length), noise(4, 2, length, seed=1)
    fast = over_shifts(a.flatten(1), b.flatten(1), (2, length))
    slow = torch.tensor([[slow_shift(p, q) for q in b] for p in a])
    assert torch.allclose(fast, slow, atol=1e-5)


def test_the_same_wave_elsewhere_is_the_same_signal_and_another_is_not() -> None:
    at = torch.arange(96) / 96
    sample = torch.stack([torch.sin(2 * torch.pi * (12 * at + p)) for p in torch.rand(300)])[:, None]
    sample = torch.cat([sample, sample.roll(1, 0).cumsum(2)])
    bump = torch.exp(-((at - 0.3) ** 2) / 0.002) * torch.sin(2 * torch.pi * 12 * at)
    moved, other = bump.roll(30), torch.exp(-((at - 0.3) ** 2) / 0.002) * torch.sin(2 * torch.pi * 30 * at)
    signals = replace(near(sample), mean=torch.zeros(96))
    rows = replace(signals, signal=None)
    pair = torch.stack([bump, moved])[None, :, None]
    assert signals.agreement(pair) > 0.98
    assert rows.agreement(pair) < 0.1
    assert signals.agreement(torch.stack([bump, other])[None, :, None]) < 0.4
    origins = torch.zeros(1, 1, 96)
    assert torch.allclose(signals.agreement(pair, origins), rows.agreement(pair, origins))


def test_signals_tell_where_shifted_ones_excite_a_unit() -> None:
    wave = torch.zeros(1, 200, 64)
    at = noise(200, seed=5).argsort() % 40
    shape = torch.hann_window(16) * torch.sin(torch.arange(16))
    sample = 0.1 * noise(200, 1, 64)
    for row in range(0, 200, 2):
        sample[row, 0, at[row] : at[row] + 16] += shape
    values = (torch.arange(200) % 2 == 0).double()[None] + 0.01 * noise(1, 200).double()
    shown = wave[:, :1, None].clone()
    shown[0, 0, 0, 20:36] = shape
    pairs, found = Pairs.of(values, 8), near(sample)
    assert found.signal == (1, 64)
    assert pairs.told(found.likeness(shown)) > 0.95
    assert pairs.told(replace(found, signal=None).likeness(shown)) < 0.8


def test_paths_see_layers_before_they_are_changed_in_place() -> None:
    found = []
    for inplace in (False, True):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(inplace), nn.Linear(8, 2)).eval()
        found.append(paths(net, "2", noise(2, 3, 5), noise(2, 4, 5, seed=1), noise(40, 5, seed=2), HOW).made)
    assert torch.equal(*found)
    assert not torch.equal(found[0][:, 0], found[0][:, 1])


def test_paths_against_all_pairs() -> None:
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    sample, shown, real = noise(30, 4), noise(2, 3, 4, seed=1), noise(2, 4, 4, seed=2)
    found = paths(net, "2", shown, real, sample, HOW)
    assert found.sites == ("0", "1", "2")

    def at(layer: int, x: Tensor) -> Tensor:
        with torch.no_grad():
            flat = net[: layer + 1](x).double() - net[: layer + 1](sample).double().mean(0)
        return flat / flat.norm(dim=1, keepdim=True)

    for unit, layer in product(range(2), range(3)):
        made, true, other = at(layer, shown[unit]), at(layer, real[unit]), at(layer, sample)
        assert found.made[unit, layer] == pytest.approx(float((made @ true.T).mean()), abs=1e-6)
        assert found.other[unit, layer] == pytest.approx(float((true @ other.T).mean()), abs=1e-6)
        own = [float(true[i] @ true[j]) for i, j in product(range(4), range(4)) if i != j]
        assert found.real[unit, layer] == pytest.approx(sum(own) / 12, abs=1e-6)


def test_a_path_ends_at_the_layer_and_has_no_more_than_six_stations() -> None:
    net = nn.Sequential(*[nn.Conv2d(1, 1, 3) for _ in range(9)], nn.Flatten(), nn.Linear(99, 1))
    names = before(net, "7", torch.zeros(1, 1, 17, 17), HOW)  # too small for what follows
    assert names[0] == "0"
    assert names[-1] == "7"
    assert len(names) == 6
    assert before(net, "0", torch.zeros(1, 1, 17, 17), HOW) == ("0",)


def test_hidden_units_are_found_again_where_a_twin_has_them() -> None:
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    order = torch.tensor([2, 0, 3, 1])
    twin = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        twin[0].weight.copy_(3 * net[0].weight[order])
        twin[0].bias.copy_(3 * net[0].bias[order])
    sample = noise(200, 5)
    values = net[0](sample).detach().T.double()
    models = values.argsort(dim=1, descending=True)[:, :3]
    shown = 100 * net[0].weight.detach()
    found = transfer([Unit(i) for i in range(4)], values, twin, "0", 0, shown, models, sample, HOW)
    assert order[found.unit].tolist() == [0, 1, 2, 3]
    assert torch.allclose(found.correlation, torch.ones(4).double())
    assert (found.made == 1).all()
    assert torch.allclose(found.real, torch.full((4,), (199.5 + 198.5 + 197.5) / 600).double())


def test_classes_are_compared_by_number() -> None:
    net, twin, sample = nn.Linear(5, 3), nn.Linear(5, 3), noise(100, 5)
    values = net(sample).detach().T.double()
    models = values.argsort(dim=1, descending=True)[:, :2]
    found = transfer(
        [Logit(2), Logit(0)], values[[2, 0]], twin, ".", 0, sample[:2], models[[2, 0]], sample, HOW
    )
    assert found.unit.tolist() == [2, 0]
    theirs = twin(sample).detach()
    wanted = (theirs[:, 2] < theirs[0, 2]).double().mean() + 0.005
    assert found.made[0] == pytest.approx(float(wanted), abs=1e-6)


def test_trust_comes_with_pictures_and_reopens(digits: tuple[nn.Module, Tensor], tmp_path) -> None:
    net, x = digits
    twin = cnn(1, 8, 10, widths=(8, 16), hidden=32, seed=9)
    found = activation_maximization(net, "conv2", data=x[:600], units=[1, 5], steps=48, twin=twin)
    trust = found.trust
    assert trust is not None
    assert trust.sites[-1] == "conv2"
    assert (trust.told > 0.8).all()  # a convolution's picture tells where it fires
    assert (trust.told_low < trust.told).all()
    assert (trust.told_by_others < trust.told).all()
    assert trust.untrained_told.isfinite().all()
    assert trust.untrained_path.shape == trust.path.shape
    assert (trust.matched >= 0).all()
    assert trust.untrained_transfer.isfinite().all()
    save(found, tmp_path / "found.safetensors")
    again = load(tmp_path / "found.safetensors")
    assert torch.equal(again.trust.path, trust.path)


def test_unbounded_pictures_leave_the_way_of_real_inputs(digits: tuple[nn.Module, Tensor]) -> None:
    net, x = digits
    kinds = {
        kind: activation_maximization(
            net, ".", data=x[:600], steps=64, statistics=kind, untrained_control=False
        ).trust.path
        for kind in ("covariance", "free")
    }
    first = {kind: path[:, 0].nanmedian() for kind, path in kinds.items()}
    assert first["covariance"] > 0.8
    assert first["free"] < first["covariance"] - 0.2


def test_signals_of_a_trained_network_are_better_than_untrained_ones() -> None:
    chance = torch.Generator().manual_seed(0)
    tones = torch.randint(0, 2, (400,), generator=chance)
    angle = (0.1 + 0.12 * tones)[:, None] * torch.arange(64) + torch.rand(400, 1, generator=chance)
    x = ((2 * torch.pi * angle).sin() + noise(400, 64))[:, None]
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(1, 8, 9), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 2))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), tones).backward()
        optimizer.step()
    found = activation_maximization(net, ".", data=x, steps=64)
    assert (found.agreement > found.untrained_agreement).all()
    assert (found.trust.told_low > 0.5).all()
    assert "supported" in found.words


def test_without_a_second_network_nothing_is_said_of_it(cancer: tuple[nn.Module, Tensor]) -> None:
    net, x = cancer
    found = activation_maximization(net, "dense1", data=x, units=[0], steps=16, untrained_control=False)
    assert found.trust.matched.tolist() == [-1]
    assert found.trust.transfer.isnan().all()
    assert found.trust.untrained_told.isnan().all()


@pytest.mark.parametrize(("twin", "says"), [("self", "very same weights"), ("other", "same architecture")])
def test_a_twin_that_is_none_is_refused(cancer: tuple[nn.Module, Tensor], twin: str, says: str) -> None:
    net, x = cancer
    second = net if twin == "self" else nn.Linear(30, 2)
    with pytest.raises(InputError, match=says):
        activation_maximization(net, "dense1", data=x, twin=second)


def test_steps_are_neither_moved_nor_compared_over_shifts() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(20, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.rnn(x)[0][:, -1]

    torch.manual_seed(0)
    net, x = Reads().eval(), torch.randn(60, 7, 20)
    found = activation_maximization(net, ".", data=x, units=[0], steps=3, untrained_control=False)
    assert found.params["axes"] == "steps, numbers"
    assert found.params["jitter"] == [0]
    assert found.importance is not None
    assert found.importance.shape == (1, 2, 7)  # of steps, their numbers added up
    assert float(found.importance[0, 0, -1]) == 1.0  # what a recurrent network read last
    tiles = figures.feature_tiles(found)
    assert "The first 4 of 20 numbers of each step are drawn" in tiles.note
    away = found.pictures.flatten(2)[0] - x.flatten(1).mean(0)
    assert float(found.agreement[0]) == pytest.approx(
        float(torch.cosine_similarity(away[0], away[1], dim=0)), abs=1e-4
    )
    with pytest.raises(InputError, match=r"reads steps \[N, T, D\]"):
        activation_maximization(net, ".", data=x, units=[0], steps=3, transforms="jitter")
    wave = nn.Sequential(nn.Conv1d(7, 4, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    waves = activation_maximization(wave, "2", data=x, steps=2, untrained_control=False)
    assert "axes" not in waves.params
    assert waves.importance is not None
    assert waves.importance.shape[2:] == (20,)
