"""Lamps: what they burn and how they fail."""


class LampError(Exception):
    """The wick is wet, the oil is gone, or the wind is too strong."""


class Lamp:
    def __init__(self, name, oil_litres):
        self.name = name
        self.oil_litres = oil_litres
        self.is_lit = False

    def light(self, now):
        """Strike the flint. Raises LampError where there is no oil."""
        if self.oil_litres <= 0:
            raise LampError("no oil")
        self.is_lit = True

    def burn(self, hours):
        """Use up oil; the flame goes out with the last drop."""
        self.oil_litres = max(0.0, self.oil_litres - 0.4 * hours)
        if not self.oil_litres:
            self.is_lit = False
