"""A network is handed back as it came."""

import signal
import threading

import pytest
import torch
from torch import nn

import zoo
from pellucid._core import _guard, untouched
from pellucid._core._guard import Guard
from pellucid._core._interrupt import let_through


def messy():
    def make():
        return nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(144, 3)
        )

    model = zoo.seeded(make).double().train()
    model[1].eval()
    model[4].bias.requires_grad_(False)
    return model


def state(model):
    flags = [module.training for module in model.modules()]
    wants = [parameter.requires_grad for parameter in model.parameters()]
    return (
        flags,
        wants,
        {k: v.tolist() for k, v in model.state_dict().items()},
        torch.get_rng_state().tolist(),
    )


class StopError(Exception):
    pass


@pytest.mark.parametrize("error", [None, StopError, KeyboardInterrupt])
def test_everything_is_restored(error):
    model = messy()
    before = state(model)

    def work():
        with untouched(model):
            assert not any(module.training for module in model.modules())
            torch.rand(3)
            model.train()
            model(zoo.inputs())
            model.requires_grad_(False)
            model[1].running_mean += 1
            model[1].register_buffer("num_batches_tracked", torch.tensor(99))
            if error:
                raise error

    if error:
        with pytest.raises(error):
            work()
    else:
        work()
    assert state(model) == before


def test_what_was_in_evaluation_mode_is_so_again():
    model = messy().eval()
    with untouched(model):
        model[2].train()
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("still", [True, False])
def test_what_is_held_is_held_to_the_end_of_its_own_pass(still):
    model = messy()
    guard, before = Guard(model), state(model)
    with guard.pass_by():
        guard.hold()
        with guard.pass_by(still=still):
            guard.hold()
        assert not any(p.requires_grad for p in model.parameters())
    assert state(model) == before
    assert not guard.held


def test_a_network_with_its_own_train_is_not_called():
    class Own(nn.Linear):
        def train(self, mode=True):
            raise AssertionError("train() does work of its own")

    model = Own(2, 2)
    with untouched(model):
        assert not model.training
    assert model.training


def test_shared_modules_and_nested_use():
    layer = nn.Dropout()
    model = nn.Sequential(layer, nn.Sequential(layer, nn.ReLU())).train()
    with untouched(model), untouched(model):
        assert not layer.training
    assert layer.training


def test_the_seed_is_fixed_inside():
    with untouched(nn.ReLU(), seed=4):
        first = torch.rand(3)
    with untouched(nn.ReLU(), seed=4):
        assert torch.equal(torch.rand(3), first)


def test_the_callers_inference_mode_is_off_inside():
    with torch.inference_mode(), untouched(nn.ReLU()):
        assert not torch.is_inference_mode_enabled()


def test_a_network_made_in_inference_mode():
    with torch.inference_mode():
        model = messy()
    before = model[1].running_mean.clone()
    with untouched(model), torch.inference_mode():
        model[1].running_mean.add_(1)
    assert torch.equal(model[1].running_mean, before)


@pytest.fixture
def keyboard():
    """As at a terminal, also where the tests run in the background, which nobody can interrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_an_interruption_waits_until_everything_is_restored():
    model = messy()
    before, seen = state(model), []

    def work():
        with untouched(model), untouched(model):
            model.train()
            signal.raise_signal(signal.SIGINT)
            seen.append("went on")
        seen.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert seen == ["went on"]
    assert state(model) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("keyboard")
def test_who_insists_is_let_through_and_so_is_a_safe_place():
    model = messy()
    before = state(model)

    def work(*, again):
        with untouched(model):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT) if again else let_through()
            pytest.fail("it went on")

    for again in (True, False):
        with pytest.raises(KeyboardInterrupt):
            work(again=again)
        assert state(model) == before
    let_through()


@pytest.mark.usefixtures("keyboard")
def test_handlers_of_others_and_other_threads_are_let_alone():
    model, seen = messy(), []

    def work():
        with untouched(model):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.default_int_handler, signal.SIG_IGN]


@pytest.mark.usefixtures("keyboard")
@pytest.mark.parametrize("times", [1, 2])
def test_what_is_half_done_is_finished(monkeypatch, times):
    """Ctrl-C at the moment when flags are changed, on the way in or on the way out."""
    model = messy()
    before, real, calls = state(model), _guard._set_modes, []

    def interrupted(modules, modes):
        calls.append(modes)
        if len(calls) == times:
            signal.raise_signal(signal.SIGINT)
        real(modules, modes)

    monkeypatch.setattr(_guard, "_set_modes", interrupted)
    with pytest.raises(KeyboardInterrupt), untouched(model):
        pass
    assert state(model) == before
