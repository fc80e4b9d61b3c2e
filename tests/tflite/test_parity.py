import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_cv_course.tflite import compare, convert


@pytest.fixture
def scores():
    """Scores are the means of the three channels, so that decisions are known."""
    image = keras.Input((4, 4, 3), name="image")
    same = layers.Conv2D(3, 1, use_bias=False)
    model = keras.Model(image, layers.GlobalAveragePooling2D(name="scores")(same(image)))
    same.set_weights([np.eye(3)[None, None]])
    return model


def one_hot_images(classes):
    return np.broadcast_to(
        np.eye(3, dtype="float32")[classes][:, None, None], (len(classes), 4, 4, 3)
    )


def test_float_file_agrees(scores, tmp_path):
    images = one_hot_images([0, 1, 2, 2])
    convert(scores, tmp_path / "m.tflite", "none")
    report = compare(scores, tmp_path / "m.tflite", images, targets=np.array([0, 1, 2, 0]))
    assert report.agreement == 1.0
    assert report.metric == "accuracy"
    assert report.metric_reference == report.metric_tflite == 0.75
    assert report.outputs[0].worst_error < 1e-6
    assert report.outputs[0].step is None
    assert report.worst_tensors == ()


def test_errors_are_counted_in_steps_of_the_output(scores, tmp_path):
    # With the range 0 to 1 a step is 1/255, and 0.5 lies half a step from two integers.
    convert(scores, tmp_path / "m.tflite", "int8", "float32", one_hot_images([0, 1, 2]))
    images = np.full((1, 4, 4, 3), 0.5, "float32")
    (output,) = compare(scores, tmp_path / "m.tflite", images).outputs
    np.testing.assert_allclose(output.step, 1 / 255, rtol=1e-3)
    np.testing.assert_allclose(output.worst_error, 0.5 / 255, rtol=0.02)
    np.testing.assert_allclose(output.worst_steps, 0.5, rtol=0.02)


def test_another_models_file_is_detected_by_its_decisions(scores, tmp_path):
    x = image = keras.Input((4, 4, 3), name="image")
    flipped = layers.Conv2D(3, 1, use_bias=False, name="flip")(x)
    other = keras.Model(image, layers.GlobalAveragePooling2D(name="scores")(flipped))
    other.get_layer("flip").set_weights([np.eye(3)[None, None, [1, 0, 2]]])
    convert(other, tmp_path / "m.tflite", "none")
    report = compare(
        scores, tmp_path / "m.tflite", one_hot_images([0, 1, 2, 2]), np.array([0, 1, 2, 2])
    )
    assert report.agreement == 0.5
    assert (report.metric_reference, report.metric_tflite) == (1.0, 0.5)
    assert report.outputs[0].worst_error == 1.0
    assert report.outputs[0].mean_error == pytest.approx(4 / 12)


def test_worst_tensors_are_those_with_the_coarsest_steps(tmp_path, rng):
    image = keras.Input((4, 4, 2), name="image")
    narrow = layers.DepthwiseConv2D(1, use_bias=False, name="narrow")(image)
    wide = layers.Conv2D(2, 1, use_bias=False, name="wide")(narrow)
    model = keras.Model(image, layers.GlobalAveragePooling2D(name="scores")(wide))
    # One channel 1000 times the other: a step for both leaves the small one nothing.
    model.get_layer("narrow").set_weights([np.array([1.0, 1e-3]).reshape(1, 1, 2, 1)])
    model.get_layer("wide").set_weights([np.array([[0.0, 0.0], [1e3, 1e3]])[None, None]])
    images = rng.uniform(-1, 1, (16, 4, 4, 2)).astype("float32")
    convert(model, tmp_path / "m.tflite", "int8", calibration_data=images)
    report = compare(model, tmp_path / "m.tflite", images)
    assert report.worst_tensors[0].snr_db < 10
    assert "wide" in report.worst_tensors[0].name or "scores" in report.worst_tensors[0].name
    first = [t.snr_db for t in report.worst_tensors]
    assert first == sorted(first)


def test_report_is_a_table_and_json(scores, tmp_path):
    convert(scores, tmp_path / "m.tflite", "int8", calibration_data=one_hot_images([0, 1, 2]))
    report = compare(scores, tmp_path / "m.tflite", one_hot_images([0, 1]), np.array([0, 1]))
    assert "scores" in str(report)
    assert "accuracy 1.0000" in str(report)
    content = json.loads(report.save(tmp_path / "report.json").read_text())
    assert content["agreement"] == 1.0
    assert content["outputs"][0]["name"] == "scores"


def test_dataset_brings_its_targets(scores, tmp_path):
    convert(scores, tmp_path / "m.tflite", "none")
    dataset = tf.data.Dataset.from_tensor_slices((one_hot_images([0, 1, 2]), [0, 1, 0])).batch(2)
    report = compare(scores, tmp_path / "m.tflite", dataset)
    assert report.samples == 3
    assert report.metric_tflite == pytest.approx(2 / 3)


def test_several_outputs_need_a_metric_of_the_task(tmp_path, rng):
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    model = keras.Model([a, b], {"sum": a + b, "gap": a - b})
    convert(model, tmp_path / "m.tflite", "none")
    data = [rng.normal(size=(5, 3)).astype("float32") for _ in range(2)]
    with pytest.raises(ValueError, match="`metric` must be given"):
        compare(model, tmp_path / "m.tflite", data, targets=np.zeros(5))

    def mean_gap(targets, outputs):
        return float(np.mean(outputs["gap"] - targets["gap"]))

    report = compare(
        model, tmp_path / "m.tflite", data, targets={"gap": data[0] - data[1]}, metric=mean_gap
    )
    assert report.metric == "mean_gap"
    assert abs(report.metric_tflite) < 1e-6


def test_metrics_without_a_name_of_their_own_have_that_of_their_function_or_class(tmp_path):
    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Dense(2)(x))
    path = convert(model, tmp_path / "m.tflite", "none").path
    data = np.ones((4, 3), np.float32)

    def share(factor, targets, outputs):
        return factor * float(np.mean(targets == outputs.argmax(1)))

    class Share:
        def __call__(self, targets, outputs):
            return share(1, targets, outputs)

    targets = model.predict(data, verbose=0).argmax(1)
    metrics = {"share": functools.partial(functools.partial(share), 0.5), "Share": Share()}
    for name, metric in metrics.items():
        report = compare(model, path, data, targets=targets, metric=metric)
        assert (report.metric, report.metric_tflite) == (name, 0.5 if name == "share" else 1.0)


def test_file_of_another_interface_is_refused(scores, tmp_path):
    x = keras.Input((2,), name="numbers")
    other = keras.Model(x, layers.Dense(2)(x))
    convert(other, tmp_path / "m.tflite", "none")
    with pytest.raises(ValueError, match=r"inputs \['image'\].*\['numbers'\]"):
        compare(scores, tmp_path / "m.tflite", one_hot_images([0]))


def test_no_samples_are_refused(scores, tmp_path):
    convert(scores, tmp_path / "m.tflite", "none")
    with pytest.raises(ValueError, match="at least one sample"):
        compare(scores, tmp_path / "m.tflite", one_hot_images([0])[:0])


def test_sequential_model_from_a_file_is_compared(tmp_path, rng):
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(2, name="scores")])
    model.save(tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras")
    convert(model, tmp_path / "m.tflite", "none")
    assert compare(model, tmp_path / "m.tflite", rng.normal(size=(5, 3))).agreement == 1.0


def test_a_float_output_behind_quantized_weights_has_no_step(tmp_path, rng):
    image = keras.Input((8,), name="image")
    model = keras.Model(image, layers.Dense(1)(image))
    path = convert(model, tmp_path / "m.tflite", "dynamic").path
    assert compare(model, path, rng.normal(size=(4, 8)).astype("float32")).outputs[0].step is None
