"""The verb ``concepts``: sets from columns and from folders."""

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid
from layers.nets import conv, trained
from pellucid.errors import InputError, TargetError
from pellucid.inputs import ImageSpec


@pytest.fixture(scope="module")
def planted():
    """Only the first of four columns decides."""
    x = torch.rand(400, 4, generator=torch.Generator().manual_seed(0))
    data = pellucid.data.arrays(x, (x[:, 0] > 0.5).long(), classes=["low", "high"], name="planted")
    return pellucid.train(data, epochs=40, patience=None)


def test_the_column_that_decides_is_a_concept_of_the_class(planted):
    name = planted.spec.columns[0].name
    found = pellucid.concepts(planted, "high", name, draws=199)
    assert found.concepts == (f"high {name}", f"low {name}")
    assert "dense1" in found.sites
    assert found.words[0][-1] == "supported"
    assert found.effect[0, -1] > 0 > found.effect[1, -1]
    with pytest.raises(TargetError, match="No class is called"):
        pellucid.concepts(planted, "middling", name)
    with pytest.raises(InputError, match="No column is called"):
        pellucid.concepts(planted, 1, "nothing")


def test_folders_of_pictures_are_concepts_on_the_scale_of_the_network(tmp_path):
    generator = torch.Generator().manual_seed(0)
    x = 0.6 * torch.rand(200, 1, 8, 8, generator=generator)
    y = torch.arange(200) % 2
    x[y == 1, :, :4] += 0.4
    net = trained(conv(), 2 * x - 1, y, 80)
    spec = ImageSpec(mean=(0.5,), std=(0.5,))
    subject = pellucid.open(net, data=(2 * x - 1, y), spec=spec, classes=["plain", "topped", "none"])
    draw = np.random.default_rng(0)
    for name in ("bright top", "random"):
        folder = tmp_path / name
        folder.mkdir()
        for k in range(32):
            pixels = draw.uniform(0, 0.6, (8, 8))
            pixels[:4] += 0.4 if name == "bright top" else 0
            Image.fromarray((255 * pixels).astype(np.uint8)).save(folder / f"{k}.png")
    found = pellucid.concepts(subject, "topped", tmp_path, ["0"], draws=199)
    assert found.concepts == ("bright top",)
    assert found.n_random == 32
    assert found.score[0, 0] > 0.9
    assert found.p_holm[0, 0] < 0.05
