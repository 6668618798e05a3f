"""Texts have masks of their own: several targets of them are tested as each would be alone."""

import torch
from torch import nn

from pellucid import attribution, evidence
from pellucid._core import Compute
from pellucid.inputs import TextSpec


def test_cards_of_two_targets_are_those_of_each_alone():
    spec = TextSpec(str.split, vocabulary=tuple(map(str, range(20))), pad=0, unk=1)
    x = torch.tensor([[*range(2, 11), 0], [*range(4, 14)]])
    net, how = nn.Sequential(nn.Embedding(40, 4), nn.Flatten(), nn.Linear(4 * x.shape[1], 2)), Compute()
    for fills in (("own",), ("own", "swap")):
        places = evidence.benches(net, x, [0, 1], spec=spec, compute=how)
        for target, place in enumerate(places):
            why = attribution.saliency(net, x, target, spec=spec, compute=how)
            alone = evidence.benches(net, x, [target], spec=spec, compute=how)[0]
            a, b = (
                evidence.cards(
                    net,
                    why,
                    attribution.saliency,
                    spec=spec,
                    bench=one,
                    fills=fills,
                    on_data=False,
                    compute=how,
                )
                for one in (place, alone)
            )
            assert [c.checks[0].value for c in a] == [c.checks[0].value for c in b]
