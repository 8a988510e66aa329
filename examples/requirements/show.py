"""Says what this environment has."""
import sys

import greet
import words

have = ["greet " + greet.VERSION, "words " + words.VERSION]
try:
    import shout
    have.append("shout " + shout.VERSION)
except ModuleNotFoundError:
    pass
try:
    import tone
    have.append("tone " + tone.VERSION)
except ModuleNotFoundError:
    pass
with open(sys.argv[1], "w") as file:
    file.write("%s (%s)\n" % (greet.greet("world"), ", ".join(have)))
