import numpy as np
import pytest
import torch

from pellucid import data
from pellucid.errors import InputError, LoadError
from pellucid.inputs import ImageSpec, TabularSpec

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 5, 4)).astype(np.uint8)
Y = np.arange(60) % 3


@pytest.fixture
def saved(tmp_path):
    def save(**members):
        np.savez(tmp_path / "some.npz", **members)
        return tmp_path / "some.npz"

    return save


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (X, (60, 1, 5, 4)),
        (X[..., None], (60, 1, 5, 4)),
        (np.stack([X] * 3, -1), (60, 3, 5, 4)),
        (np.stack([X] * 3, 1), (60, 3, 5, 4)),
        (X / 255, (60, 1, 5, 4)),
        (X.astype(np.float64), (60, 1, 5, 4)),
        (X / 255 * 4 - 2, (60, 1, 5, 4)),
    ],
)
def test_pictures_in_any_layout_and_scale(saved, x, shape):
    made = data.npz(saved(x=x, y=Y))
    assert made.inputs.shape == shape
    assert isinstance(made.spec, ImageSpec)
    made.spec.check(made.inputs)
    expected = torch.tensor(X / 255, dtype=torch.float32)
    low, high = (X.min() / 255, X.max() / 255) if x.min() < 0 else (0, 1)
    assert torch.allclose(made.spec.to_pixels(made.inputs)[:, -1], (expected - low) / (high - low), atol=1e-5)


def test_moments_come_from_training_rows_only(saved):
    made = data.npz(saved(x=X, y=Y))
    train = X[(made.parts == 0).numpy()] / 255
    assert made.spec.mean[0] == pytest.approx(train.mean(), abs=1e-6)
    assert made.spec.std[0] == pytest.approx(train.std(), abs=1e-6)
    assert made.spec.mean[0] != pytest.approx(X.mean() / 255, abs=1e-6)


def test_given_test_rows_stay_test_rows(saved):
    made = data.npz(saved(x_train=X[:40], y_train=Y[:40], x_test=X[40:], y_test=Y[40:]))
    assert (made.parts == 2).nonzero().flatten().tolist() == list(range(40, 60))
    assert int((made.parts == 1).sum()) == 6


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (Y, ("0", "1", "2")),
        (Y + 1, ("1", "2", "3")),
        (Y[:, None], ("0", "1", "2")),
        (np.array(["b", "a", "c"])[Y], ("a", "b", "c")),
    ],
)
def test_classes(saved, y, classes):
    assert data.npz(saved(x=X, y=y)).classes == classes


def test_many_whole_answers_are_classes_of_pictures(saved):
    assert len(data.npz(saved(x=X, y=np.arange(60) % 20)).classes) == 20
    assert data.npz(saved(x=X, y=np.arange(60) % 20), task="regression").task == "regression"
    assert data.npz(saved(x=X, y=np.arange(60) / 7)).task == "regression"


def test_classes_can_be_named(saved):
    made = data.npz(saved(x=X, y=Y, classes=np.array(["zebra", "ant", "bee"])))
    assert made.classes == ("zebra", "ant", "bee")
    assert made.answers.tolist() == Y.tolist()
    with pytest.raises(InputError, match="2 classes are named, but y has 3"):
        data.npz(saved(x=X, y=Y, classes=np.array(["a", "b"])))


def test_tables(saved):
    x = RNG.normal(20, 4, (60, 2))
    made = data.npz(saved(x=x, y=Y, columns=np.array(["width", "height"]), classes=np.array(["c", "b", "a"])))
    assert isinstance(made.spec, TabularSpec)
    assert made.spec.slots == ("width", "height")
    assert (made.classes, made.answers.tolist()) == (("c", "b", "a"), Y.tolist())
    train = x[(made.parts == 0).numpy()]
    assert [c.mean for c in made.spec.columns] == pytest.approx(train.mean(0).tolist())
    decoded = torch.tensor([list(row.values()) for row in made.spec.decode(made.inputs)])
    assert torch.allclose(decoded, torch.tensor(x, dtype=torch.float32), atol=1e-4)


def test_tables_with_given_test_rows_and_number_answers(saved):
    x, y = RNG.normal(size=(60, 2)), RNG.normal(size=60)
    made = data.npz(saved(x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:]))
    assert made.task == "regression"
    assert made.spec.slots == ("x1", "x2")
    assert (made.parts == 2).nonzero().flatten().tolist() == list(range(40, 60))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"images": X, "y": Y}, "no array 'x'"),
        ({"x_train": X, "y_train": Y, "x_tst": X, "y_test": Y}, "no array 'x_test'.*Did you mean x_tst"),
        ({"x": X, "y": Y[:5]}, "every input needs one answer"),
        ({"x": X[:0], "y": Y[:0]}, "no rows"),
        ({"x": X.astype(object), "y": Y}, "could run code"),
        ({"x": X, "y": Y.astype(object)}, "could run code"),
        ({"x": X[:, 0, 0], "y": Y}, "expected pictures or a table"),
        ({"x": X.astype(complex), "y": Y}, "expected numbers"),
        ({"x": X.astype(str), "y": Y}, "expected numbers"),
        ({"x": np.full((60, 2, 2), np.nan), "y": Y}, "NaN or infinity"),
        ({"x": np.full((60, 2), np.nan), "y": Y}, "NaN or infinite"),
        ({"x": X, "y": Y * 0}, "every row has the same answer"),
        ({"x": X[:, :, 0], "y": Y, "columns": np.array(["a"])}, "1 columns are named, but x has 5"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, "different shapes"),
    ],
)
def test_bad_members(saved, members, message):
    with pytest.raises(InputError, match=message):
        data.npz(saved(**members))


def test_files_that_are_no_npz(saved, tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(LoadError, match=r"is no \.npz file"):
        data.npz(tmp_path / "text.npz")
    with pytest.raises(LoadError, match="does not exist"):
        data.npz(tmp_path / "absent.npz")
    whole = saved(x=X, y=Y).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LoadError, match=r"is no \.npz file|damaged"):
        data.npz(tmp_path / "cut.npz")
    (tmp_path / "flipped.npz").write_bytes(whole[:300] + bytes(200) + whole[500:])
    with pytest.raises((LoadError, InputError), match=r"damaged|cannot be read"):
        data.npz(tmp_path / "flipped.npz")


def test_fashion_mnist_file(real_file):
    made = data.npz(real_file("fashion_mnist.npz"))
    assert made.inputs.shape == (25000, 1, 28, 28)
    assert made.parts.bincount().tolist() == [17000, 3000, 5000]
    assert len(made.classes) == 10
    made.spec.check(made.inputs)


def test_series_are_not_taken_for_pictures_in_silence(saved):
    draw = np.random.default_rng(0)
    notes = data.npz(saved(x=draw.normal(size=(20, 12, 5)), y=[0, 1] * 10)).notes
    assert any("read as grey pictures" in note and "series" in note for note in notes)
    grey = data.npz(saved(x=draw.random((20, 12, 5)), y=[0, 1] * 10)).notes
    assert not any("series" in note for note in grey)
