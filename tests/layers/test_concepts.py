"""Concepts: planted ones are found, random ones are not, and captum gives the same score."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from layers.nets import deep, gaussian, left_alone, trained
from pellucid import figures
from pellucid._core import Compute, load, save
from pellucid.errors import InputError, SiteError
from pellucid.layers import concepts


@pytest.fixture(scope="module")
def reader() -> nn.Module:
    """A network whose class 1 is decided by the first number alone."""
    x = gaussian(600, 6, 0)
    return trained(deep((6, 16, 16, 2)), x, (x[:, 0] > 0).long(), 200)


def high(column: int, n: int, seed: int) -> Tensor:
    x = gaussian(n, 6, seed)
    x[:, column] = x[:, column].abs() + 1
    return x


def test_a_used_concept_is_supported_and_an_unused_one_is_not(reader: nn.Module) -> None:
    sets = {"first": high(0, 60, 1), "fourth": high(3, 60, 2)}
    found = concepts(reader, gaussian(50, 6, 3), 1, sets, ["1", "3"], random=gaussian(80, 6, 4), draws=499)
    assert found.words[0] == ("supported", "supported")
    assert "supported" not in found.words[1]
    assert (found.score[0] > 0.9).all()
    assert (found.low[0] > 0).all()
    assert (found.low < found.effect).all()
    assert (found.effect < found.high).all()
    assert (found.accuracy[0] > found.accuracy_null[0]).all()
    assert (found.p_holm >= found.p).all()
    assert left_alone(reader)


def test_the_numbers_are_those_of_the_definition(reader: nn.Module) -> None:
    shown, plain, x = high(0, 40, 1), gaussian(50, 6, 4), gaussian(30, 6, 3)
    found = concepts(reader, x, 1, {"c": shown}, ["2"], random=plain, draws=99, untrained_copy=False)
    with torch.no_grad():
        v = reader[:3](shown).mean(0) - reader[:3](plain).mean(0)
        start = reader[:3](x)
    start.requires_grad_()
    slope = torch.autograd.grad(reader[3:](start)[:, 1].sum(), start)[0]
    assert float(found.effect) == pytest.approx(float((slope @ v).mean()), rel=1e-4)
    assert float(found.score) == pytest.approx(float(((slope @ v) > 0).double().mean()))
    assert found.untrained_z.isnan().all()


def test_random_concepts_are_rarely_significant(reader: nn.Module) -> None:
    p = [
        float(
            concepts(
                reader, gaussian(30, 6, 3), 1, {"c": gaussian(30, 6, 100 + k)}, ["3"],
                random=gaussian(30, 6, 500 + k), draws=99, untrained_copy=False,
            ).p
        )
        for k in range(150)
    ]  # fmt: skip
    assert sum(v <= 0.05 for v in p) <= 16  # 7.5 expected, 16 or more in 0.4 %
    assert 0.4 < sum(p) / len(p) < 0.62


def test_an_untrained_network_is_no_better_than_its_twin() -> None:
    net = deep((6, 16, 16, 2))
    words = {
        concepts(
            net, gaussian(30, 6, 3), 1, {"c": high(0, 60, 1)}, ["3"], random=gaussian(60, 6, 4), draws=99,
            compute=Compute(seed=seed),
        ).words[0][0]
        for seed in range(6)
    }  # fmt: skip
    assert words != {"supported"}


def test_captum_gives_the_same_score(reader: nn.Module, tmp_path: object) -> None:
    pytest.importorskip("captum")
    from captum.concept import TCAV, Concept
    from captum.concept._utils.classifier import Classifier
    from torch.utils.data import DataLoader

    class MeanDifference(Classifier):
        def __init__(self) -> None:
            self.w = torch.empty(0)

        def train_and_eval(self, dataloader: DataLoader) -> dict[str, Tensor]:  # type: ignore[override]
            pairs = list(dataloader)
            x, y = torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])
            v = x[y == 0].mean(0) - x[y == 1].mean(0)
            self.w = torch.stack([v, -v])
            return {}

        def weights(self) -> Tensor:
            return self.w

        def classes(self) -> list[int]:
            return [0, 1]

    shown, plain, x = high(1, 40, 1), gaussian(40, 6, 4), gaussian(30, 6, 3)
    one = Concept(0, "c", DataLoader(shown, batch_size=40))  # type: ignore[arg-type]
    two = Concept(1, "r", DataLoader(plain, batch_size=40))  # type: ignore[arg-type]
    peer = TCAV(reader, ["2"], classifier=MeanDifference(), save_path=f"{tmp_path}/cav/")
    theirs = peer.interpret(x, [[one, two]], target=1)["0-1"]["2"]["sign_count"][0]
    ours = concepts(reader, x, 1, {"c": shown}, ["2"], random=plain, draws=19, untrained_copy=False)
    assert 0 < float(ours.score) < 1
    assert float(ours.score) == pytest.approx(float(theirs), abs=1e-6)


def test_what_is_too_little_is_refused(reader: nn.Module) -> None:
    x = gaussian(40, 6, 0)
    with pytest.raises(InputError, match="at least 30 inputs, got 29"):
        concepts(reader, x, 1, {"c": x[:29]}, ["2"], random=x)
    with pytest.raises(InputError, match="random: expected at least 30"):
        concepts(reader, x, 1, {"c": x}, ["2"], random=x[:10])
    with pytest.raises(SiteError, match="layer names"):
        concepts(reader, x, 1, {"c": x}, "2", random=x)


def test_the_figure_and_the_file_hold_every_pair(reader: nn.Module, tmp_path: object) -> None:
    sets = {"first": high(0, 40, 1), "fourth": high(3, 40, 2)}
    found = concepts(reader, gaussian(30, 6, 3), 1, sets, ["1", "3"], random=gaussian(40, 6, 4), draws=99)
    drawn = figures.concepts(found)
    assert len(drawn.table.rows) == 4
    assert "first" in drawn.alt
    shapes = drawn.note.partition("Evidence: ")[2]
    assert {word for words in found.words for word in words} == {
        part.strip(" ●▲■–.") for part in shapes.removesuffix(found.note).split(",")
    }
    assert len(drawn.svg()) > 1000
    back = load(save(found, f"{tmp_path}/c.safetensors"))
    assert back.words == found.words  # pyright: ignore
