"""Slow, obvious twins of the gradient and class-activation methods, written from the papers."""

import itertools

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
    """More places: where a column of ``crossing`` ``[n, units]`` changes its sign between two."""
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


def slope(score, x):
    x = x.detach().clone().requires_grad_()
    (grad,) = torch.autograd.grad(score(x).sum(), x)
    return grad


def backward_by_hand(layers, k, x, rule):
    """Layer by layer through a sequence; at each ReLU ``rule(slope, what went in)``."""
    seen = [x]
    for layer in layers:
        seen.append(layer(seen[-1]).detach())
    g = torch.zeros_like(seen[-1])
    g[:, k] = 1
    for layer, before in zip(reversed(layers), reversed(seen[:-1]), strict=True):
        if isinstance(layer, nn.ReLU):
            g = rule(g, before)
        else:
            into = before.clone().requires_grad_()
            (g,) = torch.autograd.grad(layer(into), into, g)
    return g


def idgi(score, x, start, steps):
    """Yang et al. 2023, algorithm 1."""
    places = [start + k / steps * (x - start) for k in range(steps + 1)]
    total = torch.zeros_like(x)
    for here, there in itertools.pairwise(places):
        g = slope(score, here)
        d = (score(there) - score(here)).detach()
        total += g * g * d / (g * g).sum()
    return total


def guided_integrated_gradients(score, x, start, steps, fraction, distance):
    """Kapishnikov et al. 2021, algorithm 1 element by element, with the mean slope of each step."""
    shape, end, begin = x.shape, x.flatten().tolist(), start.flatten().tolist()
    here, n = list(begin), x.numel()
    tensor = lambda values: torch.tensor(values, dtype=x.dtype).view(shape)  # noqa: E731
    total, whole = torch.zeros_like(x), sum(abs(e - b) for e, b in zip(end, begin, strict=True))
    for k in range(1, steps + 1):
        before, g = list(here), slope(score, tensor(here)).flatten().tolist()
        low, high = max(k / steps - distance, 0), min(k / steps + distance, 1)
        for i in range(n):
            if end[i] != begin[i] and (here[i] - begin[i]) / (end[i] - begin[i]) < low:
                here[i] = begin[i] + low * (end[i] - begin[i])
        while True:
            excess = sum(abs(e - h) for e, h in zip(end, here, strict=True)) - whole * (1 - k / steps)
            top = [b + high * (e - b) for b, e in zip(begin, end, strict=True)]
            free = [i for i in range(n) if abs(top[i] - here[i]) > 1e-13]
            if excess <= 1e-12 * whole or not free:
                break
            ranked = sorted(abs(g[i]) for i in free)
            threshold = ranked[min(int(fraction * (n - 1)), len(ranked) - 1)]
            chosen = [i for i in free if abs(g[i]) <= threshold]
            room = sum(abs(top[i] - here[i]) for i in chosen)
            for i in chosen:
                here[i] += (top[i] - here[i]) * min(excess / room, 1)
        mean = (tensor(g) + slope(score, tensor(here))) / 2
        total += (tensor(here) - tensor(before)) * mean
    return total


def conductance(lower, upper, x, start, steps):
    """Dhamdhere et al. 2018, equation 3 as a sum over stretches."""
    total = 0
    for k in range(steps):
        a, b = (lower(start + (k + h) / steps * (x - start)).detach() for h in (0, 1))
        total = total + (slope(upper, a) + slope(upper, b)) / 2 * (b - a)
    return total


def enlarged(found, x):
    large = nn.functional.interpolate(found, x.shape[-2:], mode="bilinear", align_corners=False)
    return (large / x.shape[1]).expand_as(x)


def grad_cam_plus_plus(A, G):
    """Chattopadhyay et al. 2018, equations 5 and 19, channel by channel."""
    found = torch.zeros_like(A[:, :1])
    for n in range(len(A)):
        for c in range(A.shape[1]):
            weight = 0.0
            for i in range(A.shape[2]):
                for j in range(A.shape[3]):
                    g = G[n, c, i, j]
                    if g > 0:
                        weight = weight + g * g**2 / (2 * g**2 + A[n, c].sum() * g**3)
            found[n, 0] += weight * A[n, c]
    return found


def score_cam(score, A, x):
    """Wang et al. 2020, algorithm 1 without the final ReLU."""
    found = torch.zeros_like(A[:, :1])
    for n in range(len(A)):
        scores = []
        for c in range(A.shape[1]):
            a = A[n, c]
            mask = (a - a.min()) / (a.max() - a.min()) if a.max() > a.min() else torch.zeros_like(a)
            large = nn.functional.interpolate(
                mask[None, None], x.shape[-2:], mode="bilinear", align_corners=False
            )
            scores.append(score(x[n : n + 1] * large)[0])
        for weight, a in zip(torch.stack(scores).softmax(0), A[n], strict=True):
            found[n, 0] += weight * a
    return found
