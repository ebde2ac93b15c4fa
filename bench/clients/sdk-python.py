"""One boto3 client, one GetItem after the other: an SdkJob on standard input, a LoadResult on standard output."""

import cProfile
import json
import pstats
import re
import sys
import time

import boto3

JOB = json.load(sys.stdin)
CLIENT = boto3.client(
    "dynamodb",
    endpoint_url=JOB["url"],
    region_name="us-east-1",
    aws_access_key_id="AKIDBENCH",
    aws_secret_access_key="any",
)
COMPLAINTS = []
REPLIES = 0


def run(seconds, times):
    """Until the time is over, and each case at least so many times. Gives the milliseconds of each call."""
    global REPLIES
    latencies, at, ends_at = [], 0, time.perf_counter() + seconds
    while time.perf_counter() < ends_at or at < times * len(JOB["cases"]):
        case = JOB["cases"][at % len(JOB["cases"])]
        at += 1
        began_at = time.perf_counter()
        item = CLIENT.get_item(**case["input"]).get("Item")
        latencies.append((time.perf_counter() - began_at) * 1000)
        REPLIES += 1
        if item != case["item"] and len(COMPLAINTS) < 3:
            COMPLAINTS.append("another item")
    return latencies


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def by_module(profile):
    """Seconds of CPU time that functions took themselves, by package or module; those of C are `built in`."""
    seconds = {}
    for (file, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():
        package = re.search(r"site-packages/(\w+)", file) or re.search(r"python[\d.]+/(\w+)", file)
        name = package.group(1) if package else "built in" if file == "~" else "this loop"
        seconds[name] = seconds.get(name, 0) + own
    return seconds


def by_function(profile):
    """The same of single functions, the costliest of them."""
    rows = pstats.Stats(profile).stats.items()
    costliest = sorted(rows, key=lambda row: -row[1][2])[:12]
    return {f"{name} {'/'.join(file.split('/')[-2:])}": own for (file, _, name), (_, _, own, _, _) in costliest}


PROFILE = cProfile.Profile(time.thread_time) if JOB.get("profile") else None
run(JOB["warmSeconds"], 1)
print("measuring", flush=True)
if PROFILE:
    PROFILE.enable()
CPU_BEFORE, BEGAN_AT = time.process_time(), time.perf_counter()
LATENCIES = run(JOB["seconds"], 0)
if PROFILE:
    PROFILE.disable()
RESULT = {
    "replies": len(LATENCIES),
    "seconds": time.perf_counter() - BEGAN_AT,
    "repliesInAll": REPLIES,
    "p50Ms": percentile(LATENCIES, 0.5),
    "p99Ms": percentile(LATENCIES, 0.99),
    "loadCpuSeconds": time.process_time() - CPU_BEFORE,
    "failures": len(COMPLAINTS),
    "complaints": COMPLAINTS,
}
if PROFILE:
    RESULT["ownSeconds"] = {"rooms": by_module(PROFILE), "functions": by_function(PROFILE)}
print("result " + json.dumps(RESULT), flush=True)
