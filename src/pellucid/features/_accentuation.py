"""Accentuation: what of a real input a unit answers to, by making more of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from pellucid._core import Compute, InputSpec
from pellucid.errors import InputError, TargetError
from pellucid.features._choice import Choice
from pellucid.features._objectives import Likeness, Objective
from pellucid.features._pictures import FeaturePictures
from pellucid.features._run import Options, Start, as_fed, names_of, run
from pellucid.features._views import Transforms

PULL = 1.0


def accentuation(
    model: nn.Module,
    site: str | None,
    inputs: Tensor,
    *,
    spec: InputSpec | None = None,
    data: Tensor,
    objectives: Sequence[Objective],
    names: Sequence[str] | None = None,
    pull: float = PULL,
    steps: int = 128,
    seeds: int = 2,
    statistics: Choice = "auto",
    transforms: Transforms = "auto",
    untrained_control: bool = True,
    keep: str | Path | None = None,
    compute: Compute | None = None,
) -> FeaturePictures:
    """Real inputs changed so that an objective grows: which part of each one it answers to.

    Each climb starts at a real input ``x0`` and maximizes ``a(x) ÷ largest − λ · (d(x, x0) ÷ typical)²``,
    ``largest`` the value of the strongest real input, ``typical`` the median distance from a real input to
    its nearest neighbour. Changes are those that the data's statistics allow; rows of tables stay what the
    statistics make. A single unit of a channel is the one at the position where ``x0`` moves it most.

    Args:
        model: any network; it comes back as it was.
        site: the layer; ``None`` where objectives are classes.
        inputs: ``[R, *shape]``, where climbs start.
        spec: what an input means.
        data: real inputs ``[N, *shape]``, whose statistics are kept.
        objectives: one for each input, or one for all.
        names: what the inputs are called.
        pull: λ; 0 lets go of ``x0``.
        steps, seeds, statistics, transforms, untrained_control, keep, compute: as for
            :func:`activation_maximization`; seeds start a little apart.

    Returns:
        :class:`FeaturePictures`, by input: ``origins`` are the inputs, ``origin_values`` their values,
        ``moved`` how far each picture went. ``agreement`` compares the changes. An input that cannot move its
        objective, such as one before a dead ReLU, did not start, and starts nowhere else. The word compares
        the agreement of changes with that on untrained twins; nearness to data says nothing here.

    Raises:
        As :func:`activation_maximization`; InputError where inputs and objectives are not as many.

    Cost:
        As :func:`activation_maximization`, on whole inputs.

    Limits:
        What grows is what the objective would like more of near this input, which may not be what made its
        value large. Small changes that nobody sees can move a value much: read ``moved`` beside the ratio,
        and what an untrained network makes of the same input.

    Source:
        Hamblin et al. 2024, Feature accentuation: revealing 'what' features respond to in natural images,
        arXiv 2402.10039.

    Example:
        >>> import torch
        >>> from pellucid.features import Unit
        >>> net, x = nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.randn(64, 4)
        >>> made = accentuation(net, "1", x[:2], data=x, objectives=[Unit(0)], steps=8)
        >>> made.pictures.shape, made.moved.shape
        (torch.Size([2, 2, 4]), torch.Size([2, 2]))
    """
    how = compute or Compute()
    given = as_fed(model, inputs, spec, how, "inputs")
    chosen = list(objectives) * (len(given) if len(objectives) == 1 else 1)
    if len(chosen) != len(given):
        raise InputError(
            f"objectives: expected one for all inputs or one for each, got {len(chosen)} for "
            f"{len(given)} inputs."
        )
    if any(isinstance(each, Likeness) for each in chosen):
        raise TargetError("accentuation: a likeness is what caricature() climbs along.")
    if pull < 0:
        raise InputError(f"pull: expected 0 or more, got {pull}.")
    options = Options(
        spec, steps, seeds, statistics, transforms, 0.0, None, untrained_control, keep, None, how
    )
    start = Start(given, float(pull), True, names_of(names, len(given)))
    return run(model, site, data, chosen, options, start=start)
