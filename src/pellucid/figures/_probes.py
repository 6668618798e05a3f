"""What can be read off each layer, beside the untrained line and the control task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._depth import depth_lines
from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted, interval, percent

if TYPE_CHECKING:
    from pellucid.layers import LinearProbes


def probes(found: LinearProbes) -> Figure:
    """Held-out accuracy of a linear probe by depth, with its intervals and both controls.

    Args:
        found: from :func:`pellucid.layers.linear_probes`.

    Returns:
        Figure.

    Example:
        >>> probes.__name__
        'probes'
    """
    series = {"this network": found.accuracy.tolist()}
    if bool(found.untrained.isfinite().any()):
        series["untrained copy"] = found.untrained.tolist()
    series["control task"] = found.control.tolist()
    ends = list(zip(found.low.tolist(), found.high.tolist(), strict=True))
    chart = depth_lines(
        found.sites,
        series,
        "held-out accuracy of a linear probe",
        bands={"this network": ends},
        level=found.chance,
        domain=(0, 1),
    )
    body = tuple(
        (
            site,
            float(found.accuracy[i]),
            interval(float(found.low[i]), float(found.high[i])),
            float(found.untrained[i]),
            interval(float(found.gain_low[i]), float(found.gain_high[i])),
            float(found.control[i]),
            float(found.accuracy[i] - found.control[i]),
            float(found.control_fit[i]),
        )
        for i, site in enumerate(found.sites)
    )
    columns = (
        "layer",
        "accuracy",
        "95 %",
        "untrained",
        "gain, 95 %",
        "control",
        "selectivity",
        "control, rows fitted on",
    )
    note = (
        f"Fitted on {counted(found.n_train, 'row')}, tested on {found.n_test:,}; at most "
        f"{found.width} numbers per row. Dotted level: the commonest class, "
        f"{percent(found.chance)}. Control task: classes drawn by chance, equal for equal inputs. "
        f"{found.note}"
    ).strip()
    title = "What can be read off each layer"
    return Figure(title, _alt(found), chart, None, Table(columns, body), note)


def _alt(found: LinearProbes) -> str:
    best = int(found.accuracy.argmax())
    said = (
        f"A linear probe reads {counted(found.classes, 'class', 'classes')} off {found.sites[best]} best: "
        f"{percent(float(found.accuracy[best]))} of held-out rows, {percent(float(found.untrained[best]))} "
        f"on an untrained copy, {percent(float(found.control[best]))} in the control task."
    )
    better = [site for site, low in zip(found.sites, found.gain_low.tolist(), strict=True) if low > 0]
    if not bool(found.untrained.isfinite().any()):
        return said
    if not better:
        return f"{said} No layer is read better than in the untrained copy."
    most = f" Read better than in the untrained copy: {', '.join(better[:6])}"
    return said + most + (f" and {len(better) - 6} more." if len(better) > 6 else ".")
