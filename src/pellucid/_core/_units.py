"""What counts as one unit of a layer: a channel, a feature, a head, or a number."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.modules import batchnorm, conv, dropout, instancenorm, padding, pooling

from pellucid._core._site import ROOT, Site
from pellucid.errors import InputError

_CHANNELS_FIRST = (
    conv._ConvNd,
    batchnorm._BatchNorm,
    instancenorm._InstanceNorm,
    nn.GroupNorm,
    pooling._MaxPoolNd,
    pooling._AvgPoolNd,
    pooling._AdaptiveAvgPoolNd,
    pooling._AdaptiveMaxPoolNd,
    padding._ConstantPadNd,
    dropout.Dropout1d,
    dropout.Dropout2d,
    dropout.Dropout3d,
)
_FEATURES_LAST = (
    nn.Linear,
    nn.Bilinear,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.RNNBase,
    nn.MultiheadAttention,
    nn.Embedding,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
_ONE_AXIS = (nn.Conv1d, nn.ConvTranspose1d)
CHANNELS_FIRST = ("heads", "attention", "conv1d", "conv2d", "conv3d")
_IN = ("in_channels", "in_features", "input_size", "num_features", "embed_dim", "num_channels")
_OUT = ("out_channels", "out_features", "num_features", "embed_dim", "embedding_dim", "num_channels")


def unit_axis(model: nn.Module, activation: Tensor, site: str = "") -> int:
    """Axis of an activation ``[b, …]`` along which its units lie; the others are positions.

    Axis 1 for rows of numbers ``[b, D]``. Else what stands at the site decides: channels first for
    convolutions, their norms and pools, features last for dense and recurrent layers and attention, heads
    for ``heads()``; a layer that may be either (an activation) follows the one before it. Where its number of
    outputs is the size of one of both axes alone, that one is taken. Without a site, ``[b, x, y]`` has units
    on axis 1 where the network has 1-D convolutions, else on the last.
    """
    if activation.ndim < 3:
        return 1
    last = activation.ndim - 1
    address = Site.parse(site) if site else Site(ROOT)
    if address.function in CHANNELS_FIRST:
        return 1
    if address.function == "linear":
        return last
    decides = _deciding(model, address) if site else None
    if decides is None:
        return 1 if activation.ndim > 3 or _one_axis(model) else last
    size = _size(decides, _IN if address.side == "in" else _OUT)
    fits = [axis for axis in (1, last) if activation.shape[axis] == size]
    if fits:
        return fits[0] if len(fits) == 1 or isinstance(decides, _CHANNELS_FIRST) else last
    if decides is not _own(model, address):
        # nothing fits: a forward has reshaped what came before
        return last if activation.ndim == 3 and address.side != "in" and not _one_axis(model) else 1
    return 1 if isinstance(decides, _CHANNELS_FIRST) else last


def _one_axis(model: nn.Module) -> bool:
    return any(isinstance(module, _ONE_AXIS) for module in model.modules())


def _own(model: nn.Module, address: Site) -> nn.Module | None:
    if address.module == ROOT:
        return model
    try:
        return model.get_submodule(address.module)
    except AttributeError:
        return None


def _deciding(model: nn.Module, address: Site) -> nn.Module | None:
    """The layer that says where units lie: at the site, inside it, or the nearest one before."""
    before: nn.Module | None = None
    after: nn.Module | None = None
    there = False
    prefix = "" if address.module == ROOT else f"{address.module}."
    for name, module in _listed(model, address):
        inside = name == address.module or name.startswith(prefix)
        decides = isinstance(module, _CHANNELS_FIRST + _FEATURES_LAST)
        if there and not inside:
            if before is not None:
                break
            if decides:
                after = module
                break
        there = there or inside
        if decides:
            before = module
            if inside and (address.side == "in" or name == address.module):
                break
    return before or after


def _listed(model: nn.Module, address: Site) -> Iterable[tuple[str, nn.Module]]:
    own = _own(model, address)
    if own is None:
        return ()
    if isinstance(own, _CHANNELS_FIRST + _FEATURES_LAST):
        return ((address.module, own),)
    return _walked(model)


def _walked(model: nn.Module) -> Iterable[tuple[str, nn.Module]]:
    """As ``named_modules(remove_duplicate=False)``, which hands every name up through all that hold it."""
    waiting: list[tuple[str, nn.Module]] = [("", model)]
    while waiting:
        name, module = waiting.pop()
        yield name or ROOT, module
        start = f"{name}." if name else ""
        parts = [(f"{start}{own}", part) for own, part in module._modules.items() if part is not None]
        waiting.extend(parts[::-1])


def _size(module: nn.Module, names: tuple[str, ...]) -> int | None:
    if isinstance(module, nn.RNNBase) and names is _OUT:
        return (module.proj_size or module.hidden_size) * (2 if module.bidirectional else 1)
    if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        return module.self_attn.embed_dim
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return module.normalized_shape[-1] if len(module.normalized_shape) == 1 else None
    return next((int(getattr(module, name)) for name in names if hasattr(module, name)), None)


def by_unit(model: nn.Module, activation: Tensor, site: str = "", rows: slice | None = None) -> Tensor:
    """An activation as ``[b, units, positions]``; raises where it is not that of these rows, one by one.

    Example:
        >>> import torch
        >>> by_unit(nn.Identity(), torch.zeros(5, 3, 4, 4)).shape
        torch.Size([5, 3, 16])
    """
    if rows is not None and len(activation) != rows.stop - rows.start:
        raise other_rows(site, len(activation), rows.stop - rows.start)
    return along(activation, unit_axis(model, activation, site))


def other_rows(site: str, found: int, asked: int, use: str = "looked at") -> InputError:
    """What is told of an activation whose first axis is not that of the rows."""
    return InputError(
        f"The activation at {site!r} has {found} rows for {asked} inputs; only layers that keep the row axis "
        f"first can be {use}."
    )


def along(activation: Tensor, axis: int) -> Tensor:
    """An activation whose units lie on ``axis`` as ``[b, units, positions]``."""
    if activation.ndim == 1:
        return activation[:, None, None]
    if activation.ndim == 2:
        return activation[:, :, None]
    return (activation if axis == 1 else activation.movedim(axis, 1)).flatten(2)


def position_shape(model: nn.Module, activation: Tensor, site: str = "") -> tuple[int, ...]:
    """Sizes of the axes of an activation that are neither rows nor units."""
    return places(activation, unit_axis(model, activation, site))


def places(activation: Tensor, axis: int) -> tuple[int, ...]:
    """Sizes of the axes but the first and ``axis``."""
    return tuple(size for k, size in enumerate(activation.shape) if k not in (0, axis))
