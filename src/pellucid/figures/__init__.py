"""Values as figures: a chart or a picture with words and numbers computed from its data."""

from pellucid.figures._anchor import anchor, anchor_words
from pellucid.figures._atlas import activation_atlas
from pellucid.figures._attended import attended
from pellucid.figures._attention_certificate import attention_certificate
from pellucid.figures._audit import audit
from pellucid.figures._bars import bars
from pellucid.figures._bottleneck import bottleneck
from pellucid.figures._calibration import calibration
from pellucid.figures._check import (
    check_figures,
    check_outcome,
    check_overview,
    check_run,
    check_text,
    reliability,
)
from pellucid.figures._compare import comparison
from pellucid.figures._concepts import concepts
from pellucid.figures._confusion import confusion
from pellucid.figures._counterfactual import counterfactual, counterfactual_words, semifactual
from pellucid.figures._dictionary import dictionary
from pellucid.figures._dissection import dissection
from pellucid.figures._effects import effects
from pellucid.figures._evidence import cards_html, check_table, evidence
from pellucid.figures._exemplars import exemplars
from pellucid.figures._features import feature_tiles
from pellucid.figures._figure import Figure, Table, Word, save_all, word_html
from pellucid.figures._heads import attention_heads
from pellucid.figures._hierarchy import hierarchy
from pellucid.figures._importance import importance, interactions, partial_dependence
from pellucid.figures._influence import influence
from pellucid.figures._layer_gain import layer_gain
from pellucid.figures._layer_health import layer_health
from pellucid.figures._layer_map import layer_map
from pellucid.figures._layers import layer_facts, layer_strip, layer_strips, layer_words
from pellucid.figures._looks_like import prototype_test, this_looks_like_that
from pellucid.figures._mimebundle import mimebundle, text
from pellucid.figures._nearest import nearest
from pellucid.figures._number_calibration import number_calibration
from pellucid.figures._numbers import (
    counted,
    interval,
    measured,
    number,
    percent,
    portion,
    share_interval,
    signed,
)
from pellucid.figures._pairs import pairs
from pellucid.figures._patching import attribution_patches, early_exits, edges, patching
from pellucid.figures._picture import picture
from pellucid.figures._picture_trust import picture_trust
from pellucid.figures._probes import probes
from pellucid.figures._reason_codes import reason_codes, reason_words
from pellucid.figures._rule_frontier import rule_frontier
from pellucid.figures._rule_path import rule_path
from pellucid.figures._rule_tree import tree
from pellucid.figures._rules import fidelity_words, rule_text, rules_table
from pellucid.figures._saliency import saliency
from pellucid.figures._shapes import shape_functions
from pellucid.figures._shortcuts import shortcuts
from pellucid.figures._similarity import similarity
from pellucid.figures._sound import sound
from pellucid.figures._space import space_map
from pellucid.figures._tested import tested
from pellucid.figures._theme import THEME, Look, Theme, look, word_rank
from pellucid.figures._together import co_activation
from pellucid.figures._tokens import tokens
from pellucid.figures._traced import carried, traced
from pellucid.figures._training import training_curves, training_health
from pellucid.figures._unit_classes import unit_classes
from pellucid.figures._unit_effect import unit_effect
from pellucid.figures._unit_inputs import field_on_input, unit_inputs
from pellucid.figures._units import unit_grid
from pellucid.figures._value import explanations, figures_of, save_together
from pellucid.figures._words import words

__all__ = [
    "activation_atlas",
    "attention_heads",
    "Figure",
    "Look",
    "THEME",
    "Table",
    "Theme",
    "Word",
    "anchor",
    "anchor_words",
    "attribution_patches",
    "audit",
    "bars",
    "bottleneck",
    "calibration",
    "cards_html",
    "carried",
    "check_figures",
    "check_outcome",
    "check_overview",
    "check_run",
    "check_table",
    "check_text",
    "co_activation",
    "comparison",
    "concepts",
    "confusion",
    "counted",
    "counterfactual",
    "counterfactual_words",
    "dictionary",
    "dissection",
    "early_exits",
    "edges",
    "attended",
    "attention_certificate",
    "effects",
    "evidence",
    "exemplars",
    "explanations",
    "feature_tiles",
    "fidelity_words",
    "field_on_input",
    "figures_of",
    "hierarchy",
    "importance",
    "influence",
    "interactions",
    "interval",
    "layer_facts",
    "layer_gain",
    "layer_health",
    "layer_map",
    "layer_strip",
    "layer_strips",
    "layer_words",
    "look",
    "measured",
    "mimebundle",
    "nearest",
    "number",
    "partial_dependence",
    "pairs",
    "patching",
    "percent",
    "portion",
    "picture",
    "picture_trust",
    "probes",
    "number_calibration",
    "reliability",
    "reason_codes",
    "reason_words",
    "rule_text",
    "rule_frontier",
    "rule_path",
    "rules_table",
    "prototype_test",
    "saliency",
    "save_all",
    "save_together",
    "signed",
    "semifactual",
    "shortcuts",
    "shape_functions",
    "share_interval",
    "similarity",
    "sound",
    "space_map",
    "tested",
    "text",
    "this_looks_like_that",
    "tokens",
    "traced",
    "training_curves",
    "training_health",
    "tree",
    "unit_classes",
    "unit_effect",
    "unit_grid",
    "unit_inputs",
    "word_html",
    "word_rank",
    "words",
]
