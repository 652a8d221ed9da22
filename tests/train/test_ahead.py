"""Work that is done ahead in other threads."""

import threading
import time

import pytest

from blip2_core.train.ahead import in_advance


@pytest.mark.parametrize("threads", [1, 4])
def test_results_come_in_the_order_of_the_items(threads):
    def slow_for_the_first(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0)
        return number * number

    made = in_advance(slow_for_the_first, range(20), ahead=3, threads=threads)
    assert list(made) == [number * number for number in range(20)]


def test_the_next_item_is_made_while_this_one_is_used_and_no_more_than_asked_for():
    begun, third = [], threading.Event()

    def note(number: int) -> int:
        begun.append(number)
        if number == 2:
            third.set()
        return number

    made = in_advance(note, range(100), ahead=2)
    assert next(made) == 0
    assert third.wait(5)
    made.close()
    assert len(begun) <= 4


def test_an_error_arrives_where_its_result_is_asked_for():
    def fail_at_two(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    made = in_advance(fail_at_two, range(5))
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(made)
