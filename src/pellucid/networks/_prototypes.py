"""A prototype network: the answer is how much an input looks like real training cases."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Dataset, Json
from pellucid._core._pool import MaxPool2d
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks._architecture import Architecture
from pellucid.networks._concept_bottleneck import fit_head
from pellucid.networks._readable import Readable, Recipe, refuse_numbers, refuse_others
from pellucid.networks._wide import columns_read, slots_read, told_of

SMALL = 1e-2  # distance at which two cases count as the same
CLUSTER, SEPARATION = 0.8, 0.08  # pull to a prototype of the own class, push from those of others
FAR = 4.0  # standard deviations beyond which a number says no more
SAME = 1e-4  # squared distance up to which two parts are the same
CHUNK = 512  # rows at a time where all training rows are looked at
STEP_COUNT = 800  # of a training at least, however few the rows; half of it for pictures


class PrototypeNetwork(Readable):
    """``answer = bias + Σ_p weight_p · similarity(x, case_p)``, each case a real training row or a part of a
    real picture.

    ``similarity = log((d² + 1) / (d² + 0.01))``, 4.6 for the case itself, near 0 far away. For tables ``d²``
    is the sum over columns of ``weight_j · (difference in standard deviations)²``, with learned weights. For
    pictures it lies between what a small convolutional network makes of a part of the picture and of a
    part of the case, and the most similar part counts.

    After each of two trainings every prototype is moved to the nearest part of a training case of its class
    (no part twice), and at the end the weights are fitted to these.

    Args:
        shape: of one input.
        outputs: classes.
        columns: for tables the slots of each column, else ``None``.
        each: prototypes per class.
        widths: channels of the convolutions; all but the last are followed by a pool.
        features: length of what is compared in pictures.
        seed: decides the weights.

    Raises:
        InputError: where a class would have no prototype.

    Attributes:
        cases: the training cases, encoded ``[P, *shape]``.
        rows: their numbers in the training data ``[P]``; -1 before training.
        places: row and column of the part in the network's map ``[P, 2]``; zeros for tables.
        classes: class of each prototype ``[P]``.
        moved: accuracy on the training rows right before the last projection, right after it, and with the
            weights fitted again ``[3]``.
        typical: mean of the training inputs, which stands for what is hidden.
    """

    recipe = Recipe(epochs=30, batch_size=64, learning_rate=3e-3, weight_decay=1e-4)
    cases: Tensor
    rows: Tensor
    places: Tensor
    classes: Tensor
    moved: Tensor
    rounds: Tensor
    typical: Tensor
    owner: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        *,
        columns: Sequence[Sequence[int]] | None = None,
        each: int = 5,
        widths: Sequence[int] = (32, 64),
        features: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if each < 1:
            raise InputError(f"Each class needs at least one prototype, got {each}.")
        params: dict[str, Json] = {
            "shape": [*shape],
            "outputs": outputs,
            "columns": None if columns is None else [[*slots] for slots in columns],
            "each": each,
            "widths": [*widths],
            "features": features,
            "seed": seed,
        }
        self.architecture = Architecture("prototypes", params)
        self.outputs, self.each, self.tabular = outputs, each, columns is not None
        self.columns = [] if columns is None else [tuple(slots) for slots in columns]
        count = outputs * each
        chance = torch.Generator().manual_seed(seed)
        self._seed = seed
        if columns is None:
            self.encoder = _encoder(shape[0], widths, features, chance)
            self.cut = _Cut.of(len(widths) - 1, (shape[1], shape[2]))
            self.prototypes = nn.Parameter(torch.rand(count, features, generator=chance))
        else:
            owner = torch.zeros(shape[0], dtype=torch.long)
            for k, slots in enumerate(columns):
                owner[list(slots)] = k
            self.taken = [k for k, slots in enumerate(columns) if slots]  # columns that are read
            self.seen = sorted(slot for slots in columns for slot in slots)
            self.encoder, self.cut = None, None
            self.register_buffer("owner", owner, persistent=False)
            self.spread = nn.Parameter(torch.full((len(columns),), -1.0))
            self.prototypes = nn.Parameter(torch.randn(count, shape[0], generator=chance))
        self.head = nn.Linear(count, outputs)
        self.register_buffer("classes", torch.arange(outputs).repeat_interleave(each))
        with torch.no_grad():
            own = F.one_hot(self.classes, outputs).T.float()
            self.head.weight.copy_((own * 1.5 - 0.5) / each)
            self.head.bias.zero_()
        self.register_buffer("cases", torch.zeros(count, *shape))
        self.register_buffer("rows", torch.full((count,), -1))
        self.register_buffer("places", torch.zeros(count, 2, dtype=torch.long))
        self.register_buffer("moved", torch.full((3,), torch.nan))
        self.register_buffer("rounds", torch.zeros((), dtype=torch.long))
        self.register_buffer("typical", torch.zeros(*shape))
        self._said: Tensor | None = None

    @property
    def weights(self) -> Tensor:
        """Weight of each column in the distance ``[columns]``; tables only."""
        return F.softplus(self.spread)

    def apart(self, x: Tensor) -> Tensor:
        """Squared distance to each prototype by place ``[N, P, H, W]``; for tables by column
        ``[N, P, columns]``."""
        if self.encoder is None:
            mine, owner = self.prototypes, self.owner
            if len(self.seen) < x.shape[1]:  # columns without slots are not read
                x, mine, owner = x[:, self.seen], mine[:, self.seen], owner[self.seen]
            gap = (x.clamp(-FAR, FAR)[:, None] - mine[None]).square()
            by_column = gap.new_zeros(*gap.shape[:2], len(self.columns))
            by_column.index_add_(2, owner, gap)
            return by_column * self.weights
        found = self.encoder(x)
        across = torch.einsum("nfhw,pf->nphw", found, self.prototypes)
        own = found.square().sum(1)[:, None] + self.prototypes.square().sum(1)[None, :, None, None]
        return (own - 2 * across).clamp_min(0)

    def distances(self, x: Tensor) -> Tensor:
        """Squared distance to each prototype ``[N, P]``: over all columns, or of the nearest part."""
        apart = self.apart(x)
        return apart.sum(2) if self.encoder is None else apart.flatten(2).amin(2)

    def similarities(self, x: Tensor) -> Tensor:
        """Similarity to each prototype ``[N, P]``."""
        return alike(self.distances(x))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, classes]``."""
        away = self.distances(x)
        self._said = away if self.training else None
        return self.head(alike(away))

    def training_loss(self, plain: Tensor, inputs: Tensor, outputs: Tensor, answers: Tensor) -> Tensor:
        """The plain loss; each case should have a near prototype of its class, and none of another."""
        away, self._said = self._said, None
        if away is None:
            return plain
        scale = 1.0 if self.encoder is not None else 1 / max(1, len(self.taken))
        own = answers[:, None] == self.classes[None]
        near = away.masked_fill(~own, torch.inf).amin(1).mean()
        other = away.masked_fill(own, torch.inf).amin(1).clamp_max(5 / scale).mean()
        return plain + scale * (CLUSTER * near - SEPARATION * other)

    @torch.no_grad()
    def advance(self, dataset: Dataset) -> bool:
        """Prototypes become training cases; after the second time the weights are fitted and it is over."""
        train = dataset.part("train")
        numbers = (dataset.parts == 0).nonzero().flatten()
        self.eval()
        self.typical.copy_(train.inputs.mean(0))
        before = self._accuracy(train)
        self._project(train, numbers)
        after = self._accuracy(train)
        self.rounds += 1
        if int(self.rounds) < 2:
            return True
        found = torch.cat([self.similarities(part) for part in train.inputs.split(CHUNK)])
        weight, bias = fit_head(found, train.answers, self.outputs)
        self.head.weight.copy_(weight)
        self.head.bias.copy_(bias)
        self.moved.copy_(torch.tensor([before, after, self._accuracy(train)]))
        return False

    def _accuracy(self, data: Dataset) -> float:
        right = [
            (self(x).argmax(1) == y).sum()
            for x, y in zip(data.inputs.split(CHUNK), data.answers.split(CHUNK), strict=True)
        ]
        return float(sum(int(each) for each in right) / len(data))

    def _project(self, train: Dataset, numbers: Tensor) -> None:
        """Each prototype to the nearest part of a case of its class; no case twice while there are others,
        and nothing that another prototype already shows."""
        done = list[int]()
        for k in range(self.outputs):
            mine = (self.classes == k).nonzero().flatten()
            members = (train.answers == k).nonzero().flatten()
            if not len(members):
                continue
            away = torch.cat([self.distances(train.inputs[part])[:, mine] for part in members.split(CHUNK)])
            taken = list[int]()
            for p in away.amin(0).argsort().tolist():
                order = away[:, p].clone()
                if len(set(taken)) < len(members):
                    order[taken] = torch.inf
                best = int(order.argmin())
                taken.append(best)
                self._settle(int(mine[p]), train.inputs[members[best]], int(numbers[members[best]]), done)
                done.append(int(mine[p]))

    def _settle(self, p: int, case: Tensor, row: int, done: list[int]) -> None:
        self.cases[p] = case
        self.rows[p] = row
        if self.encoder is None:
            self.prototypes[p] = case.clamp(-FAR, FAR)
            return
        found = self.encoder(case[None])[0]
        parts = found.flatten(1).T
        away = (parts - self.prototypes[p]).square().sum(1)
        if done:  # two empty corners are the same part
            again = (parts[:, None] - self.prototypes[done]).square().sum(2).amin(1) < SAME
            away = away.masked_fill(again & ~again.all(), torch.inf)
        y, x = divmod(int(away.argmin()), found.shape[2])
        self.places[p] = torch.tensor([y, x])
        self.prototypes[p] = found[:, y, x]

    def start(self, dataset: Dataset) -> None:
        """Prototypes begin at training cases far from each other; for tables in their own columns."""
        train = dataset.part("train")
        chance = torch.Generator().manual_seed(self._seed)
        self.typical.copy_(train.inputs.mean(0))
        with torch.no_grad():
            for k in range(self.outputs):
                members = (train.answers == k).nonzero().flatten()
                if not len(members):
                    continue
                members = members[torch.randperm(len(members), generator=chance)[:200]]
                places = (self.classes == k).nonzero().flatten()
                cases = train.inputs[members]
                cases = cases if self.encoder is not None else cases[:, self.seen]
                for p, m in zip(places.tolist(), _spread_out(cases, len(places)), strict=True):
                    case = train.inputs[members[m]]
                    if self.encoder is None:
                        self.prototypes[p] = case.clamp(-FAR, FAR)
                    else:
                        found = self.encoder(case[None])[0].flatten(1)
                        place = torch.randint(found.shape[1], (1,), generator=chance)
                        self.prototypes[p] = found[:, int(place)]


def alike(squared: Tensor) -> Tensor:
    """``log((d² + 1) / (d² + 0.01))``."""
    return ((squared + 1) / (squared + SMALL)).log()


@dataclasses.dataclass(frozen=True, slots=True)
class _Cut:
    """Which pixels a place of the map sees.

    Args:
        step, low, size: pixels from place to place, of the first edge, and of a side.
        height, width: of the picture.
    """

    step: int
    low: int
    size: int
    height: int
    width: int

    @classmethod
    def of(cls, pools: int, size: tuple[int, int]) -> _Cut:
        step, low, wide = 1, 0, 1
        for _ in range(pools):
            low, wide = low - step, wide + 2 * step  # a convolution of 3 with a margin of 1
            wide, step = wide + step, step * 2  # a pool of 2
        return cls(step, low, wide, *size)

    def box(self, y: int, x: int) -> tuple[int, int, int, int]:
        """Top, left, bottom, right, within the picture."""
        top, left = self.low + self.step * y, self.low + self.step * x
        return max(0, top), max(0, left), min(self.height, top + self.size), min(self.width, left + self.size)


def _spread_out(rows: Tensor, count: int) -> list[int]:
    """Numbers of rows, each far from those before; again from the start where there are too few."""
    flat = rows.flatten(1)
    chosen = [int((flat - flat.mean(0)).square().sum(1).argmin())]
    away = (flat - flat[chosen[0]]).square().sum(1)
    for k in range(1, count):
        following = int(away.argmax()) if float(away.max()) > 0 else k % len(flat)
        # the farthest are odd ones: of the far half the middle
        far = away.argsort(descending=True)[: max(1, len(away) // 2)]
        following = int(far[len(far) // 2]) if len(flat) > 4 * count else following
        chosen.append(following)
        away = torch.minimum(away, (flat - flat[following]).square().sum(1))
    return chosen


def _encoder(channels: int, widths: Sequence[int], features: int, chance: torch.Generator) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for k, width in enumerate([*widths[:-1]], start=1):
        layers[f"conv{k}"] = nn.utils.skip_init(nn.Conv2d, channels, width, 3, padding=1)
        layers[f"activation{k}"] = nn.ReLU()
        layers[f"pool{k}"] = MaxPool2d()
        channels = width
    layers["mix"] = nn.utils.skip_init(nn.Conv2d, channels, widths[-1], 1)
    layers[f"activation{len(widths)}"] = nn.ReLU()
    layers["compare"] = nn.utils.skip_init(nn.Conv2d, widths[-1], features, 1)
    layers["share"] = nn.Sigmoid()
    for layer in layers.values():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, 0.0, (2 / layer.weight[0].numel()) ** 0.5, generator=chance)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return nn.Sequential(layers)


def prototype_network(
    shape: Sequence[int],
    outputs: int,
    *,
    columns: Sequence[Sequence[int]] | None = None,
    each: int = 5,
    widths: Sequence[int] = (32, 64),
    features: int = 32,
    seed: int = 0,
) -> PrototypeNetwork:
    """An untrained prototype network; see :class:`PrototypeNetwork` for the arguments.

    Example:
        >>> network = prototype_network([2], 2, columns=[[0], [1]], each=1)
        >>> network(torch.zeros(3, 2)).shape
        torch.Size([3, 2])
    """
    return PrototypeNetwork(
        shape, outputs, columns=columns, each=each, widths=widths, features=features, seed=seed
    )


def _widths(side: int) -> tuple[int, ...]:
    """A part is 4 pixels wide in pictures below 16, 10 below 32, else 22: two thirds of a 32 × 32 picture."""
    if side < 16:
        return (32, 64)
    return (16, 32, 64) if side < 32 else (16, 32, 64, 128)


def prototypes_for(
    dataset: Dataset, *, seed: int = 0, each: int | None = None, epochs: int | None = None
) -> PrototypeNetwork:
    """An untrained prototype network for classes of rows or pictures, its prototypes at training cases.

    Raises:
        InputError: if the answers are numbers, or the inputs neither rows nor pictures.
    """
    refuse_numbers(dataset, "prototypes tell")
    shape = [*dataset.inputs.shape[1:]]
    columns, told = None, ""
    if isinstance(dataset.spec, TabularSpec):
        kept = columns_read(dataset)
        columns, told = slots_read(dataset.spec, kept), told_of(dataset.spec, kept)
    else:
        refuse_others(dataset, "prototypes are compared with")
    widths = _widths(min(shape[1:])) if len(shape) == 3 else (32, 64)
    usual = 8 if columns else 6
    made = prototype_network(
        shape, dataset.outputs, columns=columns, each=usual if each is None else each, widths=widths,
        features=64, seed=seed,
    )  # fmt: skip
    made.start(dataset)
    rows = int((dataset.parts == 0).sum())
    steps = STEP_COUNT if columns else STEP_COUNT // 2
    passes = epochs or max(12 if columns else 6, min(60, -(-steps * 64 // max(rows, 1))))
    made.recipe = dataclasses.replace(made.recipe, epochs=passes)
    made.told = told
    return made
