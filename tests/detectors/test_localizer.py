import keras
import numpy as np
import pytest

from keras_cv_course import Localizer, MobileNetV2


@pytest.fixture
def body():
    x = image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(16, 3, 2, activation="relu")(x)
    return keras.Model(image, keras.layers.Conv2D(32, 3, 2, activation="relu")(x))


def test_learns_where_a_bright_square_is(body, rng):
    images = rng.uniform(0, 0.2, (64, 16, 16, 3)).astype(np.float32)
    boxes, labels = np.zeros((64, 4), np.float32), np.arange(64) % 3
    for i in range(64):
        x, y = rng.integers(0, 8, 2)
        images[i, y : y + 8, x : x + 8, labels[i]] += 0.8
        boxes[i] = np.array([x, y, 8, 8]) / 16
    there = np.ones((64, 1), np.float32)
    images[48:] = rng.uniform(0, 0.2, (16, 16, 16, 3))
    there[48:] = 0
    model = Localizer(body, classes=3)
    losses = {
        "boxes": "mse",
        "classes": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "objectness": keras.losses.BinaryCrossentropy(from_logits=True),
    }
    model.compile(keras.optimizers.Adam(0.01), losses)
    weights = dict.fromkeys(("boxes", "classes"), there[:, 0]) | {"objectness": np.ones(64)}
    targets = {"boxes": boxes, "classes": labels, "objectness": there}
    history = model.fit(images, targets, sample_weight=weights, epochs=40, verbose=0).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    outputs = model.predict(images, verbose=0)
    assert (outputs["classes"][:48].argmax(-1) == labels[:48]).mean() > 0.9
    assert ((outputs["objectness"] > 0) == (there > 0)).mean() > 0.9


def test_objects_that_are_always_there_need_no_objectness(body):
    assert set(Localizer(body, 3, objectness=False).output) == {"boxes", "classes"}


def test_vector_of_a_backbone_is_taken_as_it_is():
    body = MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, pooling="avg")
    model = Localizer(body, classes=3, dropout_rate=0.2)
    assert model.get_layer("classes").input.shape == (None, 1280)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 0}, "`classes` must be a whole number above 0"),
        ({"dropout_rate": 1.0}, "`dropout_rate` must be at least 0 and below 1"),
    ],
)
def test_wrong_arguments(body, options, message):
    with pytest.raises(ValueError, match=message):
        Localizer(body, **{"classes": 3} | options)


def test_backbone_without_a_vector_is_refused():
    image = keras.Input((16, 16, 3))
    body = keras.Model(image, keras.layers.Reshape((256, 3))(image))
    with pytest.raises(ValueError, match=r"`backbone` must give one vector .* or feature map"):
        Localizer(body, classes=3)
