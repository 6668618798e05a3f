"""The verb ``layer`` and its page."""

import importlib

import pytest
import torch
from torch import nn

import pellucid
from layers.nets import conv, trained
from pellucid import tasks
from pellucid._core import Dataset, _field, load, save
from pellucid.errors import SiteError, TargetError
from pellucid.inputs import ImageSpec, TextSpec, WordTokenizer
from pellucid.networks import transformer
from pellucid.report import layer_page


@pytest.fixture(scope="module")
def subject():
    x = torch.rand(160, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0, :4].mean((1, 2)) > x[:, 0, 4:].mean((1, 2))).long()
    net = trained(conv(), x, y, 80)
    net[4] = nn.Linear(64, 2)
    return pellucid.open(trained(net, x, y, 40), data=(x, y), spec=ImageSpec(), classes=["below", "above"])


def test_a_page_has_every_part_beside_its_control(subject, tmp_path):
    page = pellucid.layer(subject, "1")
    assert page.row.kind == "ReLU"
    assert page.row.untrained_rank is not None
    assert page.strongest.units.tolist() == page.middle.units.tolist() == [0, 1, 2, 3]
    assert page.untrained_selectivity.auc.shape == page.effects.drop.shape == (4,)
    assert page.probes is None
    assert "30 rows to fit" in page.notes[0]
    assert page.similarity.sites == ("1",)
    titles = [each.title for each in page.figures()]
    assert titles[:2] == ["1", "Units of 1"]
    grid = page.figures()[1]
    assert "tells" in grid.alt
    assert "untrained" in grid.alt
    assert len(grid.table.rows) == 4
    assert grid.chart is not None
    assert "text/html" in page._repr_mimebundle_()
    html = layer_page(page, tmp_path / "page.html", name="net").read_text()
    assert "net: 1" in html
    assert "<script" not in html
    assert torch.equal(load(save(page, tmp_path / "page.safetensors")).strongest.rows, page.strongest.rows)


@pytest.mark.parametrize("site", ["block1.attention:heads()", "block1.attention.output"])
def test_an_attention_layer_shows_its_heads(site, tmp_path):
    some = [f"{'good' if k % 2 else 'bad'} film {k % 7} with {k % 5} stars" for k in range(60)]
    spec = TextSpec(WordTokenizer.learn(some, least=1))
    data = Dataset(
        "films", spec.encode(some), torch.arange(60) % 2, spec, ("bad", "good"),
        torch.zeros(60, dtype=torch.int8),
    )  # fmt: skip
    reader = pellucid.open(transformer(spec.size, 2).eval(), data=data)
    page = pellucid.layer(reader, site, steps=0)
    assert page.heads.site == "block1.attention"
    assert page.heads.effects is not None
    assert page.heads.untrained_keys.isfinite().all()
    assert "Heads of block1.attention (attention: ranks only)" in [each.title for each in page.figures()]
    assert "Its heads" in layer_page(page, tmp_path / "page.html").read_text()
    assert pellucid.layer(reader, "block1.dense1", steps=0).heads is None


def test_units_may_be_named_and_mistakes_are_told(subject):
    assert tasks.layer(subject, "2", units=[3, 1]).strongest.units.tolist() == [3, 1]
    with pytest.raises(SiteError, match="There are"):
        tasks.layer(subject, "nothing")
    with pytest.raises(TargetError, match="numbered 0 to 3"):
        tasks.layer(subject, "2", units=[9])


def test_regression_has_a_page_without_classes():
    x = torch.rand(150, 3, generator=torch.Generator().manual_seed(0))
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    page = pellucid.layer(pellucid.open(net, data=(x, x.sum(1))), "1")
    assert page.effects is None
    assert page.selectivity is None
    assert page.figures()[1].chart is None


def test_the_page_has_its_sections_in_order_and_nothing_is_dropped_in_silence(subject, tmp_path):
    x = torch.rand(260, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    y = (x[:, 0, :4].mean((1, 2)) > x[:, 0, 4:].mean((1, 2))).long()
    larger = pellucid.open(subject.model, data=(x, y), spec=ImageSpec(), classes=["below", "above"])
    page = pellucid.layer(larger, "1", steps=4, dictionary="nmf")
    html = layer_page(page, tmp_path / "page.html").read_text()
    headings = ["What it is", "Health", "Units", "What breaks without them", "Its space", "Directions"]
    places = [html.index(f">{name}</h2>") for name in [*headings, "What this layer adds"]]
    assert places == sorted(places)
    assert "4 of 4 units drawn" in html
    assert "What could not be computed" in html
    assert "shuffled weights" in html
    assert "<script" not in html


def test_what_a_layer_adds_is_the_difference_of_two_probes():
    from sklearn.linear_model import LogisticRegression

    from pellucid.layers import layer_gain

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 2, generator=generator)
    y = (x.prod(1) > 0).long()
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    net = trained(net, x, y, 300)
    test = torch.arange(400) >= 200
    found = layer_gain(net, x, y, "1", held_out=test)
    assert found.before == "1:in"
    with torch.no_grad():
        entering, leaving = net[0](x), net[:2](x)
    for part, told in ((entering, found.accuracy_before), (leaving, found.accuracy)):
        mean, sd = part[~test].mean(0), part[~test].std(0, correction=0)
        z = ((part - mean) / sd).nan_to_num(0.0, 0.0, 0.0).numpy()
        probe = LogisticRegression(C=1.0, max_iter=2000).fit(z[~test], y[~test])
        assert probe.score(z[test], y[test]) == pytest.approx(told, abs=0.015)
    assert found.low > 0.2
    assert found.gain == pytest.approx(found.accuracy - found.accuracy_before)
    changed = found.changed()
    assert bool((found.read[changed] != found.read_before[changed]).all())
    assert len(changed) == int((found.read != found.read_before).sum())
    assert bool((found.truth == y[test]).all())


def test_a_block_is_told_with_the_layers_in_it() -> None:
    net = torch.nn.Sequential(
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()), torch.nn.Linear(4, 2)
    )
    subject = pellucid.open(net, data=(torch.rand(60, 3), torch.arange(60) % 2))
    with pytest.raises(SiteError, match=r"block of layers.*0\.0, 0\.1"):
        pellucid.layer(subject, "0")


def test_each_receptive_field_is_measured_once(subject, monkeypatch):
    asked = []
    plain = _field.fields

    def counted(model, example, sites, **rest):
        asked.append((tuple(example.shape), tuple(sites)))
        return plain(model, example, sites, **rest)

    for user in ("layers._exemplars", "features._canvas", "layers._summary"):
        monkeypatch.setattr(importlib.import_module(f"pellucid.{user}"), "fields", counted)
    page = pellucid.layer(subject, "1", steps=2)
    row = next(each for each in pellucid.layers(subject).rows if each.site == "1")
    whole = [sites for shape, sites in asked if shape == (1, 1, 8, 8)]
    assert whole[:-1] == [("1",)]
    assert page.row == row
