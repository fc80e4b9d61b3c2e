"""The same numbers as tensorflow-model-optimization, on the networks that it takes."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tfmot_reference

from keras_cv_course.quantization import quantize_aware
from keras_cv_course.quantization.fake_quantization import FakeQuantize
from keras_cv_course.quantization.graph import trace


def ranges(model):
    """Returns the layers that round, by the name of the layer whose output they round."""
    ranges_by_name = {}
    makers = {}
    for call in trace(model).calls:
        makers[id(call.outputs)] = call.operation.name
        if isinstance(call.operation, FakeQuantize):
            own = call.operation.name
            # The one that rounds an output has the name of the layer that made it.
            name = own if own in model.output_names else makers.get(id(call.inputs[0]), "input")
            ranges_by_name[name] = model.get_layer(own)
    return ranges_by_name


def limits(layers):
    return {name: np.array([float(x) for x in layer.range()]) for name, layer in layers.items()}


def reference(network, model, rounding, x, folder):
    """Returns the arrays that tfmot computes with the weights and ranges of our model."""
    arrays = {f"range/{name}": limit for name, limit in limits(rounding).items()}
    for layer in model.layers:
        arrays |= {f"weight/{layer.name}/{i}": np.array(w) for i, w in enumerate(layer.weights)}
    np.savez(folder / "in.npz", x=x, **arrays)
    program = Path(tfmot_reference.__file__)
    subprocess.run(
        [sys.executable, program, network, folder / "in.npz", folder / "out.npz"],
        env=os.environ | {"TF_USE_LEGACY_KERAS": "1"},
        check=True,
    )
    return np.load(folder / "out.npz")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "train"),
    # In the deeper one a value that is rounded to the other side, of the few that its last batch
    # norms see in training, moves what follows.
    [("blocks", True), ("mobilenet_v2", False)],
)
def test_outputs_and_moved_ranges_are_those_of_tfmot(network, train, unsettle, rng, tmp_path):
    model = unsettle(tfmot_reference.NETWORKS[network](keras))
    x = rng.uniform(-1, 1, (8, *model.input_shape[1:])).astype("float32")
    aware = quantize_aware(model, calibration_data=x, depthwise_per_channel=False)
    rounding = ranges(aware)
    actual = reference(network, model, rounding, x, tmp_path)
    assert {f"moved/{name}" for name in rounding} == set(actual.files) - {"y"}
    assert len(np.unique(actual["y"])) > 100
    np.testing.assert_allclose(aware(x, training=False), actual["y"], atol=1e-4)
    if not train:
        return
    before = limits(rounding)
    aware(x, training=True)
    for name, after in limits(rounding).items():
        np.testing.assert_allclose(after, actual[f"moved/{name}"], atol=1e-5)
        assert name == "input" or np.abs(after - before[name]).max() > 1e-4
