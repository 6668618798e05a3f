"""The public contract: what every attribution method promises, as checks that anyone can run on theirs.

``check_method(method)`` runs all of it; ``clauses(method)`` gives one callable for each promise, for
``pytest.mark.parametrize``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain

from pellucid.errors import MethodError
from pellucid.evidence import _promises as promises
from pellucid.evidence._promises import Linear, Method
from pellucid.evidence._specimens import Specimen, sequences, specimens

__all__ = ["Clause", "check_method", "clauses"]

EACH: tuple[tuple[str, Callable[[Method, Specimen], None]], ...] = (
    ("answers in the shape of the inputs", promises.answers),
    ("leaves network and caller as they were", promises.leaves_no_trace),
    ("leaves no trace when the network raises", promises.survives_errors),
    ("gives the same answer for any batch size", promises.any_batch_size),
    ("goes on in halves when memory runs out", promises.goes_on_in_halves),
    ("explains each row by itself", promises.any_row_order),
    ("repeats itself to the bit under one seed", promises.repeats),
    ("replays from its provenance", promises.replays),
    ("survives being stored", promises.is_stored),
    ("answers alike whatever the caller's gradient mode", promises.any_grad_mode),
    ("says what its sum leaves over", promises.adds_up),
    ("refuses wrong inputs", promises.refuses_inputs),
    ("refuses wrong targets and sites", promises.refuses_targets),
    ("reports progress and can be cancelled", promises.cancels),
    ("explains a hidden layer", promises.explains_hidden),
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise in words, and the check that raises :class:`AssertionError` where it is broken."""

    name: str
    check: Callable[[], None]

    def __call__(self) -> None:
        """Run the check."""
        self.check()


def check_method(method: Method, *, linear: Linear = "either", gap: float = 0.05) -> tuple[str, ...]:
    """Hold a method to the contract.

    Args:
        method: a function ``(model, inputs, target, *, …, compute=None) -> Explanation``. It may refuse some
            networks with a ``MethodError`` (rows, or pictures), not all; one that refuses both is asked about
            tokens.
        linear: what its values are on a linear network ``w · x + c``: the slope ``w``, the contribution
            ``w · (x - reference)``, either of them, or nothing that is known (``"none"``).
        gap: largest completeness gap as a share of the largest difference of scores, where it reports one.

    Returns:
        The promises that were checked, in words.

    Raises:
        AssertionError: where one is broken, saying which and how.

    Cost:
        A few seconds: some hundred passes of tiny networks.

    Limits:
        Says that a method is well behaved, not that its explanations are true.

    Example:
        >>> from pellucid.attribution import saliency
        >>> check_method(saliency, linear="slope")[0]
        'is a plain function'
    """
    kept = clauses(method, linear=linear, gap=gap)
    for clause in kept:
        clause()
    return tuple(clause.name for clause in kept)


def clauses(method: Method, *, linear: Linear = "either", gap: float = 0.05) -> tuple[Clause, ...]:
    """Each promise apart; arguments as :func:`check_method`.

    Example:
        >>> from pellucid.attribution import saliency
        >>> clauses(saliency)[0].name
        'is a plain function'
    """
    names = cache(partial(_answered, method))  # asked once for all promises
    alone: tuple[tuple[str, Callable[[], None]], ...] = (
        ("is a plain function", partial(promises.is_plain, method)),
        ("answers for rows, pictures or tokens", partial(_answers_somewhere, names)),
        ("is exact on a linear network", partial(promises.exact_on_linear, method, linear)),
        ("explains several inputs", partial(promises.explains_several, method)),
        (
            "keeps its completeness gap small",
            partial(_on_each, method, names, partial(promises.small_gap, gap=gap)),
        ),
    )
    each = ((name, partial(_on_each, method, names, check)) for name, check in EACH)
    return tuple(Clause(name, partial(_named, method, name, check)) for name, check in (*alone, *each))


def _named(method: Method, name: str, check: Callable[[], None]) -> None:
    try:
        check()
    except AssertionError as broken:
        raise AssertionError(f"{method.__name__} breaks the promise {name!r}: {broken}") from broken


def _answered(method: Method) -> frozenset[str]:
    """What it answers for: rows and pictures, or tokens where it refuses both."""
    return _among(method, specimens()) or _among(method, sequences())


def _among(method: Method, trial: Iterator[Specimen]) -> frozenset[str]:
    found: set[str] = set()
    for asked in trial:
        try:
            method(asked.model, asked.inputs, list(asked.target))
        except MethodError:
            continue
        found.add(asked.name)
    return frozenset(found)


def _answers_somewhere(names: Callable[[], frozenset[str]]) -> None:
    if not names():
        raise AssertionError("it refuses all of them with a MethodError")


def _on_each(
    method: Method, names: Callable[[], frozenset[str]], check: Callable[[Method, Specimen], None]
) -> None:
    # asked of one, checked on another: the first call may already leave its trace
    for specimen in chain(specimens(), sequences()):
        if specimen.name not in names():
            continue
        try:
            check(method, specimen)
        except AssertionError as broken:
            raise AssertionError(f"on {specimen.name}, {broken}") from broken
