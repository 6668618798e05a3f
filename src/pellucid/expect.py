"""Expectations on a network, as values: what :func:`pellucid.check` judges.

The same are written in TOML, each under its ``kind``; ``docs/check.md`` lists both::

    from pellucid import check, expect
    found = check(subject, [expect.Accuracy(0.7), expect.Swap("sex", at_most=0.01)])
    assert found.passed, found
"""

from pellucid.tasks._check import (
    Accuracy,
    AttributionShare,
    Auc,
    Bound,
    Calibration,
    Checked,
    CheckedRow,
    DeadUnits,
    EvidenceShare,
    Expectation,
    Expectations,
    Line,
    Monotone,
    NoShortcut,
    NoWorse,
    Outcome,
    Part,
    PredictionError,
    RSquared,
    Stability,
    SurrogateFidelity,
    Swap,
    approve,
    read_expectations,
)

__all__ = [
    "Accuracy",
    "AttributionShare",
    "Auc",
    "Bound",
    "Calibration",
    "Checked",
    "CheckedRow",
    "DeadUnits",
    "EvidenceShare",
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
    "Stability",
    "SurrogateFidelity",
    "Swap",
    "approve",
    "read_expectations",
]
