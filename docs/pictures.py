"""Make every picture of the documentation: ``make docs``.

Trains the digits network of the demo (or opens the one that ``make demo`` left) and draws from it.
"""

from pathlib import Path

import pellucid
from pellucid import figures, tasks

HERE = Path(__file__).parent
RUN = HERE.parent / "out" / "digits-run"
METHODS = ("integrated_gradients", "occlusion", "grad_cam", "saliency")


def subject() -> pellucid.Subject:
    """The demo's digits network."""
    return pellucid.open(RUN) if RUN.is_dir() else pellucid.train("mnist", epochs=8)


def main() -> None:
    digits, place = subject(), HERE / "pictures"
    why = [pellucid.explain(digits, 3, method=name) for name in METHODS]
    figures.saliency(why, limits="own").save(place / "why.png")
    figures.evidence(why[0].cards[0]).save(place / "evidence.png")
    sites = tasks.feature_sites(digits)
    page = pellucid.features(digits, sites[1], units=range(8), steps=192)
    figures.feature_tiles(page.pictures, page.exemplars, page.real).save(place / "features.png")
    figures.layer_strip(pellucid.layers(digits)).save(place / "layers.png")


if __name__ == "__main__":
    main()
