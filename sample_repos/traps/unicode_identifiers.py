"""Identifiers and text beyond ASCII, so that bytes, code points and UTF-16 units all differ."""

π = 3.141592653589793
größe_in_m = {"Straßenbahn": 30.5, "Fähre": 164.0, "🚲": 1.8}


def fläche_eines_kreises(radius: float) -> float:
    """Flächeninhalt. Ein Kommentar mit 日本語 und 👩‍👩‍👧 davor verschiebt alle Bytes."""
    return π * radius**2


class Überfahrt:
    """🛳️ Eine Fahrt mit der Fähre."""

    def __init__(self, länge_km: float, knoten: float) -> None:
        self.länge_km = länge_km
        self.knoten = knoten

    def dauer_in_minuten(self) -> float:
        return self.länge_km / (self.knoten * 1.852) * 60


def привет(имя: str) -> str:
    return f"Привет, {имя} 👋"


def count_the_vowels(text: str) -> int:
    """Plain again, after everything above: offsets must still be right here."""
    return sum(letter in "aeiouäöüáéíóú" for letter in text.lower())
