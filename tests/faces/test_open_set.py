import numpy as np
import pytest

from keras_cv_course.faces.open_set import open_set_report

GALLERY = ["ann", "ann", "bob", "cid"]
PROBES = ["ann", "bob", "cid", "ann", "dan", "eve", "fay", "gus", "hal"]
# The best of each person, by hand: ann, bob, cid.
SIMILARITY = np.array(
    [
        [0.2, 0.9, 0.5, 0.1],  # ann .9, first
        [0.3, 0.1, 0.6, 0.2],  # bob .6, first
        [0.4, 0.7, 0.2, 0.5],  # cid .5, second to ann .7
        [0.8, 0.1, 0.8, 0.3],  # ann .8, but bob is as alike: second
        [0.1, 0.2, 0.3, 0.4],  # dan, a stranger: .4
        [0.1, 0.65, 0.3, 0.4],  # .65
        [0.1, 0.2, 0.3, -0.4],  # .3
        [0.55, 0.2, 0.3, 0.4],  # .55
        [0.1, 0.2, 0.3, 0.45],  # .45
    ]
)


# Each stranger comes so many times, so that there are enough.
TIMES = 20


def report(rates, rank=1):
    similarity = np.concatenate([SIMILARITY[:4], SIMILARITY[4:].repeat(TIMES, axis=0)])
    names = [*PROBES[:4], *np.repeat(PROBES[4:], TIMES)]
    return open_set_report(similarity, names, GALLERY, rates, rank)


def test_rates_worked_out_by_hand():
    result = report([0.1, 0.2, 0.5])
    assert (result.known, result.strangers, result.people) == (4, 100, 3)
    assert result.closed_set_rate == 0.5
    none, one, two = result.points
    # Strangers reach .65, .55, .45, .4 and .3, 20 times each. Ten may pass, but then 20 would:
    # above .65 is ann's .9.
    assert none.threshold == np.nextafter(0.65, 1)
    assert (none.identification_rate, none.identified, none.false_positives) == (0.25, 1, 0)
    # 20 may pass: above .55 are ann's .9 and bob's .6; and ann's .8 is not the first.
    assert one.threshold == np.nextafter(0.55, 1)
    assert (one.identification_rate, one.identified, one.false_positives) == (0.5, 2, 20)
    # 50 may pass, and so 40.
    assert two.threshold == np.nextafter(0.45, 1)
    assert (two.identification_rate, two.identified, two.false_positives) == (0.5, 2, 40)


def test_among_the_two_most_alike():
    result = report([0.2, 0.5], rank=2)
    assert result.closed_set_rate == 1
    # Above .55 are .9, .6 and .8; above .45 also cid's .5.
    assert [point.identification_rate for point in result.points] == [0.75, 1]


@pytest.mark.parametrize(("strangers", "rate", "allowed"), [(100, 0.1, 10), (30, 0.7, 21)])
def test_rates_that_floating_point_misses(strangers, rate, allowed):
    similarity = np.linspace(0.1, 0.9, strangers + 1)[::-1, None]
    names = ["a", *(f"stranger {i}" for i in range(strangers))]
    (point,) = open_set_report(similarity, names, ["a"], [rate]).points
    assert point.false_positives == allowed


def test_a_rate_needs_ten_false_positives_to_be_measurable():
    names = ["a", *(f"stranger {i}" for i in range(100))]
    similarity = np.linspace(1, 0, 101)[:, None]
    result = open_set_report(similarity, names, ["a"], [0.1, 0.09])
    assert [point.identification_rate for point in result.points] == [1, None]
    assert result.to_dict()["points"][1] == {
        "false_positive_rate": 0.09,
        "identification_rate": None,
        "identified": None,
        "false_positives": None,
        "threshold": None,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"similarity": SIMILARITY.T}, r"a row for each probe.*\(9, 4\)\. Received: \(4, 9\)"),
        ({"similarity": SIMILARITY * np.nan}, "must be finite"),
        ({"probe_names": ["ann"] * 9}, r"in the gallery and others\. Received: 9 of 9 in it"),
        ({"probe_names": ["dan"] * 9}, r"in the gallery and others\. Received: 0 of 9 in it"),
        ({"false_positive_rates": [0.0]}, r"above 0 and below 1\. Received: 0\.0"),
        ({"rank": 0}, "`rank` must be a whole number above 0"),
    ],
)
def test_wrong_arguments(change, message):
    arguments = {"similarity": SIMILARITY, "probe_names": PROBES, "gallery_names": GALLERY}
    with pytest.raises(ValueError, match=message):
        open_set_report(**{**arguments, **change})
