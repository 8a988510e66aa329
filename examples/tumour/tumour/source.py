"""Where the data comes from."""
from sklearn.datasets import load_breast_cancer

from tumour.tables import TARGET


def fetch():
    """569 tumours, 30 measurements each; malignant is 1."""
    data = load_breast_cancer(as_frame=True)
    table = data.data.copy()
    table.columns = [name.replace(" ", "_") for name in table.columns]
    table[TARGET] = 1 - data.target  # scikit-learn's 0 is malignant
    return table
