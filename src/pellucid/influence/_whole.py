"""Gradients of all parameters, without holding one for each row."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from pellucid._core import Compute, InputSpec, the_output
from pellucid._core._feed import Feed, feed
from pellucid.errors import MethodError
from pellucid.influence._loss import Loss


def products(
    net: nn.Module,
    train: tuple[Tensor, Tensor],
    asked: tuple[Tensor, Tensor],
    loss: Loss,
    spec: InputSpec | None,
    compute: Compute,
) -> Tensor:
    """Product of each asked row's gradient with each training row's: float64 ``[M, N]``.

    A training row's gradient is never made: its product with a direction is the slope of the batch's gradient
    along it in the row's own weight.
    """
    places = [p for p in net.parameters() if p.requires_grad]
    found: list[Tensor] = []
    for way in _each(net, asked, loss, spec, compute, places):
        parts = [_along(losses, way, places) for losses in _losses(net, train, loss, spec, compute)]
        found.append(torch.cat(parts).double())
    return torch.stack(found)


def sizes(
    net: nn.Module, train: tuple[Tensor, Tensor], loss: Loss, spec: InputSpec | None, compute: Compute
) -> Tensor:
    """Squared length of each row's gradient, float64 ``[N]``; one backward pass for each row."""
    places = [p for p in net.parameters() if p.requires_grad]
    rows = [
        sum(float(part.double().square().sum()) for part in way)
        for way in _each(net, train, loss, spec, compute, places)
    ]
    return torch.tensor(rows, dtype=torch.float64)


def _each(
    net: nn.Module,
    rows: tuple[Tensor, Tensor],
    loss: Loss,
    spec: InputSpec | None,
    compute: Compute,
    places: list[nn.Parameter],
) -> Iterator[tuple[Tensor, ...]]:
    """Gradient of one row's loss after the other; a batch would go back as a whole each time."""
    single = Compute(1, compute.seed, compute.device, compute.progress)
    for losses in _losses(net, rows, loss, spec, single):
        yield torch.autograd.grad(losses.sum(), places, materialize_grads=True)


def _losses(
    net: nn.Module, rows: tuple[Tensor, Tensor], loss: Loss, spec: InputSpec | None, compute: Compute
) -> Iterator[Tensor]:
    """Losses of one batch after the other, with a graph that can be differentiated twice."""
    inputs, answers = rows
    fed = feed(net, inputs, spec=spec, compute=compute)
    for start in range(0, fed.rows, compute.batch_size):
        part = slice(start, min(start + compute.batch_size, fed.rows))
        with (
            torch.enable_grad(),
            torch.backends.cudnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),
        ):
            yield _of(fed, part, answers, loss)
        compute.progress(part.stop, fed.rows)


def _of(fed: Feed, part: slice, answers: Tensor, loss: Loss) -> Tensor:
    output = the_output(fed.run(fed.packed[part].clone(), part, 1), None)
    found = loss.each(output, answers[part].to(output.device))
    if not found.requires_grad:
        raise MethodError("The loss depends on no parameter that is trained. Unfreeze some first.")
    return found


def _along(losses: Tensor, way: tuple[Tensor, ...], places: list[nn.Parameter]) -> Tensor:
    weight = torch.ones_like(losses, requires_grad=True)
    grads = torch.autograd.grad((weight * losses).sum(), places, create_graph=True, materialize_grads=True)
    along = sum(((grad * part).sum() for grad, part in zip(grads, way, strict=True)), losses.new_zeros(()))
    return torch.autograd.grad(along, weight)[0].detach()
