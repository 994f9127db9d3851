"""Writes the golden values of every area module in this folder to libs/testing/golden/<area>.json.

An area module is a file `<area>.py` that defines `golden() -> list[dict]`; each dict has at least the keys `function`,
`arguments` and `value`. Area modules are found by themselves. Run with the packages of requirements.txt installed:

    python lab/golden/write_golden.py            # every area
    python lab/golden/write_golden.py AREA ...   # only these

The JSON also records the versions of Python and of the packages in requirements.txt, and has one golden value a line so
that a change can be read.
"""

import importlib.util
import json
import math
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "libs" / "testing" / "golden"


def main(wanted: list[str]) -> None:
    sys.path.insert(0, str(HERE))
    areas = sorted(path for path in HERE.glob("*.py") if path != Path(__file__).resolve())
    unknown = set(wanted) - {path.stem for path in areas}
    if unknown:
        raise SystemExit(f"no such area: {', '.join(sorted(unknown))} (a file <area>.py in {HERE})")
    for path in areas:
        if wanted and path.stem not in wanted:
            continue
        module = load(path)
        if hasattr(module, "golden"):
            write(path.stem, module.golden())


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(area: str, values: list[dict]) -> None:
    for value in values:
        missing = {"function", "arguments", "value"} - value.keys()
        if missing:
            raise SystemExit(f"{area}: a golden value lacks {', '.join(sorted(missing))}: {value}")
    # Not a number and infinity are no JSON: allow_nan refuses them instead of writing what no parser reads.
    lines = ",\n".join("    " + json.dumps(plain(value), allow_nan=False, ensure_ascii=False) for value in values)
    versions = json.dumps(installed_versions(), indent=2).replace("\n", "\n  ")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    file = OUTPUT / f"{area}.json"
    file.write_text(f'{{\n  "versions": {versions},\n  "values": [\n{lines}\n  ]\n}}\n', encoding="utf-8")
    print(f"{file.relative_to(HERE.parents[1])}: {len(values)} values")


def plain(value):
    """The value with NumPy's scalars and arrays and mpmath's numbers as Python's own."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    number = float(value)
    if math.isnan(number):
        raise SystemExit("a golden value is not a number")
    return number


def installed_versions() -> dict[str, str]:
    """Python's version and those of the packages in requirements.txt that are installed."""
    versions = {"python": platform.python_version()}
    for line in (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name = line.split("#")[0].split("==")[0].strip()
        if not name:
            continue
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


if __name__ == "__main__":
    main(sys.argv[1:])
