import warnings

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pellucid.errors import LoadError
from pellucid.loading import load_weights, read_weights


class Sub(nn.Linear):
    """A class of its own, so that pickling a whole network needs code."""


def refused(model, file):
    before = {name: part.clone() for name, part in model.state_dict().items()}
    with pytest.raises(LoadError) as caught:
        load_weights(model, file)
    assert all(torch.equal(part, before[name]) for name, part in model.state_dict().items())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("wrap", ["plain", "state_dict", "model_state_dict", "parallel", "compiled"])
def test_all_common_files_give_the_same_weights(tmp_path, wrap):
    source, file = nn.Linear(3, 2), tmp_path / "w.pt"
    state = dict(source.state_dict())
    if wrap == "parallel":
        state = {f"module.{name}": part for name, part in state.items()}
    if wrap == "compiled":
        state = {f"module._orig_mod.{name}": part for name, part in state.items()}
    torch.save({wrap: state, "epoch": 3} if wrap.endswith("dict") else state, file)
    made = load_weights(nn.Linear(3, 2), file)
    assert torch.equal(made.weight, source.weight)
    assert torch.equal(made.bias, source.bias)


def test_safetensors(tmp_path):
    source, file = nn.Linear(3, 2), tmp_path / "w.safetensors"
    save_file(source.state_dict(), file)
    assert torch.equal(load_weights(nn.Linear(3, 2), file).weight, source.weight)


def test_flags_and_number_type_of_the_network_stay(tmp_path):
    source, file = nn.Linear(3, 2), tmp_path / "w.pt"
    torch.save(source.state_dict(), file)
    model = nn.Linear(3, 2).double().requires_grad_(False)
    load_weights(model, file)
    assert model.weight.dtype == torch.float64
    assert not model.weight.requires_grad


def test_misfits_are_named_and_change_nothing(tmp_path):
    file = tmp_path / "w.safetensors"
    save_file({"weight": torch.zeros(2, 3), "scale": torch.zeros(1)}, file)
    told = refused(nn.Linear(4, 2), file)
    assert told == (
        "w.safetensors does not fit Linear: weight is [2, 3], the network's is [2, 4]; it lacks bias; "
        "it has scale, which the network does not know."
    )


def test_a_pickle_with_code_is_refused_with_the_reason(tmp_path):
    torch.save(Sub(3, 2), tmp_path / "whole.pt")
    told = refused(nn.Linear(3, 2), tmp_path / "whole.pt")
    assert "Sub" in told
    assert "can run code" in told


def test_files_that_hold_no_weights(tmp_path):
    (tmp_path / "rubbish.pt").write_bytes(b"not a pickle at all")
    (tmp_path / "rubbish.safetensors").write_bytes(b"\xff" * 40)
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "cut.pt")
    whole = (tmp_path / "cut.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "numbers.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("rubbish.pt", "rubbish.safetensors", "empty.pt", "cut.pt"):
        assert "damaged" in refused(nn.Linear(3, 2), tmp_path / name)
    assert "a table of epoch, loss" in refused(nn.Linear(3, 2), tmp_path / "numbers.pt")
    assert "a list" in refused(nn.Linear(3, 2), tmp_path / "list.pt")
    assert "Did you mean list.pt" in refused(nn.Linear(3, 2), tmp_path / "lisst.pt")


def test_a_torchscript_program_is_told_apart(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(nn.Linear(3, 2), torch.zeros(1, 3)), tmp_path / "s.pt")
    assert "TorchScript program" in refused(nn.Linear(3, 2), tmp_path / "s.pt")


def test_read_weights_gives_tensors_by_name(tmp_path):
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "w.pt")
    assert set(read_weights(tmp_path / "w.pt")) == {"weight", "bias"}
