"""A data set explained into Parquet: read back as written, and with the same bytes after a kill."""

import dataclasses
import signal
import subprocess
import sys
import time

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid.errors import CancelledError, InputError, MethodError, StoreError
from pellucid.evidence._exchange import ON_DATA

pq = pytest.importorskip("pyarrow.parquet")
METHODS = ("saliency", "smoothgrad")


@pytest.fixture(scope="module")
def subject():
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(90, 5, generator=draw)
    data = pellucid.data.arrays(x, (x[:, 0] > 0.5).long(), classes=["low", "high"], name="planted")
    return pellucid.train(data, epochs=3, patience=None)


def test_what_is_written_is_read_back(subject, tmp_path):
    path = pellucid.explain_to(
        tmp_path / "why.parquet", subject, "0-49", methods=METHODS, targets=["low", 1], shard=40
    )
    wanted = pellucid.explain_several(subject, subject.data.inputs[:40], methods=METHODS, targets=["low", 1])
    read = list(pellucid.load_explanations(path))
    assert [len(why) for _, why in read] == [40] * 4 + [10] * 4
    assert torch.equal(read[5][0], torch.arange(40, 50))
    for (_, got), made in zip(read, wanted, strict=False):
        assert torch.equal(got.map, made.map)
        assert torch.equal(got.point, made.point)
        assert torch.equal(got.scores, made.scores)
        assert torch.equal(got.classes, made.classes)
        assert (got.gap is None) == (made.gap is None)
        assert got.stderr is None or torch.equal(got.stderr, made.stderr)
        assert got.cards == made.cards
        assert got.note == made.note
        assert got.class_names == made.class_names
        here, there = (dataclasses.replace(each.provenance, seconds=0.0) for each in (got, made))
        assert (here.method, here.target, here.forward, here.params) == (
            there.method,
            there.target,
            there.forward,
            there.params,
        )
        assert str(here.model) == str(there.model)
    table = pq.read_table(path)
    first = table.slice(0, 1).to_pylist()[0]
    assert first["verdict"] == wanted[0].cards[0].verdict
    assert first["p"] == wanted[0].cards[0].checks[0].p
    assert sum(v for name, v in first.items() if name.startswith("value: ")) == pytest.approx(
        float(wanted[0].map[0].sum()), rel=1e-5
    )
    pellucid.figures.explanations(read[0][1])


def test_an_exchange_of_columns_is_asked_and_read_back(tmp_path):
    """Dear methods on tables are tested on data here as well, shard by shard."""
    x = torch.randn(60, 10, generator=torch.Generator().manual_seed(1))
    data = pellucid.data.arrays(x, (x[:, 0] > 0).long(), classes=["low", "high"], name="planted")
    subject = pellucid.train(data, epochs=3, patience=None)
    path = pellucid.explain_to(tmp_path / "why.parquet", subject, "0-5", methods=["kernel_shap"], shard=4)
    (wanted,) = pellucid.explain_several(subject, subject.data.inputs[:4], methods=["kernel_shap"])
    (_, first), (_, rest) = pellucid.load_explanations(path)
    assert first.cards == wanted.cards
    cards = (*first.cards, *rest.cards)
    asked = [check for card in cards for check in card.checks if check.question == ON_DATA]
    assert [check.n for check in asked] == [70] * 6  # seven times ten columns
    assert {check.word for check in asked} <= {"passed", "mixed"}


SCRIPT = """
import sys, time, torch, pellucid
torch.set_num_threads(1)
subject = pellucid.open_run(sys.argv[1])
slow = pellucid.Compute(64, progress=lambda *_: time.sleep(float(sys.argv[3])))
pellucid.explain_to(sys.argv[2], subject, "0-49", methods=["smoothgrad"], cards=%s, shard=10, compute=slow)
"""


def run(folder, out, pause, *, cards):
    return subprocess.Popen([sys.executable, "-c", SCRIPT % cards, str(folder), str(out), str(pause)])


@pytest.mark.parametrize(("name", "cards", "pause"), [("why.parquet", True, 0.01), ("folder", False, 0.3)])
def test_a_killed_run_ends_with_the_same_bytes(subject, tmp_path, name, cards, pause):
    folder, whole, broken = (
        pellucid.save_run(subject, tmp_path / "run"),
        tmp_path / "a" / name,
        tmp_path / name,
    )
    shards = broken.with_name(name + ".parts") if name.endswith(".parquet") else broken
    process = run(folder, broken, pause, cards=cards)
    until = time.monotonic() + 60
    while not (shards / "part-000001.parquet").exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {file.name: file.stat().st_mtime_ns for file in shards.glob("part-*.parquet")}
    assert 2 <= len(kept) < 5
    opened = pellucid.open_run(folder)
    how = pellucid.Compute(64)
    for out in (broken, whole):
        pellucid.explain_to(out, opened, "0-49", methods=["smoothgrad"], cards=cards, shard=10, compute=how)
    if name.endswith(".parquet"):
        assert broken.read_bytes() == whole.read_bytes()
        assert not shards.exists()
    else:
        for file in whole.glob("part-*.parquet"):
            assert (broken / file.name).read_bytes() == file.read_bytes()
        # what was finished was not made again
        assert all((broken / file).stat().st_mtime_ns == when for file, when in kept.items())
    assert sum(len(why) for _, why in pellucid.load_explanations(broken)) == 50


def test_other_settings_are_refused_by_name(subject, tmp_path):
    for name in ("why.parquet", "folder"):
        out = tmp_path / name
        pellucid.explain_to(out, subject, "0-9", methods=["saliency"], cards=False)
        before = sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*.parquet"))
        pellucid.explain_to(out, subject, "0-9", methods=["saliency"], cards=False)
        assert sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*.parquet")) == before
        with pytest.raises(StoreError, match="methods saliency, now occlusion"):
            pellucid.explain_to(out, subject, "0-9", methods=["occlusion"], cards=False)
        with pytest.raises(StoreError, match=r"rows 10 .*evidence False, now True; seed 0, now 3"):
            pellucid.explain_to(out, subject, "0-19", methods=["saliency"], compute=pellucid.Compute(seed=3))


def test_cancelling_keeps_finished_shards(subject, tmp_path):
    def stop(done, total):
        if done >= 40:
            raise CancelledError("enough")

    out = tmp_path / "why.parquet"
    with pytest.raises(CancelledError):
        pellucid.explain_to(
            out, subject, methods=["saliency"], cards=False, shard=20, compute=pellucid.Compute(progress=stop)
        )
    assert len(list((tmp_path / "why.parquet.parts").glob("part-*"))) == 2
    pellucid.explain_to(out, subject, methods=["saliency"], cards=False, shard=20)
    assert len(list(pellucid.load_explanations(out))) == 5


def test_the_best_method_is_chosen_once_and_told(subject, tmp_path):
    draw = torch.Generator().manual_seed(1)
    x = torch.rand(200, 5, generator=draw)
    data = pellucid.data.arrays(x, (x[:, 0] > 0.5).long(), classes=["low", "high"])
    subject = pellucid.open(subject.model, data=data)
    path = pellucid.explain_to(tmp_path / "why.parquet", subject, "test", cards=False)
    ((rows, why),) = pellucid.load_explanations(path)
    assert torch.equal(rows, tasks.rows_named(data, "test"))
    assert why.provenance.method == tasks.best_method(subject)[0]


def test_mistakes_are_told(subject, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="Did you mean train"):
        pellucid.explain_to(tmp_path / "a.parquet", subject, "trian")
    with pytest.raises(InputError, match="0 to 89"):
        pellucid.explain_to(tmp_path / "a.parquet", subject, "0-90")
    with pytest.raises(InputError, match="twice"):
        pellucid.explain_to(tmp_path / "a.parquet", subject, [1, 1])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StoreError, match="not empty"):
        pellucid.explain_to(tmp_path / "mine", subject, methods=["saliency"])
    with pytest.raises(StoreError, match="does not exist"):
        pellucid.load_explanations(tmp_path / "nothing.parquet")
    import pyarrow as pa

    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(StoreError, match="not one of explanations"):
        list(pellucid.load_explanations(tmp_path / "other.parquet"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"pip install 'pellucid\[parquet\]'"):
        pellucid.explain_to(tmp_path / "a.parquet", subject)


def test_what_failed_before_its_first_shard_stands_in_nobodys_way(subject, tmp_path):
    out = tmp_path / "why.parquet"
    with pytest.raises(MethodError, match="pictures"):
        pellucid.explain_to(out, subject, "0-9", methods=["xrai"], cards=False)
    pellucid.explain_to(out, subject, "0-9", methods=["saliency"], cards=False)
    assert [len(why) for _, why in pellucid.load_explanations(out)] == [10]


def test_dear_rows_lie_in_smaller_shards_and_a_stopped_run_ends_alike(subject, tmp_path, monkeypatch):
    """What a kill loses is about ten seconds of work, counted: the same call cuts alike everywhere."""
    inputs = subject.data.inputs
    how = {"methods": ["saliency"], "cards": True}
    cheap, dear = (
        tasks.work_of(subject, inputs, **how),
        tasks.work_of(subject, inputs, methods=["smoothgrad"]),
    )
    assert cheap == tasks.work_of(subject, inputs, **how)
    assert 0 < cheap < dear
    assert tasks.work_of(subject, inputs, methods=["saliency"], cards=False) < cheap / 10
    assert tasks.work_of(subject, inputs, targets=[0, 1], **how) == pytest.approx(2 * cheap)
    assert [tasks.shard_of(inputs, each) for each in (0.0, 0.04, 0.05, 0.1, 0.3, 60.0)] == [
        256, 128, 128, 64, 32, 32,
    ]  # fmt: skip
    monkeypatch.setattr("pellucid.tasks._shards.SPEED", 1e5)  # as if the network were a large one
    seen = []

    def stop(done, total):
        seen.append(done)
        if done == 32:
            raise KeyboardInterrupt

    paths = [tmp_path / "broken", tmp_path / "whole"]
    with pytest.raises(KeyboardInterrupt):
        pellucid.explain_to(paths[0], subject, compute=pellucid.Compute(64, progress=stop), **how)
    assert set(seen) == {0, 32}
    assert [file.name for file in paths[0].glob("part-*")] == ["part-000000.parquet"]
    for path in paths:
        pellucid.explain_to(path, subject, compute=pellucid.Compute(64), **how)
    names = sorted(file.name for file in paths[1].glob("part-*"))
    assert len(names) == 3
    assert all((paths[0] / name).read_bytes() == (paths[1] / name).read_bytes() for name in names)


def test_recurrent_networks_are_counted_too():
    class Steps(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.steps = torch.nn.Embedding(9, 4), torch.nn.GRU(4, 5, batch_first=True)
            self.last = torch.nn.Linear(5, 2)

        def forward(self, ids):
            return self.last(self.steps(self.embed(ids))[0][:, -1])

    from pellucid.tasks._shards import operations

    ids, spec = torch.ones(20, 7, dtype=torch.int64), pellucid.inputs.TextSpec(lambda t: [1], pad=0)
    opened = pellucid.open(Steps(), data=(ids, torch.arange(20) % 2), spec=spec)
    weights = 3 * (4 * 5 + 5 * 5 + 2 * 5)
    assert operations(opened, ids[:1]) == 2 * weights * 7
