import numpy as np
import pytest

from pellucid.figures._colour import OKABE_ITO, paint, paint_signed, table


def distance(first, second):
    return float(np.abs(np.asarray(first) - np.asarray(second)).sum())


def test_zero_is_the_middle_of_the_signed_scale():
    low, zero, high = paint_signed(np.array([-3.0, 0.0, 3.0]), 3.0)
    np.testing.assert_allclose(zero, table("vik")[16])
    np.testing.assert_allclose(low, table("vik")[0])
    np.testing.assert_allclose(high, table("vik")[-1])


def test_the_signed_scale_goes_from_blue_to_brown():
    low, high = paint_signed(np.array([-0.6, 0.6]), 1.0)
    assert low[2] > low[0]  # more blue than red
    assert high[0] > high[2]


def test_values_beyond_the_limit_take_the_end_and_a_zero_limit_is_neutral():
    np.testing.assert_allclose(paint_signed(np.array([9.0]), 1.0), table("vik")[-1:])
    np.testing.assert_allclose(paint_signed(np.array([5.0]), 0.0), table("vik")[16:17])


@pytest.mark.parametrize("name", ["batlow", "cividis"])
def test_magnitudes_grow_lighter(name):
    light = paint(np.linspace(0, 1, 50), name) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(light) > -0.01).all()
    assert light[-1] - light[0] > 0.5


def test_class_colours_differ():
    rgb = [[int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)] for code in OKABE_ITO]
    assert min(distance(a, b) for i, a in enumerate(rgb) for b in rgb[:i]) > 0.2
