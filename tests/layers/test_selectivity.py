"""The area under the curve against scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from pellucid._core import Compute
from pellucid.errors import InputError
from pellucid.layers import selectivity


def test_the_area_is_that_of_scikit_learn_ties_included() -> None:
    generator = torch.Generator().manual_seed(0)
    answers = torch.randint(0, 3, (120,), generator=generator)
    x = (torch.randn(120, 4, generator=generator) + answers[:, None] * 0.7).round(decimals=1)
    found = selectivity(nn.Identity(), x, answers, ".", compute=Compute(16))
    for unit in range(4):
        areas = [float(roc_auc_score((answers == c).numpy(), x[:, unit].numpy())) for c in range(3)]
        assert float(found.auc[unit]) == pytest.approx(max(areas), abs=1e-9)
        assert int(found.classes[unit]) == areas.index(max(areas))
        assert found.low[unit] < found.auc[unit] < found.high[unit]


def test_answers_that_do_not_fit_are_refused() -> None:
    x = torch.zeros(4, 2)
    with pytest.raises(InputError, match="two classes"):
        selectivity(nn.Identity(), x, torch.zeros(4, dtype=torch.int64), ".")
    with pytest.raises(InputError, match=r"int64 \[4\]"):
        selectivity(nn.Identity(), x, torch.zeros(3, dtype=torch.int64), ".")
