import keras
import pytest

from keras_cv_course import MobileNet, MobileNetV3Small


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (31, 32, 3)}, r"at least 32. Received: \(31, 32, 3\). Nearest: \(32, 32"),
        ({"input_shape": (32, 32)}, r"must be \(height, width, channels\)"),
        ({"input_shape": (32, 32, None)}, r"must be \(height, width, channels\)"),
        ({"input_shape": (32, 32, 0)}, r"must be \(height, width, channels\)"),
        ({"input_shape": (32.5, 32, 3)}, r"must be \(height, width, channels\)"),
        ({"pooling": "mean", "include_top": False}, "`pooling` must be one of None, 'avg', 'max'"),
        ({"pooling": "avg"}, "`pooling` is for a network without its classifier"),
        ({"classes": 0}, "`classes` must be a whole number above 0"),
        ({"classes": 2.0}, "`classes` must be a whole number above 0"),
        ({"classes": True}, "`classes` must be a whole number above 0"),
        ({"classes": 5, "include_top": False}, "`classes` and `classifier_activation` describe"),
        ({"classifier_activation": "sigmoid", "include_top": False}, "describe the classifier"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MobileNet(alpha=0.25, **options)


def test_input_shape_and_input_tensor_must_agree():
    image = keras.Input((64, 48, 3))
    with pytest.raises(ValueError, match=r"must be that of `input_tensor`.*\(48, 64, 3\)"):
        MobileNet((48, 64, 3), 0.25, input_tensor=image)
    assert MobileNet((64, 48, 3), 0.25, input_tensor=image).input is image
    assert MobileNet((None, None, 3), 0.25, input_tensor=image).input is image


def test_input_tensor_is_checked():
    with pytest.raises(TypeError, match=r"`input_tensor` must be a Keras tensor.*list"):
        MobileNet(alpha=0.25, input_tensor=[1])
    with pytest.raises(ValueError, match="`input_tensor` height and width must be at least 32"):
        MobileNet(alpha=0.25, input_tensor=keras.Input((16, 16, 3)))


def test_predecessors_of_the_input_tensor_belong_to_the_model():
    image = keras.Input((32, 32, 3), name="pixels")
    model = MobileNet(alpha=0.25, input_tensor=keras.layers.Rescaling(1 / 127.5, -1.0)(image))
    assert model.input.name == "pixels"
    assert model.layers[1].scale == 1 / 127.5


def test_two_sources_of_the_input_tensor():
    left, right = keras.Input((32, 32, 3)), keras.Input((32, 32, 1))
    both = keras.layers.Concatenate()([left, right])
    model = MobileNet(alpha=0.25, input_tensor=both, include_top=False)
    assert len(model.inputs) == 2


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="set_image_data_format"):
            MobileNet(alpha=0.25)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_the_classifier_takes_any_size_when_asked():
    model = MobileNetV3Small((None, None, 3), classes=4)
    assert model.input_shape == (None, None, None, 3)
    assert model.output_shape == (None, 4)
