import numpy as np
import pytest
from PIL import Image

from keras_cv_course.data import face_sets


def image(path, size=(20, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def test_points_are_shares_of_the_image_from_its_centre(tmp_path):
    image(tmp_path / "images" / "a.jpg")
    image(tmp_path / "images" / "b.jpg", (40, 40))
    (tmp_path / "landmarks.csv").write_text(
        "file,identity,x1,y1,x0,y0\na.jpg,Ada,20,10,5,5\nimages/b.jpg,Bob,,,10,30\n"
    )
    read = face_sets.landmark_table(tmp_path)
    expected = [[-0.25, 0.0, 0.5, 0.5], [-0.25, 0.25, np.nan, np.nan]]
    np.testing.assert_allclose(read.labels["landmarks"], expected)
    assert read.people == ("Ada", "Bob")
    assert read.labels["detection"].tolist() == [[1], [1]]

    numbered, names = face_sets.number_people(read)
    assert numbered.labels["identity"].tolist() == [[0], [1]]
    assert names == ("Ada", "Bob")


def test_ages_and_genders_are_read_from_names(tmp_path):
    for name in ("100_1_0_2017.jpg.chip.jpg", "7_0_2_2017.jpg", "other.jpg", "9_2_0_x.jpg"):
        image(tmp_path / name)
    read = face_sets.age_gender_folder(tmp_path)
    assert read.labels["age"].tolist() == [[100], [7]]
    assert read.labels["gender"].tolist() == [[1], [0]]
    assert read.people == ()


def test_smiles_are_reported_by_their_folder(tmp_path):
    image(tmp_path / "smiling" / "a.jpg")
    image(tmp_path / "not_smiling" / "b.jpg")
    image(tmp_path / "not_smiling" / "c.jpg")
    read = face_sets.smile_folder(tmp_path)
    assert read.labels["smile"].tolist() == [[1], [0], [0]]
    assert [file[-5] for file in read.files] == ["a", "b", "c"]


def test_images_without_faces(tmp_path):
    image(tmp_path / "deep" / "a.jpg")
    assert face_sets.faceless_folder(tmp_path).labels["detection"].tolist() == [[0]]


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no table .*landmarks\.csv"):
        face_sets.landmark_table(tmp_path)
    table = tmp_path / "landmarks.csv"
    table.write_text("file,x0,y0\na.jpg,1,2\n")
    with pytest.raises(ValueError, match="must have a row for each image, with the columns file"):
        face_sets.landmark_table(tmp_path)
    table.write_text("file,identity,x0,y0\n")
    with pytest.raises(ValueError, match="It has 0 rows"):
        face_sets.landmark_table(tmp_path)
    table.write_text("file,identity,x0,y0\na.jpg,Ada,1,2\n")
    with pytest.raises(FileNotFoundError, match=r"There is no image .*a\.jpg"):
        face_sets.landmark_table(tmp_path)
    with pytest.raises(ValueError, match="must hold images called like '34_1_"):
        face_sets.age_gender_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*smiling"):
        face_sets.smile_folder(tmp_path)
    with pytest.raises(ValueError, match="must hold images"):
        face_sets.faceless_folder(tmp_path)
    image(tmp_path / "5_0_.jpg")
    with pytest.raises(ValueError, match="`images` must name the people shown"):
        face_sets.number_people(face_sets.age_gender_folder(tmp_path))


@pytest.mark.data
def test_the_real_sets(shared):
    points = face_sets.landmark_table(shared / "data" / "youtube_faces_landmarks")
    assert (len(points), len(set(points.people))) == (1204, 241)
    assert points.labels["landmarks"].shape == (1204, 136)
    assert np.abs(points.labels["landmarks"]).max() < 0.6
    people = face_sets.age_gender_folder(shared / "data" / "utkface")
    assert len(people) == 1286
    assert (people.labels["age"].min(), people.labels["age"].max()) == (1, 110)
    smiles = face_sets.smile_folder(shared / "data" / "smiles")
    assert (len(smiles), int(smiles.labels["smile"].sum())) == (2399, 1200)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.jpg,Ada,1,wide\n", r"landmarks\.csv must hold points as numbers: .*'wide'"),
        ("a.jpg,Ada,1,inf\n", r"landmarks\.csv must hold points in pixels, .*holds inf"),
        ("a.jpg,Ada,-1e300,2\n", r"landmarks\.csv must hold points in pixels, .*holds -1e\+300"),
        ("a.jpg\n", r"landmarks\.csv must name a file and an identity in each row"),
        (",Ada,1,2\n", r"landmarks\.csv must name a file and an identity in each row"),
        ("a.jpg,Ada,1,2,3,4\nb.jpg,Bob\n", r"There is no image .*b\.jpg"),
        (f"{'a' * 200_000},Ada,1,2\n", r"landmarks\.csv is not a readable CSV file"),
        ("a.jpg,\udcff,1,2\n", r"landmarks\.csv must be text in UTF-8"),
    ],
)
def test_broken_tables_are_named(tmp_path, rows, message):
    image(tmp_path / "images" / "a.jpg")
    text = f"file,identity,x0,y0\n{rows}"
    (tmp_path / "landmarks.csv").write_text(text, "utf-8", "surrogateescape")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        face_sets.landmark_table(tmp_path)


def test_points_need_both_coordinates(tmp_path):
    image(tmp_path / "images" / "a.jpg")
    (tmp_path / "landmarks.csv").write_text("file,identity,x0,y0,x1\na.jpg,Ada,1,2,3\n")
    with pytest.raises(ValueError, match=r"landmarks\.csv must have a row .* x0, y0, x1, y1"):
        face_sets.landmark_table(tmp_path)


def test_points_are_those_of_the_upright_image(tmp_path):
    (tmp_path / "images").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (10, 20)).save(tmp_path / "images" / "a.jpg", exif=exif)
    (tmp_path / "landmarks.csv").write_text("file,identity,x0,y0\na.jpg,Ada,20,10\n")
    read = face_sets.landmark_table(tmp_path)
    assert read.labels["landmarks"].tolist() == [[0.5, 0.5]]
