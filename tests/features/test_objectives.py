"""Each objective against a slow loop of its own: one input at a time, whole pass, formula written out."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid.errors import InputError, SiteError, TargetError
from pellucid.features import (
    Channel,
    Concept,
    Difference,
    Direction,
    FeaturePictures,
    Logit,
    Objective,
    Unit,
    accentuation,
    activation_maximization,
    caricature,
)
from pellucid.features._covariance import Covariance
from pellucid.features._goals import goals_of
from pellucid.features._objectives import Likeness
from pellucid.features._pulls import gram_cosines


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Net(nn.Module):
    """A small net of pictures whose layers can be read without hooks."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.act = nn.Conv2d(1, 5, 3, padding=1), nn.Tanh()
        self.head = nn.Linear(5 * 36, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.conv(x)).flatten(1))


def angled(a: Tensor, v: Tensor, power: float) -> Tensor:
    """Lucid's dot product times cosine, for two vectors."""
    dot = a @ v
    return dot * (dot / (a.norm() * v.norm())).clamp_min(0.1) ** power


V = torch.tensor([1.0, -2.0, 0.0, 0.5, 1.0])
SHOWN, OTHERS, LIKE = noise(9, 1, 6, 6, seed=5) + 1, noise(11, 1, 6, 6, seed=6), noise(1, 6, 6, seed=7)


def concept_vector(net: Net) -> Tensor:
    with torch.no_grad():
        away = net.act(net.conv(SHOWN)).mean((0, 2, 3)) - net.act(net.conv(OTHERS)).mean((0, 2, 3))
    return away / away.norm()


def each_place(a: Tensor, v: Tensor, power: float) -> list[Tensor]:
    return [angled(a[:, i, j], v, power) for i in range(a.shape[1]) for j in range(a.shape[2])]


def liked(net: Net, a: Tensor, power: float) -> Tensor:
    with torch.no_grad():
        v = net.act(net.conv(LIKE[None])).flatten()
    return angled(a.flatten(), v / v.norm(), power)


# objective -> its value for an activation [5, 6, 6] at position (i, j), from the definition
SLOW: list[tuple[Objective, Callable[[Net, Tensor, int, int], Tensor]]] = [
    (Unit(2), lambda _, a, i, j: a[2, i, j]),
    (Channel(3), lambda _, a, i, j: a[3].mean()),
    (Difference(Unit(2), Unit(4)), lambda _, a, i, j: a[2, i, j] - a[4, i, j]),
    (Difference(Channel(0), Channel(1)), lambda _, a, i, j: a[0].mean() - a[1].mean()),
    (Direction(V), lambda _, a, i, j: angled(a[:, i, j], V / V.norm(), 2)),
    (Direction(V, power=0), lambda _, a, i, j: a[:, i, j] @ V / V.norm()),
    (Direction(V, power=1, everywhere=True), lambda _, a, i, j: sum(each_place(a, V / V.norm(), 1)) / 36),  # pyright: ignore
    (Concept(SHOWN, OTHERS), lambda net, a, i, j: angled(a[:, i, j], concept_vector(net), 2)),
    (Likeness(LIKE), lambda net, a, i, j: liked(net, a, 2)),
    (Likeness(LIKE, power=0), lambda net, a, i, j: liked(net, a, 0)),
]


@pytest.mark.parametrize(
    ("objective", "slow"), SLOW, ids=lambda x: str(x) if isinstance(x, Objective) else ""
)
def test_values_are_those_of_the_definition(
    objective: Objective, slow: Callable[[Net, Tensor, int, int], Tensor]
) -> None:
    net, x = Net(), noise(7, 1, 6, 6)
    a = net.act(net.conv(x)).detach()
    goals = goals_of([objective], net, "act", x[:1], Compute())
    for i, j in ((0, 0), (3, 4)):
        expected = torch.stack([slow(net, row, i, j) for row in a])
        place = 0 if goals.whole else i * 6 + j
        own = goals.rows(torch.zeros(7, dtype=torch.int64)).own(a.flatten(2), torch.full((7,), place))
        every = goals.every(a.flatten(2))[:, 0, place]
        assert torch.allclose(own, expected, rtol=1e-4, atol=1e-6)
        assert torch.allclose(every, expected, rtol=1e-4, atol=1e-6)


def by_hand(net: Net, data: Tensor, worth: Callable[[Tensor], Tensor], steps: int, seed: int) -> Tensor:
    """One input climbs, from the definition: the statistics, plain Adam of the whole input, no batch."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    kept = Covariance.of(data[order])
    z = 0.7 * torch.randn(kept.latent, generator=torch.Generator().manual_seed(seed))
    first, second = torch.zeros_like(z), torch.zeros_like(z)
    for step in range(1, steps + 1):
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(worth(kept.make(z[None])), z)
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        size = (second / (1 - 0.99**step)).mean().sqrt()
        z = z.detach() + 0.2 * first / (1 - 0.9**step) / size
    return kept.make(z[None])[0].detach()


@pytest.mark.parametrize(
    ("objectives", "k", "worth"),
    [
        ([Channel(3), Channel(0)], 0, lambda net, x: net.act(net.conv(x))[0, 3].mean()),
        (
            [Direction(V, everywhere=True), Channel(0)],
            0,
            lambda net, x: sum(each_place(net.act(net.conv(x))[0], V / V.norm(), 2)) / 36,
        ),
        ([Difference(Logit(1), Logit(3)), Logit(0)], 0, lambda net, x: net(x)[0, 1] - net(x)[0, 3]),
        ([Logit(1), Logit(2)], 1, lambda net, x: net(x)[0, 2]),
    ],
    ids=["channel", "direction", "difference", "logit"],
)
def test_many_climb_as_each_does_alone(
    objectives: list[Objective], k: int, worth: Callable[[Net, Tensor], Tensor]
) -> None:
    net, data = Net(), noise(200, 1, 6, 6)
    site = None if isinstance(objectives[1], Logit) else "act"
    found = activation_maximization(
        net, site, data=data, objectives=objectives, steps=12, seeds=2, untrained_control=False
    )
    number = int(found.units[k])
    for turn in range(2):
        seed = turn * 1_000_003 + (number if number >= 0 else k)
        alone = by_hand(net, data, lambda x: worth(net, x), 12, seed)
        assert torch.allclose(found.pictures[k, turn], alone, atol=1e-4)
        with torch.no_grad():
            assert float(found.reached[k, turn]) == pytest.approx(float(worth(net, alone[None])), rel=1e-4)


def test_gram_cosines_are_those_of_the_definition_either_way() -> None:
    for units, positions in ((3, 7), (7, 3)):
        a = noise(2, 4, units, positions)
        found = gram_cosines(a)
        for group, i, j in ((0, 0, 1), (1, 2, 3), (1, 2, 2)):
            g, h = (a[group, k] @ a[group, k].T for k in (i, j))
            expected = (g * h).sum() / (g.norm() * h.norm())
            assert float(found[group, i, j]) == pytest.approx(float(expected), rel=1e-4)


def test_diversity_is_the_joint_climb_of_the_definition() -> None:
    net, data, strength = Net(), noise(200, 1, 6, 6), 0.8
    found = activation_maximization(
        net,
        "act",
        data=data,
        objectives=[Channel(3), Channel(1)],
        seeds=3,
        steps=9,
        diversity=strength,
        untrained_control=False,
    )
    kept = Covariance.of(data[torch.randperm(200, generator=torch.Generator().manual_seed(0))])
    with torch.no_grad():
        largest = float(net.act(net.conv(data))[:, 3].mean((1, 2)).max())
    z = torch.stack(
        [
            0.7 * torch.randn(kept.latent, generator=torch.Generator().manual_seed(t * 1_000_003 + 3))
            for t in range(3)
        ]
    )
    first, second = torch.zeros_like(z), torch.zeros_like(z)
    for step in range(1, 10):
        z = z.detach().requires_grad_()
        a = net.act(net.conv(kept.make(z)))
        total = a[:, 3].mean((1, 2)).sum() / largest
        if step > 2:
            grams = [row.flatten(1) @ row.flatten(1).T for row in a]
            for i in range(3):
                for j in range(3):
                    if i != j:
                        cosine = (grams[i] * grams[j]).sum() / (grams[i].norm() * grams[j].norm())
                        total = total - strength * cosine / 2
        (slope,) = torch.autograd.grad(total, z)
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        size = (second / (1 - 0.99**step)).mean(1, keepdim=True).sqrt()
        z = z.detach() + 0.2 * first / (1 - 0.9**step) / size
    assert torch.allclose(found.pictures[0], kept.make(z), atol=1e-3)


def test_diversity_parts_the_faces_and_pays_for_it(digits: tuple[nn.Module, Tensor]) -> None:
    net, x = digits

    def run(strength: float) -> FeaturePictures:
        return activation_maximization(
            net,
            "conv2",
            data=x,
            objectives=[Channel(i) for i in range(6)],
            seeds=3,
            steps=64,
            diversity=strength,
            untrained_control=False,
        )

    plain, apart = run(0.0), run(3.0)
    assert apart.agreement.mean() < plain.agreement.mean() - 0.2
    assert apart.reached.mean() < plain.reached.mean()
    assert "held apart" in apart.note


def test_a_climb_along_a_unit_as_a_direction_is_the_climb_of_the_unit() -> None:
    net, data = Net(), noise(200, 1, 6, 6)
    one = torch.zeros(5)
    one[2] = 3.0

    def run(objective: Objective) -> FeaturePictures:
        # the direction's chance is that of its place, 0; the unit's that of its number
        return activation_maximization(
            net, "act", data=data, objectives=[objective], steps=64, seeds=1, untrained_control=False
        )

    unit, direction = run(Unit(2)), run(Direction(one, power=0))
    assert torch.allclose(unit.largest, direction.largest)
    assert torch.equal(unit.rows, direction.rows)
    assert torch.allclose(unit.reached, direction.reached, rtol=0.02)


def test_the_cosine_keeps_the_angle(digits: tuple[nn.Module, Tensor]) -> None:
    net, x = digits
    with torch.no_grad():
        layer = nn.Sequential(net.conv1, net.activation1, net.pool1, net.conv2)  # pyright: ignore
        v = layer(x[:50]).mean((0, 2, 3))

    def angle(power: float) -> float:
        found = activation_maximization(
            net,
            "conv2",
            data=x,
            objectives=[Direction(v, power, everywhere=True)],
            untrained_control=False,
            steps=96,
        )
        with torch.no_grad():
            a = layer(found.pictures[0])
        return float(torch.cosine_similarity(a, v.view(1, -1, 1, 1), dim=1).mean())

    assert angle(2.0) > angle(0.0)


def test_untrained_twins_find_their_own_direction_of_a_concept(digits: tuple[nn.Module, Tensor]) -> None:
    net, x = digits
    heavy = x.mean((1, 2, 3)).argsort(descending=True)[:80]
    given = [Concept(x[heavy], x, everywhere=True, name="much ink")]
    found = activation_maximization(net, "conv2", data=x[:600], objectives=given, steps=48, seeds=2)
    made = found.pictures[0].mean()
    assert made > x.mean() + 0.05
    assert found.labels == ("much ink",)
    assert found.untrained_ratio.isfinite().all()


@pytest.mark.parametrize(
    "objective",
    [Unit(1), Channel(1), Difference(Unit(1), Unit(0)), Direction(torch.tensor([0.0, 1.0]), power=0)],
    ids=str,
)
def test_each_objective_wakes_a_sleeping_unit_and_says_when_it_cannot(objective: Objective) -> None:
    net = nn.Sequential(nn.Linear(6, 2), nn.ReLU())
    data = noise(400, 6)
    with torch.no_grad():
        strongest = (data @ net[0].weight.T).amax(0)
        net[0].bias.copy_(torch.tensor([-1e3, -0.7 * float(strongest[1])]))
    found = activation_maximization(net, "1", data=data, objectives=[objective], untrained_control=False)
    assert found.started.tolist() == [True]
    assert found.reached.max() > 0
    with torch.no_grad():
        net[0].bias.fill_(-1e3)
    dead = activation_maximization(net, "1", data=data, objectives=[objective], untrained_control=False)
    assert dead.words == ("did not start",)


def test_a_dead_class_and_a_dead_likeness_did_not_start() -> None:
    data = noise(60, 6)
    net = nn.Sequential(nn.Linear(6, 2), nn.ReLU())
    with torch.no_grad():
        net[0].bias.fill_(-1e3)
    made = activation_maximization(
        net, data=data, objectives=[Logit(0), Difference(Logit(0), Logit(1))], steps=4
    )
    assert made.words == ("did not start", "did not start")
    assert caricature(net, "1", data[:1], data=data, steps=4).words == ("did not start",)
    assert accentuation(net, "1", data[:1], data=data, objectives=[Unit(0)], steps=4).words == (
        "did not start",
    )


def test_accentuation_begins_at_the_input_and_the_pull_holds_it(digits: tuple[nn.Module, Tensor]) -> None:
    net, x = digits

    def run(pull: float, steps: int = 96) -> FeaturePictures:
        return accentuation(
            net, None, x[:4], data=x, objectives=[Logit(3)], pull=pull, steps=steps, untrained_control=False
        )

    with torch.no_grad():
        values = net(x[:4])[:, 3]
    free, held, tight = run(0.0), run(0.1), run(3.0)
    assert torch.allclose(held.origin_values, values, atol=1e-4)
    assert torch.equal(held.origins, x[:4])
    assert free.moved.mean() > held.moved.mean() > tight.moved.mean()
    assert free.reached.mean() > held.reached.mean() > tight.reached.mean()
    assert (held.reached > values[:, None]).all()
    # one step away the pictures are still the inputs, though the statistics alone would not give these
    assert run(0.1, steps=1).moved.max() < 0.5
    apart = (held.pictures - x[:4, None]).flatten(2).norm(dim=2)
    assert torch.allclose(held.moved / apart, (held.moved / apart)[0, 0].expand(4, 2), rtol=1e-4)


def test_a_single_unit_is_accentuated_where_the_input_moves_it_most() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Tanh())
    nn.init.ones_(net[0].weight)
    data = noise(100, 1, 8, 8)
    origin = torch.zeros(1, 1, 8, 8)
    origin[0, 0, 6, 1] = 0.5
    found = accentuation(
        net, "1", origin, data=data, objectives=[Unit(0)], pull=0, seeds=1, untrained_control=False
    )
    changed = (found.pictures[0, 0, 0] - origin[0, 0]).abs()
    assert int(changed.argmax()) == 6 * 8 + 1
    assert int(found.importance[0, 0].argmax()) == 6 * 8 + 1


def test_a_caricature_gives_back_what_a_layer_keeps() -> None:
    # the layer sees the upper half alone
    class Upper(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :, :4].tanh()

    net, data = nn.Sequential(Upper()), noise(400, 1, 8, 8)
    found = caricature(net, "0", data[:3], data=data, untrained_control=False)
    seen, unseen = (
        torch.cosine_similarity(
            found.pictures[:, :, :, part].flatten(2), data[:3, None, :, part].flatten(2), dim=2
        )
        for part in (slice(0, 4), slice(4, 8))
    )
    assert seen.min() > 0.8
    assert unseen.abs().mean() < 0.3
    length = data[:3, :, :4].tanh().flatten(1).norm(dim=1)
    assert torch.allclose(found.origin_values, length, rtol=1e-4)


def test_steps_of_a_recurrent_layer_have_caricatures() -> None:
    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.steps = nn.GRU(3, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.steps(x)[0][:, -1]

    net, data = Steps(), noise(60, 5, 3)
    found = caricature(net, "steps[0]", data[:2], data=data, steps=4, untrained_control=False)
    with torch.no_grad():  # features stand last there, and an input is as like itself as its map is long
        length = net.steps(data[:2])[0].flatten(1).norm(dim=1)
    assert torch.allclose(found.origin_values, length, rtol=1e-4)


def test_importance_is_the_summed_slope() -> None:
    net = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0, -1.0, 4.0, 2.0], [1.0, 1.0, 0.0, 0.0]]))
    found = activation_maximization(net, ".", data=noise(60, 4), steps=7, untrained_control=False)
    expected = torch.tensor([[0.0, 0.25, 1.0, 0.5], [1.0, 1.0, 0.0, 0.0]])
    assert torch.allclose(found.importance, expected[:, None].expand(2, 2, 4), atol=1e-5)
    pictures = activation_maximization(
        Net(), "head", data=noise(40, 1, 6, 6), steps=3, seeds=1, untrained_control=False
    )
    assert pictures.importance.shape == (4, 1, 6, 6)
    assert pictures.importance.flatten(1).amax(1).tolist() == [1.0] * 4


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"objectives": [Unit(9)]}, TargetError, "numbered 0 to 3"),
        ({"objectives": []}, TargetError, "empty"),
        ({"objectives": [Unit(0)], "units": [1]}, TargetError, "not both"),
        ({"objectives": [Unit(0), Logit(1)]}, TargetError, "apart"),
        ({"objectives": [Logit(1)]}, TargetError, "leave the layer away"),
        ({"objectives": [Direction(torch.ones(3))]}, TargetError, "has 4 units, got a vector of 3"),
        ({"objectives": [Unit(0), Likeness(torch.zeros(6))]}, TargetError, "apart"),
        ({"site": None}, TargetError, "which layer"),
        ({"diversity": 1.0, "seeds": 1}, InputError, "at least 2"),
        ({"diversity": -1.0}, InputError, "0 or more"),
        ({"transforms": "jiter"}, InputError, "Did you mean jitter"),
    ],
)
def test_errors_say_what_to_do(given: dict[str, object], error: type[Exception], text: str) -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 4))
    with pytest.raises(error, match=text):
        activation_maximization(net, **{"site": "1", "data": noise(20, 6), "steps": 2, **given})  # pyright: ignore


@pytest.mark.parametrize(
    "make",
    [
        lambda: Difference(Unit(1), Unit(1)),
        lambda: Difference(1, 2),
        lambda: Difference(Unit(1), Logit(2)),
        lambda: Direction(torch.zeros(3)),
        lambda: Direction(torch.tensor([1.0, math.nan])),
        lambda: Direction(torch.ones(3), power=-1),
        lambda: Concept(noise(0, 3), noise(3, 3)),
    ],
)
def test_objectives_without_meaning_are_refused(make: Callable[[], Objective]) -> None:
    with pytest.raises(TargetError, match="expected"):
        make()


def test_accentuation_says_what_it_needs() -> None:
    net, x = nn.Linear(3, 2), noise(20, 3)
    with pytest.raises(InputError, match="got 2 for 3 inputs"):
        accentuation(net, None, x[:3], data=x, objectives=[Logit(0), Logit(1)])
    with pytest.raises(InputError, match="0 or more"):
        accentuation(net, None, x[:3], data=x, objectives=[Logit(0)], pull=-1)
    with pytest.raises(InputError, match="expected the shape of the data"):
        accentuation(nn.Flatten(), ".", noise(2, 1, 2), data=noise(20, 1, 3), objectives=[Unit(0)])


def test_classes_of_networks_that_return_several_tensors() -> None:
    class Several(nn.Module):
        def __init__(self, named: bool) -> None:
            super().__init__()
            self.last, self.named = nn.Linear(4, 3), named

        def forward(self, x: Tensor) -> object:
            scores = self.last(x)
            return {"hidden": x, "logits": scores} if self.named else (x, scores)

    torch.manual_seed(0)
    data, asked = torch.randn(30, 4), [Logit(2)]
    named, numbered = Several(True), Several(False)
    numbered.load_state_dict(named.state_dict())
    one = activation_maximization(named, data=data, objectives=asked, steps=3, untrained_control=False)
    two = activation_maximization(
        numbered, ".[1]", data=data, objectives=asked, steps=3, untrained_control=False
    )
    assert torch.equal(one.pictures, two.pictures)
    with pytest.raises(SiteError, match=r"2 items .*name an item, such as '\.\[0\]'"):
        activation_maximization(numbered, data=data, objectives=asked, steps=3)


def test_a_layer_of_one_number_per_row_is_one_unit() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.mean = nn.Linear(4, 3), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            h = self.dense(x)
            return h * self.mean(h.mean(1))[:, None]

    torch.manual_seed(0)
    made = activation_maximization(Mean(), "mean", data=noise(30, 4), steps=3, untrained_control=False)
    assert made.pictures.shape == (1, 2, 4)
