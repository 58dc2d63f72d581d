"""Networks by name, the published parameter names, and weights from local files."""

import pickle
from pathlib import Path

import pytest
import torch
from rightreason import network_names
from rightreason.classic_networks import alexnet, vgg16
from rightreason.errors import InputError
from rightreason.networks import build, load_trained
from rightreason.weights import read_state

SMALL = {
    "DenseNet121": {"init_features": 8, "growth_rate": 4, "block_config": [2, 2]},
    "ResNet10": {"block_inplanes": [4, 4, 8, 8]},
    "ResNet50": {"block_inplanes": [2, 2, 4, 4]},
}

# Shapes of torchvision's published files `alexnet-owt-7be5be79.pth` and `vgg16-397923af.pth`.
ALEXNET = {
    "features.0": (64, 3, 11, 11), "features.3": (192, 64, 5, 5), "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3), "features.10": (256, 256, 3, 3),
    "classifier.1": (4096, 9216), "classifier.4": (4096, 4096), "classifier.6": (1000, 4096),
}  # fmt: skip
VGG16 = {
    "features.0": (64, 3, 3, 3), "features.2": (64, 64, 3, 3), "features.5": (128, 64, 3, 3),
    "features.7": (128, 128, 3, 3), "features.10": (256, 128, 3, 3),
    "features.12": (256, 256, 3, 3), "features.14": (256, 256, 3, 3),
    "features.17": (512, 256, 3, 3), "features.19": (512, 512, 3, 3),
    "features.21": (512, 512, 3, 3), "features.24": (512, 512, 3, 3),
    "features.26": (512, 512, 3, 3), "features.28": (512, 512, 3, 3),
    "classifier.0": (4096, 25088), "classifier.3": (4096, 4096), "classifier.6": (1000, 4096),
}  # fmt: skip


@pytest.mark.parametrize(("make", "published"), [(alexnet, ALEXNET), (vgg16, VGG16)])
def test_classic_networks_have_the_published_names_and_shapes(make, published):
    with torch.device("meta"):
        state = make(3, 1000).state_dict()
    weights = {f"{name}.weight": shape for name, shape in published.items()}
    biases = {f"{name}.bias": shape[:1] for name, shape in published.items()}
    assert {name: tuple(value.shape) for name, value in state.items()} == weights | biases


@pytest.mark.parametrize("name", network_names.PLANAR)
def test_classic_networks_take_small_and_full_images(name):
    network = build(name, 2, 1, 2, {"hidden": 8})
    assert network(torch.zeros(2, 1, 96, 96)).shape == (2, 2)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", sorted(SMALL))
def test_monai_networks_in_2d_and_3d(name, dims):
    network = build(name, dims, 3, 2, SMALL[name]).eval()
    assert network(torch.zeros(1, 3, *(32,) * dims)).shape == (1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", [n for n in network_names.KNOWN if n not in network_names.PLANAR])
def test_every_known_network_at_its_own_size(name, dims):
    network = build(name, dims, 1).eval()
    assert network(torch.zeros(1, 1, *(64,) * dims)).shape == (1, 2)


def test_resnet_in_2d_halves_the_image_first():
    assert build("ResNet10", 2, 1, 2, SMALL["ResNet10"]).conv1.stride == (2, 2)
    assert build("ResNet10", 3, 1, 2, SMALL["ResNet10"]).conv1.stride == (1, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("ResNet11", 2, 1), r"no network 'ResNet11'; known are AlexNet, .*ResNet10"),
        (("VGG16", 3, 1), r"VGG16 is a 2D network.*DenseNet121"),
        (("DenseNet121", 2, 1, 2, {"pretrained": True}), r"options pretrained of DenseNet121"),
        (("DenseNet121", 2, 1, 2, {"depth": 3}), r"cannot be built in 2D with the options .*depth"),
    ],
)
def test_what_cannot_be_built_is_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        build(*arguments)


def test_published_weights_load_and_a_grey_image_keeps_its_responses(tmp_path):
    published = alexnet(3, 10, hidden=8)
    torch.save(published.state_dict(), tmp_path / "published.pth")
    grey = build("AlexNet", 2, 1, 2, {"hidden": 8}, tmp_path / "published.pth")
    image = torch.randn(2, 1, 64, 64)
    expected = published.features(image.expand(-1, 3, -1, -1))
    torch.testing.assert_close(grey.features(image), expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(grey.classifier[4].weight, published.classifier[4].weight)
    assert grey.classifier[6].out_features == 2


def test_five_slices_share_the_published_filters_evenly(tmp_path):
    published = alexnet(3, 2, hidden=8)
    torch.save(published.state_dict(), tmp_path / "published.pth")
    network = build("AlexNet", 2, 5, 2, {"hidden": 8}, tmp_path / "published.pth")
    expected = published.features[0].weight.sum(1) / 5
    for channel in range(5):
        torch.testing.assert_close(network.features[0].weight[:, channel], expected)
    assert torch.equal(network.classifier[6].weight, published.classifier[6].weight)


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    torch.save(build("ResNet10", 2, 1, 2, SMALL["ResNet10"]).state_dict(), tmp_path / "w.ckpt")
    with pytest.raises(InputError, match=r"not those of this network(.|\n)*features.0.weight: mis"):
        build("AlexNet", 2, 1, 2, {"hidden": 8}, tmp_path / "w.ckpt")
    wider = build("ResNet10", 2, 1, 2, {"block_inplanes": [4, 4, 8, 16]})
    with pytest.raises(
        InputError, match=r"layer4.0.bn1.bias: shape \(8,\), the network has \(16,\)"
    ):
        load_trained(wider, tmp_path / "w.ckpt")


class Payload:
    """Would write a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_in_the_guise_of_weights_is_never_run(tmp_path):
    torch.save({"features.0.weight": Payload(tmp_path / "ran")}, tmp_path / "evil.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    for name in ("evil.ckpt", "plain.ckpt", "absent.ckpt"):
        with pytest.raises(InputError, match=f"{name} cannot be read as a file of weights"):
            read_state(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_trained_weights_come_back_frozen_and_in_eval_mode(tmp_path):
    network = build("ResNet10", 2, 1, 2, SMALL["ResNet10"])
    torch.save(network.state_dict(), tmp_path / "w.ckpt")
    again = load_trained(build("ResNet10", 2, 1, 2, SMALL["ResNet10"]), tmp_path / "w.ckpt")
    x = torch.randn(1, 1, 32, 32)
    assert torch.equal(again(x), network.eval()(x))
    assert not any(parameter.requires_grad for parameter in again.parameters())
