"""CKA against the estimate written out, and what it must not see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from layers.nets import deep, gaussian, left_alone
from pellucid import figures
from pellucid._core import Compute, load, save
from pellucid.errors import InputError, SiteError
from pellucid.layers import representation_similarity


def hsic(k: Tensor, m: Tensor) -> float:
    """Equation 5 of Song et al. 2012, term by term."""
    n = len(k)
    k, m = (g.double() - torch.diag(g.double().diagonal()) for g in (k, m))
    one = torch.ones(n).double()
    first = float((k @ m).trace())
    second = float(one @ k @ one) * float(one @ m @ one) / ((n - 1) * (n - 2))
    third = 2 / (n - 2) * float(one @ k @ m @ one)
    return (first + second - third) / (n * (n - 3))


def cka(x: Tensor, y: Tensor) -> float:
    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / (hsic(k, k) * hsic(m, m)) ** 0.5


def test_it_is_the_written_out_estimate_for_any_batch_size() -> None:
    net, x = deep().eval(), gaussian(40, 6, 1)
    found = representation_similarity(net, x, ["0", "2"], draws=5, untrained_copy=False)
    small = representation_similarity(
        net, x, ["0", "2"], draws=5, untrained_copy=False, compute=Compute(batch_size=7)
    )
    with torch.no_grad():
        a, b = net[:1](x), net[:3](x)
    assert float(found.values[0, 1]) == pytest.approx(cka(a, b), abs=1e-5)
    assert torch.allclose(found.values, small.values, atol=1e-6)
    assert torch.allclose(found.null, small.null, atol=1e-6)
    assert (found.n, found.block) == (40, 40)


def test_rotation_and_scale_change_nothing() -> None:
    rotation = torch.linalg.qr(gaussian(6, 6, 3)).Q

    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Identity(), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.b(3 * self.a(x) @ rotation + 5)

    found = representation_similarity(Turned(), gaussian(64, 6, 0), draws=5)
    assert float(found.values[0, 1]) == pytest.approx(1, abs=1e-5)
    assert found.shrunk is not None
    assert 0.97 < float(found.shrunk[0, 1]) <= 1


class TwoViews(nn.Module):
    """Two layers that see unrelated halves of the input."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.left, self.right, self.d = nn.Identity(), nn.Identity(), d

    def forward(self, x: Tensor) -> Tensor:
        return self.left(x[:, : self.d]).sum(1) + self.right(x[:, self.d :]).sum(1)


def test_unrelated_data_are_about_zero_where_the_usual_estimate_is_near_one() -> None:
    seen = [
        float(
            representation_similarity(
                TwoViews(1024), gaussian(32, 2048, seed), draws=1, untrained_copy=False
            ).values[0, 1]
        )
        for seed in range(40)
    ]
    assert abs(sum(seen) / len(seen)) < 0.02
    less = [
        representation_similarity(
            TwoViews(1024), gaussian(32, 2048, seed), draws=40, untrained_copy=False
        ).shrunk[0, 1]  # pyright: ignore
        for seed in range(40)
    ]
    assert sum(abs(float(v)) <= 0.05 for v in less) >= 36 > sum(abs(v) <= 0.05 for v in seen)
    many = representation_similarity(
        TwoViews(1024), gaussian(32 * 40, 2048, 99), block=32, draws=20, untrained_copy=False
    )
    assert abs(float(many.values[0, 1])) < 0.05
    assert many.n == 1280


def test_about_one_in_twenty_unrelated_pairs_leaves_the_null_band() -> None:
    outside = 0
    for seed in range(60):
        found = representation_similarity(
            TwoViews(20), gaussian(24, 40, seed), draws=100, untrained_copy=False
        )
        outside += abs(float(found.values[0, 1])) > float(found.null[0, 1])
    assert outside <= 9


def test_two_networks_and_the_reference_lines(tmp_path: object) -> None:
    net, other = deep(), deep(seed=1)
    x = gaussian(64, 6, 1)
    found = representation_similarity(net, x, ["1", "3"], other=other, second=other, draws=5)
    assert found.other_sites == ("0", "1", "2", "3", "4")
    assert found.values.shape == found.null.shape == (2, 5)
    assert torch.allclose(found.references["second seed"], found.values[[0, 1], [1, 3]])
    assert set(found.references) == {"second seed", "untrained"}
    assert found.shrunk_references is not None
    for name, line in found.references.items():
        less = found.shrunk_references[name]
        assert bool((less >= 0).all())
        assert bool((less <= line.clamp(min=0)).all())
        assert torch.allclose(less, line, atol=0.06)  # 64 rows: chance takes off about 1 / (64² CKA)
    assert left_alone(net)
    assert left_alone(other)
    back = load(save(found, f"{tmp_path}/found.safetensors"))
    assert torch.equal(back.values, found.values)  # pyright: ignore
    drawn = figures.similarity(found)
    assert "least alike" in drawn.alt
    assert drawn.table.columns[2:4] == ("CKA less chance", "unbiased CKA")
    assert drawn.table.rows[0][2] == float(found.shrunk[0, 0])  # pyright: ignore
    assert drawn.table.rows[-1][2] == float(found.shrunk_references["untrained"][-1])
    assert len(drawn.table.rows) == 10 + 4
    assert len(drawn.svg()) > 1000


def test_a_layer_that_never_moves_has_no_similarity() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    with torch.no_grad():
        net[0].bias.fill_(-100)
    found = representation_similarity(net, gaussian(20, 3, 0), draws=3)
    assert found.values[1].isnan().all()
    assert figures.similarity(found).spec()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="at least 8 rows"):
        representation_similarity(deep(), gaussian(5, 6, 0))
    with pytest.raises(SiteError, match="No pass reaches"):
        representation_similarity(deep(), gaussian(20, 6, 0), ["9"])


def test_between_two_networks_every_pair_counts_and_the_untrained_line_is_a_control() -> None:
    x = gaussian(64, 6, 1)
    found = representation_similarity(
        deep(), x, ["0", "2"], other=deep(seed=1), other_sites=["0", "2"], draws=3
    )
    drawn = figures.similarity(found)
    # layers of one name are two layers, and the matrix has two sides
    assert [row[:2] for row in drawn.table.rows[:4]] == [("0", "0"), ("0", "2"), ("2", "0"), ("2", "2")]
    assert "2 layers with 2 layers of the other network" in drawn.alt
    values = found.shrunk
    assert values is not None
    a, b = divmod(int(values.argmax()), 2)
    assert f"most {found.sites[a]} and {found.other_sites[b]} (" in drawn.alt
    matrix, lines = drawn.spec()["concat"]
    assert (matrix["encoding"]["y"]["title"], matrix["encoding"]["x"]["title"]) == (
        "this network",
        "the other network",
    )
    shown = {
        p["layer"]: p["value"] for p in lines["data"]["values"] if p["series"] == "with the other network"
    }
    assert shown == {"0": pytest.approx(float(values[0, 0])), "2": pytest.approx(float(values[1, 1]))}
    within = figures.similarity(representation_similarity(deep(), x, ["0", "2"], draws=3))
    assert [row[:2] for row in within.table.rows[:1]] == [("0", "2")]
    (_, own), (_, both) = (d.spec()["concat"] for d in (within, drawn))
    dashes = [p["layer"][0]["encoding"]["strokeDash"]["scale"] for p in (own, both)]
    assert [d["range"][d["domain"].index("with untrained")] for d in dashes] == [[6, 4], [6, 4]]


def test_layers_are_seen_before_they_are_changed_in_place():
    x = gaussian(64, 8, 0)
    seen = []
    for inplace in (False, True):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace), nn.Linear(16, 3)).eval()
        found = representation_similarity(net, x, ["0", "1", "2"], block=32, draws=2, untrained_copy=False)
        seen.append(found.values)
    assert torch.equal(*seen)
    assert float(seen[0][0, 1]) < 0.99
