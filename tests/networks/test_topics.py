from types import SimpleNamespace

import torch
from torch import nn

from pellucid.networks import Topics


class Encoder(nn.Module):
    """Each token stands for itself as a vector."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding.from_pretrained(torch.eye(4))

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(last_hidden_state=self.table(input_ids))


def test_similarity_is_the_cosine_of_mean_vectors_without_padding():
    network = Topics(Encoder(), torch.tensor([[1, 0], [2, 3]]), torch.tensor([[1, 0], [1, 1]]), scale=2)
    ids, mask = torch.tensor([[1, 2, 0]]), torch.tensor([[1, 1, 0]])
    # (1, 1, 0)/√2 against (1, 0, 0) and (0, 1, 1)/√2
    torch.testing.assert_close(network(ids, mask), torch.tensor([[2 / 2**0.5, 1.0]]))
