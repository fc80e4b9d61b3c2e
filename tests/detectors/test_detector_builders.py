"""What the builders of detectors refuse, and what they take over from the caller."""

import keras
import numpy as np
import pytest

from keras_cv_course import (
    YOLO,
    Darknet19,
    Localizer,
    MobileNetV2,
    RetinaNet,
    SSDLite,
    YOLOv2,
    YOLOv2Tiny,
    YOLOv3,
    YOLOv3Tiny,
)
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.ops.anchors import YOLOV2_SHAPES

pytestmark = pytest.mark.usefixtures("weightless")


@pytest.fixture(scope="module")
def body():
    with keras.StatelessScope(initialize_variables=False):
        return MobileNetV2((64, 64, 3), alpha=0.35, include_top=False)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("mobilenet_v4", r"`backbone` must be one of .* Did you mean 'mobilenet_v"),
        ("yolo", r"`backbone` must be one of 'mobilenet'"),
    ],
)
@pytest.mark.parametrize("builder", [SSDLite, RetinaNet, YOLO, Localizer])
def test_a_backbone_by_name_is_a_classifier(builder, backbone, message):
    with pytest.raises(ValueError, match=message):
        builder(backbone, classes=3)


def test_a_backbone_is_a_name_or_a_model():
    with pytest.raises(TypeError, match=r"`backbone` must be a classifier's name, .* Received: 3"):
        SSDLite(3, classes=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_top": False}, "one input of fixed size"),
        ({"input_shape": (64, 64, 3)}, "must give a feature map"),
    ],
)
def test_backbones_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        SSDLite(MobileNetV2(alpha=0.35, **options), classes=3)


def test_a_backbone_by_name_has_a_fixed_size_too():
    with pytest.raises(ValueError, match="one input of fixed size"):
        SSDLite("mobilenet", classes=3, input_shape=(None, None, 3))


@pytest.mark.parametrize(
    ("builder", "options"),
    [
        (YOLOv2, {}),
        (YOLOv2Tiny, {}),
        (YOLOv3, {}),
        (YOLOv3Tiny, {}),
        (YOLO, {"backbone": "mobilenet"}),
        (YOLO, {"backbone": "mobilenet", "version": 2}),
    ],
)
def test_sizes_of_yolo_are_multiples_of_its_stride(builder, options):
    message = r"multiples of 32, .* Received: \(400, 96\). Nearest: \(384, 96\)"
    with pytest.raises(ValueError, match=message):
        builder(classes=3, input_shape=(400, 96, 3), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": {"P3": 8, "P5": 32}}, "`filters` must have the channels .* without P4"),
        ({"filters": {"P3": 8, "P4": 0, "P5": 32}}, r"`filters\['P4'\]` must be a whole number"),
        ({"anchors": YOLOV2_SHAPES[:3]}, "`anchors` must hold .* of each of the 3 maps"),
        ({"anchors": (((1, 2),), ((3, 4),))}, "`anchors` must hold .* of each of the 3 maps"),
        ({"anchors": (((1, 2),), ((3, 4),), ())}, "`anchors` must hold .* of each of the 3 maps"),
        ({"anchors": (((1, 2),), ((3, 4),), ((5, 0),))}, r"`anchors` must hold .* above 0"),
        ({"version": 2, "anchors": YOLOV2_SHAPES}, "of each anchor of the map"),
        ({"version": 4}, "`version` must be one of 2, 3"),
        ({"classes": 2.5}, "`classes` must be a whole number above 0"),
    ],
)
def test_wrong_arguments_of_yolo(body, options, message):
    with pytest.raises(ValueError, match=message):
        YOLO(body, **{"classes": 3} | options)


def test_the_range_is_that_of_the_backbone(body):
    darknet = Darknet19((64, 64, 3), include_top=False)
    for backbone, expected in ((darknet, (0.0, 1.0)), (body, (-1.0, 1.0))):
        model = YOLO(backbone, classes=3, version=2)
        assert spec_of(model).input_range == detection_spec(model).input_range == expected


def test_anchors_may_be_arrays(body):
    shapes = [np.full((2, 2), 8.0 * level) for level in (1, 2, 3)]
    outputs = YOLO(body, classes=3, anchors=shapes, filters={"P3": 8, "P4": 8, "P5": 8}).output
    assert outputs["boxes"].shape == (None, 2 * (8 * 8 + 4 * 4 + 2 * 2), 4)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("builder", [SSDLite, YOLO])
def test_the_momentum_of_the_heads_is_the_one_given(body, builder, momentum):
    model = builder(body, classes=3, batch_norm_momentum=momentum)
    behind = [
        layer.momentum
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer not in body.layers
    ]
    assert len(behind) > 5
    assert set(behind) == {momentum}
