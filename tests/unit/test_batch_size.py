"""The batch is halved for good where a device is full, and a sentence says so."""

import logging

import pytest
import torch
from rightreason.batch_size import BatchSize
from rightreason.errors import InputError


def device_of(room):
    """Return what makes something of a batch size, on a device that takes `room` samples."""
    tried = []

    def make(size):
        tried.append(size)
        if size > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has")
        return f"made with {size}"

    return make, tried


def test_what_fits_is_left_alone(caplog):
    make, tried = device_of(16)
    batch = BatchSize(16)
    assert batch.fitting("c1", make) == "made with 16"
    assert (tried, batch.size, caplog.records) == ([16], 16, [])


def test_a_full_device_gets_half_and_keeps_it(caplog):
    make, tried = device_of(3)
    batch = BatchSize(13)
    with caplog.at_level(logging.WARNING):
        assert batch.fitting("c1", make) == "made with 3"
        assert batch.fitting("c2", make) == "made with 3"
    assert tried == [13, 6, 3, 3]
    assert [record.getMessage().partition(", and")[0] for record in caplog.records] == [
        "c1: the device's memory is full with 13 samples at once. From here on it is 6",
        "c1: the device's memory is full with 6 samples at once. From here on it is 3",
    ]


def test_where_not_one_sample_fits_a_sentence_says_what_to_do():
    make, tried = device_of(0)
    with pytest.raises(InputError, match=r"^c1: the device's memory does not hold .*of one sample"):
        BatchSize(2).fitting("c1", make)
    assert tried == [2, 1]


def test_other_failures_are_not_taken_for_it():
    def fails(size):
        raise RuntimeError("mat1 and mat2")

    batch = BatchSize(4)
    with pytest.raises(RuntimeError, match="mat1"):
        batch.fitting("c1", fails)
    assert batch.size == 4
