"""The six lines, executed in a notebook and rendered to a page without a server."""

import pytest

nbclient = pytest.importorskip("nbclient", reason="needs the extra dev: nbclient")
nbconvert = pytest.importorskip("nbconvert", reason="needs the extra dev: nbconvert")
nbformat = pytest.importorskip("nbformat", reason="needs the extra dev: nbformat")

PREPARE = """
import torch
from sklearn.datasets import load_digits
torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x, y = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels)
model = torch.nn.Sequential()
for name, layer in {
    "conv1": torch.nn.Conv2d(1, 8, 3), "relu1": torch.nn.ReLU(),
    "conv2": torch.nn.Conv2d(8, 8, 3), "relu2": torch.nn.ReLU(),
    "flat": torch.nn.Flatten(), "out": torch.nn.Linear(8 * 4 * 4, 10),
}.items():
    model.add_module(name, layer)
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for step in range(60):
    optimizer.zero_grad(); torch.nn.functional.cross_entropy(model(x), y).backward(); optimizer.step()
mean, std, names = (0.0,), (1.0,), [str(i) for i in range(10)]
"""
SIX_LINES = [
    "import pellucid\n"
    "spec = pellucid.inputs.ImageSpec(mean=mean, std=std)\n"
    "subject = pellucid.open(model, data=(x, y), spec=spec, classes=names)",
    "why = pellucid.explain(subject, x[:1])\nwhy",
    "pellucid.features(subject, 'conv2', steps=16)",
    "pellucid.report(subject, 'dossier.html', steps=16, layers=1, units=4)",
]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in [PREPARE, *SIX_LINES]])
    client = nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}})
    return client.execute(), folder


def outputs(book, cell):
    return {kind: text for out in book.cells[cell].outputs for kind, text in out.get("data", {}).items()}


def test_an_explanation_draws_itself(executed):
    book, _ = executed
    shown = outputs(book, 2)
    assert "data:image/png;base64," in shown["text/html"] or "<img" in shown["text/html"]
    assert "<table" in shown["text/html"]
    assert "<script" not in shown["text/html"]
    assert "supported" in shown["text/plain"]


def test_features_draw_themselves(executed):
    book, _ = executed
    assert "<img" in outputs(book, 3)["text/html"]


def test_the_dossier_is_written(executed):
    _, folder = executed
    assert (folder / "dossier.html").stat().st_size > 100_000


def test_the_notebook_renders_to_a_page(executed):
    book, _ = executed
    page, _ = nbconvert.HTMLExporter(embed_images=True).from_notebook_node(book)
    assert page.count("data:image/png;base64,") >= 2
