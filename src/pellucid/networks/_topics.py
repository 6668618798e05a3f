"""Which of several topics is a text about? An encoder of sentences, asked by likeness; nothing is learned."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Topics(nn.Module):
    """Cosine similarity of a text with each of K topics, times a scale: logits ``[N, K]``.

    A text is the mean of its tokens' last hidden states, padding left out, at length 1.

    Args:
        encoder: from ``input_ids`` and ``attention_mask`` to what has ``last_hidden_state`` ``[N, T, E]``, as
            the encoders of Hugging Face do.
        ids, mask: int64 ``[K, T]``, the topics as token numbers.
        scale: what similarities are multiplied by; 20 makes them as decided as the encoder's training did.
    """

    topics: Tensor

    def __init__(self, encoder: nn.Module, ids: Tensor, mask: Tensor, *, scale: float = 20.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.scale = scale
        with torch.no_grad():
            self.register_buffer("topics", self.embedded(ids, mask))

    def embedded(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Texts as vectors of length 1: ``[N, E]``."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask[..., None].to(hidden)
        return F.normalize((hidden * weight).sum(1) / weight.sum(1), dim=1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits ``[N, K]``."""
        return self.scale * self.embedded(input_ids, attention_mask) @ self.topics.T
