"""Which training rows made an answer: gradients written out, closed forms, retraining, and captum."""

import copy
import dataclasses
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import zoo
from pellucid import figures
from pellucid._core import Compute, Dataset, Snapshot, Subject, load, save
from pellucid.errors import InputError, MethodError
from pellucid.figures import influence as drawn
from pellucid.influence import representer_points, tracin
from pellucid.inputs import Column, ImageSpec, TabularSpec, TextSpec, WordTokenizer
from pellucid.tasks import influence
from pellucid.training import train

NAMES = ("a", "b", "c")


def spec(columns=4):
    return TabularSpec(tuple(Column(f"c{i}") for i in range(columns)))


def table(rows=30, *, classes=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 4, generator=generator)
    z = x @ torch.randn(4, 3, generator=generator)
    y = (z + torch.randn(rows, 3, generator=generator)).argmax(1) if classes else z[:, 0] + x[:, 1] ** 2
    parts = torch.zeros(rows, dtype=torch.int8)
    parts[::5], parts[1::5] = 1, 2
    return Dataset("made", x.double(), y if classes else y.double(), spec(), NAMES if classes else (), parts)


def dense(outputs=3, bias=True):
    return zoo.seeded(
        lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, outputs, bias=bias))
    ).double()


def moved(model, by):
    """The same network with other weights, as a training leaves them."""
    generator = torch.Generator().manual_seed(by)
    return {
        name: part + 0.3 * torch.randn(part.shape, generator=generator, dtype=part.dtype)
        for name, part in model.state_dict().items()
    }


def written_out(model, data, x, y, snapshots, loss, names):
    """Pruthi's sum with one backward pass for each row and each snapshot."""
    model, rows = copy.deepcopy(model).eval(), data.part("train")
    total = torch.zeros(len(x), len(rows), dtype=torch.float64)
    own = torch.zeros(len(rows), dtype=torch.float64)

    def gradient(inputs, answer):
        places = [p for n, p in model.named_parameters() if n.startswith(names)]
        value = loss(model(inputs[None]), answer[None])
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, places)])

    for rate, weights in snapshots:
        model.load_state_dict(weights)
        asked = [gradient(*pair) for pair in zip(x, y, strict=True)]
        for i, pair in enumerate(zip(rows.inputs, rows.answers, strict=True)):
            way = gradient(*pair)
            total[:, i] += rate * torch.stack([way @ other for other in asked])
            own[i] += rate * (way @ way)
    return total, own


def close(a, b, within=1e-5):
    torch.testing.assert_close(a.double(), b.double(), rtol=within, atol=within)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("layers", "names"), [("last", "2."), ("all", "")])
def test_tracin_is_the_sum_of_gradient_products(layers, names, bias):
    model, data = dense(bias=bias), table()
    asked = data.part("test")
    kept = [(0.1, moved(model, 1)), (0.05, moved(model, 2))]
    snapshots = [Snapshot(i, rate, weights) for i, (rate, weights) in enumerate(kept)]
    found = tracin(model, data, asked.inputs, asked.answers, snapshots=snapshots, layers=layers)
    wanted, own = written_out(model, data, asked.inputs, asked.answers, kept, F.cross_entropy, names)
    close(found.values, wanted)
    close(found.own, own)
    assert found.rows.tolist() == (data.parts == 0).nonzero().flatten().tolist()
    assert "epochs 1, 2" in found.note


@pytest.mark.parametrize(("layers", "names"), [("last", "2."), ("all", "")])
def test_regression_is_in_variances_of_the_training_answers(layers, names):
    model, data = dense(1), table(classes=False)
    asked = data.part("test")
    variance = data.part("train").answers.var(correction=0)
    found = tracin(model, data, asked.inputs, asked.answers, layers=layers)
    state = [(1.0, model.state_dict())]
    wanted, own = written_out(
        model,
        data,
        asked.inputs,
        asked.answers,
        state,
        lambda z, y: (z[:, 0] - y).square().mean() / variance,
        names,
    )
    close(found.values, wanted)
    close(found.own, own)
    assert "final weights only" in found.note


class Reader(nn.Module):
    """Numbers of tokens through an embedding, a recurrent layer and fused attention."""

    def __init__(self):
        super().__init__()
        self.table, self.gru = nn.Embedding(9, 4), nn.GRU(4, 4, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, ids):
        x, _ = self.gru(self.table(ids))
        return self.head(F.scaled_dot_product_attention(x, x, x).mean(1))


def test_all_parameters_of_recurrent_layers_and_fused_attention():
    model = zoo.seeded(Reader).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 9, (12, 5), generator=generator)
    parts = torch.zeros(12, dtype=torch.int8)
    parts[10:] = 2
    data = Dataset("ids", x, torch.arange(12) % 3, spec(5), NAMES, parts)
    data = dataclasses.replace(data, spec=Anything())
    found = tracin(model, data, x[10:], data.answers[10:], layers="all", compute=Compute(batch_size=4))
    wanted, own = written_out(
        model, data, x[10:], data.answers[10:], [(1.0, model.state_dict())], F.cross_entropy, ""
    )
    close(found.values, wanted)
    close(found.own, own)
    last, own = written_out(
        model, data, x[10:], data.answers[10:], [(1.0, model.state_dict())], F.cross_entropy, "head"
    )
    close(tracin(model, data, x[10:], data.answers[10:]).values, last)


class Anything(type(spec()).__base__):
    """A spec that says nothing."""

    axes = ("T",)

    def check(self, x):
        pass

    def groups(self, x):
        return torch.arange(x.shape[1])

    def absent(self, x):
        return torch.zeros_like(x)

    def group_names(self, x):
        return tuple(map(str, range(x.shape[1])))


def test_batch_size_does_not_matter_and_the_network_stays_as_it_was():
    model, data = dense().train(), table()
    model.append(nn.Dropout(0.5))
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before = copy.deepcopy(model.state_dict())
    asked = data.part("test")
    for method in (
        lambda how: tracin(model, data, asked.inputs, asked.answers, compute=how),
        lambda how: tracin(model, data, asked.inputs, asked.answers, layers="all", compute=how),
        lambda how: representer_points(model, data, asked.inputs, asked.answers, compute=how),
    ):
        close(method(Compute(batch_size=100)).values, method(Compute(batch_size=3)).values)
    assert model.training
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert all(torch.equal(before[name], part) for name, part in model.state_dict().items())


def test_representer_points_add_up_to_the_refitted_output():
    model, data = dense(), table(60)
    asked = data.part("test")
    found = representer_points(model, data, asked.inputs, asked.answers, ridge=0.01)
    assert float(found.gap.abs().max()) < 1e-5 * float(found.reference.abs().max())
    close(found.values.sum(1), found.reference, 1e-4)
    assert "ridge 0.01" in found.note


def test_representer_points_of_a_ridge_regression_are_its_closed_form():
    model, data = dense(1), table(classes=False)
    train_rows, asked = data.part("train"), data.part("test")
    variance = train_rows.answers.var(correction=0)
    found = representer_points(model, data, asked.inputs, asked.answers, ridge=0.02)
    H, h = (
        torch.cat([model[:2](x), torch.ones(len(x), 1)], 1).detach()
        for x in (train_rows.inputs, asked.inputs)
    )
    n = len(H)
    weight = torch.linalg.solve(
        H.T @ H / n / variance + 0.02 * torch.eye(7), H.T @ train_rows.answers / n / variance
    )
    close(found.reference, h @ weight, 1e-4)
    pull = (train_rows.answers - H @ weight) / (0.02 * n * variance)
    close(found.values, pull * (h @ H.T), 1e-4)


def fitted(x, y, ridge=1e-2):
    """Multinomial regression to its minimum; convex, so that leaving a row out has one answer."""
    weight = torch.zeros(3, x.shape[1], dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([weight], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def objective():
        search.zero_grad()
        value = F.cross_entropy(x @ weight.T, y) + ridge * weight.square().sum()
        value.backward()
        return value

    search.step(objective)
    return weight.detach()


def test_leaving_a_row_out_raises_the_loss_as_foretold():
    data = table(60)
    rows, asked = data.part("train"), data.part("test")
    model = nn.Linear(4, 3, bias=False).double()
    model.weight.data.copy_(fitted(rows.inputs, rows.answers))
    before = F.cross_entropy(model(asked.inputs), asked.answers, reduction="none").detach()
    rise = []
    for i in range(len(rows)):
        kept = torch.arange(len(rows)) != i
        weight = fitted(rows.inputs[kept], rows.answers[kept])
        after = F.cross_entropy(asked.inputs @ weight.T, asked.answers, reduction="none")
        rise.append(after - before)
    rise = torch.stack(rise, 1)
    alike = F.normalize(asked.inputs, dim=1) @ F.normalize(rows.inputs, dim=1).T
    found = {
        "tracin": tracin(model, data, asked.inputs, asked.answers).values.double(),
        "points": representer_points(model, data, asked.inputs, asked.answers).values.double(),
        "alike": alike * torch.where(asked.answers[:, None] == rows.answers, 1.0, -1.0),
    }
    right = {
        name: torch.stack(
            [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(v, rise, strict=True)]
        ).mean()
        for name, v in found.items()
    }
    assert right["tracin"] > 0.8
    assert right["points"] > 0.55
    # how alike rows of the same answer are foretells some of it too
    assert right["tracin"] > right["alike"] + 0.15


def test_flipped_labels_are_among_those_that_did_most_for_themselves():
    data = table(150, seed=3)
    x = data.inputs.clone()
    answers = (x @ torch.eye(4, 3).double()).argmax(1)
    numbers = (data.parts == 0).nonzero().flatten()
    wrong = numbers[::10]
    answers[wrong] = (answers[wrong] + 1) % 3
    data = dataclasses.replace(data, answers=answers)
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))).double()
    running = train(model, data, epochs=12, batch_size=16, optimizer="sgd", snapshots=4, instruments=False)
    for _ in running:
        pass
    asked = data.part("test")
    snapshots = running.record.snapshots
    assert [kept.epoch for kept in snapshots] == [3, 7, 11]
    for found in (
        tracin(model, data, asked.inputs, asked.answers, snapshots=snapshots),
        tracin(model, data, asked.inputs, asked.answers, snapshots=snapshots, layers="all"),
        representer_points(model, data, asked.inputs, asked.answers),
    ):
        recall = len(set(found.suspects(len(wrong)).tolist()) & set(wrong.tolist())) / len(wrong)
        # chance finds a tenth
        assert recall > 0.5


def test_agrees_with_captum():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        captum = pytest.importorskip(
            "captum.influence", reason="the referee captum is not installed (extra: peers)"
        )
    model, data = dense(bias=False), table()
    rows, asked = data.part("train"), data.part("test")
    kept = [(0.1, moved(model, 1)), (0.05, moved(model, 2))]

    def put(net, snapshot):
        net.load_state_dict(snapshot[1])
        return snapshot[0]

    peer = captum.TracInCPFast(
        copy.deepcopy(model),
        "2",
        torch.utils.data.TensorDataset(rows.inputs, rows.answers),
        kept,
        checkpoints_load_func=put,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        batch_size=8,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = peer.influence((asked.inputs, asked.answers))
    snapshots = [Snapshot(i, rate, weights) for i, (rate, weights) in enumerate(kept)]
    found = tracin(model, data, asked.inputs, asked.answers, snapshots=snapshots)
    close(found.values, wanted)


def test_what_does_not_fit_is_refused():
    model, data = dense(), table()
    asked = data.part("test")
    with pytest.raises(InputError, match="an answer for each"):
        tracin(model, data, asked.inputs, asked.answers[:1])
    with pytest.raises(InputError, match="class numbers 0 to 2"):
        tracin(model, data, asked.inputs, asked.answers + 5)
    with pytest.raises(InputError, match="last"):
        tracin(model, data, asked.inputs, asked.answers, layers="lasst")
    with pytest.raises(InputError, match="another network"):
        tracin(model, data, asked.inputs, asked.answers, snapshots=[Snapshot(0, 1.0, dense(5).state_dict())])
    with pytest.raises(InputError, match="ridge"):
        representer_points(model, data, asked.inputs, asked.answers, ridge=0)
    with pytest.raises(InputError, match="no training rows"):
        tracin(model, dataclasses.replace(data, parts=data.parts.clamp(min=1)), asked.inputs, asked.answers)
    pictures = nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 3, 2), nn.Flatten()).double()
    with pytest.raises(MethodError, match="layers='all'"):
        tracin(pictures, data, asked.inputs, asked.answers)
    each = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Linear(2, 3), nn.Flatten()).double()
    with pytest.raises(MethodError, match="layers='all'"):
        representer_points(each, data, asked.inputs, asked.answers)
    found = tracin(model, data, asked.inputs, asked.answers)
    with pytest.raises(InputError, match="row must be"):
        found.proponents(99)


def trained(data, **more):
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, data.outputs))).double()
    running = train(model, data, epochs=4, snapshots=3, instruments=False, **more)
    for _ in running:
        pass
    return Subject(model, data, data.spec, data.classes, record=running.record)


def test_the_verb_takes_rows_and_the_weights_up_to_the_best_epoch():
    subject = trained(table(60))
    record = subject.record
    found = influence(subject, [0, 2])
    assert len(found) == 2
    with torch.no_grad():
        assert torch.equal(found.answers, subject.model(found.inputs).argmax(1))
    used = [k.epoch for k in record.snapshots if k.epoch <= record.best_epoch]
    assert found.params["epochs"] == (used or [k.epoch for k in record.snapshots])
    for row in range(2):
        numbers, values = found.proponents(row, 3)
        assert (values > 0).all()
        assert (subject.data.parts[numbers] == 0).all()
        assert float(values[0]) == float(found.values[row].max())
        assert (found.opponents(row)[1] < 0).all()
    assert influence(subject, 0, method="representer_points").method == "representer_points"
    with pytest.raises(InputError, match="numbered 0 to"):
        influence(subject, 999)
    with pytest.raises(InputError, match="answers="):
        influence(trained(table(60, classes=False)), torch.zeros(1, 4).double())
    assert len(influence(trained(table(60, classes=False)), 1)) == 1


def test_snapshots_survive_a_resumed_training_and_storing(tmp_path):
    data, place = table(60), tmp_path / "checkpoint.safetensors"
    whole = trained(data).record.snapshots
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))).double()
    running = train(model, data, epochs=4, snapshots=3, instruments=False, checkpoint=place)
    next(running)
    next(running)
    running.close()
    again = trained(data, checkpoint=place).record
    read = load(save(again, tmp_path / "record.safetensors"))
    for found in (again, read):
        assert [k.epoch for k in found.snapshots] == [k.epoch for k in whole] == [1, 3]
        for a, b in zip(found.snapshots, whole, strict=True):
            assert a.learning_rate == b.learning_rate
            assert all(torch.equal(a.weights[name], b.weights[name]) for name in b.weights)
    found = influence(trained(data), 0)
    kept = load(save(found, tmp_path / "influence.safetensors"))
    assert torch.equal(kept.values, found.values)


def test_the_figure_says_in_words_which_rows_they_are():
    subject = trained(table(60))
    found = influence(subject, 0)
    figure = drawn(found, subject.data)
    numbers, values = found.proponents(0)
    assert f"training row {int(numbers[0])}" in figure.alt
    assert figure.table.rows[0][2] == int(numbers[0])
    assert figure.table.rows[0][-1] == pytest.approx(float(values[0]))
    assert "c0" in figure.table.rows[0][4]
    assert figure.chart is None
    assert "training rows" in figures.mimebundle(found)["text/plain"]


def test_texts_are_written_out():
    texts = ["a good film", "a bad film", "good", "bad bad"] * 4
    reader = WordTokenizer.learn(texts)
    spec = TextSpec(tokenizer=reader, length=4)
    parts = torch.zeros(16, dtype=torch.int8)
    parts[14:] = 2
    data = Dataset("films", spec.encode(texts), torch.tensor([1, 0] * 8), spec, ("bad", "good"), parts)
    model = zoo.seeded(lambda: nn.Sequential(nn.Embedding(spec.size, 5), Mean(), nn.Linear(5, 2)))
    found = tracin(model, data, data.inputs[14:15], data.answers[14:15])
    for line in drawn(found, data).table.rows:
        assert line[4] == texts[line[2]]
        assert line[3] == data.classes[int(data.answers[line[2]])]


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


def test_pictures_stand_beside_what_was_explained():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(20, 1, 6, 6, generator=generator)
    parts = torch.zeros(20, dtype=torch.int8)
    parts[15:] = 2
    data = Dataset("pictures", x, torch.arange(20) % 2, ImageSpec(channels=1), ("no", "yes"), parts)
    model = zoo.seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 2)))
    found = tracin(model, data, x[15:16], data.answers[15:16])
    figure = drawn(found, data)
    assert figure.chart is not None
    assert "training row" in figure.alt
    assert figure.static()
