"""SSD: class and box of many anchors on feature maps of falling size; its VGG16 and lite forms."""

from collections.abc import Sequence

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_whole, suggest_keywords
from keras_cv_course.backbones.vgg import VGG16_ROWS, vgg_stages
from keras_cv_course.blocks.convolution import ConvStyle, conv_activation
from keras_cv_course.detectors._build import finish_detector, head_style, open_backbone
from keras_cv_course.heads.ssd import ssd_head
from keras_cv_course.necks.extra_maps import LITE_FILTERS, lite_maps, ssd300_maps
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.ops import anchors
from keras_cv_course.ops.anchors import AnchorMap
from keras_cv_course.ops.box_coding import SSD_VARIANCES
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.registry import MODELS
from keras_cv_course.specs.detection import DetectionSpec

_SIZE_PX = 300
_FIRST_SCALE = 20.0  # of conv4_3, whose values are larger than those of the later maps
_FINEST = 4  # the level of SSDLite's first map, of stride 16


@suggest_keywords
def SSD300(classes: int = 20, channels: int = 3, name: str | None = None) -> keras.Model:
    """Returns an SSD300 on VGG16, for images of 300x300 as floats in [-1, 1], RGB.

    It gives "boxes" (batch, 8732, 4), the codes of boxes, and "classes" (batch, 8732, classes + 1),
    logits with the background as class 0; `Detector` makes boxes of them. 26,285,486 parameters
    for the 20 classes of VOC.

    Args:
        classes: Number of classes, without the background.
        channels: Channels of the image.
        name: Name of the model; "ssd300" when None.

    Raises:
        ValueError: If `classes` is not above 0.

    Example:
        >>> SSD300(classes=3).output["boxes"].shape
        (None, 8732, 4)

    Reference:
        SSD: Single Shot MultiBox Detector, arXiv:1512.02325, figure 2; the scale of conv4_3 is
        ParseNet's, arXiv:1506.04579, section 3.3.
    """
    check_whole("classes", classes)
    entry = MODELS["ssd300"]
    image = keras.Input((_SIZE_PX, _SIZE_PX, channels), name="image")
    style = ConvStyle("relu")
    stages = vgg_stages(image, VGG16_ROWS, style, pool_padding="same")
    x = keras.layers.MaxPooling2D(3, 1, "same", name="fc6_pool")(stages["stage5"])
    x = conv_activation(x, 1024, 3, style, "fc6", dilation_rate=6)
    fc7 = conv_activation(x, 1024, 1, style, "fc7")
    features = [_rescaled(stages["stage4"]), fc7, *ssd300_maps(fc7, style)]
    maps = {f"P{level}": x for level, x in enumerate(features, 3)}
    spec = _spec(anchors.ssd300_maps(), classes, (_SIZE_PX, _SIZE_PX), entry.input_range)
    return finish_detector(image, _heads(maps, spec), spec, name or entry.name)


@suggest_keywords
def SSDLite(
    backbone: "str | keras.Model" = "mobilenet_v2",
    classes: int = 20,
    input_shape: tuple[int, int, int] = (320, 320, 3),
    extra_filters: Sequence[int] = LITE_FILTERS,
    smallest: float = 0.2,
    largest: float = 0.95,
    ratios: Sequence[float] = (2, 3),
    batch_norm_momentum: float | None = None,
    name: str | None = None,
) -> keras.Model:
    """Returns an SSDLite on a mobile backbone, for images as the backbone takes them.

    Its maps are the input of the convolution with the backbone's last stride (the expansion of a
    block, of stride 16 where the backbone ends at 32), the backbone's last map, and one for each of
    `extra_filters`, of half the size each. For small images take a backbone that ends at stride
    16, as `examples/detection_shapes.py` does. It gives
    "boxes" (batch, anchors, 4), the codes of boxes, and "classes" (batch, anchors, classes + 1),
    logits with the background as class 0; `Detector` makes boxes of them.

    Args:
        backbone: A classifier's name in the registry, or a model of this package with an input of
            fixed size and without its classifier, whose weights are kept.
        classes: Number of classes, without the background.
        input_shape: (height, width, channels), for a name.
        extra_filters: Channels of the further maps.
        smallest: Size of the first map's anchors as a part of the image's shorter side.
        largest: Size of the last map's.
        ratios: Aspect ratios of anchors above 1, each used both ways.
        batch_norm_momentum: Weight of the past in the moving statistics of the heads, and of a
            backbone that is built here; None is 0.99, and the family's own.
        name: Name of the model; "ssdlite" when None.

    Raises:
        ValueError: If an argument is out of range, or the backbone does not fit.

    Example:
        >>> body = MobileNetV2((320, 320, 3), include_top=False, weights="imagenet")
        >>> SSDLite(body, classes=3).output["classes"].shape
        (None, 3234, 4)

    Reference:
        MobileNetV2, arXiv:1801.04381, section 6.2; anchors and widths are those of torchvision's
        SSDLite320, which is built on `MobileNetV3Large(reduced_tail=True)`: 3,440,060 parameters
        with 90 classes.
    """
    check_whole("classes", classes)
    body = open_backbone(backbone, input_shape, batch_norm_momentum)
    style = head_style(batch_norm_momentum)
    features = [
        _before_last_stride(body),
        body.output,
        *lite_maps(body.output, style, extra_filters),
    ]
    maps = {f"P{level}": x for level, x in enumerate(features, _FINEST)}
    size = tuple(body.inputs[0].shape[1:3])
    shapes = [tuple(x.shape[1:3]) for x in features]
    placed = anchors.ssd_maps(shapes, size, smallest, largest, tuple(ratios))
    spec = _spec(placed, classes, size, spec_of(body).input_range)
    return finish_detector(body.input, _heads(maps, spec, style), spec, name or "ssdlite")


def _spec(
    maps: tuple[AnchorMap, ...],
    classes: int,
    size: tuple[int, int],
    input_range: tuple[float, float] | None,
) -> DetectionSpec:
    return DetectionSpec(size, classes, maps, "center", "softmax", SSD_VARIANCES, input_range)


def _heads(
    maps: dict[str, KerasTensor], spec: DetectionSpec, lite: ConvStyle | None = None
) -> dict[str, KerasTensor]:
    return ssd_head(
        maps, [len(anchor_map.shapes_px) for anchor_map in spec.maps], spec.logits, lite
    )


def _rescaled(x: KerasTensor) -> KerasTensor:
    """Returns vectors of one length, with a factor for each channel that is learned."""
    x = keras.layers.Activation(l2_normalize, name="conv4_3_norm")(x)
    scale = keras.initializers.Constant(_FIRST_SCALE)
    return keras.layers.DepthwiseConv2D(
        1, use_bias=False, depthwise_initializer=scale, name="conv4_3_scale"
    )(x)


def _before_last_stride(body: keras.Model) -> KerasTensor:
    """Returns the input of the convolution with the last stride."""
    strided = [
        layer
        for layer in body.layers
        if isinstance(layer, keras.layers.Layer) and max(_strides(layer)) > 1
    ]
    if not strided:
        raise ValueError(
            "`backbone` must have convolutions with strides, to give maps of several sizes. "
            f"Received: {body.name!r}, which has none. Build one with e.g. MobileNetV2("
            "input_shape=(320, 320, 3), include_top=False)."
        )
    return strided[-1].input


def _strides(layer: keras.layers.Layer) -> tuple[int, ...]:
    strides = getattr(layer, "strides", 1)
    return tuple(strides) if isinstance(strides, tuple | list) else (strides,)
