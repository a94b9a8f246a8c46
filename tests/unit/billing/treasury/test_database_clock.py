"""Every treasury's time is Postgres's."""

from billing.treasury.database_clock import DatabaseClock


class Machine:
    """A machine whose calendar is an hour ahead."""

    def __init__(self) -> None:
        self.boot = 1_000

    def wall_ms(self) -> int:
        return 3_600_000 + self.boot

    def boot_ms(self) -> int:
        return self.boot


def test_it_reads_the_databases_clock_before_anything_else() -> None:
    assert DatabaseClock(Machine(), lambda: 50_000).wall_ms() == 50_000


def test_between_two_readings_time_passes() -> None:
    machine = Machine()
    clock = DatabaseClock(machine, lambda: 50_000)
    clock.refresh()
    machine.boot += 700
    assert clock.wall_ms() == 50_700


def test_a_later_reading_counts() -> None:
    times = iter([50_000, 40_000])
    clock = DatabaseClock(Machine(), lambda: next(times))
    clock.refresh()
    clock.refresh()
    assert clock.wall_ms() == 40_000
