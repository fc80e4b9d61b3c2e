"""Parameters and multiply-adds of detectors, as published or counted from Darknet's .cfg files."""

import keras
import pytest

from keras_cv_course import build_model, complexity

pytestmark = pytest.mark.usefixtures("weightless")

# Name, options, all parameters, trainable ones, billions of multiply-adds.
FIGURES = [
    ("yolo_v1", {}, 271_703_550, 271_703_550, 20.285),
    ("yolo_v1_tiny", {}, 27_099_950, 27_095_374, 1.608),
    ("yolo_v2", {}, 50_983_561, 50_962_889, 14.732),
    ("yolo_v2", {"classes": 20}, 50_676_061, 50_655_389, 14.680),
    ("yolo_v2_tiny", {}, 15_867_885, 15_861_773, 3.486),
    ("yolo_v2_tiny", {"classes": 80, "filters": 512}, 11_237_145, 11_232_057, 2.703),
    ("yolo_v3", {}, 62_001_757, 61_949_149, 32.932),
    ("yolo_v3", {"classes": 20}, 61_678_657, 61_626_049, 32.714),
    ("yolo_v3", {"spp": True, "input_shape": (608, 608, 3)}, 63_052_381, 62_998_749, 70.724),
    ("yolo_v3_tiny", {}, 8_858_734, 8_852_366, 2.782),
    ("ssd300", {}, 26_285_486, 26_285_486, 31.374),
    ("ssd300", {"classes": 80}, 34_305_206, 34_305_206, 34.360),
    ("ssd300", {"classes": 90}, 35_641_826, 35_641_826, 34.858),
    ("darknet53", {}, 41_645_640, 41_609_928, 7.109),
]
BOXES = {"ssd300": 8732, "yolo_v1": 98, "yolo_v2": 845, "yolo_v3": 10647, "yolo_v3_tiny": 2535}
# Of the factors behind SSD300's normalization, which the published figure leaves out.
NORM_MULT_ADDS = 38 * 38 * 512


@pytest.mark.parametrize(
    ("name", "options", "total", "trained", "billions"),
    [
        pytest.param(*row, marks=pytest.mark.slow if row[1] or row[0] == "yolo_v1" else ())
        for row in FIGURES
    ],
)
def test_published_figures(name, options, total, trained, billions):
    model = build_model(name, **options)
    figures = complexity(model)
    assert (figures.parameters, figures.trainable_parameters) == (total, trained)
    mult_adds = figures.mult_adds - (NORM_MULT_ADDS if name == "ssd300" else 0)
    assert mult_adds / 1e9 == pytest.approx(billions, abs=0.00051)
    if not options and name in BOXES:
        assert model.output["boxes"].shape == (None, BOXES[name], 4)


def test_darknet19_scores_the_mean_where_darknet_takes_the_mean_of_the_scores():
    figures = complexity(build_model("darknet19"))
    assert (figures.parameters, figures.trainable_parameters) == (20_856_776, 20_842_376)
    at_every_position = figures.mult_adds + (7 * 7 - 1) * 1024 * 1000
    assert at_every_position / 1e9 == pytest.approx(2.791, abs=0.0005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "billions"),
    [("yolo_v2", 608, 31.469), ("yolo_v3", 320, 19.486), ("yolo_v3", 608, 70.346)],
)
def test_yolo_at_other_sizes(name, size, billions):
    figures = complexity(build_model(name, input_shape=(size, size, 3)))
    assert figures.mult_adds / 1e9 == pytest.approx(billions, abs=0.0005)


@pytest.mark.parametrize(("name", "billions"), [("darknet19", 3.645), ("darknet53", 9.285)])
def test_darknets_at_256(name, billions):
    """As YOLO9000's and YOLOv3's tables of speed have them."""
    figures = complexity(build_model(name, input_shape=(256, 256, 3)))
    # Darknet-19 scores each of 8 x 8 positions, here their mean is scored.
    positions = 8 * 8 if name == "darknet19" else 1
    mult_adds = figures.mult_adds + (positions - 1) * 1024 * 1000
    assert mult_adds / 1e9 == pytest.approx(billions, abs=0.0005)


def test_yolo_v1_has_7x7_cells_of_5b_and_c_numbers():
    """B = 3 boxes as on the slide of base boxes: 7 x 7 x (15 + C)."""
    model = build_model("yolo_v1_tiny", classes=20, boxes_per_cell=3)
    shapes = {key: y.shape[1:] for key, y in model.output.items()}
    assert shapes == {"boxes": (147, 4), "objectness": (147, 1), "classes": (147, 20)}
    layers = [model.get_layer(f"{name}_dense") for name in ("boxes", "objectness", "classes")]
    assert sum(layer.units for layer in layers) == 7 * 7 * (5 * 3 + 20)


@pytest.mark.parametrize(
    ("name", "boxes"), [("ssdlite", 3234), ("retinanet", 19_206), ("yolo", 6300)]
)
def test_boxes_on_mobilenet_v2(name, boxes):
    assert build_model(name).output["boxes"].shape == (None, boxes, 4)


def test_ssdlite_on_mobilenet_v3_is_torchvisions():
    """torchvision's SSDLite320_MobileNet_V3_Large: 3,440,060 parameters, 0.583 billion."""
    body = build_model(
        "mobilenet_v3_large", input_shape=(320, 320, 3), include_top=False, reduced_tail=True
    )
    figures = complexity(build_model("ssdlite", backbone=body, classes=90))
    assert figures.trainable_parameters == 3_440_060
    assert figures.mult_adds / 1e9 == pytest.approx(0.583, abs=0.0005)


def test_pyramid_and_towers_are_those_of_torchvisions_retinanet():
    from keras_cv_course.heads.retinanet import retinanet_head
    from keras_cv_course.necks.fpn import fpn

    def parameters(inputs, outputs):
        return keras.Model(list(inputs.values()), list(outputs.values())).count_params()

    def maps(levels):
        channels = {"P2": 256, "P3": 512, "P4": 1024, "P5": 2048}  # of a ResNet-50
        return {n: keras.Input((2 ** (7 - int(n[1])),) * 2 + (channels[n],)) for n in levels}

    inputs = maps(("P2", "P3", "P4", "P5"))
    assert parameters(inputs, fpn(inputs)) == 3_344_384
    inputs = maps(("P3", "P4", "P5"))
    pyramid = fpn(inputs, more=("P6", "P7"))
    whole = parameters(inputs, retinanet_head(pyramid, 9, 91))
    # torchvision's RetinaNet with 91 classes, without the convolutions of ResNet-50.
    assert whole == 34_014_999 - 23_454_912
    assert whole - parameters(inputs, pyramid) == 6_691_415


def test_localizers_heads_are_those_of_the_lecture():
    """Dense layers from 4096 to 1000 classes, and to 4 numbers of a box."""
    image = keras.Input((8, 8, 3))
    vector = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4096, 1)(image))
    model = build_model("localizer", backbone=keras.Model(image, vector), classes=1000)
    assert model.get_layer("classes").count_params() == 4_097_000
    assert model.get_layer("boxes").count_params() == 16_388
    assert model.get_layer("objectness").count_params() == 4_097
