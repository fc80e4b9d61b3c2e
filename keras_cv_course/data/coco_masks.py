"""Masks of the outlines in COCO's files."""

import os
from collections.abc import Sequence
from functools import partial

import numpy as np

from keras_cv_course.data.annotations import AnnotatedImage
from keras_cv_course.data.coco import coco_annotations
from keras_cv_course.data.masks import MOST_CLASSES, SegmentationImage, SegmentationImages
from keras_cv_course.data.photograph_header import MAX_PIXELS
from keras_cv_course.data.windows import IGNORE_VALUE

BACKGROUND = "background"


def coco_masks(
    path: str | os.PathLike[str],
    images: str | os.PathLike[str],
    class_names: Sequence[str] | None = None,
    broken: str = "skip",
    max_pixels: int = MAX_PIXELS,
) -> SegmentationImages:
    """Returns images with the classes of a file in COCO's format drawn as masks.

    Pixels of no object are "background", label 0. Where outlines overlap, the smaller object lies
    in front. Pixels of a crowd that no single object covers have no class. Masks are drawn when
    they are asked for.

    Args:
        path: The JSON file with "images", "annotations" and "categories".
        images: Folder of the images; file names are paths relative to it.
        class_names: The classes, in the order of labels, "background" first. None takes all
            categories of the file, in the order of their ids.
        broken: As in `coco_annotations`; an object without an outline, polygons or run lengths, is
            broken too.
        max_pixels: The largest number of pixels of an image.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: As `coco_annotations`, and if the first class is not the background.

    Example:
        >>> train = coco_masks("annotations/instances_train.json", "images")
        >>> train.class_names[:2]
        ('background', 'person')
    """
    if class_names is not None and tuple(class_names[:1]) != (BACKGROUND,):
        raise ValueError(
            f"`class_names` must begin with {BACKGROUND!r}. Received: {list(class_names)[:3]}."
        )
    objects = None if class_names is None else tuple(class_names[1:])
    annotations = coco_annotations(path, images, objects, broken, max_pixels, outlines=True)
    names = (BACKGROUND, *annotations.class_names)
    if len(names) > MOST_CLASSES:
        raise ValueError(
            f"{path} must have at most {MOST_CLASSES - 1} categories. Received: {len(names) - 1}. "
            "Choose some with `class_names`."
        )
    entries = tuple(
        SegmentationImage(image.path, image.size_px, partial(_drawn, image), image.name)
        for image in annotations.images
    )
    return SegmentationImages(entries, names, annotations.skipped)


def _drawn(image: AnnotatedImage) -> np.ndarray:
    # One object at a time: all masks of a crowded photograph would fill the memory.
    mask = np.zeros(image.size_px, np.uint8)
    smallest = np.full(image.size_px, mask.size + 1)  # pixels of the object in front
    for i in np.flatnonzero(image.crowd):
        mask[image.outlines[i].mask()] = IGNORE_VALUE
    for i in np.flatnonzero(~image.crowd):
        inside = image.outlines[i].mask()
        pixels = inside.sum()
        inside &= pixels <= smallest
        mask[inside], smallest[inside] = image.labels[i] + 1, pixels
    return mask
