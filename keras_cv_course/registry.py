"""Names of models, and where their builders live; imports a builder only when it is needed."""

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from keras_cv_course._classifier_table import FAMILIES, PIXELS, SIGNED, UNIT
from keras_cv_course._model_entry import PLAIN as PLAIN
from keras_cv_course._model_entry import ModelEntry
from keras_cv_course._model_entry import Traits as Traits
from keras_cv_course._validation import check_choice, check_keywords

if TYPE_CHECKING:
    import keras


# Modules whose objects Keras must know by name before it can load a model that holds them.
SERIALIZABLE_MODULES = (
    "layers.batch_normalization",
    "layers.bilinear",
    "layers.box_codes",
    "layers.class_numbers",
    "layers.cosine_logits",
    "layers.detection_postprocess",
    "layers.distances",
    "layers.fractal_join",
    "layers.grouped_convolution",
    "layers.head_decoding",
    "layers.spec_carrier",
    "layers.standardized_convolution",
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
    "quantization.operations.leaky_relu",
    "quantization.operations.linear",
    "quantization.operations.normalization",
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


def _detector(
    name: str, builder: str, module: str, size_px: int, input_range: tuple[float, float]
) -> ModelEntry:
    return ModelEntry(name, builder, f"detectors.{module}", "detector", size_px, input_range)


def _segmenter(
    name: str, builder: str, module: str, size_px: int, input_range: tuple[float, float]
) -> ModelEntry:
    return ModelEntry(name, builder, f"segmenters.{module}", "segmenter", size_px, input_range)


def _face_network(name: str, builder: str, module: str, size_px: int) -> ModelEntry:
    return ModelEntry(name, builder, f"faces.{module}", "face", size_px, PIXELS)


_ENTRIES = (
    *(entry for family in FAMILIES for entry in family.entries()),
    # Ranges of those with a choice of backbones are those of the default, MobileNetV2.
    ModelEntry("localizer", "Localizer", "detectors.localizer", "localizer", 224, SIGNED),
    _detector("ssd300", "SSD300", "ssd", 300, SIGNED),
    _detector("ssdlite", "SSDLite", "ssd", 320, SIGNED),
    _detector("retinanet", "RetinaNet", "retinanet", 320, SIGNED),
    _detector("yolo_v1", "YOLOv1", "yolo_v1", 448, UNIT),
    _detector("yolo_v1_tiny", "YOLOv1Tiny", "yolo_v1", 448, UNIT),
    _detector("yolo_v2", "YOLOv2", "yolo", 416, UNIT),
    _detector("yolo_v2_tiny", "YOLOv2Tiny", "yolo", 416, UNIT),
    _detector("yolo_v3", "YOLOv3", "yolo", 416, UNIT),
    _detector("yolo_v3_tiny", "YOLOv3Tiny", "yolo", 416, UNIT),
    _detector("yolo", "YOLO", "yolo", 320, SIGNED),
    _segmenter("unet", "UNet", "unet", 572, UNIT),
    _segmenter("fcn32s", "FCN32s", "fcn", 224, UNIT),
    _segmenter("fcn16s", "FCN16s", "fcn", 224, UNIT),
    _segmenter("fcn8s", "FCN8s", "fcn", 224, UNIT),
    _segmenter("segnet", "SegNet", "segnet", 224, UNIT),
    _segmenter("lraspp", "LRASPP", "lraspp", 224, PIXELS),
    _face_network("dlib_face_encoder", "DlibFaceEncoder", "dlib_encoder", 150),
    _face_network("ssd_face_detector", "SSDFaceDetector", "face_detectors", 512),
    _face_network("tiny_yolo_face_detector", "TinyYOLOFaceDetector", "face_detectors", 416),
    _face_network("face_landmarks", "FaceLandmarkNetwork", "dense_face_networks", 112),
    _face_network("face_expressions", "FaceExpressionNetwork", "dense_face_networks", 112),
    _face_network("age_gender", "AgeGenderNetwork", "age_gender", 112),
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}


def builder_names(package: str) -> dict[str, tuple[str, ...]]:
    """Returns the public builders by module, as `lazy_names` takes them.

    Args:
        package: "backbones", "detectors" or "segmenters", to which the modules are relative.
    """
    prefix = f"{package}."
    modules: dict[str, list[str]] = {}
    for entry in _ENTRIES:
        if entry.module.startswith(prefix):
            modules.setdefault(entry.module.removeprefix(prefix), []).append(entry.builder)
    for family in FAMILIES if package == "backbones" else ():
        modules[family.module].extend(family.generic)
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
