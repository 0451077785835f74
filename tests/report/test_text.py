"""The report as text."""

import pytest

from autofix_nb.detectors import DETECTORS
from autofix_nb.report import to_text
from autofix_nb.report.text import MOST_LISTED, finding_line, verdict
from tests.report.test_build import change, in_vain, journal, outcome, quarantine, race
from tests.runs import epochs, finding, report

HOW = {one.code: one.how[:1].lower() + one.how[1:].rstrip(".") for one in DETECTORS}


def test_an_uneventful_run_is_three_lines():
    """Nothing to list."""
    assert (
        "It ran well.\nleaves: finished after 0 epochs, 60 steps, 4.2 s.\nNothing was found that needed a fix."
        == to_text(report())
    )


def test_everything_that_happened_is_listed_once():
    """Golden text of an eventful run."""
    entries = [
        change(),
        outcome("undone", loss_after=3.0),
        race(("clip_gradients", 1.5, True), ("scale_lr", "far behind", False)),
        race(("scale_lr", 1.9, False), code="L05", step=150),
        in_vain("L05", step=150),
        ("suggestion", {"code": "G01", "fix": "scale_lr", "says": "half the rate"}),
    ]
    made = report(
        settings={"name": "leaves", "told": ["cross-entropy over 3 classes"]},
        journal=journal(*entries),
        findings=[
            *[finding(), finding(step=150)],
            finding(code="L05", title="Underfitting", says="it is high"),
            finding(code="D07", title="Missing values", says="one is", step=0),
        ],
        quarantine=quarantine(7),
        history=epochs([0.5]),
        ending={"steps": 10, "seconds": 1, "problems": ["validation sample 3 raises"]},
    )

    assert to_text(made) == (
        "Something is wrong that nothing tried could mend: L05 Underfitting.\n"
        "leaves: finished after 1 epoch, 10 steps, 1.0 s.\n"
        "Best val/accuracy 0.5000 in epoch 1.\n"
        "1 sample set aside.\n"
        "Changed on the way: 1 undone (clip_gradients).\n"
        "Nothing helped against L05 underfitting (1 change tried); the best guess is scale_lr.\n"
        "Trained besides: 80 steps on the side.\n"
        "Fixes were suggested and not applied: the report lists them.\n"
        "1 thing to look at in the report.\n"
        "cross-entropy over 3 classes\n"
        "\n"
        "Found\n"
        "  G01 Exploding gradients: gradient norm 500, limit 100 (2 times, first at step 100)\n"
        f"    measured: {HOW['G01']}\n"
        "    At step 100, 2 changes were tried on the side for 20 steps each:\n"
        "      nothing, as it was: loss 2\n"
        "      clip_gradients it: loss 1.5 <- taken over\n"
        "      scale_lr it: far behind\n"
        "  L05 Underfitting: it is high (step 100)\n"
        f"    measured: {HOW['L05']}\n"
        "    At step 150, 1 change was tried on the side for 20 steps each:\n"
        "      nothing, as it was: loss 2\n"
        "      scale_lr it: loss 1.9\n"
        "      None was decisively better: nothing was changed.\n"
        "  D07 Missing values: one is (before training)\n"
        "\n"
        "Done\n"
        "  clip_gradients, against G01 at step 100: it was clipped (undone: loss 2 before, 3 after)\n"
        "\n"
        "Suggested, not done\n"
        "  scale_lr for G01: half the rate\n"
        "\n"
        "Set aside: 1 raises\n"
        "  sample 7 raises: ValueError: broken\n"
        "\n"
        "Said on the way\n"
        "  validation sample 3 raises"
    )


@pytest.mark.parametrize("more", [0, 1, 5])
def test_long_lists_are_cut_and_counted(more):
    """The first ones, and how many more."""
    text = to_text(report(quarantine=quarantine(*range(MOST_LISTED + more))))

    assert MOST_LISTED == text.count("\n  sample ")
    assert (f"and {more} more" in text) == (more > 0)


def test_a_finding_said_once_has_its_step():
    """And one said often has the first."""
    one = report(findings=[finding(step=7)])["findings"][0]

    assert finding_line(one).endswith("limit 100 (step 7)")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (2.0, 1.0, "kept: loss 2 before, 1 after"),
        (None, None, "kept"),
        ("nan", 1.0, "kept"),
    ],
)
def test_verdict_has_the_numbers_where_there_are_any(before, after, said):
    """NaN before is no number."""
    numbers = {"before": before, "after": after, "goal_before": None, "goal_after": None}

    assert said == verdict({"verdict": "kept", "raced": False} | numbers)


def test_what_won_a_race_is_compared_with_going_on_without_it():
    """By the loss and by the goal."""
    numbers = {"before": 2.0, "after": 0.5, "goal_before": 0.25, "goal_after": 0.75}

    assert "kept: loss 2 without it, 0.5 with it; val/f1 0.25 without it, 0.75 with it" == verdict(
        {"verdict": "kept", "raced": True} | numbers, "val/f1"
    )


def test_the_code_that_makes_it_permanent_is_shown_once():
    """Each line of it, of what was kept only."""
    kept = [change(permanent="a\nb"), outcome("kept"), change(permanent="a\nb"), outcome("kept")]
    text = to_text(report(journal=journal(*kept, change("scale_lr", permanent="c"))))

    assert text.endswith("\n\nMake it permanent\n  a\n  b")
