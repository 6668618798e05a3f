"""The explainers of shap on the same inputs, target and reference as ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.tasks._leaderboard._given import Given
from pellucid.tasks._leaderboard._scored import Scored

Mapper = Callable[[Scored, Given], Tensor]


def shap_methods(given: Given) -> Mapping[str, Mapper]:
    """Explainers of shap that take such inputs, by name; none where shap is not installed."""
    if find_spec("shap") is None:
        return {}
    slopes: Mapping[str, Mapper] = {"shap.GradientExplainer": _gradient, "shap.DeepExplainer": _deep}
    parts: Mapping[str, Mapper] = {"shap.KernelExplainer": _kernel, "shap.PermutationExplainer": _permutation}
    return {**slopes, **parts} if given.x.is_floating_point() else parts


def _shap() -> Any:
    return import_module("shap")


def _gradient(net: Scored, given: Given) -> Tensor:
    found = _shap().GradientExplainer(net, given.background).shap_values(given.x, rseed=0)
    return _of_class(found, given)


def _deep(net: Scored, given: Given) -> Tensor:
    found = _shap().DeepExplainer(net, given.background).shap_values(given.x)
    return _of_class(found, given)


def _of_class(found: NDArray[Any], given: Given) -> Tensor:
    values = torch.as_tensor(np.asarray(found))
    return values[torch.arange(len(values)), ..., given.classes]


def _kernel(net: Scored, given: Given) -> Tensor:
    def explain(f: Callable[[NDArray[Any]], NDArray[Any]], row: NDArray[Any], absent: NDArray[Any]) -> Any:
        return _shap().KernelExplainer(f, absent).shap_values(row, silent=True)

    return _by_row(net, given, explain)


def _permutation(net: Scored, given: Given) -> Tensor:
    def explain(f: Callable[[NDArray[Any]], NDArray[Any]], row: NDArray[Any], absent: NDArray[Any]) -> Any:
        made = _shap().PermutationExplainer(f, absent, seed=0)
        return made(row, max_evals=max(500, 2 * row.shape[1] + 1), silent=True).values

    return _by_row(net, given, explain)


def _by_row(net: Scored, given: Given, explain: Callable[..., Any]) -> Tensor:
    """Each input alone, for its reference and class are its own."""
    rows: list[Tensor] = []
    for x, absent, k in zip(given.x, given.reference, given.classes.tolist(), strict=True):
        # shap takes flat rows of floating numbers, and hands back some of them

        def f(flat: NDArray[Any], like: Tensor = x, k: int = k) -> NDArray[Any]:
            with torch.no_grad():
                z = net(torch.as_tensor(flat).to(like.dtype).reshape(-1, *like.shape))
            return z[:, k].double().numpy()

        flat, gone = (t.flatten()[None].double().numpy() for t in (x, absent))
        rows.append(torch.as_tensor(np.asarray(explain(f, flat, gone))).reshape(x.shape))
    return torch.stack(rows)
