"""The same network, untrained: the control that stands beside every claim about a layer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from pellucid._core._copied import copied
from pellucid.errors import MethodError


def untrained(model: nn.Module, *, seed: int = 0, calibrate: Tensor | None = None) -> nn.Module:
    """A copy with the same architecture and freshly drawn weights, in evaluation mode.

    Modules with ``reset_parameters`` are drawn anew by it; parameters of other modules are shuffled element
    by element, which keeps their distribution and destroys what was learned. Where the draw gives the very
    weights that the network has, being untrained itself and built under this seed, the next draw is taken.

    Args:
        model: any network; it stays as it is.
        seed: of the draw.
        calibrate: inputs ``[N, *shape]`` from which batch-norm statistics are taken anew; without them such
            layers start from mean 0 and variance 1.

    Raises:
        MethodError: where the network cannot be copied.

    Limits:
        An untrained network is one draw; claims should rest on several seeds. Of a network that PyTorch's own
        draws made under ``seed`` and that was trained then, the copy is the state before training. The
        default networks of ``pellucid.train`` share no more than the random stream with it (weights of the
        first layer: cosine about -0.4, of later layers 0). Either makes the control stricter: it is more like
        the network than another draw. Constant initial values (biases at zero, norm weights at one) stay what
        ``reset_parameters`` makes of them.

    Source:
        Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv 1810.03292.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> bool((untrained(net, seed=1).weight != net.weight).all())
        True
    """
    return _twin(model, _draw, seed, calibrate)


def shuffled(model: nn.Module, *, seed: int = 0, calibrate: Tensor | None = None) -> nn.Module:
    """A copy whose parameters are each shuffled element by element, in evaluation mode.

    Every weight matrix keeps its distribution, so layers keep their scale; what the network learned is gone.
    Arguments and errors are those of :func:`untrained`.

    Example:
        >>> net = nn.Linear(3, 3)
        >>> torch.equal(shuffled(net).weight.flatten().sort().values, net.weight.flatten().sort().values)
        True
    """
    return _twin(model, _shuffle, seed, calibrate)


def _twin(
    model: nn.Module, change: Callable[[nn.Module], None], seed: int, calibrate: Tensor | None
) -> nn.Module:
    try:
        twin = copied(model)
    except Exception as error:
        raise MethodError(
            f"{type(model).__name__} cannot be copied, so it has no untrained twin "
            f"({type(error).__name__}: {error})."
        ) from error
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        change(twin)
        if all(torch.equal(a, b) for a, b in zip(twin.parameters(), model.parameters(), strict=True)):
            change(twin)  # a control that is the network itself would be none
        if calibrate is not None:
            _calibrated(twin, calibrate)
    return twin.eval()


def _calibrated(twin: nn.Module, inputs: Tensor) -> None:
    try:
        _take_statistics(twin, inputs)
    except Exception as error:
        raise MethodError(
            f"{type(twin).__name__} cannot take batch-norm statistics anew, so it has no untrained twin "
            f"({type(error).__name__}: {error})."
        ) from error


def _shuffle(twin: nn.Module) -> None:
    for parameter in twin.parameters():
        order = torch.randperm(parameter.numel()).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))


def _draw(twin: nn.Module) -> None:
    drawn: set[int] = set()
    for module in twin.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            cast("Callable[[], object]", reset)()
            drawn |= {id(p) for p in module.parameters(recurse=False)}
    for parameter in twin.parameters():
        if id(parameter) not in drawn:
            order = torch.randperm(parameter.numel()).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))


def _take_statistics(twin: nn.Module, inputs: Tensor) -> None:
    norms = [m for m in twin.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms or len(inputs) < 2:
        return
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        # None averages over all batches alike
        norm.momentum = None
    twin.eval()
    for norm in norms:
        norm.train()
    for batch in itertools.islice(inputs.split(64), 8):
        if len(batch) > 1:
            twin(batch)
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
