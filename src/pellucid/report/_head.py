"""The head of every page."""

from __future__ import annotations

from pellucid._visible import escaped as escape
from pellucid.report._style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def head(title: str, style: str = "") -> str:
    """The head of a page: nothing from elsewhere may load or run; ``style`` is added to the usual one."""
    return (
        f'<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><title>{escape(title)}</title>'
        f"<style>{STYLE}{style}</style></head>"
    )
