"""Stop the pipeline when the data is not what it should be."""
import sys

from tumour import checks, tables
from tumour.files import read_json, write_json


def main(table, limits, target):
    verdict = checks.inspect(tables.read(table), read_json(limits))
    write_json(verdict, target)
    print("checks: %s" % ("ok" if verdict["ok"] else "failed"))
    return 0 if verdict["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
