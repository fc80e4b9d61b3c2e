"""RetinaNet: dense anchors on a feature pyramid, with towers that all levels share."""

import keras

from keras_cv_course._validation import check_whole, suggest_keywords
from keras_cv_course.detectors._build import finish_detector, open_backbone
from keras_cv_course.heads.retinanet import retinanet_head
from keras_cv_course.necks.fpn import fpn
from keras_cv_course.networks.feature_maps import feature_maps
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.ops.anchors import retinanet_maps
from keras_cv_course.specs.detection import DetectionSpec

_LEVELS = ("P3", "P4", "P5")
_MORE = ("P6", "P7")


@suggest_keywords
def RetinaNet(
    backbone: "str | keras.Model" = "mobilenet_v2",
    classes: int = 20,
    input_shape: tuple[int, int, int] = (320, 320, 3),
    filters: int = 256,
    prior: float = 0.01,
    batch_norm_momentum: float | None = None,
    name: str | None = None,
) -> keras.Model:
    """Returns a RetinaNet on a backbone, for images as the backbone takes them.

    Nine anchors in each cell of the maps of stride 8 to 128. It gives "boxes" (batch, anchors, 4),
    the codes of boxes, and "classes" (batch, anchors, classes), logits for a sigmoid each, without
    a background; `Detector` makes boxes of them. Train it with the focal loss.

    Args:
        backbone: A classifier's name in the registry, or a model of this package with an input of
            fixed size, height and width multiples of 32; its weights are kept.
        classes: Number of classes.
        input_shape: (height, width, channels), for a name.
        filters: Channels of the pyramid and the towers; 256 in the paper, 64 is enough for a
            phone.
        prior: Score of every class before training.
        batch_norm_momentum: Weight of the past in the moving statistics of a backbone that is
            built here; None is the family's own. Neck and heads have none.
        name: Name of the model; "retinanet" when None.

    Raises:
        ValueError: If an argument is out of range, or the backbone or its size does not fit.

    Example:
        >>> RetinaNet("mobilenet_v2", classes=3, filters=64).output["classes"].shape
        (None, 19206, 3)

    Reference:
        Focal Loss for Dense Object Detection, arXiv:1708.02002, section 4 and figure 3.
    """
    check_whole("classes", classes)
    body = open_backbone(backbone, input_shape, batch_norm_momentum)
    pyramid = fpn(dict(feature_maps(body, _LEVELS).output), filters, _MORE)
    size = tuple(body.inputs[0].shape[1:3])
    spec = DetectionSpec(
        size,
        classes,
        retinanet_maps(size),
        "center",
        "sigmoid",
        input_range=spec_of(body).input_range,
    )
    heads = retinanet_head(pyramid, len(spec.maps[0].shapes_px), classes, prior)
    return finish_detector(body.input, heads, spec, name or "retinanet")
