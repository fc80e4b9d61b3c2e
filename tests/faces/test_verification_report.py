import json

import numpy as np
import pytest

from keras_cv_course.faces import bootstrap_interval, verification_report
from keras_cv_course.faces.verification_report import best_threshold, equal_error_rate


def drawn(rng, genuine=300, impostor=300, shift=1.0):
    similarity = np.concatenate([rng.normal(shift, 1, genuine), rng.normal(0, 1, impostor)])
    return np.tanh(similarity / 4), np.repeat([1, 0], [genuine, impostor])


def test_equal_error_rate_by_hand():
    # Of 4 and 4: at 0.6 one of one person is rejected, and one of two accepted.
    similarity = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.5, 0.4, 0.1])
    same = np.array([1, 1, 1, 0, 0, 1, 0, 0])
    rate, threshold = equal_error_rate(similarity, same)
    assert rate == pytest.approx(0.25)
    assert threshold in (0.5, 0.6)
    assert equal_error_rate(np.array([0.9, 0.1]), np.array([1, 0]))[0] == 0.0
    assert equal_error_rate(np.array([0.1, 0.9]), np.array([1, 0]))[0] == 1.0
    assert equal_error_rate(np.array([0.5, 0.5]), np.array([1, 0]))[0] == pytest.approx(0.5)


def test_weights_count_pairs_several_times(rng):
    similarity, same = drawn(rng, 40, 60)
    weights = rng.integers(0, 4, 100)
    repeated = np.repeat(np.arange(100), weights)
    used = weights > 0
    rate = equal_error_rate(similarity[used], same[used], weights[used])
    expected = equal_error_rate(similarity[repeated], same[repeated])
    np.testing.assert_allclose(rate, expected)


def test_best_threshold_is_the_middle_of_the_gap(rng):
    assert best_threshold(np.array([0.9, 0.5, 0.1]), np.array([1, 1, 0])) == pytest.approx(0.3)
    similarity, same = drawn(rng, 50, 70)
    shares = [np.mean((similarity >= t) == same) for t in similarity]
    threshold = best_threshold(similarity, same.astype(bool))
    assert np.mean((similarity >= threshold) == same) == max(shares)
    # All wrong way round: it is best to accept nothing.
    assert best_threshold(np.array([0.1, 0.5, 0.9]), np.array([1, 0, 0], bool)) > 0.9


def test_accuracy_is_by_the_threshold_of_the_other_folds():
    # In each fold a threshold of its own would be right always; that of the other is, in half.
    similarity = np.array([0.9, 0.7, 0.5, 0.1])
    same = np.array([1, 0, 1, 0])
    fold = np.array([1, 1, 2, 2])
    report = verification_report(similarity, same, fold)
    assert report.folds == 2
    assert report.accuracy == 0.5
    assert report.accuracy_error == 0.0
    assert report.threshold == pytest.approx((0.8 + 0.3) / 2)


def test_pairs_in_order_take_turns_in_ten_parts(rng):
    similarity, same = drawn(rng)
    report = verification_report(similarity, same)
    fold = np.tile(np.arange(10), 60)  # 300 of each kind, in order
    by_hand = verification_report(similarity, same, fold)
    assert report == by_hand
    assert (report.genuine, report.impostor, report.folds) == (300, 300, 10)
    assert 0.6 < report.accuracy < 0.8
    assert 0 < report.accuracy_error < 0.05
    assert report.auc == pytest.approx(0.76, abs=0.05)  # of two normals, 1 apart
    assert report.eer == pytest.approx(0.31, abs=0.05)
    # The fewest of a kind make the parts.
    assert verification_report(similarity[297:], same[297:]).folds == 3


def test_accept_rates_are_counted_and_measured_only_where_they_can_be(rng):
    similarity, same = drawn(rng, 500, 1000)
    similarity = np.round(similarity, 2)  # with pairs that are equal
    tenth, hundredth, thousandth, last = verification_report(similarity, same).accept_rates
    for row, allowed in ((tenth, 100), (hundredth, 10)):
        accepted = similarity >= row.threshold
        assert row.false_accepts == np.sum(accepted & (same == 0)) <= allowed
        assert row.true_accepts == np.sum(accepted & (same == 1))
        assert row.true_accept_rate == row.true_accepts / 500
        # The next lower similarity would accept too many.
        lower = np.max(similarity[similarity < row.threshold])
        assert np.sum((similarity >= lower) & (same == 0)) > allowed
    assert thousandth.true_accept_rate is None
    assert last.false_accepts is None


def test_report_is_text_and_json(rng):
    report = verification_report(*drawn(rng))
    text = str(report)
    assert "300 pairs of one person, 300 of two" in text
    assert "TAR at FAR 1e-02: not measurable, 1000 pairs of two people are needed" in text
    numbers = json.loads(json.dumps(report.to_dict()))
    assert numbers["eer"] == report.eer
    assert numbers["accept_rates"][0]["false_accepts"] == 30
    assert "similarity" not in numbers


@pytest.mark.parametrize("fold", [np.zeros(4), np.zeros(3)])
def test_folds_are_at_least_two(fold):
    with pytest.raises(ValueError, match=r"`fold` must be the part of each pair, of at least two"):
        verification_report(np.arange(4.0), np.array([0, 1, 0, 1]), fold)


def all_pairs(similarity, people):
    a, b = np.triu_indices(len(people), 1)
    return similarity[a, b], people[a] == people[b], people[a], people[b]


def mean_of_genuine(similarity, same, weights):
    return float(np.sum(weights[same] * similarity[same]) / np.sum(weights[same]))


def test_interval_is_that_of_people_and_not_of_pairs(rng):
    # Ten people with one similarity each, for all their pairs: what counts is ten, and not 450.
    people = np.repeat(np.arange(10), 10)
    own = rng.normal(size=10)
    similarity = np.where(people[:, None] == people, own[people], -9.0)
    low, high = bootstrap_interval(mean_of_genuine, *all_pairs(similarity, people), repeats=400)
    error = own.std() / np.sqrt(10)
    assert low < own.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_interval_is_that_of_drawn_people(rng):
    people = np.repeat(["ann", "bob", "eve"], 2)
    vectors = rng.normal(size=(6, 3))
    pairs = all_pairs(vectors @ vectors.T, people)
    one = bootstrap_interval(mean_of_genuine, *pairs, repeats=50, seed=3)
    assert one == bootstrap_interval(mean_of_genuine, *pairs, repeats=50, seed=3)
    genuine = pairs[0][pairs[1]]
    assert min(genuine) <= one[0] < one[1] <= max(genuine)
    # A draw of one person alone has no pair of two, and is left out.
    counted = bootstrap_interval(lambda s, same, w: w[~same].sum(), *pairs, coverage=0.999)
    assert counted == (8.0, 12.0)  # two of three drawn, one of them twice; or all


def test_interval_arguments(rng):
    people = np.array(["ann", "ann", "bob"])
    pairs = all_pairs(np.eye(3), people)
    with pytest.raises(ValueError, match=r"`coverage` must be above 0 and below 1"):
        bootstrap_interval(mean_of_genuine, *pairs, coverage=1.0)
    with pytest.raises(ValueError, match=r"`repeats` must be a whole number above 0"):
        bootstrap_interval(mean_of_genuine, *pairs, repeats=0)
    with pytest.raises(ValueError, match=r"`people_a` and `people_b` must name who is on each"):
        bootstrap_interval(mean_of_genuine, *pairs[:3], people[:2])
    with pytest.raises(ValueError, match=r"`same` must be true where `people_a` is `people_b`"):
        bootstrap_interval(mean_of_genuine, pairs[0], ~pairs[1], *pairs[2:])
