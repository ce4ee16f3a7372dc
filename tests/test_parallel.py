"""run(), Job and what belongs to them."""

import threading
import time

import pytest

from fastembed import parallel
from fastembed._core.job import Job
from fastembed.errors import ParameterError


def wait_for_stop(job, number):
    while not job.stopped:
        time.sleep(0.001)


def workers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("fastembed-")]


def test_every_worker_runs_once_and_numbers_differ():
    numbers = []
    parallel.run(lambda job, number: numbers.append((number, len(workers()) > 0)), Job(3), threads=4)
    assert sorted(numbers) == [(0, True), (1, True), (2, True), (3, True)]


def test_the_first_error_of_a_worker_is_raised_and_stops_the_others():
    def work(job, number):
        if number == 1:
            raise ZeroDivisionError("in a worker")
        wait_for_stop(job, number)

    with pytest.raises(ZeroDivisionError, match="in a worker"):
        parallel.run(work, Job(1), threads=3)
    assert not workers()


def test_a_step_is_worked_on_in_this_thread_too():
    seen = {}
    parallel.share(lambda job, number: seen.update({number: threading.get_ident()}), 5, 3)
    assert sorted(seen) == [0, 1, 2] and seen[0] == threading.get_ident() not in (seen[1], seen[2])


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_step_stops_the_others(failing):
    def work(job, number):
        if number == failing:
            raise KeyboardInterrupt
        wait_for_stop(job, number)

    ended = []
    with pytest.raises(KeyboardInterrupt):
        parallel.share(lambda job, number: (work(job, number), ended.append(number)), 2, 2)
    assert ended == [1 - failing]


def test_a_step_whose_threads_cannot_be_begun_ends(monkeypatch):
    begin, ended = parallel._thread.start_new_thread, []

    def begin_one(body, args):
        if args != (1,):
            raise RuntimeError("can't start new thread")
        begin(body, args)

    monkeypatch.setattr(parallel._thread, "start_new_thread", begin_one)
    with pytest.raises(RuntimeError, match="can't start"):
        parallel.share(lambda job, number: (wait_for_stop(job, number), ended.append(number)), 3, 3)
    assert ended == [1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_error_in_the_main_thread_stops_the_workers(error):
    def progress(job):
        raise error

    with pytest.raises(error):
        parallel.run(wait_for_stop, Job(1), threads=2, progress=progress)
    assert not workers()


def test_progress_is_called_while_waiting_and_at_the_end():
    calls = []

    def progress(job):
        calls.append(job.stopped)
        if len(calls) == 3:
            job.stop()

    parallel.run(wait_for_stop, Job(1), threads=1, progress=progress)
    assert len(calls) >= 4 and calls[-1]


def test_job_counts():
    job = Job(10, 4)
    assert (job.chunks, job.next, job.done, job.stopped) == (10, 4, 0, False)
    job.stop()
    assert job.stopped


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True, 5000])
def test_impossible_threads(threads):
    with pytest.raises(ParameterError, match="threads="):
        parallel.check_threads(threads)
    assert parallel.check_threads(None) == parallel.default_threads() >= 1
