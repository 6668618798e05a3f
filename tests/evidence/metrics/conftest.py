"""Referees: Quantus and captum, where they are installed."""

import importlib
import importlib.util
import sys
import warnings

import pytest
import torch
from torch import nn


@pytest.fixture(scope="session")
def quantus():
    if importlib.util.find_spec("quantus") is None:
        pytest.skip("quantus is not installed: pip install 'pellucid[peers]'")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "zennit" not in sys.modules:
            # quantus imports zennit where it finds it, and that asks for torchvision; no metric needs it
            patch.setitem(sys.modules, "zennit", None)
        return importlib.import_module("quantus")


@pytest.fixture(scope="session")
def captum():
    if importlib.util.find_spec("captum") is None:
        pytest.skip("captum is not installed: pip install 'pellucid[peers]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("captum.metrics")


@pytest.fixture(scope="session")
def pictures():
    """Small pictures, a network that is linear in them, and its exact contributions."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(6, 1, 8, 8, generator=generator)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3, bias=False))
    net[1].weight.data = torch.randn(3, 64, generator=generator) / 4
    classes = torch.tensor([0, 1, 2, 0, 1, 2])
    exact = x * net[1].weight.data[classes].view(6, 1, 8, 8)
    return net.eval(), x, classes, exact
