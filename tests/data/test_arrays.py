import math

import numpy as np
import pytest
import torch

from pellucid import data
from pellucid.errors import InputError
from pellucid.inputs import Column, ImageSpec, TabularSpec

Y = torch.arange(20) % 2


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_four_axes_are_pictures_and_stay_as_they_are():
    x = noise(20, 3, 5, 4)
    made = data.arrays(x, Y)
    assert made.inputs.data_ptr() == x.data_ptr()
    assert made.spec == ImageSpec(3, (5, 4))
    assert (made.classes, made.parts.bincount().tolist()) == (("0", "1"), [12, 4, 4])


@pytest.mark.parametrize(
    ("low", "high", "black", "full"), [(0, 1, 0, 1), (0, 255, 0, 255), (-1, 1, -1, 1), (-2.1, 2.6, -2.1, 2.6)]
)
def test_pictures_on_any_scale_decode_to_0_to_1(low, high, black, full):
    x = low + (high - low) * noise(20, 1, 4, 4)
    x[0, 0, 0, :2] = torch.tensor([float(low), float(high)])
    made = data.arrays(x, Y)
    assert torch.equal(made.inputs, x)
    pixels = made.spec.to_pixels(x)
    assert torch.allclose(pixels[0, 0, 0, :2], torch.tensor([0.0, 1.0]), atol=1e-6)
    ends = made.spec.from_pixels(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)).flatten()
    assert ends.tolist() == pytest.approx([black, full], abs=1e-4)
    assert any("Taken as pictures" in note for note in made.notes)


def test_three_axes_get_a_channel():
    made = data.arrays(noise(20, 5, 4), Y)
    assert made.inputs.shape == (20, 1, 5, 4)
    assert any("channel axis" in note for note in made.notes)


def test_two_axes_are_a_table_that_stays_as_it_is():
    x = 100 * noise(20, 3)
    x[:, 2] = torch.arange(20)
    made = data.arrays(x, Y)
    assert torch.equal(made.inputs, x)
    assert made.spec.slots == ("x1", "x2", "x3")
    assert [c.integer for c in made.spec.columns] == [False, False, True]
    train = made.part("train").inputs
    assert made.spec.absent(x)[0].tolist() == pytest.approx(train.quantile(0.5, dim=0).tolist(), rel=1e-6)
    assert made.spec.decode(x[:1])[0]["x3"] == 0
    assert any("without names" in note for note in made.notes)


def test_numpy_and_lists_are_taken():
    x = np.random.default_rng(0).random((20, 3))
    made = data.arrays(x, np.arange(20) % 2)
    assert made.inputs.dtype == torch.float32
    assert made.answers.dtype == torch.int64
    assert data.arrays([[1, 2.5], [3, 4]] * 5, [0, 1] * 5).inputs.shape == (10, 2)
    assert data.arrays(torch.arange(40).view(20, 2), Y).inputs.dtype == torch.float32


def test_double_tensors_stay_double():
    assert data.arrays(noise(20, 3).double(), Y).inputs.dtype == torch.float64


def test_answers_by_name():
    made = data.arrays(noise(4, 2), ["no", "yes", "no", "no"])
    assert (made.classes, made.answers.tolist()) == (("no", "yes"), [0, 1, 0, 0])
    given = data.arrays(noise(4, 2), np.array(["no", "yes", "no", "no"]), classes=["yes", "no"])
    assert given.answers.tolist() == [1, 0, 1, 1]
    with pytest.raises(InputError, match="'maybe' is none of the classes"):
        data.arrays(noise(2, 2), ["maybe", "yes"], classes=("yes", "no"))


def test_class_numbers_keep_their_meaning():
    made = data.arrays(noise(4, 2), torch.tensor([1, 3, 3, 1]))
    assert (made.classes, made.answers.tolist()) == (("0", "1", "2", "3"), [1, 3, 3, 1])
    assert data.arrays(noise(4, 2), torch.tensor([0.0, 1, 1, 0]), classes=("a", "b")).answers.tolist() == [
        0,
        1,
        1,
        0,
    ]
    assert data.arrays(noise(4, 2), torch.tensor([True, False, True, True])).classes == ("0", "1")


def test_floating_answers_are_regression():
    made = data.arrays(noise(4, 2), torch.tensor([[0.5], [1], [2], [3]]))
    assert (made.task, made.answers.tolist()) == ("regression", [0.5, 1, 2, 3])


def test_a_given_spec_is_used_and_checked():
    spec = ImageSpec(mean=(0.5,), std=(0.5,))
    assert data.arrays(noise(20, 1, 4, 4) * 2 - 1, Y, spec).spec is spec
    assert data.arrays(noise(20, 4, 4) * 2 - 1, Y, spec).inputs.shape == (20, 1, 4, 4)
    table = TabularSpec((Column("a"), Column("b")))
    assert data.arrays(noise(20, 2), Y, table).spec is table
    with pytest.raises(InputError, match="raw values"):
        data.arrays(noise(20, 1, 4, 4) * 255, Y, spec)
    with pytest.raises(InputError, match=r"expected \[N, 2\]"):
        data.arrays(noise(20, 3), Y, table)


@pytest.mark.parametrize(
    ("x", "y", "given", "message"),
    [
        (noise(20, 3), torch.arange(19), {}, "20 inputs and 19 answers"),
        (noise(0, 3), torch.arange(0), {}, "at least one row"),
        (noise(20), Y, {}, r"expected \[N, D\].*anything else give spec"),
        (noise(20, 1, 1, 1, 2), Y, {}, r"go in as rows.*unflatten\(1, \(1, 1, 1, 2\)\)"),
        (torch.full((20, 3), math.nan), Y, {}, "NaN or infinity"),
        (torch.full((20, 1, 2, 2), math.inf), Y, {}, "NaN or infinity"),
        (torch.zeros(20, 1, 2, 2, dtype=torch.uint8), Y, {}, "as the network takes them"),
        (noise(20, 3), torch.eye(2)[Y], {}, r"y\.argmax\(1\)"),
        (noise(20, 3), -Y, {}, "start at 0, got -1"),
        (noise(20, 3), Y * 2, {"classes": ("a", "b")}, "class number 2, but only 2 classes"),
        (noise(20, 3), Y * 0.5, {"classes": ("a", "b")}, "must be whole"),
        (noise(20, 3), torch.full((20,), math.nan), {}, "Answers: expected finite"),
        (np.array([[object()]] * 20), Y, {}, "array of numbers"),
    ],
)
def test_bad_arrays(x, y, given, message):
    with pytest.raises(InputError, match=message):
        data.arrays(x, y, **given)


def test_tensors_of_the_user_are_not_changed():
    x = noise(20, 2).requires_grad_()
    made = data.arrays(x, Y)
    assert x.requires_grad
    assert not made.inputs.requires_grad
