"""Two networks against each other: numbers against slow twins, and refusals in words."""

import dataclasses
import json

import pytest
import torch
from scipy.stats import binomtest, spearmanr
from torch import nn

import pellucid
from pellucid import figures
from pellucid.errors import InputError
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.report import compare_page
from pellucid.tasks._compared import of_means, paired, sign_p

N, COLUMNS = 300, 6


def linear(weights):
    network = nn.Linear(COLUMNS, 2)
    with torch.no_grad():
        network.bias.zero_()
        network.weight.copy_(torch.stack([-torch.tensor(weights), torch.tensor(weights)]) / 2)
    return network


def table(mean=0.0, std=1.0):
    return TabularSpec([Column(f"c{k}", mean=mean, std=std) for k in range(COLUMNS)])


X = torch.randn(N, COLUMNS, generator=torch.Generator().manual_seed(0))
X[:, 1] = X[:, 0]  # the same said twice, so that either reason gives the same answers
Y = (X[:, 0] > 0).long()
FIRST, SECOND = linear([3.0, 0, 0, 0, 0, 0]), linear([0, 3.0, 0, 0, 0, 0])


def opened(network, *, x=X, y=Y, spec=None, name="one", classes=("no", "yes")):
    return pellucid.open(network, data=(x, y), spec=spec or table(), classes=classes, name=name)


@pytest.fixture(scope="module")
def apart():
    return pellucid.compare(opened(FIRST), opened(SECOND, name="other"), rows=40)


def test_the_same_answers_for_different_reasons_are_told(apart):
    assert apart.answers.score.value == 0
    assert apart.answers.same == apart.answers.n
    own = apart.reasons
    assert own.different == 40
    assert own.floor.median() > 0.9
    assert own.alike.max() < 0.9
    for row in range(3):
        slow = spearmanr(own.a.values[row].numpy(), own.b.values[row].numpy()).statistic
        at = own.rows.tolist().index(int(own.cases[row]))
        assert float(own.alike[at]) == pytest.approx(slow, abs=1e-5)


def test_a_network_beside_itself_differs_in_nothing():
    found = pellucid.compare(opened(FIRST), opened(FIRST, name="again"), rows=20)
    assert found.answers.only_a == found.answers.only_b == 0
    assert found.answers.score.p == 1
    assert found.reasons.different == 0
    assert all(one.a == one.b for one in found.rules)
    assert all(one.value == 0 for one in found.evidence)
    assert torch.allclose(found.layers.values.diagonal(), torch.ones(1, dtype=torch.float64), atol=1e-4)


def test_a_rule_that_only_one_follows_is_found():
    found = pellucid.compare(opened(FIRST), opened(linear([0, 0, 3.0, 0, 0, 0]), name="other"), rows=20)
    own = {one.of: one for one in found.rules}
    assert "c0" in own["A"].rule or "c1" in own["A"].rule
    assert "c2" in own["B"].rule
    assert own["A"].a > 0.9 > 0.8 > own["A"].b
    assert own["A"].low > 0
    assert own["B"].high < 0
    right = [found.answers.both_right, found.answers.only_a, found.answers.only_b, found.answers.both_wrong]
    assert sum(right) == found.n
    assert found.answers.score.high < 0


def test_mcnemar_is_the_exact_binomial_test():
    draw = torch.Generator().manual_seed(1)
    a, b = torch.rand(80, generator=draw) < 0.7, torch.rand(80, generator=draw) < 0.5
    found = paired("x", a, b)
    up, down = int((b & ~a).sum()), int((a & ~b).sum())
    assert found.p == pytest.approx(binomtest(up, up + down).pvalue)
    assert found.low < found.value < found.high
    assert sign_p(0, 0) == 1


def test_its_interval_covers_as_often_as_it_says():
    draw = torch.Generator().manual_seed(2)
    hits = 0
    for _ in range(400):
        both = torch.rand(60, generator=draw)
        a, b = both < 0.7, (both < 0.6) | (torch.rand(60, generator=draw) < 0.2)
        truth = 0.6 + 0.4 * 0.2 - 0.7
        found = paired("x", a, b)
        hits += found.low <= truth <= found.high
    assert hits >= 368  # 92 %


def test_means_are_compared_on_rows_that_both_have():
    a = torch.tensor([1.0, 2, float("nan"), 4])
    found = of_means("x", a, a + 1, seed=0)
    assert (found.value, found.low, found.high, found.n) == (1, 1, 1, 3)
    assert of_means("x", a * float("nan"), a, seed=0).n == 0


def test_other_scales_are_recoded():
    spec = table(mean=1.0, std=2.0)
    network = nn.Sequential(nn.Linear(COLUMNS, COLUMNS), FIRST)
    with torch.no_grad():
        network[0].weight.copy_(2 * torch.eye(COLUMNS))
        network[0].bias.fill_(1.0)
    other = opened(network, x=(X - 1) / 2, spec=spec, name="scaled")
    found = pellucid.compare(opened(FIRST), other, rows=20)
    assert found.answers.same == found.n
    assert found.layers is None
    assert any("scaled inputs" in note for note in found.notes)


def test_rows_that_one_learned_from_are_left_out():
    one = opened(FIRST)
    data = one.data
    parts = data.parts.clone()
    test = (parts == 2).nonzero().flatten()
    parts[test[: len(test) // 2]] = 0
    other = dataclasses.replace(opened(SECOND, name="other"), data=dataclasses.replace(data, parts=parts))
    found = pellucid.compare(one, other, rows=10)
    assert found.n == len(test) - len(test) // 2
    assert any("learned from are left out" in note for note in found.notes)


def test_what_cannot_be_compared_is_refused_in_a_sentence():
    one = opened(FIRST)
    pictures = pellucid.open(
        nn.Sequential(nn.Flatten(), nn.Linear(16, 2)),
        data=(torch.rand(60, 1, 4, 4), torch.tensor([0, 1] * 30)),
        spec=ImageSpec(1, (4, 4)),
        classes=("no", "yes"),
    )
    named = TabularSpec([Column(f"d{k}") for k in range(COLUMNS)])
    for other, words in [
        (pictures, "reads rows of a table, .* pictures"),
        (opened(SECOND, classes=("yes", "no")), "the same classes in the same order"),
        (opened(SECOND, spec=named), "different columns"),
        (opened(nn.Linear(3, 2), x=X[:, :3], spec=TabularSpec([Column(c) for c in "abc"])), "shape"),
        (pellucid.open(SECOND, spec=table(), classes=("no", "yes")), "needs data"),
    ]:
        with pytest.raises(InputError, match=words):
            pellucid.compare(one, other)


def test_numbers_are_compared_too():
    values = X[:, 0] * 2
    subjects = [
        pellucid.open(network, data=(X, values), spec=table(), name=name)
        for name, network in [("one", nn.Linear(COLUMNS, 1)), ("other", nn.Linear(COLUMNS, 1))]
    ]
    found = pellucid.compare(*subjects, rows=20)
    assert found.answers.same is None
    held = pellucid.tasks.held_out(subjects[0].data)
    far = (subjects[0].model(held.inputs).flatten() - held.answers).abs().mean()
    assert found.answers.score.a == pytest.approx(far.item(), rel=1e-5)
    assert figures.figures_of(found)


def test_the_page_and_the_value(apart, tmp_path):
    page = compare_page(apart, tmp_path / "page.html").read_text(encoding="utf-8")
    for words in ("Who is right where", "Same answer, same reason?", "Rules that only one follows"):
        assert words in page
    assert "<script" not in page
    again = pellucid.load(pellucid.save(apart, tmp_path / "value"))
    assert torch.equal(again.reasons.alike, apart.reasons.alike)
    assert again.rules == apart.rules


def test_the_command(tmp_path, capsys, monkeypatch):
    from pellucid.cli._app import app

    for seed in (0, 1):
        pellucid.save_run(pellucid.train("breast-cancer", epochs=1), tmp_path / f"run{seed}")
    runs = [str(tmp_path / f"run{seed}") for seed in (0, 1)]
    page = tmp_path / "page.html"
    app(["compare", *runs, "--rows", "8", "--json", "--out", str(page)], standalone_mode=False)
    held = json.loads(capsys.readouterr().out)
    assert held["command"] == "compare"
    assert held["results"]["answers"]["score"]["value"] == 0
    assert page.exists()


def test_categories_are_not_slightly_moved():
    levels = ("own", "rent", "free")
    spec = TabularSpec([Column("age", mean=40, std=10), Column("home", levels=levels)])
    homes = torch.arange(N) % 3
    x = torch.cat([X[:, :1], nn.functional.one_hot(homes, 3).float()], 1)
    y = ((x[:, 0] > 0) ^ (homes == 2)).long()
    nets = [nn.Linear(4, 2) for _ in range(2)]
    sides = [opened(net, x=x, y=y, spec=spec, name=f"net {k}") for k, net in enumerate(nets)]
    found = pellucid.compare(*sides, rows=20)
    assert len(found.reasons.floor) == len(found.reasons.rows)
    assert found.reasons.floor.isfinite().all()
