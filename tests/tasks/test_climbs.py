"""The verb ``features`` beyond single units."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import pellucid
from pellucid import figures, tasks
from pellucid.errors import InputError, StoreError, TargetError
from pellucid.features import Channel, Concept, Difference, Direction, Logit, Unit
from pellucid.inputs import ImageSpec


@pytest.fixture(scope="module")
def shapes():
    """Pictures with a bright left or right half, and a CNN that tells them apart."""
    generator = torch.Generator().manual_seed(0)
    x = 0.3 * torch.rand(120, 1, 12, 12, generator=generator)
    y = torch.arange(120) % 2
    x[y == 0, :, :, :6] += 0.7 * torch.rand(60, 1, 1, 1, generator=generator)
    x[y == 1, :, :, 6:] += 0.7 * torch.rand(60, 1, 1, 1, generator=generator)
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AvgPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(36, 2),
    )
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return pellucid.open(net, data=(x, y), spec=ImageSpec(1, (12, 12)), classes=["left", "right"])


FEW = {"steps": 24, "seeds": 2}


def halves(picture):
    return float(picture[..., :6].mean()), float(picture[..., 6:].mean())


def test_rows_are_not_pushed_towards_an_answer_within_a_layer(shapes):
    with pytest.raises(InputError, match="caricature, which exaggerates a whole layer"):
        pellucid.features(shapes, "0", accentuate=[0], **FEW)


def test_classes_and_their_difference(shapes):
    goals = [tasks.class_objective(shapes, "right"), tasks.difference_objective(shapes, ["left", "right"])]
    assert goals == [Logit(1, "right"), Difference(Logit(0, "left"), Logit(1, "right"))]
    page = pellucid.features(shapes, objectives=goals, **FEW)
    assert page.pictures.labels == ("right", "left − right")
    assert page.exemplars is None
    assert page.pictures.site == "."
    left, right = halves(page.pictures.pictures[0])
    assert right > left
    left, right = halves(page.pictures.pictures[1])
    assert left > right
    # the strongest real inputs of the difference are lefts
    assert (shapes.data.answers[page.pictures.rows[1]] == 0).all()
    tiles = figures.feature_tiles(page.pictures, page.exemplars, page.real)
    assert tiles.title == "What moves the output most"
    assert [row[0] for row in tiles.table.rows] == ["right", "left − right"]


def test_faces_are_several_and_of_a_class_apart_where_positions_are(shapes):
    page = pellucid.features(shapes, objectives=[Logit(0)], faces=3, steps=12)
    assert page.pictures.pictures.shape[1] == 3
    assert page.pictures.params["diversity"] > 0
    assert "held apart" in page.pictures.note


def test_rows_are_accentuated_towards_what_the_network_reads(shapes):
    page = pellucid.features(shapes, accentuate=[3, 4], **FEW)
    assert page.pictures.labels == ("row 3: right", "row 4: left")
    assert torch.equal(page.pictures.origins, shapes.data.inputs[[3, 4]])
    figure = figures.feature_tiles(page.pictures)
    assert figure.title == "Inputs changed to move the output more"
    assert figure.note.startswith("2 of 2 inputs shown.")
    assert figure.table.columns[-2:] == ("the input itself", "moved")
    both = pellucid.features(shapes, "0", accentuate=[3, 4], objectives=[Channel(0), Channel(1)], **FEW)
    assert both.pictures.labels[:2] == ("row 3: channel 0", "row 3: channel 1")


def test_a_caricature_looks_like_its_row(shapes):
    page = pellucid.features(shapes, "0", caricatures=[2, 5], **FEW)
    assert page.pictures.labels == ("like row 2", "like row 5")
    assert [halves(p)[0] > halves(p)[1] for p in page.pictures.pictures] == [True, False]
    assert figures.feature_tiles(page.pictures).title == "What 0 keeps of inputs, exaggerated"


def test_directions_are_classes_columns_and_files(shapes, tmp_path):
    (of_class,) = tasks.direction_objectives(shapes, "right")
    assert isinstance(of_class, Concept)
    assert len(of_class.inputs) == 60
    save_file({"edge": torch.ones(4), "spot": torch.arange(4.0)}, tmp_path / "v.safetensors")
    named = tasks.direction_objectives(shapes, str(tmp_path / "v.safetensors"))
    assert sorted(map(str, named)) == ["edge", "spot"]
    np.save(tmp_path / "w.npy", np.eye(4, dtype=np.float32)[:2])
    assert [str(each) for each in tasks.direction_objectives(shapes, str(tmp_path / "w.npy"))] == [
        "w 0",
        "w 1",
    ]
    assert all(isinstance(each, Direction) for each in named)
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="no vectors that can be read"):
        tasks.direction_objectives(shapes, str(tmp_path / "o.npy"))
    with pytest.raises(InputError, match=r"no class.*Did you mean right"):
        tasks.direction_objectives(shapes, "rigt")
    page = pellucid.features(shapes, "0", objectives=[of_class], steps=8)
    assert page.pictures.labels == ("direction of right",)


def test_what_does_not_go_together_is_refused(shapes, tmp_path):
    for wrong in (
        {"faces": 2, "accentuate": [1]},
        {"units": [1], "objectives": [Unit(2)]},
        {"caricatures": [1], "objectives": [Unit(2)]},
    ):
        with pytest.raises(InputError):
            pellucid.features(shapes, "0", **wrong)
    with pytest.raises(InputError, match="such as 4; got 0"):
        pellucid.features(shapes, "0", units=[1], faces=0)
    with pytest.raises(InputError, match="numbered 0 to 119"):
        pellucid.features(shapes, accentuate=[120])
    with pytest.raises(TargetError, match="leave the layer away"):
        pellucid.features(shapes, "0", objectives=[Logit(0)])
    with pytest.raises(TargetError, match="between two classes"):
        tasks.difference_objective(shapes, ["left"])
    pellucid.features(shapes, "0", units=[1], steps=2, keep=tmp_path / "kept")
    with pytest.raises(StoreError, match="objectives"):
        pellucid.features(shapes, "0", units=[2], steps=2, keep=tmp_path / "kept")


def test_the_estimate_counts_every_kind_of_climb(shapes):
    rows = [0]
    given = {"objectives": [Logit(0)], "faces": 2, "steps": 10}
    plan = tasks.estimate_features(shapes, **given)
    hook = shapes.model.register_forward_pre_hook(lambda _, x: rows.__setitem__(0, rows[0] + len(x[0])))
    pellucid.features(shapes, **given)
    hook.remove()
    # untrained copies carry the hook along
    assert plan.forward == rows[0]
    assert plan.exact


def test_columns_show_what_changed_in_a_row():
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    net = torch.nn.Linear(3, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, -1.0]]))
    subject = pellucid.open(net, data=(x, torch.arange(60) % 2))
    page = pellucid.features(subject, objectives=[Logit(1)], accentuate=[7], steps=40)
    values = figures.feature_tiles(page.pictures).chart["data"]["values"]
    drawn = {cell["column"]: cell["value"] for cell in values if cell["value"] is not None}
    made = page.pictures.pictures[0].mean(0) - x[7]
    assert [drawn[name] for name in sorted(drawn)] == pytest.approx(made.double().tolist(), abs=1e-5)
