"""The verbs: a subject in, a value out."""

from pellucid.tasks._amounts import Estimate, Step
from pellucid.tasks._anchor import anchor
from pellucid.tasks._asked_rows import asked_rows
from pellucid.tasks._atlas import AtlasPage, atlas
from pellucid.tasks._audit import audit, usual_fills
from pellucid.tasks._calibration import calibration
from pellucid.tasks._certainty import Certainty, certainty
from pellucid.tasks._certificate import certificate
from pellucid.tasks._challengers import Challenged, Challenger, challengers
from pellucid.tasks._check import check
from pellucid.tasks._compare import compare
from pellucid.tasks._compared import Answers, Comparison, Difference, FollowedRule, Reasons
from pellucid.tasks._concepts import concepts
from pellucid.tasks._counterfactual import counterfactual
from pellucid.tasks._decision import Decision, decision
from pellucid.tasks._depth import hierarchy, refuse_depth, trace
from pellucid.tasks._dictionary import DictionaryPage, dictionary_of, learned_dictionary
from pellucid.tasks._dissect import DissectionPage, dissect
from pellucid.tasks._estimate import estimate
from pellucid.tasks._estimate_audit import estimate_audit, long_audit
from pellucid.tasks._estimate_case import estimate_case
from pellucid.tasks._estimate_check import estimate_check
from pellucid.tasks._estimate_features import estimate_features
from pellucid.tasks._estimate_inside import (
    estimate_atlas,
    estimate_dissect,
    estimate_layer,
    estimate_patch,
)
from pellucid.tasks._estimate_layers import estimate_layers
from pellucid.tasks._estimate_rows import (
    estimate_compare,
    estimate_concepts,
    estimate_importance,
    estimate_influence,
    estimate_training_rows,
)
from pellucid.tasks._estimate_shortcuts import estimate_shortcuts
from pellucid.tasks._explain import (
    PANEL,
    Method,
    best_method,
    explain,
    fitting_methods,
    method_named,
    methods,
    survey,
    target_named,
    usual_target,
)
from pellucid.tasks._explain_to import explain_to, load_explanations
from pellucid.tasks._feature_sites import feature_sites
from pellucid.tasks._features import FeaturePage, features, first_units
from pellucid.tasks._importance import importance_of
from pellucid.tasks._influence import influence
from pellucid.tasks._kept_audit import kept_audit
from pellucid.tasks._layer import LayerPage, layer
from pellucid.tasks._layers import layers
from pellucid.tasks._leaderboard import estimate_leaderboard, leaderboard_names, truth_leaderboard
from pellucid.tasks._nearest import nearest
from pellucid.tasks._no_better import no_better, ranks
from pellucid.tasks._number_calibration import NumberCalibration, number_calibration
from pellucid.tasks._objectives import class_objective, difference_objective, direction_objectives
from pellucid.tasks._open import open
from pellucid.tasks._own import Guests, own_photographs, own_recordings, own_sentences
from pellucid.tasks._own_account import own_account
from pellucid.tasks._own_readable import own_concepts, own_prototypes
from pellucid.tasks._patch import Patching, patch
from pellucid.tasks._performance import Performance, answers_of, performance
from pellucid.tasks._plain_beside import PlainBeside, pairs_found, plain_beside
from pellucid.tasks._pretrained import TOPICS, mobilenet, sentence_topics, sentences, speech_detector
from pellucid.tasks._readable import (
    READABLE_MODELS,
    READABLE_SETS,
    Contest,
    Entry,
    Fold,
    kept_contest,
    readable_contest,
)
from pellucid.tasks._reason_codes import reason_codes
from pellucid.tasks._refits import refits
from pellucid.tasks._rows import held_out, rows_named, sample
from pellucid.tasks._rule_path import rule_path
from pellucid.tasks._rules import frontier, own_rules, rules
from pellucid.tasks._rules_inside import InsideRules, concept_rules, unit_rules
from pellucid.tasks._runs import open_run, save_run
from pellucid.tasks._several import explain_several
from pellucid.tasks._shards import shard_of, work_of
from pellucid.tasks._shortcuts import shortcuts
from pellucid.tasks._slices import Slice, parts_scored
from pellucid.tasks._told import Told
from pellucid.tasks._train import Heard, dataset_of, network_for, parsed_types, train
from pellucid.tasks._truth import TASKS as TRUTH_TASKS
from pellucid.tasks._truth import truth
from pellucid.tasks._unit import UnitPage, unit_of

__all__ = [
    "TRUTH_TASKS",
    "PANEL",
    "Certainty",
    "NumberCalibration",
    "number_calibration",
    "Estimate",
    "Slice",
    "Step",
    "Told",
    "certainty",
    "parts_scored",
    "TOPICS",
    "estimate",
    "estimate_audit",
    "estimate_shortcuts",
    "estimate_case",
    "estimate_check",
    "estimate_features",
    "estimate_leaderboard",
    "AtlasPage",
    "DissectionPage",
    "Patching",
    "atlas",
    "dissect",
    "patch",
    "estimate_atlas",
    "estimate_dissect",
    "estimate_layer",
    "estimate_layers",
    "estimate_compare",
    "estimate_concepts",
    "estimate_importance",
    "estimate_influence",
    "estimate_training_rows",
    "estimate_patch",
    "Decision",
    "decision",
    "DictionaryPage",
    "FeaturePage",
    "Guests",
    "Heard",
    "Method",
    "LayerPage",
    "Performance",
    "PlainBeside",
    "UnitPage",
    "answers_of",
    "audit",
    "Answers",
    "Comparison",
    "Difference",
    "FollowedRule",
    "Reasons",
    "compare",
    "best_method",
    "calibration",
    "READABLE_MODELS",
    "READABLE_SETS",
    "Contest",
    "Entry",
    "Fold",
    "kept_contest",
    "readable_contest",
    "Challenged",
    "Challenger",
    "challengers",
    "certificate",
    "check",
    "class_objective",
    "anchor",
    "asked_rows",
    "concepts",
    "counterfactual",
    "difference_objective",
    "direction_objectives",
    "dataset_of",
    "dictionary_of",
    "explain",
    "explain_several",
    "explain_to",
    "feature_sites",
    "features",
    "first_units",
    "fitting_methods",
    "held_out",
    "hierarchy",
    "influence",
    "importance_of",
    "kept_audit",
    "layer",
    "layers",
    "learned_dictionary",
    "leaderboard_names",
    "load_explanations",
    "trace",
    "refuse_depth",
    "method_named",
    "long_audit",
    "methods",
    "mobilenet",
    "nearest",
    "network_for",
    "open",
    "open_run",
    "own_photographs",
    "own_recordings",
    "own_sentences",
    "frontier",
    "own_account",
    "own_concepts",
    "own_prototypes",
    "own_rules",
    "parsed_types",
    "pairs_found",
    "no_better",
    "performance",
    "plain_beside",
    "ranks",
    "reason_codes",
    "refits",
    "rows_named",
    "rule_path",
    "rules",
    "InsideRules",
    "concept_rules",
    "unit_rules",
    "sample",
    "save_run",
    "shard_of",
    "work_of",
    "shortcuts",
    "sentence_topics",
    "sentences",
    "speech_detector",
    "survey",
    "target_named",
    "train",
    "truth",
    "truth_leaderboard",
    "unit_of",
    "usual_fills",
    "usual_target",
]
