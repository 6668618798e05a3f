"""Inputs along concept directions: the same as written out slowly, and where in an input it comes from."""

import pytest
import torch
from torch import nn

from layers.nets import conv, gaussian, left_alone
from pellucid._core import Compute
from pellucid.errors import InputError
from pellucid.inputs import TextSpec, WordTokenizer
from pellucid.layers import concept_exemplars, concept_values, concepts


@pytest.fixture(scope="module")
def seen():
    net, x = conv(), gaussian(60 * 64, 1, 0).reshape(60, 1, 8, 8)
    shown = gaussian(40 * 64, 1, 1).reshape(40, 1, 8, 8)
    shown[:, :, :4] += 2
    other = gaussian(35 * 64, 1, 2).reshape(35, 1, 8, 8)
    other[:, :, :, :2] -= 2
    return net, x, {"bright top": shown, "dark left": other}


def slow(net, rows):
    """Activations of the first layer, one row at a time, as long lists."""
    with torch.no_grad():
        return torch.stack([net[0](row[None]).flatten() for row in rows]).double()


def test_values_are_the_projection_written_out(seen):
    net, x, sets = seen
    found = concept_values(net, x, sets, "0", random=x)
    plain, own = slow(net, x).mean(0), slow(net, x)
    for k, rows in enumerate(sets.values()):
        way = slow(net, rows).mean(0) - plain
        expected = torch.tensor([float((row - plain) @ way / (way @ way)) for row in own])
        assert torch.allclose(found.values[:, k], expected, atol=1e-4)
    assert found.values.mean(0) == pytest.approx([0, 0], abs=1e-5)
    again = concept_values(net, sets["dark left"], sets, "0", random=x)
    assert float(again.values[:, 1].mean()) == pytest.approx(1, abs=1e-5)
    assert left_alone(net)


def test_how_well_a_concept_is_told_is_that_of_the_test_with_random_concepts(seen):
    net, x, sets = seen
    found = concept_values(net, x, sets, "0", random=x)
    tested = concepts(net, x, 0, sets, ["0"], random=x, draws=99, untrained_copy=False)
    assert (found.told > 0.95).all()
    assert (tested.accuracy[:, 0] > 0.95).all()
    noise = {"nothing": gaussian(40 * 64, 1, 5).reshape(40, 1, 8, 8)}
    none = concept_values(net, x, noise, "0", random=x)
    assert float(none.told[0]) < 0.75
    assert 0.5 < float(none.told_null[0]) < 0.8


def test_batches_and_the_order_of_rows_change_nothing(seen):
    net, x, sets = seen
    found = concept_values(net, x, sets, "1", random=x)
    small = concept_values(net, x, sets, "1", random=x, compute=Compute(batch_size=7))
    assert torch.allclose(found.values, small.values, atol=1e-5)
    turned = concept_values(net, x.flip(0), sets, "1", random=x)
    assert torch.allclose(found.values.flip(0), turned.values, atol=1e-6)


def test_what_positions_add_sums_to_the_value_and_points_to_its_place(seen):
    net, x, sets = seen
    found = concept_values(net, x, sets, "0", random=x)
    shown = concept_exemplars(net, x, found, [0, 1], k=4)
    assert shown.rows[1].tolist() == found.values[:, 1].argsort(descending=True)[:4].tolist()
    assert torch.allclose(shown.maps.sum((2, 3)), shown.values, atol=1e-4)
    assert shown.maps.shape == (2, 4, 8, 8)
    top = shown.maps[0].clamp_min(0)
    assert float(top[:, :4].sum()) > 3 * float(top[:, 4:].sum())
    best = shown.maps[0, 0].flatten().argmax()
    assert shown.positions[0, 0].tolist() == [int(best) // 8, int(best) % 8]
    one = concept_exemplars(net, x, found, [1], k=4)
    assert torch.equal(one.rows[0], shown.rows[1])
    flat = concept_values(net, x, sets, "4", random=x)
    assert concept_exemplars(net, x, flat, [0]).boxes is None


def test_padding_of_texts_adds_nothing():
    words = WordTokenizer(("<pad>", "<unk>", *(f"w{k}" for k in range(20))))
    spec = TextSpec(words, pad=0)
    net = nn.Sequential(nn.Embedding(40, 6), nn.Linear(6, 5)).eval()
    ids = torch.randint(2, 20, (50, 7), generator=torch.Generator().manual_seed(0))
    ids[:20, 4:] = 0
    sets = {"later words": ids[10:45]}
    longer = torch.cat([ids, torch.zeros(50, 3, dtype=torch.int64)], 1)
    short = concept_values(net, ids, sets, "1", random=ids, spec=spec)
    padded = concept_values(net, longer, {"later words": longer[10:45]}, "1", random=longer, spec=spec)
    assert torch.allclose(short.values, padded.values, atol=1e-4)


def test_too_few_inputs_and_what_looks_like_everything_else_are_refused(seen):
    net, x, _ = seen
    with pytest.raises(InputError, match="at least 30 inputs, got 12"):
        concept_values(net, x, {"few": x[:12]}, "0", random=x)
    with pytest.raises(InputError, match="look exactly like the others"):
        concept_values(net, x, {"same": x}, "0", random=x)
    with pytest.raises(InputError, match="at least one concept"):
        concept_values(net, x, {}, "0", random=x)
