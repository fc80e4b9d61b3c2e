import pytest

from keras_cv_course.names import Place, block_name, is_layer_name, parse, split_number


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("stem_conv", Place("stem", "conv")),
        ("stage3_block2_expand_conv", Place("stage3_block2", "expand_conv", 3, 2)),
        ("stage12_block10_branch1_conv", Place("stage12_block10", "branch1_conv", 12, 10)),
        ("top_hidden_conv", Place("top", "hidden_conv")),
        ("logits", Place("logits", "")),
        ("logits_flat", Place("logits", "flat")),
    ],
)
def test_places(name, place):
    assert parse(name) == place
    assert is_layer_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "image", "predictions", "stemming", "topological_conv", "conv2d_1", "stage0_block1"],
)
def test_other_names_state_no_place(name):
    assert parse(name) is None


def test_what_layers_of_a_classifier_may_be_called():
    assert is_layer_name("image")
    assert is_layer_name("predictions")
    for name in ("stem", "stage1_block1", "stage1_conv", "stem_Conv", "stem__conv", "stem_", "x"):
        assert not is_layer_name(name), name


def test_names_that_are_made_can_be_read():
    assert block_name(3, 12) == "stage3_block12"
    assert parse(f"{block_name(3, 12)}_add") == Place("stage3_block12", "add", 3, 12)


def test_numbers_of_repeated_names():
    assert split_number("conv2d_12") == ("conv2d", 12)
    assert split_number("conv2d") == ("conv2d", 0)
    assert split_number("stage1_block1_conv") == ("stage1_block1_conv", 0)
