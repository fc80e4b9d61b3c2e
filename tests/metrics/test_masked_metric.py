import keras
import numpy as np
import pytest

from keras_cv_course.metrics.age import AgeError
from keras_cv_course.metrics.masked import MaskedMetric

NAN = float("nan")


def test_only_labelled_samples_count_over_all_batches():
    metric = MaskedMetric(keras.metrics.BinaryAccuracy(name="accuracy"))
    metric.update_state(np.array([[1.0], [NAN]]), np.array([[0.9], [0.1]]))
    metric.update_state(np.array([[NAN], [NAN]]), np.array([[0.9], [0.1]]))
    metric.update_state(np.array([[1.0], [0.0]]), np.array([[0.2], [0.4]]))
    assert float(metric.result()) == pytest.approx(2 / 3)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_without_any_label_the_result_is_finite():
    metric = MaskedMetric(keras.metrics.MeanAbsoluteError())
    assert float(metric(np.full((2, 1), NAN), np.ones((2, 1)))) == 0.0


def test_sample_weights_are_honoured():
    metric = MaskedMetric(keras.metrics.MeanAbsoluteError())
    labels, guesses = np.array([[0.0], [0.0], [NAN]]), np.array([[1.0], [3.0], [9.0]])
    assert float(metric(labels, guesses, sample_weight=np.array([3.0, 1.0, 5.0]))) == 1.5


def test_class_numbers_are_taken():
    metric = MaskedMetric(keras.metrics.SparseCategoricalAccuracy())
    scores = np.array([[0.0, 2.0], [3.0, 0.0], [0.0, 1.0]], "f")
    assert float(metric(np.array([[1.0], [1.0], [NAN]]), scores)) == 0.5


def test_ages_with_a_deviation():
    metric = MaskedMetric(AgeError())
    labels = np.array([[30.0, 2.0], [40.0, NAN], [NAN, NAN]])
    assert float(metric(labels, np.array([[33.0], [39.0], [0.0]]))) == 2.0


def test_config_makes_the_metric_again():
    metric = MaskedMetric(keras.metrics.BinaryAccuracy(threshold=0.7), name="smiles")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert isinstance(again, MaskedMetric)
    assert again.name == "smiles"
    assert again.metric.get_config()["threshold"] == 0.7
    ages = keras.metrics.deserialize(keras.metrics.serialize(AgeError("years")))
    assert isinstance(ages, AgeError)
    assert ages.name == "years"


def test_what_is_no_metric_is_refused():
    with pytest.raises(TypeError, match=r"`metric` must be a keras\.metrics\.Metric.*'mae'"):
        MaskedMetric("mae")
