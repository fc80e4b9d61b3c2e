import numpy as np
import pytest

from keras_cv_course.faces import verification_report
from keras_cv_course.training import VerificationRecord, read_verification, save_verification


@pytest.fixture
def report(rng):
    same = np.arange(40) % 2 == 0
    return verification_report(0.5 * same + rng.uniform(0, 0.4, 40), same)


def test_what_is_saved_is_read(tmp_path, report):
    chosen = {"detector": "haar", "crop": 0.7, "mirrored": True}
    content = save_verification(
        tmp_path, report, 0.45, (-1.0, 1.0), **chosen, facts={"data": "people"}
    )
    assert content["report"]["eer"] == report.eer
    record = read_verification(tmp_path)
    assert record == VerificationRecord(0.45, (-1.0, 1.0), "haar", 0.7, True)
    assert record.facts["data"] == "people"
    np.testing.assert_allclose(record.similarity, report.similarity, atol=1e-7)
    np.testing.assert_array_equal(record.same, report.same)


def test_where_there_is_none(tmp_path):
    assert read_verification(tmp_path) is None


def test_pairs_and_preparation_may_be_missing(tmp_path):
    (tmp_path / "verification.json").write_text('{"threshold": 0.3}')
    record = read_verification(tmp_path)
    assert (record.threshold, record.input_range, record.detector) == (0.3, None, "none")
    assert record.similarity is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"threshold": "x"}',
        '{"threshold": 1e30}',
        '{"threshold": 1, "preparation": {"x": 1}}',
    ],
)
def test_another_file_of_that_name_is_refused(tmp_path, content):
    (tmp_path / "verification.json").write_text(content)
    with pytest.raises(ValueError, match=r"verification\.json is not what .* Measure the encoder"):
        read_verification(tmp_path)
