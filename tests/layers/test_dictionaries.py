"""Dictionaries: planted directions are found, losses are on their scale, controls stand beside."""

from __future__ import annotations

import importlib

import pytest
import torch
from sklearn.decomposition import NMF
from torch import Tensor, nn

from layers.nets import conv, deep, gaussian, left_alone, trained
from pellucid import figures
from pellucid._core import Compute, load, predict, probe, save
from pellucid.errors import InputError, MethodError
from pellucid.layers import Dictionary, element_exemplars, matrix_factorisation, sparse_autoencoder
from pellucid.layers._dictionary import solved
from pellucid.layers._sparse import AUXILIARY, _Maker, sampled


def planted(n: int = 1500) -> tuple[Tensor, Tensor]:
    """Rows that are sums of two of 12 directions in 8 dimensions."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(12, 8, generator=generator)
    directions /= directions.norm(dim=1, keepdim=True)
    place = torch.rand(n, 12, generator=generator).argsort(1)[:, :2]
    codes = torch.zeros(n, 12).scatter(1, place, 1 + torch.rand(n, 2, generator=generator))
    return codes @ directions, directions


@pytest.mark.parametrize("kind", ["topk", "batchtopk", "jumprelu"])
def test_planted_directions_are_found(kind: str) -> None:
    x, directions = planted()
    made = sparse_autoencoder(
        nn.Identity(), x, ".", kind=kind, width=24, k=3, steps=500, rate=1e-2, shuffled_control=False
    )  # type: ignore[arg-type]
    found = (directions @ made.decoder.T).amax(1)
    assert float((found > 0.85).double().mean()) >= 0.75
    assert made.quality.error < 0.15
    assert made.quality.active < 5
    assert torch.allclose(made.decoder.norm(dim=1), torch.ones(24), atol=1e-5)


def test_the_quality_is_that_of_the_definition() -> None:
    x = gaussian(400, 6, 0)
    y = (x[:, 0] > 0).long()
    net = trained(deep((6, 12, 2)), x, y)
    made = sparse_autoencoder(net, x, "1", width=16, k=3, steps=150)
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    held = x[order[:80].sort().values]
    with torch.no_grad():
        hidden = net[:2](held)
        again = made.rebuilt(hidden)
        wanted = ((hidden - again).square().sum() / (hidden - hidden.mean(0)).square().sum()).item()
        plain, new, flat = net(held), net[2:](again), net[2:](hidden.mean(0).expand_as(hidden))
    p = plain.double().softmax(1)

    def divergence(other: Tensor) -> float:
        return float((p * (p.log() - other.double().log_softmax(1))).sum(1).mean())

    assert made.quality.error == pytest.approx(wanted, rel=1e-4)
    assert made.quality.recovered == pytest.approx(1 - divergence(new) / divergence(flat), rel=1e-4)
    assert made.quality.active == pytest.approx(float((made.codes(hidden) > 0).sum()) / 80)
    assert (made.quality.n, made.n) == (80, 320)
    assert made.shuffled is not None
    assert left_alone(net)
    assert torch.equal(predict(net, held), plain)


def test_the_mean_alone_recovers_nothing_and_a_perfect_dictionary_everything() -> None:
    net, x = deep((6, 12, 2)).eval(), gaussian(200, 6, 0)
    exact = sparse_autoencoder(net, x, "0", width=24, k=24, steps=800, rate=5e-3, shuffled_control=False)
    assert exact.quality.error < 0.02
    assert exact.quality.recovered > 0.97


def test_the_auxiliary_loss_is_on_the_scale_of_the_main_one() -> None:
    x, _ = planted(600)
    maker = _Maker(x, "topk", 16, 2, 1e-3, 0)
    maker.unused += 1000
    before = x @ maker.encoder + maker.bias
    left = x - maker.keep(before)[0] @ maker.decoder
    revived = float(maker._revive(before, left.detach()).detach())
    nothing = float((left.square().sum() / (left - left.mean(0)).square().sum()).detach())
    # elements that add nothing would cost about 1, whatever the unit of the activations
    assert 0 < revived < 20 * nothing
    larger = _Maker(100 * x, "topk", 16, 2, 1e-3, 0)
    larger.unused += 1000
    assert float(larger._revive(100 * before, 100 * left.detach()).detach()) == pytest.approx(
        revived, rel=1e-3
    )
    assert AUXILIARY == 1 / 32


def test_dead_elements_come_back_with_the_auxiliary_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = planted()
    shares: list[float] = []
    for weight in (0.0, 1 / 32):
        monkeypatch.setattr(importlib.import_module("pellucid.layers._sparse"), "AUXILIARY", weight)
        made = sparse_autoencoder(nn.Identity(), x, ".", width=48, k=2, steps=300, shuffled_control=False)
        shares.append(made.quality.dead)
    assert shares[1] <= shares[0]


def test_batchtopk_keeps_k_for_each_row_of_a_batch() -> None:
    x, _ = planted(512)
    maker = _Maker(x, "batchtopk", 24, 3, 1e-3, 0)
    codes, _ = maker.keep((x @ maker.encoder).abs())
    counts = (codes > 0).sum(1)
    assert int(counts.sum()) == 3 * 512
    assert int(counts.min()) < 3 < int(counts.max())


def test_a_factorisation_is_that_of_scikit_learn() -> None:
    x = gaussian(300, 6, 0).abs()
    made = matrix_factorisation(nn.Identity(), x, ".", width=4, shuffled_control=False)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    fit = x[order[60:].sort().values]
    peer = NMF(4, init="nndsvda", max_iter=300, random_state=0)
    codes = torch.tensor(peer.fit_transform(fit.double().numpy()))
    theirs = float((fit - codes @ torch.tensor(peer.components_)).norm())
    ours = float((fit - made.rebuilt(fit)).norm())
    assert ours == pytest.approx(theirs, rel=0.02)
    assert bool((made.decoder >= 0).all())


def test_solved_codes_meet_the_conditions_of_the_best_ones() -> None:
    decoder, x = gaussian(3, 5, 0).abs().double(), gaussian(20, 5, 1).abs().double()
    codes = solved(x, decoder)
    slope = (codes @ decoder - x) @ decoder.T
    assert float((codes * slope).abs().max()) < 0.02
    assert float(slope.min()) > -0.02


def test_negative_layers_and_small_data_are_refused() -> None:
    with pytest.raises(MethodError, match="negative values"):
        matrix_factorisation(nn.Identity(), gaussian(80, 4, 0), ".")
    with pytest.raises(InputError, match="at least 50 inputs"):
        sparse_autoencoder(nn.Identity(), gaussian(20, 4, 0), ".")
    x = torch.rand(60, 4)
    with pytest.raises(InputError, match="must be positive, got 0, None"):
        sparse_autoencoder(nn.Identity(), x, ".", width=0)
    with pytest.raises(InputError, match="must be positive, got None, 0"):
        sparse_autoencoder(nn.Identity(), x, ".", k=0)
    with pytest.raises(InputError, match="elements, width=4; got 9"):
        sparse_autoencoder(nn.Identity(), x, ".", width=4, k=9)
    with pytest.raises(InputError, match="Did you mean topk"):
        sparse_autoencoder(nn.Identity(), gaussian(80, 4, 0), ".", kind="top")  # type: ignore[arg-type]


def test_maps_are_taken_position_by_position_whatever_the_batch_size() -> None:
    net, x = conv().eval(), torch.rand(90, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    small, large = (sampled(net, x, "2", Compute(size)) for size in (7, 90))
    assert torch.allclose(small, large, atol=1e-6)
    assert small.shape == (90 * 16, 4)
    made = sparse_autoencoder(net, x, "2", width=8, k=2, steps=60, shuffled_control=False)
    found = element_exemplars(net, x, made, k=3)
    with probe(net, read=["2"]) as seen, torch.no_grad():
        net(x)
    codes = made.codes(seen["2"].movedim(1, -1)).flatten(1, 2).amax(1)
    assert torch.allclose(found.values, codes.topk(3, dim=0).values.T, atol=1e-5)
    assert found.boxes is not None
    assert found.site == "topk dictionary of 2"
    assert left_alone(net)


def test_a_dictionary_is_stored_and_drawn_with_its_control(tmp_path: object) -> None:
    net, x = deep((6, 12, 2)), gaussian(100, 6, 0)
    made = sparse_autoencoder(net, x, "1", width=16, k=3, steps=30)
    back = load(save(made, f"{tmp_path}/d.safetensors"))
    assert isinstance(back, Dictionary)
    rows = net[:2](x).detach()
    assert torch.equal(back.rebuilt(rows), made.rebuilt(rows))
    assert back.shuffled == made.shuffled
    drawn = figures.dictionary(made)
    assert "a margin of" in drawn.alt
    assert len(drawn.table.rows) == 4
    assert len(drawn.svg()) > 1000
