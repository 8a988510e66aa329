"""Take the data from scikit-learn."""
import sys

from tumour import source, tables


def main(target):
    table = source.fetch()
    tables.write(table, target)
    print("%d tumours, %d measurements" % (len(table), len(tables.measurements(table))))


if __name__ == "__main__":
    main(*sys.argv[1:])
