# SPDX-License-Identifier: MIT
"""A certification authority of our own, made with the openssl command, and what it signs."""
import os
import subprocess

CONFIG = """
[ca]
default_ca = it
[it]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Authority:
    """ca: the path of its certificate; sign() gives (certificate, key) paths."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, self.key = self.at("ca.pem"), self.at("ca.key")
        for name, text in (("index.txt", ""), ("ca.conf", CONFIG.format(folder=folder))):
            with open(self.at(name), "w", encoding="utf-8") as f:
                f.write(text)
        openssl("req", "-x509", *KEY, "-days", "2", "-subj", "/CN=test authority", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-keyout", self.key, "-out", self.ca)

    def at(self, name):
        return os.path.join(self.folder, name)

    def self_signed(self, names):
        cert, key = self.at("self.pem"), self.at("self.key")
        openssl("req", "-x509", *KEY, "-days", "2", "-subj", "/CN=self", "-addext", f"subjectAltName={names}",
                "-keyout", key, "-out", cert)
        return cert, key

    def sign(self, name, names, start="20200101000000Z", end="20991231235959Z"):
        """names: subjectAltName, like IP:127.0.0.1,DNS:localhost."""
        cert, key, request = self.at(name + ".pem"), self.at(name + ".key"), self.at(name + ".csr")
        openssl("req", *KEY, "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-keyout", key, "-out",
                request)
        openssl("ca", "-batch", "-config", self.at("ca.conf"), "-notext", "-startdate", start, "-enddate", end, "-cert",
                self.ca, "-keyfile", self.key, "-in", request, "-out", cert)
        return cert, key
