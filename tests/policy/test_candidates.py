"""What may be done against a finding: only what is allowed, each once, gentlest first, last resorts last."""

from contextlib import suppress
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.fixes import FIXES, Change, Fix
from autofix_nb.policy.candidates import (
    AGAINST,
    FEW_TRIES,
    HELD_BACK,
    HIGHER,
    LOWER,
    MOST_CANDIDATES,
    MOST_TOGETHER,
    NO_CANDIDATES,
    OF_THE_RATE,
    Candidate,
    Offers,
    _interleaved,
    _together,
    in_turn,
    named,
)
from tests.runs import RealRun, finding

RACED = sorted(set(FIXES) - NO_CANDIDATES)
FIX_LISTS = st.lists(st.sampled_from(sorted(FIXES)), unique=True, max_size=6)


def offers(run=None, *, steps=60, may=lambda name: True, seen=(), **fields):
    """Return who makes the candidates of a run that has taken so many steps."""
    run = RealRun() if run is None else run
    run.step_count = steps
    return Offers(run=run, may=may, seen=set(seen), **{"fresh_is_affordable": True} | fields)


def fixes_of(candidates):
    """Return the names of the fixes of each candidate."""
    return [tuple(change.fix for _, change in one.fixes) for one in candidates]


def found(code, *fixes):
    """Return what the look before training found."""
    return finding(code=code, step=0, fixes=fixes)


def one_of(fix, place=0):
    """Return a candidate of one fix."""
    return Candidate(fixes=[(FIXES[fix](), Change(fix=fix, touches="loop", says=fix, after={"place": place}))])


@pytest.mark.parametrize(
    ("rates", "scheduler", "refused", "first"),
    [
        pytest.param((10, 4), "StepLR", (), [("hold_lr", "scale_lr"), ("hold_lr", "swap_optimizer")], id="come-down"),
        pytest.param((10, 6), "StepLR", (), [("scale_lr",), ("swap_optimizer",)], id="still-high"),
        pytest.param((10, 4), "", (), [("scale_lr",), ("swap_optimizer",)], id="lowered-by-no-schedule"),
        pytest.param((10, 4), "StepLR", ("hold_lr",), [("scale_lr",), ("swap_optimizer",)], id="may-not-hold"),
    ],
)
def test_a_rate_is_raised_beside_holding_the_schedule_that_brings_it_down(rates, scheduler, refused, first):
    """Raised alone, it would soon be gone again; and nothing is computed otherwise then."""
    offering = offers(may=lambda name: name not in refused)
    offering.run.optimizer.param_groups[0]["initial_lr"] = 0.01
    offering.run.history.facts["scheduler"] = scheduler
    for step, rate in enumerate(rates):
        offering.run.history.record(step, lr=rate)
    made = fixes_of(
        offering.against(finding(code="L02", fixes=("scale_lr", "swap_optimizer", "hold_lr")), learnt=False)
    )

    assert first == list(dict.fromkeys(own for own in made if own in first))
    assert (len(first[0]) > 1) == (("hold_lr", "scale_lr") in made) == (("hold_lr", "swap_optimizer") in made)
    assert (len(first[0]) == 1) == any("swap_activations" in own for own in made)


@given(FIX_LISTS, st.sets(st.sampled_from(sorted(FIXES))), st.booleans(), st.booleans(), st.sampled_from([0, 60]))
@settings(max_examples=20, deadline=None)
def test_what_is_offered_is_allowed_and_new_and_ends_with_the_last_resorts(fixes, allowed, learnt, affordable, steps):
    """Whatever the finding and the permissions; planning touches nothing."""
    offering = offers(steps=steps, may=lambda name: name in allowed, fresh_is_affordable=affordable)
    before = offering.run.bits()

    made = offering.against(finding(fixes=tuple(fixes)), learnt=learnt)
    names = [named(one) for one in made]

    assert before == offering.run.bits()
    assert {name for together in fixes_of(made) for name in together} <= allowed - NO_CANDIDATES
    assert len(set(names)) == len(names) <= MOST_CANDIDATES
    assert affordable or not any(one.fresh for one in made)
    assert sorted(one.resort for one in made) == [one.resort for one in made]
    assert sum(one.resort for one in made) <= (0 if learnt else MOST_TOGETHER)
    again = [named(one) for one in offering.against(finding(fixes=tuple(fixes)), learnt=learnt)]
    assert not set(again) & set(names)
    assert [] == offering.against(finding(fixes=tuple(fixes)), learnt=learnt)


@pytest.mark.parametrize(
    ("fixes", "learnt", "resorts"),
    [
        pytest.param(
            ("swap_activations", "scale_lr"), False, [("swap_activations", "swap_optimizer")], id="computes-else"
        ),
        pytest.param(("swap_activations", "scale_lr"), True, [], id="learnt-something"),
        pytest.param(("scale_lr",), False, ["unasked"], id="the-rate-alone-is-blamed"),
    ],
)
def test_a_last_resort_computes_something_else_at_a_usual_rate(fixes, learnt, resorts):
    """One fault hides the other."""
    made = [one for one in offers().against(finding(fixes=fixes), learnt=learnt) if one.resort]

    if resorts == ["unasked"]:
        assert made
        assert {together[-1] for together in fixes_of(made)} == {"swap_optimizer"}
        assert not any(set(together[:-1]) & OF_THE_RATE for together in fixes_of(made))
    else:
        assert resorts == fixes_of(made)[: len(resorts)]
        assert bool(resorts) == bool(made)


def test_without_permission_to_swap_the_optimizer_there_is_no_last_resort():
    """It is half of one."""
    made = offers(may=lambda name: name != "swap_optimizer").against(finding(fixes=("swap_activations",)), learnt=False)

    assert made
    assert not any(one.resort for one in made)


def test_new_weights_come_first_among_the_last_resorts():
    """Those that led nowhere are no better at another rate."""
    made = offers().against(finding(fixes=("regularise", "reinitialise")), learnt=False)

    assert "reinitialise" == fixes_of([one for one in made if one.resort])[0][0]


@pytest.mark.parametrize(("fresh", "best"), [(False, True), (True, False)], ids=["goes-on", "begins-again"])
def test_other_rates_may_begin_at_the_best_weights(fresh, best):
    """What computes something else begins where the run is: the best weights fit the model as it was."""
    made = offers(best=True, fresh=fresh).against(finding(fixes=("scale_lr", "swap_activations")), learnt=True)

    assert {"scale_lr", "swap_activations"} == {together[0] for together in fixes_of(made)}
    assert all(one.best == (best and one.fixes[0][1].fix in OF_THE_RATE) for one in made)
    assert best == any(one.says.startswith("from the best weights so far, ") for one in made)


def test_last_resorts_before_the_first_step_are_of_several_kinds():
    """All that was found may be to blame, and there are turns for two."""
    run = RealRun()
    run.optimizer.param_groups[0]["lr"] = 1.0
    before = (found("B08", "reinitialise"), found("D01", "class_weights"))
    made = offers(run, steps=0).against_found(before)
    kinds = [together[0] for together in fixes_of(one for one in made if one.resort)]

    assert MOST_TOGETHER == len(kinds) == len(set(kinds))
    assert "reinitialise" == kinds[0]


@pytest.mark.parametrize(
    ("lr", "alone"),
    [pytest.param(1.0, True, id="far-too-high"), pytest.param(0.02, False, id="nearly-usual")],
)
def test_a_rate_that_nobody_means_may_be_all_that_is_wrong(lr, alone):
    """Before the first step: a usual optimizer by itself comes second, and is no last resort."""
    run = RealRun()
    run.optimizer.param_groups[0]["lr"] = lr
    made = offers(run, steps=0).against_found([found("D01", "class_weights")])

    assert alone == (("swap_optimizer",) == fixes_of(made)[1])
    assert not made[1].resort or not alone
    assert any(one.resort for one in made)


def test_weights_that_began_alike_are_drawn_anew_first():
    """Units that begin alike stay alike."""
    run = RealRun()
    plain = fixes_of(offers(run).against(finding(fixes=("scale_lr", "reinitialise")), learnt=True))
    run.history.facts["equal_weights"] = True
    alike = fixes_of(offers(run).against(finding(fixes=("scale_lr", "reinitialise")), learnt=True))

    assert ("scale_lr", "reinitialise") == (plain[0][0], alike[0][0])


@pytest.mark.parametrize(("steps", "fresh"), [(0, False), (60, True)])
def test_new_weights_are_a_new_beginning_once_there_was_one(steps, fresh):
    """Before the first step the present weights are the first ones."""
    made = offers(steps=steps).against(finding(fixes=("reinitialise",)), learnt=True)

    assert {fresh} == {one.fresh for one in made}
    assert all(one.says.startswith("from the first weights, ") == fresh for one in made)


def test_what_was_found_before_training_comes_first():
    """With the code that it answers."""
    run = RealRun()
    run.found_before = [found("D01", "class_weights")]
    made = offers(run).against(finding(fixes=("scale_lr",)), learnt=True)

    assert ("class_weights", "D01") == (fixes_of(made)[0][0], made[0].code)
    assert {("scale_lr", "")} == {(*together, one.code) for one, together in zip(made, fixes_of(made), strict=True)} - {
        ("class_weights", "D01")
    }


@given(st.lists(st.lists(st.integers(0, 99), max_size=4, unique=True), max_size=5))
def test_few_steps_try_many_ways(lists):
    """Each once, in its own order; two of the first kind, then one of each kind before a second of any."""
    kinds = [[(kind, place) for place in range(len(own))] for kind, own in enumerate(lists)]
    order = _interleaved(kinds)
    some = [own for own in kinds if own]

    assert sorted(order) == sorted(one for own in kinds for one in own)
    for own in some:
        assert own == [one for one in order if one[0] == own[0][0]]
    assert {own[0][0] for own in some} == {kind for kind, _ in order[: len(some) + 1]}


@pytest.mark.parametrize(
    ("by_finding", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([[one_of("shuffle"), one_of("scale_lr")]], [], id="one-finding"),
        pytest.param([[one_of("shuffle")], [one_of("scale_lr")]], [("shuffle", "scale_lr")], id="two"),
        pytest.param([[one_of("shuffle")], [one_of("shuffle", 1)]], [], id="the-same-fix"),
        pytest.param(
            [[one_of("shuffle"), one_of("clip_gradients")], [one_of("scale_lr")]],
            [("shuffle", "scale_lr"), ("clip_gradients", "scale_lr")],
            id="second-thoughts",
        ),
    ],
)
def test_several_findings_are_answered_together(by_finding, expected):
    """Each fix once, and by an object of its own: what one candidate's fix did is not for another's to undo."""
    made = _together(by_finding)

    assert expected == fixes_of(made)
    assert len({id(fix) for one in made for fix, _ in one.fixes}) == sum(len(one.fixes) for one in made)


def test_a_second_look_takes_what_was_tried_beside_what_was_mended():
    """What was tried alone may help now; what was tried together is not tried again."""
    run = RealRun()
    before = [found("D09", "shuffle"), found("D01", "class_weights")]
    first = offers(run, steps=0)
    tried = first.against_found(before)
    none = offers(run, steps=0, seen=map(named, tried)).against_found(before)
    again = offers(run, steps=0, seen=map(named, tried)).against_found(before, again=True)

    assert {("shuffle",), ("class_weights",)} <= set(fixes_of(tried))
    assert not {("shuffle",), ("class_weights",)} & set(fixes_of(none))
    assert {("shuffle",), ("class_weights",)} == set(fixes_of(again))
    assert {"D09", "D01"} == {one.code for one in tried}


@given(
    st.lists(st.sampled_from(["insert_norm", "scale_lr", "reinitialise", "swap_activations"]), min_size=1, unique=True)
)
@settings(max_examples=8, deadline=None)
def test_several_changes_are_taken_back_together(fixes):
    """The newest first: all is as it was, bit for bit."""
    run = RealRun()
    offering = offers(run)
    firsts = [offering._of_fix(name, finding(fixes=(name,)))[:1] for name in fixes]
    together = Candidate(fixes=[pair for own in firsts for one in own for pair in one.fixes])
    before = run.bits()

    together.apply(run)
    together.undo(run)
    after = run.bits()

    assert {name: part for name, part in before.items() if name not in ("random", "snapshot")} == {
        name: part for name, part in after.items() if name not in ("random", "snapshot")
    }


def test_the_name_tells_what_is_done_and_nothing_else():
    """Not who asked for it; but from where it begins."""
    one = one_of("shuffle")
    asked = Candidate(fixes=one.fixes, code="D09", resort=True)

    assert named(one) == named(asked)
    assert named(one) != named(Candidate(fixes=one.fixes, fresh=True))
    assert named(one) != named(Candidate(fixes=one.fixes, best=True))
    assert named(one) != named(one_of("shuffle", 1))


def test_a_candidate_says_the_loss_it_brings():
    """None where it leaves that alone."""
    change = Change(fix="mend_loss", touches="loop", says="", after={"loss": "huber"})
    both = Candidate(fixes=[*one_of("shuffle").fixes, (SimpleNamespace(), change)])

    assert (None, "huber") == (one_of("shuffle").loss, both.loss)


class Noting(Fix):
    """Writes down what is asked of it."""

    name, touches = "noting", "loop"

    def __init__(self, said, name, *, fails=False):
        self.said, self.called, self.fails = said, name, fails

    def plan(self, finding, run):
        return None

    def apply(self, change, run):
        self.said.append(f"apply {self.called}")
        if self.fails:
            raise RuntimeError("cannot be done")

    def undo(self, change, run):
        self.said.append(f"undo {self.called}")
        if self.fails:
            raise AttributeError("nothing was kept")


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        pytest.param(None, "apply a, apply b, apply c, undo c, undo b, undo a", id="none"),
        pytest.param("b", "apply a, apply b, undo b, undo a", id="middle"),
        pytest.param("a", "apply a, undo a", id="first"),
    ],
)
def test_only_what_was_made_is_taken_back(failing, expected):
    """A fix that never came to its turn has nothing to take back; one that failed may have."""
    said = []
    change = Change(fix="noting", touches="loop", says="notes")
    one = Candidate(fixes=[(Noting(said, name, fails=name == failing), change) for name in "abc"])

    with suppress(RuntimeError):
        one.apply(None)
    one.undo(None)
    one.undo(None)

    assert expected == ", ".join(said)


# --- few tries --------------------------------------------------------------------------------------------------------

USUAL = one_of("swap_optimizer")


def thorough(fix):
    """Return a last resort: one fix beside the usual optimizer."""
    return Candidate(fixes=[*one_of(fix).fixes, *USUAL.fixes], resort=True)


GENTLE, FIRST, SECOND = one_of("scale_lr"), thorough("insert_norm"), thorough("reinitialise")
OFFERED = [GENTLE, USUAL, FIRST, SECOND]
MEASURED, HELD = one_of("scale_targets"), one_of("set_dropout")


@pytest.mark.parametrize(
    ("offered", "tries", "only_the_rate", "expected"),
    [
        pytest.param(OFFERED, FEW_TRIES + 1, False, OFFERED, id="enough-tries"),
        pytest.param(OFFERED, 2, False, [USUAL, FIRST, SECOND, GENTLE], id="two"),
        pytest.param(OFFERED, 1, False, [FIRST, SECOND, GENTLE, USUAL], id="one"),
        pytest.param(OFFERED, 1, True, [USUAL, FIRST, SECOND, GENTLE], id="one-and-the-rate-alone-is-blamed"),
        pytest.param([GENTLE, FIRST], 2, True, [FIRST, GENTLE], id="the-usual-one-is-not-offered-alone"),
        pytest.param([GENTLE, USUAL], 1, True, [GENTLE, USUAL], id="nothing-thorough"),
        pytest.param([*OFFERED, MEASURED], 2, False, [MEASURED, USUAL, FIRST, SECOND, GENTLE], id="what-was-measured"),
        pytest.param([*OFFERED, HELD], 1, False, [HELD, FIRST, SECOND, GENTLE, USUAL], id="what-holds-it-back"),
        pytest.param([], 1, False, [], id="nothing"),
    ],
)
def test_with_few_tries_what_mends_most_comes_first(offered, tries, only_the_rate, expected):
    """Gentle ones would use them up; the usual optimizer alone comes before it where there are two."""
    actual = in_turn(offered, tries, only_the_rate=only_the_rate)

    assert [named(one) for one in expected] == [named(one) for one in actual]


@given(st.permutations(OFFERED), st.integers(-1, 5), st.booleans())
def test_the_turn_leaves_nobody_out(offered, tries, only_the_rate):
    """Nor takes anybody twice; and among the gentle and among the thorough the order stays."""
    actual = in_turn(offered, tries, only_the_rate=only_the_rate)

    assert sorted(map(id, offered)) == sorted(map(id, actual))
    for resort in (False, True):
        kept = [[id(one) for one in order if one.resort == resort and one is not USUAL] for order in (offered, actual)]
        assert kept[0] == kept[1]


# --- the rate of a mended run -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "rate", "lower", "expected"),
    [
        pytest.param({"swap_optimizer", "scale_lr"}, None, False, ["swap_optimizer"], id="another-optimizer"),
        pytest.param({"swap_optimizer", "scale_lr"}, None, True, ["swap_optimizer", LOWER], id="or-a-lower-rate"),
        pytest.param({"swap_optimizer", "scale_lr"}, 1.0, False, ["swap_optimizer", HIGHER], id="of-the-usual-sort"),
        pytest.param({"swap_optimizer", "scale_lr"}, 0.003, False, [HIGHER], id="the-usual-one-is-in-use"),
        pytest.param({"swap_optimizer", "scale_lr"}, 0.003, True, [HIGHER, LOWER], id="both-ways"),
        pytest.param({"scale_lr"}, 0.003, False, [HIGHER], id="the-optimizer-is-the-users"),
        pytest.param({"clip_gradients"}, 0.003, True, [], id="neither-is-allowed"),
    ],
)
def test_a_mended_run_may_have_another_rate(allowed, rate, lower, expected):
    """A usual optimizer, else a rate that is higher by a little; last a lower one, where that may be what is wanted."""
    run = RealRun()
    if rate is None:
        run.optimizer = torch.optim.SGD(run.model.parameters(), lr=1.0)
    else:
        run.optimizer.param_groups[0]["lr"] = rate
    before = run.bits()
    made = offers(run, may=lambda name: name in allowed).of_the_rate(lower=lower)

    changes = [change for one in made for _, change in one.fixes]
    assert expected == [change.after.get("lr_scale", change.fix) for change in changes]
    assert before == run.bits()


def test_a_usual_optimizer_that_was_tried_is_not_offered_to_a_mended_run_again():
    """A higher rate of the one that it has comes in its place."""
    run = RealRun()
    run.optimizer = torch.optim.SGD(run.model.parameters(), lr=1.0)
    (first,) = offers(run).of_the_rate()
    made = offers(run, seen=[named(first)]).of_the_rate()

    assert [{"lr_scale": HIGHER}] == [change.after for one in made for _, change in one.fixes]


# --- all that was blamed ----------------------------------------------------------------------------------------------


def blamed(*found_before, may=lambda name: True, seen=(), standing=(), fresh=False):
    """Return what mends all that the look before training blamed, of a dead run."""
    run = RealRun()
    run.found_before, run.standing_changes = list(found_before), list(standing)
    return offers(run, may=may, seen=seen, fresh=fresh)._all_that_was_blamed(finding(code="L01"))


BEFORE = (found("D09"), found("D01", "class_weights"))


@pytest.mark.parametrize(
    ("before", "options", "expected"),
    [
        pytest.param(BEFORE, {}, [("shuffle", "class_weights", "swap_optimizer")], id="each-and-a-usual-optimizer"),
        pytest.param((), {}, [], id="nothing-was-blamed"),
        pytest.param((found("D01", "scale_lr"),), {}, [], id="only-the-rate-was"),
        pytest.param((found("D01", "early_stop"),), {}, [], id="what-is-no-other-way-to-train"),
        pytest.param(
            (found("D01", "scale_lr", "class_weights"),),
            {},
            [("class_weights", "swap_optimizer")],
            id="the-rate-beside",
        ),
        pytest.param(
            (found("D01", "class_weights", "insert_norm"),),
            {},
            [("class_weights", "swap_optimizer")],
            id="one-for-each-finding",
        ),
        pytest.param((BEFORE[0], BEFORE[0]), {}, [("shuffle", "swap_optimizer")], id="said-twice"),
        pytest.param(
            BEFORE, {"may": lambda name: name != "shuffle"}, [("class_weights", "swap_optimizer")], id="not-allowed"
        ),
        pytest.param(
            BEFORE,
            {"may": lambda name: name != "swap_optimizer"},
            [("shuffle", "class_weights")],
            id="the-users-optimizer",
        ),
        pytest.param(
            BEFORE,
            {"standing": [change for _, change in one_of("shuffle").fixes]},
            [("class_weights", "swap_optimizer")],
            id="in-force-already",
        ),
    ],
)
def test_all_that_was_blamed_is_mended_at_once(before, options, expected):
    """One last resort, which answers the finding that is raced."""
    made = blamed(*before, **options)

    assert expected == fixes_of(made)
    assert all(one.resort and one.code == "L01" and not one.fresh for one in made)


def test_all_at_once_is_tried_once_though_each_was_tried_alone():
    """A few steps may not have shown what each of it gives."""
    each = [named(Candidate(fixes=[pair])) for one in blamed(*BEFORE) for pair in one.fixes]
    (again,) = blamed(*BEFORE, seen=each)

    assert ("shuffle", "class_weights", "swap_optimizer") == fixes_of([again])[0]
    assert [] == blamed(*BEFORE, seen=[named(again)])
    assert all(one.fresh for one in blamed(*BEFORE, fresh=True))


def test_what_was_blamed_is_mended_at_once_only_in_a_run_that_has_learnt_nothing():
    """It comes right after what is done about one thing alone."""
    run = RealRun()
    run.found_before = list(BEFORE)
    both = {
        learnt: fixes_of(offers(run).against(finding(fixes=("scale_lr",)), learnt=learnt)) for learnt in (True, False)
    }

    assert ("shuffle", "class_weights", "swap_optimizer") in both[False]
    assert ("shuffle", "class_weights", "swap_optimizer") not in both[True]


@pytest.mark.parametrize(
    ("facts", "held"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"dropout": {"1": 0.9}}, True, id="dropout"),
        pytest.param({"weight_decay": 0.3, "optimizer": "Adam"}, True, id="decay"),
    ],
)
@pytest.mark.parametrize("code", ["L01", "G02", "L02"])
def test_strong_regularisation_is_weakened_whatever_was_found(code, facts, held):
    """And to be weaker is what is planned, also where the finding asks for more of it."""
    run = RealRun(model=torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.9), torch.nn.Linear(8, 3)))
    run.optimizer.param_groups[0]["weight_decay"] = 0.3
    run.history.facts.update(facts)
    made = offers(run).against(finding(code=code, fixes=("clip_gradients",)), learnt=True)
    weaker = [one for one in made if one.fixes[0][1].fix in HELD_BACK]

    assert held == bool(weaker)
    assert all(code == one.code for one in weaker)
    for one in weaker:
        change = one.fixes[0][1]
        assert 0.3 > change.after.get("weight_decay", 0.0)
        assert {0.0} >= set(change.after.get("dropouts", {}).values())


def test_each_code_with_fixes_of_its_own_names_fixes_that_there_are():
    """A slip of the pen would leave an illness without its remedy."""
    assert {name for own in AGAINST.values() for name in own} <= set(FIXES)


@pytest.mark.parametrize(
    ("fresh", "scheduler", "capped"),
    [
        pytest.param(True, "LambdaLR", {"warm_up", "clip_gradients", "cap_lr"}, id="begins-again"),
        pytest.param(False, "LambdaLR", {"cap_lr"}, id="goes-on"),
        pytest.param(True, "", set(), id="no-schedule"),
    ],
)
def test_what_begins_again_is_kept_from_the_rate_that_spoilt_it(fresh, scheduler, capped):
    """The schedule begins low again and rises after the race; a lowered rate has a ceiling already."""
    offering = offers(fresh=fresh)
    run = offering.run
    run.history.facts |= {"scheduler": scheduler, "planned_steps": 400}
    for step in range(10, 40):
        run.history.record(step, loss=1.0 if step < 25 else 90.0, lr=0.01 if step < 25 else 1.0, grad_norm=2.0)
    run.optimizer.param_groups[0]["lr"] = 1.0
    names = ("scale_lr", "cap_lr", "warm_up", "clip_gradients")
    candidates = offering.against(finding(code="L01", fixes=names), learnt=True)

    assert capped == {one.fixes[0][1].fix for one in candidates if one.fixes[-1][1].fix == "cap_lr"}
    assert {"scale_lr", "warm_up", "clip_gradients"} <= {one.fixes[0][1].fix for one in candidates}
