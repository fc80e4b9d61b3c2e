import keras
import numpy as np
import pytest
from PIL import Image

from keras_cv_course.data import People
from keras_cv_course.networks.specs import with_spec
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks import get_task
from keras_cv_course.tasks.base import Samples
from keras_cv_course.tasks.verification_args import Args
from keras_cv_course.training.recipe import Recipe

TASK = get_task("verify")
SHAPE = (4, 4, 3)


def mean_colour(**facts):
    """An encoder that gives the mean colour of an image, seen from grey, and its predictor."""
    image = keras.Input(SHAPE)
    x = keras.layers.GlobalAveragePooling2D(name="embedding")(image)
    model = with_spec(keras.Model(image, x), task="verify", facts=facts)
    spec = ModelSpec("verify", None, (-1.0, 1.0), "crop", facts=facts)
    return TASK.predictor(model, spec, SHAPE, TASK.Predict())


def test_vectors_have_length_1_and_images_are_cropped_as_in_training():
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:6, 2:6] = [255, 0, 0]
    embedding = mean_colour(crop=0.5)(image).embedding
    np.testing.assert_allclose(embedding, np.float32([1, -1, -1]) / np.sqrt(3), atol=1e-6)
    whole = mean_colour()(image).embedding
    expected = np.float32([-0.5, -1, -1])  # a quarter is red
    np.testing.assert_allclose(whole, expected / np.linalg.norm(expected), atol=1e-6)


def test_the_mirrored_image_is_embedded_where_the_model_was_measured_so(rng):
    image = keras.Input(SHAPE)
    model = keras.Model(image, keras.layers.Flatten(name="embedding")(image))
    pixels = rng.integers(0, 255, SHAPE, np.uint8)
    spec = ModelSpec("verify", None, (-1.0, 1.0), "crop", facts={"mirrored": True})
    predictor = TASK.predictor(model, spec, SHAPE, TASK.Predict())
    a, b = predictor(pixels), predictor(pixels[:, ::-1].copy())
    assert a.similarity(b) == pytest.approx(
        float(a.embedding.reshape(SHAPE)[:, ::-1].ravel() @ a.embedding), abs=1e-6
    )
    np.testing.assert_allclose(b.embedding, a.embedding, atol=1e-6)


def test_pairs_of_people_are_measured_and_a_threshold_is_chosen(rng):
    colours = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1)]) * 200
    labels = np.repeat(np.arange(3, dtype=np.int32), 4)
    noise = rng.integers(0, 40, (12, 6, 6, 3))
    people = People((colours[labels][:, None, None] + noise).astype(np.uint8), labels, tuple("abc"))
    evaluation = TASK.evaluate(mean_colour(), Samples("val", people))
    assert (
        evaluation.metrics["eer"],
        evaluation.metrics["auc"],
        evaluation.metrics["accuracy"],
    ) == (0, 1, 1)
    assert "TAR@0.001" not in evaluation.metrics  # 48 pairs of two are too few
    # One in 48 may be accepted, so that the threshold is at most the most alike of them.
    assert evaluation.facts["false_accept_rate"] == pytest.approx(1 / 48)
    assert -0.5 < evaluation.facts["threshold"] < 0.5
    assert TASK.limited(Samples("val", people), 4).content.names == ("a", "b")


def test_networks_and_their_sizes():
    assert (Args().model, Args().input_shape) == ("siamese_encoder", (28, 28, 1))
    people = Args(data="people")
    assert (people.model, people.input_shape, people.grid) == ("face_encoder", (160, 160, 3), 5)
    assert Args(data="people", backbone="mobilenet_v3_small").input_range == (0.0, 255.0)
    assert Args.default_recipe("digits").flip is False
    assert Args.default_recipe("people").flip is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 8}, "`batch` has no meaning for this task"),
        ({"recipe": Recipe(mixup=0.2)}, "`mixup` has no meaning for this task"),
        ({"weights": "imagenet"}, "`weights` is of face_encoder. Received: 'imagenet' with"),
        ({"model": "face_encoder", "imgsz": 50}, "`imgsz` must be a multiple of 32"),
        ({"held_out": 1.0}, "`held_out` must be above 0 and below 1"),
        ({"crop": 0.0}, "`crop` must be at least 0.001 and at most 1"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        Args(**options)


def test_too_few_people_are_refused():
    with pytest.raises(ValueError, match=r"`held_out` must leave at least two people on each side"):
        TASK.open(Args(held_out=0.1))


def test_nobody_is_on_both_sides_and_what_cannot_be_read_is_reported(tmp_path, rng):
    for name in "abcdef":
        for i in range(3):
            (tmp_path / name).mkdir(exist_ok=True)
            pixels = rng.integers(0, 255, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    (tmp_path / "a" / "broken.png").write_bytes(b"no image")
    data = TASK.open(Args(data=str(tmp_path), model="mobile_face_net", held_out=0.4))
    assert (len(data.train.names), len(data.val.names)) == (4, 2)
    assert not set(data.train.names) & set(data.val.names)
    assert [path.endswith("a/broken.png") for path in data.skipped] == [True]
    assert [len(files) for files in data.split_files.values()] == [12, 6]
    assert TASK.open(Args()).split_files == {}


def test_arguments_of_an_older_run_are_read():
    args = Args("digits", images_per_person=3)
    old = args.to_yaml()
    old["pictures_per_person"] = old.pop("images_per_person")
    assert Args.from_yaml(old) == args
