"""A model as a callable from whatever stands for images to results."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_cv_course import load
from keras_cv_course.data import load_images
from keras_cv_course.networks.specs import with_spec
from keras_cv_course.predictors.results import Classification, Detections

NAMES = ("red", "green", "blue")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A classifier of colours: the largest mean channel."""
    image = keras.Input((4, 6, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(image)
    x = keras.layers.Dense(3, use_bias=False, name="logits")(x)
    model = keras.Model(image, keras.layers.Softmax(name="scores")(x))
    model.get_layer("logits").set_weights([5 * np.eye(3, dtype="float32")])
    model = with_spec(
        model, task="classify", class_names=NAMES, input_range=(-1.0, 1.0), resize="crop"
    )
    file = tmp_path_factory.mktemp("model") / "colours.keras"
    model.save(file)
    return file


@pytest.fixture
def photos(tmp_path):
    for i, name in enumerate(NAMES):
        pixels = np.zeros((20, 30 + i, 3), np.uint8)
        pixels[..., i] = 200
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return tmp_path


def test_one_image_gives_one_result(path, photos):
    predict = load(path)
    file = photos / "green.png"
    pixels = np.asarray(Image.open(file))
    for image in (file, str(file), pixels, Image.open(file)):
        result = predict(image)
        assert isinstance(result, Classification)
        assert result.name == "green"
    assert predict(pixels[..., 0]).names[0] in NAMES  # grey, (height, width)
    expected = predict.model(load_images([file], (4, 6, 3), (-1.0, 1.0)))[0]
    np.testing.assert_array_equal(predict(file).probabilities, np.sort(expected)[::-1])


def test_several_images_give_a_list(path, photos):
    predict = load(path, top=2)
    files = sorted(photos.glob("*.png"))
    names = [result.name for result in predict(photos)]
    assert names == ["blue", "green", "red"]
    assert [r.name for r in predict(files)] == [r.name for r in predict(tuple(files))] == names
    batch = np.stack([np.full((8, 8, 3), (255, 0, 0)), np.full((8, 8, 3), (0, 0, 255))])
    assert [result.name for result in predict(batch.astype(np.uint8))] == ["red", "blue"]
    assert len(predict(files)[0].to_dict()["classes"]) == 2


def test_a_file_that_cannot_be_read_does_not_end_the_others(path, photos):
    (photos / "broken.png").write_bytes(b"no image")
    results = dict(load(path).each([photos]))
    assert isinstance(results.pop(photos / "broken.png"), ValueError)
    assert [result.name for result in results.values()] == ["blue", "green", "red"]


def test_a_result_draws_itself(path, photos):
    result = load(path)(photos / "red.png")
    drawn = result.draw()
    assert drawn.size == (30, 20)
    assert (np.asarray(drawn) > 200).all(axis=-1).any()  # white letters
    assert result._repr_png_().startswith(b"\x89PNG")


def test_what_is_missing_is_asked_for(tmp_path):
    image = keras.Input((4, 6, 3))
    x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(image))
    keras.Model(image, x).save(tmp_path / "bare.keras")
    with pytest.raises(ValueError, match=r"not known which values .*bare\.keras takes"):
        load(tmp_path / "bare.keras")
    result = load(tmp_path / "bare.keras", input_range=(0, 1))(np.zeros((5, 5, 3), np.uint8))
    assert set(result.names) == {"0", "1", "2"}
    x = keras.layers.Conv2D(2, 1)(image)
    keras.Model(image, x).save(tmp_path / "maps.keras")
    with pytest.raises(ValueError, match=r"The task of .*maps\.keras is not known"):
        load(tmp_path / "maps.keras", input_range=(0, 1))


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((4, 6, 2), np.uint8), ValueError, r"An image must be an array .* \(4, 6, 2\)"),
        (3, TypeError, "An image must be a path, an array or a PIL image. Received: int"),
        ([3.5], TypeError, "An image must be a path, an array or a PIL image. Received: float"),
    ],
)
def test_what_is_no_image_is_refused(path, image, error, message):
    with pytest.raises(error, match=message):
        load(path)(image)


def test_boxes_are_scaled_with_their_image():
    image = np.zeros((50, 100, 3), np.uint8)
    boxes = np.array([[10, 20, 30, 40]], np.float32)
    detections = Detections(image, boxes, np.array([0.5]), np.array([1]), ("a", "b"))
    larger = detections.resized(200)
    np.testing.assert_allclose(larger.boxes, [[20, 80, 60, 160]])
    assert larger.image.shape == (200, 200, 3)
    assert detections.names == ("b",)
    assert detections.rows() == [("b", "0.50", "10 20 30 40")]
    assert detections.to_dict()["boxes"][0]["box_xyxy"] == [10, 20, 30, 40]
