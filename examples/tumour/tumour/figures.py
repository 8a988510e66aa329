"""Pictures for the report."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from tumour.tables import TARGET  # noqa: E402

COLOURS = {"logistic": "#33658a", "forest": "#86a83c"}


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def curves(scores, path):
    figure, axes = plt.subplots(figsize=(4.6, 4))
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linestyle=":")
    for name, values in sorted(scores.items()):
        xs, ys = zip(*values["curve"])
        axes.plot(xs, ys, label="%s (AUC %.3f)" % (name, values["auc"]), color=COLOURS[name])
    axes.set_xlabel("false alarms")
    axes.set_ylabel("tumours found")
    axes.legend(loc="lower right")
    save(figure, path)


def radii(table, path):
    figure, axes = plt.subplots(figsize=(4.6, 4))
    for value, label, colour in ((0, "benign", "#7a9e9f"), (1, "malignant", "#c8553d")):
        axes.hist(table.loc[table[TARGET] == value, "mean_radius"], bins=24, alpha=0.7, label=label, color=colour)
    axes.set_xlabel("mean radius")
    axes.set_ylabel("tumours")
    axes.legend()
    save(figure, path)
