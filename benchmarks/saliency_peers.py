"""Other programs' saliency maps, each through its own public call and from its own passes.

Every function gives signed maps on the layer's grid, (N, 1, *spatial), before what the program does
for display: torch-cam's are cut at zero, as it gives them with `normalized=False`; those of
pytorch-grad-cam are taken where it makes them, before it cuts them at zero, scales them to 1 and
brings them to the input's size. It needs `make peers`; captum and MONAI are among the project's own
packages.
"""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

GRAD_CAM = {
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMPlusPlus",
    "hirescam": "HiResCAM",
    "layercam": "LayerCAM",
    "xgradcam": "XGradCAM",
    "eigencam": "EigenCAM",
    "scorecam": "ScoreCAM",
    "ablationcam": "AblationCAM",
}
TORCH_CAM = {
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMpp",
    "layercam": "LayerCAM",
    "xgradcam": "XGradCAM",
    "scorecam": "ScoreCAM",
}
TORCHVISION = {
    "torchvision": (),
    "torchvision.transforms": ("Compose", "Normalize", "ToTensor"),
    "torchvision.transforms.functional": ("resize",),
}
"""What pytorch-grad-cam imports of torchvision, for pictures and boxes; no CAM calls any of it."""


@contextmanager
def _without_torchvision() -> Iterator[None]:
    """Let pytorch-grad-cam be imported where there is no torchvision; leave no trace of one."""
    if "torchvision" in sys.modules:
        yield
        return
    for name, members in TORCHVISION.items():
        module = types.ModuleType(name)
        module.__dict__.update(dict.fromkeys(members))
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in TORCHVISION:
            del sys.modules[name]


def grad_cam_package() -> Any:
    """Import pytorch-grad-cam, without its progress bars."""
    with _without_torchvision():
        import pytorch_grad_cam
    silent = types.SimpleNamespace(tqdm=lambda steps: steps)
    for name in ("score_cam", "ablation_cam"):
        vars(sys.modules[f"pytorch_grad_cam.{name}"])["tqdm"] = silent
    return pytorch_grad_cam


def pytorch_grad_cam(
    name: str, network: nn.Module, x: torch.Tensor, layer: str, target: int, **options: Any
) -> torch.Tensor:
    """Make a map by pytorch-grad-cam: its whole call, with the map before it is made a picture."""
    package = grad_cam_package()
    kind = getattr(package, GRAD_CAM[name])
    extractor = kind(network, [network.get_submodule(layer)])
    for option, value in options.items():
        setattr(extractor, option, value)
    made: list[Any] = []
    make = extractor.get_cam_image

    def keep(*arguments: Any) -> Any:
        made.append(make(*arguments))
        return made[0]

    extractor.get_cam_image = keep
    targets = [package.utils.model_targets.ClassifierOutputTarget(target)] * len(x)
    try:
        extractor(x, targets)
    finally:
        extractor.activations_and_grads.release()
        network.zero_grad(set_to_none=True)
    return torch.as_tensor(made[0])[:, None].to(x.device)


def torch_cam(
    name: str, network: nn.Module, x: torch.Tensor, layer: str, target: int, **options: Any
) -> torch.Tensor:
    """Make a map by torch-cam, not scaled; its negative part is gone."""
    from torchcam import methods

    perturbs = name == "scorecam"
    with getattr(methods, TORCH_CAM[name])(network, layer, **options) as extractor:
        with torch.set_grad_enabled(not perturbs):
            scores = network(x)
        maps: torch.Tensor = extractor(target, scores, normalized=False)[0][:, None]
    return maps


def captum_cam(
    name: str, network: nn.Module, x: torch.Tensor, layer: str, target: int
) -> torch.Tensor:
    """Make a map by captum: Grad-CAM, and gradient times activation for HiResCAM."""
    from captum.attr import LayerGradCam, LayerGradientXActivation

    module = network.get_submodule(layer)
    if name == "gradcam":
        maps = LayerGradCam(network, module).attribute(x, target, relu_attributions=False)
    else:
        maps = LayerGradientXActivation(network, module).attribute(x, target).sum(1, keepdim=True)
    return maps.detach()  # type: ignore[no-any-return]


def captum_ablation(
    network: nn.Module, x: torch.Tensor, layer: str, target: int, batch: int
) -> torch.Tensor:
    """Weigh channels by the drop of the logit without them, by captum.

    As Ablation-CAM does before it divides by the logit.
    """
    from captum.attr import LayerActivation, LayerFeatureAblation

    module = network.get_submodule(layer)
    activation = LayerActivation(network, module).attribute(x).detach()
    channels = torch.arange(activation.shape[1], device=x.device)
    mask = channels.reshape(1, -1, *[1] * (activation.ndim - 2)).expand_as(activation[:1])
    with torch.no_grad():
        drops = LayerFeatureAblation(network, module).attribute(
            x, target=target, layer_baselines=0, layer_mask=mask, perturbations_per_eval=batch
        )
    return (drops * activation).sum(1, keepdim=True).detach()  # type: ignore[no-any-return]


def monai_gradcam(network: nn.Module, layer: str) -> Callable[[torch.Tensor, int], torch.Tensor]:
    """Return what makes a Grad-CAM by MONAI, at the input's size, neither inverted nor scaled.

    It works on a copy of the network: its hooks stay, and a ReLU that is its layer no longer works
    in place.
    """
    from monai.visualize import GradCAM

    extractor = GradCAM(copy.deepcopy(network), layer, postprocessing=lambda values: values)

    def make(x: torch.Tensor, target: int) -> torch.Tensor:
        maps: torch.Tensor = extractor(x, class_idx=target)
        return maps.detach()

    return make
