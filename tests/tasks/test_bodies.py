import pytest

from keras_cv_course.registry import build_model
from keras_cv_course.tasks import get_task
from keras_cv_course.tasks.bodies import BATCH_NORM_MOMENTUM, momentum_option

WITHOUT_BATCH_NORM = {"lenet5", "alexnet", "vgg11"}


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", ["mobilenet_v2", "lenet5", "alexnet", "vgg11"])
def test_only_builders_with_batch_norm_get_its_momentum(name):
    options = momentum_option(name)
    assert options == (
        {} if name in WITHOUT_BATCH_NORM else {"batch_norm_momentum": BATCH_NORM_MOMENTUM}
    )
    build_model(name, classes=3, **options)


def test_a_network_without_batch_norm_is_built_for_a_run():
    task = get_task("classify")
    args = task.Args(model="lenet5", imgsz=32)
    model = task.build(args, task.open(args))
    assert model.output_shape == (None, 10)
