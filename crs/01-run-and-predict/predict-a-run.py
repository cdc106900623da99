# Four numbers before you press Enter (crs, 01-run-and-predict, predict-a-run)
# instance 19979960b27f  <- leave this line: it says what this file answers
#
# A file `names.txt` holds these names, one a line, and nothing else:
#
# ```text
# rk
# otd
# ra
# kkd
# krok
# mla
# ```
#
# Somebody types three commands. `empty.txt` is there, but it holds no characters at all.
#
# ```sh
# python gpt.py --data names.txt --steps 36
# python gpt.py --data empty.txt --steps 36
# python gpt.py --data names.txt --steps 36 | head -n 5
# ```
#
# Give a list of four numbers:
#
# 1. how many lines the first command prints;
# 2. its first loss, if the untrained model's bets were all exactly even (to two decimals or
# better);
# 3. the exit code of the second command;
# 4. the exit code of `gpt.py` in the third, where `head` takes 5 lines and leaves.
#
# Work it out rather than run it. The bets of a real untrained model are only nearly even, so its
# first loss
# is not quite the number asked for.
#
# Check it in a terminal: autoresearch-mcp teach check predict-a-run.py

import math

answer = [..., ..., ..., ...]
