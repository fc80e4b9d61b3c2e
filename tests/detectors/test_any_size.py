"""Detectors of fixed size that are trained on several."""

import keras
import numpy as np
import pytest
from contracts.tiny_body import tiny_body

from keras_cv_course import YOLO, Detector, RetinaNet, SSDLite, load_model
from keras_cv_course.data import DrawnScenes, detection_epochs, random_shapes, with_targets
from keras_cv_course.detectors.any_size import any_size, spec_at
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.tflite import convert
from keras_cv_course.training import compile_detector, target_encoder

SIZES = (64, 96)
BUILDERS = {
    "ssdlite": lambda body: SSDLite(body, 4, extra_filters=(16,)),
    "yolo": lambda body: YOLO(body, 4, filters={"P3": 8, "P4": 16, "P5": 32}),
    "retinanet": lambda body: RetinaNet(body, 4, filters=8),
}


def build(name):
    return BUILDERS[name](tiny_body((96, 96, 3), "mobilenet_v2"))


def test_outputs_and_anchors_belong_together_at_every_size(rng):
    model = build("ssdlite")
    free = any_size(model)
    images = rng.uniform(-1, 1, (2, 96, 96, 3)).astype(np.float32)
    expected, actual = model.predict_on_batch(images), free.predict_on_batch(images)
    for name, values in expected.items():
        np.testing.assert_allclose(actual[name], values, atol=1e-5)
    assert spec_at(model, (96, 96)) == detection_spec(model)
    spec = spec_at(model, (64, 160))
    assert [(level.rows, level.columns) for level in spec.maps] == [(4, 10), (2, 5), (1, 3)]
    # The cells of the last map divide the image; anchors are as large as they were.
    assert spec.maps[2].stride_px == (64, 160 / 3)
    assert [x.shapes_px for x in spec.maps] == [x.shapes_px for x in detection_spec(model).maps]
    outputs = free.compute_output_spec(keras.KerasTensor((2, 64, 160, 3)))
    assert outputs["boxes"].shape == (2, spec.count, 4)
    assert outputs["classes"].shape == (2, spec.count, 5)


@pytest.mark.parametrize("name", ["yolo", "retinanet"])
def test_anchors_of_doubling_strides_stay_on_their_grid(name, weightless):
    model = build(name)
    spec = spec_at(model, (64, 160))
    assert [x.stride_px for x in spec.maps] == [x.stride_px for x in detection_spec(model).maps]
    assert (spec.maps[0].rows, spec.maps[0].columns) == (8, 20)
    outputs = any_size(model).compute_output_spec(keras.KerasTensor((2, 64, 160, 3)))
    assert outputs["boxes"].shape == (2, spec.count, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssdlite", "yolo"])
def test_batches_of_random_sizes_train_the_detector_of_one(name, tmp_path):
    model = build(name)
    scenes = DrawnScenes(16, (96, 96), most_shapes=2)
    epochs = random_shapes(detection_epochs(scenes, (96, 96, 3), 4, max_boxes=4), SIZES)
    encoders = {(size, size): target_encoder(spec_at(model, (size, size))) for size in SIZES}
    train = with_targets(epochs, encoders, (-1.0, 1.0))
    assert {images.shape[1] for images, _ in train.since(0).take(12)} == set(SIZES)
    trained = compile_detector(model, keras.optimizers.Adam(1e-2), any_size=True)
    history = trained.fit(
        train.since(0), steps_per_epoch=train.batches, epochs=6, shuffle=False, verbose=0
    )
    assert history.history["loss"][-1] < 0.85 * history.history["loss"][0]
    assert {id(v) for v in trained.variables} >= {id(v) for v in model.variables}
    # The detector of one size is what it was: it is saved, loaded and converted as before.
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras", compile=False)
    image = scenes[0].image
    options = {"score_threshold": 0.01, "max_detections": 5, "input_range": (-1.0, 1.0)}
    detections, again = (Detector(x, **options).predict([image])[0] for x in (model, loaded))
    np.testing.assert_array_equal(detections["boxes"], again["boxes"])
    convert(Detector(model, **options), tmp_path / "m.tflite", "none")


def test_layers_of_fixed_size_are_refused(weightless):
    model = YOLO(tiny_body((64, 64, 3)), 4, version=2)
    with pytest.raises(ValueError, match=r"depends on the size of its maps.*version 3 has none"):
        any_size(model)
    with pytest.raises(ValueError, match="`model` must be a detector of this package"):
        spec_at(tiny_body((64, 64, 3)), (64, 64))
