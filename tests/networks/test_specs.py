"""What a model carries of its meaning, through whatever is done with it."""

import keras
import numpy as np
import pytest

from keras_cv_course import MobileNetV2, convert, feature_maps, load_model, quantize_aware, task_of
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.networks.specs import spec_of, with_spec
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tflite import TFLiteModel, read_spec

SPEC = {
    "task": "classify",
    "class_names": ("cat", "dog"),
    "input_range": (0.0, 1.0),
    "resize": "pad",
    "facts": {"threshold": 0.5},
}


def tiny():
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, keras.layers.Dense(2, activation="softmax", name="scores")(x))


@pytest.fixture(scope="module")
def carrying():
    return with_spec(tiny(), **SPEC)


def images(count=8):
    return np.random.default_rng(0).uniform(0, 1, (count, 8, 8, 3)).astype("float32")


def test_a_foreign_model_is_copied_with_its_weights():
    model = tiny()
    carrying = with_spec(model, **SPEC)
    assert spec_of(model) == ModelSpec()
    assert spec_of(carrying) == ModelSpec(outputs=("scores",), **SPEC)
    np.testing.assert_array_equal(carrying.predict_on_batch(images()), model(images()))
    names = [layer.name for layer in carrying.layers]
    assert names == ["image", "spec", "conv", "pool", "scores"]


def test_a_model_that_carries_a_spec_is_changed_in_place():
    model = with_spec(tiny(), **SPEC)
    assert with_spec(model, resize="crop") is model
    assert spec_of(model).resize == "crop"
    assert spec_of(model).class_names == ("cat", "dog")


def test_a_spec_survives_saving_rounding_and_conversion(carrying, tmp_path):
    carrying.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    aware = quantize_aware(loaded, images())
    aware.save(tmp_path / "aware.keras")
    aware = load_model(tmp_path / "aware.keras")
    expected = ModelSpec(outputs=("scores",), **SPEC)
    assert spec_of(loaded) == spec_of(aware) == expected
    for quantize, data in (("none", None), ("int8", images())):
        path = convert(loaded, tmp_path / f"{quantize}.tflite", quantize, None, data).path
        assert read_spec(path) == TFLiteModel(path).spec == expected
        assert TFLiteModel(path).class_names == ("cat", "dog")
        assert task_of(path) == "classify"
    path = convert(aware, tmp_path / "aware.tflite").path
    assert read_spec(path) == expected
    path = convert(loaded, tmp_path / "bare.tflite", "none", describe=False).path
    assert read_spec(path) == ModelSpec()


def test_the_range_of_a_spec_is_that_of_integer_inputs(carrying, tmp_path):
    path = convert(carrying, tmp_path / "m.tflite", "int8", "uint8", images()).path
    (given,) = TFLiteModel(path).inputs
    assert given.scale == pytest.approx(1 / 255)
    assert given.zero_point == 0


def test_builders_carry_the_range_alone():
    model = MobileNetV2((32, 32, 3), alpha=0.35, include_top=False)
    assert spec_of(model) == ModelSpec(input_range=(-1.0, 1.0))
    # Also inside another model, where it gets the input as it is.
    assert spec_of(keras.Sequential([keras.Input((32, 32, 3)), model])).input_range == (-1.0, 1.0)
    rescaled = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 127.5, offset=-1), model]
    )
    assert spec_of(rescaled).input_range == (0.0, 255.0)


def test_a_model_with_other_outputs_claims_nothing_of_them(carrying):
    inner = keras.Model(carrying.input, carrying.get_layer("pool").output)
    assert spec_of(inner) == ModelSpec(input_range=(0.0, 1.0), resize="pad")
    model = with_spec(MobileNetV2((32, 32, 3), alpha=0.35, classes=2), **SPEC)
    assert task_of(model) == "classify"
    assert task_of(feature_maps(model, ("P4",))) is None


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"resize": "zoom"}, ValueError, "`resize` must be one of 'stretch', 'pad', 'crop'"),
        ({"input_range": (1.0, 2.0)}, ValueError, "`input_range` must be"),
        ({"class_names": "cat"}, TypeError, "`class_names` must be names"),
        ({"task": ""}, TypeError, "`task` must be the name of a task"),
    ],
)
def test_wrong_fields_are_refused(fields, error, message):
    with pytest.raises(error, match=message):
        ModelSpec(**fields)
    with pytest.raises(ValueError, match="`spec` must be one of 'task', 'class_names'"):
        ModelSpec.from_dict({"kind": "classify"})


def test_a_carrier_is_the_same_after_a_round_trip():
    layer = SpecCarrier(ModelSpec(outputs=("scores",), **SPEC), name="spec")
    assert SpecCarrier.from_config(layer.get_config()).spec == layer.spec
    assert ModelSpec.from_dict(layer.spec.to_dict()) == layer.spec
