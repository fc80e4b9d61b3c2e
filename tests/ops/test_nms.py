import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.ops.nms import suppress, suppress_by_class

F32 = np.float32


def random_boxes(rng, count):
    corner, side = rng.uniform(0, 60, (count, 2)), rng.uniform(5, 40, (count, 2))
    return np.concatenate([corner, corner + side], -1).astype(F32)


def unpadded(result):
    indices, scores, count = (np.asarray(x) for x in result)
    return indices[:count].tolist(), scores[:count]


def test_by_hand():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10], [0, 0, 10, 10]], F32)
    scores = np.array([0.5, 0.9, 0.3, 0.9], F32)
    indices, kept, count = suppress(boxes, scores, max_detections=3)
    np.testing.assert_array_equal(indices, [1, 2, -1])  # Of equal scores the first.
    np.testing.assert_allclose(kept, [0.9, 0.3, 0])
    assert count == 2
    assert unpadded(suppress(boxes, scores, score_threshold=0.3))[0] == [1]
    assert unpadded(suppress(boxes, scores, max_detections=1))[0] == [1]
    # 0.9 overlap is not more than 0.9.
    assert unpadded(suppress(boxes, scores, iou_threshold=0.9))[0] == [1, 3, 2]


@pytest.mark.parametrize("sigma", [0.0, 0.25])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 1.0])
def test_equals_tf_image(sigma, threshold, rng):
    for _ in range(3):
        boxes, scores = random_boxes(rng, 40), rng.uniform(size=40).astype(F32)
        expected, values = tf.image.non_max_suppression_with_scores(
            boxes, scores, 25, threshold, score_threshold=0.2, soft_nms_sigma=sigma
        )
        indices, kept = unpadded(suppress(boxes, scores, 25, threshold, 0.2, sigma))
        assert indices == expected.numpy().tolist()
        np.testing.assert_allclose(kept, values, rtol=1e-5)


def test_survivors_do_not_overlap_and_survive_again(rng):
    boxes, scores = random_boxes(rng, 60), rng.uniform(size=60).astype(F32)
    first, _ = unpadded(suppress(boxes, scores, 60, 0.4))
    again, _ = unpadded(suppress(boxes[first], scores[first], 60, 0.4))
    assert again == list(range(len(first)))
    assert 1 < len(first) < 60


def test_soft_suppression_by_hand():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [20, 0, 30, 10]], F32)
    scores = np.array([0.9, 0.8, 0.6], F32)
    indices, kept = unpadded(suppress(boxes, scores, 3, soft_sigma=0.25))
    assert indices == [0, 2, 1]
    np.testing.assert_allclose(kept, [0.9, 0.6, 0.8 * np.exp(-0.25 / 0.5)], rtol=1e-6)


def test_a_batch_is_its_images(rng):
    boxes = np.stack([random_boxes(rng, 20) for _ in range(3)])
    scores = rng.uniform(size=(3, 20)).astype(F32)
    scores[1] = 0.0
    batch = suppress(boxes, scores, 8, 0.3, 0.05)
    assert [x.shape for x in batch] == [(3, 8), (3, 8), (3,)]
    assert batch[2][1] == 0
    for i in range(3):
        for one, all_ in zip(suppress(boxes[i], scores[i], 8, 0.3, 0.05), batch, strict=True):
            np.testing.assert_array_equal(one, all_[i])


def test_classes_do_not_suppress_each_other_and_equal_tf_image(rng):
    boxes = np.stack([random_boxes(rng, 30) for _ in range(2)])
    scores = rng.uniform(size=(2, 30, 3)).astype(F32)
    kept_boxes, kept, classes, count = suppress_by_class(boxes, scores, 20, 0.4, 0.3)
    expected = tf.image.combined_non_max_suppression(
        boxes[:, :, None], scores, 20, 20, 0.4, 0.3, clip_boxes=False
    )
    np.testing.assert_array_equal(count, expected.valid_detections)
    for i, n in enumerate(np.asarray(count)):
        np.testing.assert_allclose(kept_boxes[i, :n], expected.nmsed_boxes[i, :n])
        np.testing.assert_array_equal(classes[i, :n], expected.nmsed_classes[i, :n])
        assert (np.asarray(classes)[i, n:] == -1).all()
    np.testing.assert_allclose(kept, expected.nmsed_scores)


def test_in_a_graph_of_unknown_batch_size(rng):
    boxes, scores = random_boxes(rng, 12)[None], rng.uniform(size=(1, 12, 2)).astype(F32)
    signature = [tf.TensorSpec((None, 12, 4)), tf.TensorSpec((None, 12, 2))]
    graph = tf.function(lambda b, s: suppress_by_class(b, s, 30), input_signature=signature)
    for one, other in zip(graph(boxes, scores), suppress_by_class(boxes, scores, 30), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_box_without_area_suppresses_nothing():
    boxes = np.array([[5, 5, 5, 5], [5, 5, 5, 5], [0, 0, 9, 9]], F32)
    assert unpadded(suppress(boxes, np.array([0.9, 0.8, 0.7], F32)))[0] == [0, 1, 2]


@pytest.mark.parametrize("leading", [(), (2,)])
def test_of_no_boxes_all_is_padding(leading):
    indices, kept, count = suppress(
        np.zeros((*leading, 0, 4), F32), np.zeros((*leading, 0), F32), 3
    )
    assert indices.shape == kept.shape == (*leading, 3)
    assert (np.asarray(indices) == -1).all()
    assert not any(np.any(x) for x in (kept, count))
    none = np.zeros((*leading, 0, 4), F32), np.zeros((*leading, 0, 2), F32)
    boxes, scores, classes, count = suppress_by_class(*none, 3)
    assert boxes.shape == (*leading, 3, 4)
    assert (np.asarray(classes) == -1).all()
    assert not any(np.any(x) for x in (boxes, scores, count))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_detections": 0}, "`max_detections`"),
        ({"iou_threshold": 1.5}, "`iou_threshold`"),
        ({"soft_sigma": -1.0}, "`soft_sigma`"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        suppress(np.zeros((1, 4), F32), np.zeros(1, F32), **options)
    if "max_detections" in options:
        with pytest.raises(ValueError, match="`score_threshold` must be 0 or more"):
            suppress_by_class(np.zeros((1, 4), F32), np.zeros((1, 1), F32), score_threshold=-1)
