"""`funcgrad.train`: steps against a loop by hand, metrics against brute force, files, stopping, pictures."""

from __future__ import annotations

import itertools
import json
import math
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import checkpointing, optim, random, train, tree
from funcgrad.train.tensorboard import _masked, crc32c

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=20)
PARAMS = {"w": np.array([0.5, -1.0, 2.0]), "b": np.float32([0.25])}
BATCH = {"x": X, "y": Y}


def loss(params: Any, batch: Any) -> Any:
    return np.mean((batch["x"] @ params["w"] + params["b"][0] - batch["y"]) ** 2)


# --- steps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True])
def test_step_against_the_loop_by_hand(jit: bool) -> None:
    optimizer = optim.adam(0.1)
    step = train.make_step(loss, optimizer, clip=0.7, metrics=lambda p, b: {"bias": p["b"][0]}, jit=jit)
    state = train.TrainState.create(PARAMS, optimizer)
    params, opt_state = PARAMS, optimizer.init(PARAMS)
    for count in range(1, 4):
        value, gradient = fg.value_and_grad(loss)(params, BATCH)
        norm = math.sqrt(sum(float(np.sum(np.float64(g) ** 2)) for g in gradient.values()))
        state, metrics = step(state, BATCH)
        assert metrics.keys() == {"loss", "gradient_norm", "bias"} and metrics["bias"] == params["b"][0]
        np.testing.assert_allclose([metrics["loss"], metrics["gradient_norm"]], [value, norm], rtol=1e-6)
        clipped = {k: (g * min(1.0, 0.7 / norm)).astype(g.dtype) for k, g in gradient.items()}
        updates, opt_state = optimizer.update(clipped, opt_state, params)
        params = optim.apply_updates(params, updates)
        for name in params:
            assert state.params[name].dtype == params[name].dtype
            np.testing.assert_allclose(state.params[name], params[name], rtol=1e-5)
        assert int(state.step) == count and state.step.dtype == np.int64
    assert PARAMS["b"][0] == 0.25


def test_keys_extra_and_aux() -> None:
    def noisy(w: Any, mean: Any, x: Any, key: Any) -> Any:
        mean = 0.9 * mean + 0.1 * np.mean(x)
        return w * random.normal(key), mean, {"mean": mean}

    optimizer = optim.sgd(1.0)
    step = train.make_step(noisy, optimizer, has_aux=True, with_key=True, with_extra=True)
    state = train.TrainState.create(np.float64(1.0), optimizer, key=random.key(3), extra=np.float64(0.0))
    key, w, mean = random.key(3), 1.0, 0.0
    for _ in range(3):
        state, metrics = step(state, np.ones(4))
        key, now = random.split(key)
        w, mean = w - random.normal(now), 0.9 * mean + 0.1
        np.testing.assert_allclose([state.params, state.extra, metrics["mean"]], [w, mean, mean], rtol=1e-12)
        np.testing.assert_array_equal(state.key, key)
    plain = train.make_step(lambda w, x: (w * x, "text" and x), optimizer, has_aux=True)
    assert plain(train.TrainState.create(np.float64(1.0), optimizer), np.float64(2.0))[1]["aux"] == 2


def test_zero_gradients_survive_clipping() -> None:
    step = train.make_step(lambda w, x: np.sum(w * 0 * x), optim.sgd(1.0), clip=1.0)
    state, metrics = step(train.TrainState.create(np.ones(2), optim.sgd(1.0)), 1.0)
    assert state.params.tolist() == [1, 1] and metrics["gradient_norm"] == 0


def test_donation_changes_no_number() -> None:
    optimizer = optim.sgd(0.1)
    donating, plain = (train.make_step(loss, optimizer, donate=d) for d in (True, False))
    states = [train.TrainState.create(tree.map(np.array, PARAMS), optimizer) for _ in range(2)]
    for _ in range(3):
        states = [step(state, BATCH)[0] for step, state in zip((donating, plain), states)]
    assert donating.donate_argnums == (0,) and plain.donate_argnums == ()
    for a, b in zip(tree.leaves(states[0]), tree.leaves(states[1]), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_epoch_is_the_loop_over_its_batches() -> None:
    optimizer = optim.sgd(0.05, momentum=0.9)
    epoch = train.make_epoch(loss, optimizer, 6)
    state = train.TrainState.create(PARAMS, optimizer, key=random.key(1))
    after, metrics = epoch(state, BATCH)
    key, now = random.split(state.key)
    order, by_hand, losses = random.permutation(now, 20), state, []
    step = train.make_step(loss, optimizer, jit=False)
    for i in range(3):
        rows = order[6 * i : 6 * i + 6]
        by_hand, found = step(by_hand, {"x": X[rows], "y": Y[rows]})
        losses.append(found["loss"])
    np.testing.assert_allclose(metrics["loss"], losses, rtol=1e-6)
    np.testing.assert_allclose(after.params["w"], by_hand.params["w"], rtol=1e-6)
    np.testing.assert_array_equal(after.key, key)
    assert int(after.step) == 3


def test_the_state_survives_a_file(tmp_path: Path) -> None:
    optimizer = optim.adam(0.1)
    step = train.make_step(loss, optimizer)
    state, _ = step(train.TrainState.create(PARAMS, optimizer, key=random.key(0)), BATCH)
    checkpointing.save(tmp_path / "a", state)
    back = checkpointing.load(tmp_path / "a", like=train.TrainState.create(PARAMS, optimizer, key=random.key(9)))
    for a, b in zip(tree.leaves(step(state, BATCH)), tree.leaves(step(back, BATCH)), strict=True):
        assert a.dtype == b.dtype and np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_step_errors() -> None:
    optimizer = optim.sgd(0.1)
    state = train.TrainState.create(np.float64(1.0), optimizer)
    with pytest.raises(ValueError, match=r"the loss takes a key, and the state has none.\nFix: TrainState.create"):
        train.make_step(lambda w, x, key: w, optimizer, with_key=True)(state, 1.0)
    with pytest.raises(ValueError, match=r"the loss must return \(value, aux\), got"):
        train.make_step(lambda w, x: w, optimizer, has_aux=True)(state, 1.0)
    with pytest.raises(ValueError, match="two metrics have the name 'loss'"):
        train.make_step(lambda w, x: (w, {"loss": w}), optimizer, has_aux=True)(state, 1.0)
    with pytest.raises(ValueError, match="make_epoch: size must be at least 1, got 0"):
        train.make_epoch(lambda w, x: w, optimizer, 0)
    with pytest.raises(ValueError, match="the state has no key to shuffle by"):
        train.make_epoch(lambda w, x: w, optimizer, 2)(state, np.ones(4))
    with pytest.raises(ValueError, match=r"batches of 5 need a common first axis as long, got \[4\]"):
        train.make_epoch(lambda w, x: w, optimizer, 5)(state._replace(key=random.key(0)), np.ones(4))


# --- metrics ----------------------------------------------------------------------------------------------------------

SCORES = np.round(RNG.normal(size=(40, 4)), 1)  # rounded, so that there are ties
LABELS = RNG.integers(0, 4, 40)
PREDICTED = SCORES.argmax(axis=-1)
BINARY, SCORE = (LABELS > 1).astype(int), np.round(RNG.normal(size=40), 1)


def share(a: float, b: float) -> float:
    return a / b if b else 0.0


def brute(k: int) -> tuple[int, int, int]:
    """Hits, predicted and true numbers of a class."""
    pairs = list(zip(PREDICTED.tolist(), LABELS.tolist()))
    return sum(p == t == k for p, t in pairs), sum(p == k for p, _ in pairs), sum(t == k for _, t in pairs)


def brute_auc() -> float:
    positive, negative = SCORE[BINARY == 1], SCORE[BINARY == 0]
    return float(np.mean([(p > n) + 0.5 * (p == n) for p, n in itertools.product(positive, negative)]))


COUNTS = [brute(k) for k in range(4)]
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(axis=-1, keepdims=True)
OWN = PROBABILITIES[np.arange(40), LABELS]
TARGETS = RNG.normal(size=(6, 2))
GUESSES = TARGETS + RNG.normal(size=(6, 2))
RESIDUAL = [1 - np.sum((t - p) ** 2) / np.sum((t - t.mean()) ** 2) for t, p in zip(TARGETS.T, GUESSES.T)]

METRICS: dict[str, tuple[Any, Any, Any]] = {
    "accuracy": (train.accuracy, (SCORES, LABELS), sum(map(int, PREDICTED == LABELS)) / 40),
    "accuracy of classes": (train.accuracy, (PREDICTED, LABELS), sum(map(int, PREDICTED == LABELS)) / 40),
    "top 2": (
        lambda s, y: train.top_k_accuracy(s, y, 2), (SCORES, LABELS),
        np.mean([y in np.argsort(-s, kind="stable")[:2] for s, y in zip(SCORES, LABELS)]),
    ),
    "confusion": (
        lambda s, y: train.confusion_matrix(s, y, 4), (SCORES, LABELS),
        [[sum((i == LABELS) & (j == PREDICTED)) for j in range(4)] for i in range(4)],
    ),
    "precision": (lambda s, y: train.precision(s, y, 4, None), (SCORES, LABELS), [share(h, p) for h, p, _ in COUNTS]),
    "precision macro": (
        lambda s, y: train.precision(s, y, 5, "macro"), (SCORES, LABELS), sum(share(h, p) for h, p, _ in COUNTS) / 5,
    ),
    "precision micro": (lambda s, y: train.precision(s, y, 4, "micro"), (SCORES, LABELS), np.mean(PREDICTED == LABELS)),
    "recall": (lambda s, y: train.recall(s, y, 4, None), (SCORES, LABELS), [share(h, t) for h, _, t in COUNTS]),
    "recall binary": (lambda s, y: train.recall(s, y, 4), (SCORES, LABELS), share(COUNTS[1][0], COUNTS[1][2])),
    "f1": (lambda s, y: train.f1(s, y, 4, None), (SCORES, LABELS), [share(2 * h, p + t) for h, p, t in COUNTS]),
    "f1 binary": (train.f1, (np.array([0, 0]), np.array([0, 0])), 0.0),
    "auc": (train.roc_auc, (SCORE, BINARY), brute_auc()),
    "auc of one class": (train.roc_auc, (SCORE, BINARY * 0), math.nan),
    "perplexity": (train.perplexity, (SCORES, LABELS), math.exp(-np.log(OWN).mean())),
    "perplexity masked": (
        train.perplexity, (SCORES, LABELS, np.arange(40) < 7), math.exp(-np.log(OWN[:7]).mean()),
    ),
    "r2": (train.r2, (GUESSES, TARGETS), np.mean(RESIDUAL)),
    "r2 of one": (train.r2, (GUESSES[:, 0], TARGETS[:, 0]), RESIDUAL[0]),
    "r2 constant": (train.r2, (np.array([[1.0, 2.0], [1.0, 3.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])), 0.5),
    "absolute": (train.mean_absolute_error, (GUESSES, TARGETS), np.mean([abs(v) for v in (GUESSES - TARGETS).flat])),
    "squared": (train.mean_squared_error, (GUESSES, TARGETS), np.mean([v * v for v in (GUESSES - TARGETS).flat])),
}  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_metrics_against_brute_force(name: str) -> None:
    f, args, expected = METRICS[name]
    value = f(*args)
    if expected is not None:
        np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(fg.jit(f)(*args), value, rtol=1e-12)


def test_errors_of_unsigned_integers_do_not_wrap_around() -> None:
    p, t = np.array([1, 2, 250], np.uint8), np.array([2, 1, 5], np.uint8)
    assert train.mean_absolute_error(p, t) == (1 + 1 + 245) / 3
    assert train.mean_squared_error(p, t) == (1 + 1 + 245**2) / 3
    assert train.r2(p, t) == train.r2(p.astype(np.float64), t.astype(np.float64))
    assert train.mean_absolute_error(np.array([True, False]), np.array([False, False])) == 0.5
    assert train.mean_squared_error(np.float32([1.0]), np.float32([0.5])).dtype == np.float32


def test_scores_that_are_nan_are_not_right() -> None:
    scores = np.array([[np.nan, np.nan, np.nan], [np.nan, 2.0, 1.0], [0.0, 2.0, 1.0]])
    assert train.top_k_accuracy(scores, np.array([1, 1, 1]), k=2) == 2 / 3  # NaN counts as larger than 2
    assert train.top_k_accuracy(scores, np.array([1, 2, 0]), k=2) == 0


EMPTY = {
    train.accuracy: (np.zeros((0, 3)), np.zeros(0, int)), train.top_k_accuracy: (np.zeros((0, 3)), np.zeros(0, int)),
    train.perplexity: (np.zeros((0, 3)), np.zeros(0, int)), train.roc_auc: (np.zeros(0), np.zeros(0)),
    train.mean_absolute_error: (np.zeros(0), np.zeros(0)), train.mean_squared_error: (np.zeros(0), np.zeros(0)),
    train.r2: (np.zeros((0, 2)), np.zeros((0, 2))),
}  # fmt: skip


@pytest.mark.parametrize("metric", EMPTY, ids=lambda f: f.__name__)
def test_metrics_of_nothing_are_nan_without_a_warning(metric: Any) -> None:
    for f in (metric, fg.jit(metric)):
        assert math.isnan(f(*EMPTY[metric])) and np.asarray(f(*EMPTY[metric])).dtype == np.float64


def test_labels_that_are_no_class() -> None:
    scores = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    for label in (-1, -100, 3, 255):
        labels = np.array([2, label, 1])
        for top, perplexity in (
            (train.top_k_accuracy, train.perplexity),
            (fg.jit(train.top_k_accuracy, static_argnames="k"), fg.jit(train.perplexity)),
        ):
            assert top(scores, labels, k=1) == 2 / 3 == top(scores, labels, k=3)
            assert math.isnan(perplexity(scores, labels))
            np.testing.assert_allclose(
                perplexity(scores, labels, labels == 2), train.perplexity(scores[:1], labels[:1])
            )
            assert math.isnan(perplexity(scores, labels, labels == 7))


def test_area_under_the_curve_of_nan() -> None:
    for f in (train.roc_auc, fg.jit(train.roc_auc)):
        assert math.isnan(f(np.array([0.1, np.nan, 0.3, 0.2]), np.array([0, 1, 1, 0])))
        assert f(np.array([-np.inf, np.inf, 0.3, 0.2]), np.array([0, 1, 1, 0])) == 1.0


def test_metric_errors() -> None:
    for f, args, message in (
        (train.accuracy, (np.ones((3, 2)), np.ones(4)), r"predictions \(3,\) do not fit labels \(4,\).\nFix"),
        (train.top_k_accuracy, (np.ones(3), np.ones(3, int)), r"scores must be \[..., classes\]"),
        (train.roc_auc, (np.ones(3), np.ones((3, 1))), r"shape \(3,\) and targets \(3, 1\)"),
        (train.roc_auc, (np.ones((3, 1)), np.ones((3, 1))), r"must be \[n\], got \(3, 1\)"),
        (train.perplexity, (np.ones((3, 2)), np.ones(2, int)), r"logits must be \[..., classes\]"),
        (train.r2, (np.ones(3), np.ones((3, 1))), "give both one"),
    ):
        with pytest.raises(ValueError, match=message):
            f(*args)
    with pytest.raises(ValueError, match="average must be 'macro', 'micro', 'binary' or None, got 'mean'"):
        train.f1(np.ones(3, int), np.ones(3, int), average="mean")


# --- histories --------------------------------------------------------------------------------------------------------


def test_history_and_its_files(tmp_path: Path) -> None:
    history = train.History()
    history.append({"loss": np.float32(0.5), "norm": np.array(2.0)})
    history.append(loss=math.nan, vector=np.array([1.0, math.inf]))
    history.extend({"loss": np.array([3.0, 4.0]), "norm": [1, 2]})
    assert history["norm"] == [2.0, None, 1, 2] and history["vector"] == [None, [1.0, math.inf], None, None]
    assert history.length == 4 and history.last("norm") == 2
    history.to_jsonl(tmp_path / "h.jsonl")
    assert json.loads((tmp_path / "h.jsonl").read_text().splitlines()[1]) == {"loss": "nan", "vector": [1.0, "inf"]}
    back = train.History.from_jsonl(tmp_path / "h.jsonl")
    assert back["norm"] == history["norm"] and math.isnan(back["loss"][1]) and back["vector"] == history["vector"]
    with open(tmp_path / "h.jsonl", "a") as file:
        file.write('{"loss": 1')  # cut short by a crash
    assert train.History.from_jsonl(tmp_path / "h.jsonl").length == 4
    (tmp_path / "bad.jsonl").write_text("x\n{}\n")
    with pytest.raises(ValueError, match="line 1 is not JSON: 'x'"):
        train.History.from_jsonl(tmp_path / "bad.jsonl")
    history.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text().splitlines()[::3] == ["loss,norm,vector", "3.0,1,"]
    with pytest.raises(KeyError, match="there is no 'x' yet; there are"):
        history.last("x")
    with pytest.raises(ValueError, match="columns differ in length"):
        history.extend({"a": [1], "b": [1, 2]})
    for scalar in (2.0, np.float64(2.0), "two", None):
        with pytest.raises(ValueError, match="has no axis that counts rows"):
            history.extend({"a": scalar})


def test_loggers_continue_their_files(tmp_path: Path) -> None:
    for kind, name in ((train.CSVLogger, "a.csv"), (train.JSONLLogger, "a.jsonl")):
        for step in (1, 2):
            with kind(tmp_path / name) as log:
                log.write({"step": step}, loss=np.float64(1 / step))
    assert (tmp_path / "a.csv").read_text().split() == ["step,loss", "1,1.0", "2,0.5"]
    assert train.History.from_jsonl(tmp_path / "a.jsonl") == {"step": [1, 2], "loss": [1.0, 0.5]}
    for kind, name, rest in ((train.CSVLogger, "a.csv", "3,0."), (train.JSONLLogger, "a.jsonl", '{"step": 3, "lo')):
        with open(tmp_path / name, "a") as file:
            file.write(rest)  # cut short by a crash
        with kind(tmp_path / name) as log:
            log.write(step=3, loss=0.25)
    assert (tmp_path / "a.csv").read_text().split() == ["step,loss", "1,1.0", "2,0.5", "3,0.25"]
    assert train.History.from_jsonl(tmp_path / "a.jsonl") == {"step": [1, 2, 3], "loss": [1.0, 0.5, 0.25]}
    with train.CSVLogger(tmp_path / "a.csv") as log, pytest.raises(ValueError, match=r"\['norm'\] are no columns"):
        log.write(norm=1)
    with train.CSVLogger(tmp_path / "a.csv", append=False) as log:
        log.write(norm=1)
    assert (tmp_path / "a.csv").read_text().split() == ["norm", "1"]


def test_early_stopping() -> None:
    stopping = train.EarlyStopping(patience=2, min_delta=0.1, mode="max")
    assert [stopping.update(v, v) for v in (1.0, 1.05, math.nan, 1.2, 1.2, 1.1, 1.3)] == [False] * 6 + [True]
    assert stopping.best == stopping.best_params == 1.2
    with pytest.raises(ValueError, match="mode must be 'min' or 'max'"):
        train.EarlyStopping(mode="least")


def test_tensorboard_records(tmp_path: Path) -> None:
    with train.TensorBoardWriter(tmp_path) as board:
        board.write(300, {"loss": 0.5}, rate=np.float32(2))
    (path,) = tmp_path.iterdir()
    raw, events = path.read_bytes(), []
    while raw:
        length = struct.unpack("<Q", raw[:8])[0]
        event = raw[12 : 12 + length]
        assert raw[8:12] == _masked(raw[:8]) and raw[12 + length : 16 + length] == _masked(event)
        events.append(event)
        raw = raw[16 + length :]
    assert events[0][9:] == b"\x1a\x0dbrain.Event:2" and events[0][0] == 9
    assert events[1][9:12] == b"\x10\xac\x02"  # 300 in seven bits at a time
    values = b"\x0a\x0b\x0a\x04loss\x15" + struct.pack("<f", 0.5) + b"\x0a\x0b\x0a\x04rate\x15" + struct.pack("<f", 2)
    assert events[1][12:] == b"\x2a" + bytes([len(values)]) + values
    assert crc32c(bytes(32)) == 0x8A9136AA and crc32c(b"\xff" * 32) == 0x62A8AB43  # RFC 3720, B.4


# --- learning rates, pictures -----------------------------------------------------------------------------------------


def test_learning_rate_finder() -> None:
    trial = train.learning_rate_finder(loss, PARAMS, [BATCH], stop=100.0, steps=60)
    assert len(trial.rates) == len(trial.losses) == len(trial.smooth) < 60  # it explodes before the end
    assert trial.smooth[-1] > 4 * trial.smooth.min() or not np.isfinite(trial.smooth[-1])
    eigenvalue = np.linalg.eigvalsh(2 * X.T @ X / 20).max()
    assert 1e-3 < trial.suggestion < 2 / eigenvalue * 2  # beyond 2 / eigenvalue, steps diverge
    momentum = train.learning_rate_finder(loss, PARAMS, [BATCH], optimizer=optim.adam, steps=30, jit=False)
    assert len(momentum.rates) == 30 and PARAMS["b"][0] == 0.25
    with pytest.raises(ValueError, match="needs 0 < start < stop and 3 steps"):
        train.learning_rate_finder(loss, PARAMS, [BATCH], start=1.0, stop=0.5)
    with pytest.raises(ValueError, match=r"only 0 of the losses are finite.\nFix: begin with a smaller rate"):
        train.learning_rate_finder(loss, PARAMS, [])
    with pytest.raises(ValueError, match="only 0 of the losses are finite"):
        train.learning_rate_finder(lambda w, x: w * np.nan, np.float64(1.0), [1.0], jit=False)


def test_pictures(tmp_path: Path) -> None:
    history = {
        "step": [10, 20, 30, 40],
        "loss": [4.0, 3.0, None, 1.0],
        "test_loss": [4.0, 3.5, 3.0, 2.5],
        "accuracy": [0.1] * 4,
    }
    figure = train.plot_history(history, x="step", smooth=2, log=True, path=tmp_path / "h.png")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert (tmp_path / "h.png").read_bytes()[:4] == b"\x89PNG"
    raw, mean = figure.axes[0].lines[:2]
    assert raw.get_xdata().tolist() == [10, 20, 40] and mean.get_ydata().tolist() == [3.5, 2.0]
    with pytest.raises(KeyError, match="there is no 'x'; there are"):
        train.plot_history(history, ["x"])
    gradients = [{"a": np.array([3.0, 4.0]) * k, "b": np.zeros(2)} for k in (1, 2, 3)]
    bars = train.plot_gradient_norms(gradients).axes[0]
    assert bars.patches[0].get_width() == 10 and bars.patches[1].get_width() < 1
    layers = train.plot_gradient_norms([{"w": np.ones(2)}, {"w": np.ones(2), "b": np.ones(1)}]).axes[0]
    assert len(layers.patches) == 3
    trial = train.learning_rate_finder(loss, PARAMS, [BATCH], steps=10, jit=False)
    assert train.plot_learning_rates(trial).axes[0].get_xscale() == "log"


def test_pictures_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        ImportError, match=r"plot_history draws with matplotlib, which is not installed.\nFix: pip install"
    ):
        train.plot_history({"loss": [1.0]})
