"""Each word has its reason."""

from __future__ import annotations

import pytest
import torch

from pellucid.features._trust import PictureTrust
from pellucid.features._words import control_bar, words

NAN = float("nan")
LEVELS = torch.linspace(0.0, 0.5, 39)


def speaking(low: float = 0.8, path: float = 1.0) -> PictureTrust:
    one = torch.ones(1)
    return PictureTrust(
        one,
        low * one,
        one,
        one,
        one,
        ("0", "1"),
        torch.tensor([[1.0, path]]),
        *[one] * 5,
        torch.ones(1, 2),
        one,
    )


@pytest.mark.parametrize(
    ("started", "ratio", "distance", "agreement", "word"),
    [
        (False, 2.0, 0.5, 1.0, "did not start"),
        (True, 1.0, 1.0, 0.9, "supported"),
        (True, 1.0, 1.0, 0.45, "not better than an untrained network"),
        (True, 0.4, 1.0, 0.9, "weak"),
        (True, 1.0, 1.6, 0.9, "weak"),
        (True, 1.0, 0.5, 0.4, "weak"),
        (True, NAN, 1.0, 0.9, "weak"),
        (True, float("inf"), 1.0, 0.9, "supported"),
        (True, 1.0, 1.0, NAN, "not better than an untrained network"),
    ],
)
def test_words(started: bool, ratio: float, distance: float, agreement: float, word: str) -> None:
    given = [torch.tensor([value]) for value in (started, ratio, distance, agreement)]
    steady, bar = given[3] / given[2], control_bar(LEVELS)
    assert words(*given, 1.5, steady, bar, speaking()) == (word,)


@pytest.mark.parametrize(
    ("low", "path", "word"),
    [
        (0.51, 0.5, "supported"),
        (0.5, 0.9, "weak"),
        (0.9, 0.49, "weak"),
        (0.9, NAN, "supported"),
        (NAN, 1.0, "weak"),
    ],
)
def test_a_picture_must_tell_and_go_the_way_of_real_inputs(low: float, path: float, word: str) -> None:
    one = torch.ones(1)
    assert words(one.bool(), one, one, 0.9 * one, 1.5, 0.9 * one, 0.5, speaking(low, path)) == (word,)


def test_what_began_at_a_real_input_need_not_tell() -> None:
    one = torch.ones(1)
    given = (one.bool(), one, one, 0.9 * one, 1.5, 0.9 * one, 0.5, speaking(0.4))
    assert (words(*given), words(*given, near=False)) == (("weak",), ("supported",))


def test_without_control_nothing_is_supported() -> None:
    one = torch.ones(1)
    assert words(one.bool(), one, one, one, 2.0, one, None, speaking()) == ("weak",)


def test_the_bar_is_passed_by_one_in_twenty() -> None:
    assert control_bar(torch.arange(39.0)) == 37  # 38 of 39 are at or below it
    assert control_bar(torch.arange(10.0)) == 9
    assert control_bar(torch.tensor([NAN])) is None
