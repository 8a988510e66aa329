"""How often each word comes that is no stop word."""
import collections
import os
import sys

with open(os.environ["STOP"]) as f:
    stop = {line.strip() for line in f if not line.startswith("#")}
with open(sys.argv[1]) as f:
    words = [word.strip(".,").lower() for word in f.read().split()]
counts = collections.Counter(word for word in words if word not in stop)
with open(sys.argv[2], "w") as f:
    for word, n in sorted(counts.items(), key=lambda row: (-row[1], row[0])):
        f.write("%4d %s\n" % (n, word))
