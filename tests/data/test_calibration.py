import numpy as np
import pytest
import tensorflow as tf
from image_files import class_folders, truncated

from keras_cv_course.data import calibration_array

SHAPE = (4, 4, 3)
SIGNED, PIXELS = (-1.0, 1.0), (0.0, 255.0)


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (10, *SHAPE)).astype(np.float32)


def test_arrays_and_datasets_give_the_same(images):
    dataset = tf.data.Dataset.from_tensor_slices(images)
    labelled = tf.data.Dataset.zip((dataset, tf.data.Dataset.range(10)))
    sources = (
        images,
        tf.constant(images),
        dataset,
        dataset.batch(4),
        labelled,
        labelled.batch(3),
    )
    for source in sources:
        array = calibration_array(source, SHAPE, SIGNED)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, images)


def test_the_limit_takes_a_sample_of_the_whole():
    ramp = np.broadcast_to(np.arange(10.0)[:, None, None, None], (10, *SHAPE))
    some = calibration_array(ramp, SHAPE, limit=4)
    assert some[:, 0, 0, 0].tolist() == [0, 3, 6, 9]
    endless = tf.data.Dataset.from_tensor_slices(ramp).repeat().batch(3)
    assert len(calibration_array(endless, SHAPE, limit=25)) == 25
    with pytest.raises(ValueError, match="endless"):
        calibration_array(endless, SHAPE)
    with pytest.raises(ValueError, match="`limit` must be at least 1"):
        calibration_array(ramp, SHAPE, limit=0)


def test_bytes_are_pixels(rng):
    pixels = rng.integers(0, 256, (5, *SHAPE), np.uint8)
    array = calibration_array(pixels, SHAPE, PIXELS)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, pixels)


def test_a_folder_is_sampled_and_scaled(tmp_path, caplog):
    folder = class_folders(tmp_path / "d", count=4)
    bad = truncated(folder / "red" / "half.jpg")
    array = calibration_array(folder, SHAPE, SIGNED)
    assert array.shape == (12, *SHAPE)
    assert str(bad) in caplog.text
    assert sorted(set(array.ravel().tolist())) == [-1.0, 1.0]
    some = calibration_array(str(folder), SHAPE, SIGNED, limit=6)
    assert some.shape == (6, *SHAPE)
    assert len(np.unique(some.reshape(6, -1), axis=0)) > 1
    with pytest.raises(ValueError, match="say with `input_range`"):
        calibration_array(folder, SHAPE)


@pytest.mark.parametrize(
    ("values", "input_range", "message"),
    [
        ((0, 255), SIGNED, "from -1 to 1.*Received values from 0 to 255"),
        ((0, 1), PIXELS, r"divided by 255. Rescale them with `images \* 255`"),
        ((0, 1), SIGNED, r"divided by 255. Rescale them with `images \* 2 - 1`"),
        ((-1, 1), PIXELS, "Received values from -1 to 1"),
        ((-2, 2), SIGNED, "Received values from -2 to 2"),
    ],
)
def test_wrong_ranges_are_refused_with_what_was_seen(values, input_range, message):
    images = np.full((3, *SHAPE), values[0], np.float64)
    images[1] = values[1]
    with pytest.raises(ValueError, match=message):
        calibration_array(images, SHAPE, input_range)
    assert len(calibration_array(images, SHAPE)) == 3


def test_pixels_as_bytes_are_refused_however_dark(rng):
    dark = rng.integers(0, 2, (5, *SHAPE), np.uint8)
    for source in (dark, tf.data.Dataset.from_tensor_slices(dark).batch(2)):
        with pytest.raises(ValueError, match=r"uint8, which are pixels.*`images / 127.5 - 1`"):
            calibration_array(source, SHAPE, SIGNED)
        with pytest.raises(ValueError, match=r"Rescale them with `images / 255`"):
            calibration_array(source, SHAPE, (0.0, 1.0))
        np.testing.assert_array_equal(calibration_array(source, SHAPE, PIXELS), dark)


@pytest.mark.parametrize(
    ("pixels", "input_range"),
    [
        ((128, 256), SIGNED),  # bright
        ((255, 256), SIGNED),
        ((100, 160), SIGNED),  # grey
        ((0, 30), SIGNED),  # dark
        ((0, 30), PIXELS),
        ((0, 1), PIXELS),
        ((0, 256), (0.0, 1.0)),
    ],
)
def test_images_that_do_not_fill_the_range_are_taken(pixels, input_range, rng):
    values = rng.integers(*pixels, (50, *SHAPE)) * np.ptp(input_range) / 255 + input_range[0]
    assert len(calibration_array(values, SHAPE, input_range)) == 50


def test_wrong_data_is_refused(images, tmp_path):
    with pytest.raises(ValueError, match=r"\(n, 4, 4, 3\).*Received: \(10, 4, 4\)"):
        calibration_array(images[..., 0], SHAPE)
    with pytest.raises(ValueError, match=r"Received: \(10, 4, 4, 3\)"):
        calibration_array(images, (8, 8, 3))
    with pytest.raises(ValueError, match="n at least 1"):
        calibration_array(images[:0], SHAPE)
    images[3, 1, 1, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 10"):
        calibration_array(images, SHAPE)
    for array in (images > 0, images.astype(complex), images.astype(str)):
        with pytest.raises(TypeError, match="must be numbers"):
            calibration_array(array, SHAPE)
    with pytest.raises(TypeError, match="Received: int"):
        calibration_array(3, SHAPE)
    with pytest.raises(TypeError, match="must yield images"):
        calibration_array(tf.data.Dataset.from_tensors({"a": images}), SHAPE)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        calibration_array(tmp_path / "none", SHAPE, SIGNED)
    with pytest.raises(ValueError, match="none can be decoded"):
        calibration_array(tmp_path, SHAPE, SIGNED)
