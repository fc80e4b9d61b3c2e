import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course.faces import SiameseEncoder, SiameseNetwork
from keras_cv_course.layers.distances import (
    AbsoluteDifference,
    CosineDistance,
    CosineSimilarity,
    EuclideanDistance,
)
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.quantization import quantize_aware, strip
from keras_cv_course.quantization.aware import float_layers
from keras_cv_course.quantization.islands import float_islands
from keras_cv_course.quantization.primitives import split_into_primitives

COSINE = ["Activation", "Activation", "Multiply", "Dense"]
SPLITS = {
    AbsoluteDifference: ["Subtract", "Activation"],
    CosineDistance: COSINE,
    CosineSimilarity: COSINE,
    EuclideanDistance: ["EuclideanDistance"],
}


def pair_of_vectors(layer, before=lambda x: x):
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    return keras.Model([a, b], layer([before(a), before(b)]))


def kinds(model):
    return [type(o).__name__ for o in model.operations if not isinstance(o, layers.InputLayer)]


@pytest.mark.parametrize("kind", SPLITS)
def test_parts_compute_what_the_layer_does(kind, rng):
    model = pair_of_vectors(kind(name="end"))
    split = split_into_primitives(model)
    assert kinds(split) == SPLITS[kind]
    assert split.layers[-1].name == "end"
    data = list(rng.normal(size=(2, 5, 6)).astype("float32"))
    data[1][0] = 0.0
    np.testing.assert_allclose(split(data), model(data), atol=1e-6)
    assert kinds(split_into_primitives(model, keep=["end"])) == [kind.__name__]


def test_unit_vectors_are_not_normalized_again(rng):
    unit = layers.Activation(l2_normalize, name="unit")
    split = split_into_primitives(pair_of_vectors(CosineSimilarity(), unit))
    assert kinds(split) == ["Activation", "Multiply", "Dense"]


def test_the_sum_of_a_cosine_does_not_train():
    aware = quantize_aware(pair_of_vectors(CosineDistance()))
    assert aware.trainable_weights == []


def test_euclidean_distance_stays_in_float_wherever_it_is(rng):
    pair = SiameseNetwork(SiameseEncoder((8, 8, 1), 4))
    image = keras.Input((8, 8, 1))
    nested = keras.Model(image, pair([image, image]))
    assert float_islands(nested) == float_islands(pair) == ["distance"]
    data = [rng.uniform(0, 1, (8, 8, 8, 1)).astype("float32") for _ in "ab"]
    aware = quantize_aware(pair, data)
    assert float_layers(aware) == ["distance"]
    np.testing.assert_allclose(strip(aware)(data), pair(data), rtol=1e-5)
    assert float_islands(SiameseNetwork(SiameseEncoder((8, 8, 1)), "cosine")) == []


def test_shared_encoder_has_one_set_of_ranges(rng):
    # Bright and dark: equal embeddings have no gradient.
    data = [rng.uniform(0, most, (8, 8, 8, 1)).astype("float32") for most in (1.0, 0.2)]
    pair = SiameseNetwork(SiameseEncoder((8, 8, 1), 4))
    aware = quantize_aware(pair, data)
    aware.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    before = [w.numpy().copy() for w in aware.trainable_weights]
    aware.fit(data, np.array([0, 1] * 4), epochs=1, verbose=0)
    assert len(before) == len(pair.trainable_weights) == 8
    pairs = zip(before, aware.trainable_weights, strict=True)
    # The bias of the embedding cancels out in a difference.
    moved = [new.path for old, new in pairs if np.any(old != new)]
    assert {w.path for w in aware.trainable_weights} - set(moved) <= {"embedding/bias"}
    names = [layer.name for layer in aware.layers if layer.name.endswith("_range")]
    assert len(set(names)) == len(names)
    assert [name for name in names if "block1_conv" in name] == ["block1_conv_range"]
