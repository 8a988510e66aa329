"""Small JSON files, always written the same way."""
import json
import pathlib


def read_json(path):
    return json.loads(pathlib.Path(path).read_text())


def write_json(value, path):
    pathlib.Path(path).write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def folder(path):
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    return path
