import numpy as np
import pytest

from keras_cv_course.data import shapes
from keras_cv_course.data.shapes import CLASS_NAMES, DrawnScenes


@pytest.fixture(scope="module")
def scenes():
    drawn = DrawnScenes(60, size_px=(64, 80), most_shapes=6, seed=5)
    return [drawn[i] for i in range(60)]


def test_boxes_are_tight_around_masks_and_masks_apart(scenes):
    for scene in scenes:
        assert scene.image.shape == (64, 80, 3)
        assert scene.image.dtype == np.uint8
        assert len(scene.boxes) == len(scene.labels) == len(scene.masks)
        assert scene.masks.sum(0).max(initial=0) <= 1
        for box, mask in zip(scene.boxes.astype(int), scene.masks, strict=True):
            x_min, y_min, x_max, y_max = box
            assert mask[y_min:y_max, x_min:x_max].sum() == mask.sum() > 0
            assert mask[y_min:y_max, [x_min, x_max - 1]].any(0).all()
            assert mask[[y_min, y_max - 1], x_min:x_max].any(1).all()


def test_shapes_have_a_colour_that_is_not_the_background(scenes):
    for scene in scenes:
        ground = scene.image[~scene.masks.any(0)].mean(0)
        for mask in scene.masks:
            colours = scene.image[mask]
            assert np.abs(np.median(colours, 0) - ground).max() > 50
            # One colour, but for the noise and the smooth edge, which is much of a small shape.
            assert np.median(np.abs(colours - np.median(colours, 0))) < 12


def test_outlines_differ_by_class():
    """The share of its box that a shape fills, by hand, turned by any angle."""
    fill = {name: [] for name in CLASS_NAMES}
    drawn = DrawnScenes(80, size_px=(96, 96), most_shapes=1, seed=1)
    for _, scene in drawn.samples():
        for label, box, area in zip(scene.labels, scene.boxes, scene.areas, strict=True):
            fill[CLASS_NAMES[label]].append(area / np.prod(box[2:] - box[:2]))
    assert np.mean(fill["circle"]) == pytest.approx(np.pi / 4, abs=0.03)
    # A turned square fills 1 / (1 + |sin 2t|), from 1/2 to 1.
    assert 0.45 < min(fill["square"]) < 0.65 < max(fill["square"])
    # A turned triangle fills 1/2 at 0 degrees, and 0.46 at 15.
    assert 0.45 < np.mean(fill["triangle"]) < 0.54
    assert 0.3 < min(fill["cross"]) <= max(fill["cross"]) < 0.75


def test_all_classes_and_counts_occur(scenes):
    labels = np.concatenate([scene.labels for scene in scenes])
    assert np.bincount(labels, minlength=4).min() > 10
    counts = {len(scene.labels) for scene in scenes}
    assert 0 in counts
    assert max(counts) >= 5
    sides = np.concatenate([s.boxes[:, 2:] - s.boxes[:, :2] for s in scenes])
    assert 5 < sides.min() < 12
    assert 18 < sides.max() <= 28


def test_the_seed_and_the_index_decide_a_scene():
    first, again = DrawnScenes(5, seed=1), DrawnScenes(9, seed=1)
    np.testing.assert_array_equal(first[3].image, again[3].image)
    np.testing.assert_array_equal(first[3].boxes, again[3].boxes)
    assert (first[3].image != DrawnScenes(5, seed=2)[3].image).any()
    assert (first[3].image != first[4].image).any()
    assert len(first) == len(list(first.samples())) == 5


def test_it_is_a_truth_of_metrics(scenes):
    from keras_cv_course.metrics.coco_ap import coco_average_precision

    detections = [
        {"boxes": s.boxes, "scores": np.full(len(s.labels), 0.9), "classes": s.labels}
        for s in scenes[:8]
    ]
    assert coco_average_precision(scenes[:8], detections, CLASS_NAMES)["AP"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "`count`"),
        ({"count": 1, "most_shapes": 0}, "`most_shapes`"),
        ({"count": 1, "size_px": (16, 64)}, "at least 32 pixels"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DrawnScenes(**options)
    with pytest.raises(IndexError, match="no scene 5 of 5"):
        DrawnScenes(5)[5]


def test_a_shape_covers_the_pixels_between_its_corners():
    cover = shapes._cover(np.array([[10.0, 20], [30, 20], [30, 40], [10, 40]]), 64, 48)
    assert cover.shape == (64, 48)
    np.testing.assert_array_equal(cover[20:40, 10:30], 1)
    outside = cover.copy()
    outside[20:41, 10:31] = 0  # The far corners themselves are drawn too.
    assert not outside.any()
