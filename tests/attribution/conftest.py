"""The peers that referee us; a test that asks for one is skipped where it is not installed."""

import importlib
import sys
import types
import warnings

import pytest


@pytest.fixture
def peers_warn():
    """What peers warn of (hooks they set, modules that python has deprecated) is theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def captum(peers_warn):
    return pytest.importorskip("captum.attr", reason="the referee captum is not installed (extra: peers)")


@pytest.fixture
def shap(peers_warn):
    return pytest.importorskip("shap", reason="the referee shap is not installed (extra: peers)")


@pytest.fixture
def zennit(monkeypatch, peers_warn):
    """zennit asks torchvision for two classes at import; an empty stand-in has them."""
    if importlib.util.find_spec("zennit") is None:
        pytest.skip("the referee zennit is not installed (extra: peers)")
    if importlib.util.find_spec("torchvision") is None:
        for name in ("torchvision", "torchvision.models", "torchvision.models.resnet"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        resnet = sys.modules["torchvision.models.resnet"]
        resnet.Bottleneck, resnet.BasicBlock = type("Bottleneck", (), {}), type("BasicBlock", (), {})
    return importlib.import_module("zennit")


@pytest.fixture
def shapiq(peers_warn):
    return pytest.importorskip("shapiq", reason="the referee shapiq is not installed (extra: peers)")
