"""Write autoresearch/statistics/t_table.py from SciPy, so that the judge needs no SciPy to run.

    uv run --group dev python scripts/make_critical_values.py

`tests/autoresearch/statistics/test_sequential_test.py` checks the written table against SciPy.
"""

from pathlib import Path

from scipy import stats

LAST = 120
HEADER = (
    '"""Student\'s t by degrees of freedom, as scripts/make_critical_values.py wrote it."""'
    "\n\n# fmt: off\n"
)


def table(name: str, quantile: float) -> str:
    """One tuple literal: the quantile for 1, 2, ... LAST degrees of freedom, then the normal's."""
    values = [float(stats.t.ppf(quantile, df)) for df in range(1, LAST + 1)]
    values.append(float(stats.norm.ppf(quantile)))
    rows = [values[i : i + 8] for i in range(0, len(values), 8)]
    body = "\n".join("    " + ", ".join(f"{v:.5f}" for v in row) + "," for row in rows)
    return f"{name} = (\n{body}\n)\n"


def main() -> None:
    """Write the module beside the judge."""
    target = Path(__file__).resolve().parent.parent / "autoresearch" / "statistics" / "t_table.py"
    tables = (table("T_975", 0.975), table("T_999", 0.999), table("T_9998", 0.9998))
    target.write_text(HEADER + "\n".join(tables))
    print(f"{target.name}: 3 tables of {LAST + 1} values")


if __name__ == "__main__":
    main()
