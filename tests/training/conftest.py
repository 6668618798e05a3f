import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from pellucid._core import Dataset, split
from pellucid.inputs import Column, ImageSpec, TabularSpec


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def table(loaded, *, classes):
    x = torch.tensor(loaded.data, dtype=torch.float32)
    y = torch.tensor(loaded.target)
    y = y.long() if classes else y.float()
    parts = split(y, classes=bool(classes))
    train = x[parts == 0]
    x = (x - train.mean(0)) / train.std(0)
    spec = TabularSpec(tuple(Column(str(name)) for name in loaded.feature_names))
    return Dataset("table", x, y, spec, classes, parts)


@pytest.fixture(scope="session")
def cancer():
    return table(load_breast_cancer(), classes=("malignant", "benign"))


@pytest.fixture(scope="session")
def diabetes():
    return table(load_diabetes(), classes=())


@pytest.fixture(scope="session")
def digits():
    loaded = load_digits()
    x = torch.tensor(loaded.images, dtype=torch.float32)[:, None] / 8 - 1
    y = torch.tensor(loaded.target).long()
    return Dataset("digits", x, y, ImageSpec(), tuple("0123456789"), split(y, classes=True))
