import numpy as np
import pytest
from PIL import Image

from keras_cv_course.predictors.segmentation import Segmentation
from keras_cv_course.tasks import get_task
from keras_cv_course.tasks.base import Samples
from keras_cv_course.tasks.segmentation_args import Args
from keras_cv_course.tasks.segmentation_data import open_masks

TASK = get_task("segment")
TRUTH = np.array([[0, 0, 1, 1], [0, 0, 1, 255]], np.uint8)
IMAGE = np.zeros((2, 4, 3), np.uint8)


class Masks:
    def __init__(self, *masks):
        self.masks = masks

    def __len__(self):
        return len(self.masks)

    def samples(self):
        return ((IMAGE, mask) for mask in self.masks)


class Says:
    """Says the same of every image."""

    def __init__(self, mask):
        self.mask = np.array(mask, np.uint8)

    def results(self, images):
        return [Segmentation(image, self.mask) for image in images]


def test_metrics_by_hand():
    predictor = Says([[0, 0, 1, 1], [0, 1, 1, 0]])
    samples = Samples("val", Masks(TRUTH, np.zeros_like(TRUTH)), ("a", "b", "c"))
    result = TASK.evaluate(predictor, samples)
    # Class a: 3 + 4 right, of 3 + 4 found, and 4 + 8 true; b: 3 right, 1 + 4 too many.
    assert result.metrics["mean_iou"] == pytest.approx((7 / 12 + 3 / 8) / 2)
    assert result.metrics["pixel_accuracy"] == pytest.approx(10 / 15)
    assert [row["name"] for row in result.details["classes"]] == ["a", "b", "c"]
    assert result.details["classes"][2]["iou"] is None
    assert ("IoU of b", "0.3750") in result.rows()
    assert ("IoU of c", "") in result.rows()
    assert result.to_dict()["images"] == 2
    other = Says(np.zeros_like(TRUTH))
    assert TASK.agreement(predictor, other, samples) == pytest.approx(4 / 8)


def test_arguments():
    assert Args().encoder == "mobilenet_v2"
    assert Args().input_range == (-1.0, 1.0)
    assert Args(model="lraspp").input_range == (0.0, 255.0)
    own = Args(backbone="none", imgsz=64, width=96, ignore=-1)
    assert (own.encoder, own.input_range) == (None, (0.0, 1.0))
    assert (own.input_shape, own.ignore_value) == ((64, 96, 3), None)
    with pytest.raises(ValueError, match=r"`backbone` must be one of None, 'none'"):
        Args(model="segnet", backbone="mobilenet_v2")
    with pytest.raises(ValueError, match=r"`loss` must be one of .*'dice'"):
        Args(loss="dise")
    with pytest.raises(ValueError, match=r"`ignore` must be from -1 to 255"):
        Args(ignore=300)
    with pytest.raises(ValueError, match=r"`mixup` has no meaning for this task"):
        Args(recipe=type(Args.recipe)(mixup=0.2))
    with pytest.raises(ValueError, match=r"`weights` is of a backbone\. Received: 'imagenet'"):
        Args(backbone="none", weights="imagenet")
    with pytest.raises(ValueError, match=r"`filters` is of a U-Net without backbone\. Received: 8"):
        Args(filters=8)
    with pytest.raises(ValueError, match=r"`alpha` is of a backbone or of SegNet"):
        Args(model="fcn8s", backbone="none", alpha=0.5)
    assert Args(model="segnet", alpha=0.25).alpha == 0.25


def write(folder, images, masks, names, value=1):
    for name in names:
        for part, array in ((images, IMAGE), (masks, np.full((2, 4), value, np.uint8))):
            path = folder / part / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)


def opened(folder, split, **options):
    return open_masks(str(folder), split, (32, 32), 255, **options)


def test_folders_with_and_without_splits(tmp_path):
    write(tmp_path / "a", "images/train", "masks/train", "xy")
    write(tmp_path / "a", "images/val", "masks/val", "z")
    assert [opened(tmp_path / "a", s).files for s in ("train", "val")] == [
        ("x.png", "y.png"),
        ("z.png",),
    ]
    write(tmp_path / "b", "test", "testannot", "q")
    assert opened(tmp_path / "b", "test").files == ("q.png",)
    write(tmp_path / "c", "images", "masks", [f"{i}" for i in range(10)])
    train, val = (opened(tmp_path / "c", split, seed=3) for split in ("train", "val"))
    assert (len(train), len(val)) == (8, 2)
    assert not set(train.files) & set(val.files)
    assert opened(tmp_path / "c", "val", seed=3).files == val.files
    with pytest.raises(ValueError, match=r"`split` must be one of 'train', 'val'"):
        opened(tmp_path / "c", "test")
    with pytest.raises(FileNotFoundError, match=r"It is in none"):
        opened(tmp_path, "train")


def test_classes_of_a_folder(tmp_path):
    write(tmp_path, "images/train", "masks/train", "x", value=7)
    (tmp_path / "classes.txt").write_text("0 sky\n7 tree\n")
    data = opened(tmp_path, "train")
    assert data.class_names == ("sky", "tree")
    assert (data[0][1] == 1).all()
    assert opened(tmp_path, "train", class_names=("sky", "tree")).class_names == ("sky", "tree")
    with pytest.raises(ValueError, match=r"must name the classes of the model, \['sky', 'sea'\]"):
        opened(tmp_path, "train", class_names=("sky", "sea"))
