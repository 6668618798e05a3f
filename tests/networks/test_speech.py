import torch
import torch.nn.functional as F

from pellucid.networks import SpeechDetector


def test_chunks_go_one_by_one_through_what_the_layers_say():
    torch.manual_seed(0)
    network, x = SpeechDetector(), torch.randn(2, 1, 1300) * 0.1
    state, said = (torch.zeros(2, 128), torch.zeros(2, 128)), []
    padded = F.pad(x[:, 0], (64, 3 * 512 - 1300))
    for k in range(3):
        chunk = F.pad(padded[:, None, k * 512 : k * 512 + 576], (0, 64), mode="reflect")
        wave = network.stft_conv(chunk)
        heard = (wave[:, :129] ** 2 + wave[:, 129:] ** 2 + 1e-12).sqrt()
        for layer in (network.conv1, network.conv2, network.conv3, network.conv4):
            heard = F.relu(layer(heard))
        state = network.lstm_cell(heard[..., 0], state)
        said.append(F.conv1d(state[0].relu()[..., None], network.final_conv.weight, network.final_conv.bias))
    by_hand = torch.cat(said, 1)[..., 0]
    torch.testing.assert_close(network.by_chunk(x), by_hand)
    torch.testing.assert_close(network(x), torch.stack([torch.zeros(2), by_hand.exp().mean(1).log()], 1))


def test_slopes_are_finite_in_exact_silence():
    x = torch.zeros(1, 1, 1024, requires_grad=True)
    SpeechDetector()(x)[:, 1].sum().backward()
    assert x.grad.isfinite().all()
