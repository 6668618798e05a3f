"""Pictures: corners, border, surroundings, colour, sharpness, fine detail."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.evidence._shortcuts._contest import Mix, Rows, Suspect

IDLE = (0.35, 0.5)  # what carries no content should not decide: an alarm comes early
CONTENT = (0.6, 0.75)  # what may be content has to outvote all the rest
OWN = "the same from a row with its answer"
MOVED = "the same shape moved by half the picture"
FINE = 0.25  # cycles per pixel from which detail is fine; .5 is the finest there is
COARSE = 16  # pixels of the shorter side; in smaller pictures a stroke is the finest detail
FLAT = 0.1  # of the largest spread, below which a channel has no pattern of its own
MOST = 10.0  # times that a frequency is made stronger


def picture_suspects(rows: Rows) -> list[Suspect]:
    """What a picture may give away without its content."""
    x = rows.x
    height, width = x.shape[-2:]
    grid = (height, width)
    each = max(1, round(min(grid) / 4))
    ring = max(1, round(min(grid) / 10))
    places = [("corner", f"the four corners, {each} × {each} pixels each", _corners(grid, each))]
    for name, top, left in (
        ("upper left", 1, 1),
        ("upper right", 1, 0),
        ("lower left", 0, 1),
        ("lower right", 0, 0),
    ):
        places.append(
            ("corner", f"the {name} corner, {each} × {each} pixels", _corner(grid, each, top, left))
        )
    if 2 * ring < min(grid):
        places.append(
            ("border", f"the border, {ring} {'pixel' if ring == 1 else 'pixels'} wide", _border(grid, ring))
        )
    found = [place(rows, kind, name, "tried on every picture", taken, IDLE) for kind, name, taken in places]
    surround = "what surrounds the middle half"
    found.append(place(rows, "surround", surround, "tried on every picture", _outside(grid), CONTENT))
    colour = (
        ("colour", "the colours: mean and spread of each channel")
        if x.shape[1] > 1
        else (
            "brightness",
            "brightness and contrast",
        )
    )
    found.append(whole(*colour, _repainted(x), IDLE))
    if min(grid) >= 8:
        found.append(whole("sharpness", "sharpness: how strong each frequency is", _resharpened(x), IDLE))
    if min(grid) >= COARSE:
        found.append(whole("fine detail", "the finest detail, 2 to 4 pixels", _detailed(x), IDLE))
    return found


def place(
    rows: Rows,
    kind: str,
    name: str,
    source: str,
    taken: Tensor,
    bars: tuple[float, float],
    whose: Tensor | None = None,
) -> Suspect:
    """A fixed place of the picture, bool ``[H, W]``, against the same shape moved by half the picture."""
    taken = taken.to(rows.x.device)
    steps = [size // 2 for size in taken.shape]
    moved = torch.roll(taken, steps, tuple(range(taken.ndim)))
    x = rows.x
    return Suspect(
        kind, name, source, _swap(x, taken), _swap(x, moved), MOVED, bars, whose,
        lambda rest, donor: taken.expand(len(rest), *x.shape[1:]),
    )  # fmt: skip


def whole(kind: str, name: str, mix: Mix, bars: tuple[float, float]) -> Suspect:
    """A property of the whole input, against the same property of a row with the same answer."""
    return Suspect(kind, name, "tried on every input", mix, None, OWN, bars)


def _swap(x: Tensor, taken: Tensor) -> Mix:
    return lambda rest, donor: torch.where(taken, x[donor], x[rest])


def _corner(grid: tuple[int, int], side: int, top: int, left: int) -> Tensor:
    taken = torch.zeros(grid, dtype=torch.bool)
    down = slice(0, side) if top else slice(grid[0] - side, grid[0])
    across = slice(0, side) if left else slice(grid[1] - side, grid[1])
    taken[down, across] = True
    return taken


def _corners(grid: tuple[int, int], side: int) -> Tensor:
    return torch.stack([_corner(grid, side, top, left) for top in (0, 1) for left in (0, 1)]).any(0)


def _border(grid: tuple[int, int], width: int) -> Tensor:
    taken = torch.ones(grid, dtype=torch.bool)
    taken[width:-width, width:-width] = False
    return taken


def _outside(grid: tuple[int, int]) -> Tensor:
    """All but the ellipse in the middle that holds half of the picture."""
    down, across = (torch.linspace(-1, 1, size) for size in grid)
    far = down[:, None].square() + across.square()
    return far > far.flatten().quantile(0.5)


def _repainted(x: Tensor) -> Mix:
    """The pattern of one picture in mean and spread of another's channels.

    A channel without a pattern takes that of the mean of all.
    """
    low, high = x.amin((0, 2, 3)).view(-1, 1, 1), x.amax((0, 2, 3)).view(-1, 1, 1)
    mean, spread = x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True)

    def mix(rest: Tensor, donor: Tensor) -> Tensor:
        grey = x[rest].mean(1, keepdim=True)
        grey = (grey - grey.mean((2, 3), keepdim=True)) / grey.std((2, 3), keepdim=True).clamp(min=1e-6)
        own = (x[rest] - mean[rest]) / spread[rest].clamp(min=1e-6)
        flat = spread[rest] <= FLAT * spread[rest].amax(1, keepdim=True)
        return (mean[donor] + spread[donor] * torch.where(flat, grey, own)).clamp(low, high)

    return mix


def _frequency(grid: torch.Size, device: torch.device) -> Tensor:
    down = torch.fft.fftfreq(grid[0], device=device)
    across = torch.fft.rfftfreq(grid[1], device=device)
    return (down[:, None].square() + across.square()).sqrt()


def _resharpened(x: Tensor) -> Mix:
    """One picture with each frequency as strong as in another; where edges lie stays."""
    far = _frequency(x.shape[-2:], x.device)
    ring = (far * 2 * 8).long().clamp(max=8)
    count = torch.bincount(ring.flatten(), minlength=9).clamp(min=1)

    def strength(wave: Tensor) -> Tensor:
        sums = wave.new_zeros(len(wave), 9, dtype=wave.real.dtype)
        sums.index_add_(1, ring.flatten(), wave.abs().square().mean(1).flatten(1))
        return (sums / count).sqrt()

    def mix(rest: Tensor, donor: Tensor) -> Tensor:
        wave = torch.fft.rfft2(x[rest])
        own, other = strength(wave), strength(torch.fft.rfft2(x[donor]))
        gain = (other / own.clamp(min=1e-6)).clamp(1 / MOST, MOST)
        gain[:, :2] = 1.0  # brightness and coarse shape are not sharpness
        return torch.fft.irfft2(wave * gain[:, ring][:, None], s=x.shape[-2:])

    return mix


def _detailed(x: Tensor) -> Mix:
    """One picture with the finest detail of another."""
    fine = _frequency(x.shape[-2:], x.device) >= FINE

    def mix(rest: Tensor, donor: Tensor) -> Tensor:
        mixed = torch.where(fine, torch.fft.rfft2(x[donor]), torch.fft.rfft2(x[rest]))
        return torch.fft.irfft2(mixed, s=x.shape[-2:])

    return mix
