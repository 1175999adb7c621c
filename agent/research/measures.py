"""What a figure with a unit is in other units: whether two measures may be one and the same.

Lengths, areas, volumes, masses, speeds by water, energies and temperatures; no money and no times,
which are seldom given in two units.
"""

from __future__ import annotations

from decimal import Decimal

# International units of 1959, US gallon; source: NIST Special Publication 811, appendix B.
_LENGTHS = {
    "mm": "0.001", "cm": "0.01", "m": "1", "km": "1000", "mile": "1609.344", "inch": "0.0254",
    "ft": "0.3048", "yard": "0.9144", "nautical mile": "1852", "fathom": "1.8288",
    "furlong": "201.168",
}  # fmt: skip
_OTHERS = {
    "mass": {"mg": "0.000001", "g": "0.001", "kg": "1", "tonne": "1000", "ton": "907.185",
             "oz": "0.0283495", "lb": "0.453592"},
    "area": {"acre": "4046.856", "hectare": "10000"},
    "volume": {"ml": "0.000001", "l": "0.001", "gallon": "0.003785"},
    "power": {"watt": "1", "kw": "1000", "mw": "1000000"},
    "energy": {"joule": "1", "calorie": "4.184"},
}  # fmt: skip
_TEMPERATURE = "temperature"
_UNITS: dict[str, tuple[str, Decimal]] = {
    unit: (kind, Decimal(factor))
    for kind, units in (("length", _LENGTHS), *_OTHERS.items())
    for unit, factor in units.items()
}
for _unit, _factor in _LENGTHS.items():
    _UNITS[f"square {_unit}"] = ("area", Decimal(_factor) ** 2)
    _UNITS[f"cubic {_unit}"] = ("volume", Decimal(_factor) ** 3)


_ROUNDED = Decimal("0.02")
"""How far two figures in two units may be from each other, as a share, and be one measure."""
_DEGREE = Decimal(1)
"""Likewise of temperatures, in kelvins."""
_FAR = Decimal("0.1")
"""How far they are, as a share, where the one is no rough conversion of the other."""
_DEGREES = Decimal(5)
"""Likewise of temperatures, in kelvins."""


def rounded(kind: str, one: Decimal, other: Decimal) -> bool:
    """Whether two measures of a kind, in its first unit, are one, as far as such are rounded."""
    most = _DEGREE if kind == _TEMPERATURE else max(abs(one), abs(other)) * _ROUNDED
    return abs(one - other) <= most


def far(kind: str, one: Decimal, other: Decimal) -> bool:
    """Whether two measures of a kind, in its first unit, are not even roughly one."""
    most = _DEGREES if kind == _TEMPERATURE else max(abs(one), abs(other)) * _FAR
    return abs(one - other) > most


def measure(value: Decimal, unit: str) -> tuple[str, Decimal] | None:
    """What kind of thing a figure measures, and how much in the kind's first unit.

    Args:
        value: How many of the unit; may be infinite.
        unit: As `numerals.Figure.unit`.

    Returns:
        None where the unit is in no table.
    """
    if unit in ("°c", "°f", "kelvin"):
        celsius = {"°c": value, "°f": (value - 32) * 5 / 9, "kelvin": value - Decimal("273.15")}
        # Above absolute zero, so that a share of it is a share of something.
        return _TEMPERATURE, celsius[unit] + Decimal("273.15")
    if unit not in _UNITS:
        return None
    kind, factor = _UNITS[unit]
    return kind, value * factor
