"""A dictionary's elements as units of the network, for everything that looks at units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid._core import Batch, InputSpec, activations, probe
from pellucid.layers._dictionary import Dictionary, back, vectors_of


class _Codes(nn.Dropout1d):
    """Gives back what it gets; its kind says that units lie on axis 1, whatever stands before it."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (its name in Dropout1d)
        return input


class _WithElements(nn.Module):
    """The same network, in whose pass the codes of a dictionary go through a layer of their own."""

    def __init__(
        self, network: nn.Module, made: Dictionary, inputs: Tensor | Batch | None, spec: InputSpec | None
    ) -> None:
        super().__init__()
        self.network, self.made, self.inputs, self.spec = network, made, inputs, spec
        self.elements = _Codes()
        self.foreign = False

    def reset_parameters(self) -> None:
        """The network is being drawn anew: its layer has another middle and another scale from now on."""
        self.foreign = self.inputs is not None

    @property
    def forward(self) -> Callable[..., object]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The network's own call, whatever it takes, with the codes on its way."""
        if self.foreign:
            self.foreign, self.made = False, self._refitted()
        return probe(self.network, write={self.made.site: self._through})(self.network)

    def _refitted(self) -> Dictionary:
        """The same directions in a layer that learned nothing, from its own middle, in its own unit."""
        made, network = self.made, self.network
        if self.inputs is None:
            return made
        with torch.no_grad():
            seen = [
                vectors_of(network, found[made.site], made.site).flatten(0, -2).float().cpu()
                for _, found in activations(network, self.inputs, [made.site], spec=self.spec)
            ]
        x = torch.cat(seen)
        if made.kind == "nmf":
            return dataclasses.replace(made, scale=float(x.mean()) or 1.0)
        mean = x.mean(0)
        return dataclasses.replace(made, mean=mean, scale=float((x - mean).square().mean().sqrt()) or 1.0)

    def _through(self, activation: Tensor) -> Tensor:
        made, network = self.made, self.network
        x = vectors_of(network, activation, made.site)
        codes = made.codes(x)
        # [b, …, E] with its elements on axis 1, as a convolution has its channels
        passed = self.elements(codes.movedim(-1, 1)).movedim(1, -1)
        # what the dictionary cannot rebuild stays, so that an element is all that changes
        moved = made.scale * ((passed - codes) @ made.decoder.to(x))
        return activation + back(network, moved, activation, made.site)


def with_elements(
    model: nn.Module,
    made: Dictionary,
    inputs: Tensor | Batch | None = None,
    *,
    spec: InputSpec | None = None,
) -> nn.Module:
    """The network with a dictionary in it, whose elements are the units of a layer called ``"elements"``.

    Left alone it answers as the network does. Where an element's code is changed, the layer of the dictionary
    moves along that element's direction and nothing else: ``x + scale · (codes' − codes) @ decoder``. So
    exemplars, selectivity, effects, maximization and patching take elements as they take units.

    Args:
        model: the network that the dictionary is of; it stays as it is.
        made: the dictionary.
        inputs: some real inputs, such as 256, for its untrained copy: the layer of that has another mean and
            scale, from which the codes are then measured. Without them its codes are often all zero, and
            the control says nothing.
        spec: what an input means.

    Returns:
        A network that takes the same inputs.

    Cost:
        The codes beside each pass.

    Limits:
        Its untrained copy keeps the dictionary: it shows the same directions in a layer that learned nothing.

    Example:
        >>> import torch
        >>> from pellucid.layers import exemplars, sparse_autoencoder
        >>> net, x = nn.Sequential(nn.Linear(4, 5), nn.ReLU()), torch.rand(80, 4)
        >>> made = sparse_autoencoder(net, x, "1", width=6, k=2, steps=5)
        >>> whole = with_elements(net, made)
        >>> torch.equal(whole(x), net(x)), exemplars(whole, x, "elements", k=3).rows.shape
        (True, torch.Size([6, 3]))
    """
    return _WithElements(model, made, inputs, spec)
