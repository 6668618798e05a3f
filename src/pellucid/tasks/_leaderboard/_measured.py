"""One method on one case: which maps, how well they find the truth, and what they cost."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Compute, log_odds
from pellucid.errors import MethodError, PellucidError
from pellucid.evidence._case import fitted, out_of_reach
from pellucid.evidence._fill import absent
from pellucid.evidence._free import free_maps
from pellucid.evidence._ground_truth import CENTRE, centre
from pellucid.evidence._leaderboard import Source
from pellucid.evidence._localisation import localisation
from pellucid.evidence._statistics import standardised
from pellucid.tasks._explain import Method
from pellucid.tasks._leaderboard._captum import captum_methods
from pellucid.tasks._leaderboard._case import Case, in_cells, place_of
from pellucid.tasks._leaderboard._given import given_of
from pellucid.tasks._leaderboard._scored import Scored
from pellucid.tasks._leaderboard._shap import shap_methods

CHANCE, LABELS = "chance", "label correlation"
MASS, PRECISION, AUC = 0, 3, 2  # columns of localisation's rows
Mapped = tuple[Tensor, int, int]  # maps, and network rows for all of them, forward and backward


@dataclass(frozen=True, slots=True)
class Entrant:
    """A method with its origin; ``maps`` explains a case, and gives what it cost."""

    name: str
    source: Source
    maps: Callable[[Case], Mapped]


def entrants(case: Case, ours: Mapping[str, Method], peers: bool, how: Compute) -> list[Entrant]:
    """All that take part on such inputs: our methods, those of other libraries, and what knows no network."""
    found = [Entrant(name, "pellucid", _of_ours(method, how)) for name, method in ours.items()]
    if peers:
        one = given_of(case.rows(torch.tensor([0])))
        found += [Entrant(n, "captum", _of_peer(f, how)) for n, f in captum_methods(one).items()]
        found += [Entrant(n, "shap", _of_peer(f, how)) for n, f in shap_methods(one).items()]
    return found + [Entrant(name, "no network", _of_free(name)) for name in _free(case)]


def rows_of(case: Case, maps: Tensor) -> Tensor:
    """Mass, rank accuracy and AUC of each map: ``[n, 3]``."""
    cells = in_cells(fitted(maps.detach(), case.x).double())
    found = localisation(cells, place_of(case.truth)).rows
    return found[:, [MASS, PRECISION, AUC]].float()


def affordable(case: Case, entrant: Entrant, budget: int) -> tuple[int, int]:
    """How many inputs a method can explain for so many network rows, and the rows for one."""
    if entrant.source == "no network":
        return len(case.x), 0
    _, forward, backward = entrant.maps(case.rows(torch.tensor([0])))
    cost = forward + 2 * backward
    return min(len(case.x), budget // max(1, cost)), cost


def spread(case: Case, count: int) -> Case:
    """So many inputs, spread evenly over all."""
    return case.rows(torch.linspace(0, len(case.x) - 1, count).round().long())


def _of_ours(method: Method, how: Compute) -> Callable[[Case], Mapped]:
    def maps(case: Case) -> Mapped:
        why = method(case.model, case.x, log_odds(case.classes), spec=case.spec, compute=how)
        hidden = out_of_reach(why)
        if hidden:
            raise MethodError(f"{hidden[:1].upper()}{hidden[1:]}.")
        return why.map, why.provenance.forward, why.provenance.backward

    return maps


def _of_peer(mapper: Callable[..., Tensor], how: Compute) -> Callable[[Case], Mapped]:
    def maps(case: Case) -> Mapped:
        net = Scored(case.model)
        with _alone(how.seed):
            try:
                values = mapper(net, given_of(case))
            except PellucidError:
                raise
            except Exception as error:  # whatever another library raises, the others go on
                words = " ".join(str(error).split())[:200]
                raise MethodError(f"{type(error).__name__}: {words or 'it gave no reason'}") from error
        if not bool(values.isfinite().all()):
            raise MethodError("Its values are not finite.")
        return values, net.rows, net.slopes

    return maps


@contextmanager
def _alone(seed: int) -> Generator[None]:
    """Random numbers of torch and numpy from a seed, afterwards as they were; no warnings."""
    state = np.random.get_state()
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(state)


def _of_free(name: str) -> Callable[[Case], Mapped]:
    return lambda case: (_free(case)[name], 0, 0)


def _free(case: Case) -> dict[str, Tensor]:
    """Maps made without the network."""
    x = case.x
    made = {CHANCE: torch.ones_like(x, dtype=torch.float32)}
    made |= free_maps(x, absent(x, case.spec)[0], pictures=x.ndim > 2, known=case.known)
    if x.ndim == 4:
        made[CENTRE] = centre(x)
    made[LABELS] = _label_correlation(case)
    return made


def _label_correlation(case: Case) -> Tensor:
    """How closely elements go along with the answers in training; of tokens, whether a text has them."""
    y = standardised(case.answers.double())
    if case.x.is_floating_point():
        told = standardised(case.known.flatten(1).double().T) @ y
        return told.abs().reshape(1, *case.x.shape[1:]).expand_as(case.x).float()
    used = torch.cat([case.known, case.x]).unique()
    there = torch.stack([(case.known == token).any(1) for token in used]).double()
    told = (standardised(there) @ y).abs().float()
    return told[torch.searchsorted(used, case.x)]
