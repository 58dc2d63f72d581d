"""The cascade: which layers, in which order, how re-drawn, and all put back."""

import pytest
import torch
from rightreason.networks import build
from rightreason.trust_redraw import cascade, ends, layers_from_top
from torch import nn

torch.set_num_threads(1)


class Odd(nn.Module):
    """Runs its parts in another order than it defines them, and holds a weight itself."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.arange(4.0))
        self.first = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.attend = nn.MultiheadAttention(4, 1, batch_first=True)

    def forward(self, x):
        x = self.norm(self.first(x)).flatten(2).transpose(1, 2)
        x, _ = self.attend(x, x, x)
        return self.last(x.mean(dim=1) * self.scale)


def odd():
    torch.manual_seed(3)
    network = Odd().eval()
    network.norm.running_mean.normal_()
    return network, torch.randn(3, 1, 6, 6)


def state(network):
    return {name: values.clone() for name, values in network.state_dict().items()}


def changed(network, before):
    now = network.state_dict()
    return {name for name in before if not torch.equal(now[name], before[name])}


def test_layers_come_in_the_order_they_run():
    network, x = odd()
    # The attention's own output layer is never called: it goes with the attention.
    assert layers_from_top(network, x) == [
        "last", "attend.out_proj", "attend", "norm", "first", "",
    ]  # fmt: skip


def test_hooks_are_gone_and_the_mode_is_as_before():
    network, x = odd()
    network.train()
    with cascade(network, x, 3, 0) as steps:
        list(steps)
    assert network.training
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in network.modules())


@pytest.mark.parametrize(
    ("layers", "stages", "expected"),
    [(9, 3, [1, 5, 9]), (120, 8, [1, 18, 35, 52, 69, 86, 103, 120]), (2, 8, [1, 2]), (5, 1, [5])],
)
def test_steps_are_even_from_the_first_to_all(layers, stages, expected):
    assert ends(layers, stages) == expected


def test_each_step_redraws_from_the_top():
    network, x = odd()
    before = state(network)
    found = []
    with cascade(network, x, 6, 0) as steps:
        for share in steps:
            parts = {name.rpartition(".")[0] for name in changed(network, before)}
            found.append((round(share, 3), parts))
    own = [part for _, part in found]
    assert [share for share, _ in found] == [0.167, 0.333, 0.5, 0.667, 0.833, 1]
    assert own[0] == {"last"}
    assert own[1] == {"last"} | ({"attend.out_proj"} & own[1])
    assert own[2] - own[1] == {"attend"}
    assert own[3] - own[2] == {"norm"}
    assert own[4] - own[3] == {"first"}
    assert own[5] - own[4] == {""}


def test_a_weight_without_an_initialiser_is_put_in_another_order():
    network, x = odd()
    with cascade(network, x, 1, 0) as steps:
        list(steps)
        assert sorted(network.scale.tolist()) == [0, 1, 2, 3]
        assert network.scale.tolist() != [0, 1, 2, 3]


def test_a_redrawn_norm_has_the_statistics_of_what_reaches_it():
    network, x = odd()
    with cascade(network, x, 1, 0) as steps, torch.no_grad():
        list(steps)
        reaches = network.first(x)
        normed = network.norm(reaches)
        torch.testing.assert_close(network.norm.running_mean, reaches.mean(dim=(0, 2, 3)))
        torch.testing.assert_close(normed.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
        torch.testing.assert_close(normed.std(dim=(0, 2, 3)), torch.ones(4), atol=0.02, rtol=0)


@pytest.mark.parametrize("batch", [1, 2])
def test_statistics_are_those_of_all_samples_where_few_fit_at_once(batch):
    torch.manual_seed(0)
    network = build("ResNet10", 2, 1, 2, {"block_inplanes": [4, 4, 8, 8]}).eval()
    x, sizes = torch.randn(5, 1, 16, 16), []
    with cascade(network, x, 3, 0) as steps:
        whole = [state(network) for _ in steps]
    network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    with cascade(network, x, 3, 0, batch) as steps:
        parts = [state(network) for _ in steps]
    assert max(sizes) == batch
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    norms = [name for name in whole[-1] if name.endswith("running_var")]
    assert len(norms) == 12
    assert all((whole[-1][name] != 1).any() for name in norms)


def test_a_deep_untrained_network_still_answers():
    torch.manual_seed(0)
    network = build("DenseNet121", 2, 1, 2, {}).eval()
    x = torch.randn(2, 1, 64, 64)
    with cascade(network, x, 1, 0) as steps, torch.no_grad():
        list(steps)
        logits = network(x)
    assert torch.isfinite(logits).all()
    assert (logits[0] - logits[1]).abs().max() > 1e-4


@pytest.mark.parametrize("dims", [2, 3])
def test_everything_is_put_back_bit_for_bit(dims):
    torch.manual_seed(0)
    network = build("ResNet10", dims, 1, 2, {"block_inplanes": [4, 4, 8, 8]}).eval()
    x = torch.randn(2, 1, *(16,) * dims)
    before, tensors = state(network), dict(network.named_parameters())
    with cascade(network, x, 4, 0) as steps:
        list(steps)
        assert len(changed(network, before)) > 20
    assert changed(network, before) == set()
    assert all(values is tensors[name] for name, values in network.named_parameters())


def test_also_after_an_exception():
    network, x = odd()
    before = state(network)

    def fail():
        with cascade(network, x, 4, 0) as steps:
            next(steps)
            raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        fail()
    assert changed(network, before) == set()


def test_the_draws_are_its_own():
    network, x = odd()
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    drawn = []
    for seed in (0, 0, 1):
        with cascade(network, x, 2, seed) as steps:
            list(steps)
            drawn.append(network.first.weight.clone())
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
