import keras
import numpy as np
import pytest

from keras_cv_course import complexity
from keras_cv_course.faces import MobileFaceNet


@pytest.mark.usefixtures("weightless")
def test_is_that_of_the_paper():
    network = MobileFaceNet()
    # Table 1: the sizes of the maps; the text: 0.99 million parameters, 221 million mult-adds.
    sizes = {
        "stem_activation": (56, 56, 64),
        "stem_depthwise_activation": (56, 56, 64),
        "stage1_block5_add": (28, 28, 64),
        "stage2_block1_project_bn": (14, 14, 128),
        "stage3_block6_add": (14, 14, 128),
        "stage4_block1_project_bn": (7, 7, 128),
        "stage5_block2_add": (7, 7, 128),
        "top_activation": (7, 7, 512),
        "top_depthwise_bn": (1, 1, 512),
        "projection_bn": (1, 1, 128),
    }
    shapes = {name: network.get_layer(name).output.shape[1:] for name in sizes}
    assert shapes == sizes
    kernels = [w for layer in network.layers for w in layer.weights if "kernel" in w.name]
    assert sum(np.prod(w.shape) for w in kernels) == 976_000  # the table, by hand
    figures = complexity(network)
    assert figures.trainable_parameters == 1_003_136  # with slopes and batch norm
    assert round(figures.mult_adds / 1e6) == 221


def test_vectors_have_length_1(rng, unsettle):
    network = unsettle(MobileFaceNet((32, 48, 1), embedding_dim=16))
    vectors = network(rng.uniform(-1, 1, (2, 32, 48, 1)).astype("float32"))
    assert vectors.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    assert network.get_layer("stem_bn").momentum == 0.99
    assert isinstance(network.layers[-1], keras.layers.Activation)


@pytest.mark.parametrize("shape", [(100, 112, 3), (112, None, 3), (112, 112), (0, 16, 1)])
def test_size_is_a_multiple_of_16(shape):
    with pytest.raises(ValueError, match=r"height and width known multiples of 16"):
        MobileFaceNet(shape)


def test_other_arguments():
    with pytest.raises(ValueError, match=r"`embedding_dim` must be a whole number above 0"):
        MobileFaceNet(embedding_dim=0)
    with pytest.raises(ValueError, match=r"`batch_norm_momentum` must be at least 0"):
        MobileFaceNet(batch_norm_momentum=1.0)
