"""Is somebody speaking? Silero's detector rebuilt in plain torch, for sounds of any length at 16 kHz."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK, BEFORE, AFTER = 512, 64, 64  # samples that are new, that went before, that are mirrored at the end
BANDS, WIDTH = 129, 128


class SpeechDetector(nn.Module):
    """Waveforms ``[N, 1, T]`` at 16,000 samples a second to two logits: no speech, speech.

    Each 32 ms (512 samples, with the 64 before) become a spectrum, four convolutions and one step of an LSTM,
    which says how likely speech is; the second logit is the log of the mean odds over the sound, the first 0.
    So one word in a long silence counts, and so does every further moment of it.
    Parameters bear the names of Silero's safetensors file, so its weights fit.

    Source:
        Silero Team 2024, Silero VAD (MIT), https://github.com/snakers4/silero-vad.

    Example:
        >>> SpeechDetector()(torch.zeros(2, 1, 1600)).shape
        torch.Size([2, 2])
    """

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 2 * BANDS, 256, 128, bias=False)
        self.conv1 = nn.Conv1d(BANDS, 128, 3, 1, 1)
        self.conv2 = nn.Conv1d(128, 64, 3, 2, 1)
        self.conv3 = nn.Conv1d(64, 64, 3, 2, 1)
        self.conv4 = nn.Conv1d(64, WIDTH, 3, 1, 1)
        self.lstm_cell = nn.LSTMCell(WIDTH, WIDTH)
        self.final_conv = nn.Conv1d(WIDTH, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, 2]``."""
        said = self.by_chunk(x)
        score = said.logsumexp(1) - math.log(said.shape[1])
        return torch.stack([torch.zeros_like(score), score], 1)

    def by_chunk(self, x: Tensor) -> Tensor:
        """Log-odds of speech in each 32 ms: ``[N, chunks]``."""
        rows, length = len(x), x.shape[-1]
        padded = F.pad(x, (BEFORE, -length % CHUNK))
        chunks = padded.unfold(-1, CHUNK + BEFORE, CHUNK).flatten(0, 2)
        heard = self._encoded(chunks).view(rows, -1, WIDTH)
        state = heard.new_zeros(rows, WIDTH), heard.new_zeros(rows, WIDTH)
        said: list[Tensor] = []
        for step in heard.unbind(1):
            state = self.lstm_cell(step, state)
            said.append(self.final_conv(state[0].relu()[..., None])[:, 0, 0])
        return torch.stack(said, 1)

    def _encoded(self, chunks: Tensor) -> Tensor:
        """Chunks ``[M, 576]`` to ``[M, 128]``."""
        wave = self.stft_conv(F.pad(chunks[:, None], (0, AFTER), mode="reflect"))
        # the small number keeps slopes finite in exact silence
        x = (wave[:, :BANDS].square() + wave[:, BANDS:].square() + 1e-12).sqrt()
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = convolution(x).relu()
        return x[..., 0]
