"""Parameter randomisation and random logit: does the map notice another network, or another class?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Json, Target, TargetLike, predict, untrained
from pellucid._core._copied import copied
from pellucid.errors import InputError, MethodError, near_misses
from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._case import Method, fitted
from pellucid.evidence._fill import absent
from pellucid.evidence._free import free_maps
from pellucid.evidence._ground_truth import NOISE
from pellucid.evidence._ground_truth import noise as random
from pellucid.evidence._matters import constants
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._trial import FLAT
from pellucid.evidence._scalar import Scalar, of_target, settled

Order = Literal["top_down", "bottom_up", "each"]
ORDERS: tuple[Order, ...] = ("top_down", "bottom_up", "each")


def mprt(
    model: nn.Module,
    inputs: Tensor,
    method: Method,
    target: TargetLike | None = None,
    *,
    order: Order = "top_down",
    layers: Sequence[str] | None = None,
    noises: int = 0,
    spread: float = 0.1,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Model parameter randomisation test: likeness of the map to those of a network undone layer by layer.

    ``mean over layers of rho(a(theta), a(theta with the layers up to this one drawn anew))``, rank
    correlation over the parts; low is good. The map of the unchanged network, which is like itself, does not
    count. With ``noises`` above 0 the smooth test: each map is the mean over so many inputs under normal
    noise, which keeps a noisy map from looking sensitive.

    Args:
        model: any network; a copy is changed, never this one.
        inputs: ``[N, *shape]``.
        method: ``(model, inputs, target, *, spec, compute) -> Explanation``.
        target: what is explained; left out, the log-odds of each row's top class of the unchanged network.
        order: ``"top_down"`` from the last layer on, cumulatively, ``"bottom_up"`` from the first,
            ``"each"`` one layer at a time.
        layers: names of modules with parameters, in the order of the network; left out, all.
        noises: inputs that each map is averaged over; 0 is the plain test.
        spread: standard deviation of that noise, in those of the inputs.
        spec: what the inputs mean.
        compute: how to run; the seed draws the new parameters.

    Returns:
        A :class:`Metric`, from -1 to 1, with the curve over the layers, beside model-free maps, which stay 1.

    Raises:
        InputError: for layers that do not exist, or noise on token numbers.
        MethodError: where the network cannot be copied or has no parameters.

    Cost:
        ``1 + layers`` maps per input, times ``noises`` in the smooth test.

    Limits:
        Never rank methods by it: noise is unlike everything. Randomised from the top, some likeness is
        legitimate, since lower layers still pass their signals (Binder 2023). As a test with a p-value see
        :func:`training`.

    Source:
        Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv 1810.03292; Hedström et al. 2024, A Fresh
        Look at Sanity Checks for Saliency Maps, arXiv 2405.02383 (smooth).

    Example:
        >>> from pellucid.attribution import saliency
        >>> net = nn.Sequential(nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 2))
        >>> mprt(net, torch.randn(4, 9), saliency, 0).curve.shape
        torch.Size([4, 2])
    """
    if order not in ORDERS:
        raise InputError(f"No order is called {order!r}. {near_misses(order, ORDERS)}")
    case = _Repeated(model, inputs, method, target, spec, compute, noises, spread)
    names = _layers(model, layers)
    own = case.units(model)
    likeness = list[Tensor]()
    for changed in _undone(model, names, order, case.how.seed, inputs):
        likeness.append(case.drawn.alike(case.units(changed), own))
    curve = torch.stack(likeness, 1)
    settings: dict[str, Json] = {
        "order": order,
        "curve along": list(_ordered(names, order)),
        "noises": noises,
    }
    return metric(
        "smooth MPRT" if noises else "MPRT",
        "rank correlation of the map with those of the network undone layer by layer",
        curve.mean(1),
        better="low",
        limits=(-1.0, 1.0),
        beside=case.controls(),
        left_out=case.flat(own),
        rows=case.spent / len(inputs),
        seed=case.how.seed,
        settings=settings | {"target": case.what.target.label},
        curve=curve,
    )


def efficient_mprt(
    model: nn.Module,
    inputs: Tensor,
    method: Method,
    target: TargetLike | None = None,
    *,
    bins: int = 100,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Relative rise of the map's complexity when all parameters are drawn anew; above 0 is good.

    ``(H(a') - H(a)) / H(a)`` with H the entropy of the histogram of the map's values in ``bins`` bins.
    Arguments and errors are those of :func:`mprt`.

    Returns:
        A :class:`Metric`, from -1, beside model-free maps, which stay 0.

    Raises:
        MethodError: where the network cannot be copied.

    Cost:
        2 maps per input.

    Limits:
        A map can grow complex for reasons that have nothing to do with what was learned, and an untrained
        network can have simple slopes: one draw and one number.

    Source:
        Hedström et al. 2024, A Fresh Look at Sanity Checks for Saliency Maps, arXiv 2405.02383 (efficient).

    Example:
        >>> from pellucid.attribution import saliency
        >>> efficient_mprt(nn.Linear(9, 2), torch.randn(4, 9), saliency, 0).better
        'high'
    """
    case = _Repeated(model, inputs, method, target, spec, compute, 0, 0.0)
    before = case.maps(model)
    after = case.maps(untrained(model, seed=case.how.seed, calibrate=inputs))
    first, second = (histogram_entropy(one.flatten(1), bins) for one in (before, after))
    return metric(
        "efficient MPRT",
        "relative rise of the entropy of the map's values when all parameters are drawn anew",
        (second - first) / first,
        better="high",
        limits=(-1.0, math.inf),
        beside={name: torch.zeros(len(inputs)) for name in case.free()},
        left_out={FLAT: first == 0},
        rows=case.spent / len(inputs),
        seed=case.how.seed,
        settings={"bins": bins, "target": case.what.target.label},
    )


def random_logit(
    model: nn.Module,
    inputs: Tensor,
    method: Method,
    target: TargetLike | None = None,
    *,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Likeness of the map to that of another class, drawn at random; low is good.

    ``rho(a for class c, a for class c')``, rank correlation over the parts. The other class is as many
    numbers further on for every row.

    Args:
        model: any network with several classes.
        inputs: ``[N, *shape]``.
        method: ``(model, inputs, target, *, spec, compute) -> Explanation``.
        target: a class for each row or for all, or log-odds, logits, probabilities of it; left out, the
            log-odds of each row's top class.
        spec: what the inputs mean.
        compute: how to run; the seed draws the other class.

    Returns:
        A :class:`Metric`, from -1 to 1, beside model-free maps, which stay 1.

    Raises:
        InputError: where what is explained is not one class among several.

    Cost:
        2 maps per input.

    Limits:
        Two classes may rightly share evidence. Log-odds of one class of two are the opposite of the other's:
        then the number is -1 whatever the method is worth.

    Source:
        Sixt et al. 2020, When Explanations Lie, arXiv 1912.09818 (there with SSIM, which needs a range of
        values that nobody states).

    Example:
        >>> from pellucid.attribution import saliency
        >>> random_logit(nn.Linear(9, 3), torch.randn(4, 9), saliency, 0).beside["|x - b|"].tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    case = _Repeated(model, inputs, method, target, spec, compute, 0, 0.0)
    outputs = predict(model, inputs, output=case.what.target.output, spec=spec, compute=case.how)
    if case.what.of is None or case.what.classes is None or outputs.ndim != 2 or outputs.shape[1] < 2:
        raise InputError(
            "The random logit test asks for another class; this target is not one among several."
        )
    count = outputs.shape[1]
    generator = torch.Generator().manual_seed(case.how.seed * 1_000_003 + 122_949_823)
    step = 1 + int(torch.randint(count - 1, (), generator=generator))
    own = case.units(model)
    other = case.units(model, case.what.of((case.what.classes.cpu() + step) % count))
    return metric(
        "random logit",
        "rank correlation of the map with that of another class",
        case.drawn.alike(own, other),
        better="low",
        limits=(-1.0, 1.0),
        beside=case.controls(),
        left_out=case.flat(own),
        rows=case.spent / len(inputs) + 1,
        seed=case.how.seed,
        settings={"target": case.what.target.label, "classes further on": step},
    )


def histogram_entropy(values: Tensor, bins: int) -> Tensor:
    """Entropy in nats of the histogram of each row's values ``[N, P]`` between its least and greatest."""
    low, high = values.aminmax(dim=1, keepdim=True)
    place = ((values - low) / (high - low).clamp(min=torch.finfo(values.dtype).tiny) * bins).long()
    counts = torch.zeros(len(values), bins, dtype=torch.float64, device=values.device)
    counts.scatter_add_(1, place.clamp(0, bins - 1), torch.ones_like(values, dtype=torch.float64))
    return torch.special.entr(counts / values.shape[1]).sum(1)


class _Repeated:
    """The same method asked again, of other networks and classes, with what it cost."""

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        method: Method,
        target: TargetLike | None,
        spec: InputSpec | None,
        compute: Compute | None,
        noises: int,
        spread: float,
    ) -> None:
        self.how = compute or Compute(batch_size=256)
        if noises and not inputs.is_floating_point():
            raise InputError("Noise is added to numbers, not to words: leave noises= away.")
        self.inputs, self.method, self.spec = inputs, method, spec
        self.what: Scalar = of_target(settled(model, inputs, target, spec, self.how), len(inputs))
        self.drawn: Bank = bank(inputs, spec, masks=2, seed=self.how.seed)
        self.spent = 0
        generator = torch.Generator().manual_seed(self.how.seed * 1_000_003 + 141_650_939)
        draws = [torch.randn(inputs.shape[1:], generator=generator) for _ in range(noises)]
        size = spread * inputs.std() if noises else torch.zeros(())
        self._near = torch.cat([inputs + size * one.to(inputs) for one in draws]) if noises else inputs

    def maps(self, model: nn.Module, target: Target | None = None) -> Tensor:
        """Maps ``[N, *shape]``, averaged over the noise."""
        rounds = len(self._near) // len(self.inputs)
        asked = target or (self.what.target if rounds == 1 else self.what.repeated())
        made = self.method(model, self._near, asked, spec=self.spec, compute=self.how)
        self.spent += made.provenance.forward + made.provenance.backward
        return fitted(made.map.detach(), self._near).unflatten(0, (rounds, -1)).mean(0)

    def units(self, model: nn.Module, target: Target | None = None) -> Tensor:
        """Maps over the parts ``[N, U]``."""
        return self.drawn.reduce(self.maps(model, target))

    def free(self) -> dict[str, Tensor]:
        """Maps made from the input alone."""
        start = absent(self.inputs, self.spec)[0]
        return free_maps(self.inputs, start, pictures=self.drawn.grid is not None, known=self.inputs)

    def controls(self) -> dict[str, Tensor]:
        """Likeness of maps that know no network: to themselves, and of one random map to another."""
        ends = [random(self.inputs, seed=self.how.seed + k) for k in range(2)]
        chance = self.drawn.alike(*(self.drawn.reduce(one) for one in ends))
        return {NOISE: chance} | {name: torch.ones(len(self.inputs)) for name in self.free()}

    def flat(self, units: Tensor) -> dict[str, Tensor]:
        """Rows whose map says nothing."""
        return {FLAT: torch.tensor([bool(why) for why in constants(units)])}


def _layers(model: nn.Module, wanted: Sequence[str] | None) -> list[str]:
    known = [name for name, module in model.named_modules() if list(module.parameters(recurse=False))]
    if not known:
        raise MethodError("This network has no parameters, so nothing of it can be drawn anew.")
    for name in wanted or ():
        if name not in known:
            raise InputError(f"No layer with parameters is called {name!r}. {near_misses(name, known)}")
    return known if wanted is None else [name for name in known if name in wanted]


def _ordered(names: Sequence[str], order: Order) -> Sequence[str]:
    return list(reversed(names)) if order == "top_down" else list(names)


def _undone(
    model: nn.Module, names: Sequence[str], order: Order, seed: int, calibrate: Tensor
) -> Iterator[nn.Module]:
    """Copies of the network with more and more layers, or one at a time, as in an untrained copy."""
    twin = untrained(model, seed=seed, calibrate=calibrate if calibrate.is_floating_point() else None)
    changed = copied(model)
    for name in _ordered(names, order):
        if order == "each":
            changed = copied(model)
        fresh, place = twin.get_submodule(name), changed.get_submodule(name)
        with torch.no_grad():
            for old, new in zip(_own(place), _own(fresh), strict=True):
                old.copy_(new)
        yield changed


def _own(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(recurse=False), *module.buffers(recurse=False)]
