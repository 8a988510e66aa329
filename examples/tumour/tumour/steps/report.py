"""Write the report: one page with everything in it."""
import pathlib
import sys

from tumour import page
from tumour.files import read_json


def main(scores, verdict, figures, target):
    pictures = sorted(pathlib.Path(figures).glob("*.png"))
    pathlib.Path(target).write_text(page.render(read_json(scores), read_json(verdict), pictures))
    print("wrote %s" % target)


if __name__ == "__main__":
    main(*sys.argv[1:])
