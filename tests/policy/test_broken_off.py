"""An answer that is broken off leaves the policy's book as it was, and says where to begin again."""

import pytest

from autofix_nb.fixes import FIXES, Change
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from autofix_nb.policy.broken_off import whole_or_not
from tests.runs import finding

PLACE = {"when": "step", "number": 2, "alarmed": True}


def broken_off(policy, answer, error):
    def ask():
        with whole_or_not(policy, 7, PLACE):
            answer()
            raise error

    with pytest.raises(type(error)):
        ask()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), SystemExit()])
def test_the_book_goes_back(error):
    """Findings, what fired, the races; the journal's lines stay in the file and do not count."""
    policy = Policy(Journal())
    policy.note(finding(step=3))
    before = policy.state()

    def answer():
        policy.note(finding(step=7))
        policy._fired["L05"] = (7, 2)
        policy._silent.add("G02")
        policy._waiting.add("L05")
        policy.races.spent += 30
        policy.races.tried.append("something")
        policy.races.of_code["L05"] = 1

    broken_off(policy, answer, error)

    assert before | {"broken_off": PLACE} == policy.state()
    assert 2 == len(policy.journal.entries("finding"))
    assert [3] == [entry["step"] for entry in policy.journal.lasting() if entry["kind"] == "finding"]


def test_a_change_that_was_made_stays_written_down():
    """The model has it: only where to begin again is remembered."""
    policy = Policy(Journal())
    change = Change(fix="clip_gradients", touches="loop", says="clips")

    def answer():
        policy.note(finding(step=7))
        policy._keep_book(change, finding(step=7), FIXES["clip_gradients"]())

    broken_off(policy, answer, KeyboardInterrupt())

    assert ([change], 1, PLACE) == (policy.changes, len(policy.findings), policy.broken_off)
    assert ["finding", "change"] == [entry["kind"] for entry in policy.journal.lasting()]


def test_an_error_is_an_answer():
    """The run that goes on after it must not run into it again at once."""
    policy = Policy(Journal())

    broken_off(policy, lambda: policy.note(finding(step=7)), ValueError("a bug"))

    assert (1, None) == (len(policy.findings), policy.broken_off)


def test_only_a_look_of_the_same_kind_goes_on_there():
    """And it does so once, also in another process."""
    policy = Policy(Journal())
    broken_off(policy, lambda: None, KeyboardInterrupt())
    other = Policy(Journal())
    other.restore(policy.state())

    assert [{}, PLACE, {}] == [other.goes_on_from(when) for when in ("epoch", "step", "step")]


def test_saves_while_it_was_broken_off_count():
    """A save that ended meanwhile is none of its answers, nor is a death."""
    journal = Journal()
    journal.append("finding", step=1)
    journal.append("finding", step=2)
    journal.append("save", step=1, after=1)
    journal.append("died", step=2)
    journal.append("broken off", step=2, after=1)

    assert ["finding", "save", "died", "broken off"] == [entry["kind"] for entry in journal.lasting()]
