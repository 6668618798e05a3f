"""Activation maximization against closed forms, and its promises."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Compute, load, save
from pellucid.errors import CancelledError, InputError, SiteError, TargetError
from pellucid.features import FeaturePictures, activation_maximization
from pellucid.features._marginals import whitened
from pellucid.inputs import Column, TabularSpec


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_linear_unit_reaches_the_edge_of_the_ball() -> None:
    # the largest value of w·x over the Mahalanobis ball of radius r is w·mean + r·sqrt(w' S w)
    mix = noise(4, 4, seed=1)
    data = noise(800, 4) @ mix
    net = nn.Linear(4, 3, bias=False)
    found = activation_maximization(net, ".", data=data, untrained_control=False)
    mean, forth, _, lengths = whitened(data)
    with torch.no_grad():
        best = net.weight @ mean + lengths.quantile(0.95) * (net.weight @ forth).norm(dim=1)
    assert (found.reached <= best[:, None] * 1.001).all()
    assert (found.reached >= best[:, None] * 0.93).all()
    assert (found.agreement > 0.9).all()


def test_one_convolution_shows_its_kernel_on_a_canvas_of_its_size() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(4 * 144, 2))
    found = activation_maximization(net, "0", data=noise(500, 1, 12, 12), untrained_control=False)
    assert found.pictures.shape == (4, 2, 1, 3, 3)
    best = found.pictures[torch.arange(4), found.reached.argmax(1)].flatten(1)
    assert torch.cosine_similarity(best, net[0].weight.flatten(1)).min() > 0.85
    # the strongest real pieces, beside it, are cut where the unit saw them
    piece = (found.real[:, 0].flatten(1) * net[0].weight.flatten(1)).sum(1)
    inside = (found.largest - piece).abs() < 1e-4
    assert inside.float().mean() >= 0.5  # others lie at the border, where the convolution saw its padding


def test_pictures_of_classes_are_read_as_their_class(digits: tuple[nn.Module, Tensor]) -> None:
    net, x = digits
    found = activation_maximization(net, "output", data=x, untrained_control=False)
    best = found.pictures[torch.arange(10), found.reached.argmax(1)]
    with torch.no_grad():
        read = net(best).argmax(1)
    assert (read == torch.arange(10)).sum() >= 9
    assert (found.distance < 2.5).all()
    assert best.min() >= x.min()
    assert best.max() <= x.max()
    assert torch.allclose(found.ratio, found.reached.amax(1) / found.largest)


def test_the_control_is_run_and_decides_the_words(digits: tuple[nn.Module, Tensor]) -> None:
    net, x = digits
    found = activation_maximization(net, "output", data=x[:600], steps=96)
    assert found.untrained_agreement.isfinite().all()
    assert "supported" in found.words
    assert found.steadiness is not None
    assert torch.allclose(found.steadiness, found.agreement / found.distance)
    for word, steady in zip(found.words, found.steadiness.tolist(), strict=True):
        assert (word == "not better than an untrained network") == (steady <= (found.steadiness_bar or 9))
    assert found.untrained_agreement.mean() < found.agreement.mean()
    bare = activation_maximization(net, "output", data=x[:600], steps=96, untrained_control=False)
    assert "supported" not in bare.words
    assert "no untrained control" in bare.note
    assert bare.untrained_ratio.isnan().all()
    assert bare.steadiness_bar is None
    assert torch.equal(bare.pictures, found.pictures)


def test_most_units_of_an_untrained_network_are_not_called_better() -> None:
    x = noise(300, 1, 8, 8).cumsum(3)
    words: list[str] = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 12))
        words += activation_maximization(net, "3", data=x, steps=64, compute=Compute(seed=seed)).words
    assert sum(word in {"supported", "weak"} for word in words) <= 7  # of 36


def test_measurements_stay_inside_what_tumours_have(cancer: tuple[nn.Module, Tensor]) -> None:
    net, x = cancer
    found = activation_maximization(net, "dense1", data=x, steps=64, untrained_control=False)
    made = found.pictures.flatten(0, 1)
    mean, _, back, lengths = whitened(x)
    assert (made >= x.amin(0) - 1e-5).all()
    assert (made <= x.amax(0) + 1e-5).all()
    assert ((made - mean) @ back).norm(dim=1).max() <= lengths.quantile(0.95) * 1.01
    assert found.ratio.median() > 0.6
    assert found.distance.median() < 3.5


def test_categories_come_out_whole() -> None:
    spec = TabularSpec((Column("age"), Column("home", levels=("own", "rent", "other"))))
    home = torch.nn.functional.one_hot(torch.arange(90) % 3, 3).float()
    data = torch.cat([noise(90, 1), home], 1)
    net = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.5, -1.0, 2.0, 0.0]]))
    found = activation_maximization(net, ".", data=data, spec=spec, untrained_control=False)
    assert found.pictures[0, :, 1:].tolist() == [[0.0, 1.0, 0.0]] * 2


def test_a_dead_unit_did_not_start_and_a_sleeping_one_is_woken() -> None:
    net = nn.Sequential(nn.Linear(6, 2), nn.ReLU())
    data = noise(400, 6)
    with torch.no_grad():
        strongest = (data @ net[0].weight.T).amax(0)
        net[0].bias.copy_(torch.tensor([-1e3, -0.7 * float(strongest[1])]))
    found = activation_maximization(net, "1", data=data)
    assert found.started.tolist() == [False, True]
    assert found.words[0] == "did not start"
    assert found.ratio[0].isnan()
    assert found.ratio[1] > 0.5


@pytest.mark.parametrize("size", [1, 3, 64])
def test_the_answer_does_not_depend_on_the_batch_size(cancer: tuple[nn.Module, Tensor], size: int) -> None:
    net, x = cancer
    made, again = (
        activation_maximization(
            net, "dense1", data=x, units=[3, 0], steps=40, untrained_control=False, compute=Compute(n)
        )
        for n in (4, size)
    )
    assert torch.allclose(made.pictures, again.pictures, atol=1e-3)
    assert torch.allclose(made.reached, again.reached, rtol=1e-4)


def test_the_seed_alone_decides(digits: tuple[nn.Module, Tensor]) -> None:
    net, x = digits

    def run(seed: int) -> FeaturePictures:
        torch.rand(seed + 3)
        return activation_maximization(
            net, "conv2", data=x[:200], units=[1], steps=9, compute=Compute(seed=seed)
        )

    first, same, other = run(0), run(0), run(1)
    assert torch.equal(first.pictures, same.pictures)
    assert torch.equal(first.untrained_ratio, same.untrained_ratio)
    assert not torch.equal(first.pictures, other.pictures)


def test_large_canvases_are_moved_and_learned_in_the_spectrum() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = activation_maximization(net, "3", data=noise(40, 3, 32, 20), steps=12, untrained_control=False)
    assert (found.params["statistics"], found.params["jitter"]) == ("spectrum", [2, 1])
    assert found.pictures.shape == (2, 2, 3, 32, 20)


def test_tokens_and_signals_go_too() -> None:
    net = nn.Sequential(nn.Conv1d(2, 3, 5, padding=2), nn.ReLU())
    found = activation_maximization(net, "1", data=noise(60, 2, 40), steps=10, untrained_control=False)
    assert found.pictures.shape == (3, 2, 2, 5)


def state_of(net: nn.Module) -> list[object]:
    return [
        [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in net.modules()],
        [(p.requires_grad, p.grad is None, float(p.detach().sum())) for p in net.parameters()],
        [float(b.sum()) for b in net.buffers()],
        torch.get_rng_state().tolist(),
    ]


class Breaks(nn.Module):
    """Raises after some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise ValueError("broken")
        return x


def test_the_network_comes_back_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.ReLU()).train()
    net[0].bias.requires_grad_(False)
    before = state_of(net)
    activation_maximization(net, "3", data=noise(50, 4), steps=5)
    assert state_of(net) == before

    def stop(done: int, total: int) -> None:
        if done > 70:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        activation_maximization(net, "3", data=noise(50, 4), steps=50, compute=Compute(progress=stop))
    assert state_of(net) == before


def test_also_when_it_raises_in_the_middle() -> None:
    net = nn.Sequential(nn.Linear(4, 3), Breaks(6), nn.ReLU()).train()
    before = state_of(net)
    with pytest.raises(Exception, match="broken"):
        activation_maximization(net, "2", data=noise(50, 4), steps=50)
    assert state_of(net) == before


def test_a_portion_too_large_for_memory_is_halved() -> None:
    class Small(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) > 3 and x.requires_grad:
                raise torch.OutOfMemoryError("out of memory")
            return x

    def run(first: nn.Module) -> FeaturePictures:
        torch.manual_seed(0)
        net = nn.Sequential(first, nn.Linear(4, 5))
        return activation_maximization(net, "1", data=noise(50, 4), steps=5, untrained_control=False)

    assert torch.allclose(run(Small()).pictures, run(nn.Identity()).pictures, atol=1e-4)


def test_progress_rises_to_the_end() -> None:
    seen: list[tuple[int, int]] = []
    how = Compute(8, progress=lambda done, total: seen.append((done, total)))
    activation_maximization(nn.Linear(4, 6), ".", data=noise(50, 4), steps=7, compute=how)
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert len({t for _, t in seen}) == 1
    assert seen[-1][0] == seen[-1][1]


def test_pictures_are_stored_and_read_back(tmp_path: object) -> None:
    found = activation_maximization(nn.Linear(4, 6), ".", data=noise(50, 4), units=[5, 1], steps=3)
    again = load(save(found, f"{tmp_path}/pictures.safetensors"))
    assert isinstance(again, FeaturePictures)
    assert torch.equal(again.pictures, found.pictures)
    assert (again.words, again.params, again.note) == (found.words, found.params, "2 of 6 units.")


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"site": "dense11"}, SiteError, "Did you mean dense1"),
        ({"units": [16]}, TargetError, "numbered 0 to 15"),
        ({"data": torch.zeros(3, 30)}, InputError, "at least 8"),
        ({"data": torch.zeros(20, 30, dtype=torch.int64)}, InputError, "floating"),
        ({"data": torch.full((20, 30), float("nan"))}, InputError, "NaN"),
        ({"data": [1.0]}, InputError, "expected a tensor"),
        ({"steps": 0}, InputError, "at least 1"),
        ({"statistics": "spektrum"}, InputError, "Did you mean spectrum"),
    ],
)
def test_errors_say_what_to_do(
    cancer: tuple[nn.Module, Tensor], change: dict[str, object], error: type[Exception], text: str
) -> None:
    given = {"site": "dense1", "data": cancer[1], "steps": 2, **change}
    with pytest.raises(error, match=text):
        activation_maximization(cancer[0], **given)  # pyright: ignore


def test_a_layer_that_is_not_reached_is_named() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Linear(4, 2), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    with pytest.raises(SiteError, match="never reached 'spare'"):
        activation_maximization(Spare(), "spare", data=noise(20, 4))


def test_a_unit_that_real_inputs_move_at_the_border_only_is_climbed_there() -> None:
    # light in the upper left corner only; the kernel is too wide for a smaller canvas
    data = 0.1 * noise(200, 1, 6, 6).abs()
    data[:, :, :2, :2] += noise(200, 1, 2, 2, seed=1).abs()
    net = nn.Sequential(nn.Conv2d(1, 1, 5, padding=2), nn.ReLU())
    with torch.no_grad():
        net[0].weight.zero_()[0, 0, 2, 2] = 1
        net[0].bias.fill_(-0.8)
    found = activation_maximization(net, "1", data=data, steps=32, untrained_control=False)
    central = activation_maximization(net, "0", data=data, steps=32, untrained_control=False)
    assert found.started.all()
    assert (found.reached > 0).all()
    assert found.words == ("weak",)
    assert central.started.all()
