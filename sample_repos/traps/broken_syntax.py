"""A file in the middle of being edited: one function is not finished, the others are fine."""

import datetime


def moon_age(day: datetime.date) -> float:
    """Days since the last new moon."""
    known_new_moon = datetime.date(2000, 1, 6)
    return ((day - known_new_moon).days - 0.76) % 29.530588


def tide_factor(day: datetime.date) -> float:
    """Spring tides are near 1, neap tides near 0."""
    age = moon_age(day
    return abs(age - 7.4 /


def weekday_name(day: datetime.date) -> str:
    """The English name of the day of the week."""
    names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    return names[day.weekday()]


class Almanac:
    """One line for every day of a year."""

    def __init__(self, year: int) -> None:
        self.year = year

    def lines(self):
        day = datetime.date(self.year, 1, 1)
        while day.year == self.year:
            yield f"{day} {weekday_name(day)} {moon_age(day):.1f}"
            day += datetime.timedelta(days=1)
