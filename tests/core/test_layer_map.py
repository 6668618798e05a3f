"""A network as the list of its layers."""

import torch
from torch import nn

import pellucid
from pellucid import figures
from pellucid._core import layer_map, load, save


class Twice(nn.Module):
    """A layer that is used twice, a recurrent one, attention, and one that no pass reaches."""

    def __init__(self):
        super().__init__()
        self.lin, self.relu, self.never = nn.Linear(4, 4), nn.ReLU(), nn.Linear(9, 9)
        self.mix = nn.TransformerEncoderLayer(4, 2, dim_feedforward=8, batch_first=True)
        self.rnn = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x):
        x = self.relu(self.lin(self.relu(self.lin(self.mix(x)))))
        return self.rnn(x)[0][:, -1]


def test_work_is_counted_call_by_call_as_by_hand():
    made = layer_map(Twice(), torch.rand(1, 5, 4))
    found = {layer.site: layer for layer in made.layers}
    assert found["lin#0"].cost == found["lin#1"].cost == 5 * 4 * 4
    assert (found["lin#0"].parameters, found["lin#1"].parameters) == (20, 0)
    assert found["lin#1"].shared
    assert not found["lin#0"].shared
    # projections in and out, then queries by keys and weights by values
    assert found["mix.self_attn"].cost == 5 * (4 * 12 + 4 * 4) + 2 * (5 * 5 * 4)
    assert found["rnn"].cost == 5 * 4 * 3 * (4 + 3)
    assert found["rnn"].shape == (5, 3)
    assert "never" in made.note
    assert "lin" not in made.note


def test_convolutions_are_counted_as_by_hand():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(72, 2))
    made = layer_map(net, torch.rand(1, 3, 8, 8))
    assert [layer.cost for layer in made.layers] == [9 * 8 * 27, 0, 0, 144]
    assert made.cost == 9 * 8 * 27 + 144


def test_the_network_comes_back_as_it_was():
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).train()
    net[0].register_forward_hook(lambda *_: None)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    fast = torch.backends.mha.get_fastpath_enabled()
    layer_map(net, torch.rand(1, 3))
    assert net[1].training
    assert len(net[0]._forward_hooks) == 1
    assert not net[0]._forward_pre_hooks
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_without_data_or_where_it_cannot_run_the_modules_stand_as_made(tmp_path):
    made = layer_map(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))
    assert [(layer.site, layer.shape, layer.cost) for layer in made.layers] == [
        ("0", None, None),
        ("1", None, None),
    ]
    assert "without shapes" in made.note
    assert load(save(made, tmp_path / "map.safetensors")) == made
    broken = layer_map(nn.Linear(3, 4), torch.rand(1, 7))
    assert "could not be run" in broken.note
    assert figures.layer_map(made).table.columns == ("layer", "kind", "parameters")


def test_three_hundred_layers_are_folded_and_none_is_dropped():
    deep = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(150)])
    found = layer_map(deep, torch.rand(1, 4))
    drawn = figures.layer_map(found)
    lines = drawn.chart["data"]["values"]
    assert len(lines) <= 40
    assert len(drawn.table.rows) == 300
    assert "folded into" in drawn.note
    named = nn.ModuleDict({"stem": nn.Linear(4, 4), "body": nn.Sequential(*[nn.Linear(4, 4)] * 60)})
    chain = nn.Sequential(named["stem"], named["body"])
    short = figures.layer_map(layer_map(chain, torch.rand(1, 4)))
    assert [line["name"] for line in short.chart["data"]["values"]] == ["0", "1 · 60 layers"]


def test_a_subject_shows_its_layer_map():
    x, y = torch.rand(20, 3), torch.tensor([0, 1] * 10)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    shown = pellucid.open(net, data=(x, y))._repr_mimebundle_()
    assert "3 layers, 26 parameters, 20 multiplications" in shown["text/plain"]
    assert "<img" in shown["text/html"]
    assert "<table" in shown["text/html"]
