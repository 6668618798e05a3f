"""Quadratures of 6, 10, 13, 17, 20, 27, … nodes, each of which uses all nodes of the one before.

Those of 6, 13, 27 and 55 are Gauss's, Kronrod's and Patterson's: exact for polynomials. Between them no rule
of that kind exists. There slopes count as drawn from a process whose course is smooth over a stretch of the
way, and weights are those of the smallest expected error (Bayes-Hermite quadrature, O'Hagan 1991).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

LEVELS = (6, 10, 13, 17, 20, 27, 41, 55)
POLYNOMIAL = (6, 13, 27, 55)
# over what share of the way slopes are alike: what serves the rows that stop with so many nodes
STRETCH = {6: 0.4, 10: 0.4, 13: 0.2, 17: 0.2, 20: 0.15, 27: 0.15, 41: 0.1, 55: 0.1}
FREE = 10.0  # a constant and a linear part may be of any size
ROUNDING = 1e-8
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Nested:
    """One rule.

    Args:
        places: ``[n]`` in 0…1; the first are those of the smaller rules, in order.
        weights: ``[n]``, adding up to 1.
        surprise: ``[n, n]``: times the slopes, by how much each differs from what the others foretell, by its
            weight.
    """

    places: Numbers
    weights: Numbers
    surprise: Numbers


@cache
def nested(level: int) -> Nested:
    """The rule with so many nodes, one of ``LEVELS``."""
    places = _places(level)
    alike, mean = _process(places, STRETCH[level])
    inverse = np.linalg.inv(alike)
    weights = _exact(2 * places - 1) / 2 if level in POLYNOMIAL else inverse @ mean
    weights = weights / weights.sum()
    return Nested(places, weights, weights[:, None] * inverse / np.diag(inverse)[:, None])


@cache
def _places(level: int) -> Numbers:
    """Nodes in the order in which they are asked."""
    if level == POLYNOMIAL[0]:
        return (legendre.leggauss(level)[0] + 1) / 2
    whole = max(known for known in POLYNOMIAL if known < level)
    few = _places(whole)
    return np.concatenate([few, _inner_first((_between(2 * few - 1) + 1) / 2)])[:level]


def _inner_first(places: Numbers) -> Numbers:
    """The inner half of these before the others, and of that half again."""
    if len(places) < 2:
        return places
    # nearer to the baseline where it cannot lie evenly: there the slopes of most networks turn most
    first = (len(places) - 1) // 4
    inner = slice(first, first + (len(places) + 1) // 2)
    return np.concatenate([_inner_first(places[inner]), np.delete(places, inner)])


def _process(places: Numbers, stretch: float) -> tuple[Numbers, Numbers]:
    """How alike the slopes at all places are ``[n, n]``, and each to the mean of the way ``[n]``."""
    off = (places[:, None] - places) / stretch
    line = 2 * places - 1
    alike = 1 / (1 + off**2) + FREE**2 * (1 + np.outer(line, line)) + ROUNDING * np.eye(len(places))
    mean = stretch * (np.arctan((1 - places) / stretch) + np.arctan(places / stretch)) + FREE**2
    return alike, mean


def _between(nodes: Numbers) -> Numbers:
    """Zeros of the polynomial of degree n + 1 that is orthogonal to smaller powers times the nodes'."""
    n = len(nodes)
    at, over = legendre.leggauss(2 * n + 4)
    # in Chebyshev's shape the product of so many factors stays near 1
    here = np.prod([(at - node) * 2 for node in nodes], axis=0)
    basis = legendre.legvander(at, n + 1)
    moments = (basis[:, : n + 1] * (over * here)[:, None]).T @ basis
    lower = np.linalg.lstsq(moments[:, : n + 1], -moments[:, n + 1], rcond=None)[0]
    return np.sort(np.real(legendre.legroots(np.append(lower, 1.0))))


def _exact(nodes: Numbers) -> Numbers:
    """Weights that make the rule exact for all polynomials below the number of nodes."""
    whole = np.zeros(len(nodes))
    whole[0] = 2.0
    return np.asarray(np.linalg.solve(legendre.legvander(nodes, len(nodes) - 1).T, whole), dtype=np.float64)
