"""Put a part aside for testing."""
import argparse

from sklearn.model_selection import train_test_split

from tumour import tables
from tumour.files import folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("target")
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    table = tables.read(options.table)
    train, test = train_test_split(table, test_size=options.share, random_state=options.seed, stratify=table[tables.TARGET])
    target = folder(options.target)
    tables.write(train.sort_index(), target / "train.csv")
    tables.write(test.sort_index(), target / "test.csv")
    print("%d to train, %d to test" % (len(train), len(test)))


if __name__ == "__main__":
    main()
