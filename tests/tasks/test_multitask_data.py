import numpy as np
import pytest
from PIL import Image

from keras_cv_course.tasks.multitask import FaceData
from keras_cv_course.tasks.multitask_data import open_faces


def save(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (10, 10)).save(folder / name)


@pytest.fixture
def sets(tmp_path):
    save(tmp_path / "utkface", *(f"{age}_{age % 2}_0.png" for age in range(20, 30)))
    save(tmp_path / "smiles" / "smiling", "a.png", "b.png", "c.png", "d.png")
    save(tmp_path / "smiles" / "not_smiling", "e.png", "f.png", "g.png", "h.png")
    return tmp_path


def test_the_tasks_are_those_that_the_sets_have_labels_for(sets):
    faces = open_faces(str(sets))
    assert [task.name for task in faces.tasks] == ["smile", "gender", "age"]
    save(sets / "person_coco" / "not_person", "wall.png", "tree.png")
    data = open_faces(str(sets))
    assert [task.name for task in data.tasks][-1] == "detection"
    assert [len(one) for one in data.sets] == [10, 8, 2]
    train, val = data.split(0.5, seed=1)
    assert [len(one) for one in train.sets] == [5, 4, 1]
    assert not set(train.sets[0].files) & set(val.sets[0].files)
    recorded = FaceData(train, val).split_files
    assert [len(files) for files in recorded.values()] == [10, 10]


def test_a_share_of_a_sorted_set_has_all_of_its_labels(sets):
    some = open_faces(str(sets)).at_most(9)
    assert [len(one) for one in some.sets] == [5, 4]
    assert some.sets[1].labels["smile"][:, 0].tolist() == [1, 1, 0, 0]
    assert np.ptp(some.sets[0].labels["age"]) == 9


def test_points_become_angles(tmp_path):
    folder = tmp_path / "youtube_faces_landmarks"
    save(folder / "images", "a.png")
    points = np.random.default_rng(0).uniform(1, 9, (68, 2)).round(3)
    columns = ",".join(f"x{i},y{i}" for i in range(68))
    values = ",".join(str(x) for x in points.ravel())
    (folder / "landmarks.csv").write_text(f"file,identity,{columns}\na.png,ann,{values}\n")
    faces = open_faces(str(tmp_path))
    assert [task.name for task in faces.tasks] == ["landmarks", "pose"]
    assert faces.sets[0].labels["pose"].shape == (1, 3)
    assert len(faces.mirror) == 68


def test_drawn_faces_are_the_same_each_time():
    faces = open_faces("drawn_faces")
    assert open_faces("drawn_faces") is faces
    assert [task.name for task in faces.tasks] == ["landmarks", "smile", "age"]
    assert FaceData(*faces.split(0.5, seed=0)).split_files == {}
    assert set(faces.sets[0].labels) == {"landmarks", "smile"}


def test_a_folder_without_faces_is_refused(tmp_path):
    save(tmp_path / "not_person", "wall.png")
    with pytest.raises(ValueError, match=r"must hold some of the folders .* holds \['faceless'\]"):
        open_faces(str(tmp_path))
