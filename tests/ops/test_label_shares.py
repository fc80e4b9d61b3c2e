import keras
import numpy as np
from keras import ops

from keras_cv_course.ops.labels import fill_missing, first_value, has_label, label_weight

NAN = float("nan")


def test_a_sample_has_a_label_when_any_value_is_known():
    labels = ops.array([[1.0, NAN], [NAN, NAN], [0.0, 2.0]])
    assert ops.convert_to_numpy(has_label(labels)).tolist() == [1, 0, 1]
    assert ops.convert_to_numpy(has_label(ops.array([NAN, 3.0]))).tolist() == [0, 1]


def test_weights_are_kept_where_there_is_a_label():
    labels = ops.array([[1.0], [NAN], [2.0]])
    assert ops.convert_to_numpy(label_weight(labels)).tolist() == [1, 0, 1]
    weights = ops.convert_to_numpy(label_weight(labels, [[0.5], [3.0], [2.0]]))
    assert weights.tolist() == [0.5, 0, 2]


def test_unknown_values_become_what_was_predicted():
    filled = fill_missing(ops.array([[1.0, NAN], [NAN, NAN]]), ops.array([[5.0, 6.0], [7.0, 8.0]]))
    assert ops.convert_to_numpy(filled).tolist() == [[1, 6], [7, 8]]


def test_flat_labels_get_the_axis_of_their_predictions():
    filled = fill_missing(ops.array([1.0, NAN]), ops.array([[0.3], [0.5]]))
    np.testing.assert_allclose(ops.convert_to_numpy(filled), [[1.0], [0.5]])


def test_of_class_indices_only_unlabelled_samples_are_filled():
    filled = fill_missing(ops.array([[2.0], [NAN]]), ops.zeros((2, 4)))
    assert ops.convert_to_numpy(filled).tolist() == [[2], [0]]
    pairs = ops.convert_to_numpy(
        fill_missing(ops.array([[2.0, NAN], [NAN, NAN]]), ops.zeros((2, 1)))
    )
    np.testing.assert_array_equal(pairs, [[2, NAN], [0, 0]])


def test_first_value_of_flat_and_of_long_labels():
    assert ops.convert_to_numpy(first_value(ops.array([4.0]))).tolist() == [4]
    assert ops.convert_to_numpy(first_value(ops.array([[4.0, 9.0]]))).tolist() == [4]
    assert keras.ops.shape(first_value(ops.array([[4.0]]))) == (1,)
