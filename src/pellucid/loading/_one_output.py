"""A network of several outputs as a network of one of them."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import the_output


class OneOutput(nn.Module):
    """A network, read at one item of what it returns; its own layers are addressed below ``network``.

    Args:
        network: returns a tuple, a mapping or a dataclass.
        output: the item's number or name.

    Raises:
        TargetError: when it runs and gives no such item; with near misses.

    Example:
        >>> import torch
        >>> class Both(nn.Module):
        ...     def forward(self, x):
        ...         return {"scores": x, "hidden": x + 1}
        >>> OneOutput(Both(), "hidden")(torch.zeros(1, 2))
        tensor([[1., 1.]])
    """

    def __init__(self, network: nn.Module, output: int | str) -> None:
        super().__init__()
        self.training = network.training
        self.network, self.output = network, output

    def forward(self, *inputs: object) -> Tensor:
        """Whatever the network takes, by position."""
        return the_output(self.network(*inputs), self.output)
