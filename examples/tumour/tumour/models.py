"""The two models, and how they are kept."""
import joblib
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from tumour.tables import TARGET, measurements


def logistic(strength):
    return LogisticRegression(C=strength, max_iter=2000)


def forest(trees, seed):
    return RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=1)


def fit(model, table):
    return model.fit(table[measurements(table)].to_numpy(), table[TARGET].to_numpy())


def save(model, path):
    joblib.dump(model, path, compress=3)


def load(path):
    return joblib.load(path)
