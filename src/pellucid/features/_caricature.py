"""Caricature: a real input again, with what a layer makes of it exaggerated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from pellucid._core import Compute, InputSpec
from pellucid.features._choice import Choice
from pellucid.features._objectives import POWER, Likeness
from pellucid.features._pictures import FeaturePictures
from pellucid.features._run import Options, Start, as_fed, names_of, run
from pellucid.features._views import Transforms


def caricature(
    model: nn.Module,
    site: str,
    inputs: Tensor,
    *,
    spec: InputSpec | None = None,
    data: Tensor,
    names: Sequence[str] | None = None,
    power: float = POWER,
    steps: int = 256,
    seeds: int = 2,
    statistics: Choice = "auto",
    transforms: Transforms = "auto",
    untrained_control: bool = True,
    keep: str | Path | None = None,
    compute: Compute | None = None,
) -> FeaturePictures:
    """Inputs made from chance that leave on a layer what a real input leaves, only more of it.

    With ``v`` the map that ``x0`` leaves on the layer, of unit length, each climb maximizes
    ``v·a(x) · max(0.1, cos(v, a(x))) ^ power``. What the layer does not tell apart stays open, so what comes
    back, and what does not, is what the layer keeps of ``x0``.

    Args:
        model: any network; it comes back as it was.
        site: the layer.
        inputs: ``[R, *shape]``.
        spec: what an input means.
        data: real inputs ``[N, *shape]``, whose statistics are kept.
        names: what the inputs are called.
        power: of the cosine; 0 for the plain dot product, which forgets the angle.
        steps, seeds, statistics, transforms, untrained_control, keep, compute: as for
            :func:`activation_maximization`.

    Returns:
        :class:`FeaturePictures`, by input: ``origins`` are the inputs, ``origin_values`` their values (the
        length of their maps), ``moved`` how far from them each picture is. ``largest`` is the value of the
        strongest real input, which may be another one.

    Raises:
        As :func:`activation_maximization`.

    Cost:
        As :func:`activation_maximization`, on whole inputs.

    Limits:
        An untrained network keeps much of an input too; what the trained one leaves out tells more than what
        it shows. The first layers give back nearly everything, as they must.

    Source:
        Olah et al. 2017, Feature visualization, distill.pub (directions, cosine power); the caricatures of
        the Lucid notebooks, 2018.

    Example:
        >>> import torch
        >>> net, x = nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.randn(64, 4)
        >>> made = caricature(net, "1", x[:2], data=x, steps=8)
        >>> made.labels
        ('like input 0', 'like input 1')
    """
    how = compute or Compute()
    given = as_fed(model, inputs, spec, how, "inputs")
    called = names_of(names, len(given))
    aims = [Likeness(each, float(power), name) for each, name in zip(given, called, strict=True)]
    options = Options(
        spec, steps, seeds, statistics, transforms, 0.0, None, untrained_control, keep, None, how
    )
    return run(model, site, data, aims, options, start=Start(given, 0.0, False, called))
