import numpy as np
import pytest

import keras_cv_course
from keras_cv_course import EfficientNetLite0, compound_scaling
from keras_cv_course.backbones.efficientnet_lite import EfficientNetLite


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("variant", "trainable", "size_px", "dropout_rate"),
    [
        (0, 4_652_008, 224, 0.2),
        (1, 5_416_680, 240, 0.2),
        (2, 6_092_072, 260, 0.3),
        (3, 8_197_096, 280, 0.3),
        (4, 13_006_568, 300, 0.3),
    ],
)
def test_published_variants(variant, trainable, size_px, dropout_rate):
    model = getattr(keras_cv_course, f"EfficientNetLite{variant}")()
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == trainable
    assert model.input_shape == (None, size_px, size_px, 3)
    assert model.get_layer("top_dropout").rate == dropout_rate


@pytest.mark.usefixtures("weightless")
def test_only_what_small_hardware_is_fast_at():
    model = EfficientNetLite0((32, 32, 3))
    kinds = {type(layer).__name__ for layer in model.layers}
    assert not kinds & {"Multiply", "Rescaling", "Normalization", "ZeroPadding2D"}
    relus = [layer for layer in model.layers if type(layer).__name__ == "ReLU"]
    assert {relu.max_value for relu in relus} == {6.0}


@pytest.mark.usefixtures("weightless")
def test_the_ends_are_not_scaled():
    model = EfficientNetLite((32, 32, 3), compound_scaling(4))
    assert model.get_layer("stem_conv").filters == 32
    assert model.get_layer("top_conv").filters == 1280
    names = [layer.name for layer in model.layers]
    assert "stage1_block2_depthwise_conv" not in names
    assert "stage7_block2_depthwise_conv" not in names
    assert "stage2_block5_depthwise_conv" in names


def test_there_are_no_imagenet_weights():
    with pytest.raises(ValueError, match="has no EfficientNet-Lite"):
        EfficientNetLite0((32, 32, 3), weights="imagenet")
