"""Features that doctors would name: how uneven a tumour is."""
import numpy as np


def log_size(area):
    """Areas span two orders of magnitude."""
    return np.log1p(area)


def unevenness(worst, mean):
    """How far the worst cell is from the average one."""
    return worst / np.maximum(mean, 1e-9)


def compactness(perimeter, area):
    return perimeter**2 / np.maximum(area, 1e-9)
