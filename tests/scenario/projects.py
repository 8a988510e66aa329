# SPDX-License-Identifier: Apache-2.0
"""Small projects that scenarios edit."""
import textwrap


def chain(test):
    """numbers -> doubled -> sum, and an unrelated step."""
    test.write("pawl.yaml", """
        version: 1
        pipeline: chain
        params: {factor: 2, idle: 1}
        steps:
          numbers:
            run: "echo numbers >> '@RAN@'; grep -v '^#' ${inputs.raw} | sort -n > ${outputs.clean}"
            inputs: {raw: data/raw.txt}
            outputs: {clean: out/clean.txt}
          doubled:
            run: "echo doubled >> '@RAN@'; awk -v f=${params.factor} '{print $1 * f}' ${inputs.clean} > ${outputs.table}"
            inputs: {clean: numbers.clean}
            params: [factor]
            outputs: {table: out/doubled.txt}
          sum:
            run: "echo sum >> '@RAN@'; awk '{s += $1} END {print s}' ${inputs.table} > ${outputs.total}"
            inputs: {table: doubled.table}
            outputs: {total: out/sum.txt}
          aside:
            run: "echo aside >> '@RAN@'; echo aside > ${outputs.o}"
            outputs: {o: out/aside.txt}
        """)
    test.write("data/raw.txt", "3\n1\n2\n")


def package(test):
    """Two Python steps over a package with helpers."""
    test.write("pawl.yaml", """
        version: 1
        pipeline: package
        steps:
          first:
            run: python3 -m steps.first ${outputs.o}
            outputs: {o: out/first.txt}
          second:
            run: [python3, -m, steps.second, "${inputs.i}", "${outputs.o}"]
            inputs: {i: first.o}
            outputs: {o: out/second.txt}
        """)
    test.write("steps/__init__.py", "")
    test.write("steps/first.py", """
        import sys
        from lib import words

        open("@RAN@", "a").write("first\\n")
        open(sys.argv[1], "w").write(words.greet("world"))
        """)
    test.write("steps/second.py", """
        import sys
        from lib.shout import shout

        open("@RAN@", "a").write("second\\n")
        open(sys.argv[2], "w").write(shout(open(sys.argv[1]).read()))
        """)
    test.write("lib/__init__.py", "")
    test.write("lib/words.py", "from lib.marks import MARK\n\n\ndef greet(who):\n    return 'hello ' + who + MARK\n")
    test.write("lib/marks.py", "MARK = '!'\n")
    test.write("lib/shout.py", "def shout(text):\n    return text.upper()\n")
    test.write("lib/alone.py", "X = 1\n")


def one(test, body, **more):
    """A pipeline of a single step 's' from the text of its mapping."""
    head = more.get("head", "")
    test.write("pawl.yaml", "version: 1\npipeline: one\n%ssteps:\n  s:\n%s" % (head, "".join("    %s\n" % line for line in textwrap.dedent(body).strip().splitlines())))
