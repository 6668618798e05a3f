import copy
import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pellucid.errors import CancelledError, InputError, StoreError, TrainingError
from pellucid.networks import cnn, default_network, mlp
from pellucid.training import TrainingRecord, collect, train

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "gelu", "silu")
INITIALISATIONS = ("kaiming", "xavier", "lecun", "orthogonal")


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def timeless(epochs):
    return [dataclasses.replace(epoch, seconds=0.0) for epoch in epochs]


def answers_of(network, data):
    network.eval()
    with torch.no_grad():
        return network(data.inputs)


def net(data, seed=0, **more):
    return mlp(data.inputs.shape[1], data.outputs, hidden=(16, 16), seed=seed, **more)


class Switch(nn.Module):
    """Passes its input on until a given call in training mode, then breaks it."""

    def __init__(self, at, value):
        super().__init__()
        self.at, self.value, self.calls = at, value, 0

    def forward(self, x):
        self.calls += self.training
        return x * self.value if self.training and self.calls >= self.at else x


# --- the numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_loop_written_by_hand_gives_the_same_losses_and_weights(cancer, optimizer):
    by_hand = net(cancer)
    network = copy.deepcopy(by_hand)
    epochs = list(
        train(network, cancer, epochs=3, batch_size=50, optimizer=optimizer, learning_rate=0.01, seed=4)
    )

    if optimizer == "sgd":
        stepper = torch.optim.SGD(by_hand.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    else:
        stepper = torch.optim.AdamW(by_hand.parameters(), lr=0.01, weight_decay=1e-2)
    rows, held = cancer.part("train"), cancer.part("validation")
    kept = []
    for index in range(3):
        generator = torch.Generator().manual_seed(4 * 1_000_003 + index)
        order = torch.randperm(len(rows), generator=generator)
        losses, hits = [], 0
        for start in range(0, len(order), 50):
            batch = order[start : start + 50]
            outputs = by_hand(rows.inputs[batch])
            loss = F.cross_entropy(outputs, rows.answers[batch])
            stepper.zero_grad()
            loss.backward()
            stepper.step()
            losses += [float(loss.detach())] * len(batch)
            hits += int((outputs.argmax(1) == rows.answers[batch]).sum())
        held_outputs = answers_of(by_hand, held)
        epoch = epochs[index]
        assert epoch.first_loss == losses[0]
        assert epoch.train_loss == pytest.approx(sum(losses) / len(losses), rel=1e-12)
        assert epoch.train_score == hits / len(rows)
        assert epoch.validation_loss == pytest.approx(
            float(F.cross_entropy(held_outputs, held.answers)), rel=1e-6
        )
        assert epoch.validation_score == float((held_outputs.argmax(1) == held.answers).double().mean())
        kept.append(weights(by_hand))
    best = min(range(3), key=lambda index: epochs[index].validation_loss)
    assert same(weights(network), kept[best])


def test_regression_reads_r2_and_answers_in_the_users_unit(diabetes):
    network = default_network(diabetes)
    record = collect(train(network, diabetes, epochs=12))
    held = diabetes.part("validation")
    error = (answers_of(network, held)[:, 0] - held.answers).double()
    spread = (held.answers - held.answers.mean()).double()
    assert record.metric == "R²"
    assert record.best.validation_score == pytest.approx(
        float(1 - (error**2).sum() / (spread**2).sum()), rel=1e-6
    )
    variance = float(diabetes.part("train").answers.double().var(correction=0))
    assert record.best.validation_loss == pytest.approx(float((error**2).mean()) / variance, rel=1e-5)
    assert record.best.validation_score > 0.2
    assert record.options["baseline"] <= 0


def test_the_unit_of_the_answers_changes_nothing_but_the_answers(diabetes):
    other = dataclasses.replace(diabetes, answers=diabetes.answers * 1024 - 2048)
    first, second = default_network(diabetes), default_network(other)
    a = collect(train(first, diabetes, epochs=3))
    b = collect(train(second, other, epochs=3))
    for one, two in zip(a.epochs, b.epochs, strict=True):
        assert one.validation_loss == pytest.approx(two.validation_loss, rel=1e-3)
    torch.testing.assert_close(
        answers_of(second, diabetes), answers_of(first, diabetes) * 1024 - 2048, rtol=1e-3, atol=200
    )


def test_digits_are_learned_by_the_default_network(digits):
    network = default_network(digits)
    record = collect(train(network, digits, epochs=10, learning_rate=0.003))
    held = digits.part("test")
    assert float((answers_of(network, held).argmax(1) == held.answers).double().mean()) > 0.95
    assert record.parameters == sum(p.numel() for p in network.parameters())
    assert record.options["network"] == "Plain"
    assert record.seconds == sum(epoch.seconds for epoch in record.epochs)


@pytest.mark.parametrize("initialisation", INITIALISATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_and_initialisation_learns(cancer, activation, initialisation):
    network = net(cancer, activation=activation, initialisation=initialisation)
    before = weights(network)
    record = collect(train(network, cancer, epochs=2, learning_rate=0.005))
    assert not any(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert record.epochs[-1].train_loss < record.epochs[0].first_loss
    assert record.best.validation_score > record.options["baseline"]


def test_dropout_and_batch_norm_train(cancer):
    network = nn.Sequential(nn.Linear(30, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    rows = cancer.rows(torch.arange(len(cancer))[cancer.parts != 2][:129])
    odd = dataclasses.replace(rows, parts=torch.tensor([0] * 65 + [1] * 64, dtype=torch.int8))
    # 65 rows in batches of 64 would leave one row, of which no variance can be taken
    assert len(collect(train(network, odd, epochs=2)).epochs) == 2


# --- chance ----------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_training_to_the_bit(digits):
    runs = []
    for chance in (1, 2):
        torch.manual_seed(chance)
        network = cnn(1, 8, 10, widths=(4, 8), hidden=16, dropout=0.3)
        runs.append((timeless(train(network, digits, epochs=2, seed=7)), weights(network)))
    assert runs[0][0] == runs[1][0]
    assert same(runs[0][1], runs[1][1])


def test_another_seed_gives_another_training(cancer):
    first, second = (timeless(train(net(cancer), cancer, epochs=1, seed=seed)) for seed in (0, 1))
    assert first != second


def test_the_consumer_and_the_training_do_not_share_chance(cancer):
    quiet = timeless(train(net(cancer, dropout=0.5), cancer, epochs=3))
    noisy, drawn = [], []
    torch.manual_seed(3)
    for epoch in train(net(cancer, dropout=0.5), cancer, epochs=3):
        noisy.append(epoch)
        drawn.append(torch.rand(1))
    torch.manual_seed(3)
    assert timeless(noisy) == quiet
    assert drawn == [torch.rand(1) for _ in range(3)]


# --- best weights, early stopping, modes -----------------------------------------------------------


def test_the_weights_of_the_best_epoch_are_kept(cancer):
    network = net(cancer)
    kept = []
    epochs = []
    for epoch in train(network, cancer, epochs=12, learning_rate=0.05, patience=None):
        kept.append(weights(network))
        epochs.append(epoch)
    best = min(epochs, key=lambda epoch: epoch.validation_loss).index
    assert best < 11  # the last epoch being the best would show nothing
    assert same(weights(network), kept[best])
    assert [e.index for e in epochs if e.best][-1] == best
    assert not any(e.stopped for e in epochs[:-1])
    assert epochs[-1].stopped == "all 12 epochs done"


def test_training_stops_when_the_validation_loss_falls_no_more(cancer):
    training = train(net(cancer), cancer, epochs=100, learning_rate=0.05, patience=2)
    epochs = list(training)
    best = training.record.best_epoch
    assert len(epochs) == best + 3 < 100
    assert epochs[-1].stopped == "no lower validation loss in 2 epochs"
    assert training.record.best == epochs[best]


def test_closing_early_keeps_the_best_and_gives_modes_and_gradients_back(cancer):
    network = net(cancer, dropout=0.2)
    network.dropout1.eval()
    training = train(network, cancer, epochs=9, learning_rate=0.3, seed=1)
    kept = []
    with training:
        for epoch in training:
            assert not network.training
            kept.append((epoch.validation_loss, weights(network)))
            if not epoch.best:
                break
    assert same(weights(network), min(kept, key=lambda pair: pair[0])[1])
    assert not same(weights(network), kept[-1][1])
    assert network.training
    assert not network.dropout1.training
    assert all(p.grad is None for p in network.parameters())
    assert len(training.record.epochs) == len(kept) < 9
    with pytest.raises(StopIteration):
        next(training)


def test_nothing_happens_before_the_first_epoch_is_asked_for(cancer):
    network = net(cancer)
    before = weights(network)
    training = train(network, cancer)
    assert training.record == TrainingRecord(
        (), training.record.options, "accuracy", -1, 0, training.record.parameters
    )
    assert training.record.best is None
    training.close()
    assert same(weights(network), before)
    assert network.training


def test_frozen_parameters_stay(cancer):
    network = net(cancer)
    network.dense1.requires_grad_(False)
    before = weights(network)
    record = collect(train(network, cancer, epochs=1))
    assert torch.equal(network.dense1.weight, before["dense1.weight"])
    assert not torch.equal(network.dense2.weight, before["dense2.weight"])
    assert record.parameters == sum(p.numel() for p in network.parameters() if p.requires_grad)


def test_progress_counts_steps_and_may_cancel(cancer):
    network = net(cancer)
    steps = []

    def until_ten(done, total):
        steps.append((done, total))
        if done == 10:
            raise CancelledError("enough")

    training = train(network, cancer, epochs=3, progress=until_ten)
    kept = []
    with pytest.raises(CancelledError):
        kept.extend(weights(network) for _ in training)
    assert steps == [(done, 21) for done in range(1, 11)]
    assert len(kept) == len(training.record.epochs) == 1
    assert same(weights(network), kept[0])
    assert network.training


# --- resuming --------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_resumed_training_is_the_uninterrupted_one_to_the_bit(digits, tmp_path, optimizer):
    def fresh():
        return cnn(1, 8, 10, widths=(4, 8), hidden=16, dropout=0.3)

    def run(network, path):
        return train(network, digits, epochs=4, optimizer=optimizer, checkpoint=path, seed=2)

    whole = fresh()
    expected = timeless(run(whole, None))
    path = tmp_path / "run" / "checkpoint.safetensors"
    broken = fresh()
    with run(broken, path) as training:
        next(training)
        next(training)
    # the second start builds its network from another seed: everything comes from the checkpoint
    again = cnn(1, 8, 10, widths=(4, 8), hidden=16, dropout=0.3, seed=99)
    resumed = run(again, path)
    assert timeless(resumed) == expected
    assert same(weights(again), weights(whole))
    # a finished training is given again without a step
    third = fresh()
    assert timeless(run(third, path)) == expected
    assert same(weights(third), weights(whole))


def test_a_kill_in_the_middle_of_an_epoch_loses_that_epoch_only(cancer, tmp_path):
    whole = net(cancer, dropout=0.3)
    expected = timeless(train(whole, cancer, epochs=4))
    path = tmp_path / "checkpoint.safetensors"

    def kill(done, total):
        if done == 18:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(train(net(cancer, dropout=0.3), cancer, epochs=4, checkpoint=path, progress=kill))
    again = net(cancer, seed=5, dropout=0.3)
    training = train(again, cancer, epochs=4, checkpoint=path)
    assert timeless(training) == expected
    assert same(weights(again), weights(whole))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_more_epochs_go_on_where_it_ended(cancer, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    expected = timeless(train(net(cancer), cancer, epochs=5))
    collect(train(net(cancer), cancer, epochs=2, checkpoint=path))
    assert timeless(train(net(cancer), cancer, epochs=5, checkpoint=path)) == expected
    with pytest.raises(TrainingError, match="already holds 5 epochs and 3"):
        train(net(cancer), cancer, epochs=3, checkpoint=path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"learning_rate": 0.5}, "learning_rate is 0.5 now and was 0.001"),
        ({"seed": 8}, "seed is 8 now and was 0"),
        ({"batch_size": 10, "patience": 1}, "batch_size is 10 .*patience is 1"),
        ({"hidden": (4,)}, "other layers"),
        ({"rows": 500}, "data are not the same"),
    ],
)
def test_another_training_is_not_resumed(cancer, tmp_path, change, text):
    path = tmp_path / "checkpoint.safetensors"
    collect(train(net(cancer), cancer, epochs=1, checkpoint=path))
    before = path.read_bytes()
    data = cancer.rows(torch.arange(change.pop("rows", len(cancer))))
    network = mlp(30, 2, hidden=change.pop("hidden", (16, 16)))
    with pytest.raises(TrainingError, match=text):
        train(network, data, epochs=1, checkpoint=path, **change)
    assert path.read_bytes() == before


def test_resume_false_starts_anew(cancer, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    collect(train(net(cancer), cancer, epochs=2, seed=1, checkpoint=path))
    record = collect(train(net(cancer), cancer, epochs=1, seed=2, checkpoint=path, resume=False))
    assert timeless(record.epochs) == timeless(train(net(cancer), cancer, epochs=1, seed=2))


def test_a_place_that_cannot_be_written_is_known_before_training(cancer, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="Cannot write"):
        train(net(cancer), cancer, checkpoint=tmp_path / "file" / "checkpoint.safetensors")


def test_a_damaged_checkpoint_is_refused(cancer, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(StoreError, match="damaged"):
        train(net(cancer), cancer, checkpoint=path)


# --- numbers that break ----------------------------------------------------------------------------


def test_an_output_that_breaks_names_the_layer_and_the_step(cancer):
    network = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), Switch(10, math.inf), nn.Linear(8, 2))
    training = train(network, cancer, epochs=3)
    kept = []
    with pytest.raises(TrainingError, match=r"output of '2' first went non-finite in step 10 \(epoch 1\)"):
        kept.extend(weights(network) for _ in training)
    assert len(training.record.epochs) == 1
    assert same(weights(network), kept[0])


def test_a_gradient_that_breaks_names_the_layer_and_the_step(cancer):
    class BrokenBack(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, broken):
            ctx.broken = broken
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * (math.nan if ctx.broken else 1), None

    class Layer(Switch):
        def forward(self, x):
            self.calls += self.training
            return BrokenBack.apply(x, self.training and self.calls == self.at)

    network = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 8), Layer(3, 0), nn.Linear(8, 2))
    before = weights(network)
    with pytest.raises(
        TrainingError, match=r"'2' first went non-finite in step 3 \(epoch 0\), by its gradient"
    ):
        collect(train(network, cancer, epochs=1))
    assert same(weights(network), before)


def test_a_learning_rate_beyond_reason_ends_with_a_sentence(diabetes):
    with pytest.raises(
        TrainingError, match=r"(?s)first went non-finite.*smaller learning_rate \(now 1e\+20\)"
    ):
        collect(train(default_network(diabetes), diabetes, optimizer="sgd", learning_rate=1e20))


def test_a_loss_that_breaks_on_validation_rows_only_is_found(cancer):
    class Held(nn.Module):
        def forward(self, x):
            return x if self.training else x / 0

    network = nn.Sequential(nn.Linear(30, 8), Held(), nn.ReLU(), nn.Linear(8, 2))
    with pytest.raises(TrainingError, match=r"validation loss .* output of '1'"):
        collect(train(network, cancer, epochs=1))


# --- what cannot be trained ------------------------------------------------------------------------


def broken(data, what):
    inputs = data.inputs.clone()
    inputs[data.parts.tolist().index(0), 3] = what
    return dataclasses.replace(data, inputs=inputs)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"optimizer": "adam"}, "Did you mean adamw"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"weight_decay": -1.0}, "weight_decay"),
    ],
)
def test_arguments_are_looked_at_before_training(cancer, change, text):
    with pytest.raises(InputError, match=text):
        train(net(cancer), cancer, **change)


@pytest.mark.parametrize(
    ("network", "change", "text"),
    [
        (mlp(30, 3), {}, r"\[N, 2\], got \(2, 3\)"),
        (mlp(29, 2), {}, "cannot take inputs of shape"),
        (nn.Sequential(nn.Linear(30, 2), nn.Flatten(0)), {}, r"got \(4,\)"),
        (mlp(30, 2).half(), {}, "network.float"),
        (mlp(30, 2), {"parts": torch.zeros(569, dtype=torch.int8)}, "no validation rows"),
        (mlp(30, 2), {"parts": torch.ones(569, dtype=torch.int8)}, "no train rows"),
        (mlp(30, 2), {"answers": torch.zeros(569, dtype=torch.int64)}, "same answer"),
    ],
)
def test_network_and_data_must_fit(cancer, network, change, text):
    modes = [module.training for module in network.modules()]
    with pytest.raises(InputError, match=text):
        train(network, dataclasses.replace(cancer, **change))
    assert [module.training for module in network.modules()] == modes


@pytest.mark.parametrize("what", [math.nan, math.inf])
def test_inputs_must_be_finite(cancer, what):
    with pytest.raises(InputError, match="train inputs: expected finite"):
        train(net(cancer), broken(cancer, what))


def test_a_frozen_network_cannot_be_trained(cancer):
    with pytest.raises(TrainingError, match="trainable"):
        train(net(cancer).requires_grad_(False), cancer)
