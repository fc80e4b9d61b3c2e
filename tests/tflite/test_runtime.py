import numpy as np
import pytest
import tiny_files
from numpy.testing import assert_allclose, assert_array_equal

from keras_cv_course.tflite import TFLiteModel, flatbuffer
from keras_cv_course.tflite.labels import append_labels
from keras_cv_course.tflite.metadata import ClassifierMetadata, add_metadata
from keras_cv_course.tflite.tensors import TensorSpec, dequantize, quantize


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (5, tiny_files.SIZE_PX, tiny_files.SIZE_PX, 3)).astype(np.float32)


def keras_scores(images):
    return np.concatenate([tiny_files.network()(p[None])["scores"] for p in images])


def test_float_file_equals_the_keras_model(tmp_path, images):
    model = TFLiteModel(tiny_files.write(tmp_path, "float"))
    scores = model.predict(images)
    assert scores.dtype == np.float32
    assert_allclose(scores, keras_scores(images), atol=1e-5)
    assert_array_equal(model(images), scores)


@pytest.mark.parametrize("io_dtype", ["float32", "int8", "uint8"])
def test_int8_file_takes_and_gives_real_values(tmp_path, images, io_dtype):
    model = TFLiteModel(tiny_files.write(tmp_path, "int8", io_dtype))
    assert model.inputs[0].dtype == model.outputs[0].dtype == io_dtype
    scores = model.predict(images)
    assert scores.dtype == np.float32
    # Eight bits of a range of about 2; a sign or zero-point error would be a hundred times larger.
    assert_allclose(scores, keras_scores(images), atol=0.05)


def test_int16_file_takes_and_gives_real_values(tmp_path, images):
    model = TFLiteModel(tiny_files.write(tmp_path, "int8x16", "int16"))
    assert model.inputs[0].dtype == "int16"
    assert_allclose(model.predict(images), keras_scores(images), atol=0.02)


def test_reference_kernels_agree_within_some_steps(tmp_path, images):
    path = tiny_files.write(tmp_path, "int8", "int8")
    default, reference = (
        TFLiteModel(path, kernels=kernels) for kernels in ("default", "reference")
    )
    taken = [
        any(node["op_name"] == "DELEGATE" for node in model._interpreter._get_ops_details())
        for model in (default, reference)
    ]
    assert taken == [True, False]
    step = default.outputs[0].scale
    assert_allclose(default.predict(images), reference.predict(images), atol=4 * step)


def test_a_batch_equals_its_samples_one_by_one(tmp_path, images):
    model = TFLiteModel(tiny_files.write(tmp_path, "int8", "int8"))
    one_by_one = np.concatenate([model.predict(image[None]) for image in images])
    assert_array_equal(model.predict(images), one_by_one)


def test_an_empty_batch_gives_an_empty_result(tmp_path, images):
    model = TFLiteModel(tiny_files.write(tmp_path, "int8", "int8"))
    scores = model.predict(images[:0])
    assert scores.shape == (0, tiny_files.CLASSES)
    assert scores.dtype == np.float32


def test_integer_images_stand_for_their_values(tmp_path, rng):
    images = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    model = TFLiteModel(tiny_files.write(tmp_path, "float"))
    assert_array_equal(model.predict(images), model.predict(images.astype(np.float32)))


def test_several_inputs_and_outputs_by_name(tmp_path, rng):
    image = rng.uniform(-1, 1, (3, 8, 8, 3)).astype(np.float32)
    extra = rng.uniform(-1, 1, (3, 4)).astype(np.float32)
    model = TFLiteModel(tiny_files.write(tmp_path, "two"))
    result = model.predict({"image": image, "extra": extra})
    assert set(result) == {"pooled", "scores"}
    for i in range(3):
        expected = tiny_files.two_in_two_out()([image[i : i + 1], extra[i : i + 1]])
        for name in result:
            assert_allclose(result[name][i], expected[name][0], atol=1e-5)
    values = {"image": image, "extra": extra}
    as_list = model.predict([values[spec.name] for spec in model.inputs])
    assert_array_equal(as_list["scores"], result["scores"])


def test_several_quantized_inputs_and_outputs(tmp_path, rng):
    batch = {
        "image": rng.uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32),
        "extra": rng.uniform(-1, 1, (2, 4)).astype(np.float32),
    }
    result = TFLiteModel(tiny_files.write(tmp_path, "two_int8", "uint8")).predict(batch)
    expected = TFLiteModel(tiny_files.write(tmp_path, "two")).predict(batch)
    for name in ("pooled", "scores"):
        assert_allclose(result[name], expected[name], atol=0.1)  # eight bits of a range of 6


def test_describes_inputs_and_outputs(tmp_path):
    model = TFLiteModel(tiny_files.write(tmp_path, "int8", "int8"))
    (image,), (scores,) = model.inputs, model.outputs
    assert (image.name, image.shape, image.dtype) == ("image", (1, 16, 16, 3), "int8")
    assert image.scale == pytest.approx(2 / 255, rel=0.01)
    assert (scores.name, scores.shape) == ("scores", (1, 3))
    assert model.path == tmp_path / "int8_int8.tflite"
    assert model.class_names is None
    assert TFLiteModel(tiny_files.write(tmp_path, "float")).inputs[0] == TensorSpec(
        "image", (1, 16, 16, 3), "float32", None, 0
    )


def test_class_names_come_along(tmp_path, images):
    path = tiny_files.write(tmp_path, "float")
    plain = TFLiteModel(path).predict(images)
    path.write_bytes(append_labels(path.read_bytes(), ["cat", "dog", "żółw"]))
    model = TFLiteModel(path)
    assert model.class_names == ("cat", "dog", "żółw")
    assert_array_equal(model.predict(images), plain)


def test_rounds_half_to_even_and_clips():
    spec = TensorSpec("x", (1,), "int8", scale=0.5, zero_point=1)
    numbers = quantize(np.array([0.25, 0.75, -0.25, 1.0, 1e9, -1e9]), spec)
    assert numbers.tolist() == [1, 3, 1, 3, 127, -128]
    assert numbers.dtype == np.int8
    values = dequantize(np.array([1, 3, -128], np.int8), spec)
    assert values.tolist() == [0.0, 1.0, -64.5]
    assert values.dtype == np.float32


def test_integers_without_a_scale_stay_as_they_are():
    spec = TensorSpec("index", (1,), "int64")
    assert quantize(np.array([3]), spec).dtype == np.int64
    assert dequantize(np.array([2**40]), spec).tolist() == [2**40]


def test_refuses_nan_for_a_quantized_input(tmp_path, images):
    images[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="'image' is quantized, and NaN"):
        TFLiteModel(tiny_files.write(tmp_path, "int8", "int8")).predict(images)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (np.zeros((16, 16, 3)), r"shape \(n, 16, 16, 3\).*one sample.*array\[None\]"),
        (np.zeros((2, 8, 8, 3)), r"'image' must have the shape \(n, 16, 16, 3\).*\(2, 8, 8, 3\)"),
        ({"imag": np.zeros((1, 16, 16, 3))}, r"must be one of 'image'.*Did you mean 'image'"),
        ({}, r"must hold every input. Missing: \['image'\]"),
    ],
)
def test_wrong_batches_of_one_input(tmp_path, batch, message):
    model = TFLiteModel(tiny_files.write(tmp_path, "float"))
    with pytest.raises(ValueError, match=message):
        model.predict(batch)


def test_wrong_batches_of_two_inputs(tmp_path):
    model = TFLiteModel(tiny_files.write(tmp_path, "two"))
    image, extra = np.zeros((2, 8, 8, 3)), np.zeros((1, 4))
    with pytest.raises(ValueError, match=r"2 inputs, .*Received 1"):
        model.predict([image])
    with pytest.raises(ValueError, match=r"same length. Received: .*'image': 2"):
        model.predict({"image": image, "extra": extra})


def test_a_list_with_the_one_input(tmp_path, images):
    model = TFLiteModel(tiny_files.write(tmp_path, "float"))
    assert_array_equal(model.predict([images]), model.predict(images))
    assert_array_equal(model.predict(list(images)), model.predict(images))


@pytest.mark.parametrize("validate", [True, False])
def test_a_file_of_another_kind_is_an_error(tmp_path, validate):
    (tmp_path / "notes.tflite").write_text("not a network")
    with pytest.raises(
        ValueError, match=r"notes.tflite is not a usable .tflite file: bytes 4 to 8"
    ):
        TFLiteModel(tmp_path / "notes.tflite", validate=validate)


def test_wrong_options_are_errors(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    with pytest.raises(ValueError, match=r"`kernels` must be one of.*'default'"):
        TFLiteModel(path, kernels="defalt")
    with pytest.raises(ValueError, match="`num_threads` must be a whole number above 0"):
        TFLiteModel(path, num_threads=0)


def test_a_larger_fixed_batch(tmp_path, rng):
    import keras
    import tensorflow as tf

    image = keras.Input((4,), batch_size=3, name="x")
    model = keras.Model(image, keras.layers.Dense(2)(image))
    path = tmp_path / "batch3.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    x = rng.normal(size=(7, 4)).astype(np.float32)
    kernel, bias = model.get_weights()
    assert_allclose(TFLiteModel(path).predict(x), x @ kernel + bias, atol=1e-5)


@pytest.mark.data
def test_files_without_a_signature(shared):
    model = TFLiteModel(shared / "models" / "mlperf_tiny_vww_96_int8.tflite")
    assert model.inputs[0].name == "input_1_int8"
    probabilities = model.predict(np.full((2, 96, 96, 3), 0.5))
    assert_allclose(probabilities.sum(axis=1), 1, atol=1 / 256)


def test_outputs_of_one_name_in_files_of_others_are_all_given(tmp_path, rng):
    data = flatbuffer.read(tiny_files.content("two"))
    data.signatureDefs = []
    for index in data.subgraphs[0].outputs:
        data.subgraphs[0].tensors[index].name = "head"
    path = tmp_path / "m.tflite"
    path.write_bytes(flatbuffer.write(data))
    model = TFLiteModel(path)
    names = {x.name: x.shape for x in model.inputs}
    outputs = model.predict({name: rng.normal(size=shape) for name, shape in names.items()})
    assert sorted(outputs) == ["head", "head_1"]
    assert sorted(y.shape for y in outputs.values()) == [(1, 2), (1, 5)]


def test_uint8_images_are_refused_where_other_values_are_taken(tmp_path, rng):
    """Of a float file by its metadata, of an int8 file by its quantization, too."""
    pixels = rng.integers(0, 256, (2, tiny_files.SIZE_PX, tiny_files.SIZE_PX, 3), np.uint8)
    signed = tmp_path / "signed.tflite"
    data = add_metadata(tiny_files.content("float"), ClassifierMetadata(), (-1.0, 1.0))
    signed.write_bytes(data)
    quantized = tiny_files.write(tmp_path, "int8", "uint8")  # calibrated from -1 to 1
    for path, advice in ((signed, "with `images / 127.5 - 1`"), (quantized, "as for training")):
        model = TFLiteModel(path)
        with pytest.raises(ValueError, match=f"uint8 pixels up to 255. Rescale them {advice}"):
            model.predict(pixels)
        assert_allclose(model(pixels / 127.5 - 1), keras_scores(pixels / 127.5 - 1), atol=0.05)


def test_uint8_images_are_pixels_where_these_are_taken(tmp_path, rng):
    pixels = rng.integers(0, 256, (2, tiny_files.SIZE_PX, tiny_files.SIZE_PX, 3), np.uint8)
    path = tmp_path / "m.tflite"
    path.write_bytes(add_metadata(tiny_files.content("float"), ClassifierMetadata(), (0.0, 255.0)))
    for file in (path, tiny_files.write(tmp_path, "float")):  # the second tells nothing
        assert_allclose(TFLiteModel(file)(pixels), TFLiteModel(file)(pixels.astype("float32")))
