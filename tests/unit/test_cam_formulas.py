"""The formulas against numbers counted by hand, the papers' general forms, and torch's SVD."""

import math

import pytest
import torch
from rightreason.cam_formulas import (
    FORMULAS,
    Evidence,
    eigencam,
    gradcam_plus_plus,
    xgradcam,
)

torch.set_num_threads(1)

# Places 2, channels 2: A = (1, 2), (3, -1); G = (1, 3), (0, -4).
HAND = Evidence(
    torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]]), torch.tensor([[[[1.0, 3.0]], [[0.0, -4.0]]]])
)
PLUS = 1 / (2 + 3 * 1) + 3 / (2 + 3 * 3)
LARGEST = (15 + math.sqrt(29)) / 2  # Eigenvalue of ((5, 1), (1, 10)), the channels' products.
LENGTH = math.hypot(1, LARGEST - 5)
EXPECTED = {
    # Mean gradients 2 and -2: 2*1 - 2*3, 2*2 - 2*(-1).
    "gradcam": [-4.0, 6.0],
    # The second channel has no positive gradient.
    "gradcam++": [PLUS * 1, PLUS * 2],
    # 1*1 + 0*3, 3*2 + (-4)*(-1).
    "hirescam": [1.0, 10.0],
    # 1*1 + 0*3, 3*2 + 0*(-1).
    "layercam": [1.0, 6.0],
    # Weights (1*1 + 3*2) / 3 and (0*3 + 4) / 2.
    "xgradcam": [7 / 3 * 1 + 2 * 3, 7 / 3 * 2 - 2 * 1],
    "eigencam": [(1 + 3 * (LARGEST - 5)) / LENGTH, (2 - (LARGEST - 5)) / LENGTH],
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_by_hand(name):
    assert FORMULAS[name](HAND).shape == (1, 1, 1, 2)
    assert FORMULAS[name](HAND).flatten().tolist() == pytest.approx(EXPECTED[name], rel=1e-5)


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("spatial", [(4, 5), (2, 3, 4)])
@pytest.mark.parametrize("name", FORMULAS)
def test_a_sample_is_its_own_in_any_layout(name, spatial):
    a, g = random(3, 6, *spatial), random(3, 6, *spatial, seed=1)
    together = FORMULAS[name](Evidence(a, g))
    assert together.shape == (3, 1, *spatial)
    alone = [FORMULAS[name](Evidence(a[n : n + 1], g[n : n + 1])) for n in range(3)]
    torch.testing.assert_close(together, torch.cat(alone))
    last = torch.channels_last if len(spatial) == 2 else torch.channels_last_3d
    laid = Evidence(a.contiguous(memory_format=last), g.contiguous(memory_format=last))
    torch.testing.assert_close(FORMULAS[name](laid), together)


@pytest.mark.parametrize("name", FORMULAS)
def test_places_are_alike(name):
    """A volume of one slice, or the same places in another order, gives the same values."""
    a, g = random(2, 6, 4, 5), random(2, 6, 4, 5, seed=1)
    plane = FORMULAS[name](Evidence(a, g))
    volume = FORMULAS[name](Evidence(a[:, :, None], g[:, :, None]))
    torch.testing.assert_close(volume[:, :, 0], plane)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    mixed = Evidence(a.flatten(2)[..., order, None], g.flatten(2)[..., order, None])
    torch.testing.assert_close(FORMULAS[name](mixed)[:, 0, :, 0], plane.flatten(1)[:, order])


def test_gradcam_plus_plus_is_the_general_form_for_the_exponential_of_the_logit():
    """Eq. 10 with the derivatives of exp(S), which torch takes; S is linear in the activations."""
    a, slopes = random(1, 3, 2, 2).abs().requires_grad_(), random(1, 3, 2, 2, seed=1)
    y = (a * slopes).sum().exp()
    [first] = torch.autograd.grad(y, a, create_graph=True)
    second, third = torch.zeros_like(a), torch.zeros_like(a)
    for place in range(a.numel()):
        [row] = torch.autograd.grad(first.flatten()[place], a, create_graph=True)
        [again] = torch.autograd.grad(row.flatten()[place], a, retain_graph=True)
        second.view(-1)[place] = row.flatten()[place].detach()
        third.view(-1)[place] = again.flatten()[place]
    alpha = second / (2 * second + (a.sum((2, 3), keepdim=True) * third))
    weights = (alpha * first.relu()).sum((2, 3), keepdim=True) / y
    expected = (weights * a).sum(1, keepdim=True)
    found = gradcam_plus_plus(Evidence(a.detach(), slopes))
    torch.testing.assert_close(found, expected.detach())


def test_gradcam_plus_plus_takes_gradients_whose_cube_is_too_small_to_hold():
    a, g = torch.ones(1, 1, 1, 2), torch.full((1, 1, 1, 2), 1e-20)
    # 1e-20 / (2 + 2e-20), twice, and times 1.
    assert gradcam_plus_plus(Evidence(a, g)).flatten().tolist() == pytest.approx([1e-20, 1e-20])


def test_where_a_formula_divides_by_zero():
    cancelling = Evidence(torch.tensor([[[1.0, -1.0]]]), torch.tensor([[[3.0, 1.0]]]))
    assert xgradcam(cancelling).tolist() == [[[0.0, 0.0]]]
    dead = Evidence(torch.zeros(1, 2, 3), torch.ones(1, 2, 3))
    for formula in FORMULAS.values():
        assert formula(dead).tolist() == [[[0.0, 0.0, 0.0]]]
    # A channel of sum -2 and gradients 1 and 2: 1 / (2 - 2) counts as zero, 2 / (2 - 4) is -1.
    pole = Evidence(torch.tensor([[[-3.0, 1.0]]]), torch.tensor([[[1.0, 2.0]]]))
    assert gradcam_plus_plus(pole).tolist() == [[[3.0, -1.0]]]


def test_cancelling_to_the_last_digit_is_zero_too():
    values = torch.tensor([0.1, 0.2, -0.3], dtype=torch.float64)
    assert values.sum() != 0
    evidence = Evidence(values[None, None], values[None, None].abs())
    assert xgradcam(evidence).tolist() == [[[0.0, 0.0, 0.0]]]


@pytest.mark.parametrize("shape", [(3, 5, 4, 4), (3, 40, 2, 3), (2, 16, 2, 2, 4)])
def test_eigencam_is_the_first_term_of_an_svd(shape):
    a = random(*shape)
    found = eigencam(Evidence(a, torch.zeros_like(a)))
    for n in range(shape[0]):
        matrix = a[n].flatten(1).T
        _, _, vh = torch.linalg.svd(matrix, full_matrices=False)
        expected = matrix @ vh[0]
        expected = expected if expected.sum() >= 0 else -expected
        torch.testing.assert_close(found[n].flatten(), expected)


def test_eigencam_after_a_relu_is_positive_and_knows_no_class():
    a = random(4, 6, 5, 5).relu()
    found = eigencam(Evidence(a, random(*a.shape, seed=1)))
    assert found.min() >= -1e-12
    assert torch.equal(found, eigencam(Evidence(a, -a)))


def test_eigencam_of_what_is_not_finite_spares_the_other_samples():
    a = random(3, 4, 2, 3)
    a[1, 2, 0, 0], a[2, 0, 1, 1] = torch.nan, torch.inf
    found = eigencam(Evidence(a, a))
    assert found[1:].isnan().all()
    torch.testing.assert_close(found[:1], eigencam(Evidence(a[:1], a[:1])))
