import csv

import keras
import numpy as np
import pytest
from breaking_off import Interrupted

from keras_cv_course.data import as_arrays, digits
from keras_cv_course.training import fitting
from keras_cv_course.training.fitting import fit
from keras_cv_course.training.history import best_row, read_history, trim_history
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.run_folder import create_run

EPOCHS = 3


@pytest.fixture(scope="module")
def data():
    return digits((8, 8, 1), batch_size=128)


def tiny():
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def started(callback, model):
    """Does what `fit` does before the first epoch."""
    model.stop_training = False
    callback.set_params({"epochs": 9})
    callback.set_model(model)


def train(model, data, run, epochs=EPOCHS, rate=0.02):
    recipe = Recipe(epochs=epochs, learning_rate=rate)
    fitted = fit(model, recipe, data.train, data.val, verbose=0, run=run)
    assert fitted.epoch == list(range(epochs))
    return fitted.history


def test_a_run_learns_and_keeps_its_best_epoch(data, tmp_path):
    run = create_run({}, tmp_path)
    model = tiny()
    history = train(model, data, run)
    assert read_history(run.results) == {"epoch": [1, 2, 3], **history}
    assert history["loss"][-1] < history["loss"][0]
    best = max(history["val_accuracy"])
    assert best > 0.8
    saved = keras.saving.load_model(run.model)
    images, labels = as_arrays(data.val)
    accuracy = np.mean(saved.predict(images, verbose=0).argmax(-1) == labels)
    assert accuracy == pytest.approx(best, abs=1e-6)
    assert int(model.optimizer.iterations) == EPOCHS * len(data.train)
    last = keras.saving.load_model(run.last)
    np.testing.assert_array_equal(last.get_weights()[0], model.get_weights()[0])


def test_the_rate_rises_for_an_epoch_and_falls_along_half_a_cosine(data, tmp_path):
    rates = train(tiny(), data, create_run({}, tmp_path), 3, 0.01)["learning_rate"]
    np.testing.assert_allclose(rates, [0.01, 0.005, 0.0], atol=1e-7)


def test_the_best_is_by_accuracy_and_then_by_loss(tmp_path, monkeypatch):
    run = create_run({}, tmp_path)
    saved = []
    keep = fitting.KeepBest(run)
    model = tiny()
    monkeypatch.setattr(model, "save", lambda path: (saved.append(epoch), path.touch()))
    started(keep, model)
    scores = [(0.5, 1.0), (0.4, 0.1), (0.5, 0.9), (0.5, 0.95), (0.6, 2.0)]
    for epoch, (accuracy, loss) in enumerate(scores):
        keep.on_epoch_end(epoch, {"val_accuracy": accuracy, "val_loss": loss})
    assert saved == [0, 2, 4]


def test_another_score_and_another_model_are_kept(tmp_path, monkeypatch):
    run = create_run({}, tmp_path)
    network, training = tiny(), tiny()
    saved = []
    for model in (network, training):
        monkeypatch.setattr(model, "save", lambda path, m=model: (saved.append(m), path.touch()))
    keep = fitting.KeepBest(run, score=lambda logs: (logs["val_AP50"],), saved_model=network)
    started(keep, training)
    for epoch, value in enumerate((0.0, 0.3, 0.3, 0.2)):
        keep.on_epoch_end(epoch, {"val_AP50": value})
    assert saved == [network, network]
    assert keep.best == (0.3,)


def test_a_best_model_waits_until_the_state_of_its_epoch_is_saved(tmp_path):
    run = create_run({}, tmp_path)
    run.resume.mkdir()
    keep = fitting.KeepBest(run)
    pending = run.resume / "best_0002.keras"
    pending.write_text("second")
    keep.settle(2)
    assert run.model.read_text() == "second"
    assert not pending.exists()
    pending = run.resume / "best_0003.keras"
    pending.write_text("third, whose epoch will be trained again")
    keep.settle(2)
    assert run.model.read_text() == "second"
    assert not pending.exists()


def test_an_interrupted_run_goes_on_from_its_last_finished_epoch(data, tmp_path):
    run = create_run({}, tmp_path)
    batches = data.epochs.batches

    def train(batches_left):
        model = tiny()
        recipe = Recipe(epochs=4, learning_rate=0.02)
        callbacks = [Interrupted(batches_left)]
        fitted = fit(model, recipe, data.epochs, data.val, None, callbacks, 0, run)
        return model, fitted

    with pytest.raises(KeyboardInterrupt):
        train(2 * batches + 3)
    before = list(csv.reader(run.results.read_text().splitlines()))
    assert [row[0] for row in before] == ["epoch", "1", "2"]
    assert not run.last.exists()
    assert [path.name for path in run.resume.iterdir()] == ["epoch_0002.npz"]
    model, fitted = train(-1)
    history = fitted.history
    after = list(csv.reader(run.results.read_text().splitlines()))
    assert after[:3] == before
    assert fitted.epoch == [0, 1, 2, 3]
    assert int(model.optimizer.iterations) == 4 * batches
    np.testing.assert_allclose(history["learning_rate"][-1], 0, atol=1e-7)
    assert history["loss"][2] < history["loss"][0]


def test_a_run_that_a_callback_has_ended_stays_ended(data, tmp_path):
    run = create_run({}, tmp_path)
    for _ in range(2):
        stopping = keras.callbacks.EarlyStopping("loss", min_delta=100.0, patience=1)
        recipe = Recipe(epochs=5, learning_rate=0.001)
        fitted = fit(tiny(), recipe, data.epochs, data.val, None, [stopping], 0, run)
        assert fitted.epoch == [0, 1]
        assert run.last.is_file()


def test_the_average_of_the_weights_is_kept_and_goes_on(data, tmp_path):
    """With averaging, the kept model is the average, and a broken run ends as a whole one."""
    recipe = Recipe(epochs=3, learning_rate=0.02, ema=0.8, label_smoothing=0.1, shift=0.1)
    whole, broken = create_run({}, tmp_path), create_run({}, tmp_path)
    model = tiny()
    history = fit(model, recipe, data.epochs, data.val, verbose=0, run=whole).history
    cut = [Interrupted(2 * data.epochs.batches + 1)]
    with pytest.raises(KeyboardInterrupt):
        fit(tiny(), recipe, data.epochs, data.val, None, cut, 0, broken)
    uncut = [Interrupted(-1)]
    again = fit(tiny(), recipe, data.epochs, data.val, None, uncut, 0, broken).history
    np.testing.assert_allclose(again["val_loss"], history["val_loss"], rtol=1e-3)
    images, labels = as_arrays(data.val)
    for run in (whole, broken):
        saved = keras.saving.load_model(run.model)
        accuracy = np.mean(saved.predict(images, verbose=0).argmax(-1) == labels)
        assert accuracy == pytest.approx(max(history["val_accuracy"]), abs=1e-6)


def test_weights_and_optimizer_come_back_equal(data, tmp_path):
    run = create_run({}, tmp_path)
    model = tiny()
    train(model, data, run, epochs=1)
    again = tiny()
    # All epochs are done, so nothing is trained.
    train(again, data, run, epochs=1)
    for ours, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_resumed_run_keeps_the_better_model_of_before(data, tmp_path, monkeypatch):
    run = create_run({}, tmp_path)
    with monkeypatch.context() as patch:
        # Every epoch after the first one is worse.
        patch.setattr(
            fitting.KeepBest, "on_epoch_end", lambda keep, *_: setattr(keep, "best", (2.0, 0.0))
        )
        train(tiny(), data, run, epochs=1)
    run.model.write_bytes(b"the better one")
    train(tiny(), data, run, epochs=2)
    assert run.model.read_bytes() == b"the better one"


def test_a_failed_save_leaves_the_old_model(tmp_path, monkeypatch):
    run = create_run({}, tmp_path)
    run.model.write_text("old")
    keep = fitting.KeepBest(run)
    model = tiny()

    def fails(path):
        path.write_text("half")
        raise OSError("No space left on device")

    monkeypatch.setattr(model, "save", fails)
    started(keep, model)
    with pytest.raises(OSError, match="No space left"):
        keep.on_epoch_end(0, {"val_accuracy": 1.0, "val_loss": 0.0})
    assert run.model.read_text() == "old"
    assert list(run.resume.iterdir()) == []


def test_tables_that_a_kill_left_unfinished_are_read(tmp_path):
    path = tmp_path / "results.csv"
    path.write_bytes(b"epoch,loss\r\n1,0.5\r\n2,0.25\r\n3,0.1")
    assert read_history(path) == {"epoch": [1, 2], "loss": [0.5, 0.25]}
    trim_history(path, 1)
    assert path.read_bytes() == b"epoch,loss\r\n1,0.5\r\n"
    path.write_bytes(b"")
    assert read_history(path) == {"epoch": []}
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="not a table of epochs"):
        read_history(path)
    path.write_text("epoch,loss\n0,low\n")
    with pytest.raises(ValueError, match="line of numbers"):
        read_history(path)


def test_tables_that_count_from_0_are_continued_from_1(tmp_path):
    path = tmp_path / "results.csv"
    path.write_bytes(b"epoch,loss\r\n0,0.5\r\n1,0.25\r\n2,0.1\r\n")
    assert read_history(path) == {"epoch": [1, 2, 3], "loss": [0.5, 0.25, 0.1]}
    trim_history(path, 2)
    assert path.read_bytes() == b"epoch,loss\r\n1,0.5\r\n2,0.25\r\n"


def test_the_best_row_is_the_one_that_is_kept():
    history = {"val_accuracy": [0.5, 0.6, 0.6, 0.6], "val_loss": [0.1, 0.9, 0.8, 0.8]}
    assert best_row(history) == 2


def test_a_dataset_without_an_end_is_refused(data, tmp_path):
    run = create_run({}, tmp_path)
    endless = data.train.repeat()
    with pytest.raises(ValueError, match="known number of batches"):
        fit(tiny(), Recipe(), endless, data.val, run=run)
    with pytest.raises(ValueError, match="`val` must be given with `run`"):
        fit(tiny(), Recipe(), data.train, run=run)
