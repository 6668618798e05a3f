"""One line for a value, whatever is in it."""

from dataclasses import field, make_dataclass

import numpy as np
import pytest
import torch

from pellucid._core import brief


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.zeros(5000, 64), "[5000, 64]"),
        (np.zeros((3, 2)), "[3, 2]"),
        (torch.tensor(0.25), "0.25"),
        (torch.tensor(True), "1"),
        (1 / 3, "0.333"),
        (True, "True"),
        (("a", "", 2), "('a', '', 2)"),
        (("a",) * 4, "<4 items>"),
        ([torch.zeros(2)], "(Tensor)"),
        ({"untrained": torch.zeros(9)}, "{'untrained'}"),
        ("x" * 90, "'" + "x" * 39 + "…'"),
        (torch.nn.ReLU(), "ReLU"),
    ],
)
def test_each_field_is_short(value, said):
    assert brief(make_dataclass("Made", ["it"])(value)) == f"Made(it={said})"


@pytest.mark.parametrize("nothing", [None, "", (), {}, []])
def test_nothing_is_left_out(nothing):
    assert brief(make_dataclass("Made", ["it", ("n", int, field(default=3))])(nothing)) == "Made(n=3)"


def test_what_is_no_value_says_so():
    assert "object at" in brief(object())
