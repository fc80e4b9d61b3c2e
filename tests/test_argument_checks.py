import numpy as np
import pytest

from keras_cv_course._validation import (
    check_batch,
    check_choice,
    check_crop,
    check_input_range,
    check_positive,
    check_rate,
    check_threads,
    check_whole,
    printable,
)
from keras_cv_course.data.dataset import check_input
from keras_cv_course.models import MobileNetV2
from keras_cv_course.ops.anchors import AnchorMap
from keras_cv_course.ops.scaling import make_divisible, round_repeats
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.classification_args import Args
from keras_cv_course.tasks.segmentation_args import Args as Segmentation
from keras_cv_course.tasks.verification_args import Args as Verification
from keras_cv_course.training import Recipe


@pytest.mark.parametrize("value", [1, 300, np.int64(3)])
def test_whole_numbers_above_zero_pass(value):
    check_whole("count", value)


@pytest.mark.parametrize("value", [0, -1, 2.0, 2.5, True, "2", None, np.float32(2)])
def test_others_are_refused(value):
    with pytest.raises(ValueError, match="`count` must be a whole number above 0"):
        check_whole("count", value)


@pytest.mark.parametrize("value", [0.5, 3, np.float32(0.25), np.float64(2), np.int64(3)])
def test_numbers_of_numpy_are_positive_too(value):
    check_positive("alpha", value)


@pytest.mark.parametrize("value", [0, -0.5, np.float32(-1), np.nan, True, np.True_, "1", None, [1]])
def test_what_is_not_positive_is_refused(value):
    with pytest.raises(ValueError, match="`alpha` must be a number above 0"):
        check_positive("alpha", value)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), np.int64(0)])
def test_rates(value):
    check_rate("dropout_rate", value)


@pytest.mark.parametrize("value", [1, 1.0, -0.1, np.float32(1), np.nan, False, "0.5", None])
def test_what_is_no_rate_is_refused(value):
    with pytest.raises(ValueError, match="`dropout_rate` must be at least 0 and below 1"):
        check_rate("dropout_rate", value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: check_threads("num_threads", 1_000_000), "`num_threads` must be at most"),
        (lambda: check_batch(65_537, 32, 32), "`batch` must be at most 65,536"),
        (lambda: check_batch(1, 32, 100_000), "`width` must be at most 8,192"),
        (lambda: check_batch(4096, 1024, 1024), "must be at most 1,073,741,824 pixels"),
        (lambda: make_divisible(1e9), "at most 131,072 filters"),
        (lambda: make_divisible(float("nan")), "at most 131,072 filters"),
        (lambda: round_repeats(2, 1e6), "at most 1,000 blocks"),
        (
            lambda: AnchorMap(10**5, 10**5, (1, 1), ((1, 1),)),
            "must have at most 16,777,216 anchors",
        ),
        (lambda: Recipe(epochs=10**9), "`epochs` must be at most 1,000,000"),
        (lambda: Recipe(batch_sizes_px=(32 * 10**6,)), "`batch_sizes_px` must be at most 8192"),
        (lambda: Recipe(rand_augment=10**6), "`rand_augment` must be at most 100"),
        (lambda: Recipe(learning_rate=float("inf")), "`learning_rate` must be finite"),
        (lambda: Recipe(learning_rate=10**400), "`learning_rate` must be finite"),
        (lambda: Recipe(decay_epochs=(10**400,)), "`decay_epochs` must be finite"),
        (lambda: Recipe(weight_decay=float("nan")), "`weight_decay` must be finite"),
        (lambda: MobileNetV2(input_shape=(10**6, 32, 3)), "must be at most 8192"),
        (lambda: MobileNetV2(alpha=1e6), "filters"),
        (lambda: Recipe(learning_rate=1e39), "`learning_rate` must be finite, also as float32"),
        (lambda: Recipe(seed=2**32), "`seed` must be at most 4294967295"),
        (lambda: ModelSpec(input_range=(0, 10**400)), "`input_range` must be"),
        (lambda: check_input((10**9, 32, 3), (0.0, 1.0)), "`height` must be at most 8,192"),
        (lambda: check_input((32, 32, 3), (0.0, float("inf"))), "`input_range` must be"),
        (lambda: Args(imgsz=10**9), "`imgsz` must be at most 8,192"),
        (lambda: Segmentation(filters=10**9), "`filters` must be at most 1,024"),
        (lambda: Verification(embedding_dim=10**9), "`embedding_dim` must be at most 16,384"),
        (
            lambda: Verification(images_per_person=10**9),
            r"`people_per_batch \* images_per_person` must be at most 65,536",
        ),
        (lambda: check_crop(1e-320), "`crop` must be at least 0.001"),
        (lambda: check_crop(float("nan")), "`crop` must be at least 0.001"),
        (lambda: check_input_range((-float("inf"), 1.0)), "`input_range` must be"),
        (lambda: check_input_range((0.0, 1e300)), "`input_range` must be"),
        (lambda: check_input_range((0.0, 1e-320)), "`input_range` must be"),
    ],
)
def test_numbers_that_would_take_the_machine_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_messages_show_the_beginning_of_what_was_received():
    bomb = [["x" * 1000] * 1000] * 1000
    with pytest.raises(ValueError, match="Received: ") as caught:
        check_choice("kind", bomb, ("a", "b"))
    assert len(str(caught.value)) < 400


def test_control_characters_are_shown_as_escapes():
    assert printable("caté\n\x1b[2J\x9b\u202e\udcff") == "caté\n\\u001b[2J\\u009b\\u202e\\udcff"
