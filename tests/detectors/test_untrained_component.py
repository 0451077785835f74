"""A component that does not train, told from one that is not meant to."""

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.untrained_component import UntrainedComponent
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = UntrainedComponent()
LEARNS = {"gain": [0.5, 0.6] * 5, "mispaired": [2.3] * 10}
IDLE = {"gain": [0.1, -0.1] * 5, "mispaired": [2.3] * 10}
NAMES = ("stem", "body", "head")
W, N = Severity.WARNING, Severity.NOTE


def run(stem=0.1, body=0.1, head=0.1, *, signals=LEARNS, rate=0.1, **facts):
    """A run in whose close looks each part moved by so much."""
    moved = {f"update_ratio/{name}": [ratio] * 4 for name, ratio in zip(NAMES, (stem, body, head), strict=True)}
    norms = {f"grad_norm/{name}": [1.0] * 4 for name in NAMES}
    made = history(lr=[rate] * 4, update_ratio=[max(stem, body, head)] * 4, **moved, **norms, **signals)
    made.facts = {"components": list(NAMES), "component_sizes": dict.fromkeys(NAMES, 100), "task": "classes"} | facts
    return made


@pytest.mark.parametrize(
    ("sick", "severity", "where", "fixes"),
    [
        pytest.param(run(), None, (), (), id="all-train"),
        pytest.param(run(0, 0, 0), Severity.CRITICAL, NAMES, DETECTOR.fixes, id="nothing-moves"),
        pytest.param(
            run(0, outside_optimizer=["stem.weight"]), W, ("stem",), ("join_optimizer",), id="first-in-no-group"
        ),
        pytest.param(
            run(head=0, outside_optimizer=["head.weight", "head.bias"]),
            W,
            ("head",),
            ("join_optimizer",),
            id="last-in-no-group",
        ),
        pytest.param(run(outside_optimizer=["stem.weight"]), None, (), (), id="another-optimizer-moves-it"),
        pytest.param(run(0, outside_optimizer=["stem.weight"], task="custom"), None, (), (), id="a-step-of-their-own"),
        pytest.param(run(0, 0, frozen=["stem.weight", "body.weight"]), None, (), (), id="frozen-backbone"),
        pytest.param(
            run(0, 0, frozen=["stem.weight"], frozen_untrained=["stem.weight"]),
            W,
            ("stem",),
            ("unfreeze",),
            id="frozen-though-new",
        ),
        pytest.param(run(head=0, frozen=["head.weight"], signals=IDLE), W, ("head",), ("unfreeze",), id="frozen-head"),
        pytest.param(run(head=0, frozen=["head.weight"]), N, ("head",), (), id="frozen-head-that-learns"),
        pytest.param(run(frozen=["head.bias"], signals=IDLE), None, (), (), id="part-of-the-head-frozen"),
        pytest.param(
            run(0, frozen=["stem.weight"], frozen_untrained=["stem.weight"], task="custom"),
            N,
            ("stem",),
            (),
            id="a-target-network",
        ),
    ],
)
def test_mistakes_are_told_from_what_is_meant(sick, severity, where, fixes):
    """By what moves, what is in a group, what is frozen, and whether the run learns."""
    finding = DETECTOR.check(sick)

    assert severity == (finding and finding.severity)
    assert (where, fixes) == ((finding.where, finding.fixes) if finding else ((), ()))


@pytest.mark.parametrize(
    ("steps", "signals", "facts", "severity"),
    [
        pytest.param(100, IDLE, {}, W, id="nothing-learnt"),
        pytest.param(99, IDLE, {}, None, id="too-early"),
        pytest.param(100, LEARNS, {}, None, id="learns-with-it"),
        pytest.param(100, {}, {}, W, id="by-the-loss-alone"),
        pytest.param(100, IDLE, {"task": "custom"}, N, id="a-step-of-their-own"),
    ],
)
def test_whatever_is_frozen_is_suspected_where_nothing_is_learnt(steps, signals, facts, severity):
    """After a hundred steps, though it looks trained and is not the last layer."""
    frozen = {"frozen": ["stem.weight", "body.weight"]} | facts
    finding = DETECTOR.check(run(0, 0, signals=signals | {"loss": [2.3] * steps}, **frozen))

    assert severity == (finding and finding.severity)
    if severity is not None:
        assert ("stem", "body") == finding.where
        assert (("unfreeze",) if severity == W else ()) == finding.fixes
        assert "2 of them may keep the rest from learning, which learns nothing, limit 0" in finding.says


def test_a_large_front_that_only_the_optimizer_leaves_out_is_meant():
    """A head trained on features, unless nothing is learnt."""
    sizes = {"stem": 600, "body": 400, "head": 100}
    outside = {"outside_optimizer": ["stem.weight", "body.weight"], "component_sizes": sizes}

    assert N == DETECTOR.check(run(0, 0, **outside)).severity
    assert W == DETECTOR.check(run(0, 0, **outside, signals=IDLE)).severity


@pytest.mark.parametrize(
    ("more", "severity"), [({}, W), ({"signals": IDLE}, Severity.CRITICAL)], ids=["may-learn", "idle"]
)
def test_fresh_weights_that_are_frozen_lead_nowhere_where_nothing_is_learnt(more, severity):
    """Then there is nothing to lose by letting them learn."""
    frozen = {"frozen": ["stem.weight"], "frozen_untrained": ["stem.weight"]}

    assert severity == DETECTOR.check(run(0, **frozen, **more)).severity


@pytest.mark.parametrize(("looks", "severity"), [(3, None), (4, W)])
def test_what_no_group_holds_is_said_when_it_is_known_whether_the_rest_learns(looks, severity):
    """A look later than what is frozen by mistake."""
    outside, frozen = run(0, outside_optimizer=["stem.weight"]), run(0, frozen_untrained=["stem.weight"])
    frozen.facts["frozen"] = ["stem.weight"]
    for made in (outside, frozen):
        for name in [name for name in made._series if name.startswith(("update_ratio", "lr"))]:
            values = made.values(name)[:looks].tolist()
            made._series.pop(name)
            for step, value in enumerate(values):
                made.record(step, **{name: value})

    found, at_once = DETECTOR.check(outside), DETECTOR.check(frozen)

    assert severity == (found and found.severity)
    assert W == at_once.severity


@pytest.mark.parametrize(
    ("signals", "more", "severity"),
    [
        pytest.param(LEARNS, {}, N, id="learns"),
        pytest.param(IDLE, {}, W, id="learns-nothing"),
        pytest.param(IDLE | {"dead/1": [1.0]}, {}, None, id="units-are-off"),
        pytest.param(IDLE, {"task": "custom"}, N, id="a-step-of-their-own"),
    ],
)
def test_a_part_without_a_gradient(signals, more, severity):
    """Layers that are not used are common where a run learns."""
    cut_off = run(0, signals=signals, **more)
    cut_off._series.pop("grad_norm/stem")
    finding = DETECTOR.check(cut_off)

    assert severity == (finding and finding.severity)


def test_no_gradient_at_all_is_no_matter_for_the_optimizer():
    """A softmax over one output."""
    finding = DETECTOR.check(run(0, 0, 0, signals={"grad_norm": [0.0] * 4}))

    assert "the change of all weights in a step is 0, limit 0: every gradient is exactly 0" == finding.says
    assert "mend_output" == finding.fixes[0]


@pytest.mark.parametrize("rate", [0.0, 1e-6])
def test_steps_without_a_rate_are_no_looks(rate):
    """A warm-up begins at 0; and a rate may be lost in rounding."""
    with pytest.raises(NotApplicable, match="`update_ratio`: 0 of 3"):
        DETECTOR.check(run(0, 0, 0, rate=rate))


def test_says_what_it_measured():
    """How many, and why."""
    assert str(DETECTOR.check(run(head=0, outside_optimizer=["head.weight", "head.bias"]))) == (
        "G04 A component does not train at step 3: 2 parameters want a gradient and are in no group of the optimizer, "
        "limit 0, so they stay as they are. Where: head. Try join_optimizer."
    )


@pytest.mark.parametrize(
    ("alike", "dead", "facts", "fires"),
    [
        pytest.param([1.0] * 3, [0.0] * 3, {}, True, id="copies-of-one-another"),
        pytest.param([1.0] * 3, [1.0] * 3, {"equal_weights": ["stem.weight"]}, True, id="weights-of-zero"),
        pytest.param([1.0] * 3, [1.0] * 3, {}, False, id="dead-units-are-another-illness"),
        pytest.param([1.0] * 2, [0.0] * 2, {}, False, id="too-few-looks"),
        pytest.param([1.0, 0.1, 0.1], [0.0] * 3, {}, False, id="they-part-with-the-first-step"),
        pytest.param([0.02] * 3, [0.0] * 3, {}, False, id="as-usual"),
    ],
)
def test_units_that_are_copies_of_one_another(alike, dead, facts, fires):
    """They get the same gradient, and none learns by itself, also in a run that learns a little."""
    one = run(signals=LEARNS | {"alike/relu": alike, "dead/relu": dead}, **facts)
    finding = DETECTOR.check(one)

    assert fires == (finding is not None)
    assert not fires or (W, ("relu",), ("reinitialise",)) == (finding.severity, finding.where, finding.fixes)
