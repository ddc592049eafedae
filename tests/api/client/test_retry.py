"""When a call is made again, how long is waited, and when it is given up."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock

from api.client import ApiError, ControllerUnreachableError, Retry


class Flaky:
    """Fails with the given errors in turn, then answers; remembers when it was asked."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times: list[float] = []

    async def __call__(self) -> str:
        """Fail or answer."""
        self.times.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self.errors:
            raise self.errors.pop(0)
        return "answer"

    def waits(self) -> list[float]:
        """Return the times between the calls."""
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


AWAY = ControllerUnreachableError("away")


async def test_waits_double_up_to_the_longest(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """Each wait is between half and all of a bound that doubles."""
    flaky = Flaky(*[AWAY] * 5)
    seed = random.randrange(1 << 30)
    print("seed", seed)
    retry = Retry(first=1, longest=4, rng=random.Random(seed))
    assert await retry(flaky) == "answer"
    for wait, bound in zip(flaky.waits(), [1, 2, 4, 4, 4], strict=True):
        assert bound / 2 - 0.01 <= wait <= bound + 0.01


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
async def test_a_refusal_is_not_tried_again(status: int) -> None:
    """What the client did wrong stays wrong."""
    flaky = Flaky(ApiError(status, "no"))
    with pytest.raises(ApiError):
        await Retry()(flaky)
    assert len(flaky.times) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_passes_is_tried_again(status: int, autojump_clock: MockClock) -> None:  # noqa: ARG001
    """A fault of the server is given time."""
    assert await Retry()(Flaky(ApiError(status, "later"))) == "answer"


async def test_retry_after_is_waited_for(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """The controller's own word on when to come back is the least that is waited."""
    flaky = Flaky(ApiError(503, "away", 9.0))
    await Retry(first=0.1)(flaky)
    assert flaky.waits()[0] == pytest.approx(9, abs=0.01)


@pytest.mark.parametrize("error", [AWAY, ApiError(503, "away")])
async def test_the_last_error_is_raised_when_time_is_over(
    error: Exception,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    """No try is begun after the given time."""
    flaky = Flaky(*[error] * 1000)
    with pytest.raises(type(error)):
        await Retry(within=20)(flaky)
    assert flaky.times[-1] - flaky.times[0] <= 20
