"""A page that needs nothing else: pictures are inside."""
import base64
import html
import pathlib

STYLE = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;color:#222}table{border-collapse:collapse}td,th{padding:.3rem .9rem;border-bottom:1px solid #ddd;text-align:right}th:first-child,td:first-child{text-align:left}img{width:48%}"


def picture(path):
    data = base64.b64encode(pathlib.Path(path).read_bytes()).decode()
    return '<img alt="%s" src="data:image/png;base64,%s">' % (html.escape(pathlib.Path(path).stem), data)


def row(name, values):
    cells = "".join("<td>%.3f</td>" % values[key] for key in ("accuracy", "recall", "auc"))
    return "<tr><td>%s</td>%s</tr>" % (html.escape(name), cells)


def render(scores, verdict, figures):
    rows = "".join(row(name, values) for name, values in sorted(scores.items()))
    state = "passed" if verdict["ok"] else "FAILED"
    return (
        "<!doctype html><meta charset=utf-8><title>Tumours</title><style>%s</style><h1>Tumours</h1>"
        "<p>%d tumours, %.1f %% malignant; the checks of the data %s.</p>"
        "<table><tr><th>model</th><th>accuracy</th><th>recall</th><th>AUC</th></tr>%s</table><p>%s</p>\n"
    ) % (STYLE, verdict["rows"], 100 * verdict["malignant_share"], state, rows, "".join(picture(f) for f in figures))
