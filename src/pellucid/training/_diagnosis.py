"""Simple diseases of a training, named from what was watched."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from pellucid.training._findings import Finding, Signal, above, below, finding
from pellucid.training._values import Epoch, LayerHealth, TrainingRecord

_WINDOW = 3  # epochs that a lasting state is read from
_ENOUGH_ROWS = 500  # a unit active on 1 % of rows is missed by all of 500 rows in less than 1 case of 100


def diagnosis(record: TrainingRecord) -> tuple[Finding, ...]:
    """Name simple diseases of a training: each with its signals, their thresholds, and what to try.

    A disease is ``suspected`` on one signal and ``likely`` when a second, different one agrees. No finding
    means that none of these was seen, not that all is well.

    Args:
        record: what :func:`~pellucid.training.train` or :func:`~pellucid.training.watch` saw.

    Returns:
        Findings, the likely ones first.

    Limits:
        Thresholds come from small networks and from the tools named below; a network that learns well may
        cross one. Diseases that show in single inputs (leaks, wrong labels) are not looked for here.

    Source:
        Dead share: Amazon SageMaker Debugger (DeadRelu), warned earlier here. Gradient ratios: Zhang et al.,
        AutoTrainer, 2021. Update ratios near 0.001 and the first loss near ln C: Karpathy, A Recipe for
        Training Neural Networks, 2019.

    Example:
        >>> epochs = tuple(Epoch(i, 0.1, 0.5 + 0.1 * i, 1.0, 0.8, 1.0, best=i == 0) for i in range(4))
        >>> [f.disease for f in diagnosis(TrainingRecord(epochs, {}, "accuracy", 0, 4.0, 10))]
        ['overfitting']
    """
    found = [
        *_dead(record),
        *_saturated(record),
        _vanishing(record),
        _exploding(record),
        _rate_high(record),
        _rate_low(record),
        _start(record),
        _nothing_learned(record),
        _overfitting(record),
        _unfinished(record),
    ]
    present = [item for item in found if item is not None]
    return tuple(sorted(present, key=lambda item: item.word != "likely"))


def _number(record: TrainingRecord, name: str) -> float:
    value = record.options.get(name)
    return float(value) if isinstance(value, (int, float)) else math.nan


def _late(record: TrainingRecord) -> list[Epoch]:
    return [epoch for epoch in record.epochs if epoch.layers][-_WINDOW:]


def _learned(epoch: Epoch) -> list[LayerHealth]:
    return [layer for layer in epoch.layers if layer.parameters]


def _feeding(epoch: Epoch, site: str) -> LayerHealth | None:
    """The learned layer before a site, in the order of the pass."""
    place = [layer.site for layer in epoch.layers].index(site)
    return next((layer for layer in reversed(epoch.layers[:place]) if layer.parameters), None)


def _rms(layer: LayerHealth) -> float:
    """Gradient per parameter: norms grow with the number of parameters, this does not."""
    if layer.gradient_norm is None:
        return math.nan
    return layer.gradient_norm / math.sqrt(layer.parameters)


def _ratios(epochs: list[Epoch]) -> list[float]:
    layers = [layer for epoch in epochs for layer in _learned(epoch)]
    return [layer.update_ratio for layer in layers if layer.update_ratio is not None]


def _span(epochs: Sequence[Epoch]) -> str:
    return f"{len(epochs)} epoch{'s' if len(epochs) != 1 else ''}"


def _no_better(record: TrainingRecord) -> Signal | None:
    """Training score hardly above always giving the commonest answer."""
    score = record.epochs[-1].train_score if record.epochs else math.nan
    rows = int(_number(record, "train_rows")) if "train_rows" in record.options else 0
    return below(f"training {record.metric}", score, _number(record, "baseline") + 0.05, f"{rows} rows")


def _barely_pulled(epoch: Epoch, site: str) -> Signal | None:
    feeding = _feeding(epoch, site)
    if feeding is None:
        return None
    return below(f"root mean square gradient of {feeding.site}", _rms(feeding), 1e-7, "1 epoch")


def _dead(record: TrainingRecord) -> list[Finding | None]:
    late = _late(record)
    found: list[Finding | None] = []
    for layer in late[-1].layers if late else ():
        if layer.dead is None:
            continue
        shares = [
            other.dead
            for e in late
            for other in e.layers
            if other.site == layer.site and other.dead is not None
        ]
        signal = above(f"share of dead units in {layer.site}", min(shares), 0.10, f"{layer.rows} rows")
        advice = "a smaller learning rate, leaky_relu or gelu, and inputs of about unit size"
        signals = [signal, _barely_pulled(late[-1], layer.site) or _no_better(record)]
        found.append(finding("dead units", signals, advice, (layer.site,), enough=layer.rows >= _ENOUGH_ROWS))
    return found


def _saturated(record: TrainingRecord) -> list[Finding | None]:
    late = _late(record)
    found: list[Finding | None] = []
    for layer in late[-1].layers if late else ():
        if layer.saturated is None:
            continue
        signal = above(
            f"share of saturated outputs of {layer.site}", layer.saturated, 0.30, f"{layer.rows} rows"
        )
        advice = "smaller first weights (xavier), inputs of about unit size, or relu"
        signals = [signal, _fading(late[-1]) or _no_better(record)]
        found.append(finding("saturation", signals, advice, (layer.site,)))
    return found


def _first_to_last(epoch: Epoch) -> float:
    """Gradient per parameter of the first learned layer ÷ that of the last."""
    learned = [layer for layer in _learned(epoch) if layer.gradient_norm is not None]
    if len(learned) < 2:
        return math.nan
    last = _rms(learned[-1])
    return _rms(learned[0]) / last if last > 0 else math.nan


def _fading(epoch: Epoch) -> Signal | None:
    return below("gradient of the first layer ÷ that of the last", _first_to_last(epoch), 1e-3, "1 epoch")


def _vanishing(record: TrainingRecord) -> Finding | None:
    late = _late(record)
    if not late:
        return None
    ratio = statistics.median(_first_to_last(epoch) for epoch in late)
    first = _learned(late[-1])[:1]
    norm = min((layer.gradient_norm for layer in first if layer.gradient_norm is not None), default=math.nan)
    signals = [
        below("gradient of the first layer ÷ that of the last", ratio, 1e-3, _span(late)),
        below("gradient norm of the first layer", norm, 1e-4, "1 epoch") or _no_better(record),
    ]
    sites = tuple(layer.site for layer in first)
    return finding("vanishing gradients", signals, "fewer layers, relu instead of sigmoid, or kaiming", sites)


def _exploding(record: TrainingRecord) -> Finding | None:
    late = _late(record)
    if not late:
        return None
    ratio = statistics.median(_first_to_last(epoch) for epoch in late)
    norms = [layer.gradient_norm or 0.0 for epoch in late for layer in _learned(epoch)]
    step = statistics.median(_ratios(late) or [math.nan])
    norm = above("largest gradient norm", max(norms, default=math.nan), 1e4, _span(late))
    uneven = above("gradient of the first layer ÷ that of the last", ratio, 70, _span(late))
    moved = above("median update ÷ weight", step, 0.1, _span(late))
    main = norm or uneven
    signals = [main, uneven if main is norm and uneven else moved]
    return finding("exploding gradients", signals, "a smaller learning rate, or smaller first weights")


def _rate_high(record: TrainingRecord) -> Finding | None:
    # the worst epoch: weights that were thrown far are large, and make later steps look small
    steps = [statistics.median(_ratios([epoch]) or [math.nan]) for epoch in record.epochs if epoch.layers]
    losses = [epoch.train_loss for epoch in record.epochs]
    fall = losses[-1] / losses[0] if len(losses) > 1 and losses[0] else math.nan
    untrained = record.epochs[0].first_loss if record.epochs else None
    worst = max(steps, default=math.nan)
    thrown = above(
        "loss of the first epoch ÷ untrained",
        losses[0] / untrained if untrained else math.nan,
        1.5,
        "1 epoch",
    )
    step = above("update ÷ weight in the worst epoch (median of layers)", worst, 0.1, _span(record.epochs))
    stuck = above("last training loss ÷ first", fall, 0.9, _span(record.epochs))
    signals = [step or thrown, thrown if step else None, stuck]
    return finding("learning rate too high", signals, "a learning rate ten times smaller")


def _rate_low(record: TrainingRecord) -> Finding | None:
    # early epochs only: a network that has learned everything takes small steps, too
    early = [epoch for epoch in record.epochs if epoch.layers][:_WINDOW]
    first = record.epochs[0].first_loss if record.epochs else None
    last = record.epochs[-1].train_loss if record.epochs else math.nan
    signals = [
        below("median update ÷ weight", statistics.median(_ratios(early) or [math.nan]), 1e-4, _span(early)),
        above("last training loss ÷ untrained", last / first if first else math.nan, 0.5, "1 epoch"),
    ]
    return finding("learning rate too low", signals, "a learning rate ten times larger")


def _start(record: TrainingRecord) -> Finding | None:
    if not record.epochs or record.epochs[0].first_loss is None:
        return None
    outputs = _number(record, "outputs")
    expected = math.log(outputs) if outputs > 1 else 1.0
    ratio = record.epochs[0].first_loss / expected
    layers = record.epochs[0].layers
    wide = max((layer.sd or 0.0 for layer in layers[:1]), default=0.0)
    signals = [
        above("first loss ÷ that of guessing", ratio if outputs else math.nan, 2.5, "1 batch"),
        above("sd of the first layer's outputs", wide, 20, f"{layers[0].rows} rows" if layers else ""),
    ]
    advice = "inputs (and answers, in regression) of about unit size, or smaller first weights"
    return finding("badly scaled start", signals, advice)


def _nothing_learned(record: TrainingRecord) -> Finding | None:
    best = record.best
    if best is None:
        return None
    rows, baseline = _number(record, "validation_rows"), _number(record, "baseline")
    # two standard errors of a share; R² gets the same as a rule of thumb
    margin = 2 * math.sqrt(0.25 / rows) if rows > 0 else math.nan
    n = f"{rows:.0f} rows"
    signals = [
        below(f"best validation {record.metric}", best.validation_score, baseline + margin, n),
        above("training minus validation score", best.train_score - best.validation_score, 0.2, n),
    ]
    return finding("no better than guessing", signals, "other inputs, more rows, and a look at the labels")


def _overfitting(record: TrainingRecord) -> Finding | None:
    if not record.epochs:
        return None
    last, losses = record.epochs[-1], [epoch.validation_loss for epoch in record.epochs]
    low = min(losses)
    signals = [
        above(
            f"training minus validation {record.metric}",
            last.train_score - last.validation_score,
            0.1,
            "1 epoch",
        ),
        above(
            "last validation loss ÷ lowest",
            losses[-1] / low if low else math.nan,
            1.1,
            f"{len(losses)} epochs",
        ),
    ]
    return finding("overfitting", signals, "more rows, dropout, more weight decay, or a smaller network")


def _unfinished(record: TrainingRecord) -> Finding | None:
    if len(record.epochs) < 2 or not record.epochs[-1].best:
        return None
    before, last = record.epochs[-2].validation_loss, record.epochs[-1].validation_loss
    fall = above("fall of the validation loss in the last epoch", 1 - last / before, 0.05, "1 epoch")
    return finding("not finished", [fall], "more epochs")
