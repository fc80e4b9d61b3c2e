"""Every task trains in 16 bits, on several devices and by layer; what is left is in float32."""

import dataclasses

import pytest
from contracts.tiny_body import tiny_body

from keras_cv_course.networks.loading import load_model
from keras_cv_course.quantization.graph import as_functional
from keras_cv_course.tasks import (
    bodies,
    detection_data,
    detector_building,
    get_task,
    multitask_data,
    segmentation_data,
)
from keras_cv_course.tasks.running import start_run

TASKS = {
    "detect": {"imgsz": 64, "batch": 8},
    "localize": {"imgsz": 32, "batch": 8},
    "multitask": {"imgsz": 32},
    "segment": {"imgsz": 64, "batch": 8},
    "verify": {"imgsz": 16, "embedding_dim": 8},
}


@pytest.fixture
def _small(monkeypatch):
    def body(name, **options):
        return tiny_body(options["input_shape"], name)

    monkeypatch.setattr(bodies, "build_model", body)
    build = detector_building.build_model
    monkeypatch.setattr(
        detector_building,
        "build_model",
        lambda name, **o: build(name, **o | {"extra_filters": (8,)}),
    )
    for module in (detection_data, segmentation_data):
        monkeypatch.setattr(module, "_SCENES", {"train": 16, "val": 4})
    monkeypatch.setattr(multitask_data, "_DRAWINGS", 40)


@pytest.mark.slow
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", TASKS)
def test_a_run_in_16_bits_ends_in_float32(name, tmp_path):
    task = get_task(name)
    recipe = task.Args.default_recipe(task.Args.data)
    decay = 1.0 if name == "verify" else 0.8  # An encoder of faces has no groups of layers.
    recipe = dataclasses.replace(recipe, epochs=1, warmup_epochs=0.0, layer_decay=decay)
    scale = {"mixed_precision": "fp16", "strategy": "mirrored"}
    run, report = start_run(task, task.Args(**TASKS[name], **scale, recipe=recipe), str(tmp_path))
    assert report["task"] == name
    for saved in (run.model, run.last):
        layers = as_functional(load_model(saved, compile=False)).layers
        assert {layer.compute_dtype for layer in layers} == {"float32"}
        assert not any(getattr(layer, "synchronized", False) for layer in layers)
