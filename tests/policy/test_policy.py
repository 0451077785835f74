"""Which fix for which finding, whether it helped, and what the journal says of it."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.exploding_gradients import ExplodingGradients
from autofix_nb.errors import ConfigurationError
from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.scale_lr import LOWEST
from autofix_nb.journal import Journal
from autofix_nb.policy import HORIZON_STEPS, PROBATION_STEPS, QUIET_STEPS, SAMPLES_SAID, Policy
from tests.runs import fault, finding, history, trainee

GOOD, BAD = 1.0, 100.0


class Book:
    """A policy over a run whose losses are written by hand, looked at after so many steps."""

    def __init__(self, before=GOOD, **options):
        self.said = []
        self.journal = Journal()
        self.policy = Policy(self.journal, say=self.said.append, **options)
        self.run = trainee(history(grad_norm=[2.0]))
        self.step = 0
        self.train(HORIZON_STEPS, before)

    @property
    def controls(self):
        return self.run.controls

    def train(self, steps, loss):
        """So many steps with this loss; the policy looks after each hand-over of 50."""
        for _ in range(steps):
            self.step += 1
            self.run.history.record(self.step, loss=loss)
            if self.step % 50 == 0:
                self.policy.look(self.run, "step", self.step)

    def find(self, *args, **fields):
        return self.policy.act(finding(**{"step": self.step} | fields), self.run, *args)

    def kinds(self, *kinds):
        return [entry for entry in self.journal if entry["kind"] in kinds]

    def fixes(self, kind="change"):
        return [entry["fix"] for entry in self.journal.entries(kind)]

    def verdicts(self):
        return [(entry["fix"], entry["verdict"]) for entry in self.journal.entries("outcome")]


def detector(code="G01", when="step", answers=()):
    """A detector that answers from a list: a severity, None, or "n/a"."""
    rest = iter(answers)

    def check(run):
        answer = next(rest)
        if answer == "n/a":
            raise NotApplicable("`loss`: nothing recorded")
        return answer and finding(code=code, severity=answer, step=run.step("loss"), fixes=())

    return SimpleNamespace(code=code, when=when, check=check)


# --- what is allowed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "changed", "suggested", "lr_scale", "clip"),
    [
        pytest.param({}, ["clip_gradients"], [], 1.0, 6.0, id="auto"),
        pytest.param({"mode": "suggest"}, [], ["clip_gradients", "scale_lr"], 1.0, None, id="suggest"),
        pytest.param({"mode": "off"}, [], [], 1.0, None, id="off"),
        pytest.param({"allow": {"data"}}, [], ["clip_gradients", "scale_lr"], 1.0, None, id="loop-not-allowed"),
        pytest.param({"allow": ()}, [], ["clip_gradients", "scale_lr"], 1.0, None, id="nothing-allowed"),
        pytest.param({"fixes": ["scale_lr"]}, ["scale_lr"], ["clip_gradients"], 0.5, None, id="one-fix-only"),
        pytest.param({"fixes": []}, [], ["clip_gradients", "scale_lr"], 1.0, None, id="no-fix"),
    ],
)
def test_only_what_is_allowed_is_done(options, changed, suggested, lr_scale, clip):
    """The gentlest of the allowed ones; the others are suggestions; each finding is written down in any case."""
    book = Book(**options)
    applied = book.find()

    assert (changed, suggested) == (book.fixes(), book.fixes("suggestion"))
    assert (lr_scale, clip) == (book.controls.lr_scale, book.controls.clip_norm)
    assert bool(changed) == applied
    assert ["G01"] == [one.code for one in book.policy.findings] == [e["code"] for e in book.kinds("finding")]
    assert changed == [change.fix for change in book.policy.changes]


@given(
    st.sampled_from(["auto", "suggest", "off"]),
    st.sets(st.sampled_from(["loop", "data", "model"])),
    st.none() | st.sets(st.sampled_from(sorted(FIXES))),
)
@settings(max_examples=50, deadline=None)
def test_narrowing_never_allows_more(mode, allow, fixes):
    """A fix may be applied when all three say so."""
    policy = Policy(Journal(), mode=mode, allow=allow, fixes=fixes)
    named = set(FIXES) if fixes is None else fixes

    assert {name for name in FIXES if policy.may(name)} == {
        name for name in FIXES if mode == "auto" and name in named and FIXES[name].touches in allow
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"mode": "on"}, "`autofix` must be 'auto', 'suggest' or 'off', got 'on'", id="mode"),
        pytest.param({"allow": {"loop", "net"}}, r"`allow` must be some of .*got \['loop', 'net'\]", id="allow"),
        pytest.param({"fixes": ["clip"]}, r"`fixes` names \['clip'\], which do not exist; .*'clip_g", id="fix"),
        pytest.param({"ignore": ["plateau"]}, r"`ignore` names \['plateau'\], wanted .*'L03'", id="ignored-by-name"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, message):
    """With the value, and what there is."""
    with pytest.raises(ConfigurationError, match=message):
        Policy(Journal(), **options)


@pytest.mark.parametrize(("ignore", "codes"), [((), ["G01", "L01"]), (("G01",), ["L01"]), (("G01", "L01"), [])])
def test_ignored_detectors_are_not_asked(ignore, codes):
    """By code; the others are."""
    several = [detector(code, answers=[Severity.WARNING]) for code in ("G01", "L01")]
    book = Book(ignore=ignore, detectors=several)

    assert codes == [one.code for one in book.policy.findings]


# --- each illness once ------------------------------------------------------------------------------------------------

W, C, N = Severity.WARNING, Severity.CRITICAL, Severity.NOTE
LONG = QUIET_STEPS // 50


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        pytest.param([W] * 20, 1, id="going-on"),
        pytest.param([None, "n/a", W, W], 1, id="later"),
        pytest.param([W, None, W], 1, id="short-silence"),
        pytest.param([W] + [None] * LONG + [W], 2, id="long-silence-is-a-new-illness"),
        pytest.param([W] + ["n/a"] * LONG + [W], 2, id="not-applicable-is-silence"),
        pytest.param([W, C, C, W, C], 2, id="worse-is-said"),
        pytest.param([C, W, N, W], 1, id="better-is-not"),
        pytest.param([N, W, C], 3, id="worse-and-worse"),
    ],
)
def test_one_illness_is_said_once(answers, said):
    """Again only when it is worse than ever, or comes back after a long silence."""
    book = Book(detectors=[detector(answers=answers)])
    book.train(50 * (len(answers) - 1), GOOD)

    assert said == len(book.policy.findings)


def test_long_epochs_are_no_silence():
    """A detector that is asked once in 1000 steps and fires each time sees one illness."""
    book = Book(detectors=[detector("L03", when="epoch", answers=[N] * 5)])
    for _ in range(5):
        book.train(1000, GOOD)
        book.policy.look(book.run, "epoch", book.step)

    assert 1 == len(book.policy.findings)


def test_a_share_of_samples_is_said_once_per_severity():
    """It can only grow."""
    answers = [N] + [None] * LONG + [N, W, W, C]
    book = Book(detectors=[detector("R02", answers=answers)])
    book.train(50 * (len(answers) - 1), GOOD)

    assert [N, W, C] == [one.severity for one in book.policy.findings]


@pytest.mark.parametrize(("code", "alarmed"), [("G01", True), ("R02", False), ("R03", False)])
def test_what_ails_the_machine_says_nothing_of_the_weights(code, alarmed):
    """The state of a run whose disk is full is still worth going back to."""
    book = Book(detectors=[detector(code, answers=[None, W])])
    book.train(50, GOOD)

    assert alarmed == book.policy.alarmed


# --- trials -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        pytest.param(1.0, 0.5, True, id="better"),
        pytest.param(1.0, 1.5, True, id="half-as-much-again-is-noise"),
        pytest.param(1.0, 1.6, False, id="worse"),
        pytest.param(1.0, float("nan"), False, id="no-number"),
        pytest.param(float("nan"), 9.0, True, id="a-number-at-last"),
        pytest.param(-4.0, -3.0, True, id="negative-noise"),
        pytest.param(-4.0, 3.0, False, id="negative-much-worse"),
        pytest.param(0.0, 0.1, False, id="worse-than-zero"),
        pytest.param(0.0, 0.0, True, id="zero"),
    ],
)
def test_a_trial_is_kept_or_undone_with_the_numbers(before, after, kept):
    """The median loss before, and that of the second half of the trial; both stand in the journal."""
    book = Book(before=before, fixes=["clip_gradients"])
    book.find()
    book.train(HORIZON_STEPS - 1, after)

    assert [] == book.verdicts()
    book.train(1, after)

    outcome = book.journal.last("outcome")
    assert ("clip_gradients", "kept" if kept else "undone") == book.verdicts()[0]
    assert [str(before), str(after)] == [str(outcome["loss_before"]), str(outcome["loss_after"])]
    assert ("G01", book.step) == (outcome["code"], outcome["step"])
    assert (6.0 if kept else None) == book.controls.clip_norm
    assert kept == (not any("did not help" in text for text in book.said))


def test_the_next_remedy_comes_after_one_that_did_not_help():
    """Gentlest first, each with its own trial; a rate that was not enough is halved again, and never raised."""
    book = Book()
    book.find()
    book.train(HORIZON_STEPS, BAD)

    assert ["clip_gradients", "scale_lr"] == book.fixes()
    assert (None, 0.5) == (book.controls.clip_norm, book.controls.lr_scale)
    book.train(HORIZON_STEPS, 10_000 * BAD)

    assert [("clip_gradients", "undone"), ("scale_lr", "not enough")] == book.verdicts()
    assert (None, 0.25) == (book.controls.clip_norm, book.controls.lr_scale)
    for _ in range(20):
        book.train(HORIZON_STEPS, 10_000 * BAD)

    assert LOWEST == book.controls.lr_scale
    assert [] == book.policy.trials
    assert "Nothing helped" in book.said[-1]


def test_a_failed_trial_goes_back_to_the_last_good_state():
    """What it did to the weights must not stay; the journal says where the run went back to."""
    book, restored = Book(), []
    book.run.snapshot = SimpleNamespace(step=40, again=lambda: None, restore=lambda: restored.append(1))
    book.find()
    book.train(HORIZON_STEPS, BAD)

    assert [1] == restored
    assert [(100, 40)] == [(entry["step"], entry["to"]) for entry in book.kinds("rewind")]


def test_a_remedy_on_trial_is_not_given_again():
    """The illness that gets worse meanwhile gets the next one."""
    book = Book()
    book.find()
    book.find(severity=Severity.CRITICAL)

    assert ["clip_gradients", "scale_lr"] == book.fixes()


def test_settings_are_those_that_the_journal_says_when_two_trials_fail_together():
    """Rollback and a lower rate are one remedy: neither was enough, so the rate is halved once more, not twice."""
    book = Book()
    book.run.snapshot = SimpleNamespace(step=3, again=lambda: None, restore=lambda: None)
    names = ["rollback", "scale_lr"]
    book.policy.act(finding(code="G03", step=book.step, fixes=tuple(names)), book.run, names, all_of=True)

    assert (names, 0.5) == (book.fixes(), book.controls.lr_scale)
    book.train(HORIZON_STEPS, BAD)

    assert [("rollback", "did not help"), ("scale_lr", "not enough")] == book.verdicts()
    assert ([*names, "scale_lr"], 0.25) == (book.fixes(), book.controls.lr_scale)
    assert not any("rollback" in text and "undone" in text for text in book.said)


def test_samples_set_aside_are_kept_at_once():
    """That the rest of the batch is sound proves it."""
    book = Book()
    book.run.suspects = [fault(7)]
    book.run.set_aside = lambda one: book.run.quarantine.add(one, epoch=0, position=0)
    book.find(["quarantine"], code="B02", fixes=("quarantine",))

    assert [7] == book.run.quarantine.indices()
    assert [] == book.policy.trials


def test_samples_are_told_one_by_one_only_at_first():
    """And the hint that later ones are counted is given once, not with each later change of another kind."""
    book = Book()
    book.run.set_aside = lambda one: book.run.quarantine.add(one, epoch=0, position=0)
    for index in range(SAMPLES_SAID + 3):
        book.run.suspects = [fault(index)]
        book.find(["quarantine"], code="B02", fixes=("quarantine",))
        if index == SAMPLES_SAID - 1:
            book.find()

    hints = [text for text in book.said if "Later ones are counted" in text]
    assert SAMPLES_SAID + 1 == len(book.said)
    assert 1 == len(hints)
    assert "Set aside; the rest of the batch went on" in hints[0]


@pytest.mark.parametrize(
    ("gap", "verdict", "scale"),
    [
        pytest.param(None, "lifted", 1.0, id="once"),
        pytest.param(PROBATION_STEPS - 100, "kept", 0.5, id="twice-within-the-probation"),
        pytest.param(PROBATION_STEPS + 100, "lifted", 1.0, id="twice-far-apart"),
    ],
)
def test_a_precaution_is_lifted_unless_it_was_needed_twice(gap, verdict, scale):
    """Numbers that go bad once say nothing about the rate."""
    book = Book()
    fall_ill = {"code": "G03", "fixes": ("scale_lr",)}
    if gap is not None:
        book.find(**fall_ill)
        book.train(gap, GOOD)

        assert 1.0 == book.controls.lr_scale
    book.find(**fall_ill)
    book.train(HORIZON_STEPS, GOOD)

    assert ("scale_lr", verdict) == book.verdicts()[-1]
    assert scale == book.controls.lr_scale
    assert (verdict == "lifted") == any("goes back to what it was" in text for text in book.said[-1:])


def test_what_a_killed_kernel_did_after_its_last_save_does_not_count_twice():
    """The journal has it from both lives; the run is the same as one that was never killed."""
    book = Book()
    for _ in range(2):
        book.journal.append("change", code="G03", fix="scale_lr", step=book.step)
    book.journal.append("change", code="G03", fix="scale_lr", step=book.step + 400)
    book.policy.act(finding(code="G03", step=book.step, fixes=("scale_lr",)), book.run)
    book.train(HORIZON_STEPS, GOOD)

    assert [("scale_lr", "lifted")] == book.verdicts()


def test_an_illness_that_comes_back_closes_its_trials():
    """The remedy stays, as undoing it would bring the illness back; other illnesses' trials go on."""
    book = Book()
    book.find(code="L01", fixes=("clip_gradients",))
    book.find(code="G03", fixes=("scale_lr",))
    book.policy.give_up("G03", book.run, book.step, "the numbers went bad again")

    assert [("scale_lr", "did not help")] == book.verdicts()
    assert 0.5 == book.controls.lr_scale
    assert ["clip_gradients"] == [trial.change.fix for trial in book.policy.trials]


# --- a real run -------------------------------------------------------------------------------------------------------


@pytest.fixture
def explode(tmp_path, fast_reports):
    """Train a line on noisy data whose rate suddenly becomes far too large; its gradients alone are watched."""
    usual = {"epochs": 10, "store": tmp_path, "name": "run", "seed": 3, "show": "none", "preflight": False}

    def call(**options):
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(800, 8, generator=generator)
        noise = torch.randn(800, 1, generator=generator)
        targets = 30 * (inputs @ torch.randn(8, 1, generator=generator) + noise)
        torch.manual_seed(0)
        model = nn.Linear(8, 1)
        scheduler = torch.optim.lr_scheduler
        return af.fit(
            model,
            DataLoader(TensorDataset(inputs, targets), batch_size=16),
            loss=nn.MSELoss(),
            optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
            scheduler=lambda made: (scheduler.LambdaLR(made, lambda step: 110.0 if step >= 88 else 1.0), "step"),
            **usual | {"detectors": [ExplodingGradients]} | options,
        )

    return call


def test_a_run_that_explodes_is_clipped_first_and_then_slowed(explode):
    """Clipping is tried, judged by the loss and undone; the rate is halved until the loss is back."""
    run = explode()
    told = [entry for entry in run.journal if entry["kind"] in ("change", "outcome")]

    assert [
        ("change", "G01", "clip_gradients", None),
        ("outcome", "G01", "clip_gradients", "undone"),
        ("change", "G01", "scale_lr", None),
        ("outcome", "G01", "scale_lr", "not enough"),
        ("change", "G01", "scale_lr", None),
        ("outcome", "G01", "scale_lr", "kept"),
    ] == [(entry["kind"], entry["code"], entry["fix"], entry.get("verdict")) for entry in told]
    assert ["G01"] == [one.code for one in run.findings]
    assert [HORIZON_STEPS, 0, HORIZON_STEPS, 0, HORIZON_STEPS] == [
        later["step"] - earlier["step"] for earlier, later in pairwise(told)
    ]
    assert told[1]["loss_after"] > 1.5 * told[1]["loss_before"]
    assert told[5]["loss_after"] <= 1.5 * told[5]["loss_before"]
    assert 2 == len(run.journal.entries("rewind"))
    assert run.history.epochs[-1]["loss"] < run.history.epochs[0]["loss"]


def test_with_all_detectors_it_is_healed_by_a_race(explode):
    """Sooner, as the loss rises before the gradients explode; the rate is what was to blame, and the loss is back."""
    run = explode(detectors=None)

    assert ["L01"] == [one.code for one in run.findings if one.severity > Severity.NOTE]
    # What follows is the rate of a run that was mended: it may come down further, as its loss swings.
    assert {("scale_lr", "kept")} == {(entry["fix"], entry["verdict"]) for entry in run.journal.entries("outcome")}
    asked, *again = run.journal.entries("race", code="L01")
    assert any(one["won"] for one in asked["candidates"])
    assert again
    assert run.history.epochs[-1]["loss"] < run.history.epochs[0]["loss"]


def test_settings_are_what_the_journal_says_at_every_step(explode):
    """Clipped while that trial lasts and at no other step; the scheduler's rate, halved with each later change."""
    run = explode()
    change, outcome = (run.journal.last(kind, fix="clip_gradients") for kind in ("change", "outcome"))
    halved = [entry["step"] for entry in run.journal.entries("change", fix="scale_lr")]
    steps, clipped = run.history.series("clipped")
    rates = [0.01 * (110.0 if step > 88 else 1.0) * 0.5 ** sum(step > at for at in halved) for step in steps]

    assert list(range(change["step"] + 1, outcome["step"] + 1)) == steps[clipped > 0].tolist()
    assert rates == pytest.approx(run.history.values("lr").tolist())


@pytest.mark.parametrize(
    ("options", "suggestions"),
    [
        pytest.param({"autofix": "suggest"}, ["clip_gradients", "scale_lr"], id="suggest"),
        pytest.param({"autofix": "off"}, [], id="off"),
        pytest.param({"allow": {"data"}}, ["clip_gradients", "scale_lr"], id="loop-not-allowed"),
    ],
)
def test_without_permission_it_only_says_so(explode, options, suggestions):
    """Three epochs, before it becomes infinite: found, and nothing is touched."""
    run = explode(epochs=3, **options)

    assert ([], suggestions) == (run.fixes, [entry["fix"] for entry in run.journal.entries("suggestion")])
    assert ["G01"] == [one.code for one in run.findings]
    assert 0 == run.history.values("clipped").max()


def test_an_ignored_detector_finds_nothing(explode):
    """Also in a real run."""
    assert [] == explode(epochs=3, ignore=["G01"]).findings


def test_running_trials_come_back_after_a_resume():
    """The verdict is the same as in a run that was never interrupted."""
    book, again = Book(fixes=["scale_lr"]), Book(fixes=["scale_lr"])
    for one in (book, again):
        one.find()
        one.train(20, BAD)
    again.policy = Policy(again.journal, fixes=["scale_lr"])
    again.policy.restore(book.policy.state())
    for one in (book, again):
        one.train(30, BAD)

    assert [("scale_lr", "not enough")] == book.verdicts() == again.verdicts()
    assert 0.25 == book.controls.lr_scale == again.controls.lr_scale
    assert [str(one) for one in book.policy.findings] == [str(one) for one in again.policy.findings]
