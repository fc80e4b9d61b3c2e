import matplotlib.image
import numpy as np
import pytest

from keras_cv_course.faces import verification_report
from keras_cv_course.training import plot_verification


def test_image_shows_curves_and_threshold(tmp_path, rng):
    same = np.repeat([1, 0], 200)
    reports = {
        name: verification_report(np.tanh(rng.normal(apart * same, 1) / 3), same)
        for name, apart in (("float", 3.0), ("int8", 2.5))
    }
    images = []
    for threshold in (None, 0.4):
        plot_verification(reports, tmp_path / "roc.png", threshold)
        images.append(matplotlib.image.imread(tmp_path / "roc.png"))
    assert images[0].shape == images[1].shape == (504, 1200, 4)
    assert images[0][..., :3].std() > 0.05  # something is drawn
    assert np.any(images[0] != images[1])
    assert [path.name for path in tmp_path.iterdir()] == ["roc.png"]


def test_needs_a_report(tmp_path):
    with pytest.raises(ValueError, match=r"`reports` must hold at least one report"):
        plot_verification({}, tmp_path / "roc.png")
