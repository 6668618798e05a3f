"""What the terminal says of a dossier, where a network has more layers than a terminal has lines."""

import dataclasses
import io

import torch
from rich.console import Console
from torch import nn

from pellucid.cli._summary import summary
from pellucid.layers import summary as measured
from pellucid.report import Dossier


def printed(layers):
    """The summary as a terminal prints it."""
    console = Console(width=100, file=io.StringIO())
    console.print(summary(Dossier("net", "classification", layers=layers)))
    return console.file.getvalue()


def test_of_a_layer_that_is_called_often_the_outer_calls_are_listed():
    found = measured(nn.Linear(3, 3), torch.randn(5, 3), untrained_copy=False)
    names = ["first", *(f"again#{k}" for k in range(100)), "last"]
    text = printed(
        dataclasses.replace(
            found, rows=tuple(dataclasses.replace(found.rows[0], site=name) for name in names)
        )
    )
    listed = [name for name in names if f" {name} " in text]
    assert listed == ["first", "again#0", "again#1", "again#98", "again#99", "last"]
    assert "6 of 102 shown; the page has all." in text
    assert "shown" not in printed(found)


def test_what_no_layer_has_is_no_column():
    found = measured(nn.Linear(3, 3), torch.randn(5, 3), untrained_copy=False)
    assert "sees" not in printed(found)
    seen = dataclasses.replace(found.rows[0], site="seen", field=(3, 3))
    both = printed(dataclasses.replace(found, rows=(*found.rows, seen)))
    assert "3 × 3" in both
    assert " all " not in both
