"""The keeper's round: which lamps are lit, and what happens when one refuses."""

import time

from lamps import LampError

MAX_ATTEMPTS = 3
PAUSE_SECONDS = 0.5


class Keeper:
    """Lights every lamp at dusk and reports the ones that stay dark."""

    def __init__(self, lamps, logbook):
        self.lamps = lamps
        self.logbook = logbook

    def light_all(self, now):
        """Light the lamps one after the other."""
        dark = []
        for lamp in self.lamps:
            if not self.light_with_retries(lamp, now):
                dark.append(lamp)
        return dark

    def light_with_retries(self, lamp, now):
        """Try again after a growing pause; give up after MAX_ATTEMPTS."""
        for attempt in range(MAX_ATTEMPTS):
            try:
                lamp.light(now)
            except LampError as fault:
                self.logbook.note(lamp.name, f"attempt {attempt + 1}: {fault}")
                time.sleep(PAUSE_SECONDS * 2**attempt)
            else:
                return True
        self.report_dark(lamp)
        return False

    def report_dark(self, lamp):
        """Tell the harbour master, by name, which lamp is out."""
        self.logbook.alarm(f"{lamp.name} is dark after {MAX_ATTEMPTS} attempts")
