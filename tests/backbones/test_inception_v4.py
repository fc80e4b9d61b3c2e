import pytest

from keras_cv_course import InceptionV4, complexity, feature_maps


@pytest.mark.usefixtures("weightless")
def test_counts_equal_timms_to_the_decimals_that_it_gives():
    """42.68 million; 12.28 billion by another counter. The slides' 48 million fit no build (X05)."""
    counts = complexity(InceptionV4())
    assert round(counts.trainable_parameters / 1e6, 2) == 42.68
    assert counts.mult_adds / 1e9 == pytest.approx(12.28, rel=0.003)
    headless = complexity(InceptionV4(include_top=False), (299, 299, 3))
    assert round(headless.trainable_parameters / 1e6) == 41


@pytest.mark.usefixtures("weightless")
def test_maps_have_the_sizes_of_the_paper():
    """Figure 9: 35x35x384, 17x17x1024 and 8x8x1536 for 299 pixels."""
    maps = feature_maps(InceptionV4((299, 299, 3), include_top=False)).output
    sizes = [tuple(x.shape[1:]) for x in maps.values()]
    assert sizes == [(35, 35, 384), (17, 17, 1024), (8, 8, 1536)]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"alpha": 0}, "`alpha`"), ({"weights": "imagenet"}, "There are none of Inception V4")],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        InceptionV4((75, 75, 3), **{"alpha": 0.125, **options})
