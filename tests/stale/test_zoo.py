# SPDX-License-Identifier: Apache-2.0
"""A project as people write them: a registry of models that register themselves, plugins that are found in a folder, transforms that are chosen by a
parameter, a package that loads its parts lazily. What runs after an edit is what its author would expect, and nothing is declared for it."""
from harness import PawlTest

FILES = {
    "pawl.yaml": """
        version: 1
        pipeline: zoo
        params: {transform: scale, rate: 3}
        steps:
          prepare:
            run: python3 -m zoo.steps.prepare ${inputs.raw} ${outputs.rows} ${params.transform}
            params: [transform]
            inputs: {raw: data/raw.csv}
            outputs: {rows: out/rows.csv}
          train:
            foreach: {model: [linear, tree]}
            run: python3 -m zoo.steps.train ${item.model} ${inputs.rows} ${outputs.model} ${params.rate}
            params: [rate]
            inputs: {rows: prepare.rows}
            outputs: {model: "out/models/${item.model}.json"}
          evaluate:
            run: python3 -m zoo.steps.evaluate ${outputs.scores} ${inputs.models}
            inputs: {models: train.model}
            outputs: {scores: out/scores.json}
          report:
            run: python3 -m zoo.steps.report ${inputs.scores} ${outputs.page}
            inputs: {scores: evaluate.scores}
            outputs: {page: out/report.txt}
        """,
    "data/raw.csv": "1\n2\n3\n",
    # the package shows names that it loads when they are asked for
    "zoo/__init__.py": '''
        """A zoo of models."""
        import importlib

        _PARTS = {"render": ".pages.text", "plot": ".pages.plot"}


        def __getattr__(name):
            if name not in _PARTS:
                raise AttributeError(name)
            return getattr(importlib.import_module(_PARTS[name], __name__), name)
        ''',
    "zoo/pages/__init__.py": "",
    "zoo/pages/text.py": "def render(scores):\n    return '\\n'.join('%s %s' % row for row in sorted(scores.items())) + '\\n'\n",
    "zoo/pages/plot.py": "def plot(scores):\n    raise NotImplementedError\n",
    "zoo/ran.py": "def ran(name):\n    with open('@RAN@', 'a') as file:\n        file.write(name + '\\n')\n",
    # models register themselves; whoever imports zoo.models has all of them
    "zoo/registry.py": '''
        MODELS = {}


        def register(name):
            """Puts a class into the registry."""
            def put(cls):
                MODELS[name] = cls
                return cls
            return put


        def create(name, **options):
            return MODELS[name](**options)


        def names():
            return sorted(MODELS)
        ''',
    "zoo/models/__init__.py": '''
        import importlib
        import pkgutil

        for found in pkgutil.iter_modules(__path__):
            importlib.import_module(__name__ + "." + found.name)
        ''',
    "zoo/models/base.py": "class Model:\n    def __init__(self, rate):\n        self.rate = rate\n\n    def describe(self):\n        return type(self).__name__\n",
    "zoo/models/linear.py": '''
        from zoo.models.base import Model
        from zoo.registry import register


        @register("linear")
        class Linear(Model):
            """y = a x"""

            def fit(self, rows):
                return {"a": sum(rows) * self.rate}
        ''',
    "zoo/models/tree.py": '''
        from zoo.models.base import Model
        from zoo.registry import register


        @register("tree")
        class Tree(Model):
            def fit(self, rows):
                return {"a": depth(rows) + self.rate}


        def depth(rows):
            return len(rows)
        ''',
    # transforms are chosen by a parameter
    "zoo/transforms/__init__.py": "",
    "zoo/transforms/scale.py": "def apply(x):\n    return 2 * x\n",
    "zoo/transforms/square.py": "def apply(x):\n    return x * x\n",
    # metrics are found through their decorator
    "zoo/metrics.py": '''
        METRICS = []


        def metric(function):
            METRICS.append(function)
            return function


        @metric
        def size(model):
            return model["a"]


        def unregistered(model):
            return 0
        ''',
    "zoo/steps/__init__.py": "",
    "zoo/steps/prepare.py": '''
        import importlib
        import sys

        from zoo.ran import ran


        def main(raw, out, transform):
            ran("prepare")
            apply = importlib.import_module("zoo.transforms." + transform).apply
            with open(raw) as source, open(out, "w") as file:
                for line in source:
                    file.write("%d\\n" % apply(int(line)))


        if __name__ == "__main__":
            main(*sys.argv[1:])
        ''',
    "zoo/steps/train.py": '''
        import json
        import sys

        import zoo.models
        from zoo import registry
        from zoo.ran import ran


        def main(name, rows, out, rate):
            ran("train[model=%s]" % name)
            with open(rows) as file:
                fitted = registry.create(name, rate=int(rate)).fit([int(line) for line in file])
            with open(out, "w") as file:
                json.dump(fitted, file)


        if __name__ == "__main__":
            main(*sys.argv[1:])
        ''',
    "zoo/steps/evaluate.py": '''
        import sys

        from zoo.metrics import METRICS
        from zoo.ran import ran


        def main(out, *models):
            import json
            ran("evaluate")
            scores = {}
            for path in models:
                with open(path) as file:
                    fitted = json.load(file)
                for function in METRICS:
                    scores["%s of %s" % (function.__name__, path)] = function(fitted)
            with open(out, "w") as file:
                json.dump(scores, file, sort_keys=True)


        if __name__ == "__main__":
            main(*sys.argv[1:])
        ''',
    "zoo/steps/report.py": '''
        import json
        import sys

        import zoo
        from zoo.ran import ran


        def main(scores, out):
            ran("report")
            with open(scores) as file:
                text = zoo.render(json.load(file))
            with open(out, "w") as file:
                file.write(text)


        if __name__ == "__main__":
            main(*sys.argv[1:])
        ''',
}

LINEAR, TREE = "train[model=linear]", "train[model=tree]"
FOREST = "from zoo.models.base import Model\nfrom zoo.registry import register\n\n\n@register('forest')\nclass Forest(Model):\n    pass\n"

# what is edited, old text, new text, what is executed
ROWS = [
    ("a model", "zoo/models/tree.py", "depth(rows) + self.rate", "depth(rows) * self.rate + 1", {LINEAR, TREE, "evaluate", "report"}),
    ("what a model calls", "zoo/models/tree.py", "len(rows)", "len(rows) + 2", {LINEAR, TREE, "evaluate", "report"}),
    ("the base of models", "zoo/models/base.py", "self.rate = rate", "self.rate = rate + 5", {LINEAR, TREE, "evaluate", "report"}),
    ("a model's comment", "zoo/models/tree.py", "return len", "# how deep\n    return len", set()),
    ("a new model registers itself", "zoo/models/forest.py", None, FOREST, {LINEAR, TREE}),
    ("the registry", "zoo/registry.py", "MODELS[name](**options)", "MODELS[name.lower()](**options)", {LINEAR, TREE}),
    ("a function of the registry that nobody calls", "zoo/registry.py", "sorted(MODELS)", "list(MODELS)", set()),
    ("the transform that is chosen", "zoo/transforms/scale.py", "2 * x", "3 * x", {"prepare", LINEAR, TREE, "evaluate", "report"}),
    ("a transform that might be chosen", "zoo/transforms/square.py", "x * x", "x ** 2", {"prepare"}),
    ("a metric that nobody names", "zoo/metrics.py", 'model["a"]', 'model["a"] + 1', {"evaluate", "report"}),
    ("a function that is no metric", "zoo/metrics.py", "return 0", "return 1", set()),
    ("a new metric", "zoo/metrics.py", "def unregistered", "@metric\ndef unregistered", {"evaluate", "report"}),
    ("a part that is loaded lazily", "zoo/pages/text.py", "'%s %s'", "'%s: %s'", {"report"}),
    ("the table of lazy parts", "zoo/__init__.py", '"plot": ".pages.plot"', '"plot": ".pages.plot2"', {"report"}),
    ("docstring of the package", "zoo/__init__.py", "A zoo of models.", "Models, many.", set()),
    ("docstring of a model without a reader", "zoo/registry.py", "Puts a class into", "Adds a class to", set()),
    ("a parameter chooses another transform", "pawl.yaml", "transform: scale", "transform: square", {"prepare", LINEAR, TREE, "evaluate", "report"}),
    ("a parameter of training", "pawl.yaml", "rate: 3", "rate: 4", {LINEAR, TREE, "evaluate", "report"}),
    ("one more element", "pawl.yaml", "[linear, tree]", "[linear, tree, line]", None),
]


class Zoo(PawlTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = "/usr/bin:/bin:" + self.env["PATH"]
        for path, text in FILES.items():
            self.write(path, text)
        self.pawl("run")
        self.assertEqual(sorted(self.ran()), sorted([LINEAR, TREE, "prepare", "evaluate", "report"]))

    def test_edits(self):
        for name, path, old, new, expected in ROWS[:-1]:
            with self.subTest(name):
                before = self.read(path) if old is not None else None
                if old is None:
                    self.write(path, new)
                else:
                    self.edit(path, old, new)
                outcome = self.pawl("run")
                self.assertEqual(set(self.ran()), expected, "%s\n%s" % (name, outcome))
                if before is None:
                    (self.root / path).unlink()
                else:
                    (self.root / path).write_text(before)
                self.pawl("run")
                self.assertEqual(self.ran(), [], "%s: taken back" % name)

    def test_a_new_model_is_trained_alone(self):
        self.write("zoo/models/line.py", FOREST.replace("forest", "line").replace("    pass", "    def fit(self, rows):\n        return {'a': 1}"))
        self.pawl("run")
        self.assertEqual(set(self.ran()), {LINEAR, TREE})
        self.edit("pawl.yaml", "[linear, tree]", "[linear, tree, line]")
        self.pawl("run")
        self.assertEqual(set(self.ran()), {"train[model=line]", "evaluate", "report"})

    def test_why_says_how_it_is_reached(self):
        self.edit("zoo/models/tree.py", "len(rows)", "len(rows) + 3")
        self.assertIn("zoo/models/tree.py:11 depth() definition changed (reached from zoo/steps/train.py:4 via zoo/models/__init__.py:5)", self.pawl("why", TREE).out)
        self.assertIn("an import whose name is computed may mean it", self.pawl("graph", "code:" + TREE).out)
        self.assertIn("did you mean 'code:train[model=", self.pawl("graph", "code:train", status=2).err)
