"""Simulated vehicles and customers: numbers that look valid, addresses that reach no one."""

import random
from dataclasses import dataclass
from hashlib import blake2s

_VIN_LETTERS = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_YEARS = "JKLMNPRST"  # model years 2018 to 2026
# LF9: a maker of less than 1,000 cars a year, in China, that does not exist.
_MAKER = "LF9"


_PLATES = {"East": "沪A", "South": "粤B", "North": "京N", "West": "川A"}
_MODELS = ("Aurora 5", "Borealis 3", "Cirrus 7", "Delta 1")


@dataclass(slots=True)
class SimulatedVehicle:
    """A vehicle and its customer. The odometer is of the time `seen_s`."""

    vehicle_id: str
    customer_id: str
    locale: str
    contact: list[str]
    odometer_km: int
    km_per_day: float
    seen_s: float

    def drive_until(self, at_s: float) -> int:
        """Sets and returns the odometer at `at_s`."""
        self.odometer_km += int((at_s - self.seen_s) / 86_400 * self.km_per_day) + 1
        self.seen_s = at_s
        return self.odometer_km


class Registry:
    """Makes the vehicles of one center; the same run and center give the same ones, other runs others."""

    def __init__(self, run: str, center_number: int, center_id: str, english_share: float) -> None:
        self._tag, self._center_id, self._english_share = run, center_id, english_share
        self._draw = random.Random(f"{run}/{center_id}/identity")
        digest = int.from_bytes(blake2s(run.encode(), digest_size=4).digest(), "big")
        self._run_letters = _letters(digest, 3)
        self._center_letters = _letters(center_number, 2)
        self._first = self._draw.randrange(1_000_000)
        self._count = 0

    def new_vehicle(self, now_s: float) -> SimulatedVehicle:
        number, self._count = self._count, self._count + 1
        english = self._draw.random() < self._english_share
        return SimulatedVehicle(
            vehicle_id=self._vin(number),
            customer_id=f"C-{self._tag}-{self._center_id}-{number:05}",
            locale="en" if english else "zh-CN",
            contact=_addresses(self._center_id, number, english),
            odometer_km=2_000 + int(self._draw.random() * 110_000),
            km_per_day=20 + self._draw.random() * 50,
            seen_s=now_s,
        )

    def _vin(self, number: int) -> str:
        serial = (self._first + number * 7_919) % 1_000_000  # 7919 is prime to the modulus: no serial comes twice
        year = _YEARS[int(self._draw.random() * len(_YEARS))]
        return with_check_digit(f"{_MAKER}{self._run_letters}{self._center_letters}0{year}A{serial:06}")


def with_check_digit(vin: str) -> str:
    """The VIN with the ninth character that ISO 3779's North American practice and GB 16735 ask for."""
    values = (_VIN_VALUES[letter] if letter in _VIN_VALUES else int(letter) for letter in vin)
    remainder = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return f"{vin[:8]}{'X' if remainder == 10 else remainder}{vin[9:]}"


def vehicle_number(vin: str) -> int:
    """The serial number in a VIN."""
    return int(vin[-6:])


def vehicle_label(vin: str, region: str) -> str:
    """The car's plate as its keeper knows it, masked."""
    return f"{_PLATES.get(region, '沪B')}··{vin[-3:]}"


def build_of(vin: str) -> dict[str, str]:
    """What was built, when, and the software in it."""
    return _build(vehicle_number(vin), _YEARS.index(vin[9]))


def _build(number: int, year: int) -> dict[str, str]:
    software = f"{4 + number % 3}.{number % 8}"
    return {
        "model": _MODELS[number % len(_MODELS)],
        "software": software,
        "built": f"{2018 + year}-{1 + number % 12:02}",
    }


# Every kind of car that there is, by a number that stands for all those that are alike but for their year; all are as
# frequent as each other.
BUILDS = tuple((number, _build(number, year)) for number in range(120) for year in range(len(_YEARS)))


def _letters(number: int, length: int) -> str:
    text = ""
    for _ in range(length):
        number, digit = divmod(number, len(_VIN_LETTERS))
        text = _VIN_LETTERS[digit] + text
    return text


def _addresses(center_id: str, number: int, english: bool) -> list[str]:
    """A telephone number that cannot be assigned and a mail address in a reserved domain (RFC 2606)."""
    # Beijing's numbers never begin with 0; 555-01xx is kept for fiction (NANPA).
    phone = f"+1202555{100 + number % 100:04}" if english else f"+86100{number % 10_000_000:07}"
    return [f"sms:{phone}", f"mailto:customer-{number}@{center_id}.example.com"]
