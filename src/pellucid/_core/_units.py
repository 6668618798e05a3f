"""What counts as one unit of a layer: a channel, or a number."""

from __future__ import annotations

from torch import Tensor, nn

_ONE_AXIS = (nn.Conv1d, nn.ConvTranspose1d, nn.LazyConv1d)


def unit_axis(model: nn.Module, activation: Tensor) -> int:
    """Axis of an activation ``[b, …]`` along which its units lie; the others are positions.

    Axis 1 for rows of numbers ``[b, D]`` and for maps ``[b, C, H, W]``. For ``[b, x, y]`` axis 1 where the
    network has 1-D convolutions (channels first), else the last (tokens first, then features).
    """
    if activation.ndim != 3:
        return 1
    return 1 if any(isinstance(module, _ONE_AXIS) for module in model.modules()) else 2


def by_unit(model: nn.Module, activation: Tensor) -> Tensor:
    """An activation as ``[b, units, positions]``.

    Example:
        >>> import torch
        >>> by_unit(nn.Identity(), torch.zeros(5, 3, 4, 4)).shape
        torch.Size([5, 3, 16])
    """
    if activation.ndim == 1:
        return activation[:, None, None]
    return (
        activation.movedim(unit_axis(model, activation), 1).flatten(2)
        if activation.ndim > 2
        else activation[:, :, None]
    )


def position_shape(model: nn.Module, activation: Tensor) -> tuple[int, ...]:
    """Sizes of the axes of an activation that are neither rows nor units."""
    if activation.ndim < 3:
        return ()
    axis = unit_axis(model, activation)
    return tuple(size for k, size in enumerate(activation.shape) if k not in (0, axis))
