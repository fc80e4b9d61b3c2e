"""People are colours here, and the encoder returns the mean colour of an image."""

import json
import sys

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.main import get_command

from keras_cv_course.networks.specs import with_spec
from keras_cv_course.tflite import convert
from keras_cv_course.tflite.metadata import EmbedderMetadata

# Corners of the cube of colours: the cosine between two, seen from grey, is -1/3, 1/3 or -1.
PEOPLE = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "cyan": (0, 1, 1),
    "magenta": (1, 0, 1),
}
IMAGES = 4
SIZE_PX = 16
COMMANDS = ["enroll", "verify", "identify", "remove", "analyze", "evaluate"]


def image(colour, rng, size_px=SIZE_PX):
    noise = rng.integers(0, 40, (size_px, size_px, 3))
    return Image.fromarray((np.array(colour) * 200 + noise).astype(np.uint8))


def encoder():
    image = keras.Input((SIZE_PX, SIZE_PX, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D(name="embedding")(x))


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A folder with a folder of images for each colour."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("people")
    for name, colour in PEOPLE.items():
        (folder / name).mkdir()
        for i in range(1, IMAGES + 1):
            image(colour, rng).save(folder / name / f"{name}_{i:04d}.jpg", quality=95)
    return folder


@pytest.fixture
def model(tmp_path):
    encoder().save(tmp_path / "encoder.keras")
    return tmp_path / "encoder.keras"


@pytest.fixture
def gallery(keras_cv_course, model, people, tmp_path):
    """A gallery of all but magenta."""
    shown = [people / name for name in PEOPLE if name != "magenta"]
    for folder in shown:
        line = ["faces", "enroll", model, folder, "--name", folder.name]
        done = keras_cv_course(*line, "--gallery", tmp_path / "people.db", "--json")
        assert done.code == 0, done.err
    return tmp_path / "people.db"


def test_people_are_enrolled_by_their_folders(keras_cv_course, model, people, tmp_path):
    (tmp_path / "more" / "grey").mkdir(parents=True)
    (tmp_path / "more" / "grey" / "broken.png").write_bytes(b"no image")
    image((1, 1, 1), np.random.default_rng(1)).save(tmp_path / "more" / "grey" / "good.png")
    line = ["faces", "enroll", model, people, tmp_path / "more"]
    done = keras_cv_course(*line, "--gallery", tmp_path / "people.db", "--json")
    assert done.code == 0, done.err
    report = done.json
    assert report["enrolled"] == {**dict.fromkeys(PEOPLE, IMAGES), "grey": 1}
    assert report["faces"] == 6 * IMAGES + 1
    (skipped,) = report["skipped"]
    assert skipped["image"].endswith("broken.png")
    assert "cannot be decoded" in skipped["reason"]


def test_a_known_and_an_unknown_person(keras_cv_course, model, people, gallery):
    images = [people / "cyan" / "cyan_0001.jpg", people / "magenta" / "magenta_0001.jpg"]
    line = ["faces", "identify", model, *images, "--gallery", gallery, "--threshold", 0.8]
    known, unknown = keras_cv_course(*line, "--top", 3, "--json").json["identified"]
    assert (known["name"], unknown["name"]) == ("cyan", None)
    assert [match["name"] for match in known["matches"]] == ["cyan"]
    assert known["nearest"]["similarity"] == pytest.approx(1, abs=0.01)
    assert unknown["matches"] == []
    assert unknown["nearest"]["name"] in ("red", "blue")
    assert unknown["nearest"]["similarity"] == pytest.approx(1 / 3, abs=0.05)
    table = keras_cv_course(*line)
    assert table.code == 0
    assert "unknown" in table.out


def test_who_is_removed_is_unknown(keras_cv_course, model, people, gallery):
    done = keras_cv_course("faces", "remove", "cyan", "red", "--gallery", gallery, "--json")
    assert done.json["removed"] == {"cyan": IMAGES, "red": IMAGES}
    assert done.json["faces"] == 3 * IMAGES
    line = ["faces", "identify", model, people / "cyan", "--gallery", gallery, "--threshold", 0.8]
    identified = keras_cv_course(*line, "--json").json["identified"]
    assert [each["name"] for each in identified] == [None] * IMAGES
    result = keras_cv_course("faces", "remove", "cyen", "--gallery", gallery)
    assert result.code == 1
    assert "must be one of" in result.err


def test_two_images(keras_cv_course, model, people):
    a, b = people / "red" / "red_0001.jpg", people / "red" / "red_0002.jpg"
    line = ["faces", "verify", model, a]
    same = keras_cv_course(*line, b, "--threshold", 0.8, "--json").json
    assert (same["same"], same["threshold"]) == (True, 0.8)
    assert same["similarity"] == pytest.approx(1, abs=0.01)
    other = people / "cyan" / "cyan_0001.jpg"
    different = keras_cv_course(*line, other, "--threshold", 0.8, "--json").json
    assert different["same"] is False
    assert different["similarity"] == pytest.approx(-1, abs=0.02)
    assert "yes" in keras_cv_course(*line, b, "--threshold", 0.8).out


def test_two_images_by_the_published_networks(keras_cv_course, model, people, monkeypatch):
    from keras_cv_course.faces import Face, FaceRecognizer, recognizer

    colours = FaceRecognizer(
        lambda chips: chips[:, 75, 75] / 255,
        lambda image: [Face((0, 0, SIZE_PX, SIZE_PX), 0.9)],
        lambda face: np.random.default_rng(0).uniform(0, 1, (1, 136)),
        threshold=0.3,
    )
    monkeypatch.setattr(recognizer, "pretrained_recognizer", {"here": colours}.__getitem__)
    red, other = people / "red" / "red_0001.jpg", people / "cyan" / "cyan_0001.jpg"
    line = ["faces", "verify", red, "--weights", "here"]
    same = keras_cv_course(*line, people / "red" / "red_0002.jpg", "--json").json
    assert (same["same"], same["threshold"]) == (True, 0.3)
    assert same["box_a"] == [0, 0, SIZE_PX, SIZE_PX]
    assert keras_cv_course(*line, other, "--json").json["same"] is False
    assert "distance" in keras_cv_course(*line, other).out
    assert keras_cv_course(*line, other, "--threshold", 1.8, "--json").json["same"] is True
    for spoiled, message in (
        ([*line, other, "--crop", 0.5], "--crop is for an encoder of yours"),
        ([*line, other, "--detector", "haar"], "--detector is for an encoder of yours"),
        (["faces", "verify", model, red, other, "--weights", "here"], "--weights is for the publ"),
        (line, "Give two images, or an encoder and two images. Received: 1"),
    ):
        failed = keras_cv_course(*spoiled)
        assert failed.code == 1
        assert message in " ".join(failed.err.split())


def test_a_tflite_file_records_its_range_and_answers_alike(keras_cv_course, people, tmp_path):
    image = keras.Input((SIZE_PX, SIZE_PX, 3), name="image")
    unscaled = keras.Model(image, keras.layers.GlobalAveragePooling2D(name="embedding")(image))
    path = tmp_path / "encoder.tflite"
    convert(unscaled, path, "none", metadata=EmbedderMetadata(), input_range=(-1.0, 1.0))
    line = [people / "red" / "red_0001.jpg", people / "yellow" / "yellow_0001.jpg"]
    report = keras_cv_course("faces", "verify", path, *line, "--threshold", 0.8, "--json").json
    assert report["similarity"] == pytest.approx(1 / 3, abs=0.05)


def test_a_detector_that_is_gone_is_said_with_where_it_is_recorded(keras_cv_course, model, people):
    (model.parent / "verification.json").write_text(
        '{"threshold": 0.5, "preparation": {"detector": "gone.onnx"}}'
    )
    line = [people / "red" / "red_0001.jpg"] * 2
    result = keras_cv_course("faces", "verify", model, *line)
    assert result.code == 1
    assert "encoder.keras was measured with a detector that cannot be opened" in result.err
    assert "no file gone.onnx" in result.err


def test_what_evaluation_chooses_the_others_use(keras_cv_course, model, people):
    done = keras_cv_course("faces", "evaluate", model, "--data", people, "--crop", 0.5, "--json")
    assert done.code == 0, done.err
    report, folder = done.json, model.parent
    images = len(PEOPLE) * IMAGES
    genuine = len(PEOPLE) * IMAGES * (IMAGES - 1) // 2
    assert report["report"]["genuine"] == genuine
    assert report["report"]["impostor"] == images * (images - 1) // 2 - genuine
    assert (report["report"]["accuracy"], report["report"]["eer"]) == (1, 0)
    assert 1 / 4 < report["threshold"] < 1
    assert report["preparation"] == {"detector": "none", "crop": 0.5, "mirrored": False}
    # Every second person is enrolled with one image.
    assert report["open_set"]["people"] == 3
    assert report["open_set"]["known"] == 3 * (IMAGES - 1)
    assert report["open_set"]["strangers"] == 3 * IMAGES
    assert report["open_set"]["closed_set_rate"] == 1
    assert json.loads((folder / "verification.json").read_text())["report"] == report["report"]
    with np.load(folder / "verification.npz") as pairs:
        assert pairs["similarity"][pairs["same"]].min() > report["threshold"]
    with Image.open(folder / "verification.png") as plot:
        assert plot.size[0] > 500

    a, b = people / "red" / "red_0001.jpg", people / "red" / "red_0002.jpg"
    answer = keras_cv_course("faces", "verify", model, a, b, "--json").json
    assert answer["threshold"] == report["threshold"]
    table = keras_cv_course("faces", "evaluate", model, "--data", people, "--far", 0.1)
    assert "EER 0.0000" in table.out
    assert "not measurable, there are too few strangers" in table.out


def test_a_file_that_carries_its_threshold_needs_no_record(keras_cv_course, people, tmp_path):
    facts = {"threshold": 0.9, "crop": 0.5, "mirrored": False}
    carrying = with_spec(encoder(), task="verify", input_range=(0.0, 255.0), facts=facts)
    carrying.save(tmp_path / "encoder.keras")
    convert(carrying, tmp_path / "encoder.tflite", "none")
    images = [people / "red" / "red_0001.jpg", people / "yellow" / "yellow_0001.jpg"]
    for name in ("encoder.keras", "encoder.tflite"):
        report = keras_cv_course("faces", "verify", tmp_path / name, *images, "--json").json
        assert (report["threshold"], report["same"]) == (0.9, False)
        assert report["similarity"] == pytest.approx(1 / 3, abs=0.05)
    line = ["faces", "evaluate", tmp_path / "encoder.tflite", "--data", people, "--json"]
    measured = keras_cv_course(*line).json
    assert measured["preparation"]["crop"] == 0.5
    again = keras_cv_course("faces", "verify", tmp_path / "encoder.keras", *images, "--json").json
    assert again["threshold"] == measured["threshold"] != 0.9  # The record outranks the file.


def test_a_list_of_pairs(keras_cv_course, model, people, tmp_path):
    pairs = [f"{name}\t1\t{i}" for name in ("red", "cyan") for i in (2, 3, 4)]
    others = [f"red\t{i}\tcyan\t{i}" for i in (1, 2, 3)] + [f"blue\t{i}\tred\t4" for i in (1, 2, 3)]
    fold = "\n".join([*pairs, *others])
    (tmp_path / "pairs.txt").write_text(f"2\t6\n{fold}\n{fold}\n")
    line = ["faces", "evaluate", model, "--data", people, "--pairs", tmp_path / "pairs.txt"]
    report = keras_cv_course(*line, "--far", 0.2, "--json", "--out", tmp_path / "out").json
    assert (report["report"]["folds"], report["report"]["genuine"]) == (2, 12)
    assert report["open_set"] is None
    assert (tmp_path / "out" / "verification.json").is_file()
    one = keras_cv_course(*line, "--far", 0.2, "--fold", 1, "--json").json
    assert one["report"]["genuine"] == 6


def draw_photograph(path):
    """Writes a photograph with what the cascade takes for a face, around (600, 200)."""
    photograph = Image.new("RGB", (800, 400), (255, 255, 255))
    pen = ImageDraw.Draw(photograph)
    pen.ellipse((524, 100, 676, 300), fill=(165, 120, 120))
    for x in (568, 632):
        pen.ellipse((x - 18, 170, x + 18, 190), fill=(60, 30, 30))
        pen.ellipse((x - 24, 154, x + 24, 166), fill=(70, 40, 40))
    pen.ellipse((590, 208, 610, 220), fill=(110, 70, 70))
    pen.ellipse((572, 246, 628, 262), fill=(70, 40, 40))
    photograph.save(path)
    return photograph


def test_faces_are_looked_for_in_photographs(keras_cv_course, model, tmp_path):
    photograph = draw_photograph(tmp_path / "photograph.png")
    photograph.crop((0, 0, 400, 400)).save(tmp_path / "wall.png")
    images = [tmp_path / "photograph.png", tmp_path / "wall.png"]
    line = ["faces", "enroll", model, *images, "--name", "Ada", "--detector", "haar"]
    done = keras_cv_course(*line, "--gallery", tmp_path / "people.db")
    assert done.code == 0, done.err
    assert "1 faces" in done.out
    assert f"skipped {images[1]}: There is no face in the image" in done.err
    line = ["faces", "verify", model, *images, "--detector", "haar", "--threshold", 0.5]
    result = keras_cv_course(*line)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: There is no face in the image")


def multitask(tasks):
    """A network whose smile grows with the red of an image, and whose points are its middle."""
    image = keras.Input((SIZE_PX, SIZE_PX, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    heads = {
        "smile": keras.layers.Dense(1, "sigmoid", name="smile"),
        "age": keras.layers.Dense(1, name="age"),
        "landmarks": keras.layers.Dense(4, name="landmarks"),
    }
    network = keras.Model(image, {task: heads[task](x) for task in tasks})
    weights = {
        "smile": [[[5], [0], [0]], [0]],
        "age": [np.zeros((3, 1)), [30]],
        "landmarks": [np.zeros((3, 4)), np.zeros(4)],
    }
    for task in tasks:
        heads[task].set_weights([np.array(values, np.float32) for values in weights[task]])
    return network


def test_what_a_multitask_network_predicts(keras_cv_course, people, tmp_path):
    network = with_spec(multitask(["smile", "age", "landmarks"]), facts={"errors": {"age": 7.5}})
    network.save(tmp_path / "m.keras")
    images = [people / "red" / "red_0001.jpg", people / "cyan" / "cyan_0001.jpg"]
    line = ["faces", "analyze", tmp_path / "m.keras", *images]
    done = keras_cv_course(*line, "--json")
    assert done.code == 0, done.err
    red, cyan = (row["tasks"] for row in done.json["analyzed"])
    assert (red["smile"]["value"], cyan["smile"]["value"]) == (True, False)
    assert red["smile"]["confidence"] > 0.9
    assert red["age"] == {"value": 30, "confidence": None, "spread": 7.5}
    np.testing.assert_allclose(red["landmarks"]["value"], np.full((2, 2), SIZE_PX / 2))
    table = keras_cv_course(*line).out
    assert "30.00" in table
    assert "yes" in table


def test_points_are_reported_in_pixels_of_the_photograph(keras_cv_course, tmp_path):
    multitask(["smile", "landmarks"]).save(tmp_path / "m.keras")
    draw_photograph(tmp_path / "photograph.png")
    line = ["faces", "analyze", tmp_path / "m.keras", tmp_path / "photograph.png"]
    (row,) = keras_cv_course(*line, "--detector", "haar", "--json").json["analyzed"]
    middle = row["tasks"]["landmarks"]["value"][0]
    np.testing.assert_allclose(middle, (600, 205), atol=15)


def test_a_file_for_one_task(keras_cv_course, people, tmp_path):
    path = tmp_path / "age.tflite"
    convert(multitask(["age"]), path, "none")
    line = ["faces", "analyze", path, people / "red", "--input-range", 0, 255, "--json"]
    analyzed = keras_cv_course(*line).json["analyzed"]
    assert [row["tasks"]["age"]["value"] for row in analyzed] == [30] * IMAGES
    result = keras_cv_course("faces", "analyze", path, path, "--input-range", 0, 255)
    assert (result.code, result.out) == (1, "")
    assert "age.tflite cannot be decoded" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("verify {model} {red} {blue}", "Pass --threshold, or measure one with"),
        ("verify {model} {red} nosuch.jpg --threshold 0.5", "There is no image nosuch.jpg"),
        ("verify {model} {red} {model} --threshold 0.5", "encoder.keras cannot be decoded"),
        ("verify {model} {red} {blue} --threshold 5", "`threshold` must be a cosine"),
        (
            "verify {model} {red} {blue} --threshold 0.5 --crop 0",
            "`crop` must be at least 0.001 and at most 1",
        ),
        (
            "verify {model} {red} {blue} --threshold 0.5 --detector x.onnx",
            "There is no file x.onnx",
        ),
        ("enroll {model} {people}/red --gallery g.db", "a folder of images for each person"),
        ("enroll {model} {people} --gallery faces", 'must be a folder whose name ends with ".db"'),
        ("identify {model} {red} --gallery g.db --threshold 0.5", "There is no gallery g.db"),
        ("remove red --gallery g.db", "There is no gallery g.db"),
        ("evaluate {model} --data {people} --fold 1", "--fold needs a list of pairs"),
        ("evaluate {model} --data {people} --far 0.001", "`false_accept_rate` must be at least"),
        ("verify {map} {red} {blue} --threshold 0.5", "map.keras is not an encoder"),
        ("verify {classes} {red} {blue} --threshold 0.5", "are probabilities of classes"),
        ("verify {red} {red} {blue} --threshold 0.5", "its name must end in .keras"),
        ("analyze {classes} {red}", "classes.keras is not a multitask network of faces"),
    ],
)
def test_wrong_input_is_reported_in_one_line(
    keras_cv_course, model, people, tmp_path, monkeypatch, arguments, message
):
    image = keras.Input((SIZE_PX, SIZE_PX, 3))
    scaled = keras.layers.Rescaling(1 / 255)(image)
    keras.Model(image, scaled).save(tmp_path / "map.keras")
    scores = keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(scaled))
    keras.Model(image, scores).save(tmp_path / "classes.keras")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    words = {
        "model": model,
        "map": tmp_path / "map.keras",
        "classes": tmp_path / "classes.keras",
        "people": people,
        "red": people / "red" / "red_0001.jpg",
        "blue": people / "blue" / "blue_0001.jpg",
    }
    result = keras_cv_course("faces", *arguments.format(**words).split())
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert message in result.err
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_package_is_reported_in_one_line(keras_cv_course, gallery, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    result = keras_cv_course("faces", "remove", "red", "--gallery", gallery)
    assert result.code == 1
    assert "pip install 'keras-cv-course[faces]'" in result.err


def test_every_command_can_print_json():
    from keras_cv_course.cli.main import make_app

    commands = get_command(make_app()).commands["faces"].commands
    assert sorted(commands) == sorted(COMMANDS)
    for name, command in commands.items():
        options = [option for parameter in command.params for option in parameter.opts]
        assert "--json" in options, name
