"""Activation maximization: what units, channels, classes and directions would most like to see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from pellucid._core import Compute, InputSpec
from pellucid._core._field import Field
from pellucid.errors import TargetError
from pellucid.features._choice import Choice
from pellucid.features._objectives import Objective
from pellucid.features._pictures import FeaturePictures
from pellucid.features._run import Options, run
from pellucid.features._views import Transforms


def activation_maximization(
    model: nn.Module,
    site: str | None = None,
    *,
    spec: InputSpec | None = None,
    data: Tensor,
    units: Sequence[int] | Tensor | None = None,
    objectives: Sequence[Objective] | None = None,
    steps: int = 256,
    seeds: int = 2,
    statistics: Choice = "auto",
    transforms: Transforms = "auto",
    diversity: float = 0.0,
    diversity_at: str | None = None,
    untrained_control: bool = True,
    twin: nn.Module | None = None,
    keep: str | Path | None = None,
    field: Field | None = None,
    compute: Compute | None = None,
) -> FeaturePictures:
    """Inputs that move each unit of a layer most, learned inside the data's own statistics.

    Each made input ``x(z)`` climbs ``max_z a_u(x(z))``, ``a_u`` the value of unit u (of a channel: at a
    central position, or where its strongest real input moves it if none does at the centre), where ``x(z)``
    cannot leave the statistics of ``data``:

    - ``covariance`` (inputs up to 1,024 numbers, spectrograms up to 4,096): the mean plus principal
      components that hold 90 % of the variance (98 % up to 256 numbers), Mahalanobis radius and distance from
      the mean at most the data's 95 % quantile;
    - ``spectrum`` (larger ones): phase free, magnitude at each frequency between the data's 5 % and 95 %
      quantiles, channels decorrelated, distance from the mean capped alike;
    - ``marginals`` (rows of a table): each number through its column's quantiles, all inside the Mahalanobis
      ball that holds 95 % of the data; a category is a mixture of levels on the way and one level at the end;
    - ``phase``: the data's mean magnitude at each frequency, phase free, the data's colour covariance;
    - ``fourier``: every wave free but weighed by 1/f, the data's colour covariance;
    - ``free``: no bound at all, as a control: it reaches several times more than any real input and shows
      noise that an untrained network likes as much.

    The first three are what ``"auto"`` chooses from. Pictures but the free ones stay in each channel's
    range. Where only convolutions and pools lie before the layer, the
    canvas of a single unit is as large as the receptive field. A start that a dead ReLU does not answer
    begins again near a strong real input. An input stops when its value gained less than 0.5 % in 32 steps.

    Steps ``[N, T, D]`` of recurrent networks and attention are compared number by number and are not moved.

    Instead of units, ``objectives`` are climbed, all of one layer, together: :class:`Unit`, :class:`Channel`,
    :class:`Logit`, :class:`Difference`, :class:`Direction`, :class:`Concept`. With ``diversity`` λ the seeds
    of one objective show several faces of it: each climbs ``a ÷ largest − λ · mean cos(G, G')``, where G, G'
    are the Gram matrices of its channels and those of another seed, and ``largest`` is the value of the
    strongest real input.

    Signals ``[N, C, T]`` are compared wherever the same stands in them: agreement and the likeness of the
    two-choice test are the largest cosine over shifts of up to half of T, for the control alike.

    The control runs the same recipe on at least 4 untrained twins, the units shared out among them so that
    there are 20 trials or more; for fewer than 5 units or classes, others of the layer stand in on the twins,
    where they differ by chance alone. Words: ``"did not start"`` where no start had a gradient; ``"not better
    than an untrained network"`` unless agreement ÷ distance exceeds that of 95 % of the trials (of all, below
    20 trials that count); ``"supported"`` if besides ratio ≥ 0.5, agreement ≥ 0.5, the distance is at most
    that of 95 % of the real inputs to their nearest neighbour (``params["far"]``), the picture tells strong
    from weak real inputs (``trust.told_low`` > .5; not where fewer than 10 excite it strongly beside the 8
    strongest) and goes at least half of their way in every layer where these are alike themselves
    (``trust.path`` ≥ .5); else ``"weak"``. Without a control, or with one start, no more than ``"weak"``.

    Args:
        model: any network; it comes back as it was.
        site: the layer; ``None`` where objectives are classes.
        spec: what an input means; categories of a :class:`~pellucid.inputs.TabularSpec` are kept whole.
        data: real inputs ``[N, *shape]`` as the network takes them; 500 or more give steady statistics.
        units: which units; ``None`` for all.
        objectives: what is climbed, in place of units.
        steps: most steps.
        seeds: starts per objective.
        statistics: what a made input keeps of the data; ``"auto"`` chooses by kind and size.
        transforms: how each input is changed at random, by itself, before every look at it: ``"jitter"``
            moves it by up to a sixteenth of its side; ``"full"`` also stretches it by up to 10 % and turns it
            by up to 10°; axes below 16 pixels stay as they are, sounds change along time only. ``"auto"`` is
            ``"jitter"``: seeds agree more and values survive a shift; ``"full"`` made no number better,
            though shapes on large pictures look cleaner.
        diversity: how strongly seeds of one objective are held apart; 0 not at all.
        diversity_at: layer, at or before ``site``, whose Gram matrices are compared; ``None`` for ``site``.
        untrained_control: whether to run the same recipe on untrained twins.
        twin: a network of the same architecture that learned the same from another start, to which pictures
            are shown too.
        keep: folder for finished portions. The same call goes on after the last one, however it was stopped,
            and ends with the same pictures to the bit.
        field: what each position of the layer sees of an input, where it is known already.
        compute: how to run; at most ``batch_size`` inputs climb together, fewer where memory is short.

    Returns:
        :class:`FeaturePictures`.

    Raises:
        SiteError: if the layer does not exist or the pass does not reach it.
        TargetError: if a unit does not exist, or objectives do not go together.
        InputError: if the data do not fit the network or are too few.
        StoreError: if ``keep`` holds parts of a run with other settings.
        MethodError: if the layer is not differentiable, or the network cannot be copied for the control.

    Cost:
        One pass over the data and at most units × seeds × steps rows forward and backward, each ended at the
        layer; 2,000 rows at most where a start does not move its unit; then up to 900 rows and
        U × (seeds + 8) forward for the measures of trust. The control makes at least 20 pictures, and takes
        the pass over the data and the 900 and 2,000 rows again for each of its untrained twins: four, or up
        to 20 where the layer has few units or few objectives are no units.

    Limits:
        A large ratio proves nothing: untrained networks reach as much. What a picture shows is one maximum,
        not all that a unit answers to, and it can be steered without changing what the network does; look at
        the real inputs beside it first. First layers are close to linear, so their pictures are no steadier
        than those of an untrained network. Categories move independently of the numbers. Faces held apart by
        ``diversity`` agree less because of it, so their word is no better than ``"weak"`` as a rule.

    Source:
        Erhan et al. 2009, Visualizing higher-layer features of a deep network; Fel et al. 2023, Unlocking
        feature visualization for deeper networks with magnitude constrained optimization, arXiv 2306.06805
        (the spectrum, the importance); Olah et al. 2017, Feature visualization, distill.pub (objectives,
        diversity); Geirhos et al. 2023, Don't trust your eyes, arXiv 2306.04719 (the limits, and the path);
        Zimmermann et al. 2024, Measuring per-unit interpretability at scale without humans, NeurIPS 37 (two
        choices).

    Example:
        >>> import torch
        >>> from pellucid.features import Difference, Logit
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        >>> made = activation_maximization(net, "1", data=torch.randn(64, 4), steps=8)
        >>> made.pictures.shape, len(made.words)
        (torch.Size([3, 2, 4]), 3)
        >>> made = activation_maximization(
        ...     net, data=torch.randn(64, 4), objectives=[Difference(Logit(0), Logit(2))], steps=8
        ... )
        >>> made.labels
        ('class 0 − class 2',)
    """
    how = compute or Compute()
    if objectives is not None and units is not None:
        raise TargetError("Say units= or objectives=, not both; objectives=[Unit(3)] is unit 3.")
    options = Options(
        spec,
        steps,
        seeds,
        statistics,
        transforms,
        float(diversity),
        diversity_at,
        untrained_control,
        keep,
        twin,
        how,
        field,
    )
    return run(model, site, data, objectives, options, units=units)
