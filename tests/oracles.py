"""Slow, obvious twins of the methods, written from the papers: row by row, step by step, no engine.

``score(x, i)`` gives the score of one row ``x`` ``[1, *shape]``, the ``i``-th of the question.
"""

import itertools
import math

import numpy as np
import torch


def slope(score, x, i):
    x = x.detach().clone().requires_grad_()
    (grad,) = torch.autograd.grad(score(x, i).sum(), x)
    return grad


def by_row(inputs, explain):
    return torch.cat([explain(inputs[i : i + 1], i) for i in range(len(inputs))])


def saliency(score, inputs):
    """Simonyan et al. 2013, equation 3 without the absolute value."""
    return by_row(inputs, lambda x, i: slope(score, x, i))


def input_x_gradient(score, inputs):
    """Shrikumar et al. 2016."""
    return by_row(inputs, lambda x, i: x * slope(score, x, i))


def integrated_gradients(score, inputs, baseline, steps, rule):
    """Sundararajan et al. 2017, equation 1 as a weighted sum."""
    if rule == "midpoint":
        nodes, weights = [(k + 0.5) / steps for k in range(steps)], [1 / steps] * steps
    else:
        on_two, over_two = np.polynomial.legendre.leggauss(steps)
        nodes, weights = [(t + 1) / 2 for t in on_two], [w / 2 for w in over_two]

    def explain(x, i):
        b = baseline[i : i + 1]
        total = torch.zeros_like(x)
        for a, w in zip(nodes, weights, strict=True):
            total += w * slope(score, b + a * (x - b), i)
        return (x - b) * total

    return by_row(inputs, explain)


def smoothgrad(score, inputs, draws, share):
    """Smilkov et al. 2017: mean gradient under Gaussian noise; ``draws`` are used with both signs."""

    def explain(x, i):
        sigma = share * (x.max() - x.min())
        noisy = [x + sign * sigma * draw for draw in draws for sign in (1, -1)]
        return torch.stack([slope(score, point, i) for point in noisy]).mean(0)

    return by_row(inputs, explain)


def smoothgrad_error(score, inputs, draws, share):
    """Standard error of the mean over the pairs."""

    def explain(x, i):
        sigma = share * (x.max() - x.min())
        pairs = [
            (slope(score, x + sigma * draw, i) + slope(score, x - sigma * draw, i)) / 2 for draw in draws
        ]
        return torch.stack(pairs).std(0) / len(draws) ** 0.5

    return by_row(inputs, explain)


def grad_cam(lower, upper, inputs):
    """Selvaraju et al. 2017, equations 1 and 2 without ReLU; ``upper(A, i)`` is the score from the map."""

    def explain(x, i):
        A = lower(x).detach()
        G = slope(upper, A, i)
        found = torch.zeros(A.shape[-2:], dtype=A.dtype)
        for c in range(A.shape[1]):
            found += G[0, c].mean() * A[0, c]
        large = torch.nn.functional.interpolate(
            found[None, None], x.shape[-2:], mode="bilinear", align_corners=False
        )
        return (large / x.shape[1]).expand_as(x)

    return by_row(inputs, explain)


def occlusion_by_part(score, inputs, fill, groups):
    """Score minus score without the part, shared evenly inside the part; ``groups`` [N, *shape]."""

    def explain(x, i):
        found = torch.zeros_like(x)
        for part in groups[i].unique():
            inside = groups[i : i + 1] == part
            fall = score(x, i) - score(torch.where(inside, fill[i : i + 1], x), i)
            found[inside] = fall.item() / int(inside.sum())
        return found

    return by_row(inputs, explain)


def occlusion_by_window(score, inputs, fill, window, stride):
    """Zeiler & Fergus 2013: mean fall over all positions of the box that cover an element."""

    def starts(length, width, step):
        found = [0]
        while found[-1] + width < length:
            found.append(found[-1] + step)
        return found

    def explain(x, i):
        total, count = torch.zeros_like(x), torch.zeros_like(x)
        axes = [starts(*axis) for axis in zip(x.shape[1:], window, stride, strict=True)]
        for corner in itertools.product(*axes):
            box = (slice(None), *(slice(c, c + w) for c, w in zip(corner, window, strict=True)))
            without = x.clone()
            without[box] = fill[i : i + 1][box]
            total[box] += score(x, i).item() - score(without, i).item()
            count[box] += 1
        return total / count

    return by_row(inputs, explain)


def worth(score, x, i, fills, groups, kept):
    """Mean score of row ``x`` over fillings, with only the parts in ``kept``; the loop of the definition."""
    inside = torch.zeros_like(x, dtype=torch.bool)
    for part in kept:
        inside |= groups == part
    return sum(score(torch.where(inside, x, fill), i).item() for fill in fills) / len(fills)


def shapley(score, inputs, fills, groups):
    """Shapley 1953 by all orders of arrival; ``fills(i)`` are what row ``i`` may hold in absent parts."""

    def explain(x, i):
        n, known, value = int(groups.max()) + 1, {}, torch.zeros_like(x)

        def v(kept):
            key = frozenset(kept)
            if key not in known:
                known[key] = worth(score, x, i, fills(i), groups, key)
            return known[key]

        for order in itertools.permutations(range(n)):
            for place, part in enumerate(order):
                inside = (groups == part).expand(x.shape)
                gain = v(order[: place + 1]) - v(order[:place])
                value[inside] += gain / int(inside.sum())
        return value / math.factorial(n)

    return by_row(inputs, explain)


def feature_ablation(score, inputs, fills, groups):
    """Score less the mean score without the part, shared inside the part."""

    def explain(x, i):
        value, parts = torch.zeros_like(x), range(int(groups.max()) + 1)
        for part in parts:
            inside = (groups == part).expand(x.shape)
            rest = worth(score, x, i, fills(i), groups, [p for p in parts if p != part])
            value[inside] = (score(x, i).item() - rest) / int(inside.sum())
        return value

    return by_row(inputs, explain)


def lime(score, inputs, fills, groups, masks, width, ridge):
    """Ribeiro et al. 2016 by the normal equations, with the intercept as one more column."""

    def explain(x, i):
        n = masks.shape[1]
        A, b = torch.zeros(n + 1, n + 1, dtype=x.dtype), torch.zeros(n + 1, dtype=x.dtype)
        A[range(1, n + 1), range(1, n + 1)] += ridge
        for mask in masks:
            kept = mask.nonzero().flatten().tolist()
            w = math.exp(-((1 - math.sqrt(len(kept) / n)) ** 2) / width**2)
            z = torch.cat([torch.ones(1, dtype=x.dtype), mask.to(x.dtype)])
            A += w * z[:, None] * z
            b += w * z * worth(score, x, i, fills(i), groups, kept)
        found, value = torch.linalg.solve(A, b)[1:], torch.zeros_like(x)
        for part in range(n):
            inside = (groups == part).expand(x.shape)
            value[inside] = found[part] / int(inside.sum())
        return value

    return by_row(inputs, explain)


def rise(score, inputs, fill, masks):
    """Petsiuk et al. 2018 over the sum of the masks, less the mean; and the jackknife's standard error."""
    channels = inputs.shape[1]

    def explain(x, i):
        f = torch.stack([score(m * x + (1 - m) * fill, i).sum() for m in masks]).detach()

        def over(f, masks):
            return (f[:, None, None] * masks).sum(0) / masks.sum(0) - f.mean()

        count = len(masks)
        left = torch.stack(
            [over(f[torch.arange(count) != k], masks[torch.arange(count) != k]) for k in range(count)]
        )
        error = ((count - 1) / count * (left - left.mean(0)).square().sum(0)).sqrt()
        both = torch.stack([over(f, masks), error]) / channels
        return both[None, :, None].expand(1, 2, *x.shape[1:])

    found = by_row(inputs, explain)
    return found[:, 0], found[:, 1]
