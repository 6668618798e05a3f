"""Who reads the page: what is unfolded first, and in which words; never which failures are visible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pellucid._visible import escaped as escape
from pellucid.errors import InputError, near_misses
from pellucid.report._findings import Finding
from pellucid.report._html import word

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Reader:
    """One kind of reader.

    Args:
        label: how the reader is called.
        first: anchors of the parts that stand open, in the order in which to read them.
        words: what a part answers, in this reader's words.
    """

    label: str
    first: tuple[str, ...]
    words: Mapping[str, str]


def _reader(label: str, words: Mapping[str, str]) -> Reader:
    return Reader(label, tuple(words), MappingProxyType(words))


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "clinician": _reader(
            "Clinician",
            {
                "cases": "Would you have answered so, for these reasons? Look at the single cases first.",
                "performance": "Does 80 % come true in 80 of 100? For which patients is it worse?",
                "whatif": "What would have to differ for another answer. Not a treatment effect.",
                "trust": "Whether the marked parts are what the network used, or only look plausible.",
                "purpose": "What it is meant for, and for whom it is not.",
            },
        ),
        "credit": _reader(
            "Credit officer",
            {
                "whatif": "At most four principal reasons for an answer, and what would have changed it.",
                "performance": "Whether a score can be taken as a probability, and where it errs more often.",
                "simple": "Whether a scorecard would have done as well.",
                "rules": "The policy that the network follows, as far as rules can say it.",
                "purpose": "Who decides, and from which score on.",
            },
        ),
        "auditor": _reader(
            "Auditor",
            {
                "trust": "Failures first, with control, interval and number of rows for each.",
                "data": "What it learned from, and whether held-out rows were seen in training.",
                "performance": "Every score with its interval, and the parts of the data where it is worse.",
                "simple": "Whether less would have been enough.",
                "purpose": "What the owner has stated, and what is blank.",
                "rebuild": "Fingerprints, versions and the command; and an index to headings of regulations.",
            },
        ),
        "engineer": _reader(
            "Engineer",
            {
                "inside": "Layers, dead units and what units respond to.",
                "training": "How it learned, layer by layer.",
                "data": "Splits, copies and what was changed while reading.",
                "performance": "Where it errs, and whether its probabilities need recalibration.",
                "trust": "Which attribution method to use on this network.",
                "rebuild": "How to make the same page again, and what took how long.",
            },
        ),
    }
)


def reader_named(name: str) -> str:
    """The name of a reader, checked.

    Raises:
        InputError: for an unknown one.

    Example:
        >>> reader_named("auditor")
        'auditor'
    """
    known = (EVERYONE, *READERS)
    if name not in known:
        raise InputError(f"No reader is called {name!r}. {near_misses(name, known)}")
    return name


def switch(chosen: str, names: Mapping[str, str]) -> str:
    """The choice of a reader, and for each the order in which to read; works without a script."""
    labels = {EVERYONE: "Everyone", **{name: reader.label for name, reader in READERS.items()}}
    choices = "".join(
        f'<label><input type="radio" name="reader" id="reader-{name}" value="{name}"'
        f"{' checked' if name == chosen else ''}>{escape(label)}</label>"
        for name, label in labels.items()
    )
    orders = "".join(
        f'<p class="for for-{name}">Read first: '
        + ", then ".join(f'<a href="#{place}">{escape(names[place])}</a>' for place in reader.first)
        + ". The other parts are folded; what failed stands above each of them all the same.</p>"
        for name, reader in READERS.items()
    )
    return f'<fieldset class="reader"><legend>Reading as</legend>{choices}</fieldset>{orders}'


def lead(anchor: str) -> str:
    """What a part answers, in the words of each reader who has some."""
    return "".join(
        f'<p class="soft for for-{name}">{escape(reader.words[anchor])}</p>'
        for name, reader in READERS.items()
        if anchor in reader.words
    )


def troubles(found: tuple[Finding, ...], anchor: str) -> str:
    """What did not pass in a part; stands above it for every reader."""
    bad = [each for each in found if each.section == anchor and each.word != "passed"]
    lines = "".join(f"<li>{word(each.word)}<span>{escape(each.text)}</span></li>" for each in bad)
    return f'<ul class="findings">{lines}</ul>' if bad else ""


def fold(anchor: str, title: str) -> str:
    """The box that unfolds a part which a reader's choice has folded."""
    name = escape(f"Show: {title}")
    return f'<label class="fold"><input type="checkbox" id="fold-{anchor}">{name}</label>'


def reader_style(anchors: tuple[str, ...]) -> str:
    """Rules that fold and word the page as each reader's choice says; without them everything is open."""
    rules: list[str] = []
    for name, reader in READERS.items():
        here = f"body:has(#reader-{name}:checked)"
        folded = [anchor for anchor in anchors if anchor not in reader.first]
        boxes = ",".join(f"{here} #{anchor}>.fold" for anchor in folded)
        closed = ",".join(f"{here} #{anchor}:has(>.fold>input:not(:checked))>.body" for anchor in folded)
        rules += [
            f"{here} .for-{name}{{display:block}}",
            f"{boxes}{{display:flex}}",
            f"{closed}{{display:none}}",
        ]
    # on paper nothing is folded
    return f".for,.fold{{display:none}}@media screen{{{''.join(rules)}}}"
