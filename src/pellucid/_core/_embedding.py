"""The look-up table that whole-number inputs go through: where a network turns token numbers into vectors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core._compute import Compute
from pellucid._core._feed import Feed, like
from pellucid._core._outputs import stream
from pellucid._core._site import Site
from pellucid.errors import InputError, PellucidError

WHOLE = (torch.int16, torch.int32, torch.int64)  # bool and uint8 are flags and pixels, not numbers of tokens
LOOKED_AT = 8  # rows of the pass that finds the table


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A table that was given exactly the inputs, in the one call ``site``.

    Args:
        feed: of the question that it was found for.
        site: address of what it gives.
        module: the table.
    """

    feed: Feed
    site: str
    module: nn.Module

    def rows(self, ids: Tensor) -> Tensor:
        """Vectors ``[…, E]`` of token numbers."""
        try:
            with self.feed.guard.pass_by(), torch.no_grad():
                return self.module(ids).detach()
        except PellucidError:
            raise
        except Exception as error:
            size = getattr(self.module, "num_embeddings", 0)
            raise InputError(
                f"The table {self.site!r} has rows 0 to {size - 1}; got numbers {int(ids.min())} to "
                f"{int(ids.max())}."
            ) from error

    def filled(self, point: Tensor, ids: Tensor, value: object) -> Tensor:
        """``value`` like the point: the number of a token, numbers like the inputs, or vectors."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = torch.full_like(ids, value)
        if isinstance(value, Tensor) and not value.is_floating_point():
            return self.rows(like(ids, value, "for the inputs"))
        return like(point, value, f"for {self.site!r}")

    def background(self, value: Tensor) -> Tensor:
        """Rows ``[B, T]`` of token numbers as vectors; vectors as they are."""
        return value if value.is_floating_point() else self.rows(value.to(self.feed.packed))


def found(feed: Feed, compute: Compute, count: list[int]) -> Embedding | None:
    """The table that whole-number inputs go through; ``None`` where there is none.

    Args:
        feed: what goes in.
        compute: how to run.
        count: passes made, raised here.

    Raises:
        InputError: where several tables are given exactly these inputs.

    Cost:
        One pass of a few rows, where the inputs are whole numbers and the network holds tables.
    """
    if feed.packed.dtype not in WHOLE or feed.packed.ndim < 2 or len(feed.names) > 1:
        return None
    tables: dict[str, nn.Module] = {
        n: m for n, m in feed.model.named_modules() if isinstance(m, nn.Embedding)
    }
    if not tables:
        return None
    ids = feed.unpack(feed.packed)
    if isinstance(ids, dict):
        (ids,) = ids.values()
    calls = _given(feed, ids, tables, compute, count)
    if not calls:
        return None
    if len(calls) > 1:
        options = " or ".join(f"at={site!r}" for site in calls)
        raise InputError(
            f"{len(calls)} tables are given exactly these whole numbers, so there is no one vector for each. "
            f"Say which one to explain: {options}."
        )
    ((site, module),) = calls.items()
    return Embedding(feed, site, module)


def _given(
    feed: Feed, ids: Tensor, tables: dict[str, nn.Module], compute: Compute, count: list[int]
) -> dict[str, nn.Module]:
    """Calls, as addresses, in which a table is given the first rows as they are."""
    seen: list[tuple[str, bool]] = []

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[object, ...], named: dict[str, object]) -> None:
            given = args[0] if args else named.get("input")
            same = False
            if isinstance(given, Tensor) and given.ndim == ids.ndim:
                first = ids[: len(given)]
                same = given.shape == first.shape and torch.equal(given.to(first), first)
            seen.append((name, same))

        return hook

    few = Compute(LOOKED_AT, compute.seed)
    with ExitStack() as stack:
        for name, module in tables.items():
            handle = module.register_forward_pre_hook(note(name), with_kwargs=True)
            stack.callback(handle.remove)
        rows, _, _ = next(stream(feed, few))
    count[0] += rows.stop
    found: dict[str, nn.Module] = {}
    for name, module in tables.items():
        calls = [same for other, same in seen if other == name]
        for call in (k for k, same in enumerate(calls) if same):
            found[str(Site(name, call=call if len(calls) > 1 else None))] = module
    return found
