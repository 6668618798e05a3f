"""How healthy one layer is: numbers beside an untrained copy, with a verdict that names its threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted, finite, number, percent

if TYPE_CHECKING:
    from pellucid.layers import LayerRow

ENOUGH = 500
MANY_DEAD, SATURATED, OFF_CENTRE = 0.1, 0.3, 1.0
SLOW, FAST = 1e-4, 1e-1
_DEAD = "above 10 % (SageMaker Debugger warns above 50 %), on 500 inputs or more"
_SATURATED = "above 30 % of values beyond ±0.97 or outside 0.03 to 0.97"
_CENTRE = "above 1 sparse autoencoders lose elements unless centred (arXiv 2605.31518)"
_UPDATE = "between 0.0001 and 0.1; about 0.001 is usual (CS231n)"


def layer_health(
    row: LayerRow, n: int, *, gradient_norm: float | None = None, update_ratio: float | None = None
) -> Figure:
    """Dead and saturated units, spread, offset, rank and, where training was watched, gradient and step.

    Args:
        row: from :func:`pellucid.layers.summary`.
        n: inputs that it rests on.
        gradient_norm, update_ratio: of the last epoch; ``None`` where training was not watched.

    Returns:
        Figure without a chart.

    Example:
        >>> layer_health.__name__
        'layer_health'
    """
    lines = [
        ("dead units", percent(row.dead), percent(row.untrained_dead), _dead(row, n), _DEAD),
        (
            "saturated values",
            percent(row.saturated),
            percent(row.untrained_saturated),
            _over(row),
            _SATURATED,
        ),
        (
            "activation, mean ± sd",
            _spread(row.mean, row.sd),
            _spread(row.untrained_mean, row.untrained_sd),
            "",
            "",
        ),
        (
            "mean ÷ spread (γ)",
            number(finite(row.gamma)),
            number(finite(row.untrained_gamma)),
            _centred(row),
            _CENTRE,
        ),
        (
            f"effective rank of {row.rank_units}",
            number(row.rank),
            number(row.untrained_rank),
            "",
            "no bound is known; compare with the untrained copy",
        ),
    ]
    if gradient_norm is not None or update_ratio is not None:
        lines.append(("gradient of the weights", number(gradient_norm), "", "", "last epoch"))
        lines.append(("step ÷ weight", number(update_ratio), "", _pace(update_ratio), _UPDATE))
    body = tuple(line for line in lines if (line[1], line[2]) != ("–", "–"))
    bad = [f"{line[0]} {line[1]}: {line[3]}" for line in lines if line[3] not in ("", "fine", "not known")]
    said = f"Over {counted(n, 'input')}, "
    alt = said + ("; ".join(bad) + "." if bad else "nothing stands out.")
    columns = ("", "this network", "untrained", "verdict", "threshold")
    return Figure("Health", alt, None, None, Table(columns, body))


def _spread(mean: float | None, sd: float | None) -> str:
    return "–" if mean is None else f"{number(mean)} ± {number(sd)}"


def _dead(row: LayerRow, n: int) -> str:
    if row.dead <= MANY_DEAD:
        return "fine"
    return "many units give nothing" if n >= ENOUGH else "many give nothing on these few inputs"


def _over(row: LayerRow) -> str:
    if row.saturated is None:
        return ""
    return "fine" if row.saturated <= SATURATED else "slopes are nearly gone"


def _centred(row: LayerRow) -> str:
    value = finite(row.gamma)
    if value is None:
        return "not known"
    return "fine" if value <= OFF_CENTRE else "far from zero"


def _pace(ratio: float | None) -> str:
    value = finite(ratio)
    if value is None:
        return "not known"
    return "too slow" if value < SLOW else "too fast" if value > FAST else "fine"
