"""The first page: what it decides, how well, where it fails, what it looks at, what may be believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pellucid._core import Explanation, short
from pellucid._visible import escaped as escape
from pellucid.figures import counted, fidelity_words, percent, portion, rule_text, words
from pellucid.figures._bars import bars
from pellucid.figures._saliency import saliency
from pellucid.figures._sound import sound
from pellucid.figures._sound_words import sound_like
from pellucid.figures._tokens import text_like, tokens
from pellucid.figures._words import picture_like
from pellucid.report._belief import Belief, beliefs, best_belief, best_method
from pellucid.report._dossier import Case, Dossier
from pellucid.report._findings import findings, score
from pellucid.report._html import element, items, mark, missing, paragraph, rows, word
from pellucid.report._slices import part_score, slices, whole_score, worse_parts
from pellucid.rules import Rule

SHOWN_CASES = 3
SHOWN_RULES = 3


def strip(dossier: Dossier) -> str:
    """Which network, which data, when and by what."""
    origin = dossier.origin
    facts = [
        ("network", short(origin.model) or "not fingerprinted"),
        ("data", short(origin.data) or "not fingerprinted"),
        ("made", origin.made or "undated"),
        *((name, version) for name, version in origin.versions.items()),
        ("seed", "–" if origin.seed is None else str(origin.seed)),
        *([("from", origin.place)] if origin.place else []),
    ]
    told = "".join(f"<span>{escape(name)} <b>{escape(value)}</b></span>" for name, value in facts)
    command = f"<span>rebuild <code>{escape(origin.command)}</code></span>" if origin.command else ""
    return f'<div class="strip">{told}{command}</div>'


def front(dossier: Dossier) -> str:
    """All that a reader with one minute needs, the worst news on top."""
    fails = element("div", f"<h2>Where it fails</h2>{_fails(dossier)}")
    rules = element("div", f"<h2>Rules that stand for it</h2>{_rules(dossier)}")
    parts = [
        f"<h1>{escape(dossier.name)}</h1>",
        paragraph(_decides(dossier), css="lede"),
        _stats(dossier),
        "<h2>What to know first</h2>",
        _findings(dossier),
        "<h2>What it looks at</h2>",
        _looks_at(dossier),
        "<h2>May the explanations be believed?</h2>",
        belief_table(dossier),
        element("div", fails + rules, css="two"),
        _use(dossier),
    ]
    return element("div", "".join(parts), css="front")


def _decides(dossier: Dossier) -> str:
    said = dossier.card.purpose or dossier.purpose
    about = f" {said}" if said else ""
    if dossier.task == "regression":
        unit = f" in {dossier.unit}" if dossier.unit else ""
        return f"It estimates the {dossier.answer}{unit}.{about}"
    names = ", ".join(dossier.classes[:6]) + (" …" if len(dossier.classes) > 6 else "")
    one = f"one of {counted(len(dossier.classes), 'answer')} ({names})"
    # a column of answers without a name of its own
    return (
        f"It gives {one}.{about}"
        if dossier.answer == "answer"
        else f"It tells the {dossier.answer}: {one}.{about}"
    )


def _stat(big: str, small: str) -> str:
    told = f'<span class="big">{escape(big)}</span><span class="small">{escape(small)}</span>'
    return element("div", told, css="stat")


def _stats(dossier: Dossier) -> str:
    made: list[str] = []
    given = dossier.performance
    if given is not None:
        ends = f"95 % interval {score(dossier, given.low)} to {score(dossier, given.high)}"
        beside = f"{given.metric} of a trivial answer: {given.baseline_name}"
        made.append(_stat(score(dossier, given.value), f"{given.metric}; {ends}, {given.n:,} held-out rows"))
        made.append(_stat(score(dossier, given.baseline), beside))
    best = best_belief(dossier)
    if best is not None:
        made.append(_stat(f"{best.supported} of {best.n}", f"explanations supported, {best.method}"))
    if dossier.rules is not None:
        what = "answers told" if dossier.task == "classification" else "the answers' variance told"
        told = f"of {what} by {counted(len(dossier.rules.rules), 'rule')}"
        made.append(_stat(percent(dossier.rules.fidelity), told))
    return element("div", "".join(made), css="stats") if made else ""


def _findings(dossier: Dossier) -> str:
    lines = (
        f'{word(each.word)}<span>{escape(each.text)} <a class="see" href="#{each.section}">see</a></span>'
        for each in findings(dossier)
    )
    return items(lines, css="findings")


def _looks_at(dossier: Dossier) -> str:
    if not dossier.cases:
        return missing("What it looks at in single cases")
    best = best_method(dossier)
    chosen = first_of_each(dossier.cases)[:SHOWN_CASES]
    shown = "".join(_case(dossier, case, best) for case in chosen)
    more = f"{len(chosen)} of {counted(len(dossier.cases), 'case')} shown here"
    more += ", the first by each rule; never hand-picked. " if all(case.true for case in chosen) else ". "
    rule = (
        "Brown raises the number, blue lowers it."
        if dossier.task == "regression"
        else "Brown speaks for the answer, blue against."
    )
    return element("div", shown, css="cases") + paragraph(more + rule, css="note")


def first_of_each(cases: Sequence[Case]) -> list[Case]:
    """One case per choosing rule first, then the others, in their order."""
    firsts = list({case.chosen: case for case in reversed(cases)}.values())
    order = [case for case in cases if any(case is first for first in firsts)]
    return order + [case for case in cases if not any(case is first for first in firsts)]


def chosen_explanation(case: Case, best: str) -> Explanation | None:
    """The explanation by the method that evidence supports most often, else the first."""
    named = [each for each in case.explanations if each.provenance.method.replace("_", " ") == best]
    return (named or list(case.explanations) or [None])[0]


def who(case: Case, dossier: Dossier) -> str:
    """What was answered, beside the truth."""
    sure = "" if case.confidence is None else f" ({portion(case.confidence, 0)} sure)"
    name = f"row {case.row:,}" if case.true else case.chosen
    said = f"{name}: answer {case.given}{sure}"
    if not case.true:
        return escape(said)
    if dossier.task == "regression":
        return f"{escape(said)} <span class=right>true {escape(case.true)}</span>"
    if case.given == case.true:
        return f"{escape(said)} <span class=right>right</span>"
    return f"{escape(said)} <span class=wrong>wrong, true {escape(case.true)}</span>"


def _case(dossier: Dossier, case: Case, best: str) -> str:
    explanation = chosen_explanation(case, best)
    if explanation is None:
        return element(
            "div", f'<p class="who">{who(case, dossier)}</p>{missing("An explanation")}', css="case"
        )
    if picture_like(explanation):
        figure = saliency(explanation, control=False, size=108)
    elif sound_like(explanation):
        figure = sound(explanation, control=False, size=236)
    elif text_like(explanation):
        figure = tokens(explanation, control=False, width=236)
    else:
        figure = bars(explanation, top=4, width=236)
    drawn = figure.html(heading=False, table=False)
    told = paragraph(words(explanation)) + paragraph(f"Chosen as: {case.chosen}.", css="soft")
    return element("div", f'<p class="who">{who(case, dossier)}</p>{drawn}{told}', css="case")


def belief_table(dossier: Dossier) -> str:
    """Methods by questions, failures first; counts over the cases of this dossier."""
    found = beliefs(dossier)
    if not found:
        return missing("Evidence about explanations")
    asked = [each for each in found if each.answers] or list(found)
    questions = list(dict.fromkeys(answer.question for each in asked for answer in each.answers))
    body = [_belief_row(each, questions) for each in asked]
    told = f"Each question: how the tests on {counted(len(dossier.cases), 'case')} came out. "
    if dossier.survey is not None:
        told += f"As a whole: on {counted(dossier.survey.tested, 'row')}, with the 95 % interval. "
    rule = "A word stands where nine in ten agree, else “mixed”."
    if any(not each.supported and each.high is not None for each in found):
        rule += " Where 0 are supported, some may stand out, but too few: the interval ends at that share."
    others = [f"{each.method} {each.supported} of {each.n}" for each in found if each not in asked]
    more = f" Also tested as a whole: {', '.join(others)}." if others else ""
    return rows(("method", "as a whole", *questions), body) + paragraph(told + rule + more, css="note")


def _belief_row(belief: Belief, questions: list[str]) -> list[str]:
    answers = {answer.question: answer for answer in belief.answers}
    whole = f"{belief.supported} of {belief.n}"
    if belief.low is not None and belief.high is not None:
        whole += f" [{percent(belief.low, 0)}, {percent(belief.high, 0)}]"
    cells = [escape(belief.method), f'{word(belief.word)} <span class="soft nb">{whole}</span>']
    for question in questions:
        answer = answers.get(question)
        if answer is None or not answer.ran:
            cells.append(word("not run"))
        else:
            nb = "" if "," in answer.told else " nb"
            cells.append(f'{word(answer.word)} <span class="soft{nb}">{answer.told}</span>')
    return cells


def _fails(dossier: Dossier) -> str:
    found = slices(dossier)
    if not found or dossier.performance is None:
        return missing("How well it does on parts of the data")
    lines = [(escape(part.name), escape(part_score(dossier, part)), f"{part.n:,}") for part in found[:4]]
    note = f"The worst {len(lines)} of {len(found)} parts; as a whole {whole_score(dossier, found[0])}."
    head = ("part of the data", f"{found[0].metric} [95 %]", "rows")
    return rows(head, lines, right=(2,)) + paragraph(note, css="note")


def _rules(dossier: Dossier) -> str:
    if dossier.rules is None:
        return missing("A set of rules")
    order = sorted(dossier.rules.rules, key=lambda rule: -rule.support)
    lines = [
        f"if {escape(_few_conditions(rule))} → <b>{escape(rule.outcome)}</b> "
        f'<span class="soft nb">{counted(rule.support, "row")}, {percent(rule.precision, 0)}</span>'
        for rule in order[:SHOWN_RULES]
    ]
    more = "" if len(order) <= SHOWN_RULES else f"The largest {SHOWN_RULES} of {len(order)}. "
    return items(lines, css="rulelist") + paragraph(more + fidelity_words(dossier.rules), css="note")


def _few_conditions(rule: Rule, limit: int = 3) -> str:
    """The first conditions, and how many more there are."""
    left = len(rule.conditions) - limit
    if left <= 0:
        return rule_text(rule)
    shown = dataclasses.replace(rule, conditions=rule.conditions[:limit])
    return f"{rule_text(shown)} AND {counted(left, 'more condition')}"


def _use(dossier: Dossier) -> str:
    use, avoid = advice(dossier)
    unsure = '<li class="none">Nothing that was measured here supports a use.</li>'
    good = "".join(f"<li>{mark('passed')}{escape(line)}</li>" for line in use) or unsure
    bad = "".join(f"<li>{mark('failed')}{escape(line)}</li>" for line in avoid)
    return (
        f'<div class="two"><div><h2>Use it for</h2><ul class="plainlist">{good}</ul></div>'
        f'<div><h2>Do not use it for</h2><ul class="plainlist">{bad}</ul></div></div>'
    )


def advice(dossier: Dossier) -> tuple[list[str], list[str]]:
    """What the measurements allow and what they do not; the author's own limits first."""
    use: list[str] = []
    avoid = list(dossier.said_limits)
    given = dossier.performance
    shown = given is not None and given.low > given.baseline and not dossier.picked
    if given is not None and shown:
        does = "telling" if dossier.task == "classification" else "estimating"
        enough = f"where {given.metric} {score(dossier, given.low)} is enough"
        use.append(f"{does} the {dossier.answer} on data like these, {enough}")
    elif dossier.ranks:
        use.append("ranking rows by its probabilities, with a threshold chosen for the purpose")
        avoid.append("taking its answers as they come: they are not shown to be better than a trivial one")
    elif not dossier.picked:
        why = (
            "is not shown to be better than a trivial answer" if given is not None else "was not scored here"
        )
        avoid.append(f"any decision: it {why}")
    if given is not None:
        avoid += [f"{part.name}, without a second look" for part in worse_parts(dossier)[:2]]
    for each in beliefs(dossier):
        seen = " without the evidence beside each case" if each.word == "partly supported" else ""
        # of a network that decides nothing well, explanations still tell what it does
        does = "reading" if shown or each.word != "supported" else "seeing what it does, right or wrong, by"
        told = f"{does} {each.method}{seen} ({each.supported} of {each.n} supported)"
        (use if each.word == "supported" else avoid).append(told)
    avoid.append("data of another kind or origin: nothing here was measured on it")
    return use, avoid
