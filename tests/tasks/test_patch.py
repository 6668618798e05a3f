"""The verb ``patch``: pairs of held-out rows, what is asked of them, and what it will take."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pellucid
from pellucid import tasks
from pellucid._core import load, predict, save
from pellucid.errors import InputError, TargetError
from pellucid.report import inside_page
from pellucid.tasks._spent import counted


@pytest.fixture(scope="module")
def subject() -> pellucid.Subject:
    """Three classes read off three columns."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 3))
    with torch.no_grad():
        net[0].weight.copy_(torch.cat([torch.eye(3), -torch.eye(3)]))
        net[2].weight.copy_(4 * torch.cat([torch.eye(3), -torch.eye(3)], 1))
    x = torch.eye(3).repeat(20, 1) + 0.1 * torch.rand(60, 3)
    return pellucid.open(net, data=(x, torch.arange(3).repeat(20)), classes=["red", "green", "blue"])


def test_what_is_read_for_both_is_what_is_asked(subject: pellucid.Subject) -> None:
    held = tasks.held_out(subject.needs_data("test"))
    read = predict(subject.model, held.inputs).argmax(1)
    one, other = (int((read == k).nonzero()[0]) for k in (0, 2))
    found = tasks.patch(subject, one, other)
    assert found.found.target == "red − blue"
    assert found.read == (("red", "blue"),)
    outputs = predict(subject.model, held.inputs[[one, other]])
    assert found.found.clean == pytest.approx(float(outputs[0, 0] - outputs[0, 2]), abs=1e-5)
    assert found.found.corrupt == pytest.approx(float(outputs[1, 0] - outputs[1, 2]), abs=1e-5)
    # a chain: every layer carries all, and the figure says that this says nothing
    assert found.found.restored.tolist() == pytest.approx([1.0] * len(found.found.sites), abs=1e-4)
    drawn = found.figures()
    assert "they form a chain" in drawn[-1].alt
    assert "other inputs" in drawn[-1].table.columns
    assert f"row {one} (read as red, the clean input) into row {other} (read as blue" in drawn[0].alt


def test_units_and_connections_of_the_same_pair(subject: pellucid.Subject, tmp_path) -> None:
    units = tasks.patch(subject, [0], [1], "1", target="red,green")
    assert units.found.units.tolist() == list(range(6))
    assert float(units.found.restored[-1]) == pytest.approx(1, abs=1e-4)
    edges = tasks.patch(subject, [0], [1], "0", "1", target="red,green")
    assert (edges.found.source, edges.found.sink) == ("0", "1")
    assert load(save(units, tmp_path / "units.safetensors")).found.site == "1"
    page = inside_page(units.figures(), tmp_path / "page.html", over="net", title="Difference").read_text()
    assert "Units of 1 that carry the difference" in page
    assert "<script" not in page


@pytest.mark.parametrize("where", [(), ("1",)])
def test_the_estimate_is_what_is_passed(subject: pellucid.Subject, where: tuple[str, ...]) -> None:
    plan = tasks.estimate_patch(subject, [0, 3], [1, 4], *where, target="red,green")
    passed = counted(subject.model, lambda: tasks.patch(subject, [0, 3], [1, 4], *where, target="red,green"))
    assert plan.exact
    assert plan.forward == passed[0]


def test_connections_are_estimated_from_above(subject: pellucid.Subject) -> None:
    plan = tasks.estimate_patch(subject, 0, 1, "0", "1", target="red,green")
    passed = counted(subject.model, lambda: tasks.patch(subject, 0, 1, "0", "1", target="red,green"))
    assert not plan.exact
    assert passed[0] <= plan.forward < 1.2 * passed[0]


@pytest.mark.parametrize(
    ("asked", "options", "error", "words"),
    [
        ((0, 10**6), {}, InputError, "Held-out rows are numbered"),
        (([0, 1], [2]), {}, InputError, "pair up one to one"),
        (([], [2]), {}, InputError, "at least one held-out row"),
        ((0, 1), {"into": "1"}, InputError, "name the first one too"),
        ((0, 1), {"target": "red,green,blue"}, TargetError, "between two classes"),
        ((0, 1), {"target": "grene"}, TargetError, "green"),
    ],
)
def test_what_cannot_be_asked_is_said(subject, asked, options, error, words) -> None:
    with pytest.raises(error, match=words):
        tasks.patch(subject, *asked, **options)


def test_pairs_read_in_different_ways_need_a_target(subject: pellucid.Subject) -> None:
    held = tasks.held_out(subject.needs_data("test"))
    read = predict(subject.model, held.inputs).argmax(1)
    first = [int((read == k).nonzero()[0]) for k in range(3)]
    with pytest.raises(TargetError, match="not all read as the same"):
        tasks.patch(subject, first[:2], first[1:])
    same = (read == 0).nonzero().flatten().tolist()[:2]
    assert "log" in tasks.patch(subject, *same, "1").found.target
