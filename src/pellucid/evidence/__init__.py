"""Tests of explanations, each with its control: how far a map can be believed.

:func:`cards` tests an explanation row by row, :func:`survey` compares methods over a data set. Both rest on
one measurement, :func:`responses`: what the network does when random quarters of an input are taken away.
"""

from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._bench import Bench, benches
from pellucid.evidence._cards import cards
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

__all__ = [
    "Bank",
    "Bench",
    "MethodEvidence",
    "Null",
    "Pair",
    "Responses",
    "Survey",
    "agreement",
    "agreement_interval",
    "bank",
    "benches",
    "cards",
    "joint",
    "placement",
    "responses",
    "specificity",
    "survey",
    "training",
]
