"""Real data that come with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid._core import Dataset, split
from pellucid.data._build import Reading, build
from pellucid.data._fit import Meaning
from pellucid.data._raw import Cell, RawTable
from pellucid.inputs import ImageSpec

LENGTH, AREA, GREY = "units", "units²", "grey levels"


def digits(*, seed: int = 0) -> Dataset:
    """1,797 scanned digits of 8×8 pixels, scaled to 0..1; white ink on black.

    Returns:
        Pictures ``[1797, 1, 8, 8]`` of ten classes.

    Source:
        Alpaydin and Kaynak 1998, UCI "Optical Recognition of Handwritten Digits" (its test part), through
        scikit-learn.

    Example:
        >>> digits().inputs.shape
        torch.Size([1797, 1, 8, 8])
    """
    from sklearn.datasets import load_digits

    bunch = cast("Any", load_digits())
    answers = torch.tensor(bunch.target)
    return Dataset(
        "digits",
        torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16,
        answers,
        ImageSpec(1, (8, 8), channel_names=("ink",)),
        tuple("0123456789"),
        split(answers, classes=True, seed=seed),
        answer="digit",
        source="scikit-learn load_digits (UCI Optical Recognition of Handwritten Digits, CC BY 4.0)",
    )


def breast_cancer(*, seed: int = 0) -> Dataset:
    """569 fine needle aspirates of breast masses: 30 measures of cell nuclei, malignant or benign.

    Ten measures of each nucleus, as mean, standard error and worst (mean of the three largest) per picture.

    Returns:
        30 standardised columns; classes malignant and benign.

    Limits:
        The documentation names no unit: lengths and areas are in units of the digitised picture, not in µm.
        Columns that measure size say nearly the same (mean radius and perimeter correlate at 0.998).

    Source:
        Street, Wolberg and Mangasarian 1993, UCI "Breast Cancer Wisconsin (Diagnostic)", through
        scikit-learn.

    Example:
        >>> data = breast_cancer()
        >>> data.spec.describe(data.inputs[0])[0]
        ('mean radius', '17.99 units')
    """
    from sklearn.datasets import load_breast_cancer

    bunch = cast("Any", load_breast_cancer())
    names = [str(name).replace(" error", " standard error") for name in bunch.feature_names]
    kinds = {"radius": LENGTH, "perimeter": LENGTH, "area": AREA, "texture": GREY}
    units = {name: unit for name in names for word, unit in kinds.items() if word in name}
    answers = [str(bunch.target_names[k]) for k in bunch.target]
    return _table(
        RawTable(
            "breast cancer",
            _columns(names, bunch.data, "diagnosis", answers),
            source="scikit-learn load_breast_cancer (UCI Breast Cancer Wisconsin Diagnostic, CC BY 4.0)",
            notes=(
                "The documentation names no unit: lengths are in units of the digitised picture, not in µm.",
            ),
        ),
        "diagnosis",
        Meaning(units, (), {}, {"diagnosis": ("malignant", "benign")}, "mean"),
        seed,
    )


def wine(*, seed: int = 0) -> Dataset:
    """178 Italian wines of three cultivators: 13 chemical measures.

    Returns:
        13 standardised columns; classes cultivar 1, 2 and 3.

    Limits:
        The documentation names no units.

    Source:
        Forina et al. 1991, UCI "Wine", through scikit-learn.

    Example:
        >>> wine().classes
        ('cultivar 1', 'cultivar 2', 'cultivar 3')
    """
    from sklearn.datasets import load_wine

    bunch = cast("Any", load_wine())
    names = [str(name).replace("_", " ") for name in bunch.feature_names]
    names = [name.replace("od280/od315 of diluted wines", "OD280/OD315 of diluted wine") for name in names]
    answers = [f"cultivar {k + 1}" for k in bunch.target]
    return _table(
        RawTable(
            "wine",
            _columns(names, bunch.data, "cultivar", answers),
            source="scikit-learn load_wine (UCI Wine, CC BY 4.0)",
            notes=("The documentation names no units.",),
        ),
        "cultivar",
        Meaning({}, (), {}, {}, "mean"),
        seed,
    )


def diabetes(*, seed: int = 0) -> Dataset:
    """442 diabetes patients: age, sex, body measures and six blood values; disease progression after a year.

    Returns:
        Regression; 9 standardised numbers and sex as a category. Values are the raw ones, not the scaled ones
        that scikit-learn gives by default.

    Limits:
        The documentation names the unit of age only; the others follow from the size of the values. It does
        not say which sex 1 and 2 are.

    Source:
        Efron, Hastie, Johnstone and Tibshirani 2004, "Least Angle Regression", through scikit-learn.

    Example:
        >>> data = diabetes()
        >>> data.spec.text(data.inputs[0])[:38]
        'age = 59 years, sex = 2, body mass ind'
    """
    from sklearn.datasets import load_diabetes

    bunch = cast("Any", load_diabetes(scaled=False))
    units = {
        "age": "years",
        "sex": "",
        "body mass index": "kg/m²",
        "mean blood pressure": "mmHg",
        "total cholesterol": "mg/dL",
        "LDL cholesterol": "mg/dL",
        "HDL cholesterol": "mg/dL",
        "total / HDL cholesterol": "",
        "log triglycerides": "",
        "blood sugar": "mg/dL",
    }
    answer = "disease progression after one year"
    return _table(
        RawTable(
            "diabetes",
            _columns(list(units), bunch.data, answer, bunch.target.tolist()),
            source="scikit-learn load_diabetes (Efron et al. 2004)",
            notes=("Only the unit of age is documented; the others follow from the size of the values.",),
        ),
        answer,
        Meaning(units, ("age", "sex"), {}, {}, "mean"),
        seed,
        categories=("sex",),
    )


def _columns(
    names: list[str], values: NDArray[np.float64], answer: str, answers: Sequence[Cell]
) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = dict(zip(names, values.T.tolist(), strict=True))
    return {**found, answer: list(answers)}


def _table(
    raw: RawTable, target: str, meaning: Meaning, seed: int, *, categories: tuple[str, ...] = ()
) -> Dataset:
    types = {name: "category" if name in categories else "number" for name in raw.columns if name != target}
    task = "regression" if isinstance(raw.columns[target][0], float) else "classification"
    return build(raw, target, Reading(meaning, cast("Any", types), task, None, seed))
