import dataclasses

import pytest
import torch
from torch import nn

from pellucid.networks import cnn, mlp
from pellucid.training import Epoch, TrainingRecord, collect, diagnosis, train, watch


def found(record):
    return {finding.disease: finding for finding in diagnosis(record)}


def deep(width=64, layers=5, activation="relu", outputs=10):
    return mlp(64, outputs, hidden=(width,) * layers, activation=activation)


@pytest.fixture(scope="module")
def flat_digits(request):
    from sklearn.datasets import load_digits

    from pellucid._core import Dataset, split
    from pellucid.inputs import Column, TabularSpec

    loaded = load_digits()
    x = torch.tensor(loaded.data, dtype=torch.float32) / 8 - 1
    y = torch.tensor(loaded.target).long()
    spec = TabularSpec(tuple(Column(f"p{i}") for i in range(64)))
    return Dataset("digits", x, y, spec, tuple("0123456789"), split(y, classes=True))


def trained(network, data, *, epochs=6, rate=0.05, optimizer="sgd", seed=0):
    return collect(
        train(network, data, epochs=epochs, optimizer=optimizer, learning_rate=rate, patience=None, seed=seed)
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_healthy_training_has_no_disease(flat_digits, seed):
    network = mlp(64, 10, hidden=(64, 64), seed=seed)
    assert not set(found(trained(network, flat_digits, epochs=10, seed=seed))) - {"not finished"}


def test_units_that_cannot_fire_are_dead(flat_digits):
    network = deep()
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Linear) and layer is not network.output:
                layer.bias.fill_(-6.0)
    findings = diagnosis(trained(network, flat_digits))
    dead = [finding for finding in findings if finding.disease == "dead units"]
    assert {finding.sites for finding in dead} == {(f"activation{i}",) for i in range(1, 6)}
    # two signals agree, but only 269 rows were looked at
    assert all(len(finding.signals) == 2 and finding.word == "suspected" for finding in dead)
    assert "activation1 is 1 (expected not above 0.1; 269 rows)" in str(dead[0])


def test_dead_units_are_likely_when_enough_rows_say_so(flat_digits):
    record = trained(deep(layers=1), flat_digits, epochs=1)
    (epoch,) = record.epochs
    dead = [
        dataclasses.replace(layer, rows=600, dead=0.9) if layer.dead is not None else layer
        for layer in epoch.layers
    ]
    sick = dataclasses.replace(epoch, layers=tuple(dead), train_score=0.1)
    assert found(dataclasses.replace(record, epochs=(sick,)))["dead units"].word == "likely"
    well = dataclasses.replace(epoch, layers=tuple(dead), train_score=0.99)
    assert found(dataclasses.replace(record, epochs=(well,)))["dead units"].word == "suspected"


def test_large_first_weights_saturate_tanh(flat_digits):
    network = deep(activation="tanh")
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(8)
    record = trained(network, flat_digits)
    finding = found(record)["saturation"]
    assert finding.word == "likely"
    assert finding.signals[0].value > 0.9
    assert "badly scaled start" in found(record)


def test_many_sigmoid_layers_let_gradients_vanish(flat_digits):
    finding = found(trained(deep(layers=8, activation="sigmoid"), flat_digits))["vanishing gradients"]
    assert finding.word == "likely"
    assert finding.sites == ("dense1",)
    assert finding.signals[0].value < 1e-3


def test_a_thousandfold_smaller_rate_is_too_low(flat_digits):
    finding = found(trained(deep(), flat_digits, rate=0.05 / 1000))["learning rate too low"]
    assert finding.word == "likely"
    assert "learning rate too low" not in found(trained(deep(), flat_digits))


def test_a_rate_too_high_is_named(flat_digits):
    record = trained(mlp(64, 10, hidden=(32,)), flat_digits, rate=0.5, optimizer="adamw")
    finding = found(record)["learning rate too high"]
    assert finding.signals[0].value > 1.5  # the first steps threw the loss up
    never_lower = dataclasses.replace(
        record, epochs=tuple(dataclasses.replace(e, train_loss=8.0, first_loss=2.0) for e in record.epochs)
    )
    assert found(never_lower)["learning rate too high"].word == "likely"


def test_raw_inputs_start_badly(flat_digits):
    raw = dataclasses.replace(flat_digits, inputs=(flat_digits.inputs + 1) * 127)
    finding = found(trained(mlp(64, 10, hidden=(32,)), raw, epochs=1, rate=1e-6))["badly scaled start"]
    assert finding.word == "likely"


def test_answers_far_from_one_start_badly(diabetes):
    network = mlp(10, 1)
    assert "badly scaled start" in found(trained(network, diabetes, epochs=1, optimizer="adamw", rate=1e-3))


def test_random_labels_teach_nothing(flat_digits):
    shuffled = flat_digits.answers[
        torch.randperm(len(flat_digits), generator=torch.Generator().manual_seed(0))
    ]
    record = trained(
        mlp(64, 10, hidden=(256,)),
        dataclasses.replace(flat_digits, answers=shuffled),
        epochs=25,
        optimizer="adamw",
        rate=3e-3,
    )
    assert "no better than guessing" in found(record)
    assert found(record)["overfitting"].word == "likely"


def test_a_fall_to_the_last_epoch_is_not_finished():
    epochs = tuple(Epoch(i, 1 / (i + 1), 1 / (i + 1), 0.5, 0.5, 1.0, best=True) for i in range(4))
    assert list(found(TrainingRecord(epochs, {}, "accuracy", 3, 4.0, 10))) == ["not finished"]


def test_exploding_gradients_are_named(flat_digits):
    model = deep(layers=8)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    rows = flat_digits.part("train")
    with watch(model, optimizer, every=1) as watched:
        nn.functional.cross_entropy(model(rows.inputs), rows.answers).backward()
        optimizer.step()
    assert found(watched.record)["exploding gradients"].signals[0].value > 1e4


def test_nothing_watched_is_nothing_found():
    assert diagnosis(TrainingRecord((), {}, "accuracy", -1, 0.0, 0)) == ()
    model = cnn(1, 4, 2, widths=(2,))
    with watch(model, torch.optim.SGD(model.parameters())) as watched:
        pass
    assert diagnosis(watched.record) == ()
    bare = TrainingRecord(
        (Epoch(0, float("nan"), float("nan"), float("nan"), float("nan"), 1.0),), {}, "R²", 0, 1.0, 1
    )
    assert diagnosis(bare) == ()


def test_a_record_can_be_stored(cancer, tmp_path):
    from pellucid._core._store import load, save

    record = collect(train(mlp(30, 2), cancer, epochs=2))
    assert load(save(record, tmp_path / "record.safetensors")) == record
