"""Recurrent networks and attention, fused and written out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from models.case import RELUS, RULES, Case, drawn, made, no
from pellucid._core import Batch


class Loop(nn.Module):
    """A recurrent layer stepped through by hand, with cells."""

    def __init__(self, kind, **how):
        super().__init__()
        self.layer = kind(4, 5, **how)
        self.head = nn.Linear(5, 3)


class Recurrent(Loop):
    def forward(self, x):
        out, _ = self.layer(x if self.layer.batch_first else x.transpose(0, 1))
        return self.head(out[:, -1] if self.layer.batch_first else out[-1])


class Cells(Loop):
    def forward(self, x):
        layer, cell = self.layer, getattr(torch, CELL[type(self.layer)])
        h = torch.zeros(len(x), 5, dtype=x.dtype)
        state = (h, torch.zeros_like(h)) if isinstance(layer, nn.LSTM) else h
        for step in x.unbind(1):
            state = cell(
                step, state, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0
            )
        return self.head(state[0] if isinstance(layer, nn.LSTM) else state)


CELL = {nn.LSTM: "lstm_cell", nn.GRU: "gru_cell", nn.RNN: "rnn_tanh_cell"}


def tokens():
    return drawn(5, 8)


class ByHand(nn.Module):
    """Self-attention written out."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

    def heads(self, x):
        q, k, v = F.linear(x, self.layer.in_proj_weight, self.layer.in_proj_bias).chunk(3, -1)
        return (t.unflatten(-1, (2, 4)).transpose(1, 2) for t in (q, k, v))

    def attend(self, x):
        q, k, v = self.heads(x)
        return ((q @ k.transpose(-2, -1)) * 4**-0.5).softmax(-1) @ v

    def forward(self, x):
        y = self.attend(x).transpose(1, 2).flatten(2)
        return self.head(F.linear(y, self.layer.out_proj.weight, self.layer.out_proj.bias).mean(1))


class Fused(ByHand):
    def attend(self, x):
        return F.scaled_dot_product_attention(*self.heads(x))


class Layered(ByHand):
    weights = False

    def forward(self, x):
        return self.head(self.layer(x, x, x, need_weights=self.weights)[0].mean(1))


class Weighing(Layered):
    weights = True


class TimeFirst(ByHand):
    def __init__(self):
        super().__init__()
        self.layer.batch_first = False

    def forward(self, x):
        x = x.transpose(0, 1)
        return self.head(self.layer(x, x, x, need_weights=False)[0].mean(0))


class Encoder(nn.Module):
    """torch's encoder, which leaves its written path for a fast one where nobody asks for gradients."""

    def __init__(self, **how):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, **how)
        self.body, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 3)

    def forward(self, x, mask=None):
        return self.head(self.body(x, src_key_padding_mask=mask).mean(1))


class Slow(Encoder):
    """The same operation by operation."""

    def forward(self, x, mask=None):
        for layer in self.body.layers:
            x = layer.norm1(x + layer.self_attn(x, x, x, key_padding_mask=mask, need_weights=False)[0])
            x = layer.norm2(x + layer.linear2(layer.linear1(x).relu()))
        return self.head(x.mean(1))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Transformer(8, 2, 1, 1, 16, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        return self.head(self.body(x, x, tgt_mask=mask, tgt_is_causal=True).mean(1))


class Packed(Recurrent):
    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.full((len(x),), 5), batch_first=True)
        return self.head(nn.utils.rnn.pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0][:, -1])


def masked():
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[0, 3:] = True
    return Batch({"x": tokens()}, held={"mask": mask})


class Projected(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.LSTM(4, 5, proj_size=3, batch_first=True), nn.Linear(3, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


def recurrent(kind, **how):
    return lambda: made(lambda: Recurrent(kind, **how))


def cells(kind, **how):
    return lambda: made(lambda: Cells(kind, **how))


def steps():
    return drawn(5, 4)


def smooth(name, make, inputs=tokens, **how):
    return Case(name, make, inputs, relus=False, **how)


def attending(name, make, inputs=tokens, **how):
    return Case(name, make, inputs, attends=True, **how)


SEQUENCES = [
    *(
        smooth(
            f"{kind.__name__}, {'rows' if first else 'time'} first",
            recurrent(kind, batch_first=first),
            steps,
            plain=cells(kind, batch_first=first),
        )
        for kind in (nn.LSTM, nn.GRU, nn.RNN)
        for first in (True, False)
    ),
    smooth("deep LSTM", recurrent(nn.LSTM, num_layers=2, batch_first=True, dropout=0.5), steps),
    smooth("projected LSTM", lambda: made(Projected), steps, refused=no("projections", *RULES)),
    Case(
        "RNN of ReLUs",
        recurrent(nn.RNN, nonlinearity="relu", batch_first=True),
        steps,
        refused=no("'rnn_relu'", *RELUS),
    ),
    smooth(
        "packed",
        lambda: made(lambda: Packed(nn.LSTM, batch_first=True)),
        steps,
        plain=cells(nn.LSTM, batch_first=True),
        refused=no("'_pack_padded_sequence'", *RULES),
    ),
    attending("fused attention", lambda: made(Fused), relus=False, plain=lambda: made(ByHand)),
    attending("attention layer", lambda: made(Layered), relus=False, plain=lambda: made(ByHand)),
    # LRP's stabilisers stand in other places
    attending(
        "attention with weights",
        lambda: made(Weighing),
        relus=False,
        plain=lambda: made(ByHand),
        apart=("lrp",),
    ),
    attending(
        "attention layer, time first", lambda: made(TimeFirst), relus=False, plain=lambda: made(ByHand)
    ),
    attending("encoder", lambda: made(Encoder), tokens, plain=lambda: made(Slow)),
    attending("encoder with a mask", lambda: made(Encoder), masked, plain=lambda: made(Slow)),
    attending("encoder, norm first", lambda: made(lambda: Encoder(norm_first=True)), tokens),
    attending("decoder", lambda: made(Decoder), tokens),
]
