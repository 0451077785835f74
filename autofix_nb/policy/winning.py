"""Who wins a race: who came out decisively better than going on, or surely will; beyond chance, in pairs of batches.

What speaks against the run decides how much is asked. One that learns must be beaten by much. One that has not learnt
anything may be beaten by pace, or by having begun to tell the rows apart. Before the first step nothing speaks against
it but the look before training.
"""

from collections.abc import Callable
from dataclasses import replace
from math import nan

from autofix_nb.policy.races import Race
from autofix_nb.policy.verdict import Score, best_of, is_decisively_better, is_surely_lower, is_worse, knows_more

QUICKER = 10.0
"""How many times as fast as the control a candidate must come down to win by its pace: a few steps show no more, where
nothing was learnt yet."""

PACE = 2.5
"""The same where a run is known to end too high as it is, mended or behind a simple model: one that would need its
steps several times over is lost as surely as a sick one."""

STANDS = 1e-4
"""Share of its loss by which a control has changed at least, where its steps do anything."""

FARTHER = 3.0
"""How many times as far as the control a candidate must bring the loss down before the first step of the run, where
nothing but the look before training speaks against it."""

NO_WORSE = 0.02
"""Share of its loss by which a candidate may be behind the control, where the data themselves ask for it."""

PROVEN_WORSE = 0.25
"""The same for what mends a slip that shapes prove: rows that hear of each other may begin to learn faster, and what
they learn is none of what was meant."""

MUCH = 0.1
"""Share of its loss that a candidate must surely explain before the first step, and by which that must be lower than
the control's, where the control surely explains nothing: a loss that jumps is decisively lower than none."""

HARDLY = 0.01
"""Share of its loss up to which a control hardly moves whose steps are faint."""

SURELY = 0.03
"""Share of that loss by which another must be lower, where that is so."""

SIMPLE_WAY = 0.2
"""Share of the way down of the winner that a simpler one must have come to be preferred."""

AHEAD = 3.0
"""How many times as far a start that was watched may be thought on, to tell a slow one from none."""


def winner_of(race: Race, *, learnt: bool, begun: bool, left: float) -> int | None:
    """Return the place of the winner; None where going on as it is may be as good.

    `learnt` tells whether the run has learnt anything that a change could lose, `begun` whether it has taken a step,
    and `left` is how many of its planned steps are left.
    """
    # A training that stands has nothing to lose by a change, however well it learnt before.
    first = _winner(race, learnt=learnt and not (begun and _stands(race)))
    if learnt and begun:
        return _sure_of_itself(race) if first is None else first
    if learnt:
        won = _far_faster(race) if first is None else first
        if won is None:
            won = _best(race, lambda one: knows_more(one, race.control, race.start))
        if won is None:
            won = _best(race, lambda one: _knows_much(one, race.control))
        return _sure_of_itself(race) if won is None else _sure_rather(race, won)
    if first is not None:
        return first
    quickest = quicker(race, left=left)
    if quickest is None:
        quickest = _best(race, lambda one: knows_more(one, race.control, race.start))
    return _sure_of_itself(race) if quickest is None else quickest


def simplest_winner(race: Race, first: int, win: Callable[[Race], int | None]) -> int:
    """Return the winner among those that are no last resort, where there is one; else the one that won among all.

    For findings that blame the rate alone: another model that begins faster at a usual rate may end behind the own one.
    """
    simple = {place: kept for place, kept in race.trained.items() if not race.raced[place].resort}
    if first in simple or not simple:
        return first
    rather = win(replace(race, trained=simple))
    if rather is None:
        return first
    ways = [race.start.loss - race.scores[place].loss for place in (rather, first)]
    return rather if ways[0] >= SIMPLE_WAY * ways[1] else first


def surely_off_a_stand(race: Race) -> int | None:
    """Return the best of those that are lower beyond chance than a control that hardly moves; None where none is."""
    start, control = race.start, race.control
    sound = start.is_sound and control.is_sound
    if not sound or abs(control.loss - start.loss) > HARDLY * abs(start.loss):
        return None
    return _best(race, lambda one: is_surely_lower(one, control, SURELY))


def gets_on(race: Race, *, left: float, limit: float) -> bool:
    """Tell whether the run as it is will come below a loss, thought on by shares from what its control did.

    A run that was to end too high may have begun to learn just then: its control shows that better than its past.
    """
    start, control = race.start, race.control
    if not (start.is_sound and control.is_sound and start.loss > 0 and control.loss > 0):
        return False
    return control.loss * min(1.0, control.loss / start.loss) ** (left / race.steps) < limit


def usual_one(race: Race) -> int | None:
    """Return the place of a usual optimizer alone that comes to hardly more than the control from the same weights.

    Of a run that is known to end too high as it is: what speaks for the rate that it has is only that it was chosen.
    """
    limit = race.control.loss + NO_WORSE * abs(race.control.loss)
    for place in sorted(race.trained):
        score, one = race.scores[place], race.raced[place]
        alone = not one.fresh and [change.fix for _, change in one.fixes] == ["swap_optimizer"]
        if alone and score.is_sound and not score.loss > limit and not is_worse(score, race.control):
            return place
    return None


def _winner(race: Race, *, learnt: bool) -> int | None:
    """Return the best of those that came out decisively better than going on; None where nobody did."""

    def wins(one: Score) -> bool:
        if not is_decisively_better(one, race.control, learnt=learnt):
            return False
        # Better than a control that fell apart is not enough: it must learn something, however slowly it starts.
        return learnt or is_decisively_better(one, race.start, learnt=False) or _gets_better(one, race.start, AHEAD)

    return _best(race, wins)


def _stands(race: Race) -> bool:
    """Tell whether the control is where it began: its steps change nothing."""
    start, control = race.start, race.control
    return start.is_sound and control.is_sound and abs(control.loss - start.loss) < STANDS * abs(start.loss)


def quicker(race: Race, *, left: float, times: float = QUICKER) -> int | None:
    """Return the best of those so much faster than the control that the steps left make them decisively better.

    `times` is how many times as far as the control one must have come, beyond chance in pairs of batches.
    """
    control, start = race.control, race.start
    if not (control.is_sound and start.is_sound):
        return None

    def wins(one: Score) -> bool:
        faster = start.loss - one.loss > times * max(0.0, start.loss - control.loss)
        ahead = left / race.steps
        # Faster than a control that goes up is not enough: by then it must have learnt something.
        return faster and _gets_better(one, control, ahead) and _gets_better(one, start, ahead)

    return _best(race, wins)


def _far_faster(race: Race) -> int | None:
    """Return the best of those whose first steps bring the loss down so much farther than the control's."""
    control, start = race.control, race.start
    if not (control.is_sound and start.is_sound):
        return None

    def wins(one: Score) -> bool:
        farther = start.loss - one.loss > FARTHER * max(0.0, start.loss - control.loss)
        return farther and is_decisively_better(one, control, learnt=False)

    return _best(race, wins)


def _sure_of_itself(race: Race) -> int | None:
    """Return the best of those that the data themselves ask for, if it is hardly worse than going on.

    A mark for "none" among the targets is no measurement, and rows with gaps are lost one by one as their turn comes: a
    few steps need not show what mending that gives. No more need those of a loss that cannot be meant as it is, or of
    which a part is not heard.
    """
    sure = [place for place, one in enumerate(race.raced) if one.is_sure and place in race.trained]
    sure = [place for place in sure if race.scores[place].is_sound]
    sure = [place for place in sure if _does_no_harm(race, place)]
    return sure[best_of([race.scores[place] for place in sure])] if sure else None


def _does_no_harm(race: Race, place: int) -> bool:
    """Tell whether a sure candidate is hardly worse than going on; what is proven wrong may have learnt faster."""
    one, control = race.scores[place], race.control
    if not control.is_sound:
        return True
    if race.raced[place].is_proven:
        return one.loss <= control.loss + PROVEN_WORSE * abs(control.loss)
    return not one.loss > control.loss + NO_WORSE * abs(control.loss) and not is_worse(one, control)


def _knows_much(one: Score, control: Score) -> bool:
    """Tell whether one surely knows much of the targets and the control surely nothing, at a loss that is lower."""
    knows = one.known >= MUCH and not control.known and len(control.gains) > 0
    return knows and one.loss <= (1 - MUCH) * control.loss and not is_worse(one, control)


def _sure_rather(race: Race, first: int) -> int:
    """Return the place of a sure candidate that knows no less than a winner by another loss; else that of the winner.

    A loss in other units may fall by much while all answers move alike, which tells nothing of a better training.
    """
    sure = _sure_of_itself(race)
    if sure is None or race.raced[first].loss is None or race.raced[first].is_sure:
        return first
    return first if race.scores[sure].known < race.scores[first].known else sure


def _best(race: Race, wins: Callable[[Score], bool]) -> int | None:
    """Return the best of the candidates that win and can be gone on with."""
    places = [place for place in sorted(race.trained) if race.scores[place].is_sound and wins(race.scores[place])]
    return places[best_of([race.scores[place] for place in places])] if places else None


def _gets_better(one: Score, than: Score, times: float) -> bool:
    """Tell whether one comes out decisively better by its loss when it goes so many times as far ahead."""
    times = max(1.0, times)
    pairs = zip(one.losses, than.losses, strict=False)
    losses = tuple(its - times * (its - mine) for mine, its in pairs)
    ahead = replace(one, goal=nan, loss=than.loss - times * (than.loss - one.loss), losses=losses)
    return is_decisively_better(ahead, replace(than, goal=nan), learnt=False)
