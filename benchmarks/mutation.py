"""Mutation testing: small faults are put into the code that must not have any, one at a time, and the tests have to notice.

``pip install mutmut==3.8.1``, then ``python benchmarks/mutation.py``, or with names of modules. mutmut wants a package in a folder of
its name and its settings in the working directory: both are made anew under ``build/mutation``, and what survives is listed there by
``mutmut results`` and shown by ``mutmut show NAME``. Decorated functions and what stands outside of functions are not mutated.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ("__init__.py", "cli.py", "cli_training.py", "console.py", "py.typed", "model", "batch", "report", "training")
# The tests that were written for a module, without those that take seconds to say the same.
MODULES = {
    "model/segment.py": ["tests/model/test_segment.py", "--deselect=tests/model/test_segment.py::test_time_is_bounded"],
    "model/bundle.py": [
        "tests/model/test_bundle_checks.py",
        *(
            f"tests/model/test_bundle.py::{test}"
            for test in (
                "test_every_setting_and_array_survives_saving",
                "test_a_saved_folder_can_be_read_by_others",
                "test_a_folder_that_exists_is_not_touched_unless_asked",
                "test_overwriting_replaces_the_whole_folder",
                "test_saving_that_fails_leaves_nothing",
                "test_overwriting_that_fails_leaves_the_old_model",
                "test_the_old_model_is_kept_somewhere_where_it_cannot_be_put_back",
                "test_an_interruption_leaves_nothing_either",
            )
        ),
    ],
    "batch/manifest.py": ["tests/batch/test_manifest.py"],
}
SETTINGS = """[mutmut]
source_paths=newsgauge
only_mutate=newsgauge/{module}
also_copy=tests
pytest_add_cli_args_test_selection=
    {selection}
pytest_add_cli_args=
    --import-mode=importlib
    -p
    no:cacheprovider
timeout_constant=4
track_dependencies=false
"""
KILLED = ("killed", "timeout", "segfault", "suspicious")


def prepare(module: str, folder: Path) -> None:
    """A copy of the package and its tests in *folder*, with the settings for one module."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "newsgauge").mkdir(parents=True)
    for name in PACKAGE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / "newsgauge" / name)
    shutil.copytree(ROOT / "models" / "fast", folder / "newsgauge" / "models" / "fast")
    shutil.copytree(ROOT / "tests", folder / "tests")
    (folder / "setup.cfg").write_text(SETTINGS.format(module=module, selection="\n    ".join(MODULES[module])))


def run(module: str) -> tuple[int, int]:
    """How many mutants of *module* there are, and how many the tests noticed."""
    folder = ROOT / "build" / "mutation" / Path(module).stem
    prepare(module, folder)
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "mutmut", "run", "--max-children", "1"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "mutmut", "export-cicd-stats"], cwd=folder, check=True)
    stats = json.loads((folder / "mutants" / "mutmut-stats.json").read_text())
    # pytest does not find these by their name, and mutmut would take that for a test that fails.
    unnamed = [test for test in stats["duration_by_test"] if "\\" in test]
    if unnamed:
        sys.exit(f"{len(unnamed)} tests cannot be called by name, {unnamed[0]!r} for one: give their parameters ids.")
    found = json.loads((folder / "mutants" / "mutmut-cicd-stats.json").read_text())
    killed = sum(found.get(outcome, 0) for outcome in KILLED)
    print(f"{module}: {killed} of {found['total']} mutants killed ({killed / found['total']:.1%}), {time.monotonic() - began:,.0f} s")
    return found["total"], killed


def main() -> None:
    """Run over the modules that are named, or all; exit status 1 where fewer than 85 % are noticed."""
    asked = sys.argv[1:] or list(MODULES)
    found = [run(module) for module in asked]
    sys.exit(any(killed < 0.85 * total for total, killed in found))


if __name__ == "__main__":
    main()
