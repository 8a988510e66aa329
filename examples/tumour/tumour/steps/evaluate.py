"""Compare the models on the part that they have not seen."""
import pathlib
import sys

from tumour import models, scores, tables
from tumour.files import write_json


def main(matrix, logistic, forest, target):
    test = tables.read(pathlib.Path(matrix) / "test.csv")
    result = {name: scores.score(models.load(path), test) for name, path in (("logistic", logistic), ("forest", forest))}
    write_json(result, target)
    for name, values in sorted(result.items()):
        print("%-8s accuracy %.3f, AUC %.3f" % (name, values["accuracy"], values["auc"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
