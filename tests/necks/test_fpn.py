import keras
import numpy as np
import pytest

from keras_cv_course.necks.fpn import fpn


def test_coarse_values_reach_the_fine_maps(rng):
    fine, coarse = keras.Input((4, 4, 2)), keras.Input((2, 2, 3))
    model = keras.Model([fine, coarse], fpn({"P3": fine, "P4": coarse}, 5))
    # By hand: P3 is a 3x3 convolution of its lateral and of P4's, each pixel four times.
    layers = {layer.name: layer for layer in model.layers}
    for name in ("fpn_P3_conv", "fpn_P4_conv"):
        kernel = np.zeros((3, 3, 5, 5), np.float32)
        kernel[1, 1] = np.eye(5)  # passes the middle pixel
        layers[name].set_weights([kernel, np.zeros(5)])
    a, b = rng.normal(size=(1, 4, 4, 2)), rng.normal(size=(1, 2, 2, 3))
    (k3, c3), (k4, c4) = (layers[f"fpn_P{i}_lateral_conv"].get_weights() for i in (3, 4))
    lateral = b @ k4[0, 0] + c4
    expected = a @ k3[0, 0] + c3 + lateral.repeat(2, axis=1).repeat(2, axis=2)
    outputs = model([a.astype("float32"), b.astype("float32")])
    np.testing.assert_allclose(outputs["P3"], expected, atol=1e-5)
    np.testing.assert_allclose(outputs["P4"], lateral, atol=1e-5)


def test_more_levels_halve_the_size_rounded_up():
    maps = {"P3": keras.Input((12, 20, 2)), "P4": keras.Input((6, 10, 3))}
    outputs = fpn(maps, 5, more=("P5", "P6"))
    assert list(outputs) == ["P3", "P4", "P5", "P6"]
    assert [y.shape[1:3] for y in outputs.values()] == [(12, 20), (6, 10), (3, 5), (2, 3)]


def test_sizes_that_do_not_fit_are_refused():
    maps = {"P3": keras.Input((13, 20, 2)), "P4": keras.Input((7, 10, 3))}
    with pytest.raises(ValueError, match=r"'P3' must have twice .*'P4'.*\(13, 20\) and \(7, 10\)"):
        fpn(maps)
