# SPDX-License-Identifier: Apache-2.0
"""Timing of whole commands, side by side: the contestants take turns, so that what disturbs the machine disturbs all of them.

A sample is (wall seconds, CPU seconds of the command and all its children). Figures are medians; comparisons are ratios of medians.
"""
import os
import statistics
import subprocess
import time


class Failed(Exception):
    pass


def once(command, cwd, env=None, check=True):
    """Run to the end; (wall, cpu)."""
    return with_memory(command, cwd, env, check)[:2]


def with_memory(command, cwd, env=None, check=True):
    """Run to the end; (wall, cpu, bytes of memory at most)."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if check and process.returncode != 0:
        raise Failed("%s: exit %d\n%s" % (" ".join(map(str, command)), process.returncode, out.decode(errors="replace")[-2000:]))
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def alternate(contestants, turns):
    """contestants: {name: function of the turn's number that returns a sample}. {name: (median wall, median cpu)}"""
    samples = {name: [] for name in contestants}
    for turn in range(turns):
        for name, contest in contestants.items():
            samples[name].append(contest(turn))
    return {name: (statistics.median(s[0] for s in rows), statistics.median(s[1] for s in rows)) for name, rows in samples.items()}


def seconds(value):
    return "%.1f ms" % (value * 1e3) if value < 1 else "%.2f s" % value
