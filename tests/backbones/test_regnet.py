import pytest

from keras_cv_course import RegNet, complexity, models
from keras_cv_course.backbones.regnet import REGNET_X, REGNET_Y, Design, regnet_rows

# Trainable parameters, which timm's agree with to two decimals, and the paper's widths and depths.
X = {
    2: (2_684_792, (24, 56, 152, 368), (1, 1, 4, 7)),
    4: (5_157_512, (32, 64, 160, 384), (1, 2, 7, 12)),
    6: (6_196_040, (48, 96, 240, 528), (1, 3, 5, 7)),
    8: (7_259_656, (64, 128, 288, 672), (1, 3, 7, 5)),
    16: (9_190_136, (72, 168, 408, 912), (2, 4, 10, 2)),
    32: (15_296_552, (96, 192, 432, 1008), (2, 6, 15, 2)),
    40: (22_118_248, (80, 240, 560, 1360), (2, 5, 14, 2)),
    64: (26_209_256, (168, 392, 784, 1624), (2, 4, 10, 1)),
    80: (39_572_648, (80, 240, 720, 1920), (2, 5, 15, 1)),
    120: (46_106_056, (224, 448, 896, 2240), (2, 5, 11, 1)),
    160: (54_278_536, (256, 512, 896, 2048), (2, 6, 13, 1)),
    320: (107_811_560, (336, 672, 1344, 2520), (2, 7, 13, 1)),
}
Y = {
    2: (3_162_996, (24, 56, 152, 368), (1, 1, 4, 7)),
    4: (4_344_144, (48, 104, 208, 440), (1, 3, 6, 6)),
    6: (6_055_160, (48, 112, 256, 608), (1, 3, 7, 4)),
    8: (6_263_168, (64, 128, 320, 768), (1, 3, 8, 2)),
    16: (11_202_430, (48, 120, 336, 888), (2, 6, 17, 2)),
    32: (19_436_338, (72, 216, 576, 1512), (2, 5, 13, 1)),
    40: (20_646_656, (128, 192, 512, 1088), (2, 6, 12, 2)),
    64: (30_583_252, (144, 288, 576, 1296), (2, 7, 14, 2)),
    80: (39_180_068, (168, 448, 896, 2016), (2, 4, 10, 1)),
    120: (51_822_544, (224, 448, 896, 2240), (2, 5, 11, 1)),
    160: (83_590_140, (224, 448, 1232, 3024), (2, 4, 11, 1)),
    320: (145_046_770, (232, 696, 1392, 3712), (2, 5, 12, 1)),
}
PAPER = [("X", n, *figures) for n, figures in X.items()]
PAPER += [("Y", n, *figures) for n, figures in Y.items()]
# torchvision's `num_params`, where its rounding makes another network.
TORCHVISION = {"RegNetX004": 5_495_976, "RegNetY008": 6_432_512, "RegNetY080": 39_381_472}


@pytest.mark.parametrize(("family", "n", "parameters", "widths", "depths"), PAPER)
def test_rows_are_the_papers(family, n, parameters, widths, depths):
    rows = regnet_rows({"X": REGNET_X, "Y": REGNET_Y}[family][n])
    assert tuple(row.filters for row in rows) == widths
    assert tuple(row.repeats for row in rows) == depths
    assert all(row.strides == 2 for row in rows)
    assert all(row.squeeze == (family == "Y") for row in rows)


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("family", "n", "parameters"),
    [pytest.param(*row[:3], marks=pytest.mark.slow if row[1] > 4 else ()) for row in PAPER],
)
def test_counts(family, n, parameters):
    model = getattr(models, f"RegNet{family}{n:03}")()
    assert complexity(model).trainable_parameters == parameters


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_rounding(name):
    model = getattr(models, name)(torchvision_rounding=True)
    assert complexity(model).trainable_parameters == TORCHVISION[name]


@pytest.mark.usefixtures("weightless")
def test_multiply_adds():
    """Table 8, arXiv:2003.13678: 400 million; 402 million in torchvision for Y."""
    assert complexity(models.RegNetX004()).mult_adds == 397_677_568
    assert complexity(models.RegNetY004()).mult_adds / 1e9 == pytest.approx(0.402, abs=5e-4)


@pytest.mark.usefixtures("weightless")
def test_squeezes_a_quarter_of_the_blocks_input():
    model = RegNet((64, 64, 3), Design(4, 16, 8.0, 2.0, 8, True))
    assert model.get_layer("stage1_block1_se_reduce_conv").filters == 32 // 4
    assert model.get_layer("stage2_block1_se_reduce_conv").filters == 16 // 4


def test_bad_designs_are_refused():
    with pytest.raises(ValueError, match="`factor` must be above 1"):
        Design(4, 16, 8.0, 1.0, 8)
    with pytest.raises(ValueError, match="`slope` must be a number above 0"):
        Design(4, 16, 0.0, 2.0, 8)
    with pytest.raises(ValueError, match=r"keras\.applications has no RegNet"):
        models.RegNetX002(weights="imagenet")
