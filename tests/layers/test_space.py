"""Maps of a layer's space against their definition, and beside what they have to be better than."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from layers.nets import conv, deep, gaussian, left_alone
from pellucid import figures
from pellucid._core import Compute, Dataset, load, save
from pellucid.errors import InputError, SiteError
from pellucid.inputs import ImageSpec, TextSpec, WordTokenizer
from pellucid.layers import SpaceMap, space_map


def trustworthy(space: Tensor, plane: Tensor, k: int) -> float:
    """Venna and Kaski's sum, neighbour by neighbour."""
    n = len(space)
    before = torch.cdist(space, space).fill_diagonal_(torch.inf).argsort(1)
    after = torch.cdist(plane, plane).fill_diagonal_(torch.inf).argsort(1)[:, :k]
    lost = 0
    for i in range(n):
        place = {int(j): r + 1 for r, j in enumerate(before[i])}
        lost += sum(max(0, place[int(j)] - k) for j in after[i])
    return 1 - 2 * lost / (n * k * (2 * n - 3 * k - 1))


@pytest.fixture(scope="module")
def clusters() -> tuple[Tensor, Tensor]:
    y = torch.arange(90) % 3
    return gaussian(90, 6, 0) + 6 * torch.eye(6)[y], y


def test_the_numbers_are_those_of_their_definition(clusters: tuple[Tensor, Tensor]) -> None:
    x, y = clusters
    found = space_map(nn.Identity(), x, ".", y)
    for each in found.maps:
        assert each.trustworthiness == pytest.approx(trustworthy(x, each.places, 12), abs=1e-6)
        assert each.continuity == pytest.approx(trustworthy(each.places, x, 12), abs=1e-6)
    first = found.maps[0]
    away = torch.cdist(first.places, first.places)
    shares = [sum(int(y[j] == y[i]) for j in away[i].argsort()[1:13].tolist()) / 12 for i in range(len(x))]
    assert first.same_class == pytest.approx(sum(shares) / len(shares), abs=1e-9)
    assert first.low < first.same_class <= first.high
    assert found.chance == pytest.approx(29 / 89)


def test_a_layer_that_parts_the_classes_is_better_than_its_controls() -> None:
    x = gaussian(120, 20, 1)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(20, 2, bias=False))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[0, 0] = 1.0
        net[0].weight[1, 1] = 0.05
    found = space_map(net, x, "0", y)
    shares = {each.name: each.same_class for each in found.maps}
    assert shares["t-SNE of the layer"] > 0.95
    assert shares["t-SNE of the raw inputs"] < 0.75
    assert left_alone(net)


def test_classes_of_one_input_each_are_left_out() -> None:
    found = space_map(nn.Sequential(nn.Linear(4, 3)), gaussian(40, 4, 1), "0", torch.arange(40))
    assert "No two inputs are of the same class" in found.note
    assert not len(found.answers)
    assert "same class" not in figures.space_map(found).alt


def test_the_same_for_any_batch_size_and_from_the_file(
    clusters: tuple[Tensor, Tensor], tmp_path: object
) -> None:
    x, y = clusters
    net = deep()
    once = space_map(net, x, "1", y, most=60, compute=Compute(64))
    again = space_map(net, x, "1", y, most=60, compute=Compute(64))
    assert torch.equal(once.maps[0].places, again.maps[0].places)
    assert (len(once.rows), once.total) == (60, 90)
    back = load(save(once, f"{tmp_path}/map.safetensors"))
    assert isinstance(back, SpaceMap)
    assert torch.equal(back.maps[2].places, once.maps[2].places)


def test_the_figure_says_what_the_map_is_worth() -> None:
    x = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = torch.arange(60) % 10
    found = space_map(conv(), x, "1", y)
    names = tuple("abcdefghij")
    data = Dataset("d", x, y, ImageSpec(), names, torch.zeros(60, dtype=torch.int8))
    drawn = figures.space_map(found, data)
    assert "Not better than an untrained network" in drawn.alt
    assert "means nothing" in drawn.note
    assert [row[0] for row in drawn.table.rows] == [each.name for each in found.maps]
    svg = drawn.svg()
    assert svg.count("<image") > 5
    plain = figures.space_map(space_map(conv(), x, "1", untrained_copy=False))
    assert len(plain.table.rows) == 3
    assert plain.table.rows[0][3] is None
    with pytest.raises(InputError, match="not the same"):
        figures.space_map(found, data.rows(torch.arange(10)))


class Masked(nn.Module):
    """Takes a mask by name, and would show padding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30, 4)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return (self.embedding(input_ids) * attention_mask[..., None]).sum(1)


def test_texts_of_any_length_are_means_over_their_tokens() -> None:
    words = [f"w{k}" for k in range(20)]
    texts = [" ".join(words[(i + j) % 20] for j in range(3 + i % 5)) for i in range(50)]
    spec = TextSpec(WordTokenizer.learn(texts, least=1), ids_name="input_ids", mask_name="attention_mask")
    ids = spec.encode(texts)
    longer = torch.cat([ids, torch.zeros(50, 4, dtype=torch.int64)], 1)
    net = Masked()
    short, long = (
        space_map(net, rows, "embedding", spec=spec, untrained_copy=False) for rows in (ids, longer)
    )
    assert torch.equal(short.maps[0].places, long.maps[0].places)
    assert len(figures.space_map(short).svg()) > 1000


def test_what_cannot_be_is_refused(clusters: tuple[Tensor, Tensor]) -> None:
    x, y = clusters
    with pytest.raises(InputError, match="at least 40"):
        space_map(deep(), x[:20], "1")
    with pytest.raises(InputError, match="class numbers"):
        space_map(deep(), x, "1", y[:5])
    with pytest.raises(SiteError):
        space_map(deep(), x, "9")
    dead = nn.Sequential(nn.Linear(6, 3), nn.ReLU())
    with torch.no_grad():
        dead[0].bias.fill_(-100)
    with pytest.raises(InputError, match="says the same of every input"):
        space_map(dead, x, "1")
