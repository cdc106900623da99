# Put your chips down (crs, 03-bigram-counts, put-your-chips-down)
# instance 5b8e515c204d  <- leave this line: it says what this file answers
#
# Somebody made up six names out of three letters. They are all you know:
#
# - `ttl`
# - `aaltl`
# - `ll`
# - `aatta`
# - `al`
# - `tlt`
#
# A seventh name is being read to you, letter by letter. Twice you are asked to bet 10 chips on
# what comes next. You spread **all** of them over four possibilities: `a`, `l`, `t`, or that the
# name is over.
#
# 1. The letter just read was `a`.
# 2. The letter just read was `t`.
#
# Bet in proportion to what happened in the six names. Fractions of chips are fine: you may write
# `10 * 2 / 7` and let Python divide.
#
# The answer is eight numbers, four for each question, in the order `a`, `l`, `t`, end.
#
# Check it in a terminal: autoresearch-mcp teach check put-your-chips-down.py

answer = [
    # after a:  a,  l,  t,  end
    0,
    0,
    0,
    0,
    # after t:  a,  l,  t,  end
    0,
    0,
    0,
    0,
]
