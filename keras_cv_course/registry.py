"""Names of models, and where their builders live; imports a builder only when it is asked for."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_cv_course._validation import check_choice, check_keywords

if TYPE_CHECKING:
    import keras


HEADS = ("dense", "conv", "flatten")


@dataclass(frozen=True)
class Traits:
    """What the classifiers of a family have in common beside their blocks.

    Attributes:
        head: How the classifier begins: "dense", dense layers on pooled features; "conv", 1x1
            convolutions of the pooled map; "flatten", dense layers on all values of the last map,
            so that their weights depend on the size of the input.
        classifier_layers: Number of layers with weights behind the last feature map's part.
        min_size_px: Smallest height and width of the input.
        any_size: Whether the network without its classifier takes images of any larger size.
        preprocessing: Whether preprocessing is inside, so that images are pixel values.
    """

    head: str = "dense"
    classifier_layers: int = 1
    min_size_px: int = 32
    any_size: bool = True
    preprocessing: bool = False

    def __post_init__(self) -> None:
        check_choice("head", self.head, HEADS)


PLAIN = Traits()


@dataclass(frozen=True)
class ModelEntry:
    """One row of the model table.

    Attributes:
        name: What `build_model` takes, in snake_case.
        builder: Name of the builder function, as exported by `keras_cv_course`.
        module: Module that defines the builder, relative to `keras_cv_course`.
        kind: What the model is for: "classifier", "localizer", "detector" or "segmenter".
        size_px: Height and width of the input that the paper trains at.
        input_range: Smallest and largest pixel value that the model takes.
        traits: Those of its family, which mean something for classifiers only.
    """

    name: str
    builder: str
    module: str
    kind: str
    size_px: int
    input_range: tuple[float, float]
    traits: Traits = PLAIN

    def load(self) -> Callable[..., "keras.Model"]:
        """Returns the builder function."""
        module = importlib.import_module(f"keras_cv_course.{self.module}")
        builder: Callable[..., keras.Model] = getattr(module, self.builder)
        return builder


# Modules whose objects Keras must know by name before it can load a model that holds them.
SERIALIZABLE_MODULES = (
    "layers.batch_normalization",
    "layers.bilinear",
    "layers.box_codes",
    "layers.cosine_logits",
    "layers.detection_postprocess",
    "layers.distances",
    "layers.head_decoding",
    "layers.spec_carrier",
    "layers.whitening",
    "losses.age",
    "losses.anchor_boxes",
    "losses.contrastive",
    "losses.focal",
    "losses.landmarks",
    "losses.margin_softmax",
    "losses.masked",
    "losses.multibox",
    "losses.segmentation",
    "losses.triplet",
    "losses.yolo",
    "losses.yolo_v1",
    "metrics.age",
    "metrics.masked",
    "ops.activations",
    "ops.normalization",
    "optimizers.layer_rates",
    "optimizers.warm_up",
    "quantization.fake_quantization",
    "quantization.keep_float",
    "quantization.kernels",
)


def import_serializable() -> None:
    """Makes every object of the package known to `keras.saving.load_model`."""
    for module in SERIALIZABLE_MODULES:
        importlib.import_module(f"keras_cv_course.{module}")


def register_for(name: str) -> None:
    """Calls `import_serializable` for public names but those that work without Keras.

    So `keras.saving.load_model` finds our objects once any other public name has been used.
    """
    if name not in ("build_model", "list_models"):
        import_serializable()


_SIGNED = (-1.0, 1.0)
_PIXELS = (0.0, 255.0)
_UNIT = (0.0, 1.0)


def _classifier(
    name: str,
    builder: str,
    module: str,
    size_px: int,
    input_range: tuple[float, float],
    traits: Traits = PLAIN,
) -> ModelEntry:
    return ModelEntry(
        name, builder, f"backbones.{module}", "classifier", size_px, input_range, traits
    )


def _detector(
    name: str, builder: str, module: str, size_px: int, input_range: tuple[float, float]
) -> ModelEntry:
    return ModelEntry(name, builder, f"detectors.{module}", "detector", size_px, input_range)


def _segmenter(
    name: str, builder: str, module: str, size_px: int, input_range: tuple[float, float]
) -> ModelEntry:
    return ModelEntry(name, builder, f"segmenters.{module}", "segmenter", size_px, input_range)


_EFFICIENTNET_SIZES = (224, 240, 260, 300, 380, 456, 528, 600)
_EFFICIENTNET_LITE_SIZES = (224, 240, 260, 280, 300)

_MOBILENET = Traits(head="conv")
_MOBILENET_V3 = Traits(head="conv", classifier_layers=2, preprocessing=True)
_EFFICIENTNET = Traits(preprocessing=True)

_ENTRIES = (
    _classifier("mobilenet", "MobileNet", "mobilenet", 224, _SIGNED, _MOBILENET),
    _classifier("mobilenet_v2", "MobileNetV2", "mobilenet_v2", 224, _SIGNED),
    _classifier(
        "mobilenet_v3_small", "MobileNetV3Small", "mobilenet_v3", 224, _PIXELS, _MOBILENET_V3
    ),
    _classifier(
        "mobilenet_v3_large", "MobileNetV3Large", "mobilenet_v3", 224, _PIXELS, _MOBILENET_V3
    ),
    *(
        _classifier(
            f"efficientnet_b{i}", f"EfficientNetB{i}", "efficientnet", size, _PIXELS, _EFFICIENTNET
        )
        for i, size in enumerate(_EFFICIENTNET_SIZES)
    ),
    _classifier("efficientnet_l2", "EfficientNetL2", "efficientnet", 800, _PIXELS, _EFFICIENTNET),
    *(
        _classifier(
            f"efficientnet_lite{i}", f"EfficientNetLite{i}", "efficientnet_lite", size, _SIGNED
        )
        for i, size in enumerate(_EFFICIENTNET_LITE_SIZES)
    ),
    _classifier("darknet19", "Darknet19", "darknet", 224, _UNIT),
    _classifier("darknet53", "Darknet53", "darknet", 224, _UNIT),
    # Ranges of those with a choice of backbones are those of the default, MobileNetV2.
    ModelEntry("localizer", "Localizer", "detectors.localizer", "localizer", 224, _SIGNED),
    _detector("ssd300", "SSD300", "ssd", 300, _SIGNED),
    _detector("ssdlite", "SSDLite", "ssd", 320, _SIGNED),
    _detector("retinanet", "RetinaNet", "retinanet", 320, _SIGNED),
    _detector("yolo_v1", "YOLOv1", "yolo_v1", 448, _UNIT),
    _detector("yolo_v1_tiny", "YOLOv1Tiny", "yolo_v1", 448, _UNIT),
    _detector("yolo_v2", "YOLOv2", "yolo", 416, _UNIT),
    _detector("yolo_v2_tiny", "YOLOv2Tiny", "yolo", 416, _UNIT),
    _detector("yolo_v3", "YOLOv3", "yolo", 416, _UNIT),
    _detector("yolo_v3_tiny", "YOLOv3Tiny", "yolo", 416, _UNIT),
    _detector("yolo", "YOLO", "yolo", 320, _SIGNED),
    _segmenter("unet", "UNet", "unet", 572, _UNIT),
    _segmenter("fcn32s", "FCN32s", "fcn", 224, _UNIT),
    _segmenter("fcn16s", "FCN16s", "fcn", 224, _UNIT),
    _segmenter("fcn8s", "FCN8s", "fcn", 224, _UNIT),
    _segmenter("segnet", "SegNet", "segnet", 224, _UNIT),
    _segmenter("lraspp", "LRASPP", "lraspp", 224, _PIXELS),
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}


def builder_names(package: str) -> dict[str, tuple[str, ...]]:
    """Returns the builders of the model table by module, as `lazy_names` takes them.

    Args:
        package: "backbones", "detectors" or "segmenters", to which the modules are relative.
    """
    prefix = f"{package}."
    modules: dict[str, list[str]] = {}
    for entry in _ENTRIES:
        if entry.module.startswith(prefix):
            modules.setdefault(entry.module.removeprefix(prefix), []).append(entry.builder)
    return {module: tuple(names) for module, names in modules.items()}


def list_models(kind: str | None = None) -> list[str]:
    """Returns the names that `build_model` takes, in the order of the model table.

    Args:
        kind: Only models of this kind, e.g. "classifier". None lists all.

    Raises:
        ValueError: If `kind` is not the kind of any model.

    Example:
        >>> list_models("classifier")[:2]
        ['mobilenet', 'mobilenet_v2']
    """
    if kind is not None:
        check_choice("kind", kind, sorted({entry.kind for entry in _ENTRIES}))
    return [entry.name for entry in _ENTRIES if kind in (None, entry.kind)]


def build_model(name: str, **options: Any) -> "keras.Model":
    """Returns a new model by name.

    Args:
        name: One of `list_models()`, or the name of its builder, e.g. "MobileNetV2".
        **options: Arguments of the model's builder, e.g. `input_shape`, `alpha`, `classes`.

    Raises:
        ValueError: If `name` is unknown; the nearest names are suggested.
        TypeError: If the builder does not take an option; the nearest is suggested.

    Example:
        >>> model = build_model("mobilenet_v2", input_shape=(96, 96, 3), alpha=0.35, classes=10)
    """
    by_builder = {entry.builder: entry.name for entry in _ENTRIES}
    name = by_builder.get(name, name)
    check_choice("name", name, MODELS)
    builder = MODELS[name].load()
    check_keywords(MODELS[name].builder, options, inspect.signature(builder).parameters)
    return builder(**options)
