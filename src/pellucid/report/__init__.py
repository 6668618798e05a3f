"""One network in one offline page: what it does, how well, and how far its explanations may be believed."""

from pellucid.report._audit_page import audit_page
from pellucid.report._card import ModelCard, card_template, read_card
from pellucid.report._check_page import check_page
from pellucid.report._compare_page import compare_page
from pellucid.report._depth_page import depth_page
from pellucid.report._dossier import Case, Dossier, Origin, Slice
from pellucid.report._estimate import estimate_report
from pellucid.report._findings import Finding, findings
from pellucid.report._inside_page import inside_page
from pellucid.report._junit import junit
from pellucid.report._layer_page import layer_page
from pellucid.report._machine import machine
from pellucid.report._own_rules_page import own_rules_page
from pellucid.report._page import render
from pellucid.report._readers import READERS
from pellucid.report._recourse import (
    decision_figures,
    decision_html,
    decision_page,
    recourse_html,
    recourse_page,
)
from pellucid.report._report import dossier, report, write_within
from pellucid.report._rules_page import rules_page
from pellucid.report._shortcuts_page import shortcuts_page
from pellucid.report._showcase import showcase
from pellucid.report._unit_page import unit_page
from pellucid.report._why_page import why_page
from pellucid.report._write import write

__all__ = [
    "own_rules_page",
    "Case",
    "Dossier",
    "Finding",
    "ModelCard",
    "Origin",
    "READERS",
    "Slice",
    "audit_page",
    "card_template",
    "check_page",
    "decision_figures",
    "decision_html",
    "decision_page",
    "compare_page",
    "depth_page",
    "dossier",
    "estimate_report",
    "findings",
    "inside_page",
    "junit",
    "layer_page",
    "machine",
    "read_card",
    "recourse_html",
    "recourse_page",
    "rules_page",
    "render",
    "report",
    "shortcuts_page",
    "showcase",
    "unit_page",
    "why_page",
    "write",
    "write_within",
]
