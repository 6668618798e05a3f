"""Where ``torch.set_default_dtype(torch.float64)`` is set, as numerical people do: the same numbers."""

from contextlib import contextmanager

import pytest
import torch

import zoo
from pellucid import attribution
from pellucid._core import Compute
from pellucid.features import activation_maximization
from pellucid.layers import sparse_autoencoder

CALLS = {
    "xrai": lambda model, x: attribution.xrai(model, x, 1, steps=6).values,
    "lime": lambda model, x: attribution.lime(model, x, 1, budget=200).values,
    **{
        kind: lambda model, x, kind=kind: (
            sparse_autoencoder(
                model, x.repeat(20, 1, 1, 1), "relu2", kind=kind, steps=3, shuffled_control=False
            ).decoder
        )
        for kind in ("topk", "batchtopk", "jumprelu")
    },
    "features": lambda model, x: (
        activation_maximization(
            model, "conv2", data=x.repeat(5, 1, 1, 1), units=[0], steps=2, compute=Compute(64)
        ).pictures
    ),
}


@contextmanager
def double_as_default():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_default_type_changes_nothing(name, dtype):
    model, x = zoo.reference().to(dtype), zoo.inputs(3).to(dtype)
    wanted = CALLS[name](model, x)
    with double_as_default():
        found = CALLS[name](model, x)
    assert found.dtype == wanted.dtype
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
