"""What came of expectations as a JUnit file, which build servers show as tests."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from pellucid._core._store import write_bytes
from pellucid.figures import check_text
from pellucid.tasks._check import Checked, Outcome

# what XML 1.0 cannot hold
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(found: Checked, path: str | Path) -> Path:
    """Write one test case per expectation: failures and errors for what is broken, skipped for undecided.

    Args:
        found: from :func:`pellucid.check`.
        path: where to write; an earlier file stays until the new one is complete.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> junit.__name__
        'junit'
    """
    outcomes = found.outcomes
    suite = ElementTree.Element(
        "testsuite",
        name=_clean(f"pellucid check {found.name}"),
        tests=str(len(outcomes)),
        failures=str(sum(_tag(each) == "failure" for each in outcomes)),
        errors=str(sum(_tag(each) == "error" for each in outcomes)),
        skipped=str(sum(_tag(each) == "skipped" for each in outcomes)),
        time=f"{sum(each.seconds for each in outcomes):.3f}",
    )
    for outcome in outcomes:
        suite.append(_case(outcome, found.name))
    whole = ElementTree.Element("testsuites")
    whole.append(suite)
    ElementTree.indent(whole)
    write_bytes(ElementTree.tostring(whole, encoding="utf-8", xml_declaration=True), path)
    return Path(path)


def _case(outcome: Outcome, name: str) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        classname=_clean(f"{name}.{outcome.kind}"),
        name=_clean(outcome.name),
        time=f"{outcome.seconds:.3f}",
    )
    said, tag = _clean(check_text(outcome)), _tag(outcome)
    if tag:
        part = ElementTree.SubElement(case, tag, message=_clean(said.splitlines()[0]))
        part.text = said
    else:
        ElementTree.SubElement(case, "system-out").text = said
    return case


def _tag(outcome: Outcome) -> str:
    if outcome.broken:
        return "error" if outcome.word == "not run" else "failure"
    return "skipped" if outcome.word == "undecided" else ""


def _clean(words: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", words)
