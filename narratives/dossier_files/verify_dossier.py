#!/usr/bin/env python3
"""Check a dossier without the portal that made it. Python 3.8 or newer and the openssl program; nothing else.

usage: python3 verify_dossier.py FOLDER_OR_FILE.eln [--key TRUSTED.pem]...

TRUSTED.pem is the laboratory's public key, obtained elsewhere than from this dossier; name several where the
laboratory changed its key. Without one the copy inside is used, which proves only that the dossier fits itself.
Signatures made with an earlier key are checked with the copy that the dossier's seal covers, data/signing-keys/.
Exit status 0: everything fits; 1: something does not.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

MANIFESTS = ("manifest-sha256.txt", "tagmanifest-sha256.txt")


class Report:
    def __init__(self):
        self.failed = 0

    def good(self, sentence):
        print("ok    " + sentence)

    def warn(self, sentence):
        print("note  " + sentence)

    def bad(self, sentence):
        self.failed += 1
        print("FAIL  " + sentence)


def sha256_of(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            total.update(chunk)
    return total.hexdigest()


def sha256_text(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_json(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return json.load(file)


def unpack(archive, folder):
    """Unpack an .eln after looking at its names; answers its one folder."""
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        if len(set(names)) != len(names):
            raise SystemExit("FAIL  the archive names a file twice")
        for name in names:
            if name.startswith("/") or "\\" in name or ".." in name.split("/"):
                raise SystemExit("FAIL  the archive holds an unsafe name: %r" % name)
        tops = {name.split("/")[0] for name in names}
        if len(tops) != 1:
            raise SystemExit("FAIL  the archive must hold exactly one folder")
        opened.extractall(folder)
    return os.path.join(folder, tops.pop())


def check_files(root, report):
    listed = {}
    for manifest in MANIFESTS:
        with open(os.path.join(root, manifest), encoding="utf-8") as lines:
            for line in lines:
                digest, path = line.rstrip("\n").split("  ", 1)
                if path.startswith("/") or ".." in path.split("/"):
                    report.bad("%s names a path outside the dossier" % manifest)
                    continue
                listed[path] = digest
    for path, digest in listed.items():
        full = os.path.join(root, path)
        if not os.path.isfile(full) or os.path.islink(full):
            report.bad("missing: " + path)
        elif sha256_of(full) != digest:
            report.bad("changed: " + path)
    for folder, _, files in os.walk(root):
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            if path not in listed and path != MANIFESTS[1] and not path.startswith("proof/"):
                report.bad("not in a manifest: " + path)
    report.good("%d files looked at against the manifests" % len(listed))


def check_timeline(root, report):
    chain = read_json(root, "data/timeline/chain.json")
    head = sha256_text("biolabs-chain-v1\n" + chain["execution"])
    if head != chain["genesis"]:
        report.bad("timeline: another genesis")
    count = 0
    with open(os.path.join(root, "data/timeline/events.jsonl"), "rb") as lines:
        for line in lines:
            line = line.rstrip(b"\n")
            count += 1
            event = json.loads(line)
            if event["execution"] != chain["execution"] or event["seq"] != count or event["prev"] != head:
                report.bad("timeline: event %d does not fit its place" % count)
            head = hashlib.sha256(line).hexdigest()
    if count != chain["count"] or head != chain["head"]:
        report.bad("timeline: ends after %d events at %s, not where chain.json says" % (count, head))
    report.good("timeline of %d events, head %s" % (count, head))
    return count, head


def check_content(root, report, count, head):
    """What was signed is what is here."""
    export = read_json(root, "data/export.json")
    if sha256_text(export["content_statement"]) != export["content_digest"]:
        report.bad("the content digest is not that of the content statement")
    said = json.loads(export["content_statement"])
    if said["narrative_sha256"] != sha256_of(os.path.join(root, "data/narrative.md")):
        report.bad("the narrative is not the one that was signed")
    if said["ladder_sha256"] != sha256_of(os.path.join(root, "data/ladder.json")):
        report.bad("the ladder is not the one that was signed")
    if (said["event_count"], said["timeline_head"]) != (count, head):
        report.bad("the timeline is not the one that was signed")
    index = read_json(root, "data/attachments/index.json")["attachments"]
    if len(index) != len(said["evidence"]):
        report.bad("%d pieces of evidence were signed, %d are here" % (len(said["evidence"]), len(index)))
    for signed, here in zip(said["evidence"], index):
        same = all(signed[name] == here[name] for name in ("position", "type", "reference_id", "label", "filename"))
        same = same and signed["sha256"] == here["sha256"] == sha256_of(os.path.join(root, here["path"]))
        same = same and signed["snapshot_sha256"] == sha256_text(here["snapshot_text"])
        if not (same and signed["context_sha256"] == sha256_text(here["context_text"])):
            report.bad("evidence %s is not the one that was signed" % signed["position"])
    report.good("narrative, ladder, timeline and %d pieces of evidence fit the signed digest" % len(index))
    return export["content_digest"]


def check_signatures(root, report, content_digest, keys):
    """`keys` are the files of public keys by fingerprint."""
    approvals = read_json(root, "data/approvals.json")
    actions = [action for stage in approvals["stages"] for action in stage["actions"] if action["signature"]]
    actions.sort(key=lambda action: action["signature"]["sequence"])
    previous = ""
    for action in actions:
        signature = action["signature"]
        name = "signature %d (%s)" % (signature["sequence"], signature["signer_name"])
        statement = json.loads(signature["statement"])
        if statement["previous"] != previous or signature["previous_digest"] != previous:
            report.bad(name + ": does not follow the signature before it")
        if statement["content_digest"] != content_digest:
            report.bad(name + ": binds other content")
        if statement["decision"] != action["action"] or statement["signer"]["name"] != signature["signer_name"]:
            report.bad(name + ": the statement says something else")
        check_statement_seal(report, name, signature, statement, keys)
        previous = signature["digest"]
    check_stages(report, approvals["stages"])
    report.good("%d signatures" % len(actions))


def check_statement_seal(report, name, signature, statement, keys):
    named = signature["key_fingerprint"]
    if sha256_text(signature["statement"]) != signature["digest"]:
        report.bad(name + ": the statement was changed")
    if statement["key"] != named:
        report.bad(name + ": the statement names another key")
    if named not in keys:
        report.bad(name + ": sealed with a key that is not here, " + named)
    elif not verified(signature["statement"].encode("utf-8"), base64.b64decode(signature["seal"]), keys[named]):
        report.bad(name + ": the seal does not fit")


def check_stages(report, stages):
    opened = 1
    for stage in stages:
        # A reset undoes the decisions on its stage and on later ones; those on earlier stages stay in force.
        opened = max([opened] + [each["cycle"] for each in stage["actions"] if each["action"] == "reset"])
        decided = [each for each in stage["actions"] if each["action"] in ("approved", "rejected")]
        last = max(decided, key=lambda each: each["cycle"]) if decided else None
        approved = last and last["action"] == "approved" and last["signature"] and last["cycle"] >= opened
        if stage["status"] != "approved" or not approved:
            report.bad("stage %d has no approving signature" % stage["sequence_index"])


def verified(data, seal, key):
    folder = tempfile.mkdtemp()
    try:
        paths = [os.path.join(folder, name) for name in ("data", "seal")]
        for path, content in zip(paths, (data, seal)):
            with open(path, "wb") as file:
                file.write(content)
        return openssl("pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", paths[0], "-sigfile", paths[1])
    finally:
        shutil.rmtree(folder)


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode == 0


def fingerprint_of(key):
    command = ["openssl", "pkey", "-pubin", "-in", key, "-outform", "DER"]
    der = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if der.returncode:
        raise SystemExit("FAIL  %s is not a public key" % key)
    return "sha256:" + hashlib.sha256(der.stdout).hexdigest()


def check_seal(root, trusted, report):
    """The seal over everything, by one of the trusted keys; answers their files by fingerprint."""
    with open(os.path.join(root, "tagmanifest-sha256.txt"), "rb") as file:
        root_of_trust = file.read()
    with open(os.path.join(root, "proof/tagmanifest-sha256.txt.sig"), "rb") as file:
        seal = file.read()
    keys = trusted or [os.path.join(root, "proof/signing-key.pub.pem")]
    fitting = [fingerprint_of(key) for key in keys if verified(root_of_trust, seal, key)]
    if fitting:
        report.good("the seal over tagmanifest-sha256.txt, key " + fitting[0])
    else:
        tried = ", ".join(fingerprint_of(key) for key in keys)
        report.bad("the seal over tagmanifest-sha256.txt does not fit key " + tried)
    if not trusted:
        report.warn("the key came from the dossier itself; compare its fingerprint with one you obtained elsewhere")
    return {fingerprint_of(key): key for key in keys}


def earlier_keys(root, report):
    """Public keys of earlier signatures, each in a file named by its fingerprint."""
    keys, folder = {}, os.path.join(root, "data/signing-keys")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        fingerprint = fingerprint_of(os.path.join(folder, name))
        if name != fingerprint[len("sha256:") :] + ".pem":
            report.bad("data/signing-keys/%s holds another key, %s" % (name, fingerprint))
            continue
        report.good("an earlier key, " + fingerprint)
        keys[fingerprint] = os.path.join(folder, name)
    return keys


def check(root, trusted, report):
    check_files(root, report)
    keys = {**earlier_keys(root, report), **check_seal(root, trusted, report)}
    count, head = check_timeline(root, report)
    digest = check_content(root, report, count, head)
    check_signatures(root, report, digest, keys)


def main(arguments):
    trusted = []
    while "--key" in arguments[:-1]:
        place = arguments.index("--key")
        trusted.append(arguments[place + 1])
        arguments = arguments[:place] + arguments[place + 2 :]
    if len(arguments) != 1:
        print(__doc__)
        return 2
    report, folder = Report(), tempfile.mkdtemp()
    try:
        root = arguments[0] if os.path.isdir(arguments[0]) else unpack(arguments[0], folder)
        try:
            check(root, trusted, report)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            report.bad("the dossier cannot be read: %s: %s" % (type(error).__name__, error))
    finally:
        shutil.rmtree(folder)
    print("FAIL" if report.failed else "PASS")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
