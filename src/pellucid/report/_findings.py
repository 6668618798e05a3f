"""What a reader must know first, worst first, computed from the values."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.figures import number, percent, share_interval, word_rank
from pellucid.report._belief import Belief, beliefs
from pellucid.report._certain import number_words
from pellucid.report._dossier import Dossier, Slice
from pellucid.report._slices import part_score, worse_parts

MUCH_DEAD = 0.2
MUCH_WORSE = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence with its word of evidence and the section that shows it."""

    word: str
    text: str
    section: str


def findings(dossier: Dossier) -> tuple[Finding, ...]:
    """All findings, the worst first; what was not computed counts as not known, never as good.

    Example:
        >>> findings(Dossier("net", "regression"))[0].word
        'not run'
    """
    parts = (
        _performance,
        _slices,
        _certainty,
        _numbers,
        _shortcuts,
        _copies,
        _simple,
        _explanations,
        _training,
        _layers,
        _features,
        _rules,
    )
    found = [finding for part in parts for finding in part(dossier)]
    return tuple(sorted(found, key=lambda finding: word_rank(finding.word)))


def score(dossier: Dossier, value: float) -> str:
    """A score as people write it: accuracy in per cent, R² as a number."""
    if dossier.task == "classification":
        return percent(value)
    # R² is read in hundredths: a thousandth beside it is none
    return number(value, 2) if abs(value) >= 0.005 else "0"


def scores(dossier: Dossier, value: float, low: float, high: float) -> str:
    """A score with its interval."""
    return f"{score(dossier, value)} [{score(dossier, low)}, {score(dossier, high)}]"


def _performance(dossier: Dossier) -> list[Finding]:
    given = dossier.performance
    if given is None:
        return [Finding("not run", "How well it answers was not measured.", "performance")]
    ends = scores(dossier, given.value, given.low, given.high)
    beside = f"{given.baseline_name}: {score(dossier, given.baseline)}"
    if given.low <= given.baseline and dossier.ranks:
        text = (
            f"Its answers are not shown to be right more often than a trivial one: {given.metric} {ends}, "
            f"{beside}. It does rank rows of one class before others, beyond chance."
        )
        return [Finding("mixed", text, "performance")]
    if given.low <= given.baseline:
        text = f"It is not shown to be better than no network at all: {given.metric} {ends}, {beside}."
        return [Finding("failed", text, "performance")]
    return [
        Finding("passed", f"Better than a trivial answer: {given.metric} {ends}, {beside}.", "performance")
    ]


def _slices(dossier: Dossier) -> list[Finding]:
    return [
        Finding("failed", f"Worse for {part.name}: {_scored(dossier, part)} of {part.n} rows.", "performance")
        for part in worse_parts(dossier)[:2]
    ]


def _scored(dossier: Dossier, part: Slice) -> str:
    """The score of a slice; its name where it is not the score of the whole."""
    named = "" if dossier.performance is None or part.metric == dossier.performance.metric else part.metric
    return f"{named} {part_score(dossier, part)}".strip()


def _certainty(dossier: Dossier) -> list[Finding]:
    given = dossier.certainty
    if given is None:
        return []
    off = given.error
    ends = f"{percent(off.value)} [{percent(off.low)}, {percent(off.high)}], perfect {percent(off.perfect)}"
    bins = given.bins
    lean = sum(n * (p - came) for n, p, came in zip(bins.n, bins.said, bins.came, strict=True))
    side = "high" if lean > 0 else "low"
    if off.low > MUCH_WORSE:
        text = f"Its probabilities are not to be taken at their word, they are too {side}: off by {ends}."
        return [Finding("failed", text, "performance")]
    if off.low > 0:
        return [Finding("mixed", f"Its probabilities are somewhat too {side}: by {ends}.", "performance")]
    return [Finding("passed", f"Its probabilities are not shown to be off: {ends}.", "performance")]


def _numbers(dossier: Dossier) -> list[Finding]:
    given = dossier.numbers
    if given is None:
        return []
    return [Finding(word, text, "performance") for word, text in [number_words(given, dossier.unit)]]


def _shortcuts(dossier: Dossier) -> list[Finding]:
    given = dossier.shortcuts
    if given is None:
        return []
    bad = [each for each in given.suspicions if each.word in ("found", "suspected")]
    if not bad:
        tried = sum(each.word != "not tested" for each in given.suspicions)
        if not tried:
            return [Finding("not run", "No part of the input could be tested as a shortcut.", "trust")]
        return [Finding("passed", f"No shortcut found among {tried} parts that were exchanged.", "trust")]
    others = f" And {len(bad) - 1} more." if len(bad) > 1 else ""
    word = "failed" if bad[0].word == "found" else "mixed"
    return [Finding(word, f"Shortcut {bad[0]}{others}", "trust")]


def _copies(dossier: Dossier) -> list[Finding]:
    copies = None if dossier.shortcuts is None else dossier.shortcuts.copies
    if copies is None or copies.word not in ("found", "suspected"):
        return []
    text = (
        f"{copies.exact + copies.near} of {copies.held} held-out rows equal or nearly equal a training row, "
        "so the scores may be too good."
    )
    return [Finding("failed" if copies.word == "found" else "mixed", text, "data")]


def _simple(dossier: Dossier) -> list[Finding]:
    if dossier.simple is None:
        return []
    from pellucid.report._beside import simple_words

    word, text = simple_words(dossier.simple)
    return [Finding(word, text, "simple")]


def _explanations(dossier: Dossier) -> list[Finding]:
    found = beliefs(dossier)
    if not found:
        return [Finding("not run", "Whether explanations may be believed was not tested.", "trust")]
    bad = [each for each in found if each.word == "not supported"]
    good = [each for each in found if each.word == "supported"]
    against = [each for each in found if each.word == "contradicted"]
    made = [
        Finding("failed", f"Contradicted by what the network does: {each.method}. {each.against}", "trust")
        for each in against[:2]
    ]
    if len(against) > 2:
        names = ", ".join(each.method for each in against[2:])
        made.append(Finding("failed", f"Contradicted by what the network does, too: {names}.", "trust"))
    if bad:
        names = ", ".join(f"{each.method} ({_counts(each)})" for each in bad)
        made.append(Finding("failed", f"Supported too rarely to rely on: {names}.", "trust"))
    if good:
        names = ", ".join(f"{each.method} ({each.supported} of {each.n})" for each in good)
        made.append(Finding("passed", f"Explanations supported by evidence: {names}.", "trust"))
    return made or [Finding("mixed", "No method's explanations are supported throughout.", "trust")]


def _counts(each: Belief) -> str:
    most = f", at most {percent(each.high, 0)}" if not each.supported and each.high is not None else ""
    return f"{each.supported} of {each.n}{most}"


def _training(dossier: Dossier) -> list[Finding]:
    best = None if dossier.record is None else dossier.record.best
    if best is None:
        return []
    lost = best.train_score - best.validation_score
    if lost <= MUCH_WORSE:
        return []
    learned, other = score(dossier, best.train_score), score(dossier, best.validation_score)
    text = f"It has learned some rows by heart: {learned} on rows it learned from, {other} on others."
    return [Finding("mixed", text, "training")]


def _layers(dossier: Dossier) -> list[Finding]:
    if dossier.layers is None:
        return [Finding("not run", "The layers were not examined.", "inside")]
    # what is as dead without training is how the network is built, such as the segments of a single text
    ill = [row for row in dossier.layers.rows if row.dead - (row.untrained_dead or 0) > MUCH_DEAD]
    dead = sorted(ill, key=lambda row: -row.dead)
    if not dead:
        return []
    others = f", and many of {', '.join(row.site for row in dead[1:4])}" if len(dead) > 1 else ""
    return [
        Finding(
            "mixed",
            f"{percent(dead[0].dead, 0)} of the units of {dead[0].site} do nothing{others}.",
            "inside",
        )
    ]


def _features(dossier: Dossier) -> list[Finding]:
    words = [word for page in dossier.pages for word in page.pictures.words]
    if not words:
        return []
    good = words.count("supported")
    word = "passed" if good >= 0.9 * len(words) else "failed" if good <= 0.1 * len(words) else "mixed"
    return [
        Finding(
            word,
            f"{good} of {len(words)} inputs made for units are supported by evidence.",
            "inside",
        )
    ]


def _rules(dossier: Dossier) -> list[Finding]:
    given = dossier.rules
    if given is None:
        return []
    ends = f"{percent(given.fidelity)} {share_interval(given.fidelity_low, given.fidelity_high)}"
    if given.excess_low > 0 and given.fidelity_low > given.majority:
        return [Finding("passed", f"The rules stand for the network: fidelity {ends}.", "rules")]
    control = percent(max(given.null_fidelity, given.majority))
    text = f"The rules say no more than what never saw the network: fidelity {ends}, control {control}."
    return [Finding("mixed", text, "rules")]
