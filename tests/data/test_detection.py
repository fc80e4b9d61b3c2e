from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_cv_course.data.annotations import AnnotatedImage, Annotations
from keras_cv_course.data.detection import (
    detection_batches,
    detection_epochs,
    padded,
    with_targets,
)
from keras_cv_course.data.framing import frame_image
from keras_cv_course.data.shapes import DrawnScenes
from keras_cv_course.data.voc import voc_annotations
from keras_cv_course.ops.anchors import anchor_boxes, ssd_maps
from keras_cv_course.ops.target_encoding import encode_anchor_targets

# (height, width) and boxes of white on black.
SCENES = [
    ((40, 80), [[20, 10, 40, 30], [60, 0, 80, 20]]),
    ((80, 40), [[0, 40, 20, 80]]),
    ((40, 40), []),
]


@pytest.fixture
def annotations(tmp_path):
    images = []
    for i, ((height, width), boxes) in enumerate(SCENES):
        pixels = np.zeros((height, width, 3), np.uint8)
        for x_min, y_min, x_max, y_max in boxes:
            pixels[y_min:y_max, x_min:x_max] = 255
        path = tmp_path / f"{i}.png"
        Image.fromarray(pixels).save(path)
        flags = np.zeros(len(boxes), bool)
        table = np.array(boxes, np.float32).reshape(-1, 4)
        labels = np.arange(len(boxes), dtype=np.int32)
        images.append(
            AnnotatedImage(path, (height, width), table, labels, flags, flags, table[:, 0])
        )
    return Annotations(tuple(images), ("a", "b"))


def everything(batches):
    rows = list(batches.as_numpy_iterator())
    images = np.concatenate([images for images, _ in rows])
    return images, {name: np.concatenate([f[name] for _, f in rows]) for name in rows[0][1]}


def share_of_white(image, box):
    x_min, y_min, x_max, y_max = np.round(box).astype(int)
    return image[y_min:y_max, x_min:x_max].mean() / 255


@pytest.mark.parametrize("resize", ["stretch", "pad"])
def test_boxes_stay_on_their_pixels(annotations, resize):
    batches = detection_batches(annotations, (80, 80, 3), 2, max_boxes=4, resize=resize)
    assert batches.element_spec[0].shape == (None, 80, 80, 3)
    assert batches.element_spec[1]["boxes"].shape == (None, 4, 4)
    images, bounding_boxes = everything(batches)
    assert images.dtype == np.float32
    assert images.max() == 255
    np.testing.assert_array_equal(
        bounding_boxes["labels"], [[0, 1, -1, -1], [0, -1, -1, -1], [-1] * 4]
    )
    np.testing.assert_array_equal(bounding_boxes["weights"], bounding_boxes["labels"] >= 0)
    for image in range(3):
        real = bounding_boxes["labels"][image] >= 0
        assert (bounding_boxes["boxes"][image][~real] == 0).all()
        for box in bounding_boxes["boxes"][image][real]:
            assert share_of_white(images[image], box) > 0.95
    white = images.sum((1, 2, 3)) / 255 / 3
    sides = bounding_boxes["boxes"][..., 2:] - bounding_boxes["boxes"][..., :2]
    np.testing.assert_allclose(sides.prod(-1).sum(-1), white, rtol=0.02)
    expected = [20, 20, 40, 60] if resize == "stretch" else [20, 30, 40, 50]
    np.testing.assert_allclose(bounding_boxes["boxes"][0, 0], expected)


@pytest.mark.parametrize("resize", ["stretch", "pad"])
@pytest.mark.parametrize(
    ("size", "frame_size"),
    [
        ((333, 500), (320, 320)),
        ((300, 400), (128, 224)),
        ((101, 57), (96, 96)),
        ((57, 101), (64, 33)),
        ((7, 500), (65, 31)),
        ((96, 96), (96, 96)),
    ],
)
def test_training_and_prediction_put_a_image_in_the_same_place(
    tmp_path, rng, size, frame_size, resize
):
    height, width = size
    boxes = np.array([[0, 0, width, height], [3.25, 2.5, width / 2, height / 3 + 2]], np.float32)
    path, flags = tmp_path / "a.png", np.zeros(2, bool)
    Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(path)
    image = AnnotatedImage(path, size, boxes, np.arange(2), flags, flags, boxes[:, 0])
    source = Annotations((image,), ("a", "b"))
    shape = (*frame_size, 3)
    images, bounding_boxes = everything(
        detection_batches(source, shape, max_boxes=2, resize=resize)
    )
    frame = frame_image(image.load(), shape, (0.0, 255.0), resize)
    np.testing.assert_allclose(images[0], frame.pixels, atol=0.51)
    there = (boxes + np.tile(frame.offset, 2)) / np.tile(frame.scale, 2)
    np.testing.assert_allclose(
        bounding_boxes["boxes"][0], there * np.tile(frame_size[::-1], 2), atol=0.01
    )
    back = frame.to_image(bounding_boxes["boxes"][0] / np.tile(frame_size[::-1], 2))
    np.testing.assert_allclose(back, boxes, atol=0.01)


def test_grey_images_and_images_without_any_box(annotations):
    empty = Annotations(annotations.images[2:], annotations.class_names)
    images, bounding_boxes = everything(detection_batches(empty, (32, 32, 1), max_boxes=2))
    assert images.shape == (1, 32, 32, 1)
    assert bounding_boxes["labels"].tolist() == [[-1, -1]]


@pytest.mark.parametrize("cache", [True, False])
def test_a_cache_holds_what_was_read_first(annotations, cache):
    batches = detection_batches(annotations, (80, 80, 3), 3, cache=cache)
    first, _ = everything(batches)
    Image.new("RGB", (80, 40), (9, 9, 9)).save(annotations.images[0].path)
    again, _ = everything(batches)
    assert (again[0].max() == 9) == (not cache)
    np.testing.assert_array_equal(again[1:], first[1:])


def test_crowds_and_difficult_boxes(annotations):
    first = annotations.images[0]
    marked = AnnotatedImage(
        first.path,
        first.size_px,
        first.boxes,
        first.labels,
        np.array([True, False]),
        np.array([False, True]),
        first.areas,
    )
    for use, expected in ((True, [[1, -1]]), (False, [[-1, -1]])):
        batches = detection_batches(
            Annotations((marked,), ("a", "b")), (80, 80, 3), max_boxes=2, use_difficult=use
        )
        assert everything(batches)[1]["labels"].tolist() == expected


@pytest.mark.parametrize("cache", [True, False])
def test_the_seed_repeats_orders_that_differ_by_epoch(cache):
    scenes = DrawnScenes(8, size_px=(32, 32), seed=4)

    def orders(seed):
        batches = detection_batches(scenes, (32, 32, 3), 4, shuffle=True, seed=seed, cache=cache)
        return [everything(batches)[0].sum((1, 2, 3)).tolist() for _ in range(2)]

    first, again, other = orders(1), orders(1), orders(2)
    assert first == again != other
    assert first[0] != first[1]
    assert sorted(first[0]) == sorted(first[1])


@pytest.mark.parametrize("cache", [True, False])
def test_epochs_are_the_same_whatever_was_read_before(annotations, cache):
    def sums(epochs, first, count):
        rows = list(epochs.since(first).take(count).as_numpy_iterator())
        assert all(len(images) == len(bounding_boxes["labels"]) for images, bounding_boxes in rows)
        return [image.sum() for images, _ in rows for image in images]

    whole = detection_epochs(annotations, (80, 80, 3), 2, 4, seed=3, cache=cache)
    assert whole.batches == 2
    six = sums(whole, 0, 12)
    again = detection_epochs(annotations, (80, 80, 3), 2, 4, seed=3, cache=cache)
    assert sums(again, 4, 4) == six[12:]
    orders = [tuple(six[i : i + 3]) for i in range(0, 18, 3)]
    assert len(set(orders)) > 1
    assert len({tuple(sorted(order)) for order in orders}) == 1
    other = detection_epochs(annotations, (80, 80, 3), 2, 4, seed=4, cache=cache)
    assert sums(other, 0, 12) != six
    images, targets = next(whole.since(0).as_numpy_iterator())
    for image, boxes, labels in zip(images, targets["boxes"], targets["labels"], strict=True):
        assert (labels >= 0).any() == (image.max() == 255)
        for box in boxes[labels >= 0]:
            assert share_of_white(image, box) > 0.95


def test_drawn_scenes():
    scenes = DrawnScenes(5, size_px=(64, 64), seed=2)
    batches = detection_batches(scenes, (64, 64, 3), 2)
    assert int(batches.cardinality()) == 3
    images, bounding_boxes = everything(batches)
    for i, (image, scene) in enumerate(scenes.samples()):
        np.testing.assert_array_equal(images[i], image)
        count = len(scene.labels)
        np.testing.assert_array_equal(bounding_boxes["boxes"][i, :count], scene.boxes)
        assert bounding_boxes["labels"][i].tolist() == scene.labels.tolist() + [-1] * (100 - count)
    grey = detection_batches(scenes, (64, 64, 1), 2)
    assert everything(grey)[0].shape == (5, 64, 64, 1)


def test_padding_puts_real_boxes_in_front():
    bounding_boxes = {
        "boxes": tf.constant([[[9.0] * 4, [1.0] * 4, [9.0] * 4, [2.0] * 4]]),
        "labels": tf.constant([[-1, 5, -1, 7]]),
        "weights": tf.constant([[0.9, 0.4, 0.9, 0.6]]),
    }
    for size, labels in ((3, [[5, 7, -1]]), (1, [[5]]), (6, [[5, 7, -1, -1, -1, -1]])):
        result = padded(bounding_boxes, size)
        assert result["labels"].numpy().tolist() == labels
        assert result["boxes"].shape == (1, size, 4)
        np.testing.assert_allclose(result["boxes"][0, :, 0], [1, 2, 0, 0, 0, 0][:size])
        np.testing.assert_allclose(result["weights"][0], [0.4, 0.6, 0, 0, 0, 0][:size])


def test_targets_for_fit(annotations):
    anchors = anchor_boxes(ssd_maps([(4, 4), (2, 2)], (80, 80), 0.25, 0.5))
    encode = partial(encode_anchor_targets, anchors=anchors)
    batches = detection_batches(annotations, (80, 80, 3), 2, max_boxes=4)
    data = with_targets(batches, encode, (-1.0, 1.0))
    images, targets = everything(data)
    assert (images.min(), images.max()) == (-1, 1)
    assert targets["boxes"].shape == (3, len(anchors), 5)
    assert targets["classes"].shape == (3, len(anchors), 2)
    _, bounding_boxes = everything(batches)
    expected = encode_anchor_targets(
        bounding_boxes["boxes"], bounding_boxes["labels"], anchors=anchors
    )
    for name in ("boxes", "classes"):
        np.testing.assert_array_equal(targets[name], expected[name])
    assert (targets["boxes"][:2, :, 4].sum(-1) >= [2, 1]).all()
    assert targets["boxes"][2, :, 4].sum() == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (80, 80, 4)}, "1 channel"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"max_boxes": 0}, "`max_boxes`"),
        ({"resize": "crop"}, "`resize` must be one of"),
    ],
)
def test_bad_arguments_are_refused(annotations, options, message):
    with pytest.raises(ValueError, match=message):
        detection_batches(annotations, **{"input_shape": (80, 80, 3), **options})


@pytest.mark.data
def test_all_boxes_of_bccd_arrive(shared):
    source = voc_annotations(shared / "data/bccd", "val")
    images, bounding_boxes = everything(detection_batches(source, (96, 96, 3), 32, max_boxes=40))
    assert images.shape == (87, 96, 96, 3)
    counts = (bounding_boxes["labels"] >= 0).sum(1)
    assert counts.tolist() == [len(image.boxes) for image in source.images]
    utils = keras.utils.bounding_boxes
    relative = utils.convert_format(
        bounding_boxes["boxes"], "xyxy", "rel_xyxy", height=96, width=96
    )
    expected = source.images[5].boxes / [416, 312, 416, 312]
    np.testing.assert_allclose(relative[5, : counts[5]], expected, atol=1e-6)
