import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from contracts.random_weights import measure_statistics, randomize

from keras_cv_course import EfficientNetB0, MobileNet, MobileNetV2, MobileNetV3Small
from keras_cv_course.backbones._weights import ImageNet, load_weights

_SMALL = {"input_shape": (32, 32, 3), "alpha": 0.25}


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (2, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def reference():
    model = keras.applications.MobileNet(weights=None, classes=5, **_SMALL)
    randomize(model, np.random.default_rng(0))
    return model


@pytest.fixture(scope="module")
def saved(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "reference.weights.h5"
    reference.save_weights(path)
    return path


@pytest.fixture
def path(saved, tmp_path):
    """A copy that a test may break."""
    return Path(shutil.copy(saved, tmp_path))


def _variables(model):
    return [np.asarray(v) for v in model.get_weights()]


def _equal(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("name", ["w.weights.h5", "m.keras"])
def test_files_of_keras_3(name, reference, images, tmp_path):
    path = tmp_path / name
    (reference.save_weights if name.endswith(".weights.h5") else reference.save)(path)
    model = MobileNet(weights=str(path), classes=5, **_SMALL)
    np.testing.assert_allclose(model(images), reference(images), atol=1e-5)


@pytest.mark.parametrize("name", ["w.h5", "m.h5"])
def test_files_of_keras_2(name, images, tmp_path, rng):
    tf_keras = pytest.importorskip("tf_keras")
    original = tf_keras.applications.MobileNet(weights=None, classes=5, **_SMALL)
    twin = keras.applications.MobileNet(weights=None, classes=5, **_SMALL)
    randomize(twin, rng)
    original.set_weights(twin.get_weights())
    path = tmp_path / name
    if name == "w.h5":
        original.save_weights(path)
    else:
        # The warning recommends another format than the one that is under test.
        with pytest.warns(UserWarning, match="HDF5"):
            original.save(path)
    model = MobileNet(weights=path, classes=5, **_SMALL)
    np.testing.assert_allclose(model(images), twin(images), atol=1e-5)


def test_own_files(images, tmp_path, rng):
    options = {"input_shape": (32, 32, 3), "minimalistic": True, "classes": 5}
    saved = MobileNetV3Small(**options)
    randomize(saved, rng)
    saved.save_weights(tmp_path / "own.weights.h5")
    loaded = MobileNetV3Small(weights=tmp_path / "own.weights.h5", **options)
    np.testing.assert_allclose(loaded(images), saved(images), atol=1e-6)


def test_other_classes_start_a_new_classifier(path, reference, images):
    model = MobileNet(weights=path, classes=7, **_SMALL)
    assert model.output_shape == (None, 7)
    assert _equal(_variables(model)[:-2], _variables(reference)[:-2])
    kernel, bias = (np.asarray(v) for v in model.get_layer("logits").get_weights())
    assert kernel.std() > 0
    assert not bias.any()


def test_the_classifier_is_left_out_where_there_is_none(path, reference):
    model = MobileNet(weights=path, include_top=False, **_SMALL)
    assert _equal(_variables(model), _variables(reference)[:-2])


def test_both_layers_of_a_mobilenet_v3_classifier_are_left_out(tmp_path, rng):
    saved = MobileNetV3Small((32, 32, 3))
    randomize(saved, rng)
    saved.save_weights(tmp_path / "small.weights.h5")
    model = MobileNetV3Small((32, 32, 3), include_top=False, weights=tmp_path / "small.weights.h5")
    assert _equal(_variables(model), _variables(saved)[:-4])


def test_layers_before_the_input_tensor_keep_their_weights(path, reference):
    image = keras.Input((32, 32, 3))
    colours = keras.layers.Conv2D(3, 1, name="colours")
    x = colours(image)
    before = colours.get_weights()
    model = MobileNet(alpha=0.25, input_tensor=x, weights=path, classes=5)
    assert _equal(colours.get_weights(), before)
    assert _equal(_variables(model)[2:], _variables(reference))


def test_biases_are_folded_into_the_normalization_and_a_dense_kernel_into_a_convolution(
    images, tmp_path, rng, float64
):
    """The net of MLPerf Tiny's reference: biased convolutions, and a dense layer at the end."""
    plain = MobileNet(weights=None, classes=5, **_SMALL)
    randomize(plain, rng)

    def biased(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            config["use_bias"] = True
        if layer.name == "top_pool":
            config["keepdims"] = False
        if layer.name in ("logits", "logits_flat", "top_dropout"):
            return {
                "logits": keras.layers.Dense(5, name="logits"),
                "logits_flat": keras.layers.Activation("linear", name="logits_flat"),
                "top_dropout": keras.layers.Activation("linear", name="top_dropout"),
            }[layer.name]
        return type(layer).from_config(config)

    original = keras.models.clone_model(plain, clone_function=biased)
    randomize(original, rng)
    original.save_weights(tmp_path / "biased.weights.h5")
    model = MobileNet(weights=tmp_path / "biased.weights.h5", classes=5, **_SMALL)
    np.testing.assert_allclose(model(images), original(images), atol=1e-5)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*nowhere\.h5"):
        MobileNet(weights=tmp_path / "nowhere.h5", **_SMALL)


@pytest.mark.parametrize("keep", [0, 100, 5000, -2000])
def test_a_truncated_file(keep, path):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"reference\.weights\.h5 must be a complete weights file"):
        MobileNet(weights=path, classes=5, **_SMALL)


def test_a_truncated_model_file(reference, tmp_path):
    path = tmp_path / "m.keras"
    reference.save(path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ValueError, match=r"m\.keras must be a complete weights file"):
        MobileNet(weights=path, classes=5, **_SMALL)


def test_an_archive_without_weights(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match=r"m\.keras must be a complete weights file"):
        MobileNet(weights=tmp_path / "m.keras", **_SMALL)


def test_a_file_without_layers(tmp_path):
    import h5py

    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file.create_dataset("numbers", data=[1, 2])
    with pytest.raises(ValueError, match=r"empty\.h5 must hold the weights of a Keras model"):
        MobileNet(weights=tmp_path / "empty.h5", **_SMALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"alpha": 0.5},
            r"reference.*layer 'stem_conv' has weights of \[\(3, 3, 3, 16\)\], layer 'conv2d' of "
            r"the file has \[\(3, 3, 3, 8\)\]",
        ),
        ({"input_shape": (32, 32, 4)}, r"\(3, 3, 4, 8\).*channels of `input_shape`"),
        ({"depth_coefficient": 1.4}, r"must hold 83 layers.* holds 55: nothing is left for layer"),
    ],
)
def test_a_file_of_another_network(options, message, path):
    with pytest.raises(ValueError, match=message):
        MobileNet(weights=path, classes=5, **{**_SMALL, **options})


def test_a_file_of_a_larger_network(tmp_path):
    MobileNetV2((32, 32, 3), 0.35, 2, classes=5).save_weights(tmp_path / "deep.weights.h5")
    with pytest.raises(ValueError, match=r"deep\.weights\.h5"):
        MobileNetV2((32, 32, 3), 0.35, classes=5, weights=tmp_path / "deep.weights.h5")


def test_a_file_without_classifier(reference, tmp_path):
    headless = MobileNet(include_top=False, **_SMALL)
    headless.save_weights(tmp_path / "headless.weights.h5")
    with pytest.raises(ValueError, match=r"nothing is left for layer 'logits'.*include_top=False"):
        MobileNet(weights=tmp_path / "headless.weights.h5", **_SMALL)


def test_nothing_is_changed_unless_everything_fits(path):
    # All layers fit but the classifier, whose input has another size.
    model = MobileNet(classes=5, **_SMALL)
    image = model.input
    x = keras.layers.Concatenate()([model.get_layer("top_pool").output] * 2)
    other = keras.Model(image, keras.layers.Conv2D(5, 1, name="logits")(x))
    before = _variables(other)
    with pytest.raises(ValueError, match="layer 'logits' has weights of"):
        load_weights(other, path, ImageNet())
    assert _equal(_variables(other), before)


# Below, keras.applications runs as it is but for the download, which gives a local file.


@pytest.fixture
def download(monkeypatch, tmp_path):
    """Makes Keras' downloads give `files[0]`; returns the list, and that of the names asked for."""
    files, asked = [], []

    def get_file(name, *_, **__):
        asked.append(name)
        return str(files[0])

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    return files, asked


def _save(model, rng, path):
    randomize(model, rng)
    model.save_weights(path)
    return path


@pytest.mark.parametrize(
    ("size", "include_top", "name"),
    [
        ((128, 128), True, "mobilenet_2_5_128_tf.h5"),
        ((96, 160), False, "mobilenet_2_5_224_tf_no_top.h5"),
        ((None, None), False, "mobilenet_2_5_224_tf_no_top.h5"),
    ],
)
def test_imagenet_takes_the_weights_of_the_size(size, include_top, name, download, tmp_path, rng):
    files, asked = download
    reference = keras.applications.MobileNet((128, 128, 3), 0.25, 1, 0, include_top, None)
    files.append(_save(reference, rng, tmp_path / "downloaded.weights.h5"))
    model = MobileNet((*size, 3), 0.25, include_top=include_top, weights="imagenet")
    assert asked == [name]
    assert _equal(_variables(model), _variables(reference))


def test_imagenet_with_other_classes_keeps_the_backbone(download, tmp_path, rng):
    reference = keras.applications.MobileNetV3Small((224, 224, 3), weights=None)
    download[0].append(_save(reference, rng, tmp_path / "downloaded.weights.h5"))
    model = MobileNetV3Small((64, 64, 3), classes=3, weights="imagenet")
    assert download[1] == ["weights_mobilenet_v3_small_224_1.0_float.h5"]
    assert _equal(_variables(model)[:-2], _variables(reference)[:-2])
    assert model.output_shape == (None, 3)


def test_imagenet_efficientnet_is_the_function_of_keras_applications(
    download, tmp_path, rng, float64
):
    stored = keras.applications.EfficientNetB0(weights=None, include_top=False)
    randomize(stored, rng)
    normalization = next(x for x in stored.layers if isinstance(x, keras.layers.Normalization))
    # As in the published files: standard deviations where the variances belong.
    deviation = np.array([0.229, 0.224, 0.225])
    normalization.set_weights([np.array([0.485, 0.456, 0.406]), deviation, np.zeros(())])
    path = tmp_path / "downloaded.weights.h5"
    stored.save_weights(path)
    download[0].append(path)
    pixels = rng.uniform(0, 255, (2, 64, 64, 3))

    reference = keras.applications.EfficientNetB0(weights="imagenet", include_top=False)
    measure_statistics(reference, pixels)
    reference.save_weights(path)
    model = EfficientNetB0(weights="imagenet", include_top=False)
    # Keras' Rescaling rounds its factors to float32, which the random network makes larger.
    np.testing.assert_allclose(model(pixels), reference(pixels), atol=1e-3)
    # Without the fold the two would differ by the root of the deviations.
    _, variance, _ = model.get_layer("stem_normalization").get_weights()
    np.testing.assert_allclose(np.sqrt(variance), deviation, rtol=1e-6)


def test_a_failed_download_is_reported(monkeypatch):
    def get_file(*_, **__):
        raise Exception("URL fetch failure on https://example.org: None -- no network")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(OSError, match=r"MobileNet could not be fetched: URL fetch failure.*path"):
        MobileNet(alpha=0.25, weights="imagenet")


@pytest.mark.data
def test_mlperf_tiny_visual_wake_words(shared, rng):
    from ai_edge_litert.interpreter import Interpreter

    original = Interpreter(str(shared / "models/mlperf_tiny_vww_96_float.tflite"))
    original.allocate_tensors()
    weights = shared / "models/mlperf_tiny_vww_96.h5"
    model = MobileNet((96, 96, 3), 0.25, activation="relu", classes=2, weights=weights)
    for _ in range(4):
        image = rng.uniform(0, 1, (1, 96, 96, 3)).astype("float32")
        original.set_tensor(original.get_input_details()[0]["index"], image)
        original.invoke()
        expected = original.get_tensor(original.get_output_details()[0]["index"])
        np.testing.assert_allclose(model(image), expected, atol=1e-5)


@pytest.mark.data
@pytest.mark.parametrize(
    ("builder", "file", "options"),
    [
        (MobileNetV2, "mobilenet_v2_1.0_224", {}),
        (MobileNet, "mobilenet_v1_0.25_128", {"input_shape": (128, 128, 3), "alpha": 0.25}),
    ],
)
def test_imagenet_weights_for_offline_use(builder, file, options, shared, rng):
    path = shared / f"weights/{file}.weights.h5"
    reference = getattr(keras.applications, builder.__name__)(weights=None, **options)
    reference.load_weights(path)
    image = rng.uniform(-1, 1, (1, *reference.input_shape[1:])).astype("float32")
    model = builder(weights=path, **options)
    np.testing.assert_allclose(model(image), reference(image), atol=1e-5)


def test_a_network_without_a_stem_is_filled_from_its_first_block(tmp_path):
    def network():
        image = keras.Input((8, 8, 3), name="image")
        scaled = keras.layers.Conv2D(3, 1, name="own")(image)  # as an `input_tensor` may bring one
        x = keras.layers.Conv2D(4, 3, name="stage1_block1_conv")(scaled)
        return keras.Model(image, x)

    source, target = network(), network()
    inner = keras.Model(source.get_layer("stage1_block1_conv").input, source.output)
    inner.save_weights(tmp_path / "inner.weights.h5")
    own = np.array(target.get_layer("own").kernel)
    load_weights(target, tmp_path / "inner.weights.h5", ImageNet())
    np.testing.assert_array_equal(target.get_layer("own").kernel, own)
    assert _equal(_variables(target)[2:], _variables(source)[2:])


def test_a_network_of_other_names_is_refused(path):
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Conv2D(4, 3, name="conv")(image), name="foreign")
    with pytest.raises(ValueError, match=r"a network of this package.* Received: 'foreign'"):
        load_weights(model, path, ImageNet())
