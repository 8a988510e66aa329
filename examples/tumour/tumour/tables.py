"""Tables as CSV files, always written the same way."""
import pandas as pd

TARGET = "malignant"


def read(path):
    return pd.read_csv(path)


def write(table, path):
    table.to_csv(path, index=False, float_format="%.10g", lineterminator="\n")


def measurements(table):
    """The columns that a model may look at."""
    return [column for column in table.columns if column != TARGET]
