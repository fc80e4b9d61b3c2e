import numpy as np
import pytest
from matplotlib import get_backend
from PIL import Image

from keras_cv_course.training import evaluate_classifier, plot_confusion, plot_results

TABLE = """epoch,accuracy,learning_rate,loss,val_accuracy,val_loss
0,0.2,0.01,2.0,0.3,1.9
1,0.6,0.005,1.0,0.7,0.9
"""


def confusion(classes):
    scores = np.roll(np.eye(classes), 1, axis=0)
    names = [f"class {i}" for i in range(classes)]
    report = evaluate_classifier(lambda x: x, [(scores, np.arange(classes))], names)
    return np.array(report.confusion), report.class_names


def test_images_are_written_and_leave_matplotlib_as_it_was(tmp_path):
    (tmp_path / "results.csv").write_text(TABLE)
    before = get_backend(auto_select=False)
    plot_results(tmp_path / "results.csv", tmp_path / "results.png")
    plot_confusion(*confusion(4), tmp_path / "confusion.png")
    assert get_backend(auto_select=False) == before
    for name in ("results.png", "confusion.png"):
        with Image.open(tmp_path / name) as image:
            pixels = np.asarray(image.convert("RGB"))
        assert min(pixels.shape[:2]) > 300
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    assert len(list(tmp_path.iterdir())) == 3


def test_the_colour_is_the_share_of_the_true_class(tmp_path):
    plot_confusion(*confusion(40), tmp_path / "many.png")
    with Image.open(tmp_path / "many.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    # 40 cells of the darkest blue, and no counts over them.
    darkest = np.abs(pixels - (8, 48, 107)).sum(-1) < 8
    assert 0.01 < darkest.mean() < 0.05


def test_a_table_without_epochs_is_refused(tmp_path):
    (tmp_path / "results.csv").write_text("epoch,loss\n")
    with pytest.raises(ValueError, match="no epoch to plot"):
        plot_results(tmp_path / "results.csv", tmp_path / "results.png")
    assert not (tmp_path / "results.png").exists()
    (tmp_path / "results.csv").write_text("epoch,val_accuracy,loss\n1,0.5,1\n")
    with pytest.raises(ValueError, match=r"results\.csv must have a column 'val_loss'"):
        plot_results(tmp_path / "results.csv", tmp_path / "results.png")
