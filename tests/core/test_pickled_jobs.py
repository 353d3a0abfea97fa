"""Jobs and environments go through pickles, by what it takes to attach to them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from remotebatch import SubmissionEnvironment


def test_an_environment(env: SubmissionEnvironment) -> None:
    derived = env.options(name="mine", time_constraint=60)
    again = pickle.loads(pickle.dumps(derived))
    assert (again.provider, again.properties) == ("Local", derived.properties)
    assert again.settings == derived.settings
    assert again.submit(abs, -2).result(60) == 2
    again.close()


def test_jobs_of_all_kinds(env: SubmissionEnvironment) -> None:
    single, array = env.submit(pow, 2, 3), env.map_submit(abs, range(-3, 0))
    for job in (single, array, array[1]):
        again = pickle.loads(pickle.dumps(job))
        assert (type(again), again.id, again.name) == (type(job), job.id, job.name)
        assert again.environment.properties == env.properties
        again.environment.close()
    again = pickle.loads(pickle.dumps({"single": single, "array": array}))
    assert again["single"].environment.properties == again["array"].environment.properties
    assert (again["single"].result(60), again["array"].results(60)) == (8, [3, 2, 1])
    for job in again.values():
        job.environment.close()


def test_a_copy(env: SubmissionEnvironment) -> None:
    job = copy.deepcopy({"job": env.submit(pow, 2, 3)})["job"]
    assert job.result(60) == 8
    job.environment.close()


def test_in_a_task(env: SubmissionEnvironment) -> None:
    """A task may wait for another job, and submit one."""
    first = env.submit(pow, 2, 3)

    def more() -> tuple[int, int]:
        with closing(first.environment):
            return first.result(60), first.environment.submit(pow, 3, 3).result(60)

    assert env.submit(more).result(60) == (8, 27)


def test_an_environment_in_a_task_asks_nothing_before_it_is_used(env: SubmissionEnvironment) -> None:
    def make() -> str:
        from remotebatch import SubmissionEnvironment

        elsewhere = SubmissionEnvironment("Local", root="/proc/nowhere")
        return elsewhere.options(container_image="no/such:image").settings.container_image or ""

    assert env.submit(make).result(60) == "no/such:image"


MODULE = """
import remotebatch

env = remotebatch.SubmissionEnvironment("Local", root={root!r})
try:
    job = env.submit(abs, -1)
except remotebatch.CannotSend as error:
    refusal = str(error)
else:
    refusal = None

def work():
    return refusal
"""


def test_submitting_while_a_task_imports_is_refused(root: str, tmp_path: Path) -> None:
    (tmp_path / "careless.py").write_text(MODULE.format(root=root))
    script = tmp_path / "script.py"
    script.write_text(
        "import careless\nassert careless.refusal is None\n"
        "print(careless.env.submit(careless.work).result(60))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("a task imports the module that submits, and would submit it once more")


def test_submitting_while_multiprocessing_imports_is_refused(root: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing\n"
        + MODULE.format(root=root)
        + "if __name__ == '__main__':\n"
        + "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        + "        print(pool.apply(work))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a process that multiprocessing has started imports the script that submits" in done.stdout
