"""The search for shortcuts: networks made by hand whose reasons are known, slow twins of the arithmetic."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

import pellucid
from pellucid import evidence
from pellucid._core import Compute, Dataset
from pellucid.data import planted
from pellucid.errors import InputError
from pellucid.evidence._shortcuts._contest import Rows, knows, lead
from pellucid.evidence._shortcuts._copies import _fisher, copied
from pellucid.evidence._shortcuts._maps import spectral_clusters
from pellucid.evidence._shortcuts._tables import column_suspects
from pellucid.evidence._shortcuts._texts import length_suspects
from pellucid.inputs import AudioSpec, Column, ImageSpec, TabularSpec, TextSpec, WordTokenizer
from pellucid.report import shortcuts_page
from pellucid.training import collect, train

N = 160


class Reads(nn.Module):
    """A network that is a function of its input."""

    def __init__(self, reads):
        super().__init__()
        self.reads = reads
        self.seen = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.reads(x) + self.seen


def two(score):
    return torch.stack([-score, score], 1)


def search(reads, x, spec, *, classes=("no", "yes"), answers=None, seed=0, **options):
    model = Reads(reads)
    truth = model(x).argmax(1) if answers is None else answers
    data = Dataset("made", x, truth, spec, classes, torch.zeros(len(x), dtype=torch.int8))
    given = {"pairs": 60, "compute": Compute(256, seed=seed), **options}
    return evidence.shortcuts(model, data, torch.arange(len(x)), **given)


def pictures(n=N, channels=1, seed=0):
    return torch.rand(n, channels, 16, 16, generator=torch.Generator().manual_seed(seed))


def corner(x):
    return two(8 * (x[:, 0, :3, :3].mean((1, 2)) - 0.5))


def test_a_corner_that_decides_is_found_and_what_contains_it_says_so():
    found = search(corner, pictures(), ImageSpec(1, (16, 16)))
    assert found.word == "found"
    first = found.leading[0]
    assert (first.kind, first.name) == ("corner", "the upper left corner, 4 × 4 pixels")
    assert first.follows.value == 1.0
    assert first.control.value == 0.0
    assert first.alone.value == 1.0
    assert first.without.value < 0.7
    assert first.without_control.value == 1.0
    assert first.area == pytest.approx(1 / 16)
    around = next(one for one in found.alarms if one.kind == "surround")
    assert around.through == first.name
    assert around not in found.leading
    assert {one.kind for one in found.suspicions} <= set(evidence.SHORTCUT_KINDS)
    assert len(found.of_kind("corner")) == 5
    with pytest.raises(InputError, match="corner"):
        found.of_kind("corners")


def test_cases_show_what_was_mixed():
    x = pictures()
    found = search(corner, x, ImageSpec(1, (16, 16)))
    cases = found.leading[0].cases
    assert torch.equal(cases.rest, x[cases.rows[:, 0]])
    assert torch.equal(cases.donor, x[cases.rows[:, 1]])
    assert torch.equal(cases.mixed, torch.where(cases.marked, cases.donor, cases.rest))
    assert all(given == after != kept for kept, given, after in cases.answers)
    assert len({kept for kept, _, _ in cases.answers}) == 2


def test_content_that_decides_together_raises_no_alarm():
    weight = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(1))
    weight[:, :2], weight[:, -2:], weight[..., :2], weight[..., -2:] = 0, 0, 0, 0
    # smooth as photographs are: in white noise nearly everything is fine detail
    x = nn.functional.interpolate(pictures()[..., :4, :4], size=16, mode="bilinear")
    found = search(lambda x: two(((x - 0.5) * weight).sum((1, 2, 3))), x, ImageSpec(1, (16, 16)))
    assert found.word == "no alarm"
    assert found.alarms == ()


def test_colour_is_told_from_brightness():
    x = pictures(channels=3)
    tint = torch.rand(N, 3, 1, 1, generator=torch.Generator().manual_seed(2))
    found = search(
        lambda x: two(20 * (x[:, 0] - x[:, 1]).mean((1, 2))), x * (0.3 + 0.7 * tint), ImageSpec(3, (16, 16))
    )
    assert found.leading[0].kind == "colour"
    assert found.leading[0].cases.marked is None


def test_a_frame_is_found():
    x = pictures()
    level = torch.rand(N, 1, generator=torch.Generator().manual_seed(3))
    x[:, 0, 0], x[:, 0, -1] = level, level
    x[:, 0, :, 0], x[:, 0, :, -1] = level, level
    edge = lambda x: x[:, 0, 0].mean(1) + x[:, 0, -1].mean(1) + x[:, 0, :, 0].mean(1) + x[:, 0, :, -1].mean(1)  # noqa: E731
    found = search(lambda x: two(edge(x) - 2), x, ImageSpec(1, (16, 16)))
    assert "border" in {one.kind for one in found.leading}


def test_an_alarm_may_be_limited_to_one_class():
    middle = slice(5, 11)

    def reads(x):
        left, right = x[:, 0, middle, 3:8].mean((1, 2)), x[:, 0, middle, 8:13].mean((1, 2))
        stamp = 50 * (x[:, 0, :3, :3].mean((1, 2)) - 1.5)
        return torch.stack([left, right, stamp], 1)

    x = pictures(240)
    x[::3, :, :3, :3] = 2.0
    found = search(reads, x, ImageSpec(1, (16, 16), mean=(0.0,), std=(0.5,)), classes=("a", "b", "stamped"))
    first = found.leading[0]
    assert (first.kind, first.only, first.word) == ("corner", "stamped", "found")
    assert all("stamped" in gave for _, gave, _ in first.cases.answers)


def test_a_column_that_is_the_answer_is_found_and_one_of_two_that_count_is_not():
    spec = TabularSpec([Column(name) for name in "abcd"])
    x = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
    leak = search(lambda x: two(x[:, 2] + 0.01 * x[:, 0]), x, spec)
    assert [one.name for one in leak.alarms] == ["the column c"]
    assert search(lambda x: two(x[:, 2] + x[:, 0]), x, spec).word == "no alarm"
    assert search(lambda x: two(x[:, 2] * x[:, 0]), x, spec).word == "no alarm"


def test_columns_that_say_the_same_are_swapped_together():
    spec = TabularSpec([Column(name) for name in "abcd"])
    x = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
    x[:, 3] = 2 * x[:, 2] + 0.01 * x[:, 3]
    found = search(lambda x: two(x[:, 2] + x[:, 3]), x, spec)
    assert [one.name for one in found.alarms] == ["the columns c and d"]


def test_follows_is_what_a_loop_over_pairs_counts():
    spec = TabularSpec([Column(name) for name in "abc"])
    x = torch.randn(N, 3, generator=torch.Generator().manual_seed(0))
    model = Reads(lambda x: two(2 * x[:, 0] + x[:, 1]))
    truth = model(x).argmax(1)
    rows = Rows(model, x, truth, task="classification", spec=spec, compute=Compute())
    pairs = rows.pairs(50, 0)
    suspect = column_suspects(rows, spec, 0)[0]
    seen = rows.fight(suspect, pairs, 0)
    slow = []
    for rest, donor in zip(pairs.rest.tolist(), pairs.donor.tolist(), strict=True):
        assert truth[rest] != truth[donor]
        mixed = x[rest].clone()
        mixed[0] = x[donor, 0]
        slow.append(int(2 * mixed[0] + mixed[1] > 0) == int(truth[donor]))
    assert seen.follows.tolist() == slow
    assert truth[pairs.donor].bincount().tolist() == [25, 25]
    assert torch.equal(truth[pairs.own], truth[pairs.rest])


def test_numbers_do_not_depend_on_the_batch_size():
    spec = TabularSpec([Column(name) for name in "abc"])
    x = torch.randn(N, 3, generator=torch.Generator().manual_seed(0))
    one, other = (
        search(lambda x: two(x[:, 0] + x[:, 1]), x, spec, compute=Compute(batch_size=size))
        for size in (7, 512)
    )
    assert [(s.name, s.follows, s.control, s.p) for s in one.suspicions] == [
        (s.name, s.follows, s.control, s.p) for s in other.suspicions
    ]


def test_a_word_is_found():
    tokenizer = WordTokenizer(("<pad>", "<unk>", *(f"w{k}" for k in range(20))))
    spec = TextSpec(tokenizer)
    x = torch.randint(2, 22, (N, 12), generator=torch.Generator().manual_seed(0))
    x[:, 9:] = 0  # padding is never written over
    found = search(lambda x: two((x == 5).any(1).float() - 0.5), x, spec)
    assert [one.name for one in found.alarms] == ["the word “w3”"]
    cases = found.alarms[0].cases
    assert bool((cases.mixed[cases.marked] == 5).all())
    assert bool((cases.mixed[:, 9:] == 0).all())
    mild = search(lambda x: two((x < 12).float().sum(1) - (x[:, :9] >= 12).float().sum(1) - 3.5), x, spec)
    assert mild.word == "no alarm"


def test_a_band_of_a_sound_is_found():
    time = torch.arange(512) / 512
    generator = torch.Generator().manual_seed(0)
    low, loud = (torch.rand(N, 1, generator=generator) for _ in range(2))
    x = (0.02 * torch.randn(N, 512, generator=generator) + 0.3 * low * torch.sin(2 * math.pi * 12 * time))[
        :, None
    ]
    x = x + (0.3 * loud * torch.sin(2 * math.pi * 100 * time))[:, None]

    def reads(x):
        return two(torch.fft.rfft(x[:, 0]).abs()[:, 8:16].amax(1) - 38)

    found = search(reads, x, AudioSpec(512, size=512))
    assert found.leading[0].name == "the band 8–16 Hz"
    assert {one.through for one in found.alarms if one.through} == {"the band 8–16 Hz"}


def test_levels_of_a_spectrogram():
    spec = AudioSpec(8000, "spectrogram", frequencies=tuple(float(f) for f in range(100, 1300, 100)), hop=80)
    x = torch.randn(N, 1, 12, 32, generator=torch.Generator().manual_seed(0))
    x = x + 3 * torch.randn(N, 1, 1, 1, generator=torch.Generator().manual_seed(1))
    found = search(lambda x: two(x.mean((1, 2, 3))), x, spec)
    assert "loudness" in {one.kind for one in found.leading}
    assert found.clusters


def test_numbers_are_two_halves():
    spec = TabularSpec([Column(name) for name in "abc"])
    x = torch.randn(N, 3, generator=torch.Generator().manual_seed(0))
    model = Reads(lambda x: 5 * x[:, 1:2] + 0.1 * x[:, :1])
    data = Dataset("made", x, 5 * x[:, 1], spec, (), torch.zeros(N, dtype=torch.int8))
    found = evidence.shortcuts(model, data, torch.arange(N), pairs=60)
    assert [one.name for one in found.alarms] == ["the column b"]
    assert found.alarms[0].cases.answers[0][0].endswith("the median")


def test_a_network_that_learned_nothing_is_not_tested():
    spec = TabularSpec([Column(name) for name in "ab"])
    generator = torch.Generator().manual_seed(1)
    x, noise = torch.randn(N, 2, generator=generator), torch.randint(2, (N,), generator=generator)
    found = search(lambda x: two(x[:, 0]), x, spec, answers=noise)
    assert found.word == "not tested"
    assert "dealt out at random" in found.notes[0]
    assert found.suspicions[0].follows.value == 1.0


def test_that_no_row_was_copied_does_not_say_that_parts_were_tested():
    spec = TabularSpec([Column(name) for name in "ab"])
    generator = torch.Generator().manual_seed(1)
    x, noise = torch.randn(2 * N, 2, generator=generator), torch.randint(2, (2 * N,), generator=generator)
    data = Dataset("made", x, noise, spec, ("no", "yes"), torch.zeros(2 * N, dtype=torch.int8))
    model = Reads(lambda x: two(x[:, 0]))
    found = evidence.shortcuts(model, data, torch.arange(N), learned=torch.arange(N, 2 * N), pairs=60)
    assert found.copies.word == "no alarm"
    assert found.word == "not tested"


def test_a_network_with_one_answer_says_so():
    spec = TabularSpec([Column(name) for name in "ab"])
    x = torch.randn(N, 2, generator=torch.Generator().manual_seed(0))
    found = search(lambda x: torch.ones(len(x), 2) * torch.tensor([0.0, 1.0]), x, spec)
    assert found.word == "not tested"
    assert found.notes[0].startswith("The network gives all rows the same answer")
    assert pellucid.figures.figures_of(found)[0].alt == "Nothing could be put to the test."


def test_the_network_comes_back_as_it_was():
    model = Reads(corner).train()
    x = pictures()
    data = Dataset(
        "m", x, model(x).argmax(1), ImageSpec(1, (16, 16)), ("a", "b"), torch.zeros(N, dtype=torch.int8)
    )
    state = torch.get_rng_state()
    evidence.shortcuts(model, data, torch.arange(N), pairs=20)
    assert model.training
    assert model.seen.grad is None
    assert torch.equal(torch.get_rng_state(), state)


def test_copies_are_counted():
    generator = torch.Generator().manual_seed(0)
    learned, held = torch.randn(300, 5, generator=generator), torch.randn(60, 5, generator=generator)
    held[:6] = learned[10:16]
    held[6:10] = learned[20:24] + 1e-4
    right = torch.arange(60) % 2 == 0
    right[:10] = True
    taught = torch.randint(2, (300,), generator=generator)
    truth = torch.randint(2, (60,), generator=generator)
    truth[:10] = torch.cat([taught[10:16], taught[20:24]])
    found = copied(held, right, truth, learned, taught, (torch.arange(60) + 1000, torch.arange(300)))
    assert (found.exact, found.near, found.word, found.agree) == (6, 4, "found", 1.0)
    assert found.rows[:3].tolist() == [[1000, 10], [1001, 11], [1002, 12]]
    assert found.on_copies.value == 1.0
    assert found.on_rest.value == 0.5
    fresh = copied(held[10:], right[10:], truth[10:], learned, taught, (torch.arange(50), torch.arange(300)))
    assert (fresh.exact, fresh.near, fresh.word) == (0, 0, "no alarm")
    assert math.isnan(fresh.agree)


def test_rows_that_repeat_because_they_say_nothing_are_no_copies():
    generator = torch.Generator().manual_seed(0)
    learned, held = torch.randn(300, 5, generator=generator), torch.randn(60, 5, generator=generator)
    held[:20], learned[:100] = -9.0, -9.0
    truth, taught = torch.arange(60) % 2, torch.zeros(300, dtype=torch.int64)
    taught[150:] = 1
    found = copied(held, truth == 0, truth, learned, taught, (torch.arange(60), torch.arange(300)))
    assert (found.exact, found.word, found.agree) == (20, "no alarm", 0.5)
    assert "50\xa0% of these pairs have the same answer" in found.note
    assert "say little" in found.note
    one = torch.cat([held[:1], held[20:]]), torch.cat([truth[:1], truth[20:]])
    few = copied(one[0], one[1] == 0, one[1], learned, taught, (torch.arange(41), torch.arange(300)))
    assert (few.exact, few.word, few.agree) == (1, "no alarm", 1.0)
    assert "So few pairs cannot tell" in few.note


def test_copied_texts_may_differ_in_a_word():
    x = torch.randint(2, 50, (100, 20), generator=torch.Generator().manual_seed(0))
    held = x[:5].clone()
    held[1, 3], held[2, :4] = 60, 60
    right, answers = torch.ones(5, dtype=torch.bool), torch.zeros(100, dtype=torch.int64)
    found = copied(held, right, answers[:5], x, answers, (torch.arange(5), torch.arange(100)))
    assert (found.exact, found.near) == (3, 1)


@pytest.mark.parametrize(("won", "lost"), [(12, 3), (5, 5), (0, 4), (30, 0)])
def test_lead_is_mcnemars_test(won, lost):
    follows = torch.tensor([True] * won + [False] * lost + [True] * 7 + [False] * 4)
    control = torch.tensor([False] * won + [True] * lost + [True] * 7 + [False] * 4)
    assert lead(follows, control) == pytest.approx(
        stats.binomtest(won, won + lost, alternative="greater").pvalue, abs=1e-12
    )


def test_fisher_agrees_with_scipy():
    first, second = torch.tensor([1] * 9 + [0] * 2) > 0, torch.tensor([1] * 20 + [0] * 17) > 0
    slow = stats.fisher_exact([[9, 2], [20, 17]], alternative="greater").pvalue
    assert _fisher(first, second) == pytest.approx(slow, abs=1e-12)


def test_answers_dealt_out_at_random_are_told():
    generator = torch.Generator().manual_seed(0)
    noise = sum(
        knows(torch.randint(2, (80,), generator=generator), torch.randint(2, (80,), generator=generator), k)
        for k in range(100)
    )
    assert noise <= 5
    truth = torch.randint(2, (80,), generator=generator)
    assert knows(torch.where(torch.arange(80) < 30, 1 - truth, truth), truth, 0) is False
    assert knows(torch.where(torch.arange(80) < 10, 1 - truth, truth), truth, 0) is True


def test_three_clouds_are_three_clusters():
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    points = (centres[:, None] + 0.3 * torch.randn(3, 20, 2, generator=generator)).flatten(0, 1)
    member, values = spectral_clusters(points)
    assert sorted(member.bincount().tolist()) == [20, 20, 20]
    assert all(len(member[20 * k : 20 * k + 20].unique()) == 1 for k in range(3))
    assert values[2] < 1e-6 < values[3]


def test_it_refuses_what_cannot_be_searched():
    spec = TabularSpec([Column("a")])
    x = torch.randn(30, 1)
    with pytest.raises(InputError, match="at least 40"):
        search(lambda x: two(x[:, 0]), x, spec)
    subject = pellucid.open(nn.Linear(1, 2), data=(torch.randn(90, 1), torch.arange(90) % 2))
    with pytest.raises(InputError, match="test"):
        pellucid.shortcuts(subject, part="tests")


@pytest.fixture(scope="module")
def stamped():
    """A network that learned digits with a planted corner, and one of the clean twin."""
    made = planted("patch", n=700)
    found = []
    for data in (made.dataset, made.twin):
        torch.manual_seed(0)
        net = pellucid.networks.default_network(data)
        collect(train(net, data, epochs=12, learning_rate=3e-3, patience=None))
        subject = pellucid.open(net, data=data, spec=data.spec, classes=data.classes)
        found.append(pellucid.shortcuts(subject, part="all"))
    return found


def test_a_plant_is_found_and_its_clean_twin_raises_no_alarm(stamped):
    plant, twin = stamped
    assert "corner" in {one.kind for one in plant.leading}
    assert twin.alarms == ()
    assert twin.accuracy.low > 0.6


def test_what_was_found_can_be_kept_and_drawn(stamped, tmp_path):
    plant, twin = stamped
    again = pellucid.load(pellucid.save(plant, tmp_path / "found.safetensors"))
    assert [one.name for one in again.alarms] == [one.name for one in plant.alarms]
    drawn = pellucid.figures.figures_of(plant)
    assert drawn[0].title == "What decides alone?"
    assert len(drawn[0].table.rows) == len(plant.suspicions)
    assert drawn[0].alt.startswith(f"{len(plant.leading)} alarm")
    marks = [mark for mark in drawn[0].chart["data"]["values"] if mark["k"] == 0]
    first = plant.suspicions[0]
    assert marks[0] == {"k": 0, "name": f"{first.word}: {first.name}", "bar": first.bars[0]}
    assert [mark["share"] for mark in marks[1:]] == [first.follows.value, first.control.value]
    assert all(each.alt and each.table.rows for each in drawn)
    assert drawn[-1].title == "Clusters of attribution maps"
    assert pellucid.figures.figures_of(twin)[0].alt.startswith("No alarm among")
    html = shortcuts_page(plant, tmp_path / "page.html", name="<b>net</b>").read_text()
    assert "&lt;b&gt;net" in html
    assert "<script" not in html
    assert html.count("<figure") == len(drawn)


@pytest.mark.parametrize("seed", range(20))
def test_two_columns_that_leak_side_by_side_are_found_together_and_honest_pairs_are_not(seed):
    spec = TabularSpec([Column(name) for name in "abcdef"])
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(N, 6, generator=draw)
    answers = (x[:, :3].sum(1) > 0).long()
    leaky = x.clone()
    # each tells the answer, with noise of its own, so that they correlate by less than .95
    leaky[:, 4:] = 2.0 * answers[:, None] - 1 + 0.6 * torch.randn(N, 2, generator=draw)
    reads = lambda x: two(x[:, 4] + x[:, 5] + 0.1 * x[:, 0])  # noqa: E731
    found = search(reads, leaky, spec, answers=answers, seed=seed)
    assert [one.name for one in found.leading] == ["the columns e and f"]
    assert found.leading[0].source == "each foretells the answers nearly alone"
    assert not [one for one in found.alarms if one.name in ("the column e", "the column f")]
    clean = leaky[torch.randperm(N, generator=draw)]
    mixed = torch.cat([x[:, :4], clean[:, 4:]], 1)
    honest = lambda x: two(x[:, :3].sum(1) + 0.1 * x[:, 4])  # noqa: E731
    assert search(honest, mixed, spec, answers=answers, seed=seed).word == "no alarm"
    assert search(lambda x: two(x[:, 0] * x[:, 1]), x, spec, seed=seed).word == "no alarm"


@pytest.mark.parametrize("seed", range(20))
def test_what_is_missing_is_found_where_it_decides(seed):
    spec = TabularSpec([*(Column(name, missing=True) for name in "abc"), Column("d"), Column("e")])
    draw = torch.Generator().manual_seed(seed)
    x = torch.zeros(N, spec.width)
    x[:, [0, 2, 4, 6, 7]] = torch.randn(N, 5, generator=draw)
    gone = torch.rand(N, 3, generator=draw) < 0.3
    x[:, [1, 3, 5]] = gone.float()
    x[:, [0, 2, 4]] = x[:, [0, 2, 4]].masked_fill(gone, 0.0)
    reads = lambda x: two(x[:, [1, 3, 5]].sum(1) - 0.5 + 0.05 * x[:, 6])  # noqa: E731
    found = search(reads, x, spec, seed=seed)
    assert [one.kind for one in found.leading] == ["missing"]
    assert found.leading[0].follows.value > 0.9
    honest = search(lambda x: two(x[:, [0, 2, 4, 6, 7]].sum(1)), x, spec, seed=seed)
    assert honest.word == "no alarm"
    assert len(honest.of_kind("missing")) == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_length_of_a_text_is_found_where_it_decides(seed):
    words = WordTokenizer(("<pad>", "<unk>", *(f"w{k}" for k in range(30))))
    spec = TextSpec(words, length=20)
    draw = torch.Generator().manual_seed(seed)
    x = torch.randint(2, 32, (N, 20), generator=draw)
    lengths = torch.randint(4, 21, (N, 1), generator=draw)
    x = x.masked_fill(torch.arange(20) >= lengths, 0)
    found = search(lambda x: two((x > 0).sum(1) - 12.5), x, spec, seed=seed)
    assert [one.kind for one in found.leading] == ["length"]
    weight = torch.randn(32, generator=draw)
    weight[:2] = 0
    honest = search(lambda x: two(weight[x].sum(1) / (x > 0).sum(1).clamp(min=1).sqrt()), x, spec, seed=seed)
    assert not [one for one in honest.alarms if one.kind == "length"]


def test_the_words_of_a_text_are_laid_on_the_places_of_another():
    words = WordTokenizer(("<pad>", "<unk>", *"abcdef"))
    spec = TextSpec(words, length=5)
    x = torch.tensor([[2, 3, 0, 0, 0], [4, 5, 6, 7, 2]])
    data = Dataset("made", x, torch.tensor([0, 1]), spec, ("no", "yes"), torch.zeros(2, dtype=torch.int8))
    rows = Rows(
        Reads(lambda x: two((x > 0).sum(1) - 3.0)), x, data.answers, task="classification", spec=spec,
        compute=Compute(),
    )  # fmt: skip
    (one,) = length_suspects(rows, spec)
    first, second = torch.tensor([0]), torch.tensor([1])
    assert one.mix(first, second).tolist() == [[2, 3, 2, 3, 2]]
    assert one.mix(second, first).tolist() == [[4, 5, 0, 0, 0]]


def test_corners_of_a_frame_are_told_once():
    x = pictures()
    level = torch.rand(N, 1, generator=torch.Generator().manual_seed(3))
    frame = torch.zeros(16, 16, dtype=torch.bool)
    frame[:2], frame[-2:], frame[:, :2], frame[:, -2:] = True, True, True, True
    x = torch.where(frame, level[:, :, None, None], x)
    found = search(
        lambda x: two(9 * ((x * frame).sum((1, 2, 3)) / frame.sum() - 0.5)), x, ImageSpec(1, (16, 16))
    )
    assert {one.kind for one in found.leading} & {"corner", "border"} == {"border"}
    corners = [one for one in found.alarms if one.kind == "corner"]
    assert all(one.through == "the border, 2 pixels wide" for one in corners)


def test_corners_that_win_most_rows_do_not_lead_before_the_frame_that_wins_all():
    draw = torch.Generator().manual_seed(4)
    x = pictures()
    level = (torch.rand(N, 1, generator=draw) > 0.5).float() * 2 - 1
    level = 0.5 + level * (0.5 + torch.rand(N, 1, generator=draw)) / 3
    weight = torch.zeros(16, 16)
    weight[:2], weight[-2:], weight[:, :2], weight[:, -2:] = 1.0, 1.0, 1.0, 1.0
    frame = weight > 0
    middle = slice(4, 12)
    weight[:4, :4] = weight[:4, -4:] = weight[-4:, :4] = weight[-4:, -4:] = 1.8
    weight = weight * frame
    assert float(weight[middle].sum() + weight[:, middle].sum()) < float(weight.sum()) / 2
    x = torch.where(frame, level[:, :, None, None], x)
    found = search(lambda x: two(((x - 0.5) * weight).sum((1, 2, 3)) / 10), x, ImageSpec(1, (16, 16)))
    (corners,) = (one for one in found.alarms if one.name.startswith("the four corners"))
    assert 0.35 < corners.follows.low < corners.follows.value < 0.9
    (lead,) = found.leading
    assert (lead.kind, lead.word, lead.follows.value) == ("border", "found", 1.0)
    assert {one.through for one in found.alarms if one is not lead} == {lead.name}


def test_what_a_search_takes_is_said_before():
    data = (torch.randn(300, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1] * 150))
    subject = pellucid.open(nn.Linear(4, 2), data=data)
    plan = pellucid.tasks.estimate_shortcuts(subject, pairs=60)
    found = pellucid.shortcuts(subject, pairs=60)
    assert plan.forward == pytest.approx(found.spent, rel=0.05)
    assert not plan.exact
