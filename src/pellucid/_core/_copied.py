"""A network copied with all it holds."""

from __future__ import annotations

import copy
import warnings
from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def copied(model: Network) -> Network:
    """The same network with weights of its own.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> twin = copied(net)
        >>> bool((twin.weight == net.weight).all()), twin.weight is net.weight
        (True, False)
    """
    with warnings.catch_warnings():
        # torch warns of a class of its own that every exported program holds
        warnings.filterwarnings("ignore", r".*LeafSpec.* is deprecated", FutureWarning)
        return copy.deepcopy(model)
