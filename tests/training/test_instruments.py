import itertools
import math
import statistics

import pytest
import torch
from torch import nn

from pellucid.errors import InputError
from pellucid.networks import cnn, mlp
from pellucid.training import Epoch, collect, train, watch
from pellucid.training._chance import sampled_steps, shuffled_batches


def layers(epoch: Epoch):
    return {layer.site: layer for layer in epoch.layers}


def passed(network, x):
    """What every child puts out in evaluation mode."""
    network.eval()
    seen = {}
    with torch.no_grad():
        for name, child in network.named_children():
            x = child(x)
            seen[name] = x
    return seen


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh", "sigmoid", "leaky_relu"])
def test_activations_are_those_of_the_validation_rows(cancer, activation):
    network = mlp(30, 2, hidden=(16, 8), activation=activation)
    epoch = next(train(network, cancer, epochs=1))
    held = cancer.part("validation")
    for site, output in passed(network, held.inputs).items():
        layer = layers(epoch)[site]
        assert layer.mean == pytest.approx(float(output.mean()), abs=1e-5)
        assert layer.sd == pytest.approx(float(output.std(correction=0)), rel=1e-4)
        assert layer.rows == len(held)
        if site.startswith("activation"):
            beyond = {"relu": 0.0, "gelu": 0.01, "silu": 0.01}.get(activation)
            dead = None
            if beyond is not None:
                dead = float(((output.abs() > beyond).double().mean(0) < 0.01).double().mean())
            saturated = {
                "tanh": float((output.abs() > 0.97).double().mean()),
                "sigmoid": float(((output < 0.03) | (output > 0.97)).double().mean()),
            }.get(activation)
            assert layer.dead == (None if dead is None else pytest.approx(dead))
            assert layer.saturated == (None if saturated is None else pytest.approx(saturated))
            assert layer.gradient_norm is layer.update_ratio is None
            assert layer.parameters == 0
        else:
            assert layer.dead is layer.saturated is None


def test_a_channel_is_alive_where_any_position_is(digits):
    network = cnn(1, 8, 10, widths=(6, 6), hidden=8)
    with torch.no_grad():
        network.conv1.bias[:2] = -100.0
    epoch = next(train(network, digits, epochs=1, learning_rate=1e-6))
    assert list(layers(epoch)) == [
        "conv1",
        "activation1",
        "conv2",
        "activation2",
        "dense1",
        "activation3",
        "output",
    ]
    output = passed(network, digits.part("validation").inputs)["activation1"]
    share = (output > 0).flatten(2).any(2).double().mean(0)
    assert layers(epoch)["activation1"].dead == pytest.approx(float((share < 0.01).double().mean()))
    assert layers(epoch)["activation1"].dead >= 2 / 6


def test_a_rare_unit_is_not_dead():
    from pellucid.training._activations import Activations

    model = nn.ReLU()
    activations = Activations(model)
    activations.on = True
    rows = -torch.ones(1000, 3)
    rows[:10, 1] = 1.0  # exactly 1 % of rows
    rows[:9, 2] = 1.0
    with activations.attached():
        for part in rows.split(128):
            model(part)
    assert activations.read()["."].dead == pytest.approx(2 / 3)
    assert activations.read() == {}


def test_gradients_and_updates_are_those_of_a_loop_written_by_hand(cancer):
    network, by_hand = mlp(30, 2, hidden=(8,)), mlp(30, 2, hidden=(8,))
    epoch = next(train(network, cancer, epochs=1, optimizer="sgd", batch_size=24, seed=3))
    stepper = torch.optim.SGD(by_hand.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    rows = cancer.part("train")
    batches = shuffled_batches(len(rows), 24, 3, 0)
    sampled, found = sampled_steps(len(batches)), []
    for number, batch in enumerate(batches):
        stepper.zero_grad()
        nn.functional.cross_entropy(by_hand(rows.inputs[batch]), rows.answers[batch]).backward()
        weight = by_hand.dense1.weight
        gradient, before = weight.grad.norm(), weight.detach().clone()
        stepper.step()
        after = weight.detach()
        if number in sampled:
            found.append((float(gradient), float((after - before).norm() / before.norm())))
    assert len(found) == len(batches) // 8 == 2
    layer = layers(epoch)["dense1"]
    assert layer.gradient_norm == pytest.approx(statistics.median(g for g, _ in found), rel=1e-5)
    assert layer.update_ratio == pytest.approx(statistics.median(u for _, u in found), rel=1e-4)
    assert layer.parameters == 30 * 8 + 8


def test_a_layer_without_matrices_is_measured_by_all_it_has(cancer):
    model = nn.Sequential(nn.LayerNorm(30), nn.Linear(30, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, every=1) as watched:
        nn.functional.cross_entropy(model(cancer.inputs[:8]), cancer.answers[:8]).backward()
        gradient = torch.cat([model[0].weight.grad, model[0].bias.grad])
        optimizer.step()
    layer = layers(watched.record.epochs[0])["0"]
    assert layer.gradient_norm == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert layer.update_ratio == pytest.approx(float(0.1 * gradient.norm()) / 30**0.5, rel=1e-4)
    assert layer.parameters == 60


@pytest.mark.parametrize(("steps", "count"), [(1, 1), (7, 1), (16, 2), (55, 6), (1000, 8)])
def test_few_steps_are_sampled_and_spread(steps, count):
    sampled = sorted(sampled_steps(steps))
    assert len(sampled) == count
    assert 0 <= sampled[0] <= sampled[-1] < steps
    gaps = [b - a for a, b in itertools.pairwise(sampled)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_instruments_change_nothing_and_can_be_left_out(cancer):
    seen, unseen = mlp(30, 2, dropout=0.2), mlp(30, 2, dropout=0.2)
    with_layers = collect(train(seen, cancer, epochs=2))
    without = collect(train(unseen, cancer, epochs=2, instruments=False))
    assert all(epoch.layers for epoch in with_layers.epochs)
    assert not any(epoch.layers for epoch in without.epochs)
    for name, value in seen.state_dict().items():
        assert torch.equal(value, unseen.state_dict()[name])
    hooks = [m._forward_hooks or m._forward_pre_hooks for m in seen.modules()]
    assert not any(hooks)


class Functional(nn.Module):
    """Calls one layer and one activation twice, and never calls a third."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(30, 30)
        self.act = nn.ReLU(inplace=True)
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(30, 2)

    def forward(self, x):
        return self.head(self.act(self.mix(self.act(self.mix(x)))))


def test_calls_of_a_shared_layer_are_told_apart(cancer):
    epoch = next(train(Functional(), cancer, epochs=1))
    assert list(layers(epoch)) == ["mix#0", "act#0", "mix#1", "act#1", "head", "unused"]
    assert layers(epoch)["mix#0"].mean != layers(epoch)["mix#1"].mean
    assert layers(epoch)["mix#0"].gradient_norm == layers(epoch)["mix#1"].gradient_norm > 0
    assert layers(epoch)["mix#0"].sd > 0  # taken before the in-place activation overwrote it
    unused = layers(epoch)["unused"]
    assert (unused.mean, unused.gradient_norm, unused.parameters) == (None, None, 6)


# --- foreign loops ---------------------------------------------------------------------------------


def hooks_of(model, optimizer):
    modules = [dict(m._forward_hooks) | dict(m._forward_pre_hooks) for m in model.modules()]
    return [
        *modules,
        dict(optimizer._optimizer_step_pre_hooks),
        dict(optimizer._optimizer_step_post_hooks),
    ]


def loop(model, optimizer, data, steps):
    for step in range(steps):
        rows = slice(8 * step, 8 * step + 8)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data.inputs[rows]), data.answers[rows]).backward()
        optimizer.step()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
def test_a_foreign_loop_is_watched_and_not_changed(cancer, kind):
    alone, watched_net = mlp(30, 2, hidden=(8,)), mlp(30, 2, hidden=(8,))
    alone_optimizer = kind(alone.parameters(), lr=0.01)
    loop(alone, alone_optimizer, cancer, 10)
    loop(alone, alone_optimizer, cancer, 10)
    optimizer = kind(watched_net.parameters(), lr=0.01)
    with watch(watched_net, optimizer, every=5) as watched:
        loop(watched_net, optimizer, cancer, 10)
        first = watched.epoch(train_loss=0.5, validation_loss=0.6, validation_score=0.9)
        loop(watched_net, optimizer, cancer, 10)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, watched_net.state_dict()[name])
    record = watched.record
    assert record.epochs[0] == first
    assert len(record.epochs) == 2
    assert record.best_epoch == 0
    assert math.isnan(record.epochs[1].train_loss)
    assert record.options == {"optimizer": kind.__name__, "learning_rate": 0.01, "every": 5}
    layer = layers(record.epochs[1])["dense1"]
    assert layer.rows == 2 * 8
    assert layer.gradient_norm > 0
    assert layer.update_ratio > 0
    assert not any(hooks_of(watched_net, optimizer))


def test_watched_numbers_are_those_of_the_step(cancer):
    model = mlp(30, 2, hidden=())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    rows = cancer.inputs[:8]
    before = model.output.weight.detach().clone()
    with watch(model, optimizer, every=1) as watched:
        output = model(rows)
        nn.functional.cross_entropy(output, cancer.answers[:8]).backward()
        with torch.no_grad():
            model.eval()
            model(rows * 1000)  # a validation pass in between is not the training's
            model.train()
        gradient = model.output.weight.grad.clone()
        optimizer.step()
    (epoch,) = watched.record.epochs
    (layer,) = epoch.layers
    assert layer.site == "output"
    assert layer.mean == pytest.approx(float(output.detach().mean()), abs=1e-6)
    assert layer.gradient_norm == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert layer.update_ratio == pytest.approx(float(0.5 * gradient.norm() / before.norm()), rel=1e-4)


def test_hooks_leave_when_the_loop_raises(cancer):
    model = mlp(30, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.dense1.register_forward_hook(lambda *_: None)
    before = [len(hooks) for hooks in hooks_of(model, optimizer)]
    with pytest.raises(ZeroDivisionError), watch(model, optimizer) as watched:  # noqa: PT012
        loop(model, optimizer, cancer, 3)
        1 / 0
    assert [len(hooks) for hooks in hooks_of(model, optimizer)] == before
    assert len(watched.record.epochs) == 1


def test_watch_refuses_what_it_cannot_watch():
    model, other = mlp(3, 2), mlp(3, 2)
    with (
        pytest.raises(InputError, match="no parameter of this model"),
        watch(model, torch.optim.SGD(other.parameters())),
    ):
        pass
    with pytest.raises(InputError, match="every"), watch(model, torch.optim.SGD(model.parameters()), every=0):
        pass
