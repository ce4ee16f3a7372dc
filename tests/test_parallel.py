"""run(), Job and what belongs to them."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import pytest

from fastembed import parallel
from fastembed._core.bell import Bell, follow
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


def chunks_by_thread(job, seen):
    """Take chunks until none is left, a while each; which thread took them."""
    while (chunk := job.take()) >= 0:
        seen[chunk] = threading.get_ident()
        time.sleep(0.002)


def test_a_step_is_worked_on_in_this_thread_too():
    seen = {}
    parallel.share(lambda job, number: chunks_by_thread(job, seen), 30, 3)
    assert sorted(seen) == list(range(30)) and threading.get_ident() in seen.values() and len(set(seen.values())) == 3


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_step_stops_the_others(failing):
    ended, other = [], threading.Event()

    def work(job, number):
        if number == failing:
            assert other.wait(10)
            raise KeyboardInterrupt
        other.set()
        wait_for_stop(job, number)
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        parallel.share(work, 2, 2)
    assert ended == [1 - failing]


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends the process there")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_signal_while_a_step_waits_for_its_thread(error):
    ended, other = [], threading.Event()

    def handler(*_):
        raise error

    def work(job, number):
        if number == 0:
            assert other.wait(10)
            return
        other.set()
        wait_for_stop(job, number)
        ended.append(number)

    before = signal.signal(signal.SIGINT, handler)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(error):
            parallel.share(work, 2, 2)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert ended == [1]


def test_ctrl_c_where_a_step_calls_python():
    """A call is where it may come, apart from waits: no thread works on when the step has been left."""
    begun, ended, other = [], [], threading.Event()

    def work(job, number):
        if number == 0:
            assert other.wait(10)
            return
        begun.append(number)
        other.set()
        time.sleep(0.02)
        ended.append(number)

    def interrupted_at(call):
        def trace(frame, *_):
            nonlocal call
            call -= frame.f_code.co_filename == parallel.__file__
            if call == 0:
                raise KeyboardInterrupt

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            parallel.share(work, 2, 2)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
            assert begun == ended
        return False

    calls = 1
    while interrupted_at(calls):
        calls += 1
        other.clear()
    assert calls > 2 and begun  # share and its tasks; a comprehension of its own before Python 3.12


def test_a_step_where_no_room_is_left_for_frames():
    begun, ended, other = [], [], threading.Event()

    def work(job, number):
        if number == 0:
            other.wait(10)
            return deeper(job)
        begun.append(number)
        other.set()
        wait_for_stop(job, number)
        return ended.append(number)

    def deeper(job):
        return deeper(job)

    def at(depth):
        parallel.share(work, 2, 2) if depth == 0 else at(depth - 1)

    for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit()):
        other.clear()
        with pytest.raises(RecursionError):
            at(depth)
        assert begun == ended
    assert begun


def test_a_step_whose_threads_cannot_be_begun_ends(monkeypatch):
    begin, begun, ended = parallel._thread.start_new_thread, [], []

    def begin_one(body, args):
        if begun:
            raise RuntimeError("can't start new thread")
        begun.append(begin(body, args))

    monkeypatch.setattr(parallel._thread, "start_new_thread", begin_one)
    monkeypatch.setattr(parallel, "_idle", [])
    with pytest.raises(RuntimeError, match="can't start"):
        parallel.share(lambda job, number: ended.append(number), 3, 3)
    assert len(begun) == len(parallel._idle) == 1 and not ended
    parallel.share(lambda job, number: chunks_by_thread(job, seen := {}) or ended.append(len(seen)), 9, 2)
    assert len(ended) == 2 and sum(ended) == 9


def test_threads_of_a_step_stay_for_the_next(monkeypatch):
    monkeypatch.setattr(parallel, "_idle", [])
    threads = set()
    for _ in range(20):
        seen = {}
        parallel.share(lambda job, number, seen=seen: chunks_by_thread(job, seen), 6, 3)
        assert sorted(seen) == [0, 1, 2, 3, 4, 5]
        threads |= set(seen.values())
    assert len(threads) == 3 and len(parallel._idle) == 2


def test_a_step_does_not_wait_for_a_thread_that_comes_late(monkeypatch):
    """All chunks are taken before the other thread may run; then that thread has nothing to do with it."""
    monkeypatch.setattr(parallel, "_idle", [])
    asked, held, numbers = threading.Event(), threading.Event(), []

    class Late(parallel._Task):
        def is_for(self, who):
            if isinstance(who, parallel._Hand):
                asked.set()
                held.wait()
            return super().is_for(who)

    monkeypatch.setattr(parallel, "_Task", Late)

    def work(job, number):
        numbers.append(number)
        while job.take() >= 0:
            pass
        assert asked.wait(10)

    parallel.share(work, 4, 2)
    held.set()
    (hand,) = parallel._idle
    assert numbers == [0] and hand.task is None
    kept = weakref.ref(work)  # and what it works on, which may be large
    del work
    for _ in range(1000):
        if kept() is None:
            break
        time.sleep(0.001)
    assert kept() is None
    monkeypatch.undo()
    parallel._idle.append(hand)
    test_a_step_is_worked_on_in_this_thread_too()


def test_a_thread_that_nobody_needs_ends(monkeypatch):
    monkeypatch.setattr(parallel, "_idle", [])
    monkeypatch.setattr(parallel, "IDLE_SECONDS", 0.01)
    parallel.share(lambda job, number: chunks_by_thread(job, {}), 4, 2)
    for _ in range(1000):
        if not parallel._idle:
            break
        time.sleep(0.01)
    assert not parallel._idle


def test_steps_of_several_threads_at_once():
    sums = []

    def caller():
        for _ in range(300):
            seen = {}
            parallel.share(lambda job, number, seen=seen: seen.update({number: taken(job)}), 50, 3)
            sums.append(sum(seen.values()))

    def taken(job):
        return sum(chunk for chunk in iter(job.take, -1))

    callers = [threading.Thread(target=caller) for _ in range(4)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert sums == [50 * 49 // 2] * 1200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own():
    code = """
        import os, warnings
        from fastembed import parallel
        def work(job, number):
            while job.take() >= 0:
                numbers.add(number)
        warnings.simplefilter("ignore")  # that a process with threads forks
        for _ in range(2):
            numbers = set()
            parallel.share(work, 100_000, 2)
        child = os.fork()
        numbers = set()
        parallel.share(work, 100_000, 2)
        if not child:
            os._exit(0)
        print(os.waitpid(child, 0)[1], 0 in numbers)
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0 True\n", "")


def test_a_bell():
    bell = Bell()
    assert not bell.wait(0)
    bell.ring()
    bell.ring()  # twice is once
    assert bell.wait(0) and not bell.wait(0.001)
    thread = threading.Timer(0.05, bell.ring)
    thread.start()
    assert bell.wait()
    thread.join()


def test_who_follows_waits_for_the_first_chunk_and_sees_the_last():
    job = Job(2)
    assert follow(job)  # after a while
    assert (job.take(), follow(job)) == (0, True)
    assert (job.take(), follow(job)) == (1, False)
    job = Job(2)
    job.stop()
    assert not follow(job)


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
