"""The report as one plain dict: worked out once, each thing said once."""

import json
import math

import pytest

from autofix_nb.data import Quarantine
from autofix_nb.finding import Severity
from autofix_nb.journal import Journal, plain
from autofix_nb.report import build, duration
from tests.runs import epochs, fault, finding, report


def quarantine(*indices):
    samples = Quarantine()
    for index in indices:
        samples.add(fault(index), epoch=0, position=0)
    return samples


def journal(*entries):
    made = Journal(clock=lambda: 0.0)
    for kind, fields in entries:
        made.append(kind, **fields)
    return made


def change(fix="clip_gradients", **fields):
    return "change", {"code": "G01", "step": 100, "fix": fix, "touches": "loop", "says": "it was clipped"} | fields


SAVE = "save", {"step": 50, "after": 0}
RESUME = "resume", {"step": 50, "after": 0}


def race(*candidates, control=2.0, **fields):
    """Return a race of (fix, loss or why it failed, whether it won)."""
    scores = [
        {"fixes": [fix], "says": f"{fix} it", **score(came_to), "won": won, "fresh": False}
        for fix, came_to, won in candidates
    ]
    usual = {"code": "G01", "step": 100, "steps": 20, "taken": 40, "start": score(2.5), "control": score(control)}
    return "race", usual | {"candidates": scores} | fields


def score(came_to):
    failed = came_to if isinstance(came_to, str) else ""
    return {"loss": math.nan if failed else came_to, "goal": math.nan, "failed": failed}


def in_vain(code="G01", step=100):
    return "note", {"code": code, "step": step, "text": "nothing helped"}


def outcome(verdict, fix="clip_gradients", **fields):
    return "outcome", {"code": "G01", "fix": fix, "verdict": verdict, "loss_before": 2.0, "loss_after": 1.0} | fields


@pytest.mark.parametrize(
    ("fields", "headline"),
    [
        pytest.param(
            {},
            "leaves: finished after 0 epochs, 60 steps, 4.2 s. Nothing was found that needed a fix.",
            id="uneventful",
        ),
        pytest.param(
            {"findings": [finding(code="D07", severity=Severity.NOTE)]},
            "leaves: finished after 0 epochs, 60 steps, 4.2 s. Nothing was found that needed a fix.",
            id="a-mere-note",
        ),
        pytest.param({"findings": [finding()]}, "leaves: finished after 0 epochs, 60 steps, 4.2 s.", id="a-warning"),
        pytest.param(
            {"settings": {}, "ending": {}, "status": "running"},
            "running after 0 epochs, 0 steps, 0.0 s. Nothing was found that needed a fix.",
            id="nothing-known",
        ),
        pytest.param(
            {"history": epochs([0.5, 0.75, 0.7]), "ending": {"steps": 30, "seconds": 200, "restored": True}},
            "leaves: finished after 3 epochs, 30 steps, 3 min 20 s. Best val/accuracy 0.7500 in epoch 2, whose weights "
            "were put back. Nothing was found that needed a fix.",
            id="best-put-back",
        ),
        pytest.param(
            {"history": epochs([0.5]), "ending": {"steps": 1, "seconds": 1}},
            "leaves: finished after 1 epoch, 1 step, 1.0 s. Best val/accuracy 0.5000 in epoch 1. "
            "Nothing was found that needed a fix.",
            id="one-of-each",
        ),
        pytest.param(
            {"status": "stopped", "ending": {"steps": 9, "seconds": 1, "why": "the stop button was pressed"}},
            "leaves: stopped after 0 epochs, 9 steps, 1.0 s. It ended early: the stop button was pressed. "
            "Nothing was found that needed a fix.",
            id="stopped",
        ),
        pytest.param(
            {"status": "failed", "journal": journal(("error", {"step": 9, "error": "ValueError: no.\nMore of it"}))},
            "leaves: failed after 0 epochs, 60 steps, 4.2 s. It ended early: ValueError: no.",
            id="failed",
        ),
        pytest.param(
            {"status": "interrupted", "journal": journal(("error", {"step": 9, "error": "KeyboardInterrupt: "}))},
            "leaves: interrupted after 0 epochs, 60 steps, 4.2 s. It ended early: KeyboardInterrupt.",
            id="interrupted",
        ),
        pytest.param(
            {
                "journal": journal(("error", {"error": "ValueError: long ago"}), ("resume", {"step": 3})),
                "findings": [finding(code="R05")],
            },
            "leaves: finished after 0 epochs, 60 steps, 4.2 s. Resumed once.",
            id="failed-and-resumed",
        ),
        pytest.param(
            {
                "quarantine": quarantine(7),
                "settings": {"name": "a", "identity": {"samples": 1400}},
                "findings": [finding()],
            },
            "a: finished after 0 epochs, 60 steps, 4.2 s. 1 of 1400 samples set aside.",
            id="one-sample",
        ),
        pytest.param(
            {"quarantine": quarantine(7), "findings": [finding()]},
            "leaves: finished after 0 epochs, 60 steps, 4.2 s. 1 sample set aside.",
            id="one-sample-of-unknown",
        ),
    ],
)
def test_headline(fields, headline):
    """How it went, in a few short sentences."""
    assert headline == report(**fields)["headline"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (60, "1 min 0 s"),
        (200.9, "3 min 20 s"),
        (3599.8, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_duration_as_people_say_it(seconds, said):
    """No `60.0 s`."""
    assert said == duration(seconds)


@pytest.mark.parametrize(
    ("goals", "higher", "best"),
    [
        ([0.1, 0.3, 0.2], True, (0.3, 2)),
        ([0.1, 0.3, 0.2], False, (0.1, 1)),
        ([0.3, 0.3], True, (0.3, 1)),
        ([math.nan, 0.2], True, (0.2, 2)),
        ([math.inf, 0.2], False, (0.2, 2)),
        ([math.nan, math.nan], True, None),
        ([], True, None),
    ],
    ids=["higher", "lower", "the-first-of-equals", "nan", "infinite", "all-nan", "none"],
)
def test_the_best_epoch(goals, higher, best):
    """The first of the best, as its weights are the ones kept."""
    goal = report(history=epochs(goals, higher_is_better=higher))["goal"]

    assert best == (goal and (goal["best"], goal["best_epoch"]))


def test_the_best_epoch_is_one_of_the_present_goal():
    """Where the goal was replaced on the way, what was measured before cannot be compared."""
    made = epochs([0.97, 0.98, 0.6, 0.8, 0.7])
    for row in made.epochs[2:]:
        row["goal_name"] = "val/mean_recall"
    goal = report(history=made)["goal"]

    assert ("val/mean_recall", 0.8, 4) == (goal["name"], goal["best"], goal["best_epoch"])


def test_the_best_epoch_is_the_newest_that_was_marked():
    """Of epochs with the same goal the loss decided which weights were kept."""
    made = epochs([0.9, 0.9, 0.9])
    for row, marked in zip(made.epochs, (True, True, False), strict=True):
        row["is_best"] = marked

    assert 2 == report(history=made)["goal"]["best_epoch"]


def test_findings_that_say_the_same_are_one():
    """Of samples: all of one code. Of others: those with the same words."""
    findings = [
        finding(code="B02", step=1, says="sample 3 raises", where=("sample 3",)),
        finding(code="B02", step=5, says="sample 4 raises", where=("sample 4",)),
        finding(code="G03", step=6, says="sample 5 has NaN", where=("sample 5",)),
        finding(code="G03", step=7, says="loss is nan", where=("weight a",)),
        finding(code="G03", step=8, says="loss is nan", where=("weight a",)),
        finding(code="G01", step=9, says="loss is nan"),
    ]
    groups = report(findings=findings)["findings"]

    assert [("B02", 2, 1, 5), ("G03", 1, 6, 6), ("G03", 2, 7, 8), ("G01", 1, 9, 9)] == [
        (one["code"], one["count"], one["first_step"], one["last_step"]) for one in groups
    ]
    assert ["sample 3", "sample 4"] == groups[0]["where"]


def test_what_was_found_before_training_is_not_counted_again():
    """The same samples, met on the way, are another finding; and so is another one of the same look."""
    findings = [
        finding(code="B02", title="Broken samples", step=0, says="2 samples", where=("sample 3", "sample 4")),
        finding(code="B02", title="Broken samples", step=0, says="one of another size", where=("sample 5",)),
        finding(code="B02", title="A batch cannot be run", step=0, says="sample 3 raises", where=("sample 3",)),
        finding(code="B02", title="A batch cannot be run", step=6, says="sample 4 raises", where=("sample 4",)),
    ]
    groups = report(findings=findings)["findings"]

    assert [("2 samples", 0, True), ("one of another size", 0, True), ("sample 3 raises", 2, False)] == [
        (one["says"], one["samples"], one["before"]) for one in groups
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        pytest.param([change()], [("clip_gradients", "still watched")], id="no-verdict-yet"),
        pytest.param([change(), outcome("kept")], [("clip_gradients", "kept")], id="kept"),
        pytest.param([change("skip_batch")], [("skip_batch", "kept")], id="proven-at-once"),
        pytest.param([change("split_batch")], [("split_batch", "kept")], id="a-batch-in-parts"),
        pytest.param(
            [change(), outcome("undone"), change("scale_lr"), outcome("kept", "scale_lr")],
            [("clip_gradients", "undone"), ("scale_lr", "kept")],
            id="next-remedy",
        ),
        pytest.param(
            [change(), change(code="L01"), outcome("undone", code="L01"), outcome("kept")],
            [("clip_gradients", "kept"), ("clip_gradients", "undone")],
            id="of-two-illnesses",
        ),
        pytest.param(
            [change("scale_lr"), outcome("undone", "scale_lr"), change("scale_lr"), outcome("kept", "scale_lr")],
            [("scale_lr", "undone"), ("scale_lr", "kept")],
            id="twice",
        ),
        pytest.param(
            [change(number=0), change(number=1), outcome("undone", number=1), outcome("kept", number=0)],
            [("clip_gradients", "kept"), ("clip_gradients", "undone")],
            id="by-number",
        ),
        pytest.param(
            [SAVE, change(number=0), outcome("undone", number=0), RESUME, change(number=0)],
            [("clip_gradients", "still watched")],
            id="what-a-killed-kernel-did-after-its-last-save-does-not-count",
        ),
        pytest.param([change(), ("start", {}), change("scale_lr")], [("scale_lr", "still watched")], id="begun-anew"),
    ],
)
def test_each_change_has_its_own_verdict(entries, said):
    """And what was never judged is not called kept."""
    changes = report(journal=journal(*entries))["changes"]

    assert said == [(one["fix"], one["verdict"]) for one in changes]


def test_changes_are_counted_by_what_came_of_them():
    """Kept ones first; samples set aside and an early end have sentences of their own."""
    entries = [
        *[change(), outcome("undone"), change("scale_lr"), outcome("kept", "scale_lr")],
        *[change("scale_lr"), outcome("kept", "scale_lr"), change("warm_up"), outcome("kept", "warm_up")],
        *[change("early_stop"), change("quarantine", after={"samples": [1]})],
    ]
    said = report(journal=journal(*entries), findings=[finding()])["sentences"]

    assert "Changed on the way: 3 kept (scale_lr twice, warm_up), 1 undone (clip_gradients)." in said


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [("kept", "clip it"), ("undone", ""), ("did not help", ""), ("lifted", ""), (None, "")],
)
def test_only_what_was_kept_is_worth_making_permanent(verdict, shown):
    """A change that was undone, or is still watched, has not shown that it helps."""
    entries = [change(permanent="clip it")] + ([outcome(verdict)] if verdict else [])

    assert shown == report(journal=journal(*entries))["changes"][0]["permanent"]


def test_a_race_is_told_under_its_finding():
    """Once, with each candidate's numbers; what failed has no number, and says why."""
    entries = [race(("scale_lr", 1.0, True), ("warm_up", "far behind", False)), change("scale_lr", number=0)]
    first, second = report(journal=journal(*entries), findings=[finding(), finding(says="again", step=300)])["findings"]

    assert [] == second["races"]
    assert [(1.0, "", True), (None, "far behind", False)] == [
        (one["loss"], one["failed"], one["won"]) for one in first["races"][0]["candidates"]
    ]
    assert {"loss": 2.0, "goal": None, "failed": ""} == first["races"][0]["control"]
    assert all([first["how"], first["why"]])


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        pytest.param(
            [race(("scale_lr", 1.9, False), ("warm_up", 1.8, False)), in_vain()],
            ["Nothing helped against G01 exploding gradients (2 changes tried); the best guess is warm_up."],
            id="with-a-guess",
        ),
        pytest.param(
            [race(("scale_lr", 2.1, False)), in_vain()],
            ["Nothing helped against G01 exploding gradients (1 change tried)."],
            id="all-came-higher",
        ),
        pytest.param(
            [race(("scale_lr", "raised", False), control="numbers went bad"), in_vain()],
            ["Nothing helped against G01 exploding gradients (1 change tried)."],
            id="all-failed",
        ),
        pytest.param(
            [change(), outcome("undone"), in_vain(step=150)],
            ["Nothing helped against G01 exploding gradients (1 change tried)."],
            id="not-raced",
        ),
        pytest.param(
            [race(("scale_lr", 1.9, False)), in_vain(), change(step=400), outcome("kept")], [], id="helped-later"
        ),
        pytest.param(
            [race(("scale_lr", 1.9, False)), in_vain(), change("scale_lr", code="L01", step=100)],
            [],
            id="another-treatment-helped-later",
        ),
        pytest.param(
            [race(("scale_lr", 2.1, False)), in_vain(), change("early_stop", code="L05", step=400)],
            ["Nothing helped against G01 exploding gradients (1 change tried)."],
            id="what-came-later-is-no-treatment",
        ),
        pytest.param([in_vain("L05")], [], id="of-no-finding"),
        pytest.param([("note", {"step": 100, "text": "a worker died"})], [], id="another-note"),
    ],
)
def test_nothing_helped_is_said_with_the_best_guess(entries, said):
    """Unless something helped later."""
    made = report(journal=journal(*entries), findings=[finding()])

    assert said == [one for one in made["sentences"] if one.startswith("Nothing helped")]


def test_what_was_trained_besides_is_said():
    """Steps of races and range tests, epochs on top, and beginning again."""
    fresh = {"fixes": ["scale_lr"], "says": "x", **score(1.0), "won": True, "fresh": True}
    entries = [race(candidates=[fresh]), ("range test", {"step": 100, "steps": 60, "says": "x"})]
    made = report(journal=journal(*entries), ending={"extra_epochs": 1}, findings=[finding()])

    assert {"steps": 100, "epochs": 1, "restarts": [100]} == made["extra"]
    assert [
        "It began again from its first weights at step 100.",
        "Trained besides: 100 steps on the side, 1 epoch on top of those asked for.",
    ] == made["sentences"][-2:]


def test_what_was_changed_before_training_comes_first():
    """Of the last start alone, with its own verdict and its own sentence."""
    prepared = {"code": "D09", "fix": "shuffle", "says": "in a new order", "permanent": "shuffle=True", "step": 0}
    entries = [
        ("start", {}),
        ("prepared", prepared | {"fix": "standardise"}),
        ("start", {}),
        ("prepared", prepared),
        change(),
        outcome("kept"),
    ]
    made = report(journal=journal(*entries), findings=[finding()])

    assert [("shuffle", "before training"), ("clip_gradients", "kept")] == [
        (one["fix"], one["verdict"]) for one in made["changes"]
    ]
    assert "shuffle=True" == made["changes"][0]["permanent"]
    assert "Changed before training: shuffle. Changed on the way: 1 kept (clip_gradients)." in made["headline"]


def test_samples_set_aside_are_one_change():
    """Each sample once, though the journal of a killed kernel has it twice; numbers in their order."""
    entries = [
        change(step=3),
        change("quarantine", code="B02", step=5, after={"samples": [10, 9]}),
        change("quarantine", code="B02", step=5, after={"samples": [10, 9]}),
        change("quarantine", code="G03", step=8, after={"samples": ["a"]}),
    ]
    one = report(journal=journal(*entries))["changes"][0]

    assert ("quarantine", "B02, G03", 5, "kept") == (one["fix"], one["code"], one["step"], one["verdict"])
    assert "3 samples set aside; the rest of the batches went on" == one["says"]
    assert "bad = set([9, 10, 'a'])" in one["permanent"]


def test_the_permanent_lines_of_a_quarantine_are_code_that_does_it():
    """Run on a data set of six, they leave two out."""
    entries = [change("quarantine", code="B02", after={"samples": [4, 1]})]
    code = report(journal=journal(*entries))["changes"][0]["permanent"].rsplit("\n", 1)[0]
    names = {"data": list("abcdef")}
    exec(code, names)  # noqa: S102

    assert [0, 2, 3, 5] == names["kept"]


def test_suggestions_skips_and_samples_are_listed():
    """With what somebody needs to decide."""
    made = report(
        journal=journal(("suggestion", {"code": "G01", "fix": "scale_lr", "says": "half the rate", "step": 3})),
        history=epochs([0.5, 0.5], skipped=2),
        quarantine=quarantine(7, 8),
    )

    assert [{"code": "G01", "fix": "scale_lr", "says": "half the rate"}] == made["suggestions"]
    assert 4 == made["skipped"]
    assert (2, {"raises": 2}, [7, 8]) == (
        made["quarantine"]["count"],
        made["quarantine"]["kinds"],
        [one["index"] for one in made["quarantine"]["list"]],
    )


def test_the_report_is_a_copy():
    """What somebody does to it does not change the run."""
    run = epochs([0.5])
    report(history=run)["table"][0]["goal"] = 9.0

    assert 0.5 == run.epochs[0]["goal"]


def test_it_is_valid_json_whatever_the_numbers():
    """NaN and infinities are text."""
    run = epochs([-math.inf], loss=math.nan)
    made = report(history=run, findings=[finding(measured=math.nan, limit=math.inf)], ending={"seconds": 1.0})

    assert "nan" == json.loads(json.dumps(plain(made), allow_nan=False))["table"][0]["loss"]


def test_building_needs_no_folder():
    """Everything is passed in."""
    with pytest.raises(TypeError):
        build()


F1S = {"val/threshold": 0.25, "val/f1_at_half": 0.4, "val/f1_at_threshold": 0.6}
BEST_OF_TWO = [F1S | {"val/threshold": 0.125, "val/f1_at_threshold": 0.5}, F1S]


@pytest.mark.parametrize(
    ("columns", "fields", "said"),
    [
        pytest.param([F1S, F1S], {}, None, id="not-found"),
        pytest.param([{}, {}], {"findings": [finding(code="L09")]}, None, id="not-measured"),
        pytest.param(
            BEST_OF_TWO,
            {"findings": [finding(code="L09")]},
            "of 0.25 on: F1 0.600 on validation data, 0.400",
            id="found",
        ),
        pytest.param(
            BEST_OF_TWO,
            {"journal": journal(change("tune_threshold", code="L09"))},
            "of 0.25 on: F1 0.600 on validation data, 0.400",
            id="tuned",
        ),
        pytest.param(
            BEST_OF_TWO,
            {"findings": [finding(code="L09")], "ending": {"restored": True}},
            "of 0.12 on: F1 0.500 on validation data, 0.400",
            id="of-the-weights-put-back",
        ),
        pytest.param(
            [F1S, F1S | {"val/f1_at_threshold": 0.4}],
            {"findings": [finding(code="L09")]},
            None,
            id="no-better-any-more",
        ),
    ],
)
def test_the_decision_threshold_is_that_of_the_last_weights(columns, fields, said):
    """With F1 at it and at 0.5 beside each other."""
    table = epochs([0.75, 0.5])
    for row, values in zip(table.epochs, columns, strict=True):
        row |= values
    sentences = [one for one in report(history=table, **fields)["sentences"] if one.startswith('"Yes"')]

    assert ([] if said is None else [f'"Yes" is best said from a probability {said} from 0.5 on.']) == sentences
