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

_ONE = {code: 10**digits for code, digits in DIGITS.items()}
_MOST_DIGITS = 15


class Money(Struct, frozen=True, array_like=True):
    """An amount in the smallest unit of an ISO 4217 currency, as written in the YAML: `20 EUR` is (2000, EUR)."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return f"{written(self.amount, self.currency)} {self.currency}"


def smallest_units(value: Decimal, currency: str) -> int:
    """Return a decimal amount in the currency's smallest unit, exactly.

    Raises:
        ValueError: ISO 4217 does not know the currency, or the value has more digits than it gives, or is no number.

    """
    one = _ONE.get(currency)
    if one is None:
        raise ValueError(f"ISO 4217 knows no currency {currency!r}")
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:  # before int(): 1E+999999999 would fill the memory
        raise ValueError(f"{value} is not an amount of money")
    scaled = value * one
    amount = int(scaled)
    if amount != scaled:
        raise ValueError(f"{value} has more digits after the point than {currency} ({DIGITS[currency]})")
    return amount


def written(amount: int, currency: str) -> str:
    """Write an amount of smallest units with the currency's digits: 4990 of EUR is `49.90`."""
    digits = DIGITS[currency]
    if not digits:
        return str(amount)
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 10**digits}.{amount % 10**digits:0{digits}d}"
