import torch

from pellucid import data


def test_sounds_with_and_without_a_voice_whose_place_is_known():
    made = data.voices()
    assert made.inputs.shape == (48, 1, 51200)
    made.spec.check(made.inputs)
    assert made.answers.sum() == 36
    inside, voiced = made.relevant[:, 0], made.answers == 1
    assert not inside[~voiced].any()
    lasts = inside[voiced].sum(1)
    assert set(lasts.tolist()) == {8000, 12000}
    starts = inside[voiced].long().argmax(1)
    assert len(set(starts.tolist())) > 30
    assert (inside[voiced][torch.arange(36)[:, None], starts[:, None] + torch.arange(8000)]).all()


def test_only_the_voice_and_one_other_sound_stand_out_of_quiet():
    made = data.voices()
    loud = made.inputs[:, 0].unfold(1, 400, 400).square().mean(2) > 1e-4
    place = made.relevant[:, 0].unfold(1, 400, 400).any(2)
    assert loud[place].float().mean() > 0.8
    # the other sound lasts half a second, two more windows may be touched by its ends
    assert ((loud & ~place).sum(1) <= 22).all()


def test_what_is_taken_away_becomes_quiet_noise_a_syllable_at_a_time():
    made = data.voices(count=6)
    assert made.spec.absent_as == "the background noise of the same sound"
    assert made.spec.cell(made.inputs) == (1, 4000)
    gone = made.spec.absent(made.inputs).square().mean((1, 2)).sqrt()
    quiet = made.inputs[:, 0].unfold(1, 320, 320).square().mean(2).sqrt().quantile(0.3, 1)
    assert bool((gone > 0.5 * quiet).all() and (gone < 2 * quiet).all())


def test_the_seed_draws_the_sounds():
    made = data.voices(count=4)
    assert torch.equal(data.voices(count=4).inputs, made.inputs)
    assert not torch.equal(data.voices(count=4, seed=1).inputs, made.inputs)
