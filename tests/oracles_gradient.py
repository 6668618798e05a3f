"""Slow, obvious twins of the gradient and class-activation methods, written from the papers."""

import torch
from torch import nn


def kinks_along(layers, start, end):
    """Places in 0…1 between which a network of straight, ReLU and max-pooling layers is straight.

    Sotoudeh & Thakur 2019, ExactLine: layer by layer, each stretch is cut where a unit crosses zero (or where
    two units of a pooling window cross each other). ``start`` and ``end`` are ``[1, *shape]``.
    """
    places = torch.tensor([0.0, 1.0], dtype=start.dtype)
    values = torch.cat([start, end])
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            places, values = cut(places, values, values.flatten(1))
        elif isinstance(layer, nn.MaxPool2d):
            size = layer.kernel_size
            windows = nn.functional.unfold(
                values.reshape(-1, 1, *values.shape[-2:]), size, stride=layer.stride
            ).reshape(*values.shape[:2], size * size, -1)
            pairs = [windows[:, :, i] - windows[:, :, j] for i in range(size * size) for j in range(i)]
            places, values = cut(places, values, torch.stack(pairs, 1).flatten(1))
        with torch.no_grad():
            values = layer(values)
    return places


def cut(places, values, crossing):
    """More places, where a column of ``crossing`` ``[n, units]`` changes its sign; values are straight between."""
    a, b = crossing[:-1], crossing[1:]
    segment, unit = ((a > 0) != (b > 0)).nonzero(as_tuple=True)
    share = a[segment, unit] / (a[segment, unit] - b[segment, unit])
    fresh = places[segment] + share * (places[segment + 1] - places[segment])
    merged = torch.cat([places, fresh]).unique()
    index = torch.searchsorted(places, merged, right=True).clamp(1, len(places) - 1)
    low, high = places[index - 1], places[index]
    weight = ((merged - low) / (high - low)).view(-1, *[1] * (values.ndim - 1))
    return merged, values[index - 1] * (1 - weight) + values[index] * weight


def exact_line(layers, k, start, end):
    """Integrated gradients of output ``k`` of a piecewise-straight network, exact to rounding."""
    places = kinks_along(layers, start, end)
    middle, width = (places[1:] + places[:-1]) / 2, places[1:] - places[:-1]
    view = [-1, *[1] * (start.ndim - 1)]
    total = torch.zeros_like(start)
    for m, w in zip(middle.split(256), width.split(256), strict=True):
        x = (start + m.view(view) * (end - start)).requires_grad_()
        out = x
        for layer in layers:
            out = layer(out)
        (grad,) = torch.autograd.grad(out[:, k].sum(), x)
        total += (w.view(view) * grad).sum(0, keepdim=True)
    return total * (end - start)
