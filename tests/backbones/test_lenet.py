import keras
import numpy as np
import pytest

from keras_cv_course import LeNet5, complexity


def test_counts_of_the_network_of_today():
    counts = complexity(LeNet5((32, 32, 1), classes=10))
    assert (counts.parameters, counts.mult_adds) == (61_706, 416_520)


def test_maps_have_the_sizes_of_the_paper():
    """Figure 2: C1 28x28x6, S2 14x14x6, C3 10x10x16, S4 5x5x16."""
    model = LeNet5((32, 32, 1), classes=10)
    parts = ("stage1_block1_conv", "stage1_block1_pool", "stage2_block1_conv", "stage2_block1_pool")
    sizes = [model.get_layer(name).output.shape[1:] for name in parts]
    assert sizes == [(28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16)]


def test_computes_what_numpy_computes(rng):
    """Correlation with each kernel, tanh, means of four; then tanh of two dense layers, and one."""
    model = LeNet5((16, 16, 2), classes=3, classifier_activation=None)
    weights = [rng.normal(0, 0.3, v.shape).astype("float32") for v in model.weights]
    model.set_weights(weights)
    x = image = rng.uniform(-1, 1, (16, 16, 2)).astype("float32")
    for kernel, bias in (weights[0:2], weights[2:4]):
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), (0, 1))  # (h, w, c, 5, 5)
        x = np.tanh(np.einsum("hwcij,ijcf->hwf", windows, kernel) + bias)
        x = (x[0::2, 0::2] + x[1::2, 0::2] + x[0::2, 1::2] + x[1::2, 1::2]) / 4
    vector = x.reshape(-1)
    for i in (4, 6):
        vector = np.tanh(vector @ weights[i] + weights[i + 1])
    expected = vector @ weights[8] + weights[9]
    np.testing.assert_allclose(model(image[np.newaxis])[0], expected, atol=1e-5)


def test_subsampling_takes_the_largest_on_request():
    model = LeNet5((32, 32, 1), subsampling="max", activation="relu", classes=10)
    assert sum(isinstance(x, keras.layers.MaxPooling2D) for x in model.layers) == 2
    assert model.count_params() == 61_706


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LeNet5(subsampling="mean"), "`subsampling`"),
        (lambda: LeNet5(activation="sinh"), "`activation`"),
        (lambda: LeNet5(weights="imagenet"), "There are none of LeNet-5"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
