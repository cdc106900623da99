"""False keeps of judge version 4, as scripts/simulate_gate.py wrote them: (controls, share).

60,000 simulated candidates without a gain a row, with normal runs and with
the worst noise of autoresearch/calibration/noises.py.
"""

Rates = tuple[tuple[int, float], ...]

NORMAL: Rates = (
    (3, 0.00000),
    (4, 0.00003),
    (5, 0.00013),
    (6, 0.00027),
    (8, 0.00065),
    (10, 0.00090),
    (12, 0.00097),
    (16, 0.00085),
    (20, 0.00065),
    (30, 0.00027),
    (60, 0.00015),
)
WORST: Rates = (
    (3, 0.00007),
    (4, 0.00040),
    (5, 0.00113),
    (6, 0.00127),
    (8, 0.00133),
    (10, 0.00140),
    (12, 0.00147),
    (16, 0.00085),
    (20, 0.00067),
    (30, 0.00053),
    (60, 0.00033),
)
