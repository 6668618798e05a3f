"""One area under the ROC curve for all who ask."""

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from pellucid._core._ranks import areas, ranks
from pellucid.evidence._localisation import areas as of_maps
from pellucid.layers._selectivity import class_areas
from pellucid.readable._certificate import _aucs
from pellucid.readable._path import _auc

VALUES = torch.randint(0, 6, (3, 40), generator=torch.Generator().manual_seed(0)).double()  # with ties
ANSWERS = torch.arange(40) % 3


def test_ranks_and_areas_are_those_of_scipy_and_scikit_learn():
    assert np.array_equal(ranks(VALUES), rankdata(VALUES, axis=1))
    member = torch.stack([c == ANSWERS for c in range(3)])
    wanted = [roc_auc_score(m, v) for m, v in zip(member, VALUES, strict=True)]
    np.testing.assert_allclose(areas(VALUES, member), wanted, rtol=1e-14)


def test_units_shares_and_outputs_have_the_same_areas():
    wanted = np.array([[roc_auc_score(c == ANSWERS, v) for c in range(3)] for v in VALUES])
    assert of_maps is areas
    np.testing.assert_allclose(class_areas(VALUES, ANSWERS, torch.arange(3))[0], wanted, rtol=1e-14)
    assert np.isclose(_auc(ANSWERS.numpy(), VALUES.T.numpy()), wanted.diagonal().mean(), rtol=1e-14)
    two = (ANSWERS > 0).long().numpy()
    assert np.isclose(_aucs(VALUES[:2].T, two)[0], roc_auc_score(two, VALUES[1] - VALUES[0]), rtol=1e-14)
    odds = VALUES.T - torch.stack(
        [VALUES.T[:, [k for k in range(3) if k != c]].logsumexp(1) for c in range(3)], 1
    )
    wanted = [roc_auc_score(c == ANSWERS, odds[:, c]) for c in range(3)]
    np.testing.assert_allclose(_aucs(VALUES.T, ANSWERS.numpy()), wanted, rtol=1e-14)
