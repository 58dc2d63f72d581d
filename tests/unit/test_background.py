"""Reading ahead and writing behind: everything once, in order, errors told, few things held."""

import threading

import pytest
from rightreason.background import read_ahead, write_behind


@pytest.mark.parametrize("threads", [1, 3, 20])
@pytest.mark.parametrize("count", [0, 1, 2, 10])
def test_all_is_read_once_and_comes_in_order(threads, count):
    read = []

    def double(key):
        read.append(key)
        return 2 * key

    assert list(read_ahead(range(count), double, threads)) == [(n, 2 * n) for n in range(count)]
    assert sorted(read) == list(range(count))


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_are_read_ahead_as_there_are_threads_and_no_more(threads):
    begun = threading.Semaphore(0)
    read = []

    def note(key):
        read.append(key)
        begun.release()
        return key

    items = read_ahead(range(10), note, threads)
    for done in range(10 - threads):
        assert next(items) == (done, done)
        while len(read) < done + 1 + threads:
            assert begun.acquire(timeout=60)
        assert sorted(read) == list(range(done + 1 + threads))
    assert [key for key, _ in items] == list(range(10 - threads, 10))


def test_what_cannot_be_read_is_told_in_its_turn():
    def read(key):
        if key == 2:
            raise ValueError("of 2")
        return key

    items = read_ahead(range(5), read, 3)
    assert [next(items), next(items)] == [(0, 0), (1, 1)]
    with pytest.raises(ValueError, match="of 2"):
        next(items)


def test_leaving_early_leaves_no_thread_behind():
    before = threading.active_count()
    items = read_ahead(range(100), str, 4)
    assert next(items) == (0, "0")
    items.close()
    assert threading.active_count() == before


def test_all_is_written_when_the_writer_is_given_back():
    written = []
    with write_behind(2) as writer:
        for batch in range(5):
            writer.start([lambda n=(batch, part): written.append(n) for part in range(3)])
            # The batches before are done.
            assert {(n, part) for n in range(batch) for part in range(3)} <= set(written)
    assert sorted(written) == [(batch, part) for batch in range(5) for part in range(3)]


def test_the_user_goes_on_while_a_batch_is_written():
    go = threading.Event()
    with write_behind(1) as writer:
        writer.start([lambda: assert_(go.wait(timeout=60))])
        go.set()


def assert_(value):
    assert value


def write(*batches, error=None):
    with write_behind(1) as writer:
        for batch in batches:
            writer.start(batch)
        if error:
            raise error


def fail():
    raise OSError("no space")


def test_a_failed_write_is_told_with_the_next_batch_or_at_the_end():
    later = []
    with pytest.raises(OSError, match="no space"):
        write([fail], [lambda: later.append(1)])
    assert later == []
    with pytest.raises(OSError, match="no space"):
        write([fail])


def test_the_users_own_error_is_the_one_told():
    with pytest.raises(KeyError, match="mine"):
        write([fail], error=KeyError("mine"))
