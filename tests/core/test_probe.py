"""Reading, overwriting and stopping, in one pass and without a trace."""

import pytest
import torch
from torch import nn

import zoo
from pellucid._core import probe
from pellucid.errors import SiteError


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_read_gives_inputs_and_outputs():
    model, x = zoo.reference(), zoo.inputs()
    with probe(model, read=["conv1", "pool:in", ".", ".:in"]) as seen:
        output = model(x)
    assert torch.equal(seen["conv1"], model.conv1(x))
    assert torch.equal(seen["pool:in"], model.conv1(x).relu())
    assert torch.equal(seen["."], output)
    assert torch.equal(seen[".:in"], x)
    assert hooks(model) == 0


def test_what_is_read_is_safe_from_in_place_layers_and_keeps_its_graph():
    (inplace,) = [t.model for t in zoo.twins() if t.name == "InPlace"]
    x = zoo.inputs()
    with probe(inplace, read=["conv1"]) as seen:
        score = inplace(x)[:, 0].sum()
    assert (seen["conv1"] < 0).any()
    model = zoo.reference()
    with probe(model, read=["conv1"]) as plain:
        wanted = model(x)[:, 0].sum()
    torch.testing.assert_close(
        torch.autograd.grad(score, seen["conv1"])[0], torch.autograd.grad(wanted, plain["conv1"])[0]
    )


def test_reading_changes_nothing():
    for twin in zoo.twins():
        if twin.name in ("Functional", "SharedRelu"):
            continue
        x = zoo.inputs().to(twin.dtype)
        model = twin.model.eval()
        before = model(x.clone())
        with probe(model, read=["conv1", "conv2:in"]):
            after = model(x.clone())
        for a, b in zip(_tensors(before), _tensors(after), strict=True):
            assert torch.equal(a, b)


def _tensors(output):
    if isinstance(output, torch.Tensor):
        return [output]
    parts = (
        output.values()
        if isinstance(output, dict)
        else vars(output).values()
        if hasattr(output, "__dict__")
        else output
    )
    return [part for part in parts if isinstance(part, torch.Tensor)]


def test_write_replaces_and_is_applied_before_reading():
    model, x = zoo.reference(), zoo.inputs()
    with probe(model, read=["conv2"], write={"conv2": lambda a: a * 0 + 1}) as seen:
        output = model(x)
    assert (seen["conv2"] == 1).all()
    assert torch.equal(output, model.head(torch.ones(5, 24).double()))
    with probe(model, write={"head:in": torch.zeros_like}):
        assert torch.equal(model(x), model.head.bias.expand(5, 3))


def test_stop_ends_the_pass():
    model, reached = zoo.reference(), []
    model.head.register_forward_hook(lambda *_: reached.append("head"))
    with probe(model, read=["conv2"], stop="conv2") as seen:
        model(zoo.inputs())
        reached.append("after")
    assert reached == []
    assert seen["conv2"].shape == (5, 6, 2, 2)


def test_stop_survives_a_network_that_catches_exceptions():
    class Catches(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(2, 2)

        def forward(self, x):
            try:
                return self.body(x)
            except Exception:
                return x

    model, after = Catches(), []
    with probe(model, read=["body"], stop="body") as seen:
        model(torch.zeros(1, 2))
        after.append(1)
    assert not after
    assert seen["body"].shape == (1, 2)


def test_nested_probes_stop_only_themselves():
    model, x = zoo.reference(), zoo.inputs()
    with probe(model, read=["conv1"], stop="conv2") as outer:
        with probe(model, read=["pool"], stop="pool") as inner:
            model(x)
        model(x)
    assert inner["pool"].shape == (5, 4, 4, 4)
    assert outer["conv1"].shape == (5, 4, 8, 8)


@pytest.mark.parametrize("call", [0, 1])
def test_a_module_called_twice(call):
    (shared,) = [t.model for t in zoo.twins() if t.name == "SharedRelu"]
    x, model = zoo.inputs(), zoo.reference()
    with probe(model, read=["relu1", "relu2"]) as wanted:
        model(x)
    with probe(shared, read=[f"relu1#{call}", "relu1"], write={f"relu1#{call}": lambda a: a}) as seen:
        shared(x)
    assert torch.equal(seen[f"relu1#{call}"], wanted[f"relu{call + 1}"])
    with pytest.raises(SiteError, match=r"called 2 times in this pass; say which call: 'relu1#0', 'relu1#1'"):
        seen["relu1"]


def test_a_second_name_of_a_shared_module_reads_the_same():
    (shared,) = [t.model for t in zoo.twins() if t.name == "SharedRelu"]
    with probe(shared, read=["relu2#1", "relu1#1"]) as seen:
        shared(zoo.inputs())
    assert torch.equal(seen["relu2#1"], seen["relu1#1"])


def test_a_call_that_did_not_happen():
    model = zoo.reference()
    with probe(model, read=["relu1#3"]) as seen:
        model(zoo.inputs())
    with pytest.raises(SiteError, match=r"'relu1' was called 1 times in this pass; there is no call #3"):
        seen["relu1#3"]


def test_each_pass_starts_anew():
    model = zoo.reference()
    with probe(model, read=["conv1"]) as seen:
        model(zoo.inputs(2))
        assert len(seen["conv1"]) == 2
        model(zoo.inputs(3))
    assert len(seen["conv1"]) == 3


class Tuples(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 3, batch_first=True)
        self.named = Named()

    def forward(self, x):
        out, (state, _) = self.lstm(x)
        kept = self.named(out)
        return kept["wide"].sum(1) + state[0] * 0


class Named(nn.Module):
    def forward(self, x):
        return {"wide": x * 2, "narrow": x / 2}


def test_items_of_tuples_and_mappings():
    model, x = zoo.seeded(Tuples), torch.ones(2, 4, 2)
    plain = model(x)
    with probe(model, read=["lstm[0]", "named[narrow]", "named:in"]) as seen:
        assert torch.equal(model(x), plain)
    assert torch.equal(seen["lstm[0]"], seen["named:in"])
    assert torch.equal(seen["named[narrow]"] * 2, seen["lstm[0]"])
    with probe(model, write={"named[wide]": lambda a: a * 0}):
        assert (model(x) == 0).all()
    with probe(model, write={"lstm[0]": lambda a: a * 0}):
        assert (model(x) == 0).all()


@pytest.mark.parametrize(
    ("site", "words"),
    [
        (
            "lstm",
            r"'lstm' is not one tensor but 2 items \(Tensor, tuple\); name an item, such as 'lstm\[0\]'",
        ),
        ("lstm[1]", "2 items"),
        ("lstm[7]", "2 items"),
        ("named", r"a mapping with 'wide', 'narrow'; name an item, such as 'named\[wide\]'"),
        ("named[other]", "a mapping with"),
        ("named:in[3]", "1 items"),
    ],
)
def test_items_that_do_not_exist(site, words):
    model = zoo.seeded(Tuples)
    with pytest.raises(SiteError, match=words), probe(model, read=[site]):
        model(torch.ones(2, 4, 2))
    assert hooks(model) == 0


def test_a_plain_tensor_has_no_items():
    model = zoo.reference()
    with (
        pytest.raises(SiteError, match=r"'conv1\[0\]' names an item of a plain tensor, which has none"),
        probe(model, read=["conv1[0]"]),
    ):
        model(zoo.inputs())


def test_named_tuples_and_hf_outputs_survive_writing():
    class Inner(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.kind = kind

        def forward(self, x):
            return zoo.Named(x.sum(), x) if self.kind == "tuple" else Output(scores=x, other=x)

    class Output(dict):
        """As Hugging Face's ModelOutput: a mapping made from keywords, with attributes."""

        __getattr__ = dict.__getitem__

        def __init__(self, **parts):
            super().__init__(**parts)

    for kind, site in (("tuple", "0[1]"), ("mapping", "0[scores]")):
        model = nn.Sequential(Inner(kind))
        with probe(model, read=[site], write={site: lambda a: a + 1}) as seen:
            output = model(torch.zeros(2, 2))
        assert (output.scores == 1).all()
        assert (seen[site] == 1).all()


def test_unread_and_unreached_sites():
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    model = Spare()
    with probe(model, read=["spare"]) as seen:
        model(torch.zeros(1, 2))
    with pytest.raises(SiteError, match=r"never reached 'spare': the layer exists"):
        seen["spare"]
    with pytest.raises(SiteError, match=r"'used' was not read in this pass; read were: spare"):
        seen["used"]
    with pytest.raises(SiteError, match=r"no layer 'uses'. Did you mean used"), probe(model, read=["uses"]):
        pass


@pytest.mark.parametrize("where", ["write", "network"])
def test_hooks_go_when_something_raises(where):
    model = zoo.reference()

    def broken(a):
        raise ZeroDivisionError

    options = {"write": {"conv2": broken}} if where == "write" else {"read": ["conv1"]}
    x = zoo.inputs() if where == "write" else zoo.inputs().float()
    with pytest.raises((ZeroDivisionError, RuntimeError)), probe(model, **options):
        model(x)
    assert hooks(model) == 0


def test_foreign_hooks_stay():
    model = zoo.reference()
    model.conv1.register_forward_hook(lambda m, a, output: output + 1)
    with probe(model, read=["conv1"]) as seen:
        model(zoo.inputs())
    assert torch.equal(seen["conv1"], zoo.reference().conv1(zoo.inputs()) + 1)
    assert hooks(model) == 1


def test_keyword_arguments_of_a_module():
    class Calls(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def forward(self, x):
            return self.inner(hidden=x, scale=2)

    class Inner(nn.Module):
        def forward(self, hidden, scale):
            return hidden * scale

    model = Calls()
    with probe(model, read=["inner:in[hidden]"], write={"inner:in[hidden]": lambda a: a + 1}) as seen:
        output = model(torch.zeros(1, 2))
    assert (seen["inner:in[hidden]"] == 1).all()
    assert (output == 2).all()
    with pytest.raises(SiteError, match="a mapping with 'hidden', 'scale'"), probe(model, read=["inner:in"]):
        model(torch.zeros(1, 2))


def test_arguments_by_place_stay_items_beside_named_ones():
    class Calls(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def forward(self, x):
            return self.inner(x, scale=x + 2)

    class Inner(nn.Module):
        def forward(self, hidden, scale):
            return hidden * scale

    model, x = Calls(), torch.ones(1, 2)
    with probe(model, read=["inner:in", "inner:in[0]", "inner:in[scale]"]) as seen:
        assert (model(x) == 3).all()
    assert torch.equal(seen["inner:in"], x)
    assert torch.equal(seen["inner:in[0]"], x)
    assert torch.equal(seen["inner:in[scale]"], x + 2)


def test_the_output_of_a_network_that_gives_a_mapping_is_its_logits():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(3, 2)

        def forward(self, x):
            return {"hidden": x, "logits": self.last(x)}

    model, x = zoo.seeded(Both), torch.ones(4, 3)
    with probe(model, read=["."]) as seen:
        plain = model(x)
    assert torch.equal(seen["."], plain["logits"])
    with probe(model, write={".": lambda a: a * 0}):
        changed = model(x)
    assert torch.equal(changed["hidden"], x)
    assert (changed["logits"] == 0).all()
