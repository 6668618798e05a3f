"""Tests of explanations, each with its control: how far a map can be believed.

:func:`cards` tests an explanation row by row, :func:`survey` compares methods over a data set. Both rest on
one measurement, :func:`responses`: what the network does when random quarters of an input are taken away.

:func:`ground_truth` measures methods where it is known what matters. The metrics of the literature
(:func:`deletion`, :func:`infidelity` and their like) each give a :class:`Metric`: a number for each input,
with its direction, its range and the same number for maps that know nothing.
"""

from pellucid.evidence._audit import Audit, audit
from pellucid.evidence._audited import Asked, AuditRow, Fill
from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._bench import Bench, benches
from pellucid.evidence._calibration import Calibration, CalibrationRow, calibration
from pellucid.evidence._cards import cards
from pellucid.evidence._ground_truth import GroundTruth, TruthRow, ground_truth
from pellucid.evidence._held import Held, HeldColumn
from pellucid.evidence._held_over import held_over
from pellucid.evidence._leaderboard import Leaderboard, PlantedTask, Standing, Trial, leaderboard
from pellucid.evidence._localisation import Localisation, Measure, localisation
from pellucid.evidence._metrics._attack import attribution_attack
from pellucid.evidence._metrics._completeness import completeness
from pellucid.evidence._metrics._deletion import deletion, insertion, relevance_gain
from pellucid.evidence._metrics._erasure import comprehensiveness, sufficiency
from pellucid.evidence._metrics._infidelity import infidelity
from pellucid.evidence._metrics._metric import Metric
from pellucid.evidence._metrics._places import mass_accuracy, pointing_game, rank_accuracy
from pellucid.evidence._metrics._randomisation import efficient_mprt, mprt, random_logit
from pellucid.evidence._metrics._road import road
from pellucid.evidence._metrics._sensitivity_n import sensitivity_n
from pellucid.evidence._metrics._shape import complexity, sparseness
from pellucid.evidence._metrics._stability import max_sensitivity, rank_stability
from pellucid.evidence._nulls import (
    Null,
    agreement,
    agreement_interval,
    joint,
    placement,
    specificity,
    training,
)
from pellucid.evidence._plant import Plant, PlantRow
from pellucid.evidence._reading import is_contribution
from pellucid.evidence._responses import Responses, responses
from pellucid.evidence._shortcuts._search import shortcuts
from pellucid.evidence._shortcuts._value import KINDS as SHORTCUT_KINDS
from pellucid.evidence._shortcuts._value import Copies, MapCluster, Shortcuts, Suspicion, SwapCases
from pellucid.evidence._survey import MethodEvidence, Pair, Survey, survey
from pellucid.evidence._unit_matters import unit_matters
from pellucid.evidence._verdict import over_many

__all__ = [
    "SHORTCUT_KINDS",
    "Audit",
    "Asked",
    "AuditRow",
    "Bank",
    "Bench",
    "Calibration",
    "CalibrationRow",
    "Copies",
    "Fill",
    "GroundTruth",
    "Held",
    "HeldColumn",
    "Leaderboard",
    "Localisation",
    "MapCluster",
    "Measure",
    "MethodEvidence",
    "Metric",
    "Null",
    "Pair",
    "Plant",
    "PlantRow",
    "PlantedTask",
    "Responses",
    "Shortcuts",
    "Standing",
    "Survey",
    "Suspicion",
    "SwapCases",
    "Trial",
    "TruthRow",
    "agreement",
    "agreement_interval",
    "attribution_attack",
    "audit",
    "bank",
    "benches",
    "calibration",
    "cards",
    "completeness",
    "complexity",
    "comprehensiveness",
    "deletion",
    "efficient_mprt",
    "ground_truth",
    "held_over",
    "infidelity",
    "insertion",
    "joint",
    "leaderboard",
    "localisation",
    "mass_accuracy",
    "max_sensitivity",
    "mprt",
    "is_contribution",
    "over_many",
    "placement",
    "pointing_game",
    "random_logit",
    "rank_accuracy",
    "rank_stability",
    "relevance_gain",
    "responses",
    "road",
    "sensitivity_n",
    "shortcuts",
    "sparseness",
    "specificity",
    "sufficiency",
    "survey",
    "training",
    "unit_matters",
]
