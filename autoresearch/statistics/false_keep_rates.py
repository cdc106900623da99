"""False keeps of judge version 2, as scripts/simulate_gate.py wrote them: (controls, share).

100,000 simulated candidates without a gain a row.
"""

FALSE_KEEPS: tuple[tuple[int, float], ...] = (
    (3, 0.00083),
    (4, 0.00086),
    (5, 0.00080),
    (6, 0.00081),
    (8, 0.00072),
    (10, 0.00073),
    (12, 0.00056),
    (16, 0.00065),
    (20, 0.00066),
    (30, 0.00066),
    (60, 0.00042),
)
