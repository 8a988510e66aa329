# SPDX-License-Identifier: Apache-2.0
"""Rows about what steps read without saying so: files beside their code, files looked for in vain, folders that are listed, text that is executed."""
import os

from rows_files import edits, remove
from rows_traps import LIB, ONE, files
from table import ASIDE, FEATURES, FEATURES_CUT, NONE, PREPARE_CUT, Form, Row

FORMS = [
    Form("data beside a module", ("it changes", "lib/words.txt", "one", "two", FEATURES), ("its neighbour", "lib/more.txt", "one", "two", NONE),
         Row("it is touched", lambda p: os.utime(p.root / "lib/words.txt"), NONE),
         head="from lib import words", value="words.load()",
         files=dict(files(words="import os\n\n\ndef load():\n    with open(os.path.join(os.path.dirname(__file__), 'words.txt')) as file:\n        return file.read().strip()\n"),
                    **{"lib/words.txt": "one\n", "lib/more.txt": "one\n"})),
    Form("data by importlib.resources", ("it changes", "lib/words.txt", "one", "two", FEATURES),
         head="from importlib import resources", value="resources.files('lib').joinpath('words.txt').read_text().strip()", files=dict(LIB, **{"lib/words.txt": "one\n"})),
    Form("configuration that is looked for", ("it appears", "conf/override.txt", None, "two\n", FEATURES), ("another appears", "conf/unread.txt", None, "two\n", NONE),
         head="import os", value="open('conf/override.txt').read().strip() if os.path.exists('conf/override.txt') else 'none'"),
    Form("configuration that may be overridden", ("the first changes", "conf/first.txt", "one", "two", FEATURES), Row("the first goes", remove("conf/first.txt"), FEATURES),
         ("the second changes", "conf/second.txt", "three", "four", NONE),
         head="import os", value="open('conf/first.txt' if os.path.exists('conf/first.txt') else 'conf/second.txt').read().strip()",
         files={"conf/first.txt": "one\n", "conf/second.txt": "three\n"}),
    Form("folder that is listed", ("a file appears", "more/c.txt", None, "x\n", FEATURES), Row("a file goes", remove("more/b.txt"), FEATURES),
         Row("a file is renamed", lambda p: p.rename("more/b.txt", "more/d.txt"), FEATURES), ("a file in it changes, and nobody reads it", "more/a.txt", "x", "y", NONE),
         head="import os", value="sorted(os.listdir('more'))", files={"more/a.txt": "x\n", "more/b.txt": "x\n"}),
    Form("text that is executed", ("it changes", "tools/part.txt", "1", "9", FEATURES),
         head="import pathlib", value="eval(compile(pathlib.Path('tools/part.txt').read_text(), 'part', 'eval'))", files={"tools/part.txt": "1\n"}),
    Form("a computed program", ("what it runs", "lib/worker.py", "print(1)", "print(9)", FEATURES),
         head="import subprocess, sys\nNAME = ''.join(['wor', 'ker'])", value="subprocess.run([sys.executable, '-m', 'lib.' + NAME], stdout=subprocess.PIPE, text=True).stdout.strip()",
         files=files(worker="print(1)\n")),
    Form("a shell script that Python starts", ("the script", "tools/part.sh", "echo 1", "echo 9", FEATURES),
         head="import subprocess", value="subprocess.run('sh tools/part.sh', shell=True, stdout=subprocess.PIPE, text=True).stdout.strip()", files={"tools/part.sh": "echo 1\n"}),
    Form("a path that the data names", ("the file", "data/extra.csv", "1", "9", PREPARE_CUT), Row("the data names another", edits(("data/raw.csv", "#eve,9", "#see data/other.csv")), PREPARE_CUT),
         files={"data/extra.csv": "1\n", "data/other.csv": "1\n", "data/raw.csv": "name,size\nann,3\nbob,1\n#eve,9\ncid,2\n#see data/extra.csv\n", "churn/load.py": '''
            def read(path):
                with open(path) as file:
                    rows = [line.rstrip("\\n") for line in file][1:]
                for row in rows:
                    if row.startswith("#see "):
                        with open(row[5:]) as file:
                            file.read()
                return rows


            def clean(rows):
                return [row.split(",") for row in rows if not row.startswith("#")]
            '''}),
    Form("a shell step that reads", ("what a variable names", "conf/word.txt", "one", "two", ASIDE), ("what a pattern finds", "more/a.txt", "x", "y", ASIDE), ("one more for the pattern", "more/c.txt", None, "z\n", ASIDE),
         ("beside the pattern", "more/a.md", "x", "y", NONE),
         aside="{ cat \"$PWD/conf/word.txt\"; cat more/*.txt; } > out/aside.txt", files={"conf/word.txt": "one\n", "more/a.txt": "x\n", "more/b.txt": "x\n", "more/a.md": "x\n"}),
]

__all__ = ["FORMS", "ONE", "FEATURES_CUT"]
