"""What a figure with a unit is in other units: whether two measures may be one and the same.

Lengths, areas, volumes, masses, speeds by water, energies and temperatures; no money and no times,
which are seldom given in two units.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

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


def converted(value: str, unit: str, other: str, others_unit: str) -> bool:
    """Whether figures of two units are one measure, as far as such figures are rounded."""
    one, two = measure(value, unit), measure(other, others_unit)
    if one is None or two is None or one[0] != two[0]:
        return False
    most = max(abs(one[1]), abs(two[1])) * _ROUNDED
    return abs(one[1] - two[1]) <= (_DEGREE if one[0] == _TEMPERATURE else most)


def measure(value: str, unit: str) -> tuple[str, Decimal] | None:
    """What kind of thing a figure measures, and how much in the kind's first unit.

    Args:
        value: In digits, as `numerals.Figure.value`.
        unit: As `numerals.Figure.unit`.

    Returns:
        None where the unit is in no table, or the value no number.
    """
    try:
        figure = Decimal(value)
    except InvalidOperation:
        return None
    if unit in ("°c", "°f", "kelvin"):
        celsius = {"°c": figure, "°f": (figure - 32) * 5 / 9, "kelvin": figure - Decimal("273.15")}
        # Above absolute zero, so that a share of it is a share of something.
        return _TEMPERATURE, celsius[unit] + Decimal("273.15")
    if unit not in _UNITS:
        return None
    kind, factor = _UNITS[unit]
    return kind, figure * factor
