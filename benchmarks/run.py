"""Every benchmark, one after the other: ``make bench``. Each prints its own table."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TABLES = (
    "attribution",
    "gradient",
    "coverage",
    "captum_table",
    "memory",
    "conductance",
    "propagation",
    "shapley",
    "features",
    "inside",
    "concepts",
    "evidence",
    "calibration",
    "training",
)


def main() -> int:
    failed = []
    for name in TABLES:
        script = HERE / f"{name}.py"
        if not script.exists():
            continue
        print(f"\n━━ {name}", flush=True)
        if subprocess.run([sys.executable, str(script)], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nBelow their mark or broken: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
