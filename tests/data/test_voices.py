import torch

from pellucid import data


def test_voices_and_noises_in_turns_with_the_place_of_the_voice():
    made = data.voices()
    assert made.inputs.shape == (24, 1, 20480)
    made.spec.check(made.inputs)
    assert made.answers.tolist() == [1, 0] * 12
    before, after = made.inputs[..., :5120], made.inputs[..., 5120:]
    loud = after.square().mean((1, 2)) / before.square().mean((1, 2))
    assert (loud[::2] > 100).all()
    assert made.relevant[::2, 0, 5120:].all()
    assert not made.relevant[..., :5120].any()
    assert not made.relevant[1::2].any()
    assert torch.equal(data.voices().inputs, made.inputs)
    assert not torch.equal(data.voices(seed=1).inputs, made.inputs)
