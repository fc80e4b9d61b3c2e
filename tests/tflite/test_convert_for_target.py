"""What `convert` writes for a device, and what it refuses."""

import keras
import pytest
from keras import layers

from keras_cv_course.tflite import TFLiteModel, check, convert, inspect
from keras_cv_course.tflite.metadata import EmbedderMetadata, read_metadata
from keras_cv_course.tflite.targets import TARGETS


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (8, 16, 16, 3)).astype("float32")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.tflite"


def network(head, channels=3):
    image = keras.Input((16, 16, channels), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="body")(image)
    return keras.Model(image, head(x), name="net")


def classifier(channels=3):
    dense = layers.Dense(3, name="scores")
    return network(lambda x: dense(layers.GlobalAveragePooling2D()(x)), channels)


def segmenter():
    return network(layers.Conv2D(2, 1, name="mask"))


@pytest.mark.parametrize(
    ("target", "dtype"),
    [
        ("phone", "uint8"),
        ("browser", "uint8"),
        ("microcontroller", "int8"),
        ("accelerator", "int8"),
        ("edge_tpu", "int8"),
    ],
)
def test_device_gets_the_types_it_takes(target, dtype, images, path):
    convert(classifier(), path, calibration_data=images, input_range=(-1, 1), target=target)
    model = TFLiteModel(path, validate=False)
    assert [spec.dtype for spec in (*model.inputs, *model.outputs)] == [dtype, dtype]
    assert check(path, target).ok
    assert (read_metadata(path) is not None) == TARGETS[target].wants_metadata


@pytest.mark.parametrize(
    ("model", "names", "task"),
    [
        (classifier, ("a", "b", "c"), "classifier"),
        (classifier, None, "embedder"),
        (segmenter, ("sky", "sea"), "segmenter"),
    ],
)
def test_metadata_holds_the_task_and_the_range(model, names, task, path):
    convert(model(), path, "none", class_names=names, input_range=(0, 1), target="phone")
    metadata = inspect(path).metadata
    assert metadata.task == task
    assert (metadata.mean, metadata.std) == ((0.0,), (255.0,))
    assert TFLiteModel(path, validate=False).class_names == names
    assert task in str(inspect(path))


def test_task_can_be_given_without_a_target(path):
    convert(classifier(), path, "none", input_range=(-1, 1), metadata=EmbedderMetadata())
    assert read_metadata(path).task == "embedder"


def test_what_is_no_colour_image_has_no_metadata(path):
    convert(classifier(channels=1), path, "none", target="phone")
    assert read_metadata(path) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "phone"}, "`input_range` must be given"),
        ({"target": "tablet"}, "`target` must be one of"),
        ({"target": "phone", "quantize": "int8", "io_dtype": "int8"}, "`io_dtype` must be one of"),
        ({"target": "microcontroller", "quantize": "dynamic"}, "`quantize` must be one of"),
        ({"target": "accelerator"}, "`quantize` must be one of"),
        (
            {"metadata": EmbedderMetadata(), "class_names": ["a", "b", "c"]},
            "`class_names` must be None",
        ),
    ],
)
def test_contradictions_are_refused_before_a_file_is_written(arguments, message, path):
    with pytest.raises(ValueError, match=message):
        convert(classifier(), path, **{"quantize": "none", **arguments})
    assert not path.exists()


def test_operator_that_the_device_lacks_is_refused(path):
    model = network(lambda x: keras.ops.top_k(layers.Flatten()(x), 2)[0])
    convert(model, path, "none")
    assert not check(path, "microcontroller").ok
    path.unlink()
    with pytest.raises(ValueError, match="TOPK_V2"):
        convert(model, path, "none", target="microcontroller")
    assert not path.exists()
