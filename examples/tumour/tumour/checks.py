"""Is the data what we think it is?"""
from tumour.tables import TARGET


def within(value, limits):
    low, high = limits
    return bool(low <= value <= high)


def inspect(table, limits):
    share = float(table[TARGET].mean())
    missing = int(table.isna().sum().sum())
    return {
        "rows": len(table),
        "malignant_share": round(share, 4),
        "missing": missing,
        "ok": within(len(table), limits["rows"]) and within(share, limits["malignant_share"]) and missing <= limits["missing"],
    }
