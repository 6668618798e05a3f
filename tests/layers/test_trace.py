"""Arrows of a trace against taking units away by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from layers.nets import deep, gaussian, left_alone
from pellucid import figures
from pellucid._core import Dataset, load, save
from pellucid.errors import InputError, MethodError, SiteError
from pellucid.inputs import ImageSpec, TextSpec, WordTokenizer
from pellucid.layers import TracedExample, traced_example


def convs(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 5, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(5, 6, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(96, 3),
        ).eval()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def after(net: nn.Sequential, first: int, last: int, x: Tensor) -> Tensor:
    for layer in list(net)[first:last]:
        x = layer(x)
    return x


def test_every_arrow_is_what_a_loop_measures(pictures: Tensor) -> None:
    net, x = convs(), pictures[3:4]
    found = traced_example(net, x, pictures, 1, ["1", "3"], width=2, draws=3)
    with torch.no_grad():
        low, high = after(net, 0, 2, pictures), after(net, 0, 4, pictures)
        means = {"1": low.mean((0, 2, 3)), "3": high.mean((0, 2, 3))}
        logits = net(pictures)[:, 1]
        own = {"1": after(net, 0, 2, x), "3": after(net, 0, 4, x)}
        for arrow in found.arrows:
            if arrow.source < 0:
                continue
            source = found.units[arrow.source]
            gone = own[source.site].clone()
            gone[:, source.unit] = means[source.site][source.unit]
            if arrow.sink < 0:
                fall = logits[3] - after(net, 4, 6, gone)[0, 1]
                excess = logits[3] - logits.mean()
            else:
                sink = found.units[arrow.sink]
                at = (0, sink.unit, *sink.position)
                fall = own["3"][at] - after(net, 2, 4, gone)[at]
                excess = own["3"][at] - means["3"][sink.unit]
            assert arrow.drop == pytest.approx(float(fall), abs=1e-5)
            assert arrow.share == pytest.approx(float(fall / abs(excess)), rel=1e-3, abs=1e-4)
        falls = []
        for u in range(6):
            gone = own["3"].clone()
            gone[:, u] = means["3"][u]
            falls.append(float(logits[3] - after(net, 4, 6, gone)[0, 1]))
    loud = own["3"].amax((0, 2, 3)) > means["3"]
    best = max((u for u in range(6) if loud[u]), key=lambda u: falls[u])
    assert found.units[0].unit == best
    rest = [f / abs(found.score - found.usual) for u, f in enumerate(falls) if u != best]
    assert all(min(abs(v - r) for r in rest) < 0.02 for v in found.arrows[0].random.tolist())
    assert "hardly differs" in found.note
    assert left_alone(net)


def test_patches_are_replaced_by_the_mean_picture(pictures: Tensor) -> None:
    net, x = convs(), pictures[5:6]
    found = traced_example(net, x, pictures, 0, ["1", "3"], draws=2)
    with torch.no_grad():
        for arrow in found.arrows:
            if arrow.source >= 0:
                continue
            unit = found.units[arrow.sink]
            top, left, bottom, right = unit.box.tolist()
            gone = x.clone()
            gone[..., top:bottom, left:right] = pictures.mean(0)[..., top:bottom, left:right]
            at = (0, unit.unit, *unit.position)
            fall = after(net, 0, 2, x)[at] - after(net, 0, 2, gone)[at]
            assert arrow.drop == pytest.approx(float(fall), abs=1e-5)
            assert arrow.part == "what it sees"
    seen = found.units[0].box
    for unit in found.units[1:]:
        assert bool((unit.box[:2] >= seen[:2]).all())
        assert bool((unit.box[2:] <= seen[2:]).all())


def test_a_planted_chain_is_found_and_random_units_carry_nothing() -> None:
    net = nn.Sequential(
        nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 2)
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net[0].weight[4, 2] = net[2].weight[6, 4] = net[4].weight[1, 6] = 1.0
        net[0].weight[5, 3] = 1.0
    x = gaussian(60, 8, 0)
    x[0, 2] = 3.0
    found = traced_example(net, x[:1], x, 1, untrained_copy=False)
    assert found.sites == ("1", "3")
    assert [(unit.site, unit.unit) for unit in found.units] == [("3", 6), ("1", 4)]
    ways = [(arrow.source, arrow.sink, arrow.part) for arrow in found.arrows]
    assert ways[:2] == [(0, -1, ""), (1, 0, "")]
    assert ways[2] == (-1, 1, "input 2")
    assert all(arrow.share == pytest.approx(1, abs=1e-5) for arrow in found.arrows[:2])
    assert all(bool((arrow.random.abs() < 1e-6).all()) for arrow in found.arrows)
    swapped = traced_example(net, x[:1], x, 1, instead="swap", draws=20, untrained_copy=False)
    assert swapped.units[0].unit == 6
    assert 0.5 < swapped.arrows[0].share < 1.5


class Residual(nn.Module):
    """Heads side by side, and a way around them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.q, self.k = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.first(x))
        return self.last(hidden + torch.relu(self.q(hidden)) * torch.sigmoid(self.k(hidden)))


def test_layers_side_by_side_make_no_chain() -> None:
    x = gaussian(50, 6, 2)
    found = traced_example(Residual().eval(), x[:1], x, 0)
    # what layers hand on: their outputs after the functions that bend them
    assert found.sites == (".:relu()#0", ".:sigmoid()")
    named = traced_example(Residual().eval(), x[:1], x, 0, ["first", "q"])
    assert named.sites == ("first", "q")
    assert len(named.untrained) == 3
    assert bool(named.untrained.isfinite().all())


def test_the_figure_draws_every_card_and_names_the_controls(pictures: Tensor, tmp_path: object) -> None:
    net, x = convs(), pictures[3:4]
    found = traced_example(net, x, pictures)
    data = Dataset(
        "d", pictures, torch.arange(40) % 3, ImageSpec(), ("a", "b", "c"), torch.zeros(40, dtype=torch.int8)
    )
    drawn = figures.traced(found, data)
    svg = drawn.svg()
    assert svg.count("<image") == 2 * len(found.units) + 1
    for unit in found.units:
        assert f"{unit.site} · unit {unit.unit}" in svg
    assert "at random" in svg
    assert "untrained copy" in drawn.alt
    slim = figures.Figure("", "", drawn.narrow, None, drawn.table).svg()
    assert float(slim.split(' width="')[1].split('"')[0]) < 360
    assert slim.count("<image") == 2 * len(found.units) + 1
    for unit in found.units:
        assert f"{unit.site} · unit {unit.unit}" in slim
    assert figures.carried(found, data).startswith(f"Answer {data.classes[int(found.target[6:-1])]}: ")
    assert len(drawn.table.rows) == len(found.arrows)
    back = load(save(found, f"{tmp_path}/trace.safetensors"))
    assert isinstance(back, TracedExample)
    assert figures.traced(back, data).table.rows == drawn.table.rows


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.mix, self.out = nn.Embedding(30, 6), nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        mask = attention_mask[..., None]
        hidden = torch.relu(self.mix(self.embedding(input_ids)))
        return self.out((hidden * mask).sum(1) / mask.sum(1))


def test_texts_with_a_mask_end_at_their_words() -> None:
    words = [f"w{k}" for k in range(20)]
    texts = [" ".join(words[(3 * i + j) % 20] for j in range(3 + i % 5)) for i in range(40)]
    spec = TextSpec(WordTokenizer.learn(texts, least=1), ids_name="input_ids", mask_name="attention_mask")
    ids = spec.encode(texts)
    torch.manual_seed(0)
    net = Words().eval()
    found = traced_example(net, ids[:1], ids, 0, ["mix"], spec=spec)
    assert all(unit.position[0] < 3 for unit in found.units)  # three words, then padding
    parts = {arrow.part for arrow in found.arrows if arrow.source < 0}
    assert parts <= set(texts[0].split())
    data = Dataset("t", ids, torch.arange(40) % 2, spec, ("no", "yes"), torch.zeros(40, dtype=torch.int8))
    assert "elsewhere" in figures.traced(found, data).svg()


def test_what_cannot_be_is_refused(pictures: Tensor) -> None:
    with pytest.raises(InputError, match="one row"):
        traced_example(convs(), pictures[:2], pictures)
    with pytest.raises(InputError, match="instead='mean'"):
        traced_example(convs(), pictures[:1], pictures, instead="zero")  # pyright: ignore
    with pytest.raises(InputError, match="no hidden layer"):
        traced_example(nn.Linear(3, 2), torch.zeros(1, 3), torch.randn(9, 3))
    with pytest.raises(SiteError, match="No pass reaches"):
        traced_example(convs(), pictures[:1], pictures, 0, ["9"])
    cut = deep((6, 8, 8, 2))
    with torch.no_grad():
        cut[-1].weight.zero_()
    with pytest.raises(MethodError, match="carries the answer"):
        traced_example(cut, torch.randn(1, 6), torch.randn(9, 6), 0)
