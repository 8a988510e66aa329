# SPDX-License-Identifier: Apache-2.0
"""A container registry and a Docker engine on loopback, started from packages, stopped by process id."""
import os
import pathlib
import shutil
import socket
import subprocess
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    def __init__(self, command, log, ready, seconds=30):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        end = time.time() + seconds
        while not ready():
            if self.process.poll() is not None or time.time() > end:
                self.stop()
                raise RuntimeError("%s does not start" % command[0])
            time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
        return True
    except OSError:
        return False


class Registry(Daemon):
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        self.port = free_port()
        config = folder / "config.yml"
        config.write_text("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: '%s'}}\n"
                          "http: {addr: '127.0.0.1:%d'}\n" % (folder / "data", self.port))
        super().__init__(["docker-registry", "serve", str(config)], open(folder / "log", "wb"), lambda: answers(self.port))
        self.host = "127.0.0.1:%d" % self.port


class Docker(Daemon):
    client = "/usr/bin/docker"

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        self.socket = folder / "sock"
        self.env = dict(os.environ, DOCKER_HOST="unix://%s" % self.socket, DOCKER_BUILDKIT="1")
        command = ["dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid"),
                   "--iptables=false", "--ip6tables=false", "--bridge=none", "-H", "unix://%s" % self.socket]
        super().__init__(command, open(folder / "log", "wb"), self.ready)

    def ready(self):
        return self.socket.exists() and subprocess.run([self.client, "version"], env=self.env, capture_output=True).returncode == 0


def have(*programs):
    return [p for p in programs if not shutil.which(p)]
