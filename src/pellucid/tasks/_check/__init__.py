"""``check``: expectations on a network, one kind a file, judged on intervals."""

from pellucid.tasks._check._accuracy import Accuracy
from pellucid.tasks._check._approved import Approved, approve, approved_run
from pellucid.tasks._check._attribution_share import AttributionShare
from pellucid.tasks._check._auc import Auc
from pellucid.tasks._check._calibration import Calibration
from pellucid.tasks._check._check import check, examination
from pellucid.tasks._check._dead_units import DeadUnits
from pellucid.tasks._check._evidence_share import EvidenceShare
from pellucid.tasks._check._examined import Examined
from pellucid.tasks._check._expectation import Expectation
from pellucid.tasks._check._kinds import KINDS
from pellucid.tasks._check._monotone import Monotone
from pellucid.tasks._check._no_shortcut import NoShortcut
from pellucid.tasks._check._no_worse import NoWorse
from pellucid.tasks._check._opened import as_told, beside, opened
from pellucid.tasks._check._outcome import Bound, Checked, CheckedRow, Line, Outcome
from pellucid.tasks._check._part import Part
from pellucid.tasks._check._read import Expectations, expectations_of, read_expectations
from pellucid.tasks._check._regression import PredictionError, RSquared
from pellucid.tasks._check._reliability import Reliability
from pellucid.tasks._check._stability import Stability
from pellucid.tasks._check._surrogate import SurrogateFidelity
from pellucid.tasks._check._swap import Swap

__all__ = [
    "KINDS",
    "Accuracy",
    "Approved",
    "AttributionShare",
    "Auc",
    "Bound",
    "Calibration",
    "Checked",
    "CheckedRow",
    "DeadUnits",
    "EvidenceShare",
    "Examined",
    "Expectation",
    "Expectations",
    "Line",
    "Monotone",
    "NoShortcut",
    "NoWorse",
    "Outcome",
    "Part",
    "PredictionError",
    "RSquared",
    "Reliability",
    "Stability",
    "SurrogateFidelity",
    "Swap",
    "approve",
    "approved_run",
    "as_told",
    "beside",
    "check",
    "examination",
    "expectations_of",
    "opened",
    "read_expectations",
]
