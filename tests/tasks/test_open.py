"""Opening networks in every state a user may bring them in."""

from pathlib import Path

import pytest
import torch
from torch import nn

import pellucid
from pellucid.errors import InputError, LoadError, MethodError
from pellucid.inputs import ImageSpec


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2))


def rows(n=60):
    draw = torch.Generator().manual_seed(0)
    return torch.rand(n, 3, generator=draw), torch.arange(n) % 2


def test_train_mode_and_frozen_networks_come_back_as_they_were():
    model = net().train()
    model[0].weight.requires_grad_(False)
    subject = pellucid.open(model, data=rows())
    pellucid.explain(subject, rows()[0][:2], method="integrated_gradients")
    pellucid.layers(subject)
    assert model.training
    assert model[2].training
    assert not model[0].weight.requires_grad
    assert model[3].weight.requires_grad
    assert model[3].weight.grad is None
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())


def test_dropout_does_not_disturb_an_explanation():
    subject = pellucid.open(net().train(), data=rows())
    x = rows()[0][:4]
    first = pellucid.explain(subject, x, method="saliency", cards=False)
    again = pellucid.explain(subject, x, method="saliency", cards=False)
    assert torch.equal(first.map, again.map)


def test_half_precision_is_told():
    with pytest.raises(InputError, match=r"torch.float32.*torch.float16"):
        pellucid.open(net().half(), data=rows())


def test_another_device_is_told():
    with pytest.raises(InputError, match="meta"):
        pellucid.open(net().to("meta"), data=rows())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((torch.rand(8, 4), torch.tensor([0, 1] * 4)), "shape"),
        ((torch.full((8, 3), float("nan")), torch.tensor([0, 1] * 4)), "finite"),
        ((torch.rand(8, 3), torch.tensor([0, 1] * 3)), "8"),
        ((torch.rand(0, 3), torch.zeros(0, dtype=torch.int64)), "row"),
    ],
)
def test_data_that_do_not_fit(data, words):
    with pytest.raises(pellucid.errors.PellucidError, match=words):
        pellucid.open(net(), data=data)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"data": (rows()[0], rows()[1].float())}, r"2 outputs, and answers are floating.*y\.long\(\)"),
        ({"data": rows(), "spec": ImageSpec}, r"a value such as TabularSpec\(columns\), got <class"),
        ({"data": rows(), "classes": "ny"}, r"such as \['no', 'yes'\], got 'ny'"),
    ],
    ids=["floats", "spec", "classes"],
)
def test_slips_that_would_have_passed_or_broken_later(given, words):
    with pytest.raises(InputError, match=words):
        pellucid.open(net(), **given)


def test_arrays_that_may_only_be_read_as_those_of_data_frames():
    x, y = rows()
    numbers = x.numpy().copy()
    numbers.setflags(write=False)
    assert torch.equal(pellucid.open(net(), data=(numbers, y)).data.inputs, x)


def test_pixels_of_another_range_are_told():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    x = torch.rand(8, 1, 4, 4) * 255
    with pytest.raises(InputError, match="255"):
        pellucid.open(model, data=(x, torch.tensor([0, 1] * 4)), spec=ImageSpec())


def test_answers_that_show_some_classes_leave_the_others_numbered():
    x, y = rows()
    wide = nn.Linear(3, 4)
    subject = pellucid.open(wide, data=(x, y))
    assert subject.classes == subject.data.classes == ("0", "1", "2", "3")
    assert pellucid.explain(subject, x[:1], target="3", method="saliency", cards=False).map.shape == (1, 3)
    with pytest.raises(InputError, match="has 2 outputs, and answers go up to 3"):
        pellucid.open(net(), data=(x, torch.arange(60) % 4))
    for named in ({"data": (x, ["no", "yes"] * 30)}, {"data": (x, y), "classes": ["no", "yes"]}):
        with pytest.raises(InputError, match=r"4 outputs, 2 classes are named \(no, yes…\)"):
            pellucid.open(wide, **named)


def test_rows_that_do_not_fit_are_told_by_what_they_mean():
    subject = pellucid.open(net(), data=rows())
    with pytest.raises(InputError, match=r"Rows: expected \[N, 3\]"):
        pellucid.explain(subject, torch.rand(2, 4), method="saliency")


def test_too_many_names_for_the_outputs():
    with pytest.raises(InputError, match="2 outputs"):
        pellucid.open(net(), data=rows(), classes=["a", "b", "c"])


def test_neither_data_nor_spec():
    with pytest.raises(InputError, match="What do the inputs mean"):
        pellucid.open(net())


def test_a_verb_that_needs_data_says_so():
    subject = pellucid.open(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), spec=ImageSpec())
    with pytest.raises(InputError, match="data="):
        pellucid.layers(subject)
    with pytest.raises(InputError, match="integrated_gradients"):
        pellucid.explain(subject, torch.rand(1, 1, 4, 4))


def test_a_path_that_is_no_run(tmp_path):
    with pytest.raises(LoadError, match="no_run"):
        pellucid.open(tmp_path / "no_run")
    with pytest.raises(InputError, match="int"):
        pellucid.open(3)


@pytest.mark.parametrize(
    "data",
    [
        pellucid.Batch({"left": torch.rand(8, 3), "right": torch.rand(8, 2)}),
        {"left": torch.rand(8, 3), "right": torch.rand(8, 2)},
        (pellucid.Batch({"left": torch.rand(8, 3)}), torch.tensor([0, 1] * 4)),
        ({"left": torch.rand(8, 3)}, torch.tensor([0, 1] * 4)),
        (torch.rand(8, 3), torch.rand(8, 2), torch.tensor([0, 1] * 4)),
    ],
    ids=["batch", "mapping", "batch and answers", "mapping and answers", "three"],
)
def test_several_inputs_are_told_what_takes_them(data):
    with pytest.raises(InputError, match=r"one tensor of inputs.*pellucid.Batch.*pellucid.attribution"):
        pellucid.open(net(), data=data)


@pytest.mark.parametrize("data", [torch.rand(8, 3), torch.rand(8, 3).numpy()])
def test_inputs_without_answers_are_told_to_bring_them(data):
    with pytest.raises(InputError, match=r"data=\(inputs, answers\)"):
        pellucid.open(net(), data=data)


def test_steps_go_through_the_verbs_as_the_documentation_says():
    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = torch.nn.LSTM(2, 3, batch_first=True), torch.nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    torch.manual_seed(0)
    network, x, y = Recurrent(), torch.randn(40, 5, 2), torch.tensor([0, 1] * 20)
    with pytest.raises(MethodError, match=r"x\.flatten\(1\), y.*x\.unflatten\(1, \(5, 2\)\): docs/methods"):
        pellucid.open(network, data=(x, y))
    with pytest.raises(InputError, match=r"Steps \[N, T, D\] are no pictures.*x\.unflatten\(1, \(5, 2\)\)"):
        pellucid.train(pellucid.data.arrays(x, y), network=network, epochs=1)
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text()
    code = next(part for part in page.split("```python\n") if part.startswith("class Steps")).split("```")[0]
    known = {
        "torch": torch,
        "pellucid": pellucid,
        "network": network,
        "x": x,
        "y": y,
        "names": ("load", "heat"),
    }
    known |= vars(pellucid.inputs)
    exec(code, known)
    subject = known["subject"]
    why = pellucid.explain(subject, [0], method="saliency")
    assert subject.spec.columns[3].name == "heat, step 1"
    assert why.map.shape == (1, 10)
    whole = pellucid.attribution.feature_ablation(
        subject.model, x[:1].flatten(1), 1, groups=torch.arange(5).repeat_interleave(2)[None]
    )
    assert torch.equal(whole.values[:, ::2], whole.values[:, 1::2])
    assert pellucid.layers(subject).rows[0].site == "network.lstm[0]"
