"""Number of passes that outweigh a number of misses, so that guessing earns no mastery.

A learner who guesses passes an attempt with a chance of at most GUESS, whatever happened before.
Then the chance of `k` passes within their first `n` attempts on a skill is at most
comb(n, k) * GUESS**k. Mastery with `k` passes is given only while that is below the share of LUCK
that is set aside for `k`. The shares add up to LUCK, so that is what guessing can reach on a skill,
however long it goes on.
"""

import math
from functools import cache

GUESS = 1e-3  # the largest chance with which a guess may pass; a course's exercises are held to it
SKILLS = 30  # of a course as long as this product's own
LUCK = 1e-3 / SKILLS  # so that of 1,000 who guess on all these skills, at most one masters one
PASSES = 2  # that mastery takes at least


@cache
def passes_needed(missed: int) -> int:
    """The passes that mastery takes after so many misses: 2 up to 5, 3 up to 30, 4 up to 87, ..."""
    passes = PASSES
    while _log_chance(missed + passes, passes) > math.log(share(passes)):
        passes += 1
    return passes


def share(passes: int) -> float:
    """The part of LUCK for mastery by so many passes: two thirds for the first, then halves."""
    return LUCK * (2 / 3 if passes == PASSES else 1 / 3 / 2 ** (passes - PASSES))


def _log_chance(attempts: int, passes: int) -> float:
    """The logarithm of comb(attempts, passes) * GUESS**passes, which may be too small a float."""
    return (
        math.lgamma(attempts + 1)
        - math.lgamma(passes + 1)
        - math.lgamma(attempts - passes + 1)
        + passes * math.log(GUESS)
    )
