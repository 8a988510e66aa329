"""Draw the figures of the report."""
import sys

from tumour import figures, tables
from tumour.files import folder, read_json


def main(table, scores, target):
    target = folder(target)
    figures.radii(tables.read(table), target / "radii.png")
    figures.curves(read_json(scores), target / "curves.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
