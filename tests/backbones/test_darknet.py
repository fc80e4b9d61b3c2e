import keras
import pytest

from keras_cv_course import Darknet19, Darknet53, feature_maps

pytestmark = pytest.mark.usefixtures("weightless")


@pytest.mark.parametrize(
    ("builder", "channels", "convolutions"),
    [(Darknet19, (256, 512, 1024), 18), (Darknet53, (256, 512, 1024), 52)],
)
def test_maps_and_convolutions(builder, channels, convolutions):
    model = builder((416, 416, 3), include_top=False)
    maps = feature_maps(model).output
    expected = [(None, size, size, c) for size, c in zip((52, 26, 13), channels, strict=True)]
    assert [maps[level].shape for level in ("P3", "P4", "P5")] == expected
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(layers) == convolutions
    assert not any(layer.use_bias for layer in layers)
    slopes = [x.negative_slope for x in model.layers if isinstance(x, keras.layers.LeakyReLU)]
    assert slopes == pytest.approx([0.1] * convolutions)


def test_darknet53_adds_23_residuals():
    model = Darknet53((64, 64, 3), include_top=False)
    assert sum(isinstance(layer, keras.layers.Add) for layer in model.layers) == 23


def test_imagenet_weights_are_not_to_be_had():
    with pytest.raises(ValueError, match=r"keras.applications has no Darknet"):
        Darknet19((64, 64, 3), weights="imagenet")
