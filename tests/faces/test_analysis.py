import json

import keras
import numpy as np
import pytest

from keras_cv_course.faces.analysis import FaceAnalyzer

SHAPE = (32, 32, 3)


def answers(**outputs):
    """A network that gives the same for every image, and the images that it was given."""
    seen = []

    def predict(batch):
        seen.append(batch)
        return {name: np.array([values], np.float32) for name, values in outputs.items()}

    return predict, seen


def test_probabilities_become_answers_with_their_confidence():
    predict, _ = answers(detection=[0.9], smile=[0.2], gender=[0.75])
    attributes = FaceAnalyzer(predict, SHAPE).analyze(np.zeros((8, 8, 3), np.uint8))
    assert (attributes["detection"].value, attributes["smile"].value) == (True, False)
    assert attributes["detection"].confidence == pytest.approx(0.9)
    assert attributes["smile"].confidence == pytest.approx(0.8)
    assert (attributes["gender"].value, attributes["gender"].confidence) == ("female", 0.75)


def test_ages_angles_and_points_come_in_their_units_with_the_spread_that_was_measured():
    predict, _ = answers(age=[34.0], pose=[10.0, -5.0, 2.0], landmarks=[-0.5, -0.5, 0.25, 0.0])
    analyzer = FaceAnalyzer(predict, SHAPE, errors={"age": 7.5, "landmarks": 2.0})
    attributes = analyzer.analyze(np.zeros((100, 200, 3), np.uint8))
    assert (attributes["age"].value, attributes["age"].confidence, attributes["age"].spread) == (
        34.0,
        None,
        7.5,
    )
    assert attributes["pose"].value == {"yaw": 10.0, "pitch": -5.0, "roll": 2.0}
    assert attributes["pose"].spread is None
    np.testing.assert_allclose(attributes["landmarks"].value, [[0, 0], [150, 50]])
    assert attributes["landmarks"].spread == 4.0


def test_identity_is_the_likeliest_name():
    predict, _ = answers(identity=[1.0, 3.0, 1.0])
    odds = np.exp([1.0, 3.0, 1.0])
    named = FaceAnalyzer(predict, SHAPE, people=("Ada", "Bob", "Cy"))
    answer = named.analyze(np.zeros((8, 8), np.uint8))["identity"]
    assert (answer.value, answer.confidence) == ("Bob", pytest.approx(odds[1] / odds.sum()))
    number = FaceAnalyzer(predict, SHAPE).analyze(np.zeros((8, 8), np.uint8))["identity"]
    assert number.value == 1


def test_everything_can_be_written_as_json():
    predict, _ = answers(
        landmarks=[0.1, 0.2], visibility=[0.75], pose=[1.0, 2.0, 3.0], smile=[0.5], age=[3.0]
    )
    attributes = FaceAnalyzer(predict, SHAPE).analyze(np.zeros((8, 8, 3), np.uint8))
    written = json.loads(json.dumps({name: a.to_dict() for name, a in attributes.items()}))
    assert written["visibility"] == {"value": [True], "confidence": [0.75], "spread": None}
    assert written["smile"] == {"value": True, "confidence": 0.5, "spread": None}


def test_images_of_any_size_and_colour_come_in_the_networks_shape_and_range():
    predict, seen = answers(smile=[1.0])
    analyzer = FaceAnalyzer(predict, SHAPE)
    white = np.full((50, 20, 3), 255, np.uint8)
    for image in (white, white[..., 0], white[..., :1]):
        analyzer.analyze(image)
        np.testing.assert_allclose(seen[-1], np.ones((1, *SHAPE)), atol=1e-6)
    analyzer.analyze(np.zeros((50, 20, 3), np.uint8))
    np.testing.assert_allclose(seen[-1], -np.ones((1, *SHAPE)), atol=1e-6)
    grey = FaceAnalyzer(predict, (32, 32, 1), (0.0, 1.0))
    grey.analyze(np.full((5, 5, 3), (255, 0, 0), np.uint8))
    np.testing.assert_allclose(seen[-1], np.full((1, 32, 32, 1), 0.299), atol=1e-6)


def test_a_keras_model_is_asked_as_it_is(rng):
    inputs = keras.Input(SHAPE)
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    age = keras.layers.Dense(1, name="age")(pooled)
    model = keras.Model(inputs, {"age": age})
    image = rng.integers(0, 256, (32, 32, 3), np.uint8)
    expected = model.predict(image[None] / np.float32(127.5) - 1, verbose=0)["age"][0, 0]
    attributes = FaceAnalyzer(model, SHAPE).analyze(image)
    assert attributes["age"].value == pytest.approx(float(expected), abs=1e-5)


def test_wrong_arguments_are_refused():
    predict, _ = answers(smile=[1.0], hat=[1.0])
    with pytest.raises(TypeError, match="`predict` must be a model or a function"):
        FaceAnalyzer("faces.tflite", SHAPE)
    with pytest.raises(ValueError, match=r"`input_shape` must be \(height, width, channels\)"):
        FaceAnalyzer(predict, (None, None, 3))
    with pytest.raises(ValueError, match=r"`errors` must be of 'age'.*\['smile'\]"):
        FaceAnalyzer(predict, SHAPE, errors={"smile": 0.1})
    with pytest.raises(ValueError, match=r"`image` must be .*\(4, 4, 4\)"):
        FaceAnalyzer(predict, SHAPE).analyze(np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(TypeError, match=r"`predict` must give a dict.*ndarray.*lambda batch"):
        FaceAnalyzer(lambda batch: np.ones((1, 1)), SHAPE).analyze(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match=r"`predict` must give the outputs of a Multi.*hat"):
        FaceAnalyzer(predict, SHAPE).analyze(np.zeros((4, 4, 3), np.uint8))
