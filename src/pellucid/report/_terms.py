"""What the words on a page mean, one line each: those that stand on it."""

from __future__ import annotations

import re
from typing import NamedTuple

from pellucid._visible import escaped as escape
from pellucid.report._html import Piece, element


class Term(NamedTuple):
    """A word, what it means, and what on a page calls it up."""

    name: str
    meaning: str
    seen: str


TERMS = (
    Term(
        "held-out row",
        "A row the network has not learned from; all scores rest on such rows.",
        r"held-out",
    ),
    Term(
        "95 % interval",
        "In 95 of 100 repetitions with new rows, an interval made like this holds the true value.",
        r"95\s*%",
    ),
    Term(
        "trivial answer",
        "What one gets without a network: always the commonest class, or always the mean.",
        r"trivial",
    ),
    Term(
        "attribution map",
        "One number per part of the input: brown raises the explained score, blue lowers it.",
        r"speaks? (for|against)|\bfor \w+:|evidence of",
    ),
    Term(
        "score, logit",
        "The network's raw output before it is turned into a probability; maps are in its unit.",
        r"\bscores?\b|\blogit|\boutput\b",
    ),
    Term(
        "log-odds",
        "Logarithm of an answer's probability divided by that of all others: 0 is even, 2.2 is 90 %.",
        r"log-odds",
    ),
    Term(
        "gap",
        "What is left when all parts of a map are added up and compared with the score; 0 is complete.",
        r"\bgap\b",
    ),
    Term(
        "control",
        "The same measurement where there is nothing to find; a result counts by its distance to it.",
        r"\bcontrols?\b",
    ),
    Term(
        "untrained copy",
        "The same network with fresh weights: what it shows too is not learned.",
        r"untrained",
    ),
    Term("unit", "One neuron of a layer, or one channel of a convolution.", r"\bunit \d|dead units"),
    Term(
        "sees",
        "The part of the input that can reach one unit: pixels, samples, or bins × frames.",
        r"\bsees\b",
    ),
    Term("share of the work", "Of all multiplications of one pass.", r"of the work"),
    Term(
        "effective rank",
        "How many directions a layer really uses, from 1 to the number of its units.",
        r"effective rank",
    ),
    Term("dead unit", "A unit that gives the same output whatever the input.", r"\bdead\b"),
    Term(
        "saturated",
        "Output at the flat end of its activation function, where nothing more can be learned.",
        r"saturated",
    ),
    Term(
        "AUC",
        "Chance that an input of the class moves a unit more than one of another class: 0.5 tells nothing, "
        "1 tells always.",
        r"\bAUC\b",
    ),
    Term(
        "lead",
        "Score of the right answer less that of the next one; it shrinks before the answer changes.",
        r"\blead (lost|falls|of the right)|answer's lead",
    ),
    Term(
        "taken away, held at its mean",
        "The unit gives its mean over the inputs, whatever the input is.",
        r"held at its mean|taken away alone",
    ),
    Term(
        "made, synthetic input",
        "Computed to move a unit as far as it goes; it is not data.",
        r"\bmade input|synthetic",
    ),
    Term(
        "reached ÷ largest real",
        "How far a made input excites a unit, compared with the strongest real input.",
        r"\breached\b",
    ),
    Term(
        "linear probe",
        "A straight cut fitted to what a layer gives: what can be read off there, not what the network uses.",
        r"linear probe",
    ),
    Term(
        "CKA",
        "Likeness of what two layers give for the same inputs: 0 nothing in common, 1 the same but for "
        "turning and scale (centred kernel alignment).",
        r"\bCKA\b",
    ),
    Term(
        "t-SNE, principal components",
        "Two ways to lay a layer's outputs on a plane: the first keeps neighbours together, the second the "
        "largest spread.",
        r"t-SNE",
    ),
    Term(
        "trustworthiness, continuity",
        "How far what is near on the map was near before, and how far what was near before is near on it; "
        "1 is wholly.",
        r"trustworthiness",
    ),
    Term(
        "self-check",
        "What the network's last layers give for their own input, less the network's answer; 0 is exact.",
        r"self-check",
    ),
    Term(
        "fidelity",
        "How often rules say what the network says on held-out rows; not how often they are right.",
        r"fidelity",
    ),
    Term("⟨?⟩", "A word that is not among those the network knows.", r"⟨\?⟩"),
    Term("supported", "All tests that apply to this explanation were passed.", r"supported"),
    Term(
        "passed · mixed · failed · not run",
        "The four words of a test, each with its shape: full, half, hollow, dash.",
        r"\bpassed\b|\bmixed\b|\bfailed\b|not run",
    ),
)


def glossary(page: str) -> Piece:
    """The words of :data:`TERMS` that the visible text of this HTML uses; no content where it uses none."""
    text = re.sub(r"<[^>]*>", " ", page)
    used = [term for term in TERMS if re.search(term.seen, text, re.IGNORECASE)]
    lines = "".join(f"<dt>{escape(term.name)}</dt><dd>{escape(term.meaning)}</dd>" for term in used)
    return Piece("glossary", "How to read this", element("dl", lines, css="terms") if used else "")
