"""The same network with token vectors slightly moved: what slight noise is for whole-number inputs."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pellucid._core._compute import Compute
from pellucid._core._copied import copied
from pellucid._core._embedding import found
from pellucid._core._feed import feed
from pellucid._core._spec import InputSpec
from pellucid.errors import InputError, MethodError


def nudged(
    model: nn.Module,
    inputs: Tensor,
    *,
    size: float,
    count: int,
    seed: int = 0,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Iterator[nn.Module]:
    """Copies of a network in whose table every token's vector is moved by Gaussian noise, in turn.

    Its sd is ``size`` times that of the vectors of the tokens in ``inputs``, so that a token stays far
    nearer to itself than to any other; what the spec holds (padding, tokens that begin and end a text)
    stays where it is. A table that shares its numbers with another layer is moved alone.

    Args:
        model: a network of whole numbers ``[N, T]``; it stays as it is.
        inputs: token numbers.
        size: of the noise.
        count: how many copies.
        seed: of the noise.
        spec: what the inputs mean.
        compute: how to run the pass that finds the table.

    Raises:
        MethodError: where no table is given these inputs, or the network cannot be copied.

    Cost:
        A pass of at most 8 rows.

    Example:
        >>> net = nn.Sequential(nn.Embedding(50, 8), nn.Flatten(), nn.Linear(24, 2))
        >>> (near,) = nudged(net, torch.arange(30).view(10, 3), size=0.05, count=1)
        >>> 0.03 < (near[0].weight - net[0].weight).std().item() / net[0].weight.std().item() < 0.07
        True
    """
    name, table = _table(model, inputs, spec, compute or Compute())
    weight = table.weight.detach()
    moved = torch.ones(len(weight), 1, dtype=torch.bool)
    held = _held(inputs, spec)
    moved[held.cpu()] = False
    if table.padding_idx is not None:
        moved[table.padding_idx] = False
    used = inputs.unique()
    used = used[moved.to(used.device)[used, 0]]
    if not len(used) or not float(spread := weight[used].float().std(correction=0)) > 0:
        raise MethodError("the vectors of these tokens are all alike")
    for k in range(count):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + 49_979_687 + k)
        noise = torch.randn(weight.shape, generator=generator) * moved * (size * spread.cpu())
        yield _copy(model, name, weight + noise.to(weight))


def _table(
    model: nn.Module, inputs: Tensor, spec: InputSpec | None, compute: Compute
) -> tuple[str, nn.Embedding]:
    try:
        table = found(feed(model, inputs, spec=spec, compute=compute), compute, [0])
    except InputError as error:
        raise MethodError(str(error).rstrip(".")) from error
    if table is None or not isinstance(table.module, nn.Embedding):
        raise MethodError("the network has no table of vectors that these whole numbers go through")
    name = next(name for name, module in model.named_modules() if module is table.module)
    return name, table.module


def _held(inputs: Tensor, spec: InputSpec | None) -> Tensor:
    """Tokens that are nowhere part of what can be taken away."""
    if spec is None:
        return inputs.new_empty(0)
    apart = (spec.groups(inputs) < 0).expand_as(inputs)
    outside, inside = inputs[apart].unique(), inputs[~apart].unique()
    return outside[~torch.isin(outside, inside)]


def _copy(model: nn.Module, name: str, weight: Tensor) -> nn.Module:
    try:
        twin = copied(model)
        # a parameter of its own, so that layers that share the old one keep it
        twin.get_submodule(name).weight = nn.Parameter(weight, requires_grad=False)
    except Exception as error:
        raise MethodError(
            f"{type(model).__name__} cannot be copied ({type(error).__name__}: {error})"
        ) from error
    return twin
