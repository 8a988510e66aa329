"""From measurements to the matrix that the models see."""
import pandas as pd

from tumour import shapes
from tumour.tables import TARGET, measurements


def derive(table):
    derived = table.copy()
    derived["log_area"] = shapes.log_size(table["mean_area"])
    derived["uneven_radius"] = shapes.unevenness(table["worst_radius"], table["mean_radius"])
    derived["uneven_texture"] = shapes.unevenness(table["worst_texture"], table["mean_texture"])
    derived["compact"] = shapes.compactness(table["mean_perimeter"], table["mean_area"])
    return derived


def standardise(train, test):
    """Centre and scale by what the training part knows."""
    columns = measurements(train)
    centre, spread = train[columns].mean(), train[columns].std().replace(0, 1)
    parts = []
    for part in (train, test):
        scaled = (part[columns] - centre) / spread
        parts.append(pd.concat([scaled, part[TARGET]], axis=1))
    return parts
