"""The last fit of an additive model's tables, in which nothing is left to the draw of the first weights.

Two columns that go together can share their effect in many ways with hardly a change of the loss. Where a
training by steps stops along that valley is chance, and so are reasons. The loss of the tables is convex:
with a pull to 0 and a pull to straight lines it has one lowest point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid.networks._shape_nets import placed

if TYPE_CHECKING:
    from pellucid.networks._additive import Additive

WIDEST = 1500  # values in tables up to which they are fitted together: the cost is their square times rows
PULL = 0.003  # to 0: weak, since what is drawn to 0 is drawn together, and reasons that tie are chance
NARROW = 1 / 16  # share of the rows below which knots are no nearer: few rows do not forbid a jump
STEPS, NEAR = 25, 1e-6  # most Newton steps, and the change at which they end
STIFF = 1e-6  # share of the rows that holds values of which no row speaks


def last_fit(network: Additive, inputs: Tensor, answers: Tensor) -> bool:
    """Bring the settled tables to the lowest point of their own loss on these rows; whether it was done.

    ``mean loss + 0.003 · mean square + bend · Σ (change of slope)² / distance``, by Newton's steps over all
    functions of numbers, levels and the constant; the distance between two knots is the share of the rows
    between them, at least a sixteenth, so that a value that many rows share may stand apart. Pairs and
    columns with a direction stay as they are. Members are moved by as much, so that bands keep their width.
    Not done for more than two classes, nor for more than 1,500 values.
    """
    plan, shape = network.plan, network.shape
    if plan.width > 1 or shape is None:
        return False
    free = [j for j, k in enumerate(plan.numbers) if not plan.monotone[k]]
    places = [(j, int(m)) for j in free for m in network.knots[j].isfinite().nonzero()[:, 0]]
    if not 0 < len(places) + len(network.flat) <= WIDEST:
        return False
    rows = torch.tensor([j for j, _ in places], dtype=torch.long)
    knots = torch.tensor([m for _, m in places], dtype=torch.long)
    with torch.no_grad():
        design = torch.cat([_hats(network, inputs)[:, rows, knots], _flat(network, inputs)], 1)
        held = torch.cat([shape[rows, knots, 0], network.flat[:, 0], network.constant]).double().cpu()
        others = network.every(inputs)[:, 0, 0].double().cpu() - design @ held[:-1] - held[-1]
        pull = _pull(rows, knots, design.mean(0), plan.bend)
        found = _lowest(design, others, _wanted(network, answers), pull, held, plan.answers is None)
        moved = (found - held).to(shape)
        numbers = len(places)
        shape[rows, knots, 0] += moved[:numbers]
        network.flat[:, 0] += moved[numbers:-1]
        network.constant.add_(moved[-1])
        network.member_shape[rows, knots, :, 0] += moved[:numbers, None]
        network.member_flat[:, :, 0] += moved[numbers:-1, None]
    return True


def _hats(network: Additive, x: Tensor) -> Tensor:
    """Weight of each knot in each row ``[N, numbers, M]``; none where the number is missing."""
    slots = [network.plan.parts[k][0] for k in network.plan.numbers]
    hats = torch.zeros(len(x), len(slots), network.plan.knots, dtype=torch.double)
    if slots:
        left, way = placed(x[:, slots], network.knots)
        for at, weight in ((left, 1 - way), (left + 1, way)):
            hats.scatter_add_(2, at[..., None].cpu(), (weight * network.there(x)).double()[..., None].cpu())
    return hats


def _flat(network: Additive, x: Tensor) -> Tensor:
    return x[:, [slot for _, slots in network.plan.parts for slot in slots]].double().cpu()


def _wanted(network: Additive, answers: Tensor) -> Tensor:
    wanted = answers.reshape(-1).double().cpu()
    if network.plan.answers is None:
        return wanted
    mean, sd = network.plan.answers
    return (wanted - mean) / sd


def _pull(rows: Tensor, knots: Tensor, shares: Tensor, bend: float) -> Tensor:
    """The quadratic form of both pulls ``[P + 1, P + 1]``; the constant is free."""
    size = len(shares) + 1
    form = torch.zeros(size, size, dtype=torch.double)
    form.diagonal()[:-1] = PULL * shares + STIFF
    apart = ((shares[: len(rows)][1:] + shares[: len(rows)][:-1]) / 2).clamp_min(NARROW)
    inner = ((rows[2:] == rows[:-2]) & (knots[2:] - knots[:-2] == 2)).nonzero()[:, 0]
    left, right = apart[inner], apart[inner + 1]
    weights = torch.stack([1 / left, -1 / left - 1 / right, 1 / right]) / ((left + right) / 2).sqrt()
    turns = torch.zeros(len(inner), size, dtype=torch.double)
    for step in range(3):
        turns[torch.arange(len(inner)), inner + step] = weights[step]
    return form + bend * turns.T @ turns


def _lowest(
    design: Tensor, others: Tensor, wanted: Tensor, pull: Tensor, start: Tensor, classes: bool
) -> Tensor:
    """Values ``[P + 1]`` at which mean loss and pulls are lowest."""
    whole = torch.cat([design, torch.ones(len(design), 1, dtype=torch.double)], 1)

    def cost(values: Tensor) -> Tensor:
        said = others + whole @ values
        each = torch.nn.functional.softplus(said) - wanted * said if classes else (said - wanted).square()
        return each.mean() + values @ pull @ values

    now, lowest = start, cost(start)
    for _ in range(STEPS):
        said = others + whole @ now
        told = said.sigmoid() if classes else said
        slope, curve = told - wanted, told * (1 - told) if classes else torch.ones_like(told)
        scale = (1.0 if classes else 2.0) / len(whole)
        first = scale * (slope @ whole) + 2 * (pull @ now)
        second = scale * (whole.T * curve) @ whole + 2 * pull
        step = torch.linalg.solve(second, first)
        while (reached := cost(now - step)) > lowest and float(step.abs().max()) > NEAR:
            step = step / 2
        if reached > lowest:
            break
        now, lowest = now - step, reached
        if float(step.abs().max()) <= NEAR:
            break
    return now
