"""Measures how far LiteRT's default kernels are from its reference kernels, on real photographs.

    python benchmarks/kernels.py --shared shared

int8 files of mobile networks, and beside them files that others ship. Ours have ImageNet weights
where `--shared` has them, else random ones with statistics measured on the photographs, which make
more of a small difference than trained ones do. Ours give logits, since an int8 softmax of random
weights rounds to the same number everywhere; the others' give probabilities. Prints Markdown.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from machine import caption
from random_weights import settle

from keras_cv_course import build_model
from keras_cv_course.data import load_images
from keras_cv_course.registry import MODELS
from keras_cv_course.tflite import convert
from keras_cv_course.tflite.kernel_comparison import STEP_BINS, kernel_differences

PHOTOGRAPHS = ("*.bmp", "*.jpg")


@dataclass(frozen=True)
class Network:
    """A network of ours.

    Attributes:
        name: Its name in the registry.
        options: Further arguments of its builder.
        size_px: Height and width of its input.
        weights: File of ImageNet weights, in the folder `weights`.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    size_px: int = 96
    weights: str | None = None


@dataclass(frozen=True)
class Peer:
    """A file that others ship.

    Attributes:
        title: What it is.
        file: Its name, in the folder `models`.
        size_px: Height and width of its input.
        input_range: Smallest and largest value that it takes.
    """

    title: str
    file: str
    size_px: int
    input_range: tuple[float, float]


NETWORKS = {
    "MobileNet 0.25 96": Network(
        "mobilenet", {"alpha": 0.25}, weights="mobilenet_v1_0.25_128.weights.h5"
    ),
    "MobileNetV2 0.35 96": Network("mobilenet_v2", {"alpha": 0.35}),
    "MobileNetV3Small 0.5 96": Network("mobilenet_v3_small", {"alpha": 0.5}),
    "EfficientNetLite0 96": Network("efficientnet_lite0"),
    "MobileNetV2 1.0 224": Network(
        "mobilenet_v2", size_px=224, weights="mobilenet_v2_1.0_224.weights.h5"
    ),
}
PEERS = (
    Peer("MLPerf Tiny, MobileNet 0.25 96", "mlperf_tiny_vww_96_int8.tflite", 96, (0.0, 1.0)),
    Peer(
        "Coral, MobileNetV2 1.0 224, calibrated",
        "coral_tf2_mobilenet_v2_1.0_224_ptq.tflite",
        224,
        (-1.0, 1.0),
    ),
    Peer(
        "Coral, MobileNetV2 1.0 224, trained in uint8",
        "coral_mobilenet_v2_1.0_224_quant.tflite",
        224,
        (-1.0, 1.0),
    ),
)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--shared", type=Path, required=True, help="folder with data/coral_photos and models"
    )
    options = parser.parse_args()
    folder = options.shared / "data" / "coral_photos"
    photographs = sorted(file for pattern in PHOTOGRAPHS for file in folder.glob(pattern))
    if not photographs:
        parser.error(f"there are no photographs in {folder}")
    print(
        f"{caption()}\n\nShare of output values by difference in quantization steps; "
        f"{len(photographs)} photographs.\n"
    )
    columns = ("file", "weights", *STEP_BINS, "median", "worst", "same decision")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    with tempfile.TemporaryDirectory() as name:
        for row in rows(options.shared, photographs, Path(name)):
            print("| " + " | ".join(row) + " |", flush=True)


def rows(shared: Path, photographs: list[Path], folder: Path) -> Iterator[list[str]]:
    """Yields the cells of each file, ours first."""
    for title, network in NETWORKS.items():
        shape = (network.size_px, network.size_px, 3)
        images = load_images(photographs, shape, MODELS[network.name].input_range)
        model, weights = build(network, shape, images, shared / "weights")
        file = convert(model, folder / "int8.tflite", "int8", "int8", images).path
        yield row(title, weights, file, images)
    for peer in PEERS:
        file = shared / "models" / peer.file
        if file.is_file():
            shape = (peer.size_px, peer.size_px, 3)
            images = load_images(photographs, shape, peer.input_range)
            yield row(peer.title, "trained", file, images)


def build(
    network: Network, shape: tuple[int, int, int], images: np.ndarray, folder: Path
) -> tuple[keras.Model, str]:
    """Returns a network that gives logits, and "ImageNet" or "random", which its weights are."""
    file = folder / network.weights if network.weights else None
    trained = file is not None and file.is_file()
    model = build_model(
        network.name,
        input_shape=shape,
        classifier_activation=None,
        weights=file if trained else None,
        **network.options,
    )
    if not trained:
        settle(model, images)
    return model, "ImageNet" if trained else "random"


def row(title: str, weights: str, file: Path, images: np.ndarray) -> list[str]:
    """Returns the cells of a file with one output."""
    (output,) = kernel_differences(file, images).outputs
    assert output.histogram is not None  # All are integers.
    shares = [f"{count / sum(output.histogram):.1%}" for count in output.histogram]
    figures = [f"{output.median:.0f}", f"{output.worst:.0f}", f"{output.agreement:.0%}"]
    return [title, weights, *shares, *figures]


if __name__ == "__main__":
    main()
