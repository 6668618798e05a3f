"""Every public function of layers and features, with arguments found by their names."""

from __future__ import annotations

import importlib
import inspect

import torch

from models.case import drawn
from pellucid._core import Batch, Compute, Dataset, split
from pellucid.features import Unit
from pellucid.layers import concept_values, exemplars, sparse_autoencoder, unit_values

ROWS = 104
# as little of everything as still goes through every line
SMALL = {
    "steps": 2, "draws": 20, "width": 4, "most": 40, "seeds": 1, "verified": 4, "k": 2, "quantiles": (0.5,),
    "units": None,
}  # fmt: skip
FEW = {
    "edge_attribution": {"most": 2, "draws": 1},
    "attribution_patching": {"draws": 2},
    "linear_probes": {"width": 64},
    "activation_atlas": {"grid": 2, "least": 2, "positions": 1},
}
PATIENT = Compute(batch_size=32)


def public():
    """Functions of both folders by name."""
    found = {}
    for package in ("pellucid.layers", "pellucid.features"):
        module = importlib.import_module(package)
        found |= {n: getattr(module, n) for n in module.__all__ if inspect.isfunction(getattr(module, n))}
    return found


def many(inputs, rows=ROWS):
    """As many rows of the same kind of inputs."""
    if isinstance(inputs, torch.Tensor):
        return _more(inputs, rows)
    varied = {name: _more(part, rows) for name, part in inputs.varied.items()}
    held = {name: part[:1].expand(rows, *part.shape[1:]).clone() for name, part in inputs.held.items()}
    return Batch(varied, held, inputs.shared)


def _more(part, rows):
    if part.is_floating_point():
        made = drawn(*part.shape[1:], seed=1, rows=rows).to(part.dtype)
        return made.contiguous(memory_format=torch.channels_last) if _last(part) else made
    generator = torch.Generator().manual_seed(0)
    return torch.randint(1, int(part.max()) + 1, (rows, *part.shape[1:]), generator=generator)


def _last(part):
    return part.ndim == 4 and not part.is_contiguous()


def some(inputs, index):
    if isinstance(inputs, torch.Tensor):
        return inputs[index]
    held = {name: part[index] for name, part in inputs.held.items()}
    return Batch({name: part[index] for name, part in inputs.varied.items()}, held, inputs.shared)


def before_it(site):
    """What enters the layer of a site; the site itself where that is no one thing."""
    name, number, call = site.partition("#")
    return site if ":" in site or "[" in site else f"{name}:in{number}{call}"


def arguments(name, function, model, inputs, answers, site, compute=PATIENT):
    """What a function needs, by the names of its parameters; ``None`` where one is not known here."""
    before, after = slice(0, ROWS // 2), slice(ROWS // 2, ROWS)
    known = {
        "model": model,
        "inputs": inputs,
        "data": inputs,
        "answers": answers,
        "site": site,
        "sites": [site],
        "source": before_it(site),
        "sink": site,
        "target": 0,
        "clean": some(inputs, before),
        "corrupt": some(inputs, after),
        "sets": {"some": some(inputs, before)},
        "random": some(inputs, after),
        "compute": compute,
        **SMALL,
        **FEW.get(name, {}),
    }
    if isinstance(inputs, torch.Tensor) and inputs.ndim == 4:
        known["masks"] = {"top": torch.ones(inputs[:, 0].shape, dtype=torch.bool).triu()}
    if name in ("accentuation", "caricature"):
        known |= {"inputs": some(inputs, slice(0, 1)), "objectives": [Unit(0)]}
    if name == "traced_example":
        known |= {"example": some(inputs, slice(0, 1)), "width": 1}
    if name in ("element_exemplars", "with_elements"):
        known["made"] = sparse_autoencoder(model, inputs, site, width=4, k=2, steps=1, shuffled_control=False)
    if name == "areas_by_class":
        known |= {"found": unit_values(model, inputs, site), "unit": 0}
    if name == "exemplar_maps":
        known["found"] = exemplars(model, inputs, site, k=2)
    if name == "concept_exemplars":
        shown = {"some": some(inputs, before)}
        known["found"] = concept_values(model, inputs, shown, site, random=some(inputs, after))
        known["concepts"] = [0]
    if name == "nearest_inputs":
        if not isinstance(inputs, torch.Tensor):
            return None
        known["data"] = Dataset("drawn", inputs, answers, None, ("no", "yes"), split(answers, classes=True))
        known["inputs"] = some(inputs, slice(0, 2))
    if name == "early_exit":
        del known["sites"]
    wanted = inspect.signature(function).parameters
    lacking = [n for n, p in wanted.items() if p.default is p.empty and n not in known]
    if lacking:
        return None
    return {n: known[n] for n in wanted if n in known}
