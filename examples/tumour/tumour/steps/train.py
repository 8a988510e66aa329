"""Fit one of the models."""
import argparse
import pathlib

from tumour import models, tables


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["logistic", "forest"])
    parser.add_argument("matrix")
    parser.add_argument("target")
    parser.add_argument("--strength", type=float)
    parser.add_argument("--trees", type=int)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    table = tables.read(pathlib.Path(options.matrix) / "train.csv")
    model = models.logistic(options.strength) if options.kind == "logistic" else models.forest(options.trees, options.seed)
    models.save(models.fit(model, table), options.target)
    print("fitted: %s" % model)


if __name__ == "__main__":
    main()
