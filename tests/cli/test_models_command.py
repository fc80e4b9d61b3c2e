import pytest

from keras_cv_course.registry import MODELS


def test_figures_are_those_of_the_built_network(keras_cv_course):
    rows = keras_cv_course("models", "--name", "mobilenet_v2", "--json").json
    assert rows == [
        {
            "name": "mobilenet_v2",
            "builder": "MobileNetV2",
            "kind": "classifier",
            "size_px": 224,
            "input_range": [-1.0, 1.0],
            # keras.applications.MobileNetV2().count_params(), and 300 million in the paper.
            "parameters": 3538984,
            "trainable_parameters": 3504872,
            "mult_adds": 300774272,
            "peak_activation_bytes": 6021120,
        }
    ]


def test_the_table_names_what_was_asked_for(keras_cv_course):
    result = keras_cv_course("models", "--kind", "classifier", "--name", "mobilenet_v3")
    assert result.code == 0
    assert "2 models" in result.out
    assert "mobilenet_v3_small" in result.out
    assert "2,554,968" in result.out
    assert "57 M" in result.out
    assert "efficientnet" not in result.out


@pytest.mark.slow
def test_all_of_a_kind_are_listed(keras_cv_course):
    rows = keras_cv_course("models", "--kind", "detector", "--json").json
    detectors = [name for name, entry in MODELS.items() if entry.kind == "detector"]
    assert [row["name"] for row in rows] == detectors
