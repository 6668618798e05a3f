"""Small networks in awkward states, on which methods are held to their contract."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from pellucid._core import Batch
from pellucid.errors import PellucidError

CLASSES = (0, 2, 1, 1, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """A network, what it is asked, and a hidden layer of it."""

    name: str
    model: nn.Module
    inputs: Tensor
    hidden: str
    target: tuple[int, ...] = CLASSES

    @property
    def last(self) -> nn.Module:
        """The last layer of the network."""
        return list(self.model.children())[-1]


class Two(nn.Module):
    """Takes two inputs that are explained and one that only goes along."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(5, 3)

    def forward(self, numbers: Tensor, flags: Tensor, weight: Tensor) -> Tensor:
        """Scores ``[N, 3]``, scaled row by row."""
        return self.body(torch.cat([numbers.tanh(), flags], 1)) * weight


class Attending(nn.Module):
    """A small network of tokens that attend to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 8)
        self.norm = nn.BatchNorm1d(4)  # over tokens
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Scores ``[N, 3]`` of ``[N, 4, 3]``."""
        x = self.norm(self.embed(x))
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(x.tanh().mean(1))


def sequences() -> Iterator[Specimen]:
    """Tokens, for methods that need attention; as awkward as :func:`specimens`."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        made = Specimen("tokens", Attending().double(), torch.randn(5, 4, 3, dtype=torch.float64), "norm")
        _make_awkward(made.model)
    yield made


def specimens() -> Iterator[Specimen]:
    """In training mode, with dropout, batch norm, an in-place layer, a frozen bias, a gradient and a hook."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        rows = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(), nn.Linear(8, 3))
        maps = nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 3)
        )
        made = [
            Specimen("rows", rows.double(), torch.randn(5, 6, dtype=torch.float64), "1"),
            Specimen("pictures", maps.double(), torch.rand(5, 2, 6, 6, dtype=torch.float64), "1"),
        ]
        for specimen in made:
            _make_awkward(specimen.model)
    yield from made


def _make_awkward(model: nn.Module) -> None:
    first, norm = cast("tuple[nn.Linear, nn.BatchNorm1d]", list(model.children())[:2])
    cast("Tensor", norm.running_var).uniform_(0.5, 1.5)
    first.weight.grad = torch.ones_like(first.weight)
    first.bias.requires_grad_(False)
    first.register_forward_hook(_foreign)
    model.train()


def _foreign(module: nn.Module, args: object, output: object) -> None:
    """A hook of someone else, which must stay."""


def linear_network() -> tuple[nn.Linear, Tensor]:
    """``w · x + c`` with two outputs, and rows for it."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        return nn.Linear(6, 2).double(), torch.randn(4, 6, dtype=torch.float64)


def two_inputs() -> tuple[Two, Batch]:
    """A network of two inputs and one held one."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(2)
        numbers, flags = torch.randn(5, 3, dtype=torch.float64), torch.rand(5, 2, dtype=torch.float64)
        batch = Batch(
            {"numbers": numbers, "flags": flags}, {"weight": torch.arange(1.0, 6).double()[:, None]}
        )
        return Two().double(), batch


def require(ok: object, text: str) -> None:
    """Raise :class:`AssertionError` with the text unless ``ok``."""
    if not ok:
        raise AssertionError(text)


@contextmanager
def no_trace(case: Specimen) -> Generator[None]:
    """Raise where anything of network or caller differs afterwards."""
    before = _trace(case)
    yield
    for old, new in zip(before, _trace(case), strict=True):
        require(old == new, f"something changed: {str(old)[:100]} became {str(new)[:100]}")


def _trace(case: Specimen) -> list[object]:
    """Everything about network and caller that must stay, as values that compare."""
    x = case.inputs
    kept: list[object] = [torch.get_rng_state().tolist(), torch.is_grad_enabled(), torch.get_default_dtype()]
    kept.append(("inputs", x.tolist(), x.requires_grad, x.grad is None))
    for name, module in case.model.named_modules():
        hooks = [list(getattr(module, kind)) for kind in vars(module) if kind.endswith("hooks")]
        kept.append((name, id(module), module.training, sorted(vars(module)), hooks))
    for name, tensor in [*case.model.named_parameters(), *case.model.named_buffers()]:
        grad = None if tensor.grad is None else tensor.grad.tolist()
        kept.append((name, id(tensor), tensor.requires_grad, tensor.tolist(), grad))
    return kept


def refused(
    kinds: type[PellucidError] | tuple[type[PellucidError], ...], call: Callable[[], object], text: str = ""
) -> None:
    """Raise unless the call ends in one of these errors, with the text in it."""
    expected = kinds if isinstance(kinds, tuple) else (kinds,)
    names = " or ".join(kind.__name__ for kind in expected)
    try:
        call()
    except expected as error:
        require(text in str(error), f"the {type(error).__name__} does not say {text!r}: {error}")
        return
    except Exception as error:
        raise AssertionError(f"expected {names}, got {type(error).__name__}: {error}") from error
    raise AssertionError(f"expected {names}, got an answer")
