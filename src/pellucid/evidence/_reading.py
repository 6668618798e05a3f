"""What the values of a map claim, since only a claim can be refuted: contributions, slopes or sizes."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from pellucid._core import Explanation
from pellucid.evidence._case import Case
from pellucid.evidence._coarse import Design
from pellucid.evidence._fill import own_reference
from pellucid.evidence._nulls import agreement
from pellucid.evidence._reached import compared, foretold
from pellucid.evidence._responses import Responses
from pellucid.evidence._statistics import correlation, resampled_correlation, resamples

Reading = Literal["contributions", "slopes", "sizes"]
SLOPES = frozenset({"saliency", "guided_backpropagation", "deconvnet", "internal_influence"})
SIZES = frozenset({"smoothgrad_squared", "vargrad", "attention_rollout", "attention_flow"})
UNSIGNED = (
    "Its values are sizes without a sign: they say where, not which way, so that what removing does cannot "
    "contradict them"
)


def reading(explanation: Explanation) -> Reading:
    """What the values claim, by the method that made them.

    *Contributions*: taking the part away changes the score so much. *Slopes*: a small change does, per unit.
    *Sizes*: something happens here, in whatever direction; so are slopes of tokens, which are lengths.

    Example:
        >>> import torch
        >>> from pellucid.attribution import saliency, vargrad
        >>> x, net = torch.randn(3, 5), torch.nn.Linear(5, 2)
        >>> reading(saliency(net, x, 0)), reading(vargrad(net, x, 0))
        ('slopes', 'sizes')
    """
    made = explanation.provenance
    name = made.params.get("of") if made.method == "smoothgrad" else made.method
    if name in SIZES:
        return "sizes"
    if name not in SLOPES:
        return "contributions"
    numbers = isinstance(explanation.inputs, Tensor) and not explanation.inputs.is_floating_point()
    return "sizes" if numbers or made.params.get("absolute") is True else "slopes"


def is_contribution(explanation: Explanation) -> bool:
    """Whether values are contributions against a reference, so that maps of two rows can be subtracted."""
    return "baseline" in explanation.provenance.params and reading(explanation) == "contributions"


def as_contributions(case: Case, explanation: Explanation, seen: Responses) -> tuple[Tensor, Tensor] | None:
    """Slopes times the way from the reference ``[N, U]``, and in which rows that turns a sign: bool ``[N]``,
    where an element lies below its reference. ``None`` for other maps.
    """
    if reading(explanation) != "slopes":
        return None
    way = case.x - own_reference(explanation, case.spec)[0]
    return seen.bank.reduce(case.maps * way), (way < 0).flatten(1).any(1)


def shields(case: Case, explanation: Explanation, seen: Responses, fitting: Design, draws: int) -> list[str]:
    """For each row, why what removing does cannot contradict the map; ``""`` where it can. No pass.

    Sizes have no sign to be wrong. A slope is not the opposite of what removing does where the element lies
    below its reference; there it is read as a contribution first, and only refuted where that is too.
    """
    if reading(explanation) == "sizes":
        return [UNSIGNED] * len(case.x)
    read = as_contributions(case, explanation, seen)
    if read is None:
        return [""] * len(case.x)
    units, differs = read
    value, best = agreement(seen, units), foretold(fitting.removed, seen.drops)
    said = seen.bank.sums(units.to(seen.drops))
    lots = resamples(said.shape[1], draws, case.compute.seed)
    sampled = (resampled_correlation(each, seen.drops, lots) for each in (said, best))
    mine, theirs = sampled
    columns = compared(value, mine, correlation(best, seen.drops), theirs)
    return [
        "Its values are slopes, and say what a small change does, not what taking away does; times the way "
        f"from the reference they agree with {here:+.2f}"
        if other and here > 0 and not (sure > 0 and above < 0)
        else ""
        for (here, _, _, _, sure, above, _), other in zip(columns, differs.tolist(), strict=True)
    ]
