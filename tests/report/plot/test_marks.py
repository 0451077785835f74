"""Signs on the plots: told apart by shape, and never on top of each other."""

from autofix_nb.report.plot.marks import DRAWN, IN_WORDS, LONGEST, SIGNS, Mark, in_columns


def test_each_kind_has_its_own_shape_and_word():
    """Colour alone tells nothing to many."""
    assert len(SIGNS) == len(set(SIGNS.values())) == len(set(IN_WORDS.values()))
    assert SIGNS.keys() == IN_WORDS.keys() == set(DRAWN)


def test_neighbours_of_one_kind_are_one():
    """With how many they are, and from where to where."""
    marks = [Mark(kind="skipped", step=step, text=f"sample {step}") for step in (100, 101, 102, 900)]
    found = in_columns(marks, 0, 1000)

    assert [
        "steps 100 to 102, skipped or set aside, 3 times; first: sample 100",
        "step 900, skipped or set aside: sample 900",
    ] == [mark.says for mark in found]


def test_kinds_stay_apart():
    """What was fixed is drawn over what was found."""
    marks = [Mark(kind="fixed", step=5, text="a"), Mark(kind="found", step=5, text="b")]

    assert ["found", "fixed"] == [mark.kind for mark in in_columns(marks, 0, 10)]


def test_what_the_pointer_is_told_is_short():
    """An exception may be pages long."""
    mark = Mark(kind="found", step=1, text="x" * 10_000)

    assert len(mark.says) < LONGEST + 50
