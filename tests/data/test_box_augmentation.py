import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.data.box_augmentation import (
    STEPS,
    augmented_boxes,
    blend,
    detection_mixup,
    mosaic,
    random_shapes,
    random_window,
)
from keras_cv_course.data.detection import detection_batches, detection_epochs, with_targets
from keras_cv_course.data.shapes import DrawnScenes

HEIGHT, WIDTH = 48, 64
SEED = tf.constant([3, 7], tf.int32)


def plain_scenes(rng, count=16, slots=3):
    """A grey image with one box in a colour of its own in each."""
    images = np.full((count, HEIGHT, WIDTH, 3), 60, np.float32)
    boxes = np.zeros((count, slots, 4), np.float32)
    labels = np.full((count, slots), -1, np.int32)
    for i in range(count):
        width, height = rng.integers(10, 25, 2)
        x, y = rng.integers(0, WIDTH - width), rng.integers(0, HEIGHT - height)
        images[i, y : y + height, x : x + width] = [250, 250, 0]
        boxes[i, 0] = [x, y, x + width, y + height]
        labels[i, 0] = i
    bounding_boxes = {"boxes": boxes, "labels": labels, "weights": (labels >= 0).astype(np.float32)}
    return tf.constant(images), {name: tf.constant(value) for name, value in bounding_boxes.items()}


def is_bright(image):
    """Pixels of the boxes' colour; the grey around windows is not."""
    return np.asarray(image)[..., 0] - np.asarray(image)[..., 2] > 95


def assert_boxes_fit(images, bounding_boxes, away=1.1):
    """What is bright in an image reaches as far as the boxes, where no box has been dropped."""
    checked = 0
    for image, boxes, labels in zip(
        images, bounding_boxes["boxes"], bounding_boxes["labels"], strict=True
    ):
        bright = is_bright(image)
        real = np.asarray(boxes)[np.asarray(labels) >= 0]
        inside = np.zeros_like(bright)
        for box in real:
            x_min, y_min = np.floor(box[:2]).astype(int)
            x_max, y_max = np.ceil(box[2:]).astype(int)
            part = bright[y_min:y_max, x_min:x_max]
            inside[y_min:y_max, x_min:x_max] = True
            rows, columns = np.nonzero(part)
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            off = np.abs(edges + np.tile([x_min, y_min], 2) - box)
            if len(real) == 1:
                assert off.max() <= away
                checked += 1
    return checked


def test_a_window_takes_its_boxes_along(rng):
    images, bounding_boxes = plain_scenes(rng)
    seen, moved = random_window(images, bounding_boxes, SEED)
    assert seen.shape == images.shape
    assert assert_boxes_fit(seen, moved) >= 8
    kept = moved["labels"] >= 0
    assert not np.allclose(moved["boxes"][kept], bounding_boxes["boxes"][kept], atol=2)
    np.testing.assert_array_equal(moved["weights"], np.asarray(kept, np.float32))
    assert np.asarray(moved["boxes"]).min() >= 0
    assert (np.asarray(moved["boxes"]).max((0, 1)) <= [WIDTH, HEIGHT, WIDTH, HEIGHT]).all()


def test_the_whole_window_changes_nothing(rng):
    images, bounding_boxes = plain_scenes(rng)
    seen, moved = random_window(images, bounding_boxes, SEED, sides=(1.0, 1.0), stretch=1.0)
    np.testing.assert_allclose(seen, images, atol=1e-2)
    np.testing.assert_allclose(moved["boxes"], bounding_boxes["boxes"], atol=1e-3)


def test_the_sides_of_windows_can_be_set_for_a_pipeline(rng):
    images, bounding_boxes = plain_scenes(rng)
    source = tf.data.Dataset.from_tensors((images, bounding_boxes))
    ((_, moved),) = augmented_boxes(source, ("window",), window_sides=(2.0, 2.0))
    before, after = (
        np.prod(boxes[:, 0, 2:] - boxes[:, 0, :2], axis=-1)
        for boxes in (bounding_boxes["boxes"], moved["boxes"])
    )
    np.testing.assert_allclose(after, before / 4, rtol=1e-4)


@pytest.mark.parametrize("sides", [(0.0, 1.0), (1.2, 0.8)])
def test_sides_of_windows_that_do_not_grow_are_refused(batches, sides):
    with pytest.raises(ValueError, match="`window_sides` must be two shares above 0"):
        augmented_boxes(batches, window_sides=sides)


def test_a_large_window_shows_grey_around_and_keeps_all_boxes(rng):
    images, bounding_boxes = plain_scenes(rng)
    seen, moved = random_window(images, bounding_boxes, SEED, sides=(2.0, 2.0), stretch=1.0)
    assert (np.asarray(moved["labels"])[:, 0] == np.arange(16)).all()
    sides = [
        np.asarray(f["boxes"][:, 0, 2:] - f["boxes"][:, 0, :2]) for f in (bounding_boxes, moved)
    ]
    np.testing.assert_allclose(sides[1], sides[0] / 2, rtol=1e-4)
    assert (np.asarray(seen)[..., 0] == 114).mean() == pytest.approx(0.75, abs=0.03)


def test_boxes_of_which_little_is_left_are_dropped(rng):
    images, bounding_boxes = plain_scenes(rng)
    _, moved = random_window(images, bounding_boxes, SEED, sides=(0.4, 0.4), stretch=1.0)
    labels = np.asarray(moved["labels"])[:, 0]
    assert (labels == -1).any()
    assert (labels >= 0).any()
    lost = labels == -1
    assert np.asarray(moved["boxes"])[lost].max() == 0
    sides = np.asarray(moved["boxes"][:, 0, 2:] - moved["boxes"][:, 0, :2])[~lost]
    whole = (
        np.asarray(bounding_boxes["boxes"][:, 0, 2:] - bounding_boxes["boxes"][:, 0, :2])[~lost]
        / 0.4
    )
    shares = (sides / whole).prod(1)
    assert shares.min() >= 0.3
    assert shares.max() <= 1.001


def test_mosaic_shows_parts_of_four_images(rng):
    images, bounding_boxes = plain_scenes(rng)
    seen, moved = mosaic(images, bounding_boxes, SEED)
    assert seen.shape == images.shape
    assert moved["labels"].shape == bounding_boxes["labels"].shape
    labels = np.asarray(moved["labels"])
    assert_boxes_fit(seen, moved)
    several = 0
    for i, row in enumerate(labels):
        real = row[row >= 0]
        assert set((i - real) % 16) <= {0, 1, 2, 3}
        several += len(real) > 1
    assert several >= 5


def test_mixup_has_the_boxes_of_both_with_their_shares(rng):
    images, bounding_boxes = plain_scenes(rng)
    mixed, both = detection_mixup(images, bounding_boxes, SEED)
    labels, weights = np.asarray(both["labels"]), np.asarray(both["weights"])
    np.testing.assert_array_equal(labels[:, 0], np.arange(16))
    np.testing.assert_array_equal(labels[:, 1], np.roll(np.arange(16), 1))
    assert (labels[:, 2] == -1).all()
    np.testing.assert_allclose(weights.sum(1), np.ones(16), rtol=1e-6)
    share = weights[:, 0, None, None, None]
    expected = share * images + (1 - share) * np.roll(images, 1, axis=0)
    np.testing.assert_allclose(mixed, expected, atol=1e-3)
    np.testing.assert_array_equal(both["boxes"][:, 0], bounding_boxes["boxes"][:, 0])
    np.testing.assert_array_equal(
        both["boxes"][:, 1], np.roll(bounding_boxes["boxes"][:, 0], 1, axis=0)
    )
    assert weights[:, 0].std() > 0.1


def test_images_of_two_sizes_are_blended_on_a_canvas_for_both():
    first, second = tf.ones((4, 6, 1)), tf.ones((5, 2, 1)) * 2
    mixed = np.asarray(blend(first, second, 0.25))[..., 0]
    assert mixed.shape == (5, 6)
    np.testing.assert_allclose(mixed[:4, :2], 0.25 + 1.5)
    np.testing.assert_allclose(mixed[:4, 2:], 0.25)
    np.testing.assert_allclose(mixed[4, :2], 1.5)
    np.testing.assert_allclose(mixed[4, 2:], 0)


@pytest.fixture(scope="module")
def batches():
    scenes = DrawnScenes(12, size_px=(48, 48), most_shapes=3, seed=9)
    return detection_batches(scenes, (48, 48, 3), 4, max_boxes=8)


def epoch(dataset):
    return [
        (images, bounding_boxes["boxes"], bounding_boxes["labels"], bounding_boxes["weights"])
        for images, bounding_boxes in dataset.as_numpy_iterator()
    ]


def test_all_steps_together_are_new_in_every_epoch_and_repeated_by_the_seed(batches):
    dataset = augmented_boxes(batches, STEPS, seed=1)
    assert dataset.element_spec == batches.element_spec
    first, second = epoch(dataset), epoch(dataset)
    again = epoch(augmented_boxes(batches, STEPS, seed=1))
    window, other = (epoch(augmented_boxes(batches, ("window",), seed=seed)) for seed in (1, 2))
    for one, same in zip(first, again, strict=True):
        for x, y in zip(one, same, strict=True):
            np.testing.assert_array_equal(x, y)
    assert np.abs(first[0][0] - second[0][0]).max() > 5
    assert np.abs(window[0][0] - other[0][0]).max() > 5
    for images, boxes, labels, weights in first:
        assert images.min() >= 0
        assert images.max() <= 255
        assert ((weights > 0) == (labels >= 0)).all()
        real = labels >= 0
        assert (boxes[real][:, 2:] > boxes[real][:, :2]).all()
        assert boxes.min() >= 0
        assert boxes.max() <= 48


def test_epochs_stay_epochs_and_repeat_whatever_was_read_before():
    scenes = DrawnScenes(6, size_px=(32, 32), most_shapes=2, seed=9)

    def chain():
        epochs = detection_epochs(scenes, (32, 32, 3), 4, max_boxes=4)
        epochs = random_shapes(augmented_boxes(epochs, STEPS, share=0.5), (32, 64), seed=2)
        encode = lambda boxes, labels, weights: {"boxes": boxes, "weights": weights}  # noqa: E731
        return with_targets(epochs, encode, (0.0, 1.0))

    assert chain().batches == 2
    whole = list(chain().since(0).take(10).as_numpy_iterator())
    later = list(chain().since(3).take(4).as_numpy_iterator())
    for (images, targets), (others, theirs) in zip(later, whole[6:], strict=True):
        np.testing.assert_array_equal(images, others)
        for name in targets:
            np.testing.assert_array_equal(targets[name], theirs[name])
    assert {images.shape[1] for images, _ in whole} == {32, 64}
    assert [len(images) for images, _ in whole] == [4, 2] * 5


def test_flips_and_colours_are_those_of_keras(rng):
    images, bounding_boxes = plain_scenes(rng)
    source = tf.data.Dataset.from_tensors((images, bounding_boxes))
    ((flipped, moved),) = augmented_boxes(source, ("flip",), seed=3)
    assert assert_boxes_fit(flipped, moved, away=0) == 16
    changed = np.abs(moved["boxes"] - bounding_boxes["boxes"]).max((1, 2)) > 0
    assert 3 < changed.sum() < 14
    ((coloured, same),) = augmented_boxes(source, ("colour",), seed=3)
    for name in bounding_boxes:
        np.testing.assert_array_equal(same[name], bounding_boxes[name])
    assert np.abs(coloured - images).max() > 10


def test_a_share_of_the_batches_is_left_whole(batches):
    whole = {image.tobytes() for images, *_ in epoch(batches) for image in images}

    def left_whole(share):
        dataset = augmented_boxes(batches.repeat(8), ("mixup",), seed=0, share=share)
        rows = [image for images, *_ in epoch(dataset) for image in images]
        return np.mean([image.tobytes() in whole for image in rows])

    assert left_whole(1.0) == 0
    assert left_whole(0.0) == 1
    assert 0.2 < left_whole(0.5) < 0.8


def test_random_shapes_are_multiples_of_the_stride_with_their_own_anchors(batches):
    """D25, with 9 x 32 = 288 and not 228 (X21)."""
    sizes = (224, 256, 288)
    shaped = random_shapes(batches.repeat(4), sizes, seed=1)
    seen = set()
    boxes = next(batches.as_numpy_iterator())[1]["boxes"]
    for n, (images, bounding_boxes) in enumerate(shaped.as_numpy_iterator()):
        assert images.shape[1] == images.shape[2]
        seen.add(images.shape[1])
        if n == 0:
            np.testing.assert_allclose(
                bounding_boxes["boxes"], boxes * images.shape[1] / 48, rtol=1e-5
            )
    assert seen == set(sizes)

    def encoder(size):
        return lambda boxes, labels, weights: {
            "boxes": tf.fill((size // 32, 1), float(size)) + 0.0 * tf.reduce_sum(boxes)
        }

    data = with_targets(shaped, {(s, s): encoder(s) for s in sizes}, (-1.0, 1.0))
    for images, targets in data.as_numpy_iterator():
        size = images.shape[1]
        assert targets["boxes"].shape == (4, size // 32, 1)
        assert (targets["boxes"] == size).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: augmented_boxes(b, ("turn",)), "`steps` must be one of"),
        (lambda b: augmented_boxes(b, share=1.5), "`share`"),
        (lambda b: random_shapes(b, (224, 228)), r"multiples of 32.*Received: \(224, 228\)"),
        (lambda b: random_shapes(b, ()), "multiples of 32"),
    ],
)
def test_bad_arguments_are_refused(batches, call, message):
    with pytest.raises(ValueError, match=message):
        call(batches)
