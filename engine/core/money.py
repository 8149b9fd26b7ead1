"""Money: an integer of the currency's smallest unit inside, a string of the currency's digits outside."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE "
    "CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE "
    "SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW "
    "ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

DIGITS: dict[str, int] = {code: digits for digits, codes in _BY_DIGITS.items() for code in codes.split()}
"""Digits after the point, by ISO 4217 code. Codes without a minor unit (XAU, XTS …) are no money of a shop."""

_SCALES = {code: (10**digits, Decimal(1).scaleb(-digits)) for code, digits in DIGITS.items()}
_TOO_MUCH = 10**15


class Money(Struct, frozen=True, array_like=True):
    """An amount in the smallest unit of an ISO 4217 currency, as written in the YAML: `20 EUR` is (2000, EUR)."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return f"{written(self.amount, self.currency)} {self.currency}"


def smallest_units(value: Decimal, currency: str) -> int:
    """Return a decimal amount in the currency's smallest unit, exactly.

    Raises:
        ValueError: ISO 4217 does not know the currency, or the value has more digits than it gives, or is no number,
            or is so great that sums of it would not fit into 64 bits.

    """
    if currency not in _SCALES:
        raise ValueError(f"ISO 4217 knows no currency {currency[:20]!r}")
    if not value.is_finite() or value.adjusted() > 15:  # before int(): 1E+999999999 would fill the memory
        raise ValueError("this is not an amount of money")
    one, unit = _SCALES[currency]
    amount = int(value * one)
    if amount * unit != value:  # compared this way round, since value * one may have been rounded to 28 digits
        raise ValueError(f"more digits after the point than {currency} has ({DIGITS[currency]})")
    if not -_TOO_MUCH < amount < _TOO_MUCH:
        raise ValueError("this is not an amount of money")
    return amount


def written(amount: int, currency: str) -> str:
    """Write an amount of smallest units with the currency's digits: 4990 of EUR is `49.90`."""
    digits = DIGITS[currency]
    if not digits:
        return str(amount)
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 10**digits}.{amount % 10**digits:0{digits}d}"
