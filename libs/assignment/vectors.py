"""Writes vectors.json: who gets which variant, by an implementation that shares nothing with the one in TypeScript.

    python3 libs/assignment/vectors.py > libs/assignment/vectors.json

A client in any language that assigns units by itself has to agree with every entry.
"""

import json

MILLION = 1_000_000
MASK = 0xFFFFFFFF


def rotl(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & MASK


def murmur3_32(data: bytes) -> int:
    """MurmurHash3_x86_32, seed 0 (Austin Appleby, public domain)."""
    value = 0
    end = len(data) // 4 * 4
    for at in range(0, end, 4):
        block = int.from_bytes(data[at : at + 4], "little") * 0xCC9E2D51 & MASK
        value ^= rotl(block, 15) * 0x1B873593 & MASK
        value = (rotl(value, 13) * 5 + 0xE6546B64) & MASK
    tail = int.from_bytes(data[end:], "little")
    if tail or len(data) > end:
        value ^= rotl(tail * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK
    value ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = (value ^ (value >> shift)) * factor & MASK
    return value ^ (value >> 16)


def hash_unit(salt: str, unit: str) -> int:
    return murmur3_32(f"{salt}:{unit}".encode("utf-8"))


def bucket_of(value: int) -> int:
    return value * MILLION >> 32


UNITS = [
    "", "a", "ab", "abc", "abcd", "user-1", "user-42", "user-99999", "USER-1", " user-1 ", "session-0190d5a2",
    "00000000-0000-4000-8000-000000000000", "0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e", "anna@example.org", "a b", "a:b", "%C3%A9",
    "é", "e\u0301", "Ångström", "Zoë-猫", "名前-17", "пользователь", "مستخدم", "ผู้ใช้", "🦊", "👩‍🚀", "a🦊b", "ß", "\u00a0", "x" * 256,
]
DRAWS = [("cheaper-sampler", 1), ("cheaper-sampler", 2), ("sdxl-int8", 12)]
LAYERS = ["pictures", "ui"]
SHARES = ["cheaper-sampler", "sdxl-int8"]


def drawn(experiment: str, revision: int, unit: str) -> dict:
    value = hash_unit(f"arm:{experiment}:{revision}", unit)
    bucket = bucket_of(value)
    # One candidate has the buckets from 0 up to its weight.
    at = {f"{share}%": "candidate" if bucket < share * 10_000 else "control" for share in (1, 10, 50)}
    return {"experiment": experiment, "revision": revision, "unit": unit, "utf8": unit.encode("utf-8").hex(), "hash": value, "bucket": bucket, "variantAt": at}


def gated(layer: str, unit: str) -> dict:
    value = hash_unit(f"gate:{layer}", unit)
    return {"layer": layer, "unit": unit, "hash": value, "bucket": bucket_of(value)}


def shared(experiment: str, unit: str) -> dict:
    """Whether the unit is in a share of an audience (`percent` in the experiment file)."""
    value = hash_unit(f"audience:{experiment}", unit)
    bucket = bucket_of(value)
    within = {f"{share}%": bucket < share * 10_000 for share in (1, 20, 50)}
    return {"experiment": experiment, "unit": unit, "hash": value, "bucket": bucket, "isIn": within}


print(json.dumps({
    "what": 'murmur3_32(UTF-8 of salt + ":" + unit, seed 0), spread over 1,000,000 buckets: hash * 1000000 >> 32. Salts: arm:{experiment}:{revision}, gate:{layer} and audience:{experiment}.',
    "arms": [drawn(experiment, revision, unit) for experiment, revision in DRAWS for unit in UNITS],
    "gates": [gated(layer, unit) for layer in LAYERS for unit in UNITS],
    "shares": [shared(experiment, unit) for experiment in SHARES for unit in UNITS],
}, ensure_ascii=False, indent=1))
