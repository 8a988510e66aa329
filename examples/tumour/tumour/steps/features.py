"""Make the matrices that the models see."""
import pathlib
import sys

from tumour import features, tables
from tumour.files import folder


def main(source, target):
    source, target = pathlib.Path(source), folder(target)
    train, test = (features.derive(tables.read(source / name)) for name in ("train.csv", "test.csv"))
    for part, name in zip(features.standardise(train, test), ("train.csv", "test.csv")):
        tables.write(part, target / name)
    print("%d features" % len(tables.measurements(train)))


if __name__ == "__main__":
    main(*sys.argv[1:])
