import numpy as np
import pytest

from keras_cv_course.data.framing import frame_image
from keras_cv_course.predictors.segmentation import (
    PALETTE,
    Segmentation,
    SegmentationErrors,
    decide,
    mask_image,
    overlay,
)

IMAGE = np.full((8, 12, 3), 100, np.uint8)
MASK = np.zeros((8, 12), np.uint8)
MASK[:, 3:] = 2
MASK[:, 10:] = 255


def test_classes_are_counted_the_largest_first():
    result = Segmentation(IMAGE, MASK, ("background", "cat", "dog"))
    assert result.names == ("dog", "background")
    assert result.to_dict()["classes"][0] == {
        "class": 2,
        "name": "dog",
        "pixels": 56,
        "share": pytest.approx(56 / 96),
    }
    assert result.rows() == [("dog", "56", "58.3%"), ("background", "24", "25.0%")]
    assert Segmentation(IMAGE, MASK).names == ("2", "0")
    nothing = Segmentation(IMAGE, np.full_like(MASK, 255))
    assert (nothing.names, nothing.rows()) == ((), [("nothing", "0", "")])


def test_palette_is_voc_s():
    known = {0: (0, 0, 0), 1: (128, 0, 0), 15: (192, 128, 128), 255: (224, 224, 192)}
    for label, colour in known.items():
        assert tuple(PALETTE[label]) == colour
    image = mask_image(MASK)
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), MASK)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[0, 5], PALETTE[2])


def test_the_background_and_what_has_no_class_stay_as_they_are():
    drawn = overlay(IMAGE, MASK, plain=0)
    assert (drawn[:, :3] == 100).all()
    assert (drawn[:, 10:] == 100).all()
    np.testing.assert_allclose(drawn[4, 6], 0.45 * 100 + 0.55 * PALETTE[2], atol=1)
    assert (drawn[:, 3] > drawn[:, 5]).all()  # an outline
    large = np.kron(MASK, np.ones((16, 16), np.uint8))
    image = np.full((*large.shape, 3), 100, np.uint8)
    named = Segmentation(image, large, ("background", "cat", "dog"))
    drawn_image = np.asarray(named.draw())
    assert (drawn_image[-8, 8] == PALETTE[2]).all()  # the legend
    assert set(named.images()) == {"overlay", "mask"}
    assert (np.asarray(Segmentation(image, large).draw())[4, 4] != 100).any()


def test_results_are_resized_without_new_classes():
    small = Segmentation(IMAGE, MASK).resized(24)
    assert small.image.shape == (24, 24, 3)
    assert set(np.unique(small.mask)) == {0, 2, 255}
    errors = SegmentationErrors(IMAGE, MASK == 2)
    assert errors.resized(24).wrong.shape == (24, 24)
    assert (errors.to_dict(), errors.rows()) == ({"wrong_pixels": 56}, [("58.3%",)])
    red = np.asarray(errors.draw())
    assert red[0, 5, 0] > red[0, 5, 1]
    assert (red[0, 0] == 70).all()


def frame(resize, image=IMAGE):
    return frame_image(image, (4, 4, 3), (0.0, 1.0), resize)


def test_scores_are_enlarged_before_they_are_compared():
    scores = np.zeros((4, 4, 3), np.float32)
    scores[..., 1] = np.linspace(-1, 1, 4)  # right half above class 0
    scores[..., 2] = -5
    mask = decide(scores, frame("stretch"))
    assert mask.shape == (8, 12)
    assert mask[0].tolist() == [0] * 6 + [1] * 6
    labels = decide(scores.argmax(-1).astype(np.int64), frame("stretch"))
    np.testing.assert_array_equal(labels, mask)


def test_borders_are_cut_off_and_what_was_cut_off_has_no_class():
    scores = np.zeros((4, 4, 2), np.float32)
    scores[0, :, 1] = 9  # the upper border of a padded image, 2 of 12 rows of it
    mask = decide(scores, frame("pad"))
    assert mask.shape == (8, 12)
    assert (mask[2:] == 0).all()
    cropped = decide(scores, frame("crop"))
    assert (cropped[:, :2] == 255).all()
    assert (cropped[:, 10:] == 255).all()
    assert (cropped[0, 2:10] == 1).all()
    assert (cropped[4:, 2:10] == 0).all()
