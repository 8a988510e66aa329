"""How good a model is."""
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score, roc_auc_score, roc_curve

from tumour.tables import TARGET, measurements


def score(model, table):
    truth = table[TARGET].to_numpy()
    probability = model.predict_proba(table[measurements(table)].to_numpy())[:, 1]
    guess = (probability >= 0.5).astype(int)
    rate_false, rate_true, _ = roc_curve(truth, probability)
    return {
        "accuracy": round(float(accuracy_score(truth, guess)), 4),
        "recall": round(float(recall_score(truth, guess)), 4),
        "auc": round(float(roc_auc_score(truth, probability)), 4),
        "confusion": confusion_matrix(truth, guess).tolist(),
        "curve": [[round(float(x), 4), round(float(y), 4)] for x, y in zip(rate_false, rate_true)],
    }
