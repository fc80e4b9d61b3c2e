import keras
import numpy as np
import pytest

from keras_cv_course.faces import FaceVerifier, Verification, choose_threshold
from keras_cv_course.faces.verification import embed_unit
from keras_cv_course.tflite import TFLiteModel, convert


def rows_and_columns(images):
    """The first pixel of the image, and the one right of it."""
    return 3.0 * images[:, 0, :2, 0]


def image(*pixels):
    array = np.zeros((2, 2, 1), "float32")
    array[0, : len(pixels), 0] = pixels
    return array


def test_verify_by_hand():
    verifier = FaceVerifier(rows_and_columns, threshold=0.6)
    verification = verifier.verify(image(1, 0), image(9, 12))
    assert verification == Verification(pytest.approx(0.6), 0.6, verification.same)
    assert not verifier.verify(image(1, 0), image(8, 12)).same
    assert verifier.verify(image(1, 0), image(10, 12)).same
    # A vector of zeros is like nothing.
    assert verifier.verify(image(0), image(0)).similarity == 0.0
    assert set(verification.to_dict()) == {"similarity", "threshold", "same"}


def test_at_the_threshold_it_is_the_same():
    assert FaceVerifier(rows_and_columns, threshold=1.0).verify(image(1), image(2)).same
    assert FaceVerifier(rows_and_columns, -1.0).verify(image(1), image(-1)).same


def test_mirrored_adds_what_the_mirror_shows():
    verifier = FaceVerifier(rows_and_columns, 0.5, mirrored=True)
    assert verifier.verify(image(1, 0), image(0, 7)).similarity == pytest.approx(1.0)


def test_batches_give_what_images_alone_give(rng):
    a, b = rng.normal(size=(2, 130, 4, 4, 1)).astype("float32")
    sizes = []

    def embed(images):
        sizes.append(len(images))
        return images.reshape(len(images), -1)

    verifier = FaceVerifier(embed, 0.0)
    similarities = verifier.similarity(a, b)
    assert max(sizes) == 64
    alone = [verifier.verify(x, y).similarity for x, y in zip(a[-3:], b[-3:], strict=True)]
    np.testing.assert_allclose(similarities[-3:], alone, rtol=1e-6)


def test_keras_model_and_its_file_work_alike(tmp_path, rng):
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Dense(5)(keras.layers.Flatten()(image)))
    file = TFLiteModel(convert(model, tmp_path / "encoder.tflite", "none").path)
    a, b = rng.normal(size=(2, 3, 4, 4, 1)).astype("float32")
    similarities = FaceVerifier(file, 0.0).similarity(a, b)
    for embed in (model, model.predict_on_batch):
        np.testing.assert_allclose(
            FaceVerifier(embed, 0.0).similarity(a, b), similarities, atol=1e-6
        )


def test_choose_threshold_by_hand():
    impostors = np.array([0.9, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, -0.1, -0.2, -0.3])
    similarity = np.append(impostors, [0.95, 0.45])
    same = np.append(np.zeros(10), [1, 1])
    for rate, accepted in ((0.1, 1), (0.19, 1), (0.2, 2), (0.5, 5), (0.99, 9)):
        threshold = choose_threshold(similarity, same, rate)
        assert np.sum(impostors >= threshold) == accepted
        assert threshold > impostors[accepted]
    with pytest.raises(ValueError, match=r"Received: 0.09 for 10 such pairs"):
        choose_threshold(similarity, same, 0.09)


def test_equal_similarities_are_accepted_all_or_none():
    same = np.array([0, 0, 0, 0, 1])
    threshold = choose_threshold(np.array([0.5, 0.5, 0.5, 0.5, 0.9]), same, 0.5)
    assert threshold > 0.5


def test_threshold_of_a_whole_kind_is_a_cosine():
    same = np.array([0, 0, 1])
    assert choose_threshold(np.array([1.0, 1.0, 1.0]), same, 0.5) == 1.0


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_rate_is_between_0_and_1(rate):
    with pytest.raises(ValueError, match=r"`false_accept_rate` must be above 0 and below 1"):
        choose_threshold(np.zeros(2), np.array([0, 1]), rate)


def test_arguments():
    with pytest.raises(TypeError, match=r"`embed` must be a function .* Received: str"):
        FaceVerifier("encoder.tflite", 0.5)
    with pytest.raises(ValueError, match=r"`threshold` must be a cosine.* Received: 1.5"):
        FaceVerifier(rows_and_columns, 1.5)
    with pytest.raises(ValueError, match=r"`threshold` must be a cosine.* Received: nan"):
        FaceVerifier(rows_and_columns, float("nan"))
    verifier = FaceVerifier(rows_and_columns, 0.5)
    with pytest.raises(ValueError, match=r"An image must be .* Received: \(1, 2, 2, 1\)"):
        verifier.verify(image(1)[None], image(1))
    with pytest.raises(ValueError, match=r"must have one shape. Received: \(1, 2, 2, 1\) and"):
        verifier.verify(image(1), np.zeros((3, 2, 1)))
    with pytest.raises(ValueError, match=r"`images` must be at least one image"):
        embed_unit(rows_and_columns, np.zeros((0, 2, 2, 1)))
    with pytest.raises(ValueError, match=r"`embed` must return a vector for each image"):
        embed_unit(lambda images: images, np.zeros((2, 2, 2, 1)))


@pytest.mark.parametrize(
    ("similarity", "same", "problem"),
    [
        ([0.1, 0.2], [1], "as many numbers"),
        ([[0.1]], [[1]], "as many numbers"),
        ([0.1, np.nan], [1, 0], "must be finite"),
        ([0.1, 0.2], [1, 1], "some of each"),
        ([0.1, 0.2, 0.3], [0, 1, 2], "some of each"),
    ],
)
def test_pairs(similarity, same, problem):
    with pytest.raises(ValueError, match=problem):
        choose_threshold(np.array(similarity), np.array(same), 0.5)
