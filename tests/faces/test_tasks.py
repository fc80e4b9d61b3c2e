from dataclasses import replace

import pytest

from keras_cv_course.faces.tasks import (
    ALL_IN_ONE_SOURCES,
    Age,
    Detection,
    Gender,
    Identity,
    Landmarks,
    Pose,
    Smile,
    checked_tasks,
    label_sizes,
)

ALL = (Detection(), Landmarks(), Pose(), Smile(), Gender(), Age(), Identity())


def test_all_in_ones_sources_sum_to_the_slides_total():
    assert sum(source.images for source in ALL_IN_ONE_SOURCES) == 993_153


def test_all_in_ones_sources_are_labelled_for_all_tasks_and_no_other():
    labelled = {name for source in ALL_IN_ONE_SOURCES for name in source.tasks}
    assert labelled == {task.name for task in ALL}


def test_label_sizes():
    tasks = (Landmarks(points=21, visibility=True), Pose(), Age(label_size=2), Identity())
    expected = {"landmarks": 42, "visibility": 21, "pose": 3, "age": 2, "identity": 1}
    assert label_sizes(tasks) == expected


def test_where_tasks_fork_may_be_changed():
    assert {task.name for task in ALL if task.fork == "late"} == {"gender", "age", "identity"}
    assert replace(Smile(), fork="late").fork == "late"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Smile(fork="middle"), "`fork` must be one of 'early', 'late'"),
        (lambda: Age(loss_weight=0), "`loss_weight` must be a number above 0"),
        (lambda: Age(sigma=-1), "`sigma` must be a number above 0"),
        (lambda: Age(label_size=3), "`label_size` must be one of 1, 2"),
        (lambda: Landmarks(points=0), "`points` must be a whole number above 0"),
        (lambda: Identity(people=0), "`people` must be a whole number above 0"),
        (lambda: checked_tasks(()), r"`tasks` must name at least one task.*\[\]"),
        (lambda: checked_tasks((Age(), Age())), r"each once. Received: \['age', 'age'\]"),
    ],
)
def test_wrong_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_class_is_no_task():
    with pytest.raises(TypeError, match=r"`tasks` must hold instances, e.g. Age\(\)"):
        checked_tasks((Age,))
