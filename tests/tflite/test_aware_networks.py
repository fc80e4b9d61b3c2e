"""Whole networks: quantized, trained for a step, saved, loaded, converted, compared."""

import keras
import numpy as np
import pytest
from keras import applications, layers

from keras_cv_course import build_model, load_model, models
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.ops.scaling import Scaling
from keras_cv_course.quantization import FreezeRanges, quantize_aware, strip
from keras_cv_course.tflite import TFLiteModel, convert, inspect
from keras_cv_course.tflite.flatbuffer import output_steps

SAMPLES = 16

# A network of every kind of block: builder, size of the input, options that make it small.
FAMILIES = {
    "separable": ("MobileNet", 49, {"alpha": 0.25}),
    "inverted_residual": ("MobileNetV2", 64, {"alpha": 0.35}),
    "hard_swish": ("MobileNetV3Small", 49, {}),
    "swish": ("EfficientNet", 49, {"scaling": Scaling(0.25, 0.5, 1.0)}),
}
# Published members, which take minutes each.
PUBLISHED = [
    ("mobilenet", 64),
    ("mobilenet_v2", 49),
    ("mobilenet_v3_small", 64),
    ("mobilenet_v3_large", 64),
    ("efficientnet_b0", 64),
    ("efficientnet_b0", 49),
    ("efficientnet_b1", 64),
    ("efficientnet_lite0", 64),
    ("efficientnet_lite0", 49),
    ("efficientnet_lite1", 64),
]


def application(builder, size_px=64, **options):
    return builder(
        input_shape=(size_px, size_px, 3),
        weights=None,
        classes=10,
        classifier_activation=None,
        **options,
    )


def unet():
    x = image = keras.Input((32, 32, 3))
    skips = []
    for filters in (8, 16):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    for filters, skip, up in ((16, skips[1], "transposed"), (8, skips[0], "repeated")):
        if up == "transposed":
            x = layers.Conv2DTranspose(filters, 2, 2)(x)
        else:
            x = layers.Conv2D(filters, 1)(layers.UpSampling2D()(x))
        x = layers.Concatenate()([x, skip])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return keras.Model(image, layers.Conv2D(2, 1)(x))


def siamese():
    # What random weights make of images is alike to the sixth decimal in the end, and int8 has
    # no steps for the difference: early features, each at its place.
    whole = applications.MobileNetV2((64, 64, 3), 0.35, False, None)
    backbone = keras.Model(whole.input, whole.get_layer("block_3_expand_relu").output)
    head = layers.AveragePooling2D(4), layers.Flatten(), layers.Dense(16)
    encoder = keras.Sequential([keras.Input((64, 64, 3)), backbone, *head])
    pair = keras.Input((64, 64, 3), name="left"), keras.Input((64, 64, 3), name="right")
    left, right = (encoder(x) for x in pair)
    return keras.Model(pair, layers.Dense(1)(keras.ops.abs(left - right)))


FOREIGN = {
    "mobilenet": lambda: application(applications.MobileNet, alpha=0.25),
    "mobilenet_v2": lambda: application(applications.MobileNetV2, alpha=0.35),
    "mobilenet_v3_small": lambda: application(applications.MobileNetV3Small),
    "efficientnet_b0": lambda: application(applications.EfficientNetB0),
    "resnet50": lambda: application(applications.ResNet50),
    "resnet50_v2": lambda: application(applications.ResNet50V2),
    "densenet121": lambda: application(applications.DenseNet121),
    "inception_v3": lambda: application(applications.InceptionV3, 75),
    "unet": unet,
    "siamese": siamese,
}
TAKES_PIXELS = {"mobilenet_v3_small", "efficientnet_b0"}


def inputs_of(model, value_range, rng):
    """Smooth random images: what differs from pixel to pixel is lost in pooling."""
    arrays = []
    for x in model.inputs:
        coarse = rng.uniform(size=(SAMPLES, 8, 8, 3)).astype("float32")
        images = keras.ops.image.resize(coarse, x.shape[1:3])
        low, high = value_range
        arrays.append(np.asarray(images) * (high - low) + low)
    return arrays if len(arrays) > 1 else arrays[0]


def check(model, images, tmp_path):
    """Takes a float model the whole way, and judges the file beside one without training."""
    aware = quantize_aware(model, images)
    aware.compile(keras.optimizers.SGD(1e-4), "mse")
    shape = (SAMPLES, *aware.outputs[0].shape[1:])
    aware.fit(images, np.zeros(shape), 8, 1, verbose=0, callbacks=[FreezeRanges(0)])
    aware.save(tmp_path / "aware.keras")
    loaded = load_model(tmp_path / "aware.keras")
    expected = aware.predict(images, verbose=0)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), expected)

    trained = inspect(convert(loaded, tmp_path / "aware.tflite", "int8", "int8").path)
    after = convert(strip(loaded), tmp_path / "after.tflite", "int8", "int8", images)
    after = inspect(after.path, validate=False)
    assert len(trained.operators) <= len(after.operators)
    assert trained.operators.count("QUANTIZE") <= after.operators.count("QUANTIZE")
    assert "DEQUANTIZE" not in trained.operators
    assert trained.partitions <= after.partitions

    outputs = TFLiteModel(trained.path, validate=False).predict(images)
    step = output_steps(trained.path.read_bytes())[0]
    rounding = expected - strip(loaded).predict(images, verbose=0)
    # The file differs from the model by the order of rounding, the model from the float one by
    # rounding itself.
    assert np.std(outputs - expected) <= np.std(rounding) + step
    return trained


def check_family(model, unsettle, rng, tmp_path):
    input_range = spec_of(model).input_range
    report = check(unsettle(model), inputs_of(model, input_range, rng), tmp_path)
    assert report.partitions == 1
    assert not report.outside


@pytest.mark.slow
@pytest.mark.parametrize("blocks", FAMILIES)
def test_kinds_of_blocks(blocks, unsettle, rng, tmp_path):
    builder, size_px, options = FAMILIES[blocks]
    shape = (size_px, size_px, 3)
    options = {**options, "classes": 10, "classifier_activation": None}
    model = getattr(models, builder)(input_shape=shape, **options)
    check_family(model, unsettle, rng, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize(("name", "size_px"), PUBLISHED)
def test_published_networks(name, size_px, unsettle, rng, tmp_path):
    shape = (size_px, size_px, 3)
    model = build_model(name, input_shape=shape, classes=10, classifier_activation=None)
    check_family(model, unsettle, rng, tmp_path)


# Those whose blocks `test_kinds_of_blocks` has too, or that take minutes.
_LONG = {"mobilenet", "mobilenet_v3_small", "efficientnet_b0", "densenet121", "inception_v3"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.full if name in _LONG else pytest.mark.slow)
        for name in FOREIGN
    ],
)
def test_networks_of_others(name, unsettle, rng, tmp_path):
    model = unsettle(FOREIGN[name]())
    value_range = (0.0, 255.0) if name in TAKES_PIXELS else (-1.0, 1.0)
    check(model, inputs_of(model, value_range, rng), tmp_path)
