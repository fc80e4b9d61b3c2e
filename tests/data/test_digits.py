import numpy as np
import pytest
from sklearn.datasets import load_digits

from keras_cv_course.data import as_arrays, digits


def test_every_digit_is_in_one_split_in_equal_shares():
    data = digits((8, 8, 1), (0.0, 16.0))
    splits = [as_arrays(split) for split in (data.train, data.val, data.test)]
    assert [len(labels) for _, labels in splits] == [1257, 180, 360]
    for _, labels in splits:
        shares = np.bincount(labels) / len(labels)
        assert shares.min() > 0.09
        assert shares.max() < 0.11
    # At 8 x 8 nothing is enlarged: the images are scikit-learn's, each once, under its label.
    images = np.concatenate([images for images, _ in splits])[..., 0]
    labels = np.concatenate([labels for _, labels in splits])
    seen = sorted((int(y), x.round(3).tobytes()) for x, y in zip(images, labels, strict=True))
    source = load_digits()
    wanted = sorted(
        (int(y), x.astype(np.float32).tobytes())
        for x, y in zip(source.images, source.target, strict=True)
    )
    assert seen == wanted


def test_images_are_enlarged_into_the_models_range():
    data = digits((32, 32, 3), (-1.0, 1.0), batch_size=16)
    images, labels = next(iter(data.val))
    assert images.shape == (16, 32, 32, 3)
    assert labels.dtype == "int32"
    images = images.numpy()
    assert images.dtype == np.float32
    assert images.min() == -1.0
    assert images.max() == 1.0
    np.testing.assert_array_equal(images[..., 0], images[..., 2])
    # Bilinear enlargement keeps the mean ink of an image, up to its border.
    small, _ = next(iter(digits((8, 8, 1), (-1.0, 1.0), batch_size=16).val))
    np.testing.assert_allclose(images.mean((1, 2, 3)), small.numpy().mean((1, 2, 3)), atol=0.03)


def test_the_seed_decides_split_and_order():
    def labels(seed):
        data = digits((8, 8, 1), seed=seed)
        return [as_arrays(split)[1].tolist() for split in (data.train, data.train, data.test)]

    first, again, other = labels(0), labels(0), labels(1)
    assert first == again
    assert first[0] != first[1]
    assert first[2] != other[2]


def test_bad_shape_is_refused():
    with pytest.raises(ValueError, match="1 channel"):
        digits((32, 32, 2))
