"""The contract catches methods that break it: each of these is wrong in one way."""

import dataclasses

import pytest
import torch

from pellucid._core import Compute, Question
from pellucid.errors import InputError
from pellucid.evidence.testing import check_method, clauses


def honest(model, inputs, target, *, at=None, compute=None):
    """A gradient."""
    q = Question(model, inputs, target, at=at, compute=compute)
    return q.answer("honest", q.gradient(), {})


def broken(model, inputs, target, compute, change):
    q = Question(model, inputs, target, compute=compute)
    return q, change(q)


def positional(model, inputs, target, at=None, compute=None):
    """Takes at without its name."""
    return honest(model, inputs, target, at=at, compute=compute)


def leaves_eval(model, inputs, target, *, compute=None):
    """Puts the network in evaluation mode for good."""
    return renamed("leaves_eval", honest(model.eval(), inputs, target, compute=compute))


def leaves_grad(model, inputs, target, *, compute=None):
    """Writes into the user's gradients."""
    output = model.train(True)(inputs)
    output.sum().backward()
    return renamed("leaves_grad", honest(model, inputs, target, compute=compute))


def leaves_hook(model, inputs, target, *, compute=None):
    """Forgets a hook on the network."""
    model.register_forward_hook(lambda module, args, output: None)
    return renamed("leaves_hook", honest(model, inputs, target, compute=compute))


def leaves_hook_on_error(model, inputs, target, *, compute=None):
    """Removes its hook only when nothing goes wrong."""
    handle = model.register_forward_hook(lambda module, args, output: None)
    found = honest(model, inputs, target, compute=compute)
    handle.remove()
    return renamed("leaves_hook_on_error", found)


def global_chance(model, inputs, target, *, compute=None):
    """Draws from the caller's random numbers."""
    q, noise = broken(model, inputs, target, compute, lambda q: torch.randn_like(q.point))
    return q.answer("global_chance", q.gradient() + 0.1 * noise, {})


def depends_on_batch(model, inputs, target, *, compute=None):
    """Scales by the largest value of the whole batch."""
    q, slope = broken(model, inputs, target, compute, lambda q: q.gradient())
    return q.answer("depends_on_batch", slope / slope.abs().max(), {})


def depends_on_chunk(model, inputs, target, *, compute=None):
    """Scales by the batch size."""
    q, slope = broken(model, inputs, target, compute, lambda q: q.gradient())
    return q.answer("depends_on_chunk", slope * q.compute.batch_size, {})


def wrong_shape(model, inputs, target, *, compute=None):
    """Loses an axis."""
    q, slope = broken(model, inputs, target, compute, lambda q: q.gradient())
    return q.answer("wrong_shape", slope.flatten(1), {})


def not_finite(model, inputs, target, *, compute=None):
    """Divides by zero, which the engine refuses."""
    q, slope = broken(model, inputs, target, compute, lambda q: q.gradient())
    return q.answer("not_finite", slope / 0, {})


def secret_option(model, inputs, target, *, power=1.0, compute=None):
    """Does not write down its option."""
    q, slope = broken(model, inputs, target, compute, lambda q: q.gradient())
    return q.answer("secret_option", slope * power, {"exponent": power})


def forgets_option(model, inputs, target, *, seen=[], compute=None):  # noqa: B006
    """Changes from call to call."""
    seen.append(1)
    q, slope = broken(model, inputs, target, compute, lambda q: q.gradient())
    return q.answer("forgets_option", slope * len(seen), {})


def does_not_add_up(model, inputs, target, *, compute=None):
    """Claims to add up, and is twice too large."""
    q, slope = broken(model, inputs, target, compute, lambda q: q.gradient())
    return q.answer(
        "does_not_add_up", 2 * slope * q.point, {}, reference=q.scores(lambda _, rows: q.absent[rows])[0]
    )


def swallows_errors(model, inputs, target, *, compute=None):
    """Answers zeros when something is wrong."""
    try:
        return renamed("swallows_errors", honest(model, inputs, target, compute=compute))
    except InputError:
        good = torch.nan_to_num(inputs)
        return honest(model, good, target, compute=compute)


def hides_progress(model, inputs, target, *, compute=None):
    """Never says how far it is."""
    quiet = Compute((compute or Compute()).batch_size, (compute or Compute()).seed)
    return renamed("hides_progress", honest(model, inputs, target, compute=quiet))


def wrong_on_linear(model, inputs, target, *, compute=None):
    """The square of the slope."""
    q, slope = broken(model, inputs, target, compute, lambda q: q.gradient())
    return q.answer("wrong_on_linear", slope.square(), {})


def renamed(name, found):
    return dataclasses.replace(found, provenance=dataclasses.replace(found.provenance, method=name))


CASES = [
    (positional, "is a plain function"),
    (leaves_eval, "leaves network and caller as they were"),
    (leaves_grad, "leaves network and caller as they were"),
    (leaves_hook, "leaves network and caller as they were"),
    (leaves_hook_on_error, "leaves no trace when the network raises"),
    (global_chance, "repeats itself to the bit under one seed"),
    (depends_on_batch, "explains each row by itself"),
    (depends_on_chunk, "gives the same answer for any batch size"),
    (wrong_shape, "answers in the shape of the inputs"),
    (not_finite, "answers for rows, pictures or tokens"),
    (secret_option, "replays from its provenance"),
    (forgets_option, "repeats itself to the bit under one seed"),
    (does_not_add_up, "keeps its completeness gap small"),
    (swallows_errors, "refuses wrong inputs"),
    (hides_progress, "reports progress and can be cancelled"),
    (wrong_on_linear, "is exact on a linear network"),
]


def test_an_honest_method_passes():
    assert len(check_method(honest, linear="slope")) == len(clauses(honest))


@pytest.mark.parametrize(("method", "promise"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_a_broken_promise_is_named(method, promise):
    (clause,) = [clause for clause in clauses(method) if clause.name == promise]
    with pytest.raises(AssertionError, match=f"{method.__name__} breaks the promise '{promise}'"):
        clause()


def test_the_kind_of_linear_answer_can_be_demanded():
    (clause,) = [
        c for c in clauses(honest, linear="contribution") if c.name == "is exact on a linear network"
    ]
    with pytest.raises(AssertionError, match="off the contribution"):
        clause()
