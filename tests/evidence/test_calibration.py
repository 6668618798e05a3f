"""At a nominal 5 %, maps that say nothing pass at most 6.5 % of the time, and integrated gradients 90 %.

Each count is over 200 inputs that training never saw, with the method's maps of all of them.
"""

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import Compute, TargetLike, log_odds, untrained
from pellucid.attribution import integrated_gradients, saliency
from pellucid.evidence import Responses, joint, placement, responses, specificity, training
from pellucid.inputs import ImageSpec

N, TWINS, NOMINAL, MOST, LEAST = 200, 19, 0.05, 0.065, 0.9
COMPUTE = Compute(batch_size=512)


def contribution(model: nn.Module, x: Tensor, target: TargetLike) -> Tensor:
    return integrated_gradients(model, x, target, steps=8, compute=COMPUTE).map


def size(model: nn.Module, x: Tensor, target: TargetLike) -> Tensor:
    return saliency(model, x, target, absolute=True, compute=COMPUTE).map


@dataclass(frozen=True)
class Bench:
    net: nn.Module
    x: Tensor
    classes: Tensor
    outputs: Tensor
    seen: Responses
    twins: dict[str, Tensor]

    def passing(self, maps: Tensor, twins: Tensor | None = None, *, only: str = "") -> float:
        """Share of inputs on which all nulls are rejected."""
        strangers = ~torch.eye(len(maps), dtype=torch.bool)
        nulls = [placement(self.seen, maps), specificity(self.seen, maps, maps, strangers)]
        if twins is not None:
            nulls.append(training(self.seen, maps, twins))
        chosen = [null for null in nulls if only in ("", null.name)]
        return float((joint(*chosen) <= NOMINAL + 1e-6).float().mean())


def bench(net: nn.Module, x: Tensor, classes: Tensor, spec: ImageSpec | None) -> Bench:
    with torch.no_grad():
        outputs = net(x)
    seen = responses(net, x, log_odds(classes), spec=spec, compute=COMPUTE)
    copies = [untrained(net, seed=100 + k) for k in range(TWINS)]
    methods = {"contribution": contribution, "size": size}
    twins = {
        name: torch.stack([seen.bank.reduce(method(copy, x, log_odds(classes))) for copy in copies])
        for name, method in methods.items()
    }
    return Bench(net, x, classes, outputs, seen, twins)


@pytest.fixture(scope="module", params=["digits", "cancer"])
def trial(request):
    found = request.getfixturevalue(request.param)
    spec = ImageSpec(size=(16, 16)) if request.param == "digits" else None
    return bench(found.net, found.x[:N], found.classes[:N], spec)


def smooth(shape: tuple[int, ...], sigma: float, generator: torch.Generator) -> Tensor:
    """Random fields: white noise, for pictures under a Gaussian that runs around the edges."""
    field = torch.randn(shape, generator=generator)
    if sigma == 0:
        return field
    reach = int(3 * sigma) + 1
    weight = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
    field = F.conv2d(F.pad(field, (reach, reach, 0, 0), mode="circular"), weight.view(1, 1, 1, -1))
    return F.conv2d(F.pad(field, (0, 0, reach, reach), mode="circular"), weight.view(1, 1, -1, 1))


def test_the_networks_learned_something(digits, cancer):
    for found, least in ((digits, 0.9), (cancer, 0.92)):
        assert float((found.classes == found.y).float().mean()) >= least


@pytest.mark.parametrize("sigma", [0.0, 1.0, 2.0, 3.0])
def test_random_maps_pass_as_often_as_chance_allows(trial, sigma):
    if sigma and trial.x.ndim != 4:
        pytest.skip("columns have no neighbours, so there is no smoothness")
    generator = torch.Generator().manual_seed(0)
    rates = [trial.passing(smooth(trial.x.shape, sigma, generator)) for _ in range(5)]
    assert sum(rates) / 5 <= MOST


def test_shuffled_pixels_would_not_do_for_smooth_maps(trial):
    """Why placements shift and turn a map: the same count with shuffled pixels is far above nominal."""
    if trial.x.ndim != 4:
        pytest.skip("columns have no neighbours, so there is no smoothness")
    maps = smooth(trial.x.shape, 3.0, torch.Generator().manual_seed(0)).flatten(1)
    seen, masks = trial.seen, trial.seen.bank.masks.float()
    draw = torch.Generator().manual_seed(1)
    shuffle = [torch.randperm(256, generator=draw) for _ in range(99)]

    def fit(units: Tensor) -> Tensor:
        sums = units @ masks.T
        sums = sums - sums.mean(-1, keepdim=True)
        return (sums * seen.drops).sum(-1) / sums.norm(dim=-1)

    above = torch.stack([fit(maps[:, order]) >= fit(maps) for order in shuffle]).sum(0)
    assert float(((1 + above) / 100 <= NOMINAL).float().mean()) > 0.09
    assert trial.passing(maps, only="placement") <= 0.09


def test_maps_of_the_wrong_class_pass_less_often_than_chance(trial):
    wrong = trial.outputs.scatter(1, trial.classes[:, None], -torch.inf).argmax(1)
    maps = contribution(trial.net, trial.x, log_odds(wrong))
    assert trial.passing(maps) <= MOST
    assert trial.passing(maps, trial.twins["contribution"]) <= MOST


def test_maps_of_untrained_networks_pass_as_often_as_chance_allows(trial):
    for name, method in (("contribution", contribution), ("size", size)):
        rates = []
        for seed in range(3):
            maps = method(untrained(trial.net, seed=seed), trial.x, log_odds(trial.classes))
            rates.append(trial.passing(maps, trial.twins[name]))
        assert sum(rates) / 3 <= MOST, name


def test_maps_of_other_inputs_pass_as_often_as_chance_allows(trial):
    maps = contribution(trial.net, trial.x, log_odds(trial.classes)).roll(1, 0)
    assert trial.passing(maps) <= MOST
    # placement alone is not enough: foreground structure passes it
    assert trial.passing(maps, only="placement") > MOST


def test_maps_made_without_the_network_never_pass(trial):
    maps = trial.x.abs()
    assert trial.passing(maps, trial.seen.bank.reduce(maps).expand(TWINS, -1, -1)) == 0.0
    assert trial.passing(maps, only="placement") > 0.2


def test_integrated_gradients_passes(trial):
    maps = contribution(trial.net, trial.x, log_odds(trial.classes))
    assert trial.passing(maps) >= LEAST
    assert trial.passing(maps, trial.twins["contribution"]) >= LEAST
