import keras
import numpy as np
import pytest

from keras_cv_course.layers.batch_normalization import BatchNormalization

SHAPE = (4, 5, 6, 3)


@pytest.fixture
def inputs(rng):
    return rng.normal(2.0, 3.0, SHAPE).astype("float32")


def pair(shape=SHAPE, **options):
    """Ours and Keras' own, with the same weights."""
    layers = BatchNormalization(**options), keras.layers.BatchNormalization(**options)
    for layer in layers:
        layer.build(shape)
    weights = [np.linspace(0.5, 1.5, v.shape[0]) for v in layers[0].weights]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def train(layer, inputs):
    import tensorflow as tf

    x = tf.constant(inputs, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(y**3)
    gradients = tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])
    return [np.asarray(v) for v in (y, *gradients, *layer.get_weights())]


def test_training_normalizes_with_the_statistics_of_the_batch(inputs):
    layer = BatchNormalization(epsilon=0.0, momentum=0.9)
    outputs = np.asarray(layer(inputs, training=True))
    mean, variance = inputs.mean((0, 1, 2)), inputs.var((0, 1, 2))
    np.testing.assert_allclose(outputs, (inputs - mean) / np.sqrt(variance), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0.9, "epsilon": 1e-5},
        {"scale": False},
        {"center": False},
        {"axis": 1},
        {"dtype": "float64"},
    ],
    ids=str,
)
def test_outputs_gradients_and_statistics_are_those_of_keras(options, inputs):
    for ours, theirs in zip(*(train(x, inputs) for x in pair(**options)), strict=True):
        # Sums of a hundred numbers in another order.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


def test_feature_map_goes_to_the_fused_kernel_and_a_vector_does_not(inputs):
    import tensorflow as tf

    def kernels(x):
        layer = BatchNormalization()
        layer.build(x.shape)
        graph = tf.function(lambda x: layer(x, training=True)).get_concrete_function(x).graph
        return {node.op for node in graph.as_graph_def().node}

    assert "FusedBatchNormV3" in kernels(inputs)
    assert "FusedBatchNormV3" not in kernels(inputs[:, 0, 0])


def test_inference_and_frozen_layers_use_the_moving_statistics(inputs):
    ours, theirs = pair()
    np.testing.assert_array_equal(ours(inputs), theirs(inputs))
    ours.trainable = theirs.trainable = False
    np.testing.assert_array_equal(ours(inputs, training=True), theirs(inputs, training=True))
    np.testing.assert_array_equal(ours.moving_mean, theirs.moving_mean)


def test_half_precision_keeps_statistics_in_float32(inputs):
    layer = BatchNormalization(dtype="mixed_float16")
    outputs = layer(inputs.astype("float16"), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float16"
    np.testing.assert_allclose(layer.moving_mean, 0.01 * inputs.mean((0, 1, 2)), rtol=1e-2)


def test_saved_and_loaded(tmp_path, inputs):
    image = keras.Input(SHAPE[1:])
    model = keras.Model(image, BatchNormalization(momentum=0.9, name="bn")(image))
    model(inputs, training=True)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again.get_layer("bn")) is BatchNormalization
    np.testing.assert_array_equal(again(inputs), model(inputs))
