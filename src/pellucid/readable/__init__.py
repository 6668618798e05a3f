"""Estimators in scikit-learn's manner around the networks that are readable by design."""

from pellucid.readable._encoding import Said, encode, fit_spec
from pellucid.readable._estimator import ReadableClassifier, ReadableEstimator, ReadableRegressor
from pellucid.readable._path import Budget, rule_path
from pellucid.readable._printed import conditions_of, written_out
from pellucid.readable._rounds import train_readable
from pellucid.readable._rows import RawRows, array_rows, named_rows
from pellucid.readable._rules import RuleClassifier

__all__ = [
    "Budget",
    "RawRows",
    "ReadableClassifier",
    "ReadableEstimator",
    "ReadableRegressor",
    "RuleClassifier",
    "Said",
    "array_rows",
    "conditions_of",
    "encode",
    "fit_spec",
    "named_rows",
    "rule_path",
    "train_readable",
    "written_out",
]
