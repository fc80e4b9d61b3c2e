"""Builds the detector of a run on MobileNetV2."""

from typing import Any

import keras
import numpy as np

from keras_cv_course.data import DrawnScenes
from keras_cv_course.necks.extra_maps import LITE_FILTERS
from keras_cv_course.networks.feature_maps import feature_maps
from keras_cv_course.ops.anchor_clustering import cluster_shapes
from keras_cv_course.registry import build_model
from keras_cv_course.tasks.bodies import BATCH_NORM_MOMENTUM, build_body
from keras_cv_course.tasks.detection_args import BACKBONE, Args
from keras_cv_course.tasks.detection_data import Boxes, DetectionData

_STRIDES = 3  # maps of the YOLO that is trained here


def build_detector(args: Args, data: DetectionData) -> keras.Model:
    """Returns a new detector for the classes of the data.

    Args:
        args: Of the run.
        data: Of the run; YOLO takes the sizes of its anchors from it.

    Raises:
        ValueError: If an argument does not fit, or YOLO finds too few boxes.
    """
    body = build_body(args, BACKBONE)
    options: dict[str, Any] = {"batch_norm_momentum": BATCH_NORM_MOMENTUM}
    if args.model == "yolo":
        options["anchors"] = _anchors(data.train, args)
    if args.model == "ssdlite":
        body = up_to_stride(body, args.stride)
        options |= {"smallest": args.smallest, "largest": args.largest}
        options["extra_filters"] = LITE_FILTERS[-args.extra_maps :]
    return build_model(args.model, backbone=body, classes=len(data.class_names), **options)


def up_to_stride(body: keras.Model, stride: int) -> keras.Model:
    """Returns a backbone without what follows its last map of a stride, 16 or 32."""
    if stride == 32:
        return body
    maps = feature_maps(body, ("P4",))
    return keras.Model(maps.input, maps.output["P4"], name=body.name)


def _anchors(train: Boxes, args: Args) -> list[list[tuple[float, float]]]:
    """Returns anchors of the sizes that boxes have here, three for each map, small ones first."""
    if isinstance(train, DrawnScenes):
        boxes = np.concatenate([scene.boxes for _, scene in train.samples()])
        shapes = boxes[:, 2:] - boxes[:, :2]
    else:
        shapes = train.shapes_px(args.input_shape[:2])
    count = 3 * _STRIDES
    if len(shapes) < count:
        raise ValueError(
            f"YOLO takes the sizes of its {count} anchors from the boxes of {args.data}, which has "
            f"{len(shapes)}. Annotate more, or train with --model ssdlite."
        )
    clusters, _ = cluster_shapes(shapes, count, args.recipe.seed)
    return [list(clusters[i : i + 3]) for i in range(0, len(clusters), 3)]
