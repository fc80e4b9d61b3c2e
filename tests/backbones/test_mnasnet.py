import keras
import pytest

from keras_cv_course import MnasNet, complexity, feature_maps, models
from keras_cv_course.backbones.mnasnet import MNASNET_A1

# torchvision's `num_params`, and billions of multiply-adds at 224 pixels.
B1 = {
    0.5: (2_218_512, 0.104),
    0.75: (3_170_208, 0.215),
    1.0: (4_383_312, 0.314),
    1.3: (6_282_256, 0.526),
}


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("alpha", B1)
def test_counts_are_torchvisions(alpha):
    parameters, billions = B1[alpha]
    counts = complexity(models.MnasNetB1(alpha=alpha))
    assert counts.trainable_parameters == parameters
    assert counts.mult_adds / 1e9 == pytest.approx(billions, abs=6e-4)


@pytest.mark.usefixtures("weightless")
def test_a1_counts_what_the_paper_prints():
    """Table 1, arXiv:1807.11626: 3.9 million parameters, 312 million multiply-adds."""
    counts = complexity(models.MnasNetA1())
    assert (counts.trainable_parameters, counts.mult_adds) == (3_887_038, 311_579_072)


@pytest.mark.usefixtures("weightless")
def test_which_blocks_squeeze_and_where_maps_shrink():
    model = MnasNet((224, 224, 3), MNASNET_A1, include_top=False)
    squeezed = {x.name[:6] for x in model.layers if x.name.endswith("_se_pool")}
    assert squeezed == {"stage3", "stage5", "stage6"}
    maps = feature_maps(model, ("P1", "P2", "P3", "P4", "P5")).output
    assert [tuple(x.shape[1:]) for x in maps.values()] == [
        (112, 112, 16), (56, 56, 24), (28, 28, 40), (14, 14, 112), (7, 7, 320),
    ]  # fmt: skip
    sums = [layer for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert len(sums) == sum(row.repeats - 1 for row in MNASNET_A1)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="`alpha` must be a number above 0"):
        models.MnasNetB1(alpha=0)
    with pytest.raises(ValueError, match=r"keras\.applications has no MnasNet"):
        models.MnasNetA1(weights="imagenet")
