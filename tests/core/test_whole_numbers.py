"""Whole numbers beside floating inputs: methods that only need scores take both, slopes are refused."""

import pytest
import torch
from torch import nn

from pellucid import Batch
from pellucid import attribution as a
from pellucid.errors import InputError

BY_SCORES = ("occlusion", "feature_ablation", "kernel_shap", "shapley_sampling", "exact_shapley",
             "odd_regression", "lime")  # fmt: skip


class Both(nn.Module):
    """Columns and the numbers of two categories; ``rounds`` takes these as floating numbers too."""

    def __init__(self, rounds=False):
        super().__init__()
        self.rounds = rounds
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.table, self.layer = nn.Embedding(5, 3), nn.Linear(3 + 6, 2)

    def forward(self, x, ids):
        assert ids.dtype == (x.dtype if self.rounds else torch.int64)
        return self.layer(torch.cat([x, self.table(ids.long()).flatten(1)], 1)).tanh()


X = torch.linspace(-1, 1, 12).view(4, 3)
IDS = torch.tensor([[1, 4], [0, 2], [3, 3], [2, 1]])


@pytest.mark.parametrize("name", BY_SCORES)
def test_scores_are_those_of_a_network_that_takes_floating_numbers(name):
    method = getattr(a, name)
    found = method(Both(), Batch({"x": X, "ids": IDS}), 1, baseline={"x": 0.5, "ids": 2})
    same = method(Both(rounds=True), Batch({"x": X, "ids": IDS.float()}), 1, baseline={"x": 0.5, "ids": 2})
    for part in ("x", "ids"):
        assert torch.equal(found.values[part], same.values[part])
    assert found.values["ids"].abs().max() > 0
    assert torch.equal(found.inputs["ids"], IDS)


@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "lrp", "smoothgrad", "deep_lift"])
def test_slopes_are_refused_with_what_to_do(name):
    with pytest.raises(InputError, match=r"torch.int64.*at='table'.*kernel_shap.*name 'ids' in held="):
        getattr(a, name)(Both(), Batch({"x": X, "ids": IDS}), 1)
    held = getattr(a, name)(Both(), Batch({"x": X}, held={"ids": IDS}), 1)
    assert held.values["x"].shape == X.shape


def test_slopes_at_the_table_are_those_where_the_numbers_are_held():
    found = a.saliency(Both(), Batch({"x": X, "ids": IDS}), 1, at="table")
    held = a.saliency(Both(), Batch({"x": X}, held={"ids": IDS}), 1, at="table")
    assert torch.equal(found.values, held.values)


def test_two_inputs_of_whole_numbers_keep_their_types():
    class Two(nn.Module):
        def forward(self, near, far):
            assert (near.dtype, far.dtype) == (torch.int32, torch.int64)
            return (near + 2 * far).double()

    found = a.occlusion(Two(), Batch({"near": IDS.int(), "far": IDS}), 0)
    assert found.values["near"].tolist() == [[1, 0], [0, 0], [3, 0], [2, 0]]
    assert found.values["far"].tolist() == [[2, 0], [0, 0], [6, 0], [4, 0]]


def test_numbers_that_are_not_whole_are_never_cut():
    with pytest.raises(InputError, match="'ids' takes whole numbers"):
        a.occlusion(Both(), Batch({"x": X, "ids": IDS}), 1, baseline={"x": 0.0, "ids": 1.5})
    large = Batch({"x": X, "ids": IDS + 2**24})
    with pytest.raises(InputError, match=r"'ids' holds whole numbers .* cannot tell apart"):
        a.occlusion(Both(), large, 1)
