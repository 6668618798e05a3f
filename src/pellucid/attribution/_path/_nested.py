"""Quadratures of 6, 13, 27, … nodes, each of which uses all nodes of the one before (Kronrod, Patterson)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

LEVELS = (2, 6, 13, 27, 55)
Numbers = NDArray[np.float64]


@cache
def nested(level: int) -> tuple[Numbers, Numbers]:
    """Nodes in 0…1 and weights that add up to 1; the first nodes are those of the smaller rules, in order."""
    # Gauss's six, the middle pair first: alone it is nearly his rule of two
    nodes = legendre.leggauss(6)[0][[1, 4, 0, 2, 3, 5]]
    while len(nodes) < level:
        nodes = np.concatenate([nodes, _between(nodes)])
    nodes = nodes[:level]
    return (nodes + 1) / 2, _weights(nodes) / 2


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


def _weights(nodes: Numbers) -> Numbers:
    """Weights that make the rule exact for all polynomials below the number of nodes."""
    whole = np.zeros(len(nodes))
    whole[0] = 2.0
    return np.asarray(np.linalg.solve(legendre.legvander(nodes, len(nodes) - 1).T, whole), dtype=np.float64)
