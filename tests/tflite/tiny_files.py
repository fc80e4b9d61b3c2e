"""Small .tflite files of known networks, made once for all tests of this folder."""

import functools
import warnings

import keras
import numpy as np
import tensorflow as tf

SIZE_PX = 16
CLASSES = 3


@functools.cache
def network():
    """A MobileNet in small, named `image` -> `scores`, with weights that make scores differ."""
    keras.utils.set_random_seed(7)
    x = image = keras.Input((SIZE_PX, SIZE_PX, 3), batch_size=1, name="image")
    for filters in (8, 16):
        x = keras.layers.DepthwiseConv2D(3, 2, padding="same", bias_initializer="normal")(x)
        x = keras.layers.Conv2D(filters, 1, activation="relu6", bias_initializer="normal")(x)
    x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = keras.layers.Conv2D(CLASSES, 1)(x)
    return keras.Model(image, {"scores": keras.layers.Flatten(name="scores")(x)})


@functools.cache
def two_in_two_out():
    """Inputs `image` and `extra`, outputs `pooled` and `scores`."""
    keras.utils.set_random_seed(8)
    image = keras.Input((8, 8, 3), batch_size=1, name="image")
    extra = keras.Input((4,), batch_size=1, name="extra")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(5, 3)(image))
    scores = keras.layers.Dense(2)(keras.layers.Concatenate()([pooled, extra]))
    return keras.Model([image, extra], {"pooled": pooled, "scores": scores})


@functools.cache
def content(name, io_dtype="float32"):
    """Bytes of a file. `name`: "float", "int8", "int8x16", "two" or "two_int8"."""
    model = two_in_two_out() if name.startswith("two") else network()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if "int8" in name:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: calibration(model)
        operators = tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        if name == "int8x16":
            operators = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [operators]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io_dtype)
    with warnings.catch_warnings():
        # The converter calibrates with an interpreter that its own package calls deprecated.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        return converter.convert()


def calibration(model):
    """Yields samples in [-1, 1] by input name, as the converter takes them."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        yield {
            tensor.name: rng.uniform(-1, 1, tensor.shape).astype(np.float32)
            for tensor in model.inputs
        }


def write(folder, name, io_dtype="float32"):
    """Returns the path of a new file with this content."""
    path = folder / f"{name}_{io_dtype}.tflite"
    path.write_bytes(content(name, io_dtype))
    return path
