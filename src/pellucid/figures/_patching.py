"""Where the difference between two inputs is decided, and whether the estimates of it hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._depth import depth_lines
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, interval, number, percent
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from torch import Tensor

    from pellucid.layers import ActivationPatching, AttributionPatching, EarlyExit, EdgeAttribution

_MOST = 40
_CHANCE = "restored by other inputs"
_ALL = 0.995  # from here on a share is all of it


def early_exits(found: EarlyExit) -> Figure:
    """Share of inputs whose final answer each layer would give already, beside an untrained copy.

    Args:
        found: from :func:`pellucid.layers.early_exit`.

    Returns:
        Figure.

    Example:
        >>> early_exits.__name__
        'early_exits'
    """
    series = {"this network": found.agreement.tolist()}
    if bool(found.untrained.isfinite().any()):
        series["untrained copy"] = found.untrained.tolist()
    if bool(found.accuracy.isfinite().any()):
        series["right answers"] = found.accuracy.tolist()
    ends = list(zip(found.low.tolist(), found.high.tolist(), strict=True))
    title = "final answer given already"
    chart = depth_lines(found.sites, series, title, bands={"this network": ends}, domain=(0, 1))
    body = tuple(
        (
            site,
            float(found.agreement[i]),
            interval(float(found.low[i]), float(found.high[i])),
            float(found.untrained[i]),
            float(found.accuracy[i]),
            float(found.divergence[i]),
            float(found.changes[i]),
        )
        for i, site in enumerate(found.sites)
    )
    columns = (
        "layer",
        "final answer",
        "95 %",
        "untrained",
        "right",
        "divergence, nats",
        "answers changed here",
    )
    half = next((s for s, v in zip(found.sites, found.agreement.tolist(), strict=True) if v >= 0.5), None)
    alt = (
        f"Read by the last part from {found.head} on, {found.sites[0]} gives the final answer for "
        f"{percent(float(found.agreement[0]))} of {counted(found.n, 'input')}"
    )
    alt += f"; from {half} on it is half or more." if half else "; no layer gives it for half of them."
    note = f"Self-check: {number(found.check, 2)} of the largest output. {found.note}".strip()
    return Figure("Answers of earlier layers", alt, chart, None, Table(columns, body), note)


def patching(found: ActivationPatching) -> Figure:
    """What each layer restores, and what is lost without it.

    Args:
        found: from :func:`pellucid.layers.activation_patching`.

    Returns:
        Figure.

    Example:
        >>> patching.__name__
        'patching'
    """
    series = {"restored": found.restored.tolist(), "broken": found.broken.tolist()}
    bands = {
        "restored": list(zip(found.restored_low.tolist(), found.restored_high.tolist(), strict=True)),
        "broken": list(zip(found.broken_low.tolist(), found.broken_high.tolist(), strict=True)),
    }
    chance = bool(found.random.isfinite().any())
    if chance:
        series[_CHANCE] = found.random.tolist()
        bands[_CHANCE] = list(zip(found.random_low.tolist(), found.random_high.tolist(), strict=True))
    chart = depth_lines(found.sites, series, "share of the difference", bands=bands, level=0)
    body = tuple(
        (
            site,
            float(found.restored[i]),
            _interval(found, found.restored_low[i], found.restored_high[i]),
            float(found.broken[i]),
            _interval(found, found.broken_low[i], found.broken_high[i]),
            *(
                (
                    float(found.random[i]),
                    interval(float(found.random_low[i]), float(found.random_high[i])),
                )
                if chance
                else ()
            ),
        )
        for i, site in enumerate(found.sites)
    )
    columns = ("layer", "restored", "95 %", "broken", "95 % of broken")
    columns += ("other inputs", "of 95 %") if chance else ()
    ends = f"{found.target} is {number(found.clean)} on clean and {number(found.corrupt)} on corrupt inputs"
    return Figure(
        "What each layer carries",
        f"{ends}; {_carried(found)}",
        chart,
        None,
        Table(columns, body),
        _pairs(found),
    )


def _carried(found: ActivationPatching) -> str:
    """Which layer carries most, and whether that says anything."""
    if bool((found.restored > _ALL).all()) and bool((found.broken > _ALL).all()):
        return (
            f"each of {counted(len(found.sites), 'layer')} alone restores 100 % of it and breaks as much: "
            "they form a chain, so this says nothing about where it is decided. Look at the units of one "
            "layer."
        )
    top = int((found.restored * (found.restored <= _ALL)).argmax())
    whole = int((found.restored > _ALL).sum())
    said = (
        f"{whole} of {counted(len(found.sites), 'layer')} restore all of it; of the others " if whole else ""
    )
    said += f"{found.sites[top]} restores {percent(float(found.restored[top]))} of the difference and breaks "
    said += percent(float(found.broken[top]))
    if bool(found.random.isfinite().any()):
        said += f" (with activations of other inputs {percent(float(found.random[top]))} comes back)"
    return said + "."


def _interval(found: ActivationPatching, low: Tensor, high: Tensor) -> str:
    return interval(float(low), float(high)) if found.n > 1 else "–"


def _pairs(found: ActivationPatching) -> str:
    said = f"{counted(found.n, 'pair')}." + (" One pair has no interval." if found.n == 1 else "")
    if bool(found.random.isfinite().any()):
        said += (
            " Other inputs: the layer's activation of real inputs at random, instead of the clean one's; the "
            "band holds 95 % of the draws."
        )
    return said


def attribution_patches(found: AttributionPatching) -> Figure:
    """Estimated against real effects of units, and the faithfulness curve against random orders.

    Args:
        found: from :func:`pellucid.layers.attribution_patching`.

    Returns:
        Figure.

    Example:
        >>> attribution_patches.__name__
        'attribution_patches'
    """
    order = found.estimate.abs().argsort(descending=True)[:_MOST].tolist()
    body = tuple((int(found.units[u]), float(found.estimate[u]), float(found.measured[u])) for u in order)
    table = Table(
        ("unit", "estimated share", "measured share"),
        body,
        f"{len(order)} of {counted(len(found.units), 'unit')} shown.",
    )
    gain = float((found.restored - found.random).mean())
    best = int(found.measured.nan_to_num(float("-inf")).argmax())
    alone = percent(float(found.measured[best]))
    alt = (
        f"Of {counted(len(found.units), 'unit')} of {found.site}, unit {int(found.units[best])} restores "
        f"more of the difference alone than any other: {alone}. Estimates agree with real patches by a "
        f"rank correlation of {number(found.agreement, 2)}; carried over best first, units restore on "
        f"average {number(100 * gain, 2)} points more of the difference than in random order."
    )
    chart = panels([_scatter(found), _curves(found)], columns=2)
    ends = f"{number(found.clean)} clean, {number(found.corrupt)} corrupt"
    note = f"{found.target}: {ends}; {counted(found.n, 'pair')}."
    return Figure(f"Units of {found.site} that carry the difference", alt, chart, None, table, note)


def _scatter(found: AttributionPatching) -> Spec:
    points = [
        {"unit": int(unit), "estimate": estimate, "measured": measured}
        for unit, estimate, measured in zip(
            found.units.tolist(), found.estimate.tolist(), found.measured.tolist(), strict=True
        )
        if measured == measured
    ]
    ends = [v for p in points for v in (p["estimate"], p["measured"])] or [0.0, 1.0]
    span: Spec = {"domain": [min(0.0, *ends), max(*ends)], "nice": True}
    x: Spec = {"field": "estimate", "type": "quantitative", "title": "estimated share", "scale": span}
    y: Spec = {"field": "measured", "type": "quantitative", "title": "measured share", "scale": span}
    dots: Spec = {"data": {"values": points}, "encoding": {"x": x, "y": y}}
    dots["mark"] = {"type": "point", "filled": True, "size": 40, "color": OKABE_ITO[0], "opacity": 0.7}
    equal = [{"estimate": v, "measured": v} for v in (min(0.0, *ends), max(*ends))]
    line: Spec = {"data": {"values": equal}, "encoding": {"x": x, "y": y}}
    line["mark"] = {"type": "line", "color": THEME.ink, "opacity": 0.3, "strokeWidth": 1}
    return {"width": 220, "height": 200, "title": "each unit, patched alone", "layer": [line, dots]}


def _curves(found: AttributionPatching) -> Spec:
    points = [
        {"units": int(k), "order": name, "share": share}
        for name, part in (("best estimates first", found.restored), ("random order", found.random))
        for k, share in zip(found.kept.tolist(), part.tolist(), strict=True)
    ]
    band = [
        {"units": int(k), "low": low, "high": high}
        for k, low, high in zip(
            found.kept.tolist(), found.random_low.tolist(), found.random_high.tolist(), strict=True
        )
    ]
    x: Spec = {"field": "units", "type": "quantitative", "title": "units carried over together"}
    x["scale"] = {"type": "symlog"}
    x["axis"] = {"values": found.kept.tolist()}
    y: Spec = {"field": "share", "type": "quantitative", "title": "share restored"}
    names = ["best estimates first", "random order"]
    colour: Spec = {"field": "order", "type": "nominal", "title": None}
    colour["scale"] = {"domain": names, "range": [OKABE_ITO[0], THEME.muted]}
    colour["legend"] = {"orient": "bottom", "symbolType": "stroke"}
    dash: Spec = {**colour, "scale": {"domain": names, "range": [[1, 0], [6, 4]]}}
    area: Spec = {"data": {"values": band}, "mark": {"type": "area", "color": THEME.muted, "opacity": 0.25}}
    area["encoding"] = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    line: Spec = {
        "data": {"values": points},
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 30}},
    }
    line["encoding"] = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    return {"width": 260, "height": 200, "title": "faithfulness", "layer": [area, line]}


def edges(found: EdgeAttribution) -> Figure:
    """The strongest connections between two layers, and what they really restore.

    Args:
        found: from :func:`pellucid.layers.edge_attribution`.

    Returns:
        Figure; its table has the 40 largest edges.

    Example:
        >>> edges.__name__
        'edges'
    """
    order = found.edges.abs().flatten().argsort(descending=True)[:_MOST].tolist()
    width = len(found.sinks)
    body = tuple((k // width, int(found.sinks[k % width]), float(found.edges.flatten()[k])) for k in order)
    series = {"largest edges first": found.restored.tolist(), "random order": found.random.tolist()}
    counts = [str(k) for k in found.kept.tolist()]
    chart = depth_lines(counts, series, "share restored by so many edges", level=0)
    gain = float((found.restored - found.random).mean())
    looked = f"to {found.sink}"
    if width < found.sink_units:
        looked = f"to {width} of the {found.sink_units} units of {found.sink}, those with the largest share"
    alt = (
        f"{counted(found.edges.numel(), 'edge')} from {found.source} {looked}; kept largest first "
        f"they restore on average {number(100 * gain, 2)} points more of the difference in {found.target} "
        f"than in random order, and all together {percent(float(found.restored[-1]))}."
    )
    columns = (f"unit of {found.source}", f"unit of {found.sink}", "estimated share")
    note = (
        f"{len(order)} of {counted(found.edges.numel(), 'edge')} {looked} listed; {counted(found.n, 'pair')}."
    )
    return Figure(f"From {found.source} to {found.sink}", alt, chart, None, Table(columns, body), note)
