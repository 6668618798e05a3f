"""The one look of every figure.

Charts carry no background and one ink. On pages the ink becomes ``currentColor``, so that a chart is as
readable in dark as in light; as PNG it stands on white paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
Spec = dict[str, object]


@dataclass(frozen=True, slots=True)
class Look:
    """How one word of evidence looks: a colour and a shape, never the colour alone."""

    colour: str
    shape: str
    sign: str


@dataclass(frozen=True, slots=True)
class Theme:
    """Fonts, sizes and colours, in one place.

    Args:
        fonts: the stack on pages; the first that exists is used, nothing is fetched.
        ink: colour of all text and lines in a chart; replaced by ``currentColor`` on pages.
        paper: what a PNG stands on.
        panel: width of one panel in pixels.
    """

    fonts: str = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, system-ui, sans-serif'
    drawn: str = "Liberation Sans, Arial, Helvetica, sans-serif"
    ink: str = "#1b2126"
    paper: str = "#ffffff"
    title: int = 13
    label: int = 11
    panel: int = 168
    accent: str = "#2f7fc8"
    warm: str = "#bc6331"
    muted: str = "#8a939b"

    def config(self) -> Spec:
        """The Vega-Lite configuration of every chart."""
        axis: Spec = {
            "labelColor": self.ink,
            "titleColor": self.ink,
            "domain": False,
            "ticks": False,
            "gridColor": self.ink,
            "gridOpacity": 0.12,
            "labelOpacity": 0.75,
            "titleOpacity": 0.75,
            "labelFontSize": self.label,
            "titleFontSize": self.label,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "labelPadding": 6,
            "labelSeparation": 6,
        }
        legend: Spec = {"labelColor": self.ink, "titleColor": self.ink, "labelFontSize": self.label}
        legend |= {"titleFontSize": self.label, "titleFontWeight": "normal", "orient": "bottom"}
        return {
            "aria": False,
            "font": self.drawn,
            "view": {"stroke": None},
            "axis": axis,
            "legend": legend,
            "title": {
                "color": self.ink,
                "fontSize": self.title,
                "fontWeight": 600,
                "anchor": "start",
                "offset": 10,
            },
            "text": {"color": self.ink, "fontSize": self.label},
            "rule": {"color": self.ink},
        }


THEME = Theme()

_BLUE, _AMBER, _BROWN, _GREY = "#2f7fc8", "#b9770e", "#a3604a", "#8a939b"
_LOOKS: Mapping[str, Look] = {
    "passed": Look(_BLUE, "full", "●"),
    "mixed": Look(_AMBER, "half", "◐"),
    "failed": Look(_BROWN, "hollow", "○"),
    "not run": Look(_GREY, "dash", "–"),
}
_SAME_AS: Mapping[str, str] = {
    "supported": "passed",
    "partly supported": "mixed",
    "not supported": "failed",
    "contradicted": "failed",
    "not testable": "not run",
    "weak": "mixed",
    "not better than an untrained network": "failed",
    "did not start": "not run",
    "undecided": "mixed",
    "found": "failed",
    "suspected": "mixed",
    "no alarm": "passed",
    "not tested": "not run",
}


def look(word: str) -> Look:
    """How a word of evidence looks; a word it does not know looks like "not run"."""
    return _LOOKS.get(_SAME_AS.get(word, word), _LOOKS["not run"])


def word_rank(word: str) -> int:
    """Order of the words, worst first."""
    order = ("failed", "mixed", "not run", "passed")
    known = _SAME_AS.get(word, word)
    return order.index(known) if known in order else 2
