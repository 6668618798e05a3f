"""Make the pictures of the digits network in the documentation: ``make docs``.

Trains the digits network of the demo (or opens the one that ``make demo`` left) and draws from it.
"""

from pathlib import Path

import pellucid
from pellucid import figures, tasks

HERE = Path(__file__).parent
RUN = HERE.parent / "out" / "digits-run"
METHODS = ("integrated_gradients", "grad_cam", "saliency")
SCALE = 1.25


def subject() -> pellucid.Subject:
    """The demo's digits network."""
    return pellucid.open(RUN) if RUN.is_dir() else pellucid.train("mnist", epochs=8)


def keep(name: str, figure: figures.Figure) -> None:
    """Write one picture beside the others."""
    (HERE / "pictures" / f"{name}.png").write_bytes(figure.png(scale=SCALE))


def main() -> None:
    """Draw them all."""
    digits = subject()
    why = [pellucid.explain(digits, 3, method=name) for name in METHODS]
    keep("why", figures.saliency(why, limits="own"))
    keep("evidence", figures.evidence(why[0].cards[0]))
    sites = tasks.feature_sites(digits)
    page = pellucid.features(digits, sites[1], units=range(8), steps=192)
    keep("features", figures.feature_tiles(page.pictures, page.exemplars, page.real))
    keep("layers", figures.layer_strip(pellucid.layers(digits)))


if __name__ == "__main__":
    main()
