"""Tests of explanations, each with its control: how far a map can be believed.

:func:`cards` tests an explanation row by row, :func:`survey` compares methods over a data set. Both rest on
one measurement, :func:`responses`: what the network does when random quarters of an input are taken away.
:func:`ground_truth` measures methods where it is known what matters.
"""

from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._bench import Bench, benches
from pellucid.evidence._cards import cards
from pellucid.evidence._ground_truth import GroundTruth, TruthRow, ground_truth
from pellucid.evidence._localisation import Localisation, Measure, localisation
from pellucid.evidence._nulls import (
    Null,
    agreement,
    agreement_interval,
    joint,
    placement,
    specificity,
    training,
)
from pellucid.evidence._responses import Responses, responses
from pellucid.evidence._survey import MethodEvidence, Pair, Survey, survey
from pellucid.evidence._unit_matters import unit_matters

__all__ = [
    "Bank",
    "GroundTruth",
    "Localisation",
    "Measure",
    "Bench",
    "MethodEvidence",
    "Null",
    "Pair",
    "Responses",
    "Survey",
    "TruthRow",
    "agreement",
    "agreement_interval",
    "bank",
    "benches",
    "cards",
    "ground_truth",
    "joint",
    "localisation",
    "placement",
    "responses",
    "specificity",
    "survey",
    "training",
    "unit_matters",
]
