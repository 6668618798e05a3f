"""What work will take is said before it is done: the passes to the row."""

import functools
import typing

import pytest
import torch

import pellucid
from pellucid import attribution, expect, tasks
from pellucid._core import Dataset, split
from pellucid.errors import InputError, MethodError
from pellucid.inputs import TextSpec
from pellucid.networks import text_cnn
from pellucid.report import dossier, estimate_report
from pellucid.tasks._check import KINDS
from pellucid.tasks._estimate_check import DEAR
from pellucid.tasks._spent import counted


@pytest.fixture(scope="module")
def subject():
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(160, 6, generator=draw)
    data = pellucid.data.arrays(x, (x[:, 0] > 0.5).long(), classes=["low", "high"], name="planted")
    return pellucid.train(data, epochs=3, patience=None)


def midpoint(model, inputs, target, *, spec=None, compute=None):
    return attribution.integrated_gradients(
        model, inputs, target, rule="midpoint", steps=9, spec=spec, compute=compute
    )


@pytest.mark.parametrize(
    ("rows", "methods", "targets", "cards"),
    [
        (1, ["saliency"], [], True),
        (5, ["saliency", "occlusion"], [], True),
        (3, ["smoothgrad", midpoint], ["low", 1], True),
        (45, ["input_x_gradient"], [1], True),
        (4, ["lrp", "kernel_shap", "expected_gradients"], [], False),
    ],
)
def test_passes_are_those_that_are_made(subject, rows, methods, targets, cards):
    rows = list(range(rows)) if rows < 30 else subject.data.inputs[:rows]
    work = functools.partial(
        pellucid.explain_several, subject, rows, methods=methods, targets=targets, cards=cards
    )
    plan = pellucid.estimate(subject, rows, methods=methods, targets=targets, cards=cards)
    assert plan.exact
    assert (plan.forward, plan.backward) == counted(subject.model, work, back=True)[:2]
    assert plan.seconds > 0
    assert plan.memory > 0


@pytest.mark.parametrize(
    ("rows", "methods"), [(1, ["saliency"]), (5, ["saliency", "occlusion"]), (12, ["saliency"])]
)
def test_passes_over_texts_too(rows, methods):
    spec = TextSpec(str.split, vocabulary=tuple(map(str, range(60))), pad=0, unk=1)
    x = torch.randint(2, 60, (60, 14), generator=torch.Generator().manual_seed(0))
    y = torch.arange(60) % 2
    data = Dataset("words", x, y, spec, ("a", "b"), split(y, classes=True))
    reader = pellucid.open(text_cnn(60, 2, seed=0), data=data, spec=spec)
    work = functools.partial(pellucid.explain_several, reader, x[:rows], methods=methods)
    plan = pellucid.estimate(reader, x[:rows], methods=methods)
    assert plan.exact
    assert plan.forward == counted(reader.model, work)[0]


def background(rows=5):
    return torch.rand(rows, 6, generator=torch.Generator().manual_seed(1))


def bound(method, **options):
    def asked(model, inputs, target, *, spec=None, compute=None):
        return method(model, inputs, target, spec=spec, compute=compute, **options)

    return asked


@pytest.mark.parametrize(
    ("method", "exact", "near"),
    [
        (attribution.deep_lift, True, 0),
        (bound(attribution.deep_lift_shap, background=background()), True, 0),
        (attribution.exact_shapley, True, 0),
        (bound(attribution.kernel_shap, budget=30), True, 0),
        (bound(attribution.kernel_shap, precision=0.2, budget=60), False, 0.5),
    ],
    ids=["deep_lift", "deep_lift_shap", "exact", "kernel", "precise"],
)
def test_exact_is_said_of_what_is_exact(subject, method, exact, near):
    """Whether a chunk costs something beside its rows, and whether rows go on until they are precise."""
    rows = subject.data.inputs[:12]
    for size in (64, 4):
        how = pellucid.Compute(size)
        work = functools.partial(
            pellucid.explain_several, subject, rows, methods=[method], cards=False, compute=how
        )
        plan = pellucid.estimate(subject, rows, methods=[method], cards=False, compute=how)
        real = counted(subject.model, work).forward
        assert plan.exact == (exact and (plan.forward == real))
        assert plan.forward == pytest.approx(real, rel=near or 0.25)


def test_as_many_rows_as_they_are_compared_with_take_one_more(subject):
    method, rows = bound(attribution.deep_lift_shap, background=background(6)), subject.data.inputs[:6]
    work = functools.partial(pellucid.explain_several, subject, rows, methods=[method], cards=False)
    plan = pellucid.estimate(subject, rows, methods=[method], cards=False)
    assert plan.forward + 1 == counted(subject.model, work).forward
    assert not plan.exact


def test_a_streamed_data_set_is_counted_shard_by_shard(subject, tmp_path):
    pytest.importorskip("pyarrow")
    inputs = subject.data.inputs
    plan = pellucid.estimate(subject, inputs, methods=["saliency"], shard=50)
    work = functools.partial(
        pellucid.explain_to, tmp_path / "a.parquet", subject, methods=["saliency"], shard=50
    )
    assert plan.forward == counted(subject.model, work)[0]


def test_what_depends_on_the_way_is_said(subject):
    assert not pellucid.estimate(subject, 0, methods=["integrated_gradients"]).exact
    smooth = bound(attribution.smoothgrad, of="integrated_gradients", samples=4)
    assert not pellucid.estimate(subject, 0, methods=[smooth], cards=False).exact
    with pytest.raises(MethodError, match="grad_cam"):
        pellucid.estimate(subject, 0, methods=["grad_cam"])


def test_memory_grows_with_the_chunk(subject):
    small, large = (
        pellucid.estimate(
            subject, range(20), methods=["saliency"], compute=pellucid.Compute(batch_size=size)
        ).memory
        for size in (8, 64)
    )
    assert large > 2 * small


@pytest.mark.usefixtures("hard_answers")
def test_features_and_report(subject):
    plan = tasks.estimate_features(subject, units=[0, 1], steps=12)
    work = functools.partial(pellucid.features, subject, units=[0, 1], steps=12)
    assert plan.exact
    assert plan.forward == counted(subject.model, work)[0]
    assert plan.backward >= plan.steps[0].forward == plan.steps[0].backward
    assert not tasks.estimate_features(subject, units=[0, 1], steps=500).exact
    whole = estimate_report(subject, layers=1, units=2, steps=8)
    work = functools.partial(dossier, subject, layers=1, units=2, steps=8)
    real = counted(subject.model, work)[0]
    assert whole.forward / real == pytest.approx(1, abs=0.35)


@pytest.fixture(scope="module")
def larger():
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(700, 6, generator=draw)
    data = pellucid.data.arrays(x, (x[:, 0] > 0.5).long(), classes=["low", "high"], name="planted")
    return pellucid.train(data, epochs=2, patience=None)


@pytest.mark.parametrize(
    ("planned", "made"),
    [
        (tasks.estimate_importance, tasks.importance_of),
        (
            functools.partial(tasks.estimate_importance, kind="partial-dependence", columns=["x1"]),
            functools.partial(tasks.importance_of, kind="partial-dependence", columns=["x1"]),
        ),
        (tasks.estimate_influence, pellucid.influence),
        (
            functools.partial(tasks.estimate_concepts, target="high", sets="x1", draws=99),
            functools.partial(tasks.concepts, target="high", sets="x1", draws=99),
        ),
        (
            lambda one: tasks.estimate_training_rows(
                one, "rules", lambda some, how: pellucid.rules(some, leaves=4, compute=how)
            ),
            functools.partial(pellucid.rules, leaves=4),
        ),
        (
            lambda one: tasks.estimate_compare(one, one, method="saliency", rows=32),
            lambda one: pellucid.compare(one, one, method="saliency", rows=32),
        ),
    ],
    ids=["permutation", "curve", "tracin", "concepts", "rules", "compare"],
)
def test_work_over_many_rows_is_foretold_from_few(larger, planned, made):
    plan = planned(larger)
    spent = counted(larger.model, lambda: made(larger), back=True)
    assert (plan.forward, plan.backward) == pytest.approx((spent.forward, spent.backward), rel=0.1)
    assert not plan.exact
    assert plan.seconds > 0
    assert plan.memory > 0


def test_both_networks_that_are_compared_are_counted(larger):
    twin = pellucid.open(torch.nn.Linear(6, 2), data=larger.data)
    made = counted(
        larger.model, lambda: pellucid.compare(larger, twin, method="saliency", rows=16), twin.model
    )
    plan = tasks.estimate_compare(larger, twin, method="saliency", rows=16)
    assert plan.forward == pytest.approx(made[0], rel=0.1)
    alone = counted(larger.model, lambda: pellucid.compare(larger, twin, method="saliency", rows=16))[0]
    assert plan.forward > 1.2 * alone


def test_fits_that_end_by_themselves_are_foretold_roughly(larger):
    work = functools.partial(pellucid.influence, larger, method="representer_points")
    plan = tasks.estimate_influence(larger, method="representer_points")
    assert plan.forward == pytest.approx(counted(larger.model, work)[0], rel=0.4)


def test_where_few_rows_are_too_few_all_are_tried(larger):
    seen = []

    def work(some, _):
        seen.append(int((some.data.parts == 0).sum()))
        if seen[-1] < 300:
            raise InputError("too few")
        some.model(some.data.inputs)

    plan = tasks.estimate_training_rows(larger, "work", work)
    assert seen == [100, int((larger.data.parts == 0).sum())]
    assert plan.forward == len(larger.data)


def test_mean_attribution_and_pairs_are_foretold(larger):
    plan = tasks.estimate_importance(larger, "mean", method="saliency")
    work = functools.partial(tasks.importance_of, larger, "mean", method="saliency")
    assert plan.exact
    assert plan.forward == counted(larger.model, work)[0]
    pairs = functools.partial(tasks.importance_of, larger, "interactions")
    assert tasks.estimate_importance(larger, "interactions").forward == counted(larger.model, pairs)[0]


def test_it_is_shown_as_a_table(subject):
    (figure,) = pellucid.figures.figures_of(pellucid.estimate(subject, 0, methods=["saliency"]))
    assert "rows through the network" in figure.alt
    assert figure.table.columns[:2] == ("step", "rows forward")


def test_an_audit_is_counted_before_it_is_made(subject):
    given = {"methods": ["saliency", "occlusion"], "rows": 24, "fills": ["mean"], "metrics": ["deletion"]}
    plan = tasks.estimate_audit(subject, **given)
    made = counted(subject.model, functools.partial(pellucid.audit, subject, **given))[0]
    assert not plan.exact
    # methods are tried on two rows first, and the controls are made by the best, not by the dearest
    assert plan.forward == pytest.approx(made, rel=0.1)
    assert [step.name for step in plan.steps][1:3] == ["saliency", "occlusion"]


def test_a_check_is_counted_expectation_by_expectation(subject):
    asked = [
        expect.Accuracy(0.5),
        expect.AttributionShare("x1", 0.9, methods=("saliency", "occlusion"), name="a"),
        expect.AttributionShare("x2", 0.9, methods=("occlusion",), name="b"),
        expect.Swap("x1", 0.5, name="swap"),
        expect.Monotone("x3", "up", at_most=0.9, name="up"),
        expect.Stability(0.1, ("saliency",), name="still"),
        expect.EvidenceShare(0.1, ("saliency",), rows=24, name="supported"),
        expect.SurrogateFidelity(0.1, name="rules"),
        expect.DeadUnits(99, name="dead"),
        expect.NoShortcut(("column",), pairs=20, name="none"),
    ]
    plan = tasks.estimate_check(subject, asked)
    made = counted(subject.model, functools.partial(pellucid.check, subject, asked))[0]
    assert plan.forward == pytest.approx(made, rel=0.2)
    names = [step.name for step in plan.steps]
    assert names[:3] == ["outputs", "explanations by saliency", "explanations by occlusion"]
    assert names[3:] == ["swap", "up", "still", "supported", "rules", "dead", "none"]
    with pytest.raises(InputError, match="expectation 1"):
        tasks.estimate_check(subject, [expect.Swap("nobody", 0.5)])


def test_every_kind_is_counted_or_costs_nothing_more():
    dear = set(typing.get_args(DEAR))
    free = {"accuracy", "auc", "calibration", "r2", "error", "no-worse"}
    assert {one.kind for one in dear} | free == set(KINDS)


def test_a_look_at_all_layers_takes_about_what_was_said():
    x = torch.rand(240, 6, generator=torch.Generator().manual_seed(0))
    network = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    subject = pellucid.open(network, data=(x, (x[:, 0] > 0.5).long()))
    plan = tasks.estimate_layers(subject, beside=[], row=0)

    def work():
        pellucid.layers(subject)
        tasks.hierarchy(subject)
        tasks.trace(subject, 0)

    assert plan.forward == pytest.approx(counted(subject.model, work)[0], rel=0.02)
    trace = counted(subject.model, lambda: tasks.trace(subject, 0))
    assert tasks.estimate_layers(subject, row=0).steps[-1].forward == pytest.approx(trace[0], rel=0.05)
    with pytest.raises(InputError, match="numbered 0 to"):
        tasks.estimate_layers(subject, row=9999)
