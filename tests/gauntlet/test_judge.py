"""What rows of a gauntlet count as."""

from typing import Any

import pytest

from tests.gauntlet import judge, summary


def row(score: float = 90.0, **fields: Any) -> dict[str, Any]:
    """Return a row of a sick case in an arm."""
    usual = {
        "case": "rate of 3",
        "arm": "ours",
        "seed": 0,
        "half": "seen",
        "aim": "rescue",
        "codes": ["L01"],
        "score": score,
        "threshold": None,
        "steps": 100,
        "planned": 100,
        "seconds": 1.0,
        "findings": [],
        "interventions": [],
        "error": "",
    }
    return usual | fields


def seeds(scores: list[float], **fields: Any) -> list[dict[str, Any]]:
    """Return a row for each score, with seeds from 0."""
    return [row(score, seed=seed, **fields) for seed, score in enumerate(scores)]


SICK = seeds([10.0] * 5, arm="plain")
TWINS = seeds([95.0] * 5, arm="twin")


@pytest.mark.parametrize(
    ("scores", "share", "rescued"),
    [
        pytest.param([91, 91, 91, 91, 91], 1.0, True, id="all within five points"),
        pytest.param([91, 91, 91, 91, 10], 0.8, True, id="four of five"),
        pytest.param([91, 91, 91, 10, 10], 0.6, False, id="three of five"),
        pytest.param([89, 89, 89, 89, 89], 0.0, False, id="six points below"),
    ],
)
def test_a_case_is_rescued_when_four_fifths_of_its_seeds_end_near_the_twin(scores, share, rescued):
    """Within five points, the twin's own included."""
    (verdict,) = [one for one in judge.verdicts(SICK + TWINS + seeds(scores)) if one.arm == "ours"]

    assert (share, rescued) == (pytest.approx(verdict.rescued), verdict.is_rescued)


@pytest.mark.parametrize(
    ("seed", "score", "rescued"),
    [
        pytest.param(0, 94.0, False, id="far below a lucky twin"),
        pytest.param(0, 96.0, True, id="near the lucky twin"),
        pytest.param(1, 76.0, False, id="near an unlucky twin, far below their mean"),
        pytest.param(1, 86.0, True, id="above an unlucky twin, near the mean"),
        pytest.param(7, 99.0, None, id="no twin of this seed"),
    ],
)
def test_both_the_twin_of_the_seed_and_the_mean_of_the_twins_are_the_measure(seed, score, rescued):
    """A lucky seed asks for more, and an unlucky one for no less."""
    twins = seeds([100.0, 80.0], arm="twin")

    assert rescued == judge.is_rescued(row(score, seed=seed), twins)


@pytest.mark.parametrize(
    ("code", "severity", "right", "counts"),
    [
        pytest.param("L01", "warning", "L01", True, id="a warning with the code"),
        pytest.param("L01", "note", "L01", False, id="a note with the code"),
        pytest.param("L02", "critical", "L01", False, id="another code"),
        pytest.param("R01", "note", "R01", True, id="what happens at runtime is a note"),
        pytest.param("D06", "note", "D06", True, id="what is known of the data is a note"),
        pytest.param("L09", "note", "L09", True, id="a better threshold is a note"),
    ],
)
def test_named_right_is_a_warning_with_one_of_the_codes_or_a_note_by_nature(code, severity, right, counts):
    """Whoever notes everything names nothing."""
    said = row(findings=[[code, 40, severity, "it is so"]], codes=[right], aim="name")
    (verdict,) = judge.verdicts([said])

    assert (counts, 40 if counts else None) == (verdict.is_named, verdict.step)


def test_only_seeds_in_which_the_plain_loop_is_sick_ask_for_a_name():
    """An illness that a seed does not have cannot be seen there."""
    plain = seeds([10.0, 95.0, 95.0, 95.0, 10.0], arm="plain")
    said = [["L01", 50, "warning", "too high"]]
    ours = [row(95.0, seed=seed, findings=said if seed in (0, 4) else []) for seed in range(5)]
    (verdict,) = [one for one in judge.verdicts(plain + TWINS + ours) if one.arm == "ours"]

    assert (1.0, 50) == (verdict.named, verdict.step)


def test_a_case_that_is_sick_in_no_seed_asks_for_no_name():
    """It is not among those to be named."""
    plain = seeds([95.0] * 5, arm="plain")
    (verdict,) = [one for one in judge.verdicts(plain + TWINS + seeds([95.0] * 5)) if one.arm == "ours"]

    assert (None, False) == (verdict.named, verdict.is_named)


def test_the_first_right_finding_is_the_time_to_detection_and_other_codes_are_counted_once():
    """Notes about something else cost nothing, the same warning twice is one."""
    said = [
        ["L03", 20, "warning", "flat"], ["L01", 80, "warning", "again"], ["L01", 50, "critical", "first"],
        ["L03", 90, "warning", "flat"], ["L04", 95, "note", "by the way"],
    ]  # fmt: skip
    (verdict,) = judge.verdicts([row(findings=said, aim="name")])

    assert (50, 1.0) == (verdict.step, verdict.others)


def test_a_case_that_is_only_to_be_named_is_never_counted_as_to_be_rescued():
    """Nothing done in a run could rescue it."""
    rows = seeds([10.0] * 5, aim="name", findings=[["D04", 0, "warning", "another world"]], codes=["D04"])
    told = summary.summaries(rows)[-1]

    assert (0, 0, 1, 1) == (told.to_rescue, told.rescued, told.to_name, told.named)


def test_harmed_is_more_than_five_points_below_the_plain_loop_of_the_seed():
    """And touched is whatever was changed, helpful or not."""
    plain = seeds([90.0, 90.0, 90.0, 80.0], arm="plain", aim="healthy", codes=[])
    ours = [
        row(84.9, seed=0, aim="healthy", codes=[]),
        row(85.1, seed=1, aim="healthy", codes=[], findings=[["L03", 9, "warning", "flat"]]),
        row(99.0, seed=2, aim="healthy", codes=[], interventions=["scale_lr"]),
        row(80.0, seed=3, aim="healthy", codes=[], findings=[["L03", 9, "note", "flat"]]),
    ]
    told = summary.summaries(plain + ours)[-1]

    assert ("ours", 4, 1, 1, 1) == (told.arm, told.healthy, told.harmed, told.touched, told.warned)


@pytest.mark.parametrize(
    ("hits", "runs", "bound"),
    [
        pytest.param(0, 150, 1 - 0.05 ** (1 / 150), id="none of 150: two in a hundred"),
        pytest.param(0, 1, 0.95, id="none of one says nothing"),
        pytest.param(3, 3, 1.0, id="all"),
        pytest.param(0, 0, 1.0, id="nothing was run"),
    ],
)
def test_the_bound_is_that_of_clopper_and_pearson(hits, runs, bound):
    """For no hit it is where so many runs without one have a chance of 5 %."""
    assert bound == pytest.approx(summary.upper_bound(hits, runs))


def test_the_bound_lies_above_the_share_and_grows_with_it():
    """The more was touched, the less is promised."""
    bounds = [summary.upper_bound(hits, 40) for hits in range(41)]

    assert bounds == sorted(bounds)
    assert all(bound >= hits / 40 for hits, bound in enumerate(bounds))


@pytest.mark.parametrize(
    ("steps", "planned", "extra"),
    [
        pytest.param(150, 100, 0.5, id="half as many more"),
        pytest.param(90, 100, 0.0, id="fewer are no credit"),
        pytest.param(220, 0, 0.1, id="a stream: beside the plain loop's"),
    ],
)
def test_extra_steps_are_a_share_of_the_plan(steps, planned, extra):
    """Stopping early somewhere does not pay for trying elsewhere."""
    assert extra == pytest.approx(judge.extra_steps(row(steps=steps, planned=planned), {"rate of 3": 200}))


def test_both_halves_and_all_are_summed_for_each_arm_and_the_twin_is_no_arm():
    """What rules were tuned on is never mixed with what they were not."""
    unseen = [one | {"case": "rate of 1000", "half": "unseen"} for one in SICK + TWINS + seeds([10.0] * 5)]
    told = summary.summaries(SICK + TWINS + seeds([95.0] * 5) + unseen)

    assert [
        ("plain", "seen", 0, 1), ("plain", "unseen", 0, 1), ("plain", "all", 0, 2),
        ("ours", "seen", 1, 1), ("ours", "unseen", 0, 1), ("ours", "all", 1, 2),
    ] == [(one.arm, one.half, one.rescued, one.to_rescue) for one in told]  # fmt: skip


def test_what_is_owed_is_said_in_words():
    """Nothing is owed from 95 % on with all healthy runs untouched."""
    healthy = seeds([95.0] * 5, aim="healthy", codes=[], case="fine")
    fine = seeds([95.0] * 5, findings=[["L01", 50, "warning", "too high"]])
    poor = seeds([10.0] * 5)
    paid, owing = (summary.summaries(SICK + TWINS + healthy + rows)[-1] for rows in (fine, poor))

    assert [] == summary.misses(paid)
    assert ["rescued 0 of 1", "named 0 of 1"] == summary.misses(owing)
