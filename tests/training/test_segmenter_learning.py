import pytest


@pytest.mark.full
def test_the_demo_learns_drawn_shapes(keras_cv_course, tmp_path):
    report = keras_cv_course("demo", "segment", "--project", tmp_path, "--json").json
    assert report["mean_iou"] > 0.9
    plain, integer = report["exported"]
    assert plain["mean_iou"] == pytest.approx(report["mean_iou"], abs=1e-3)
    assert integer["mean_iou"] == pytest.approx(report["mean_iou"], abs=0.01)
